"""Have the clients or the scores changed since the training? ``check.drift`` compares and reports."""
