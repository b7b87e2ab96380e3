"""Raw tables to features: hand-worked instalments, a second computation, what is learnt."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from project_tools.demo import generate
from project_tools.errors import FeatureError, TableError
from project_tools.features.build import build
from project_tools.features.catalogue import catalogue, protected
from project_tools.features.pipeline import feature_names
from project_tools.features.store import read_features
from project_tools.tables.checks import check

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


def features(folder: Path, out: Path, **choices: object) -> pd.DataFrame:
    build(folder, [out], threads=2, quiet=True, **choices)  # type: ignore[arg-type]  # a test's shorthand
    return read_features(out).frame.set_index("SK_ID_CURR")


@pytest.mark.parametrize(
    ("due", "paid", "days_late"),
    [
        (-10, -10, 0),  # on the day
        (-10, -13, 0),  # early is not late
        (-10, -3, 7),
        (-10, None, 10),  # never paid: late until today
    ],
)
def test_days_past_due(
    own: Path, tmp_path: Path, due: int, paid: int | None, days_late: int
) -> None:
    rows = table(own, PAYMENTS)
    client = int(table(own, "application_train").SK_ID_CURR.iloc[0])
    one = rows.head(1).assign(
        SK_ID_CURR=client, DAYS_INSTALMENT=due, DAYS_ENTRY_PAYMENT=paid, AMT_INSTALMENT=100.0,
        AMT_PAYMENT=None if paid is None else 100.0,
    )  # fmt: skip
    others = rows[(client != rows.SK_ID_CURR) & (int(one.SK_ID_PREV.iloc[0]) != rows.SK_ID_PREV)]
    pd.concat(
        [others, one.astype(rows.dtypes.where(rows.dtypes == "int64").dropna().to_dict())]
    ).to_csv(own / f"{PAYMENTS}.csv", index=False)
    row = features(own, tmp_path / "f.parquet").loc[client]
    assert row["INS_DPD_MAX"] == days_late
    assert row["INS_LATE_PAYMENT_MEAN"] == (1 if days_late else 0)
    assert row["12_TREND_DPD"] == 0  # one instalment has no trend


def test_instalments_agree_with_a_second_computation(raw: Path, tmp_path: Path) -> None:
    ours = features(raw, tmp_path / "f.parquet")
    rows = table(raw, PAYMENTS)
    paid_late = rows.DAYS_ENTRY_PAYMENT - rows.DAYS_INSTALMENT
    rows["late"] = paid_late.fillna(-rows.DAYS_INSTALMENT).clip(lower=0)
    rows["early"] = (-paid_late).clip(lower=0)
    rows["over"] = rows.AMT_PAYMENT - rows.AMT_INSTALMENT
    for window, prefix in ((None, "INS_"), (18, "INS_18M_"), (36, "INS_36M_")):
        inside = rows if window is None else rows[-30 * window <= rows.DAYS_INSTALMENT]
        by = inside.groupby("SK_ID_CURR")
        expected = {
            "DPD_MAX": by.late.max(), "DPD_MEAN": by.late.mean(), "DPD_VAR": by.late.var(),
            "DBD_MEAN": by.early.mean(), "AMT_PAYMENT_SUM": by.AMT_PAYMENT.sum(),
            "AMT_INSTALMENT_MAX": by.AMT_INSTALMENT.max(), "SK_ID_PREV_SIZE": by.size(),
            "LATE_PAYMENT_MEAN": by.late.agg(lambda late: (late > 0).mean()),
            "DPD_7_MEAN": by.late.agg(lambda late: (late > 7).mean()),
        }  # fmt: skip
        for name, values in expected.items():
            wanted = values.reindex(ours.index).to_numpy("float64")
            np.testing.assert_allclose(
                ours[prefix + name], wanted, rtol=1e-5, atol=1e-6, err_msg=name
            )


def test_bureau_agrees_with_a_second_computation(raw: Path, tmp_path: Path) -> None:
    ours = features(raw, tmp_path / "f.parquet")
    loans = table(raw, "bureau")
    loans["share"] = loans.AMT_CREDIT_SUM_DEBT / loans.AMT_CREDIT_SUM.where(
        loans.AMT_CREDIT_SUM != 0
    )
    subsets = {
        "BUREAU_": loans.index == loans.index,
        "BUREAU_ACTIVE_": loans.CREDIT_ACTIVE == "Active",
        "BUREAU_CREDIT_": loans.CREDIT_TYPE == "Credit card",
        "BUREAU_LAST12M_": loans.DAYS_CREDIT >= -360,
    }
    for prefix, rows in subsets.items():
        by = loans[rows].groupby("SK_ID_CURR")
        expected = {
            "AMT_CREDIT_SUM_MAX": by.AMT_CREDIT_SUM.max(),
            "AMT_CREDIT_SUM_DEBT_MEAN": by.AMT_CREDIT_SUM_DEBT.mean(),
            "DEBT_PERCENTAGE_MEAN": by.share.mean(),
        }
        for name, values in expected.items():
            if prefix + name in ours:
                wanted = values.reindex(ours.index).to_numpy("float64")
                np.testing.assert_allclose(ours[prefix + name], wanted, rtol=1e-5, atol=1e-6)


def test_order_of_rows_and_threads_change_nothing(raw: Path, own: Path, tmp_path: Path) -> None:
    for path in own.glob("*.csv"):
        table(own, path.stem).sample(frac=1, random_state=5).to_csv(path, index=False)
    build(raw, [tmp_path / "a.parquet"], threads=1, quiet=True)
    build(own, [tmp_path / "b.parquet"], threads=2, quiet=True)
    a, b = (read_features(tmp_path / name).frame for name in ("a.parquet", "b.parquet"))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


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


def test_oddities_of_the_application(own: Path, tmp_path: Path) -> None:
    rows = table(own, "application_train")
    for name, value in (
        ("CODE_GENDER", "XNA"), ("AMT_INCOME_TOTAL", 117e6), ("DAYS_EMPLOYED", 365243), ("AMT_ANNUITY", 0.0),
    ):  # fmt: skip
        rows.loc[0, name] = value
    rows.to_csv(own / "application_train.csv", index=False)
    row = features(own, tmp_path / "f.parquet").loc[rows.SK_ID_CURR.iloc[0]]
    assert row["AMT_INCOME_TOTAL"] == 20e6
    for name in (
        "CODE_GENDER",
        "DAYS_EMPLOYED",
        "EMPLOYED_TO_BIRTH_RATIO",
        "CREDIT_TO_ANNUITY_RATIO",
    ):
        assert pd.isna(row[name]), name


def test_both_files_hold_the_same_and_no_infinity(raw: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / "f.parquet", tmp_path / "f.pkl.gz"]
    build(raw, outputs, quiet=True)
    parquet, pickled = (read_features(path).frame for path in outputs)
    pd.testing.assert_frame_equal(parquet, pickled)
    numbers = parquet.select_dtypes("float32")
    assert not np.isinf(numbers.to_numpy()).any()
    assert list(parquet.columns[3:]) == list(feature_names())


def test_the_catalogue_describes_every_feature() -> None:
    infos = catalogue(feature_names())
    assert len(infos) == len(set(feature_names()))
    for info in infos:
        assert info.label, info.name
        assert info.concept, info.name
        assert info.columns, info.name
        assert info.sentence.endswith("."), info.name
    assert protected(infos) >= {
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


@pytest.mark.parametrize("how", ["parquet", "gz", "byte-order mark and Windows line ends"])
def test_every_form_of_a_table_reads_the_same(
    raw: Path, own: Path, tmp_path: Path, how: str
) -> None:
    for name in _all(own):
        _as(own, name, how)
    pd.testing.assert_frame_equal(
        features(raw, tmp_path / "a.parquet"), features(own, tmp_path / "b.parquet")
    )
