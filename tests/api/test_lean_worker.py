"""A worker that scores boosted trees holds no library of training or drawing, whatever it answers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import xgboost

from api.tests.running_server import free_port
from api.tests.served import Served, make_served, matrix_of, split_of
from project_tools.serving.artefact import ArtefactContent, write_artefact
from project_tools.serving.formats.base import ModelFile
from project_tools.settings import ROOT

#: What none of the answers needs.
ABSENT = {
    *("pandas", "shap", "mlflow", "matplotlib", "sklearn", "skops", "numba", "hyperopt"),
    *("polars", "duckdb", "streamlit", "imblearn"),
}
#: The application of a worker, and beside it one address more: what this very worker has imported.
APPLICATION = """
import json, sys, threading
from api.wsgi import app as served

def app(environ, start_response):
    if environ["PATH_INFO"] != "/imported":
        return served(environ, start_response)
    start_response("200 OK", [("Content-Type", "application/json")])
    hook = "threads end in " + threading.excepthook.__module__
    return [json.dumps([hook, *sorted({name.partition(".")[0] for name in sys.modules})]).encode()]
"""


def in_xgboost(content: ArtefactContent, made: Served) -> ArtefactContent:
    """The same clients' model by XGBoost."""
    train = split_of(made.table, "train")
    rows = xgboost.DMatrix(
        matrix_of(train),
        train.column("TARGET").to_numpy(),
        feature_names=[feature.model_name for feature in content.features],
        feature_types=["c" if feature.levels else "q" for feature in content.features],
        enable_categorical=True,
    )
    setting = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    trees = xgboost.train(setting, rows, num_boost_round=10)
    file = ModelFile("xgboost-ubj", bytes(trees.save_raw("ubj")))
    return replace(content, model=file, family="xgboost")


@contextmanager
def worker(made: Served, folder: Path) -> Iterator[str]:
    """The address of a server with one worker."""
    (folder / "looked_into.py").write_text(APPLICATION)
    port = free_port()
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("CREDIT_", "API_"))}
    environ = kept | {
        "CREDIT_MODEL": str(made.model),
        "CREDIT_CLIENTS": str(made.clients),
        "CREDIT_STATE": str(folder / "state"),
        "CREDIT_API_PORT": str(port),
        "PYTHONPATH": str(folder),
    }
    command = ["-m", "gunicorn", "-c", "api/gunicorn.conf.py", "-w", "1", "looked_into:app"]
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environ, stdout=file, stderr=file
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/health/ready")  # noqa: S310  (our own address)
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@pytest.mark.parametrize(
    "family",
    ["lightgbm", pytest.param("xgboost", marks=pytest.mark.slow)],  # a server takes five seconds
)
def test_a_worker_imports_nothing_of_training_or_drawing(tmp_path: Path, family: str) -> None:
    made = make_served(tmp_path)
    if family == "xgboost":
        write_artefact(made.model, in_xgboost(made.content, made))
    client = made.ids()[0]

    def get(path: str) -> object:
        with urllib.request.urlopen(f"{address}{path}") as answer:  # noqa: S310  (our own address)
            return json.load(answer)

    with worker(made, tmp_path) as address:
        for path in (
            f"/prediction/{client}",
            f"/explanation/{client}",
            f"/clients/{client}",
            f"/peers/{client}?feature=EXT_SOURCE_2&feature=OCCUPATION_TYPE&group=similar_person",
            "/prediction/?query=100",
            "/features",
            "/model_info",
            "/openapi.json",
        ):
            assert get(path), path
        imported = set(get("/imported"))  # type: ignore[call-overload]
    assert family in imported
    assert "threads end in api.logs" in imported  # Python's own hook prints an error's message
    assert not imported & ABSENT
