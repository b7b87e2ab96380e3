"""LightGBM on raw nulls and categories, with early stopping that sees training rows only."""

import logging
from functools import cache
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd

from project_tools.models.boosting import Binned, Boosting, Rows, rows_by_column
from project_tools.models.monotone import directions
from project_tools.models.preparation import Matrix, level_codes, model_names

#: Rows from which bins are learnt.
BINNING_ROWS = 20_000
#: Columns that are binned at a time: LightGBM holds their rows as float32 and float64 besides.
BINNED_COLUMNS = 25
#: LightGBM's bins a feature. Its own 255 took a quarter longer a tree, for figures that differed
#: by less than their paired error (benchmarks/README.md).
BINS = 63


#: How often early stopping takes the log loss of the watched rows in ``early_stopping_rounds``.
LOOKS = 10


class _Batches(lightgbm.Sequence):
    """Some rows of a frame as float32, two thousand at a time: never all of them at once."""

    batch_size = 2_048

    def __init__(self, X: pd.DataFrame, rows: Rows, levels: dict[str, list[Any]]) -> None:
        self._rows = rows
        self._columns = [
            level_codes(X[[name]], {name: levels[name]})[:, 0]
            if name in levels
            else X.iloc[:, place].to_numpy()
            for place, name in enumerate(X.columns)
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, batch: Any) -> Matrix:
        """The rows of a slice: LightGBM asks for single ones only where it has bins to learn."""
        rows = self._rows[batch]
        matrix = np.empty((len(rows), len(self._columns)), dtype=np.float32)
        for place, column in enumerate(self._columns):
            matrix[:, place] = column[rows]
        return matrix


#: Parts of LightGBM's warnings, on stdout, about what is done on purpose: bins from a part of the
#: rows, raw data that is not kept, and categories that are named anew after columns were joined.
_ON_PURPOSE = ("bin_construct_sample_cnt", "Cannot add features", "Resetting categorical features")


@cache
def _quiet_about_bins() -> None:
    logger = logging.getLogger("lightgbm")
    logger.addFilter(lambda record: not any(part in record.getMessage() for part in _ON_PURPOSE))
    lightgbm.register_logger(logger)


