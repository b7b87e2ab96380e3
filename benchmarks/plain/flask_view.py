"""The plain way to serve a score: a Flask view that calls ``predict_proba`` on a one-row frame.

The model and the clients are those that our service serves; ``/empty`` is a route without any work.
``benchmarks/api.py`` starts it under gunicorn.
"""

# ruff: noqa: SLF001  (LightGBM has no public way from a text to its estimator)
import json
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from flask import Flask, jsonify
from sklearn.preprocessing import LabelEncoder

from project_tools.settings import ROOT

app = Flask(__name__)


def _clients() -> pd.DataFrame:
    """The known clients as the model takes them: one block of numbers, the cheapest frame there is."""
    features = json.loads((ROOT / "api" / "model" / "features.json").read_text())
    table = pd.read_parquet(ROOT / "api" / "clients.parquet").set_index("SK_ID_CURR")
    columns: dict[str, Any] = {}
    for feature in features:
        column = table[feature["name"]]
        if feature["kind"] == "category":
            codes = column.astype(pd.CategoricalDtype(feature["levels"])).cat.codes
            column = codes.where(codes >= 0)
        columns[feature["model_name"]] = column
    return pd.DataFrame(columns, index=table.index).astype("float32")


def _classifier() -> lightgbm.LGBMClassifier:
    """The served trees in the estimator that a person gets from ``fit``."""
    model = lightgbm.LGBMClassifier()
    model._Booster = lightgbm.Booster(model_file=ROOT / "api" / "model" / "model.txt")
    model._n_features = model._n_features_in = model._Booster.num_feature()
    model._classes, model._n_classes = np.array([0, 1]), 2
    model._le = LabelEncoder().fit(model._classes)
    model.fitted_ = True
    return model


_CLIENTS, _MODEL = _clients(), _classifier()


@app.get("/prediction/<int:client>")
def prediction(client: int) -> Any:
    """The probability before calibration."""
    return jsonify(id=client, risk=float(_MODEL.predict_proba(_CLIENTS.loc[[client]])[0, 1]))


@app.get("/empty")
def empty() -> str:
    """Nothing: what Flask and gunicorn cost alone."""
    return ""
