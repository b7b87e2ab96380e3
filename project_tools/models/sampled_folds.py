"""The folds of a final model on which a change of its setting is tried.

What the change costs is judged on the clients held out of these folds. The training rows of a large
file are sampled, so that the fits take seconds, whatever the size of the file.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from sklearn.model_selection import train_test_split

from project_tools.models.dataset import Dataset
from project_tools.models.folds import Rows, fold_rows

#: As many folds are taken as hold out this many clients; one fold of a large file is enough.
LEAST_JUDGED = 5_000
#: At most this many training clients of a fold are used.
MOST_TRAINED = 12_000


@dataclass(frozen=True, slots=True)
class SampledFolds:
    """Training rows and held-out rows of some folds; ``sampled``: the training rows are a sample."""

    rows: list[tuple[Rows, Rows]]
    sampled: bool

    @classmethod
    def of(cls, data: Dataset, folds: int, seed: int) -> Self:
        """The first folds of ``fold_rows``, whose samples are stratified by outcome."""
        rows = fold_rows(data.y, folds, seed)
        held = np.cumsum([len(held_out) for _, held_out in rows])
        rows = rows[: int(np.searchsorted(held, LEAST_JUDGED)) + 1]
        if len(rows[0][0]) <= MOST_TRAINED:
            return cls(rows, sampled=False)
        return cls(
            [
                (
                    train_test_split(
                        train, train_size=MOST_TRAINED, stratify=data.y[train], random_state=seed
                    )[0],
                    held_out,
                )
                for train, held_out in rows
            ],
            sampled=True,
        )

    @property
    def held_out(self) -> Rows:
        """The held-out rows of all folds, one fold after the other."""
        return np.concatenate([held_out for _, held_out in self.rows])

    @property
    def trained(self) -> int:
        """The number of training clients of the first fold."""
        return len(self.rows[0][0])
