"""A served model that takes every feature of the pipeline, and its clients, from invented tables."""

import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow.parquet as pq

from api.tests.served import split_of
from project_tools.evaluation.calibration import PlattCalibration
from project_tools.features.catalogue import catalogue, protected, to_json
from project_tools.features.columns import INDEX_COLUMNS, META_KEY
from project_tools.features.definitions.application import LEVELS
from project_tools.features.files import exact_file, state_folder
from project_tools.features.pipeline import feature_names
from project_tools.serving.artefact import ArtefactContent, write_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.inputs import Encoder, ServedFeature
from project_tools.serving.reference import ReferenceClients


@dataclass(frozen=True)
class Known:
    """The raw tables, what was built of them, and the served pair; ``rounded`` has no doubles."""

    raw: Path
    features: Path
    model: Path
    clients: Path
    rounded: Path


def make_known(features: Path, folder: Path) -> Known:
    """The pair of a feature file, whose raw tables lie in the folder ``raw`` beside it.

    The threshold is the median of the test clients, so that many a change changes the decision.
    """
    table = pq.read_table(features)
    infos = catalogue(feature_names())
    hidden = protected(infos)
    names = [n for n in table.column_names if n not in INDEX_COLUMNS and n not in hidden]
    inputs = [
        ServedFeature(
            n, n.replace(":", "_"), "category" if n in LEVELS else "number", LEVELS.get(n, ())
        )
        for n in names
    ]
    train, held_out = split_of(table, "train"), split_of(table, "test")
    rows = Encoder(inputs).encode_table(train)
    outcome = train.column("TARGET").to_numpy()
    booster = lightgbm.train(
        {"objective": "binary", "num_leaves": 15, "min_data_in_leaf": 10, "num_threads": 1, "verbose": -1,
         "seed": 1, "feature_fraction": 0.3},
        lightgbm.Dataset(rows, outcome, feature_name=[f"f{at}" for at in range(len(inputs))]),
        num_boost_round=40,
    )  # fmt: skip
    inputs = [ServedFeature(f.name, f"f{at}", f.kind, f.levels) for at, f in enumerate(inputs)]
    scores = booster.predict(Encoder(inputs).encode_table(held_out), raw_score=True)
    meta = json.loads(pq.read_schema(features).metadata[META_KEY.encode()])
    write_artefact(
        folder / "artefact",
        ArtefactContent(
            name="credit_scoring", version="1", run_id="0" * 32, family="lightgbm",
            model=ModelFile("lightgbm-text", booster.model_to_string().encode()),
            features=inputs, catalogue=to_json(infos),
            threshold=float(np.median(1 / (1 + np.exp(-scores)))), fn_cost=5.0,
            metric="loss_of_income", calibration=PlattCalibration(1.0, 0.0),
            metrics={"AUC": {"value": 0.7, "se": 0.03, "on": "test"}},
            data_digest="d" * 64, feature_meta=meta,
            golden=train.select(names).slice(0, 3).to_pylist(),
            reference=ReferenceClients(
                rows, outcome == 1, Encoder(inputs).encode_table(held_out), band=(0.0, 0.01)
            ),
            state=state_folder(features),
        ),
    )  # fmt: skip
    known = Known(
        features.parent / "raw", features, folder / "artefact",
        folder / "clients.parquet", folder / "rounded.parquet",
    )  # fmt: skip
    write_client_store(features, known.clients, exact=exact_file(features))
    write_client_store(features, known.rounded)
    return known
