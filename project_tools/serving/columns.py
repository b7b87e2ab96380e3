"""The columns of a table of decisions, as the served model and the API name them."""

#: The calibrated probability of default, 0 to 1; the decision in words; the score before calibration.
PROBABILITY, CLASS, RAW_SCORE = "proba_risk_class", "class", "raw_score"
