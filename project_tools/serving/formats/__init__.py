"""The formats that a model is stored in, one module each. ``table`` lists them; ``base`` is what they share."""
