"""How many rounds of boosted trees the final fit gets.

The trees of the folds stopped on fewer rows than the final fit has, and more rows may allow more
rounds. So the mean number of rounds is scaled: times the rows of the final fit, divided by the rows
on which the trees of a fold were grown. The scaled number is taken if it is better beyond its error.
Both numbers are judged as they would be served, with the calibration that was learnt from the folds'
shorter trees. That calibration leaves the probabilities of longer trees too extreme: on 13,811
demonstration clients, with five splits of their own, always taking the scaled number cost
.0008 ± .0004 of log loss and brought the calibration slope from 1.00 ± .03 to .91 ± .03.

On a large file, scaling is judged on a sample of a fold's training clients: trees that stop early on
the sample, and trees on all of it. On all training clients it would take as long as a fold.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from project_tools.evaluation.calibration import Calibration
from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.metrics import Estimate, paired_difference
from project_tools.models.dataset import Dataset
from project_tools.models.sampled_folds import SampledFolds

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FinalRounds:
    """The folds' mean number of rounds, the scaled number, and the log loss that scaling adds.

    ``log_loss_added`` is paired, on the clients held out of ``SampledFolds``. ``sampled`` holds
    these clients' probabilities by trees that stopped early on the samples; None without samples.
    """

    mean: int
    scaled: int
    log_loss_added: Estimate
    sampled: Floats | None = None

    @property
    def taken(self) -> int:
        """The scaled number, if it is better by more than the 95 % error."""
        return self.scaled if self.log_loss_added.interval[1] < 0 else self.mean

    @property
    def metrics(self) -> dict[str, float]:
        """The figures by the names under which a run logs them."""
        return {
            "rounds.mean": self.mean, "rounds.scaled": self.scaled,
            "rounds.log_loss_added": self.log_loss_added.value,
            "rounds.log_loss_added.se": self.log_loss_added.se,
        }  # fmt: skip


def final_rounds(
    make: Callable[[Mapping[str, Any]], Any],
    data: Dataset,
    fitted: Sequence[Any],
    calibration: Calibration,
    *,
    folds: int,
    seed: int,
) -> FinalRounds:
    """Try the scaled number of rounds on ``SampledFolds``.

    ``make`` gives the setting's estimator with some parameters changed. ``fitted`` are the folds'
    estimators, and ``calibration`` was learnt from their probabilities. Where the folds are sampled,
    both are made anew on the samples.
    """
    tried, sampled = SampledFolds.of(data, folds, seed), None
    mean, grown = mean_rounds(fitted)
    final_mean, final_scaled = mean, _scaled(mean, len(data), grown)
    if tried.sampled:
        fitted = [make({}).fit(data.X.iloc[rows], data.y[rows]) for rows, _ in tried.rows]
        sampled = np.concatenate([
            _risk(estimator, data.X.iloc[held_out])
            for estimator, (_, held_out) in zip(fitted, tried.rows, strict=True)
        ])  # fmt: skip
        calibration = fit_platt(sampled, data.y[tried.held_out])
        mean, grown = mean_rounds(fitted)
    pairs = []
    for rows, held_out in tried.rows:
        longer = _scaled(mean, len(rows), grown)
        whole = make({"n_estimators": longer, "early_stopping_rounds": 0})
        whole.fit(data.X.iloc[rows], data.y[rows])
        X = data.X.iloc[held_out]
        pairs.append(
            [calibration.apply(_risk_after(number, whole, X)) for number in (longer, mean)]
        )
    served = [(np.concatenate(parts), 0.5) for parts in zip(*pairs, strict=True)]
    added = paired_difference("log_loss", data.y[tried.held_out], *served)
    return FinalRounds(final_mean, final_scaled, added, sampled)


def mean_rounds(fitted: Sequence[Any]) -> tuple[int, float]:
    """The mean number of rounds kept, at least 1, and of rows on which the trees were grown."""
    rounds = round(float(np.mean([estimator.rounds_ for estimator in fitted])))
    return max(1, rounds), float(np.mean([estimator.grown_rows_ for estimator in fitted]))


def _scaled(mean: int, rows: int, grown: float) -> int:
    return max(mean, round(mean * rows / grown))


def _risk(estimator: Any, X: pd.DataFrame) -> Floats:
    return np.asarray(estimator.predict_proba(X)[:, 1], dtype=np.float64)


def _risk_after(rounds: int, estimator: Any, X: pd.DataFrame) -> Floats:
    """Probabilities of default by the first trees alone."""
    estimator.rounds_ = rounds
    return _risk(estimator, X)
