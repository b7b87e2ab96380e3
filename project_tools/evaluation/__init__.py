"""Outcomes and probabilities in, figures with errors out. Arrays only.

``metrics``, ``threshold``, ``calibration``, ``reliability``, ``bootstrap``, ``judgement.judge``,
``comparison.compare``.
"""
