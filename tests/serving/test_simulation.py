"""A changed application has the bits of the pipeline on the changed raw records."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.errors import ArtefactError
from project_tools.features.catalogue import moving_with
from project_tools.features.columns import EXACT, PROTECTED_COLUMNS
from project_tools.features.definitions.across import SAME_DURATION
from project_tools.features.definitions.application import GROUPS
from project_tools.features.files import state_folder
from project_tools.features.transform import transform
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.simulation import COLUMNS, ChangesError, Client, Simulator, range_of
from project_tools.tables.declared import TABLES
from tests.helpers.engines import QUICK
from tests.helpers.known_clients import Known

SECRET = 31415926


def changes_of(client: Client, kind: int, chance: np.random.Generator) -> dict[str, Any]:
    """One of six kinds of changes, which reach every step that a change can reach."""
    row = client.row
    credit, goods = float(row["AMT_CREDIT"]), row["AMT_GOODS_PRICE"]
    part = float(chance.uniform(0.3, 1.5))
    match kind:
        case 0:
            return {"AMT_CREDIT": round(credit * part, 2)}
        case 1:
            half = None if goods is None else goods / 2
            return {"AMT_CREDIT": credit / 2, "AMT_ANNUITY": credit / 48, "AMT_GOODS_PRICE": half}
        case 2:
            return {
                "AMT_INCOME_TOTAL": 123_456.78 * part,
                "NAME_EDUCATION_TYPE": "Higher education",
            }
        case 3:
            return {
                "EXT_SOURCE_2": float(chance.uniform()),
                "FLAG_DOCUMENT_3": 1.0 - row["FLAG_DOCUMENT_3"],
            }
        case 4:
            return {
                "DAYS_EMPLOYED": -1000.0, "OCCUPATION_TYPE": None, "OWN_CAR_AGE": 3.0,
                "HOUR_APPR_PROCESS_START": 12.0, "DAYS_BIRTH": -float(chance.integers(8_000, 25_000)),
            }  # fmt: skip
        case _:  # a group of the training clients with exactly this term
            return {"AMT_CREDIT": 270_000.0, "AMT_ANNUITY": 13_500.0, "NAME_INCOME_TYPE": "Working",
                    "NAME_CONTRACT_TYPE": "Revolving loans", "AMT_GOODS_PRICE": None, "EXT_SOURCE_1": None}  # fmt: skip


KINDS = 6


def by_the_pipeline(
    known: Known, artefact: Artefact, changes: dict[int, dict[str, Any]], folder: Path
) -> dict[int, np.ndarray]:
    """The model's input of each client whose application is changed in the raw tables."""
    raw = shutil.copytree(known.raw, folder / "raw")
    for name in ("application_train", "application_test"):
        rows = pd.read_csv(raw / f"{name}.csv", dtype=str, keep_default_na=False)
        for at, client in enumerate(rows.SK_ID_CURR):
            for column, value in changes.get(int(client), {}).items():
                text = value if isinstance(value, str) else "" if value is None else repr(value)
                rows.loc[at, column] = text
        rows.to_csv(raw / f"{name}.csv", index=False)
    transform(raw, [folder / "f.parquet"], state_folder(known.features), engine=QUICK, quiet=True)
    table = pq.read_table(folder / "f.parquet")
    encoded = artefact.model.encoder.encode_table(table)
    return dict(zip(table.column("SK_ID_CURR").to_pylist(), encoded, strict=True))


def differing(
    simulator: Simulator, known: Known, clients: list[Client], first: int, folder: Path
) -> int:
    """Clients of whom a value or the score differs from the pipeline's, by a bit."""
    chance = np.random.default_rng(first)
    changes = {c.id: changes_of(c, (first + n) % KINDS, chance) for n, c in enumerate(clients)}
    wanted = by_the_pipeline(known, simulator.artefact, changes, folder)
    wrong = moved = 0
    for client in clients:
        made = simulator.simulate(client, {n: [v] for n, v in changes[client.id].items()})
        own = wanted[client.id]
        # From the row of features too, as an explanation reads it.
        row = simulator.artefact.model.encoder.encode(made.row(client.row))
        same = np.array_equal(made.encoded[0], own, equal_nan=True)
        same = same and np.array_equal(row[0], own, equal_nan=True) and made.exact
        wrong += not (same and simulator.score(made.encoded) == simulator.score(own))
        moved += not np.array_equal(client.encoded[0], own, equal_nan=True)
    assert moved >= 0.9 * len(clients)
    return wrong


def test_the_pipeline_on_the_changed_records_gives_the_same_bits(
    simulator: Simulator, known: Known, clients: list[Client], tmp_path: Path
) -> None:
    assert differing(simulator, known, clients[:24], 0, tmp_path) == 0


@pytest.mark.slow
@pytest.mark.parametrize("first", range(KINDS))
def test_all_kinds_of_changes_of_200_clients_have_the_same_bits(
    simulator: Simulator, known: Known, clients: list[Client], tmp_path: Path, first: int
) -> None:
    assert len(clients[:200]) == 200
    assert differing(simulator, known, clients[:200], first, tmp_path) == 0


