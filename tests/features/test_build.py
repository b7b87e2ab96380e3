"""Raw tables to feature files: what is learnt from whom, what is refused, every form of a table.

What each feature is stands in ``tests/features``.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from project_tools.demo import generate
from project_tools.errors import FeatureError, TableError
from project_tools.features.build import build
from project_tools.features.catalogue import catalogue, protected
from project_tools.features.columns import DEMONSTRATION
from project_tools.features.files import read_features
from project_tools.features.pipeline import feature_names
from project_tools.serving.clients import write_client_store
from project_tools.tables.check import check
from tests.helpers.engines import QUICK

PAYMENTS = "installments_payments"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    generate(folder, 400, 3, force=True, quiet=True)
    return folder


@pytest.fixture
def own(raw: Path, tmp_path: Path) -> Path:
    """A copy of the tables to change."""
    return Path(shutil.copytree(raw, tmp_path / "raw"))


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv")


def features(folder: Path, out: Path) -> pd.DataFrame:
    build(folder, [out], engine=QUICK, quiet=True)
    return read_features(out).frame.set_index("SK_ID_CURR")


def test_what_is_learnt_is_learnt_from_training_clients(
    raw: Path, own: Path, tmp_path: Path
) -> None:
    before = features(raw, tmp_path / "a.parquet")
    applications = table(own, "application_train")
    held_out = applications.SK_ID_CURR.isin(before.index[before.SPLIT == "test"])
    assert held_out.any()
    applications.loc[held_out, ["AMT_CREDIT", "AMT_INCOME_TOTAL"]] *= 3
    applications.to_csv(own / "application_train.csv", index=False)
    after = features(own, tmp_path / "b.parquet")
    groups = [name for name in before if name.startswith(("GROUP1_", "GROUP2_"))]
    train = before.SPLIT == "train"
    pd.testing.assert_frame_equal(before.loc[train, groups], after.loc[train, groups])
    assert before.loc[train, groups].notna().any(axis=None)
    # Other clients in the place of invented ones are not called invented.
    marks = [
        read_features(tmp_path / name).meta.get(DEMONSTRATION)
        for name in ("a.parquet", "b.parquet")
    ]
    assert marks == [True, None]


def test_both_files_hold_the_same_and_no_infinity(raw: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "f.parquet", tmp_path / "f.pkl.gz"]
    build(raw, outputs, engine=QUICK, quiet=True)
    parquet, pickled = (read_features(path).frame for path in outputs)
    pd.testing.assert_frame_equal(parquet, pickled)
    numbers = parquet.select_dtypes("float32")
    assert not np.isinf(numbers.to_numpy()).any()
    assert list(parquet.columns[3:]) == list(feature_names())


def test_protected_features_and_unknown_ones() -> None:
    assert protected(catalogue(feature_names())) >= {
        "CODE_GENDER",
        "NAME_FAMILY_STATUS",
        "CNT_CHILDREN",
        "CNT_FAM_MEMBERS",
    }
    with pytest.raises(FeatureError, match="did you mean 'AMT_CREDIT'"):
        catalogue(["AMT_CREDITS"])


def _drop_column(folder: Path) -> None:
    table(folder, "bureau").drop(columns="AMT_CREDIT_SUM").to_csv(
        folder / "bureau.csv", index=False
    )


def _word_for_number(folder: Path) -> None:
    rows = table(folder, PAYMENTS).astype({"AMT_PAYMENT": "object"})
    rows.loc[2, "AMT_PAYMENT"] = "much"
    rows.to_csv(folder / f"{PAYMENTS}.csv", index=False)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "bureau.csv").unlink(), r"holds no bureau\{"),
        (_drop_column, r"bureau\.csv lacks the column AMT_CREDIT_SUM"),
        (lambda folder: (folder / "application_train.csv").write_bytes(b""), r"holds no client"),
        (_word_for_number, r"installments_payments\.csv.*AMT_PAYMENT holds a text"),
    ],
)
def test_wrong_tables_stop_before_any_work(
    own: Path, tmp_path: Path, spoil: object, says: str
) -> None:
    spoil(own)  # type: ignore[operator]  # a function of the folder
    with pytest.raises(TableError, match=says) as caught:
        build(own, [tmp_path / "f.parquet"], quiet=True)
    assert "\n" not in str(caught.value)
    assert "much" not in str(caught.value)  # never a client's value
    assert check(own).fatal
    assert not (tmp_path / "f.parquet").exists()


def _as(folder: Path, name: str, how: str) -> None:
    path = folder / f"{name}.csv"
    rows = pd.read_csv(path)
    if how == "parquet":
        rows.to_parquet(folder / f"{name}.parquet")
    elif how == "gz":
        rows.to_csv(folder / f"{name}.csv.gz", index=False)
    else:
        path.write_bytes(b"\xef\xbb\xbf" + rows.to_csv(index=False, lineterminator="\r\n").encode())
        return
    path.unlink()


def _all(folder: Path) -> Iterable[str]:
    return [path.stem for path in folder.glob("*.csv")]


@pytest.fixture(scope="module")
def as_csv(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return features(raw, tmp_path_factory.mktemp("csv") / "a.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("how", ["parquet", "gz", "byte-order mark and Windows line ends"])
def test_every_form_of_a_table_reads_the_same(
    as_csv: pd.DataFrame, own: Path, tmp_path: Path, how: str
) -> None:
    for name in _all(own):
        _as(own, name, how)
    pd.testing.assert_frame_equal(features(own, tmp_path / "b.parquet"), as_csv)


@pytest.mark.slow
def test_features_of_invented_tables_say_so_and_those_of_changed_ones_do_not(
    raw: Path, own: Path, tmp_path: Path
) -> None:
    with (own / f"{PAYMENTS}.csv").open("a") as file:
        file.write((own / f"{PAYMENTS}.csv").read_text().splitlines()[1] + "\n")
    for folder, invented in ((raw, True), (own, None)):
        out = tmp_path / folder.name / "features.parquet"
        features(folder, out)
        assert read_features(out).meta.get("demonstration") is invented
        write_client_store(out, tmp_path / "clients.parquet")
        meta = json.loads(pq.read_schema(tmp_path / "clients.parquet").metadata[b"credit_features"])
        assert meta.get("demonstration") is invented
