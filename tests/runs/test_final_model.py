"""A model of any family from its training to the folder that is served, through a real registry."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.types.schema import AnyType, DataType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

from api import create_app
from api.service import VERIFIED
from api.tests.served import invented_features
from project_tools.errors import TrackingError, TrainingError
from project_tools.features.files import write_features
from project_tools.features.state import FeatureState
from project_tools.models.dataset import load_dataset
from project_tools.models.families import get_family
from project_tools.models.final_evaluation import evaluate_finally
from project_tools.models.training import train
from project_tools.runs import registry
from project_tools.runs.audit import audit_final
from project_tools.runs.export import export
from project_tools.runs.final_model import FinalModel, log_final, register_final
from project_tools.runs.parameters import FinalSettings
from project_tools.runs.store import connect, project_run
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.scoring import Scorer
from project_tools.settings import Settings
from project_tools.system.files import sha256

#: MLflow's own hints, said while its pyfunc is imported and a model is logged without examples.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*Any type hint is inferred as AnyType", "ignore:.*An input example was not provided"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory, new_store):
    """One store for the module."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patched.delenv("MLFLOW_RUN_ID", raising=False)
        patched.chdir(folder)
        yield connect(Settings.load({}))


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    data = tmp_path_factory.mktemp("features") / "features.parquet"
    frame = invented_features().drop(columns="PREV_NAME_CONTRACT_STATUS_Refused:MEAN")
    statuses = np.resize(["Married", "Widow"], len(frame))
    frame["NAME_FAMILY_STATUS"] = pd.Categorical(statuses, categories=["Married", "Widow"])
    levels = {
        name: tuple(frame[name].cat.categories)
        for name in frame.select_dtypes("category").columns
        if name != "SPLIT"
    }
    state = FeatureState({}, levels, raw_digest="a" * 64, split_digest="b" * 64)
    doubles = pa.table(
        {
            n: frame[n].astype("int64" if n == "SK_ID_CURR" else "float64")
            for n in ("SK_ID_CURR", "AMT_CREDIT")
        }
    )
    write_features(pa.Table.from_pandas(frame, preserve_index=False), state, [data], exact=doubles)
    return FinalSettings.from_texts({"data": str(data), "folds": "3", "jobs": "1"})


def loaded(settings, split="train"):
    return load_dataset(settings.data, split=split, exclude=settings.exclude, seed=1, folds=1)


def finally_judged(row, setting, settings):
    training, test = loaded(settings), loaded(settings, "test")
    model = train(row, setting, training, folds=3)
    found = evaluate_finally(model, training, test)
    audit = audit_final(model, setting, training, test, found, settings=settings, run_id="0" * 32)
    return FinalModel(model, training, test, found, audit)


def digest_of_registered(registered):
    with tempfile.TemporaryDirectory() as folder:
        return load_artefact(registry.download(registered, Path(folder)), child=False).digest


def answered(folder, address):
    """What the API says of the exported pair."""
    model, clients = folder / "model", folder / "clients.parquet"
    # Its child process is tried elsewhere: it takes a second or two.
    with mock.patch.dict(os.environ, {VERIFIED: sha256(model / "manifest.json")}):
        named = {"CREDIT_MODEL": str(model), "CREDIT_CLIENTS": str(clients)}
        named["CREDIT_STATE"] = str(folder / "state")
        app = create_app(Settings.load(named))
    response = app.test_client().get(address)
    assert response.status_code == 200, response.json
    return response.json


def check_curves(artefact, test):
    """The curves that travel with a model are over the test clients, and give its logged cost."""
    curves = artefact.reference.curves
    assert curves is not None
    assert (curves.clients, curves.defaulted) == (len(test), int((test.y == 1).sum()))
    (served,) = (p for p in curves.as_served if p.fn_cost == artefact.manifest.fn_cost)
    logged = artefact.manifest.metrics["test.loss_of_income"]
    assert served.cost.value == pytest.approx(logged["value"])
    assert (served.cost.high - served.cost.value) / 1.96 == pytest.approx(logged["se"])