def test_the_cone_is_what_the_declared_lineage_says(
    simulator: Simulator, clients: list[Client]
) -> None:
    """``catalogue.moving_with`` reads the rows, the simulation the steps of the program."""
    for name, column in simulator.changeable.items():
        own = moving_with([name])
        groups = {
            feature
            for group in (*GROUPS, SAME_DURATION)
            if own & {*group.by}
            for feature in group.names
        }
        value = None if column.kind == "text" else 0.0
        made = simulator.simulate(clients[0], {name: [value]})
        assert {*made.numbers, *made.texts} == (own | groups) & {*simulator.store.names}, name


def test_what_may_change_is_what_the_clients_have_and_nobody_protects(simulator: Simulator) -> None:
    raw = {c.name for c in TABLES["application_test"].columns}
    assert {*simulator.changeable} == raw & {*simulator.store.names} - {*PROTECTED_COLUMNS}
    assert {"AMT_CREDIT", "EXT_SOURCE_1", "FLAG_DOCUMENT_3"} <= {*simulator.changeable}


CHOICES = settings(max_examples=60, deadline=None)


@given(data=st.data())
@CHOICES
def test_a_value_that_stays_changes_no_bit(
    simulator: Simulator, clients: list[Client], data: st.DataObject
) -> None:
    client = data.draw(st.sampled_from(clients))
    names = data.draw(st.lists(st.sampled_from([*simulator.changeable]), max_size=5, unique=True))
    made = simulator.simulate(client, {name: [client.doubles[name]] for name in names})
    np.testing.assert_array_equal(made.encoded, client.encoded)
    assert made.row(client.row) == client.row


def values_of(name: str) -> st.SearchStrategy[Any]:
    column = COLUMNS[name]
    limits = range_of(column)
    if limits is None:
        return st.sampled_from(column.levels)
    low, high = int(limits[0]), min(int(limits[1]), 10**7)
    return st.integers(low, high).map(float)


