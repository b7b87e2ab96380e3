"""Later clients are transformed with what was learnt before, and with nothing of their own."""

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from api.tests.served import make_served
from project_tools.__main__ import main
from project_tools.errors import CreditError, FeatureError, TableError, TrainingError
from project_tools.features.build import build
from project_tools.features.files import read_features, state_folder
from project_tools.features.state import StoredState, state_digest
from project_tools.features.transform import transform
from project_tools.governance.drift.check import drift
from project_tools.models.dataset import load_dataset
from project_tools.models.families import get_family
from project_tools.runs.final_model import training_clients
from project_tools.runs.parameters import FinalSettings
from project_tools.runs.tuning import load_all
from project_tools.serving.artefact import write_artefact
from project_tools.serving.feature_state import state_source
from project_tools.tables.check import check
from project_tools.tables.digest import raw_digest
from tests.features.made_up_tables import Row, Tables, made_up, write
from tests.helpers.engines import QUICK

TRAIN, TEST = "application_train", "application_test"
NOT_A_LEVEL = "a level that nobody has seen"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_up(33, clients=80)


@pytest.fixture(scope="module")
def raw(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tables, tmp_path_factory.mktemp("learnt") / "raw")


@pytest.fixture(scope="module")
def learnt(raw: Path) -> Path:
    """The feature file that the state was learnt for, as it is after a training."""
    path = raw.with_name("features.parquet")
    build(raw, [path], quiet=True)
    return path


@pytest.fixture(scope="module")
def state(learnt: Path) -> Path:
    return state_folder(learnt)


