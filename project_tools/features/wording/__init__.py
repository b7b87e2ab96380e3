"""Labels and sentences of the features, one module for each language."""
