"""The copies that workers read, and the clients' rows encoded beside them."""

import stat
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.tests.served import make_served
from project_tools.errors import ArtefactError
from project_tools.serving import clients
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.inputs import Encoder, ServedFeature
from project_tools.serving.last_good import LastGood
from project_tools.serving.scoring import Scorer


@pytest.fixture
def made(tmp_path):
    return make_served(tmp_path)


@pytest.fixture
def last_good(made, tmp_path):
    return LastGood(made.model, made.clients, tmp_path / "state")


def files(state):
    return sorted(p for p in (state / "serving").rglob("*") if p.is_file())


def test_scores_of_the_encoded_rows_are_those_of_the_rows_to_the_bit(made, last_good):
    artefact, store = last_good.load(last_good.adopt())
    plain = ClientStore.open(made.clients, artefact)
    scorer = Scorer(artefact)
    for client in made.ids("test") + made.ids("new"):
        row = artefact.model.encoder.encode(plain.row(client))
        np.testing.assert_array_equal(store.encoded(client), row)
        assert scorer.score_encoded(store.encoded(client)) == scorer.score(plain.row(client))


def test_the_mapped_rows_are_those_of_the_store(made, last_good):
    artefact, mapped = last_good.load(last_good.adopt())
    plain = ClientStore.open(made.clients, artefact)
    assert (mapped.names, mapped.demonstration) == (plain.names, plain.demonstration)
    for client in made.ids("test") + made.ids("new"):
        assert mapped.row(client) == plain.row(client)
    for name in plain.names:
        one, other = mapped.column(name), plain.column(name)
        assert (one.kind, one.levels, mapped.kind(name)) == (other.kind, other.levels, one.kind)
        np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(mapped.targets(), plain.targets())


def test_many_groups_of_rows_are_mapped_as_they_are(made, tmp_path, monkeypatch):
    table = pq.read_table(made.clients)
    pq.write_table(table, made.clients, row_group_size=37, write_page_checksum=True)
    monkeypatch.setattr(clients, "_GROUPS_OF_A_BATCH", 3)
    artefact = load_artefact(made.model, child=False)
    plain = ClientStore.open(made.clients, artefact)
    plain.write_columns(tmp_path / "clients.arrow")
    mapped = ClientStore.open(made.clients, artefact, columns=tmp_path / "clients.arrow")
    assert mapped._rows.sizes == [*[111] * 5, 45]
    for client in made.ids("test")[::7] + made.ids("new")[::7]:
        assert mapped.row(client) == plain.row(client)


def test_a_pair_of_an_older_release_gets_its_columns(last_good, tmp_path):
    pair = last_good.adopt()
    (pointer,) = (tmp_path / "state" / "serving").glob("*.json")
    pointer.write_text(pointer.read_text().replace(f',\n  "columns": "{pair.columns}"', ""))
    assert last_good.pairs()[0].columns == ""
    next((tmp_path / "state" / "serving" / "clients").glob("*.arrow")).unlink()
    with pytest.raises(ArtefactError, match=r"\.arrow cannot be read; start the API again$"):
        last_good.load(last_good.pairs()[0])
    assert last_good.adopt() == pair
    last_good.load(pair)


def test_a_table_is_encoded_as_its_rows_are():
    features = [
        ServedFeature("A", "A", "number", ()),
        ServedFeature("B", "B", "number", ()),
        ServedFeature("C", "C", "category", ("x", "y")),
    ]
    large = 3.4028235e38
    rows = [
        {"A": 0.1, "B": 2**60 + 1, "C": "y"},
        {"A": None, "B": None, "C": None},
        {"A": float("inf"), "B": -1, "C": "no level"},
        {"A": large * 1.1, "B": 0, "C": "x"},  # beyond float32
        {"A": large * (1 + 2.0**-26), "B": 7, "C": ""},  # rounds to the largest float32
        {"A": float("nan"), "B": 1, "C": "x"},
    ]
    table = pa.table(
        {
            "C": pa.array([r["C"] for r in rows]).dictionary_encode(),
            "B": pa.array([r["B"] for r in rows], pa.int64()),
            "A": pa.array([r["A"] for r in rows], pa.float64()),
        }
    )
    encoder = Encoder(features)
    np.testing.assert_array_equal(encoder.encode_table(table), encoder.encode_rows(rows))


def test_copies_are_ours_alone_and_cannot_be_written(last_good, tmp_path):
    last_good.adopt()
    for path in files(tmp_path / "state"):
        if path.suffix in (".parquet", ".arrow", ".npy"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE((tmp_path / "state" / "serving").stat().st_mode) == 0o700


def test_a_refused_pair_leaves_the_pointer_as_it_was(made, last_good):
    good = last_good.adopt()
    (made.model / "model.txt").write_bytes(b"")
    with pytest.raises(ArtefactError, match=r"model\.txt is damaged"):
        last_good.adopt()
    assert last_good.pairs() == [good]
    assert last_good.load(good)[0].digest == good.model


def test_a_damaged_copy_is_made_anew(last_good, tmp_path):
    pair = last_good.adopt()
    whole = {path: path.read_bytes() for path in files(tmp_path / "state")}
    for path in whole:
        if path.suffix in (".parquet", ".arrow", ".npy", ".txt"):
            path.chmod(0o600)
            path.write_bytes(b"damaged")
    assert last_good.adopt() == pair
    assert {path: path.read_bytes() for path in files(tmp_path / "state")} == whole


def test_the_pair_before_is_kept_and_older_ones_are_removed(made, last_good, tmp_path):
    pairs = []
    for version in ("1", "2", "3"):
        write_artefact(made.model, replace(made.content, version=version))
        pairs.append(last_good.adopt())
    assert last_good.pairs() == [pairs[2], pairs[1]]
    models = {p.name for p in (tmp_path / "state" / "serving" / "models").iterdir()}
    assert models == {pairs[1].model, pairs[2].model}


def test_a_scoring_process_imports_no_library_of_training(made, last_good, tmp_path):
    last_good.adopt()
    names = {"pandas", "sklearn", "shap", "mlflow", "hyperopt", "matplotlib", "polars", "numba"}
    code = f"""
import sys
from pathlib import Path
from project_tools.serving.lean import hide_training_libraries
hide_training_libraries()
import api.routes
from api.service import Service
from project_tools.serving.explanation import explain
from project_tools.serving.last_good import LastGood
last_good = LastGood(*map(Path, sys.argv[1:]))
service = Service.load(last_good, last_good.pairs()[0])
client = {made.ids()[0]}
service.scorer.score_encoded(service.store.encoded(client))
explain(service.artefact, service.store.row(client))
service.store.column("AMT_CREDIT"), service.store.column("OCCUPATION_TYPE")
print(sorted({names!r} & {{*sys.modules}}))
"""
    paths = [str(made.model), str(made.clients), str(tmp_path / "state")]
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_forest_without_its_libraries_is_refused_in_one_line():
    code = """
import sys
from project_tools.serving import lean
from project_tools.serving.formats import table
table.show_training_libraries = lambda: None  # as in an environment that does not have them
lean.hide_training_libraries()
try:
    table.model_format("skops").load()
except Exception as why:
    print(type(why).__name__, why)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ArtefactError the model needs the package ")
    assert "install api/requirements-sklearn.txt" in done.stdout
    assert done.stdout.count("\n") == 1


def test_loading_does_not_change_what_a_plain_load_gives(made, last_good):
    artefact, _ = last_good.load(last_good.adopt())
    plain = load_artefact(made.model, child=False)
    assert (artefact.digest, artefact.threshold) == (plain.digest, plain.threshold)
