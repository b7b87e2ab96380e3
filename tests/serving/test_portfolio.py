"""A portfolio is scored as the API scores each of its clients, to the last bit, or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api import create_app
from api.tests.running import settings
from api.tests.served import META, Served, invented_features, make_served, write_features
from project_tools.errors import ArtefactError, CreditError, FeatureError, SettingError, TableError
from project_tools.features.build import build
from project_tools.features.files import read_features, state_folder
from project_tools.features.transform import transform
from project_tools.serving import portfolio
from project_tools.serving.artefact import ArtefactContent, load_artefact, write_artefact
from project_tools.serving.clients import ClientStore, write_client_store
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.portfolio import SCHEMA, PortfolioReport, score_portfolio
from project_tools.serving.portfolio_reasons import REASONS_SCHEMA, reason_columns
from project_tools.serving.reasons.gap import ConceptIndex
from project_tools.serving.scoring import Scorer
from project_tools.settings import ROOT
from tests.features.made_up_tables import Tables, made_up, write
from tests.helpers.engines import QUICK
from tests.helpers.every_family import NAMES, content_of


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several batches, and a last one that is not full.

    No child process verifies the model: it takes seconds, and the command's own test has it.
    """
    monkeypatch.setattr(portfolio, "BATCH", 128)
    monkeypatch.setattr(portfolio, "load_artefact", partial(load_artefact, child=False))


def score(source: Path, output: Path, model: Path, **choices: Any) -> PortfolioReport:
    return score_portfolio(source, output, model, quiet=True, **choices)


