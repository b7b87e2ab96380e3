"""The page about the model."""

from model_card import show_model

show_model()
