"""One applicant's raw records give the numbers of the batch, or a refusal in one sentence."""

import math
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api.tests.served import make_served
from project_tools.errors import ArtefactError, FeatureError
from project_tools.features.applicant import Applicants
from project_tools.features.files import read_features
from project_tools.features.pipeline import feature_names
from project_tools.features.records import HISTORY_NAMES
from project_tools.features.state import FeatureState
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.scoring import Scorer, load_applicants
from tests.helpers.applicants import completed


@pytest.fixture(scope="module")
def applicants(by_duckdb: Path) -> Applicants:
    return Applicants.load(by_duckdb.with_name("features.state"))


@pytest.fixture(scope="module")
def clients(odd_tables: Path) -> dict[int, dict]:
    """The raw records of each client, as plain Python."""
    tables = {path.stem: pd.read_csv(path) for path in odd_tables.glob("*.csv")}
    owner = dict(zip(tables["bureau"].SK_ID_BUREAU, tables["bureau"].SK_ID_CURR, strict=True))
    found: dict[int, dict] = defaultdict(lambda: {name: [] for name in HISTORY_NAMES})
    for name, rows in tables.items():
        for row in rows.to_dict("records"):
            client = row["SK_ID_CURR"] if "SK_ID_CURR" in row else owner.get(row["SK_ID_BUREAU"])
            if name.startswith("application"):
                found[client]["application"] = row
            elif client is not None:
                found[client][name].append(row)
    return dict(found)


class Computed(dict[int, dict]):
    """All features of a client, computed when the client is first asked for."""

    def __init__(self, applicants: Applicants, clients: dict[int, dict]) -> None:
        super().__init__()
        self._applicants, self._clients = applicants, clients

    def __missing__(self, client: int) -> dict:
        self[client] = self._applicants.features(self._clients[client])
        return self[client]


@pytest.fixture(scope="module")
def computed(applicants: Applicants, clients: dict[int, dict]) -> Computed:
    return Computed(applicants, clients)


@pytest.fixture
def one(clients: dict[int, dict]) -> dict:
    """The records of one client with rows in every table, to change."""
    full = next(c for c in clients.values() if all(c[name] for name in HISTORY_NAMES))
    return {
        name: dict(rows) if isinstance(rows, dict) else [dict(row) for row in rows]
        for name, rows in full.items()
    }