@pytest.mark.slow
def test_a_forest_is_registered_exported_served_and_explained(store, settings, tmp_path):
    small = {"n_estimators": 10, "max_leaf_nodes": 16}
    final = finally_judged(get_family("random_forest"), small, settings)
    model, test = final.model, final.test
    with project_run("random_forest") as project:
        log_final(project, final)
        registered = register_final(project, final)
    held = store.get_run(project.run_id)
    assert held.data.metrics["test.calibration_slope_se"] > 0
    assert {a.path for a in store.list_artifacts(project.run_id)} >= {
        "reliability.png",
        "costs.png",
        "calibration.json",
        "evaluation.json",
        "final.txt",
    }
    weighed = store.get_model_version("credit_scoring", registered.version).tags["promotion"]
    alias = {"promoted": "champion", "refused": "challenger"}[weighed]
    assert registry.aliases_of(store, registered) == [alias]
    digest = export(
        f"credit_scoring@{alias}",
        tmp_path / "out" / "model",
        features=settings.data,
        most_clients=50,
    )
    artefact = load_artefact(tmp_path / "out" / "model")
    assert artefact.digest == digest
    assert (artefact.manifest.family, artefact.manifest.version) == ("random_forest", "1")
    assert artefact.manifest.metrics["test.AUC"]["on"] == "test"
    clients = ClientStore.open(tmp_path / "out" / "clients.parquet", artefact)
    assert clients.exact == {"AMT_CREDIT"}
    row = clients.row(int(test.ids[0]))
    expected = model.probabilities(test.X.head(1))[0]
    decision = Scorer(artefact).score(row).decision
    assert decision.probability == pytest.approx(expected, rel=1e-9)
    found = decision_reasons(artefact, row, *scored_parts(artefact, row))
    assert artefact.manifest.format == 3
    assert artefact.reference is not None
    check_curves(artefact, test)
    assert found.granted == decision.granted
    assert found.reasons or found.blocked
    told = answered(tmp_path / "out", f"/explanation/{test.ids[0]}")
    assert told["scale"] == "probability"
    assert told["raw_score"] == pytest.approx(model.raw_probabilities(test.X.head(1))[0])
    added = sum(feature["contribution"] for g in told["groups"] for feature in g["features"])
    assert told["base"] + added == pytest.approx(told["raw_score"], abs=1e-6)
    assert [r["text"] for r in told["reasons"]] == [r.text for r in found.reasons]
    # What MLflow's own loader answers is what the version's signature promises.
    pyfunc = mlflow.pyfunc.load_model(f"models:/credit_scoring/{registered.version}")
    asked = pyfunc.metadata.get_input_schema()
    assert asked.input_names() == list(model.feature_names)
    categories = set(test.X.select_dtypes("category").columns)
    for column in asked.inputs:
        # MLflow's type for texts refuses pandas categories.
        assert column.type == (AnyType() if column.name in categories else DataType.double)
    assert registered.tags == {
        "artefact_digest": digest_of_registered(registered),
        "data_digest": sha256(settings.data),
        "family": "random_forest",
        "commit": store.get_run(project.run_id).data.tags["commit"],
        "threshold": str(model.threshold),
    }
    texts = dict.fromkeys(test.X.select_dtypes("category").columns, "str")
    answer = pyfunc.predict(test.X.head(3).astype(texts))
    assert list(answer.columns) == pyfunc.metadata.get_output_schema().input_names()
    np.testing.assert_allclose(answer["proba_risk_class"], model.probabilities(test.X.head(3)))


def test_a_support_vector_machine_is_neither_registered_nor_exported(store, settings, tmp_path):
    machine = replace(
        get_family("logistic_l2"), name="svc_rbf", label="RBF machine", space={}, fixed={}, format=None,
        build=lambda _p, _s, _j: CalibratedClassifierCV(SVC(), ensemble=False, cv=2),
    )  # fmt: skip
    final = finally_judged(machine, {}, settings)
    with (
        project_run("search") as project,
        pytest.raises(TrainingError, match="RBF machine has no exact explanation") as refused,
    ):
        register_final(project, final)
    assert "\n" not in str(refused.value)
    assert store.search_model_versions(f"run_id = '{project.run_id}'") == []
    with pytest.raises(TrackingError, match="no run with a registered model is called"):
        export(project.run_id, tmp_path / "model", features=settings.data, most_clients=5)


def test_a_run_without_a_model_is_one_line_with_what_there_is(store, settings, tmp_path):
    store.create_registered_model("behaviour_scoring")
    run = store.create_run(store.create_experiment("empty"))
    for name, says in (
        (
            run.info.run_id,
            "no run with a registered model is called .* registered are: .*behaviour_scoring",
        ),
        ("behavior_scoring", "did you mean 'behaviour_scoring'"),
        ("behaviour_scoring", "has no alias 'champion'; set are: none"),
    ):
        with pytest.raises(TrackingError, match=says) as refused:
            export(name, tmp_path / "model", features=settings.data, most_clients=5)
        assert "\n" not in str(refused.value)
    assert not (tmp_path / "model").exists()
