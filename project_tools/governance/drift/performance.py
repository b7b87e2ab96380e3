"""The model's performance: expected from its probabilities, and realised for clients with outcomes.

The expected figures assume that the probabilities are true. They change with the clients, but do not
show that the model has become wrong: if values change places between clients, the same probabilities
lead to other outcomes.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import stats

from project_tools.governance.drift.comparison import Change, DriftRule, Performance
from project_tools.governance.drift.rows import Decisions

Floats = npt.NDArray[np.float64]
#: Clients of each outcome that a realised figure needs.
LEAST = 10
#: A realised AUC that falls short of the expected one by less does not alarm.
AUC_LIMIT = 0.02


def performance(
    decisions: Decisions, fn_cost: float, rule: DriftRule, outcomes: Floats | None = None
) -> Performance:
    """The figures of some decisions; ``outcomes`` are 1 for a default, NaN for none yet."""
    auc = expected_auc(decisions.p)
    if outcomes is None:
        return Performance(auc)
    there = ~np.isnan(outcomes)
    y, p, granted = outcomes[there], decisions.p[there], decisions.granted[there]
    if min(np.sum(y == 1), np.sum(y == 0)) < LEAST:
        return Performance(auc, int(there.sum()))
    expected = Decisions(p, granted).expected_costs(fn_cost)
    gaps = np.where(granted, fn_cost * y, 1 - y) - expected
    costs = float(expected.mean())
    loss_se = float(gaps.std(ddof=1) / np.sqrt(len(y)))
    loss = _change("realised loss", costs, float(gaps.mean()), loss_se, limit=rule.loss * costs)
    realised, se = auc_and_error(y, p)
    before = expected_auc(p)
    ranks = _change("realised AUC", before, realised - before, se, limit=AUC_LIMIT)
    changes = tuple(_judged(change, rule) for change in (loss, ranks))
    return Performance(auc, int(there.sum()), changes)


def expected_auc(p: Floats) -> float:
    """The AUC to expect if each client defaults with its own probability.

    The share, among pairs of a defaulter and a repayer in expectation, of those in which the
    defaulter has the higher probability; ties count half, and no client is paired with itself.

    >>> round(expected_auc(np.array([0.0, 1.0])), 3), round(expected_auc(np.array([0.3, 0.3])), 3)
    (1.0, 0.5)
    """
    values, place = np.unique(p, return_inverse=True)
    defaults = np.bincount(place, p, len(values))
    repaid = np.bincount(place, 1 - p, len(values))
    below = np.cumsum(repaid) - repaid
    itself = float(np.sum(p * (1 - p)))
    pairs = float(p.sum() * (1 - p).sum()) - itself
    return (float(np.sum(defaults * (below + repaid / 2))) - itself / 2) / pairs if pairs else 0.5


def auc_and_error(y: Floats, p: Floats) -> tuple[float, float]:
    """AUC and its standard error by E. DeLong and others (Biometrics 44, 1988)."""
    bad, good = p[y == 1], p[y == 0]
    all_ranks = stats.rankdata(np.r_[bad, good])
    of_bad = (all_ranks[: len(bad)] - stats.rankdata(bad)) / len(good)
    of_good = 1 - (all_ranks[len(bad) :] - stats.rankdata(good)) / len(bad)
    variance = of_bad.var(ddof=1) / len(bad) + of_good.var(ddof=1) / len(good)
    return float(of_bad.mean()), float(np.sqrt(variance))


def _change(name: str, before: float, change: float, se: float, *, limit: float) -> Change:
    p = float(2 * stats.norm.sf(abs(change) / se)) if se else float(change == 0)
    unit = "share of pairs" if name.endswith("AUC") else "good clients refused, per client"
    return Change(name, unit, before, before + change, se, limit=limit, p=p)


def _judged(change: Change, rule: DriftRule) -> Change:
    """Only a figure that is worse than expected alarms; its p-value counts for two tests."""
    worse = change.change > 0 if change.name == "realised loss" else change.change < 0
    adjusted = min(1.0, 2 * change.p)
    alarm = worse and adjusted < rule.alpha and abs(change.change) >= change.limit
    return replace(change, p_adjusted=adjusted, alarm=bool(alarm))
