"""One split of a feature file, checked and ready for training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from project_tools.errors import SettingError, TrainingError, abbreviated, nearest, unknown
from project_tools.evaluation.metrics import Draw
from project_tools.features.catalogue import (
    FeatureInfo,
    catalogue,
    computed_from,
    protected,
)
from project_tools.features.columns import ID, SPLIT, TARGET
from project_tools.features.files import TRANSFORMED, read_features
from project_tools.features.splits import TEST, TRAIN

#: The name that stands for the protected columns and all that is computed from them.
PROTECTED = "protected"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled clients of one split: one row each, sorted by id.

    ``X`` holds float32 and categories with fixed levels, ``y`` 1 for a client with difficulties
    to repay. ``meta`` is what the feature file says of its state, ``digest`` the SHA-256 of that
    file, ``labelled`` the number of its clients with an outcome, from whom these ones were drawn
    (as many as there are here, where it is None). ``excluded`` names the features that were kept from the model.
    """

    X: pd.DataFrame
    y: npt.NDArray[np.int8]
    ids: npt.NDArray[np.int64]
    meta: dict[str, Any]
    digest: str
    path: Path
    split: str = "train"
    excluded: tuple[str, ...] = ()
    labelled: int | None = None

    def __len__(self) -> int:
        return len(self.y)

    @property
    def draw(self) -> Draw:
        """How these clients were drawn, for the errors of figures on them."""
        return Draw.of(self.y, self.labelled)

    def rows(self, positions: npt.NDArray[np.intp]) -> "Dataset":
        """The same with these rows alone."""
        X, y, ids = self.X.iloc[positions], self.y[positions], self.ids[positions]
        return replace(self, X=X, y=y, ids=ids)


def load_dataset(
    path: Path,
    *,
    split: str = "train",
    exclude: str | Sequence[str] = PROTECTED,
    sample: int | None = None,
    seed: int = 1,
    folds: int = 5,
) -> Dataset:
    """The labelled clients of a split, without the excluded features.

    ``exclude`` takes names of features and of raw columns, each with every feature computed from
    it, and ``protected``; nothing is excluded for an empty sequence. ``sample`` takes that many
    clients, with the classes in their proportion. Raises ``TrainingError`` or ``SettingError``,
    naming the file, where the data cannot serve ``folds`` folds.
    """
    table = read_features(path)
    if table.meta.get(TRANSFORMED):
        raise TrainingError(
            f"{path.name} holds clients who were only transformed, with a state learnt from others "
            "(features --state); a model is trained and judged on a file made without --state"
        )
    data = labelled(table.frame, split, source=path.name)
    names = [name for name in table.frame.columns if name not in {ID, TARGET, SPLIT}]
    excluded = excluded_features(exclude, catalogue(names), source=path.name)
    X = feature_matrix(data, [name for name in names if name not in excluded], source=path.name)
    whole = Dataset(
        X=X,
        y=data[TARGET].to_numpy(dtype=np.int8),
        ids=data[ID].to_numpy(dtype=np.int64),
        meta=dict(table.meta),
        digest=table.digest,
        path=path,
        split=split,
        excluded=tuple(name for name in names if name in excluded),
        labelled=int(table.frame[SPLIT].isin([TRAIN, TEST]).sum()),
    )
    _check_classes(whole.y, folds, source=path.name)
    return whole if sample is None else stratified_sample(whole, sample, seed=seed, folds=folds)


def labelled(frame: pd.DataFrame, split: str, *, source: str) -> pd.DataFrame:
    """The rows of a split; ``TrainingError`` unless each is labelled 0 or 1."""
    for name in (ID, TARGET, SPLIT):
        if name not in frame.columns:
            raise TrainingError(
                f"{source} has no column {name}; make it with python -m project_tools features"
            )
    splits = sorted(frame[SPLIT].dropna().astype(str).unique())
    if split not in splits:
        raise SettingError(f"{source}: {unknown('split', split, splits)}")
    rows = frame.loc[(frame[SPLIT] == split).to_numpy(dtype=bool, na_value=False)]
    wrong = int((~rows[TARGET].isin([0, 1])).sum())
    if wrong:
        raise TrainingError(
            f"{source}: TARGET is neither 0 nor 1 for {wrong:,} of {len(rows):,} clients "
            f"of the split {split!r}"
        )
    return rows


def excluded_features(
    exclude: str | Sequence[str], infos: Sequence[FeatureInfo], *, source: str
) -> set[str]:
    """The features that a list of names keeps out, with all that is computed from them.

    Raises ``SettingError`` for a name that is no feature, no raw column and not ``protected``.
    """
    names = [exclude] if isinstance(exclude, str) else list(exclude)
    out: set[str] = set()
    for name in names:
        out |= protected(infos) if name == PROTECTED else _computed_from(name, infos, source)
    return out


def _computed_from(name: str, infos: Sequence[FeatureInfo], source: str) -> set[str]:
    of_it = {name} | computed_from(name)
    features = {info.name for info in infos if info.name in of_it or name in info.columns}
    if not features:
        names = {PROTECTED} | {c for info in infos for c in (info.name, *info.columns)}
        hint = nearest(name, sorted(names)) or "; give names of features or raw columns"
        raise SettingError(f"exclude: {source} has no feature or raw column {name!r}{hint}")
    return features


def feature_matrix(rows: pd.DataFrame, names: Sequence[str], *, source: str) -> pd.DataFrame:
    """The named columns as float32 or categories; refuses text and infinities by column name."""
    if not names:
        raise TrainingError(f"{source} has no features left after the exclusions")
    columns = {name: _column(rows[name], source) for name in names}
    infinite = [
        name
        for name, column in columns.items()
        if column.dtype == np.float32 and np.isinf(column.to_numpy()).any()
    ]
    if infinite:
        raise TrainingError(
            f"{source} holds infinities in {abbreviated(infinite)}; "
            "make it anew with python -m project_tools features"
        )
    return pd.DataFrame(columns).reset_index(drop=True)


def _column(column: "pd.Series[Any]", source: str) -> "pd.Series[Any]":
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column
    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise TrainingError(
            f"{source}: feature {column.name} is {column.dtype}; "
            "features are numbers or categories with fixed levels"
        )
    return column.astype(np.float32)


def _check_classes(y: npt.NDArray[np.int8], folds: int, *, source: str) -> None:
    for label, meaning in ((0, "repaid"), (1, "defaulted")):
        count = int(np.sum(y == label))
        if not count:
            raise TrainingError(
                f"{source} has one class: none of its {len(y):,} clients {meaning}; "
                "a model needs both"
            )
        if count < folds:
            raise TrainingError(
                f"{source}: only {count} of {len(y):,} clients {meaning}, fewer than the "
                f"{folds} folds; give more clients or fewer folds"
            )


def stratified_sample(data: Dataset, size: int, *, seed: int, folds: int = 1) -> Dataset:
    """``size`` clients drawn without replacement, both classes in their proportion.

    Raises ``TrainingError`` for more clients than there are, or too few of a class for the folds.
    """
    if size > len(data):
        raise TrainingError(
            f"a sample of {size:,} is larger than the {len(data):,} clients of {data.path.name}; "
            "leave it out to take them all"
        )
    defaulted = round(size * float(data.y.mean()))
    random = np.random.default_rng(seed)
    parts = [
        random.choice(np.flatnonzero(data.y == label), count, replace=False)
        for label, count in ((0, size - defaulted), (1, defaulted))
    ]
    drawn = data.rows(np.sort(np.concatenate(parts)))
    _check_classes(drawn.y, folds, source=f"a sample of {size:,} of {data.path.name}")
    return drawn
