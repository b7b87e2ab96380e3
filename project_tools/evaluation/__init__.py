"""Outcomes and probabilities in, figures with errors out. Arrays only.

``metrics.METRICS``, ``threshold``, ``calibration`` (applied), ``calibration_fit`` (fitted),
``reliability``, ``judgement.judge``, ``comparison.rank_families``.
"""
