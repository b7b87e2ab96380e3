"""The logistic function, its inverse and its log loss. What is served uses them, so numpy alone."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Probabilities closer than this to 0 or 1 are taken as this far from it: logarithms stay finite.
EDGE = 1e-12


def inside(p: Floats) -> Floats:
    """Probabilities moved off 0 and 1 by ``EDGE``."""
    return np.clip(p, EDGE, 1 - EDGE)


def logit(p: Floats) -> Floats:
    """Log-odds ``ln(p / (1 - p))``; finite for 0 and 1 too."""
    kept = inside(p)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def sigmoid(x: Floats) -> Floats:
    """``1 / (1 + exp(-x))`` without overflow at either end."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def log_loss(logits: Floats, target: Floats) -> Floats:
    """The log loss of each row; a target may lie between 0 and 1."""
    return np.asarray(np.logaddexp(0, logits) - target * logits)
