"""Raw records over HTTP: the numbers of ``credit features`` and ``credit score``, by one model at a time."""

import csv
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from api import create_app
from api.record import record_of
from api.service import keeper_of
from api.tests.running import settings
from api.tests.test_raw_records import committed, example
from project_tools.cli.main import main
from project_tools.demo import generate
from project_tools.serving.artefact import copy_artefact
from project_tools.settings import ROOT
from tests.helpers.applicants import records_of_clients

MODEL = ROOT / "api" / "model"
CLIENTS = 200


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demonstration") / "raw"
    generate(folder, 1_000, 11, force=True, quiet=True)
    return folder


@pytest.fixture(scope="module")
def scored(tables: Path) -> dict[int, dict[str, str]]:
    """What the commands write of each client."""
    features, scores = tables.with_name("f.parquet"), tables.with_name("scores.csv")
    assert main(["features", str(tables), str(features), "--state", str(MODEL), "--quiet"]) == 0
    assert main(["score", str(features), str(scores), "--model", str(MODEL)]) == 0
    with scores.open() as file:
        return {int(row["SK_ID_CURR"]): row for row in csv.DictReader(file)}


def post(client: FlaskClient, path: str, body: Any) -> Any:
    answer = client.post(path, data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.text
    return answer.json


@pytest.mark.slow
def test_200_clients_get_the_numbers_of_the_commands(
    tables: Path, scored: dict[int, dict[str, str]]
) -> None:
    """Alone and in batches; the recorded input is the encoded row of the feature file."""
    app = committed()
    client, store = app.test_client(), record_of(app).store
    ids = sorted(scored)[:: len(scored) // CLIENTS][:CLIENTS]
    records = records_of_clients(tables, ids)
    encoder = keeper_of(app).service.artefact.model.encoder  # type: ignore[union-attr]
    table = pq.read_table(tables.with_name("f.parquet"))
    rows = {
        row["SK_ID_CURR"]: encoder.encode(row) for row in table.to_pylist() if row["SK_ID_CURR"] in records
    }  # fmt: skip
    rich = 0
    for first in range(0, CLIENTS, 50):
        some = ids[first : first + 50]
        batch = post(client, "/predictions", {"items": [{"applicant": records[i]} for i in some]})
        for number, of_batch in zip(some, batch["predictions"], strict=True):
            alone = post(client, "/prediction", {"applicant": records[number]})
            for answer in (alone, of_batch):
                assert answer["proba_risk_class"] == float(scored[number]["proba_risk_class"])
                assert answer["class"] == scored[number]["class"]
                decision = store.decision(answer["decision"]["id"])
                assert store.row(decision) == rows[number].tobytes()
            rich += all(records[number].values())
    assert rich > 10  # clients with rows in every table


@pytest.mark.slow
def test_a_reload_swaps_the_computation_with_the_model(tmp_path: Path) -> None:
    """While applicants are asked for, each answer is by the model that it names."""
    served = Path(shutil.copytree(MODEL, tmp_path / "served"))
    app = create_app(settings(served))
    client = app.test_client()
    before = keeper_of(app).service
    assert before is not None
    versions: list[str] = []
    ended = threading.Event()

    def ask() -> None:
        own = app.test_client()
        while not ended.is_set():
            versions.append(post(own, "/prediction", {"applicant": example()})["model"]["version"])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        shutil.rmtree(served)
        copy_artefact(MODEL, served, version="2")
        keeper_of(app).reload()
        versions.append(post(client, "/prediction", {"applicant": example()})["model"]["version"])
    finally:
        ended.set()
        asking.join(60)
    assert versions[0] == "1"
    assert versions[-1] == "2"
    assert versions == sorted(versions)
    after = keeper_of(app).service
    assert after is not None
    assert after.applicants() is not before.applicants()
    post(client, "/explanation", {"applicant": example()})
