"""The final model of a setting: judged out of fold, then fitted on all training clients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.errors import TrainingError
from project_tools.evaluation.calibration import Calibration
from project_tools.evaluation.judgement import DECIDING, Judgement, deciding_metric, judge
from project_tools.evaluation.metrics import FN_COST, Estimate
from project_tools.evaluation.reliability import CalibrationChoice, choose_calibration
from project_tools.evaluation.threshold_choice import ThresholdChoice, choose_threshold
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.models.folds import fold_rows, out_of_fold
from project_tools.models.rounds import FinalRounds, final_rounds

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A fitted model with the threshold and the calibration that belong to it.

    ``parameters`` are those of the final fit, ``oof`` each training client's probability before
    calibration by a model that was fitted without the client, ``judgement`` what these are worth,
    ``calibration_choice`` the evidence for the calibration that was chosen, ``threshold_choice``
    that for the threshold (None for a metric whose exact threshold is always taken). ``ids`` are
    the clients it was trained on, ``meta`` the state of their features, ``rounds`` says how many
    rounds boosted trees that stop early grew, and why.
    """

    family: Family
    parameters: dict[str, Any]
    estimator: Any
    judgement: Judgement
    calibration_choice: CalibrationChoice
    oof: Floats
    feature_names: tuple[str, ...]
    ids: npt.NDArray[np.int64]
    meta: dict[str, Any]
    data_digest: str
    fn_cost: float
    seed: int
    rounds: FinalRounds | None = None
    threshold_choice: ThresholdChoice | None = None

    @property
    def threshold(self) -> float:
        """The calibrated probability above which a client is a risk."""
        return self.judgement.threshold.value

    @property
    def exact_threshold(self) -> bool:
        """Whether the threshold was searched, and is not the break-even."""
        return self.threshold_choice is None or self.threshold_choice.taken == "exact"

    @property
    def calibration(self) -> Calibration:
        return self.judgement.calibration

    @property
    def scores(self) -> Mapping[str, Estimate]:
        """All scores, out of fold, after calibration, at the threshold."""
        return self.judgement.scores

    @property
    def metric(self) -> str:
        return self.judgement.metric

    def probabilities(self, X: pd.DataFrame) -> Floats:
        """Calibrated probabilities of default of a frame that has the model's features.

        Raises ``TrainingError`` where it lacks one.
        """
        return self.calibration.apply(self.raw_probabilities(X))

    def raw_probabilities(self, X: pd.DataFrame) -> Floats:
        """The same before calibration."""
        lacking = [name for name in self.feature_names if name not in X.columns]
        if lacking:
            raise TrainingError(
                f"the data lacks {len(lacking)} of the model's features, as {lacking[0]}"
            )
        raw = self.estimator.predict_proba(X[list(self.feature_names)])[:, 1]
        return np.asarray(raw, dtype=np.float64)


def train(
    family: Family,
    parameters: Mapping[str, Any],
    data: Dataset,
    *,
    folds: int = 5,
    seed: int = 1,
    jobs: int = 1,
    fn_cost: float = FN_COST,
    metric: str = DECIDING,
    on_fold: Callable[[int], None] = lambda _: None,
) -> TrainedModel:
    """Train a setting of a family; ``on_fold`` gets the number of folds that are done.

    Calibration (Platt's curve or the beta curve) and threshold come from out-of-fold
    probabilities. The threshold is the break-even unless the exact one is better beyond its error
    (``choose_threshold``); for F2 and the geometric mean it is the exact one. The final fit takes
    all rows of ``data`` and the family's ``final_parameters``: boosted trees grow as many rounds
    as the folds kept on average, because no row is left to watch, scaled to the rows of the final
    fit where that is better beyond its error (``rounds``). Parameters that are not given are the family's.
    """
    fitted: list[Any] = []
    complete = {**family.fixed, **parameters}

    def ended(number: int, estimator: Any) -> None:
        fitted.append(estimator)
        on_fold(number + 1)

    def make(setting: Mapping[str, Any] = complete) -> Any:
        return family.make(setting, seed=seed, jobs=jobs, X=data.X)

    with threadpool_limits(jobs):
        oof = out_of_fold(make, data, folds=folds, seed=seed, on_fold=ended)
        chosen = choose_calibration(data.y, oof, seed=seed)
        choice = None
        if deciding_metric(metric).name == DECIDING:
            parts = [held_out for _, held_out in fold_rows(data.y, folds, seed)]
            calibrated = chosen.calibration.apply(oof)
            choice = choose_threshold(data.y, calibrated, fn_cost, parts, draw=data.draw)
        judgement = judge(
            data.y, oof, metric=metric, fn_cost=fn_cost, calibration=chosen.calibration,
            draw=data.draw, threshold=None if choice is None else choice.value,
        )  # fmt: skip
        final, rounds = family.final_parameters(complete, fitted), None
        if complete.get("early_stopping_rounds"):
            rounds = final_rounds(
                lambda changed: make({**complete, **changed}), data, fitted, chosen.calibration,
                folds=folds, seed=seed,
            )  # fmt: skip
            final = {**final, "n_estimators": rounds.taken}
        estimator = make(final).fit(data.X, data.y)
    return TrainedModel(
        family=family,
        parameters=final,
        estimator=estimator,
        judgement=judgement,
        calibration_choice=chosen,
        oof=oof,
        feature_names=tuple(data.X.columns),
        ids=data.ids,
        meta=data.meta,
        data_digest=data.digest,
        fn_cost=fn_cost,
        seed=seed,
        rounds=rounds,
        threshold_choice=choice,
    )


def check_held_out(model: TrainedModel, test: Dataset) -> None:
    """``TrainingError`` for clients that the model was trained on, or features of another state."""
    if test.meta != model.meta:
        raise TrainingError(
            f"the features of {test.path.name} were made by another state than the model's; "
            "train and test on the same feature file"
        )
    trained = int(np.isin(test.ids, model.ids).sum())
    if trained:
        raise TrainingError(
            f"{trained:,} of the {len(test):,} clients of the split {test.split!r} trained the model"
        )
