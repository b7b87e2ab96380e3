"""What a risk officer signs and watches: segments, model card, challenge, drift.

``segments.segment_report``, ``card.Card``, ``challenge.weigh``, ``drift.check.drift``; the HTML pages
are the files of ``templates/``.
"""
