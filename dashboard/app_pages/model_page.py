"""The page about the model."""

from tabs.model import show_model

show_model()