def scores(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pq.read_table(path).to_pandas()


def bits(numbers: Any) -> list[int]:
    return [int(b) for b in np.asarray(numbers, np.float64).view(np.uint64)]


def one_by_one(frame: pd.DataFrame, model: Path) -> tuple[list[float], list[str]]:
    """Probability and class of each row, as the API's scorer gives them for one client."""
    artefact = load_artefact(model, child=False)
    names = [feature.name for feature in artefact.features]
    rows = frame[names].astype(object).to_dict("records")
    found = [Scorer(artefact).score(row).decision for row in rows]
    return [d.probability for d in found], [d.label for d in found]


# The same numbers


@pytest.mark.parametrize(
    "name", [n if n == "lightgbm" else pytest.param(n, marks=pytest.mark.slow) for n in NAMES]
)
def test_every_family_scores_a_portfolio_as_client_by_client(name: str, tmp_path: Path) -> None:
    write_artefact(tmp_path / "model", content_of(name, tmp_path / "state"))
    frame = invented_features()
    write_features(frame, tmp_path / "features.parquet")
    score(tmp_path / "features.parquet", tmp_path / "out.parquet", tmp_path / "model")
    found = scores(tmp_path / "out.parquet")
    probabilities, classes = one_by_one(frame, tmp_path / "model")
    assert bits(found["proba_risk_class"]) == bits(probabilities)
    assert found["class"].tolist() == classes
    assert len({*probabilities}) > 100


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_each_client_has_one_row_that_says_what_decided(
    ending: str, served: Served, tmp_path: Path
) -> None:
    out = tmp_path / f"out.{ending}"
    report = score(served.features, out, served.model)
    found, artefact = scores(out), load_artefact(served.model, child=False)
    assert found.columns.tolist() == SCHEMA.names
    assert found["SK_ID_CURR"].tolist() == served.frame["SK_ID_CURR"].tolist()
    assert found["SPLIT"].tolist() == served.frame["SPLIT"].tolist()
    assert {*found["threshold"]} == {artefact.threshold}
    assert {*found["model_digest"]} == {artefact.digest}
    probabilities, classes = one_by_one(served.frame, served.model)
    assert bits(found["proba_risk_class"]) == bits(probabilities)
    assert found["class"].tolist() == classes
    assert (report.clients, report.trained) == (900, 300)
    assert report.risks == classes.count("risk") > 0


def test_the_committed_model_decides_as_its_api(tmp_path: Path) -> None:
    """The committed client store is a feature file: every client of it, by HTTP and in a batch."""
    model, clients = ROOT / "api" / "model", ROOT / "api" / "clients.parquet"
    score(clients, tmp_path / "out.parquet", model)
    http = create_app(settings(model, clients)).test_client()
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(found) >= 100
    for row in found:
        answer = http.get(f"/prediction/{row['SK_ID_CURR']}").get_json()
        for name in ("proba_risk_class", "threshold", "class"):
            assert answer[name] == row[name]


def test_a_probability_equal_to_the_threshold_is_no_risk(served: Served, tmp_path: Path) -> None:
    probabilities, _ = one_by_one(served.frame, served.model)
    at = sorted(probabilities)[450]
    write_artefact(tmp_path / "model", replace(served.content, threshold=at))
    score(served.features, tmp_path / "out.parquet", tmp_path / "model")
    found = scores(tmp_path / "out.parquet")
    assert (found["proba_risk_class"] == at).any()
    assert (found["class"] == "risk").tolist() == [p > at for p in probabilities]


def test_the_same_portfolio_gives_the_same_bytes(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score(served.features, tmp_path / "one.csv", served.model)
    monkeypatch.setattr(portfolio, "BATCH", 1_000)
    score(served.features, tmp_path / "other.csv", served.model)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


# Raw tables


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_up(33, clients=160)


@pytest.fixture(scope="module")
def raw(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tables, tmp_path_factory.mktemp("learnt") / "raw")


@pytest.fixture(scope="module")
def learnt(raw: Path) -> Path:
    outputs = [raw.with_name("features.parquet"), raw.with_name("features.pkl.gz")]
    build(raw, outputs, engine=QUICK, quiet=True)
    return raw.with_name("features.parquet")


@pytest.fixture(scope="module")
def model(learnt: Path) -> Path:
    """A model folder with the state that was learnt from the raw tables."""
    write_artefact(learnt.with_name("model"), of_the_state(learnt))
    return learnt.with_name("model")


def of_the_state(learnt: Path, **changes: str) -> ArtefactContent:
    """A small model, with the state and the digests of a feature file."""
    meta = read_features(learnt).meta | changes
    content = content_of("lightgbm", learnt.with_name("unused.state"))
    return replace(content, state=state_folder(learnt), feature_meta=meta)


@pytest.fixture(scope="module")
def from_features(learnt: Path, model: Path) -> pd.DataFrame:
    score(learnt, learnt.with_name("scores.parquet"), model)
    return scores(learnt.with_name("scores.parquet"))


def test_raw_tables_are_scored_as_their_features(
    raw: Path, model: Path, from_features: pd.DataFrame, tmp_path: Path
) -> None:
    """The tables of the training, so that the clients of the training are marked."""
    report = score(raw, tmp_path / "out.parquet", model, threads=2)
    pd.testing.assert_frame_equal(scores(tmp_path / "out.parquet"), from_features, check_exact=True)
    assert {*from_features["SPLIT"]} == {"train", "test", "new"}
    assert report.trained == (from_features["SPLIT"] == "train").sum()


def test_raw_tables_are_scored_as_the_store_of_the_api(
    learnt: Path, model: Path, from_features: pd.DataFrame, tmp_path: Path
) -> None:
    write_client_store(learnt, tmp_path / "clients.parquet")
    artefact = load_artefact(model, child=False)
    store = ClientStore.open(tmp_path / "clients.parquet", artefact)
    rows = from_features[from_features["SPLIT"] != "train"]
    assert len(rows) > 30
    found = [Scorer(artefact).score(store.row(i)).decision for i in rows["SK_ID_CURR"]]
    assert bits(rows["proba_risk_class"]) == bits([d.probability for d in found])
    assert rows["class"].tolist() == [d.label for d in found]


def test_a_pickle_is_scored_as_the_parquet_file(
    learnt: Path, model: Path, from_features: pd.DataFrame, tmp_path: Path
) -> None:
    score(learnt.with_name("features.pkl.gz"), tmp_path / "out.parquet", model)
    pd.testing.assert_frame_equal(scores(tmp_path / "out.parquet"), from_features, check_exact=True)


@pytest.mark.slow
def test_later_tables_are_scored_alone(
    tables: Tables, model: Path, from_features: pd.DataFrame, tmp_path: Path
) -> None:
    """Clients without an outcome, without the table of those with one: all are new."""
    later = write(tables | {"application_train": []}, tmp_path / "later")
    report = score(later, tmp_path / "out.parquet", model)
    found = scores(tmp_path / "out.parquet").set_index("SK_ID_CURR")
    wanted = from_features.set_index("SK_ID_CURR").loc[found.index]
    assert len(found) == len(tables["application_test"])
    assert {*found["SPLIT"]} == {"new"}
    assert report.trained == 0
    pd.testing.assert_frame_equal(found, wanted.assign(SPLIT="new"), check_exact=True)


@pytest.mark.slow
def test_transformed_features_of_the_training_tables_mark_its_clients(
    raw: Path, model: Path, from_features: pd.DataFrame, tmp_path: Path
) -> None:
    """``features --state`` calls every client new; the raw tables' digest says who is not."""
    transform(raw, [tmp_path / "again.parquet"], model / "state", engine=QUICK, quiet=True)
    score(tmp_path / "again.parquet", tmp_path / "out.parquet", model)
    pd.testing.assert_frame_equal(scores(tmp_path / "out.parquet"), from_features, check_exact=True)


@pytest.mark.slow
def test_tables_of_the_training_under_another_split_are_refused(
    raw: Path, learnt: Path, tmp_path: Path
) -> None:
    write_artefact(tmp_path / "model", of_the_state(learnt, split_digest="0" * 64))
    with pytest.raises(FeatureError, match="their clients were split in another way"):
        score(raw, tmp_path / "out.csv", tmp_path / "model")


# What is refused


def untouched(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def work(served: Served, tmp_path: Path) -> Iterator[Path]:
    """A folder with a model, its feature file and a former output, of which nothing may change."""
    shutil.copytree(served.model, tmp_path / "model")
    shutil.copy(served.features, tmp_path / "features.parquet")
    (tmp_path / "out.csv").write_text("former")
    yield tmp_path
    assert (tmp_path / "out.csv").read_text() == "former"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("spoil", "meta", "says"),
    [
        (lambda f: f, {"state_digest": "d" * 64}, "another feature state .d{12}. than the model"),
        (lambda f: f, {"version": 2}, "is a feature file of version 2, this program reads"),
        (lambda f: f, {"version": None}, "is a feature file of version None"),
        (lambda f: f.drop(columns="EXT_SOURCE_2"), {}, "no column 'EXT_SOURCE_2'; did you mean"),
        (lambda f: f.drop(columns="SPLIT"), {}, "no column 'SPLIT'"),
        (lambda f: f.drop(columns="SK_ID_CURR"), {}, "no column 'SK_ID_CURR'"),
        (lambda f: f.head(0), {}, "holds no client"),
        (lambda f: pd.concat([f, f.head(2)]), {}, "holds 2 clients twice"),
        (lambda f: f.astype({"SK_ID_CURR": float}), {}, "SK_ID_CURR is no whole number"),
        (lambda f: f.assign(SPLIT="old"), {}, "SPLIT holds something else than train, test, new"),
        (lambda f: f.assign(EXT_SOURCE_2="x"), {}, "'EXT_SOURCE_2' takes a number or null"),
        (lambda f: f.assign(OCCUPATION_TYPE=1.0), {}, "'OCCUPATION_TYPE' takes one of its levels"),
    ],
)
def test_a_feature_file_that_is_not_the_models_is_refused(
    spoil: Spoil, meta: dict[str, Any], says: str, work: Path
) -> None:
    write_features(spoil(invented_features()), work / "features.parquet", {**META, **meta})
    with pytest.raises(FeatureError, match=says):
        score(work / "features.parquet", work / "out.csv", work / "model")


@pytest.mark.parametrize("metadata", [None, b"{", b"[]", b"{}"])
def test_a_file_that_names_no_state_is_refused(metadata: bytes | None, work: Path) -> None:
    table = pq.read_table(work / "features.parquet")
    named = {} if metadata is None else {b"credit_features": metadata}
    pq.write_table(table.replace_schema_metadata(named), work / "features.parquet")
    with pytest.raises(FeatureError, match="does not say which feature state it belongs to"):
        score(work / "features.parquet", work / "out.csv", work / "model")


def test_a_column_that_stands_twice_is_refused(work: Path) -> None:
    table = pq.read_table(work / "features.parquet")
    again = table.append_column("EXT_SOURCE_2", table["EXT_SOURCE_3"])
    pq.write_table(again, work / "features.parquet")
    with pytest.raises(FeatureError, match="has two columns of the name 'EXT_SOURCE_2'"):
        score(work / "features.parquet", work / "out.csv", work / "model")


@pytest.mark.parametrize("cut", [0, 3, 1_000, -10_000, -9, -1])
def test_a_file_that_was_cut_is_refused(cut: int, work: Path) -> None:
    whole = (work / "features.parquet").read_bytes()
    (work / "features.parquet").write_bytes(whole[:cut])
    with pytest.raises(FeatureError, match="is damaged or no Parquet file"):
        score(work / "features.parquet", work / "out.csv", work / "model")


def test_a_changed_byte_in_the_numbers_is_refused(
    learnt: Path, model: Path, tmp_path: Path
) -> None:
    """The pages of a feature file carry checksums, so no damage becomes another number."""
    (tmp_path / "out.csv").write_text("former")
    damaged = tmp_path / "features.parquet"
    content = bytearray(learnt.read_bytes())
    groups = pq.ParquetFile(learnt).metadata.row_group(0)
    columns = [groups.column(i) for i in range(groups.num_columns)]
    (column,) = [c for c in columns if c.path_in_schema == "EXT_SOURCE_2"]
    content[column.data_page_offset + column.total_compressed_size - 5] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(FeatureError, match="is damaged or no Parquet file"):
        score(damaged, tmp_path / "out.csv", model)
    assert (tmp_path / "out.csv").read_text() == "former"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["features.parquet", "out.csv"]


@pytest.mark.parametrize(
    ("source", "output", "error", "says"),
    [
        ("missing", "out.csv", FeatureError, "missing is not there; give a folder of raw tables"),
        ("features.parquet", "out.json", SettingError, "names no format; end it in .parquet or"),
        ("features.parquet", ".csv", SettingError, "names no format; end it in .parquet or"),
        ("out.csv", "new.csv", FeatureError, "out.csv names no format; end it in .parquet or"),
        ("features.parquet", "features.parquet", SettingError, "features.parquet, which is read"),
        ("features.parquet", "linked.parquet", SettingError, "which is read; name another file"),
        ("features.parquet", "folder.csv", SettingError, "folder.csv is a folder"),
        ("features.parquet", "model/scores.csv", SettingError, "one more file counts as damage"),
        ("features.parquet", "model/model.txt.csv", SettingError, "counts as damage"),
        ("features.parquet", "features.state/a.csv", SettingError, "counts as damage"),
        ("raw", "raw/bureau.csv", SettingError, "bureau.csv, which is read"),
        ("raw", "raw/bureau.parquet", SettingError, "a second file of the raw table bureau"),
    ],
)
def test_paths_that_would_lose_something_are_refused(
    source: str, output: str, error: type[CreditError], says: str, work: Path
) -> None:
    (work / "raw").mkdir()
    (work / "raw" / "bureau.csv").write_text("a client")
    (work / "folder.csv").mkdir()
    (work / "linked.parquet").symlink_to(work / "features.parquet")
    before = untouched(work)
    with pytest.raises(error, match=says):
        score(work / source, work / output, work / "model")
    assert untouched(work) == before


def test_a_model_that_is_damaged_or_missing_is_refused(work: Path) -> None:
    with pytest.raises(ArtefactError, match="there is no model folder"):
        score(work / "features.parquet", work / "out.csv", work / "nowhere")
    (work / "model" / "features.json").write_text("[]")
    with pytest.raises(ArtefactError, match=r"features\.json is damaged: its SHA-256"):
        score(work / "features.parquet", work / "out.csv", work / "model")


def test_a_model_that_raw_tables_cannot_be_scored_with_is_refused_before_any_work(
    raw: Path, learnt: Path, served: Served, work: Path
) -> None:
    write_artefact(work / "other", of_the_state(learnt, state_digest="0" * 64))
    with pytest.raises(FeatureError, match=r"the state in .*other is of another feature state"):
        score(raw, work / "out.csv", work / "other")
    content = of_the_state(learnt)
    content = replace(served.content, state=content.state, feature_meta=content.feature_meta)
    write_artefact(work / "more", content)
    with pytest.raises(FeatureError, match=r"not compute, as PREV_.*:MEAN; train the model again"):
        score(raw, work / "out.csv", work / "more")


def test_bad_tables_are_refused_as_by_features(tables: Tables, model: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("former")
    with pytest.raises(TableError, match="application_train"):
        score(model, tmp_path / "out.csv", model)
    twice = tables | {"application_test": tables["application_test"] * 2}
    with pytest.raises(CreditError, match="SK_ID_CURR"):
        score(write(twice, tmp_path / "twice"), tmp_path / "out.csv", model)
    few = write(tables, tmp_path / "few")
    next(few.glob("bureau.*")).unlink()
    with pytest.raises(TableError, match="bureau"):
        score(few, tmp_path / "out.csv", model)
    assert (tmp_path / "out.csv").read_text() == "former"
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "twice", "few"}


def test_without_takes_raw_tables_alone(work: Path) -> None:
    with pytest.raises(SettingError, match="--without names raw tables"):
        score(work / "features.parquet", work / "out.csv", work / "model", without=("bureau",))


def test_an_extra_column_and_another_order_change_nothing(served: Served, tmp_path: Path) -> None:
    table = pq.read_table(served.features)
    turned = table.select(table.column_names[::-1]).append_column(
        "more", pa.array(["x"] * len(table))
    )
    meta = json.dumps(META).encode()
    pq.write_table(
        turned.replace_schema_metadata({b"credit_features": meta}), tmp_path / "turned.parquet"
    )
    score(served.features, tmp_path / "one.csv", served.model)
    score(tmp_path / "turned.parquet", tmp_path / "other.csv", served.model)
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_the_reasons_of_a_portfolio_are_those_of_each_client(
    served: Served, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    score(served.features, out, served.model, explain=True)
    found = scores(out).set_index("SK_ID_CURR")
    assert found.columns.tolist() == [*SCHEMA.names[1:], *REASONS_SCHEMA.names]
    artefact = load_artefact(served.model, child=False)
    rows = ClientStore.open(served.clients, artefact)
    assert {*found["class"]} == {"risk", "no_risk"}
    for client in served.ids("test")[:60]:
        row, own = rows.row(client), found.loc[client]
        one = decision_reasons(artefact, row, *scored_parts(artefact, row))
        columns = [(own[f"reason_{n}"], own[f"points_{n}"]) for n in range(1, 5)]
        assert [c for c in columns if isinstance(c[0], str)] == [
            (r.code, r.points) for r in one.reasons
        ]
        assert own["compared_with"] == one.reference.compared_with
        assert not own["blocked"]
    plain = score(served.features, tmp_path / "plain.csv", served.model)
    assert plain.clients == len(found)
    assert scores(tmp_path / "plain.csv").equals(found.reset_index()[SCHEMA.names])


def test_a_principal_protected_concept_leaves_a_portfolio_no_reason(served: Served) -> None:
    artefact = load_artefact(served.model, child=False)
    codes = ["protected" if c == "external_scores" else c for c in artefact.index.of_features]
    guarded = replace(artefact, index=ConceptIndex.of(codes))
    assert served.content.reference is not None
    rows = served.content.reference.held_out[:300]
    columns = reason_columns(guarded, rows, artefact.model.raw_scores(rows))
    blocked = np.array(columns["blocked"])
    assert 0 < blocked.sum() < 300
    first = np.array([code is None for code in columns["reason_1"]])
    assert np.array_equal(first, blocked)
    assert "protected" not in {code for n in range(1, 5) for code in columns[f"reason_{n}"]}