@given(data=st.data())
@CHOICES
def test_a_change_and_back_and_other_rows_change_no_bit(
    simulator: Simulator, clients: list[Client], data: st.DataObject
) -> None:
    client = data.draw(st.sampled_from(clients))
    name = data.draw(st.sampled_from([*simulator.changeable]))
    values = data.draw(st.lists(values_of(name), min_size=1, max_size=6))
    many = simulator.simulate(client, {name: [*values, client.doubles[name]]})
    np.testing.assert_array_equal(many.encoded[-1], client.encoded[0])
    for at, value in enumerate(values):
        alone = simulator.simulate(client, {name: [value]})
        np.testing.assert_array_equal(many.encoded[at], alone.encoded[0])
        assert many.row(client.row, at) == alone.row(client.row)
    # What does not depend on the column stays.
    moved = {*many.numbers, *many.texts}
    stays = [f.name not in moved for f in simulator.artefact.features]
    assert (np.nan_to_num(many.encoded[:, stays]) == np.nan_to_num(client.encoded[:, stays])).all()


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"AMT_CREDIT": "much"}, {"AMT_CREDIT": "It takes a number."}),
        ({"AMT_CREDIT": None}, {"AMT_CREDIT": "It takes no null."}),
        ({"AMT_CREDIT": -0.5}, {"AMT_CREDIT": "It takes a number from 0 to"}),
        ({"AMT_CREDIT": 1e39}, {"AMT_CREDIT": "from 0 to 1,000,000,000,000."}),
        ({"AMT_CREDIT": 10**400}, {"AMT_CREDIT": "It takes a number from 0 to"}),
        ({"AMT_CREDIT": math.nan}, {"AMT_CREDIT": "It takes a number from 0 to"}),
        ({"AMT_CREDIT": math.inf}, {"AMT_CREDIT": "It takes a number from 0 to"}),
        ({"EXT_SOURCE_1": 1.01}, {"EXT_SOURCE_1": "It takes a number from 0 to 1."}),
        ({"OWN_CAR_AGE": True}, {"OWN_CAR_AGE": "It takes a number."}),
        ({"DAYS_BIRTH": -9000.5}, {"DAYS_BIRTH": "It takes a whole number."}),
        ({"DAYS_EMPLOYED": 365243}, {"DAYS_EMPLOYED": "from -1,000,000 to 0"}),
        ({"FLAG_DOCUMENT_3": 0.5}, {"FLAG_DOCUMENT_3": "It takes a whole number."}),
        ({"HOUR_APPR_PROCESS_START": 24}, {"HOUR_APPR_PROCESS_START": "from 0 to 23"}),
        ({"NAME_HOUSING_TYPE": f"{SECRET}"}, {"NAME_HOUSING_TYPE": "It takes one of its levels"}),
        ({"NAME_HOUSING_TYPE": 3}, {"NAME_HOUSING_TYPE": "It takes one of its levels"}),
        ({"CODE_GENDER": "M"}, {"CODE_GENDER": "It is protected"}),
        ({"CNT_CHILDREN": 0}, {"CNT_CHILDREN": "It is protected"}),
        ({"CREDIT_TO_ANNUITY_RATIO": 3}, {"CREDIT_TO_ANNUITY_RATIO": "It is computed"}),
        ({"CTAR_DAYS_BIRTH_MEAN": 3}, {"CTAR_DAYS_BIRTH_MEAN": "It is computed"}),
        ({"FLAG_MOBIL": 1}, {"FLAG_MOBIL": "No feature of these clients"}),
        ({"AMT_CREDITS": 1}, {"": "Name 1 is no column of an application; did you mean 'AMT_CREDIT'?"}),
        ({f"A{SECRET}": 1, "SK_ID_CURR": 1, "TARGET": 1}, {"": "Name 1 is no column of an application. Name 2"}),
        (
            {"AMT_CREDIT": f"{SECRET}", "DAYS_BIRTH": 1, "AMT_ANNUITY": 5},
            {"AMT_CREDIT": "It takes a number.", "DAYS_BIRTH": "from -1,000,000 to 0"},
        ),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_made_is_named(
    simulator: Simulator, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    with pytest.raises(ChangesError, match="the application cannot be changed in this way") as why:
        simulator.checked(changes)
    assert why.value.errors.keys() == errors.keys()
    for name, part in errors.items():
        assert part in why.value.errors[name]
    assert str(SECRET) not in f"{why.value} {why.value.errors}"


def test_a_change_that_can_be_made_is_taken(simulator: Simulator) -> None:
    changes = {
        "AMT_CREDIT": 300_000,
        "EXT_SOURCE_1": None,
        "NAME_HOUSING_TYPE": "With parents",
        "DAYS_BIRTH": -9e3,
    }
    assert simulator.checked(changes) == {
        "AMT_CREDIT": [300_000.0], "EXT_SOURCE_1": [None], "NAME_HOUSING_TYPE": ["With parents"],
        "DAYS_BIRTH": [-9000.0],
    }  # fmt: skip
    assert simulator.checked({}) == {}


def test_every_column_is_described_in_both_languages(simulator: Simulator) -> None:
    english, french = simulator.described("en"), simulator.described("fr")
    assert (
        [row["name"] for row in english]
        == [row["name"] for row in french]
        == [*simulator.changeable]
    )
    by_name = {row["name"]: row for row in french}
    assert by_name["NAME_CONTRACT_TYPE"]["levels"][0] == {
        "value": "Cash loans",
        "label": "prêt en espèces",
    }
    assert by_name["DAYS_BIRTH"]["range"] == [-1e6, 0.0]
    assert by_name["DAYS_BIRTH"]["whole"]
    assert not by_name["AMT_CREDIT"]["whole"]
    assert by_name["AMT_CREDIT"]["label"] == "crédit demandé"


def test_a_store_of_rounded_values_says_so(known: Known, simulator: Simulator) -> None:
    """An older store has no doubles. What needs none of them is exact all the same."""
    old = Simulator.load(
        known.model, simulator.artefact, ClientStore.open(known.rounded, simulator.artefact)
    )
    assert old.store.exact == frozenset()
    assert {*old.changeable} == {*simulator.changeable}
    largest = 0.0
    for client_id in old.store.ids(size=40).ids:
        rounded, exact = old.client(client_id), simulator.client(client_id)
        assert rounded.row == exact.row
        for changes, is_exact in (
            ({"AMT_CREDIT": [250_000.0]}, False),
            ({"WEEKDAY_APPR_PROCESS_START": ["MONDAY"]}, True),
            ({"FLAG_DOCUMENT_3": [1.0]}, True),
        ):
            one, other = old.simulate(rounded, changes), simulator.simulate(exact, changes)
            assert (one.exact, other.exact) == (is_exact, True)
            if is_exact:
                np.testing.assert_array_equal(one.encoded, other.encoded)
            np.testing.assert_allclose(one.encoded, other.encoded, rtol=2.5e-7)
            largest = max(largest, float(np.nanmax(np.abs(one.encoded - other.encoded))))
    assert largest > 0


def test_doubles_that_are_not_the_clients_are_refused(
    known: Known, simulator: Simulator, tmp_path: Path
) -> None:
    table = pq.read_table(known.clients)
    name = f"{EXACT}AMT_CREDIT"
    other = pa.array(table.column(name).to_numpy() + 1.0)
    damaged = table.set_column(table.schema.get_field_index(name), name, other)
    pq.write_table(damaged, tmp_path / "clients.parquet")
    store = ClientStore.open(tmp_path / "clients.parquet", simulator.artefact)
    with pytest.raises(
        ArtefactError, match=r"the doubles of .*clients\.parquet are damaged; export it again"
    ):
        store.doubles(store.ids().ids[0])


def test_a_state_that_changed_is_refused(
    known: Known, simulator: Simulator, tmp_path: Path
) -> None:
    shutil.copytree(known.model, tmp_path / "artefact")
    (tmp_path / "artefact" / "state" / "state.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"state\.json has changed since the model was loaded"):
        Simulator.load(tmp_path / "artefact", simulator.artefact, simulator.store)