class BoostedTrees(Boosting):
    """LightGBM on raw nulls and categories by the position of their fixed level.

    With ``early_stopping_rounds`` above 0 it stops when the log loss on a stratified slice
    (``boosting.watched_share``) of its own training rows has not fallen for so many rounds, at most
    after ``n_estimators``. The log loss is taken ``LOOKS`` times in that number of rounds. With 0, or
    too few rows of a class to watch, it stops after exactly ``n_estimators``.
    ``sampling`` is ``bagging``, which draws the share ``subsample`` of the rows for each tree, or
    ``goss``, which keeps the rows of the largest gradients (``top_rate``) and some of the others.
    The risk never rises with a feature of ``falling``, and no tree splits on one of ``withheld``.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 2_000,
        early_stopping_rounds: int = 50,
        learning_rate: float = 0.05,
        num_leaves: int = 31,
        min_child_samples: int = 50,
        colsample_bytree: float = 0.5,
        sampling: str = "bagging",
        subsample: float = 0.9,
        top_rate: float = 0.2,
        other_rate: float = 0.1,
        reg_lambda: float = 5.0,
        reg_alpha: float = 0.1,
        falling: tuple[str, ...] = (),
        withheld: tuple[str, ...] = (),
        seed: int = 0,
        jobs: int = 1,
    ) -> None:
        self.n_estimators, self.early_stopping_rounds = n_estimators, early_stopping_rounds
        self.learning_rate = learning_rate
        self.num_leaves, self.min_child_samples = num_leaves, min_child_samples
        self.colsample_bytree, self.sampling = colsample_bytree, sampling
        self.subsample, self.top_rate, self.other_rate = subsample, top_rate, other_rate
        self.reg_lambda, self.reg_alpha = reg_lambda, reg_alpha
        self.falling, self.withheld = falling, withheld
        self.seed, self.jobs = seed, jobs

    def model_text(self) -> str:
        """LightGBM's native text of the kept trees: numeric codes in, probabilities out."""
        text: str = self.booster_.model_to_string(num_iteration=self.rounds_)
        return text

    def _binned(
        self,
        X: pd.DataFrame,
        y: npt.NDArray[Any],
        rows: Rows,
        levels: dict[str, list[Any]],
        like: Any | None,
    ) -> lightgbm.Dataset:
        _quiet_about_bins()
        if like is not None:
            return self._dataset(_Batches(X, rows, levels), X, y[rows], levels, like)
        # A block of columns at a time: for all columns at once LightGBM's working memory would be
        # larger than the bins.
        blocks = (
            X.iloc[:, first : first + BINNED_COLUMNS]
            for first in range(0, X.shape[1], BINNED_COLUMNS)
        )
        parts = (
            self._dataset(rows_by_column(block, rows, levels), block, y[rows], levels)
            for block in blocks
        )
        whole = next(parts)
        for part in parts:
            whole.add_features_from(part)
        # Both sets name features and categories alike: LightGBM compares them in training, and
        # the bins can no longer be changed then.
        whole.feature_name = model_names(X.columns)
        whole.categorical_feature = _categorical(X, levels)
        if whole.categorical_feature:  # as LightGBM sets it where all columns are binned at once
            whole.params = whole.get_params() | {"categorical_column": whole.categorical_feature}
        return whole

    def _dataset(
        self,
        data: Matrix | _Batches,
        X: pd.DataFrame,
        y: npt.NDArray[Any],
        levels: dict[str, list[Any]],
        like: lightgbm.Dataset | None = None,
    ) -> lightgbm.Dataset:
        """Rows of the columns of ``X`` in bins: those of another set, or learnt from these rows."""
        return lightgbm.Dataset(
            data,
            np.asarray(y, dtype=np.float32),
            reference=like,
            feature_name=model_names(X.columns),
            categorical_feature=_categorical(X, levels),
            params=self._binning(),
        ).construct()

    def _grow(self, prepared: Binned) -> None:
        parameters = self._training() | self._constraints(prepared.train.feature_name)
        if prepared.watched is None:
            self.booster_ = lightgbm.train(parameters, prepared.train, self.n_estimators)
        else:
            self.booster_ = self._stopped(parameters, prepared.train, prepared.watched)
        self.feature_names_in_ = np.array(self.booster_.feature_name(), dtype=object)
        self.rounds_ = self.booster_.best_iteration or self.booster_.current_iteration()

    def _stopped(
        self, parameters: dict[str, Any], train: lightgbm.Dataset, watched: lightgbm.Dataset
    ) -> lightgbm.Booster:
        """Trees up to the round with the least log loss of the watched rows.

        ``lightgbm.train`` takes the log loss after each tree, which is about a tenth of the time.
        """
        booster = lightgbm.Booster(parameters, train).add_valid(watched, "watched")
        every = max(1, self.early_stopping_rounds // LOOKS)
        least, best = np.inf, 0
        for done in range(1, self.n_estimators + 1):
            booster.update()
            if done % every and done < self.n_estimators:
                continue
            loss = booster.eval_valid()[0].metric_value
            if loss < least:
                least, best = loss, done
            elif done - best >= self.early_stopping_rounds:
                break
        booster.best_iteration = best
        # The trees alone are kept: the booster would hold its rows.
        return booster.model_from_string(booster.model_to_string()).free_dataset()

    def _risk(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        return np.asarray(
            self.booster_.predict(matrix, num_iteration=self.rounds_, num_threads=self.jobs)
        )

    def _binning(self) -> dict[str, Any]:
        """What bins depend on; none of it is searched, so that bins serve every trial."""
        return {
            "max_bin": BINS,
            "bin_construct_sample_cnt": BINNING_ROWS,
            "feature_pre_filter": False,  # would drop features by min_child_samples
            "data_random_seed": self.seed,
            "num_threads": self.jobs,
            "verbosity": -1,
        }

    def _training(self) -> dict[str, Any]:
        return self._binning() | self._row_sampling() | {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_child_samples": self.min_child_samples,
            "colsample_bytree": self.colsample_bytree,
            "reg_lambda": self.reg_lambda,
            "reg_alpha": self.reg_alpha,
            "seed": self.seed,
            "deterministic": True,
            # Otherwise a timing at the start chooses, and sums differ from run to run. By rows, its
            # choice on two cores, a tree took two fifths longer and sums depended on the threads.
            "force_col_wise": True,
        }  # fmt: skip

    def _constraints(self, names: list[str]) -> dict[str, Any]:
        """How the risk may move with each feature; nothing where no feature is constrained."""
        if not self.falling:
            return {}
        return {
            "monotone_constraints": directions(names, model_names(self.falling)),
            # Basic costs more accuracy, and advanced breaks constraints (an open report).
            "monotone_constraints_method": "intermediate",
        }

    def _row_sampling(self) -> dict[str, Any]:
        if self.sampling == "goss":
            rates = {"top_rate": self.top_rate, "other_rate": self.other_rate}
            return {"data_sample_strategy": "goss"} | rates
        # Without subsample_freq, subsample has no effect.
        return {"data_sample_strategy": "bagging", "subsample": self.subsample, "subsample_freq": 1}


def _categorical(X: pd.DataFrame, levels: dict[str, list[Any]]) -> list[int]:
    return [place for place, name in enumerate(X.columns) if name in levels]