@pytest.fixture(scope="module")
def again(raw: Path, state: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same tables, transformed with the state that was learnt from them."""
    folder = tmp_path_factory.mktemp("again")
    outputs = [folder / "again.parquet", folder / "again.pkl.gz"]
    transform(raw, outputs, state, threads=2, quiet=True)
    return outputs


def transformed(raw: Path, state: Path, out: Path, **choices: Any) -> pd.DataFrame:
    transform(raw, [out], state, quiet=True, **choices)
    return frame(out)


def frame(path: Path) -> pd.DataFrame:
    return read_features(path).frame.set_index("SK_ID_CURR")


def some(tables: Tables, clients: Collection[int]) -> Tables:
    """The rows of these clients alone."""
    found = {
        name: [row for row in rows if row.get("SK_ID_CURR") in clients]
        for name, rows in tables.items()
    }
    loans = {row["SK_ID_BUREAU"] for row in found["bureau"]}
    of_loans = [row for row in tables["bureau_balance"] if row["SK_ID_BUREAU"] in loans]
    return found | {"bureau_balance": of_loans}


def ids(rows: list[Row]) -> list[int]:
    return [row["SK_ID_CURR"] for row in rows]


def same_features(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Every column but ``SPLIT``: equal nulls and levels, and every bit of a number."""
    found, wanted = (one.drop(columns="SPLIT") for one in (found, wanted))
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    numbers = wanted.select_dtypes("float32").columns
    bits = [one[numbers].to_numpy().view("uint32") for one in (found, wanted)]
    np.testing.assert_array_equal(*bits)


# The same numbers


def test_the_tables_that_were_learnt_from_give_what_fit_gave(
    learnt: Path, again: list[Path]
) -> None:
    for path in again:
        same_features(frame(path), frame(learnt))


@pytest.mark.slow
def test_another_engine_gives_what_its_fit_gave(raw: Path, tmp_path: Path) -> None:
    build(raw, [tmp_path / "fit.parquet"], engine="polars", quiet=True)
    state = state_folder(tmp_path / "fit.parquet")
    found = transformed(raw, state, tmp_path / "again.parquet", engine="polars")
    same_features(found, frame(tmp_path / "fit.parquet"))


@pytest.mark.slow
def test_some_of_the_clients_have_the_same_features_alone(
    tables: Tables, learnt: Path, state: Path, tmp_path: Path
) -> None:
    """Nothing is learnt: a group's mean over these few would be another."""
    wanted = frame(learnt)
    clients = {*wanted.index[::3]}
    assert {*wanted.SPLIT[list(clients)]} == {"train", "test", "new"}
    few = write(some(tables, clients), tmp_path / "few")
    found = transformed(few, state, tmp_path / "few.parquet")
    same_features(found, wanted.loc[found.index])
    assert {*found.index} == clients
    groups = [name for name in found if name.startswith(("GROUP1_", "GROUP2_", "CTAR_"))]
    assert found[groups].notna().any(axis=None)


def test_the_same_tables_give_the_same_bytes(
    raw: Path, state: Path, again: list[Path], tmp_path: Path
) -> None:
    transform(raw, [tmp_path / "alone.parquet"], state, threads=1, quiet=True)
    assert (tmp_path / "alone.parquet").read_bytes() == again[0].read_bytes()


def test_the_state_beside_the_output_is_the_very_state(
    raw: Path, learnt: Path, state: Path, tmp_path: Path
) -> None:
    """Byte for byte, though another release would write the same state in another way; what it
    holds is what the rows keep to.
    """
    older = Path(shutil.copytree(state, tmp_path / "older.state"))
    _head(lambda head: head["levels"]["NAME_INCOME_TYPE"].remove("Pensioner"))(older)
    outputs = [tmp_path / "later.parquet", tmp_path / "later.pkl.gz"]
    report = transform(raw, outputs, older, engine=QUICK, quiet=True)
    assert state_digest(tmp_path / "later.state") == state_digest(older) != state_digest(state)
    tables = [read_features(path) for path in outputs]
    assert {table.meta["state_digest"] for table in tables} == {state_digest(older)}
    assert report.state_digest == state_digest(older) == StoredState.load(older).digest
    incomes = pq.read_table(outputs[0]).column("NAME_INCOME_TYPE").to_pylist()
    assert {*incomes} == {"Working", None}  # a Pensioner no more
    assert {*frame(learnt).NAME_INCOME_TYPE.dropna()} == {"Working", "Pensioner"}
    # The rows are those of other tables, and of no training: the file says so.
    fit = read_features(learnt).meta
    assert {report.raw_digest, *(t.meta["raw_digest"] for t in tables)} == {fit["raw_digest"]}
    assert report.split_digest == tables[0].meta["split_digest"] != fit["split_digest"]


# Who is transformed


@pytest.mark.slow
def test_new_applicants_alone_are_the_normal_case(
    tables: Tables, learnt: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No application_train at all, and a level that the state does not know is null."""
    clients = ids(tables[TEST])
    later = some(tables, clients)
    later[TEST] = [{**row, "NAME_EDUCATION_TYPE": NOT_A_LEVEL} for row in later[TEST]]
    folder = write(later, tmp_path / "later")
    (folder / f"{TRAIN}.csv").unlink()
    transform(folder, [tmp_path / "later.parquet"], state)
    assert "no application_train: taken as a table without rows" in capsys.readouterr().err
    found, wanted = frame(tmp_path / "later.parquet"), frame(learnt)
    assert sorted(clients) == list(found.index)
    assert {*found.SPLIT} == {"new"}
    assert found.TARGET.isna().all()
    assert found.NAME_EDUCATION_TYPE.isna().all()
    assert list(found.NAME_EDUCATION_TYPE.cat.categories) == list(
        wanted.NAME_EDUCATION_TYPE.cat.categories
    )
    other = [n for n in found if not n.startswith(("NAME_EDUCATION", "GROUP1_", "GROUP2_"))]
    same_features(found[other], wanted.loc[found.index, other])


def test_a_later_cohort_keeps_the_outcomes_that_are_known(
    tables: Tables, state: Path, tmp_path: Path
) -> None:
    """All labelled, all alike, some not yet known: nothing is learnt, so nothing is wrong."""
    later = some(tables, ids(tables[TRAIN]))
    outcomes = {client: (1.0 if client % 2 else None) for client in ids(later[TRAIN])}
    later[TRAIN] = [{**row, "TARGET": outcomes[row["SK_ID_CURR"]]} for row in later[TRAIN]]
    folder = write(later, tmp_path / "later")
    (folder / f"{TEST}.csv").unlink()
    report = transform(folder, [tmp_path / "later.parquet"], state, engine=QUICK, quiet=True)
    found = frame(tmp_path / "later.parquet")
    assert report.clients == {"new": len(outcomes)}
    assert report.without == (TEST,)
    digest = raw_digest(folder, [TEST])
    assert (
        report.raw_digest == read_features(tmp_path / "later.parquet").meta["raw_digest"] == digest
    )
    assert digest != StoredState.load(tmp_path / "later.state").raw_digest
    assert not [finding for finding in report.odd if finding.column == "TARGET"]
    wanted = pd.Series(outcomes, dtype="float32").loc[found.index]
    pd.testing.assert_series_equal(found.TARGET, wanted, check_names=False)


def test_a_table_left_out_on_purpose_has_no_rows(
    tables: Tables, state: Path, tmp_path: Path
) -> None:
    few = write(some(tables, ids(tables[TEST])), tmp_path / "few")
    (few / "bureau_balance.csv").unlink()
    with pytest.raises(TableError, match=r"holds no bureau_balance.*--without bureau_balance"):
        transform(few, [tmp_path / "few.parquet"], state, quiet=True)
    left_out = ("bureau_balance", TRAIN)
    found = transformed(few, state, tmp_path / "f.parquet", without=left_out, engine=QUICK)
    assert found.BUREAU_STATUS_0_MEAN.isna().all()
    assert found.BUREAU_DAYS_CREDIT_MEAN.notna().any()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.pop(TEST) and t.pop(TRAIN), r"neither application_test nor application_train"),
        (lambda t: t.update({TEST: [], TRAIN: []}), r"hold no client; there is nothing to trans"),
        (lambda t: t[TEST].append(t[TEST][0]), r"application_train\.SK_ID_CURR: duplicate client"),
        (lambda t: t[TRAIN].append({**t[TRAIN][0], "TARGET": 2.0}), r"TARGET: neither 0 nor 1"),
        (lambda t: t[TEST].append({**t[TEST][0], "SK_ID_CURR": None}), r"SK_ID_CURR: no key"),
    ],
)
def test_tables_that_cannot_be_transformed(
    tables: Tables, state: Path, tmp_path: Path, spoil: Callable[[Tables], object], says: str
) -> None:
    few = some(tables, [*ids(tables[TEST]), *ids(tables[TRAIN])[:3]])
    spoil(few)
    with pytest.raises(CreditError, match=says):
        transform(write(few, tmp_path / "few"), [tmp_path / "f.parquet"], state, quiet=True)
    assert not (tmp_path / "f.parquet").exists()
    assert not (tmp_path / "f.state").exists()


def test_applications_without_the_column_of_outcomes_get_their_name_told(
    tables: Tables, state: Path, tmp_path: Path
) -> None:
    folder = write(some(tables, ids(tables[TEST])), tmp_path / "few")
    (folder / f"{TEST}.csv").rename(folder / f"{TRAIN}.csv")
    with pytest.raises(TableError, match=r"lacks the column TARGET; .*are the table application_t"):
        transform(folder, [tmp_path / "f.parquet"], state, quiet=True)


def test_check_takes_tables_that_nothing_is_learnt_from(tables: Tables, tmp_path: Path) -> None:
    folder = write(some(tables, ids(tables[TEST])), tmp_path / "few")
    (folder / f"{TRAIN}.csv").unlink()
    fatal = [finding.what for finding in check(folder).findings if finding.severity == "fatal"]
    assert [what for what in fatal if "holds no application_train" in what and "--state" in what]
    assert not [what for what in fatal if "did you mean" in what]  # another table is no misspelling
    report = check(folder, without=[TRAIN])
    assert not report.fatal
    assert report.rows[TEST] == len(tables[TEST])
    # The same table alone may not be left out of what is learnt from.
    with pytest.raises(TableError, match=r"cannot be left out.*unless a state learnt before"):
        build(folder, [tmp_path / "f.parquet"], without=[TRAIN], quiet=True)


# What it must not be taken for


def test_no_model_is_trained_or_judged_on_transformed_clients(again: list[Path]) -> None:
    for path in again:
        for split in ("train", "test", "new"):
            with pytest.raises(TrainingError, match=rf"{path.name} holds clients who were only tr"):
                load_dataset(path, split=split)
    settings = FinalSettings.from_texts({"data": str(again[0]), "exclude": "none"})
    for refuses in (load_all, lambda settings: training_clients(settings, get_family("lightgbm"))):
        with pytest.raises(TrainingError, match=r"made without --state"):  # a search, a final model
            refuses(settings)


def test_the_file_that_the_state_was_learnt_for_is_not_written_over(
    raw: Path, learnt: Path, state: Path
) -> None:
    before = learnt.read_bytes()
    for name in ("features.parquet", "features.pkl.gz"):
        with pytest.raises(CreditError, match=rf"{name} lies beside the state itself"):
            transform(raw, [learnt.with_name(name)], state, quiet=True)
    assert learnt.read_bytes() == before


# States that do not serve


def _head(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        head = json.loads((folder / "state.json").read_text())
        change(head)
        (folder / "state.json").write_text(json.dumps(head))

    return spoil


def _fewer_features(folder: Path) -> None:
    rows = json.loads((folder / "catalogue.json").read_text())
    (folder / "catalogue.json").write_text(json.dumps(rows[1:]))


def _other_statistics(folder: Path) -> None:
    path = next(folder.glob("group_*.parquet"))
    table = pq.read_table(path)
    pq.write_table(table.rename_columns([f"{name}_" for name in table.column_names]), path)


def _cut_short(folder: Path) -> None:
    path = next(folder.glob("group_*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_head(lambda head: head.update(version=9)), r"is a feature state of version 9.*reads"),
        (lambda folder: (folder / "state.json").unlink(), r"does not hold a whole feature state"),
        (lambda folder: (folder / "state.json").write_text("[]"), r"does not hold a whole feature"),
        (lambda folder: (folder / "catalogue.json").unlink(), r"does not hold a whole feature st"),
        (lambda folder: (folder / "catalogue.json").write_text("[1]"), r"not hold a whole feature"),
        (_head(lambda head: head.update(levels=[])), r"does not hold a whole feature state"),
        (_head(lambda head: head["levels"].popitem()), r"a program of other features"),
        (_cut_short, r"does not hold a whole feature state"),
        (_fewer_features, r"a program of other features than this one \(783, here 784\)"),
        (_head(lambda head: head["groups"].remove("similar_loan")), r"no groups 'similar_loan'"),
        (_other_statistics, r"hold other statistics than this program knows"),
    ],
)
def test_a_state_that_does_not_serve_is_refused_in_one_line(
    raw: Path, state: Path, tmp_path: Path, spoil: Callable[[Path], object], says: str
) -> None:
    copied = Path(shutil.copytree(state, tmp_path / "copied.state"))
    spoil(copied)
    with pytest.raises(FeatureError, match=says) as refused:
        transform(raw, [tmp_path / "f.parquet"], copied, quiet=True)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "f.parquet").exists()


def test_a_state_that_its_file_does_not_know_is_refused(
    raw: Path, learnt: Path, tmp_path: Path
) -> None:
    """A number changed in what was learnt looks whole; the file beside it tells."""
    shutil.copy(learnt, tmp_path / "features.parquet")
    state = Path(shutil.copytree(state_folder(learnt), tmp_path / "features.state"))
    _head(lambda head: head.update(least_clients=4))(state)
    with pytest.raises(FeatureError, match=r"features.parquet and features.state are not of one b"):
        transform(raw, [tmp_path / "f.parquet"], state, quiet=True)


# The command, and drift


@pytest.mark.slow
def test_the_command_takes_a_state_or_a_model_and_refuses_what_has_no_effect(
    tables: Tables, learnt: Path, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "model"
    write_artefact(model, replace(make_served(tmp_path / "served").content, state=state))
    few = str(write(some(tables, ids(tables[TEST])), tmp_path / "few"))
    out = str(tmp_path / "out.parquet")
    assert main(["features", few, out, "--state", str(model), "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    same_features(frame(Path(out)), frame(learnt).loc[ids(tables[TEST])].sort_index())
    assert state_digest(tmp_path / "out.state") == state_digest(state)
    assert state_source(model / "state") == state_source(model) == model / "state"
    assert state_source(state) == state

    (model / "state" / "catalogue.json").write_text("[]")
    for given, more, says in (
        (model, (), "state/catalogue.json is damaged: its SHA-256"),
        (model / "state", (), "state/catalogue.json is damaged: its SHA-256"),
        (state, ("--as-published",), "with --state nothing is learnt; leave one out"),
        (learnt, (), f"is the feature file {learnt}; its state is the folder {state}"),
        (tmp_path / "no", (), f"there is no feature state {tmp_path / 'no'}; give the .state"),
        (tmp_path / "few", (), "few does not hold a whole feature state"),
    ):
        assert main(["features", few, out, "--state", str(given), *more]) == 1
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert says in error
        assert error.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):  # nothing is split, so there is no seed to give
        main(["features", few, out, "--state", str(state), "--seed", "1"])


@pytest.mark.slow
def test_drift_finds_no_other_state_where_there_is_none_and_names_the_way_where_there_is(
    raw: Path, learnt: Path, state: Path, again: list[Path], tmp_path: Path
) -> None:
    later, anew = again[0], tmp_path / "anew.parquet"
    build(raw, [anew], as_published=True, engine=QUICK, quiet=True)
    assert drift(learnt, later, quiet=True).notes == ()
    (note,) = drift(learnt, anew, quiet=True).notes
    assert f"project_tools features RAW {anew} --state {state}" in note
    assert "anew.state" in note
    # A month against the month before: no client of theirs is of the split train.
    alike = drift(later, later, quiet=True)
    assert (alike.reference_rows, alike.alarms) == (80, [])