@pytest.mark.parametrize("each", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_every_client_has_the_numbers_of_the_batch(
    by_duckdb: Path, computed: Computed, agree, each: int
) -> None:
    """Of every eighth client, and of all."""
    frame = read_features(by_duckdb).frame.set_index("SK_ID_CURR")[::each]
    assert set(frame.SPLIT) == {"train", "test", "new"}
    wanted = frame.drop(columns=["TARGET", "SPLIT"])
    rows = [computed[client] for client in wanted.index]
    agree(pd.DataFrame(rows, index=wanted.index).astype(wanted.dtypes), wanted)


def test_what_is_learnt_comes_from_the_state_not_from_the_applicant(
    by_duckdb: Path, clients: dict[int, dict], computed: Computed, one: dict
) -> None:
    """A group of one applicant would be their own value."""
    groups = [n for n in feature_names() if n.startswith(("GROUP1_", "GROUP2_", "CTAR_"))]
    for start in ("GROUP1_", "GROUP2_", "CTAR_"):
        of_start = [name for name in groups if name.startswith(start)]
        # Not every client is in a group that is large enough; ``any`` ends at the first who is.
        assert any(computed[client][name] is not None for client in clients for name in of_start)
    state = FeatureState.load(by_duckdb.with_name("features.state"))
    empty = FeatureState({n: t.slice(0, 0) for n, t in state.tables_.items()}, state.levels_)
    row = Applicants(empty).features(one)
    assert all(row[name] is None for name in groups)


def test_a_new_applicant_needs_no_number_and_no_history(applicants: Applicants, one: dict) -> None:
    application = {k: v for k, v in one["application"].items() if k not in ("SK_ID_CURR", "TARGET")}
    row = applicants.features({"application": application})
    assert row["AMT_CREDIT"] == np.float32(application["AMT_CREDIT"])
    assert row["BUREAU_DAYS_CREDIT_MAX"] is None
    assert row["INS_DPD_MAX"] is None
    assert list(row) == list(feature_names())
    empty = {name: [] for name in HISTORY_NAMES}
    assert applicants.features({"application": [application], **empty}) == row
    assert applicants.features({"application_test": application}) == row


def test_an_applicant_of_nothing_but_nulls_is_computed(applicants: Applicants) -> None:
    row = applicants.features(completed())
    assert row["AMT_CREDIT"] is None
    assert row["DOCUMENT_COUNT"] == 0


def test_fields_left_out_are_nulls_and_not_a_number_is_one(
    applicants: Applicants, one: dict
) -> None:
    def with_debt(**debt: object) -> dict:
        loans = [{**row, **debt} for row in one["bureau"]]
        return applicants.features({**one, "bureau": loans})

    left_out = [{k: v for k, v in r.items() if k != "AMT_CREDIT_SUM_DEBT"} for r in one["bureau"]]
    nulls = with_debt(AMT_CREDIT_SUM_DEBT=None)
    assert nulls == applicants.features({**one, "bureau": left_out})
    assert nulls == with_debt(AMT_CREDIT_SUM_DEBT=math.nan)
    assert nulls == with_debt(AMT_CREDIT_SUM_DEBT=math.inf)
    assert nulls != with_debt(AMT_CREDIT_SUM_DEBT=np.float32(5))
    assert with_debt(AMT_CREDIT_SUM_DEBT=5) == with_debt(AMT_CREDIT_SUM_DEBT=np.float32(5))


def test_the_order_of_records_and_of_fields_changes_nothing(
    applicants: Applicants, one: dict
) -> None:
    shuffled = dict(reversed(one.items()))
    for name in HISTORY_NAMES:
        shuffled[name] = [dict(reversed(row.items())) for row in reversed(one[name])]
    assert applicants.features(shuffled) == applicants.features(one)


def test_the_outcome_is_never_looked_at(applicants: Applicants, one: dict) -> None:
    rows = [
        applicants.features({**one, "application": {**one["application"], "TARGET": target}})
        for target in (0, 1)
    ]
    assert rows[0] == rows[1]


def test_threads_do_not_mix_applicants(
    applicants: Applicants, clients: dict[int, dict], computed: Computed
) -> None:
    some = list(clients)[:16]
    ready = threading.Barrier(8)

    def compute(part: int) -> list[dict]:
        ready.wait()
        return [applicants.features(clients[client]) for client in some[part::8]]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(compute, range(8)))
    for part, rows in enumerate(together):
        assert rows == [computed[client] for client in some[part::8]]


def test_true_is_a_flag_and_large_keys_keep_their_digits(applicants: Applicants, one: dict) -> None:
    plain = applicants.features(one)
    one["application"]["FLAG_DOCUMENT_3"] = bool(one["application"]["FLAG_DOCUMENT_3"])
    assert applicants.features(one) == plain
    one["bureau_balance"] = []
    one["bureau"] = [
        {**one["bureau"][0], "SK_ID_BUREAU": 2**60 + place, "DAYS_CREDIT": -5} for place in (1, 2)
    ]
    assert applicants.features(one)["BUREAU_SK_ID_BUREAU_NUNIQUE"] == 2


def test_a_state_without_what_the_program_needs_is_refused(by_duckdb: Path) -> None:
    state = FeatureState.load(by_duckdb.with_name("features.state"))
    fewer = {name: table for name, table in state.tables_.items() if name != "similar_loan"}
    with pytest.raises(FeatureError, match=r"no groups 'similar_loan'.*build the features again"):
        Applicants(FeatureState(fewer, state.levels_))


def test_a_served_folder_whose_state_has_changed_is_refused(tmp_path: Path) -> None:
    served = make_served(tmp_path)
    artefact = load_artefact(served.model, child=False)
    for path in served.model.glob("state/*"):
        path.write_bytes(path.read_bytes() + b" ")
    for folder in (served.model, tmp_path / "elsewhere"):
        with pytest.raises(ArtefactError, match=r"^state/.* has changed since the model was"):
            load_applicants(folder, artefact)


def test_a_served_folder_scores_an_applicant_from_raw_records(
    by_duckdb: Path, one: dict, tmp_path: Path
) -> None:
    content = replace(make_served(tmp_path).content, state=by_duckdb.with_name("features.state"))
    folder = tmp_path / "with the batch's state"
    write_artefact(folder, content)
    artefact = load_artefact(folder, child=False)
    invented = {f.name: None for f in artefact.features if f.name not in feature_names()}
    row = load_applicants(folder, artefact).features(one) | invented
    assert len(invented) < len(artefact.features) / 2
    score = Scorer(artefact).score(row)
    assert 0 < score.decision.probability < 1
    assert score.raw_score != Scorer(artefact).score(dict.fromkeys(row)).raw_score
