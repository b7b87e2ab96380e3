"""The reasons for a decision in words that can be said aloud.

``concepts`` (the rows under which features are explained, and the features that may be said),
``spoken`` (numbers as people say them), ``sentences`` (``Fact``, ``says``, ``sentence``),
``languages`` (``words_of``), and the words of each language: ``english``, ``french``.
"""
