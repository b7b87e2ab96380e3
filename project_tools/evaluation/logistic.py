"""The least log loss of a logistic curve, by Newton's method on a few columns; numpy alone."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Probabilities closer than this to 0 or 1 are taken as this far from it: logarithms stay finite.
EDGE = 1e-12
_STEPS = 100
_TOLERANCE = 1e-10


def inside(p: Floats) -> Floats:
    """Probabilities moved off 0 and 1 by ``EDGE``."""
    return np.clip(p, EDGE, 1 - EDGE)


def logit(p: Floats) -> Floats:
    kept = inside(p)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def sigmoid(x: Floats) -> Floats:
    """``1 / (1 + exp(-x))`` without overflow at either end."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def log_loss(logits: Floats, target: Floats) -> Floats:
    """The log loss of each row; a target may lie between 0 and 1."""
    return np.asarray(np.logaddexp(0, logits) - target * logits)


def newton(columns: Floats, target: Floats, start: Floats, free: npt.NDArray[np.bool_]) -> Floats:
    """The weights of the columns with the least log loss; those not ``free`` keep their start.

    Steps are halved until the loss falls, so the convex problem is solved from any start.
    """
    beta = start.astype(np.float64)
    loss = _total(columns @ beta, target)
    part = columns[:, free]
    for _ in range(_STEPS):
        gradient = part.T @ (target - sigmoid(columns @ beta))
        step = np.zeros(len(beta))
        step[free] = np.linalg.lstsq(hessian(part, columns @ beta), gradient, rcond=None)[0]
        beta, fallen = _halved(columns, target, beta, step, loss)
        loss -= fallen
        if fallen <= _TOLERANCE * abs(loss):
            break
    return beta


def hessian(columns: Floats, logits: Floats) -> Floats:
    """The curvature of the total log loss in the weights; its inverse is their covariance."""
    p = sigmoid(logits)
    curved: Floats = columns.T @ (columns * (p * (1 - p))[:, None])
    return curved + 1e-12 * np.eye(columns.shape[1])


def _halved(
    columns: Floats, target: Floats, beta: Floats, step: Floats, loss: float
) -> tuple[Floats, float]:
    """The longest of the halved steps that lowers the loss, and by how much it does."""
    for power in range(40):
        moved = beta + step / 2**power
        fallen = loss - _total(columns @ moved, target)
        if fallen > 0:
            return moved, fallen
    return beta, 0.0


def _total(logits: Floats, target: Floats) -> float:
    return float(np.sum(log_loss(logits, target)))
