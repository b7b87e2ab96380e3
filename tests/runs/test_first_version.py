"""The first version of a name is weighed, end to end: permuted labels make no champion."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from project_tools.features.files import read_features
from project_tools.runs import registry
from project_tools.runs.export import export
from project_tools.serving.artefact import load_artefact
from project_tools.system import command
from tests.helpers.small_final import HINTS, feature_file, train_finally

pytestmark = pytest.mark.filterwarnings(*HINTS)


def permute(path: Path) -> None:
    """Exchange the outcomes of a feature file's clients within each split."""
    table, random = pq.read_table(path), np.random.default_rng(3)
    frame = table.select(["SPLIT", "TARGET"]).to_pandas()
    for split in ("train", "test"):
        rows = np.flatnonzero(frame["SPLIT"] == split)
        frame.loc[rows, "TARGET"] = random.permutation(frame.loc[rows, "TARGET"].to_numpy())
    place = table.schema.get_field_index("TARGET")
    column = pd.Series(frame["TARGET"])
    changed = table.set_column(place, table.schema.field(place), [column])
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path)


@pytest.mark.slow
def test_permuted_labels_make_no_champion(
    store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make run` exports the version that was registered, whether it is the champion or not."""
    data, receipt = feature_file(tmp_path, 1_200), tmp_path / "receipt.json"
    permute(data)
    command.quiet_libraries()
    final = train_finally("lightgbm", data, fn_cost="1", receipt=str(receipt))
    version = final.version
    assert registry.aliases_of(store, version) == ["challenger"]
    assert registry.alias_or_none(store, "credit_scoring", "champion") is None
    said = capsys.readouterr().out.splitlines()
    (line,) = [line for line in said if line.startswith("it stays the challenger: ")]
    assert line.removeprefix("it stays the challenger: ") == version.tags["promotion_why"]
    record = json.loads(final.file("promotion.json").read_text())
    assert record["outcome"] == "refused"
    assert [row["against"] for row in record["weighed"]["compared"]] == [
        "granting all", "refusing all",
    ]  # fmt: skip
    told = json.loads(receipt.read_text())
    export(
        f"{told['name']}/{told['version']}",
        tmp_path / "out" / "model",
        features=data,
        most_clients=20,
    )
    assert load_artefact(tmp_path / "out" / "model", child=False).manifest.alias == "challenger"
    assert len(read_features(data).frame) == 1_200


def test_a_model_that_tells_becomes_the_champion(store, tmp_path: Path) -> None:
    """Gender decides 60 % of these outcomes, so a model that may use it beats granting all."""
    data = feature_file(tmp_path, 1_200)
    command.quiet_libraries()
    final = train_finally("lightgbm", data, fn_cost="1", exclude="none", folds="2")
    tags = final.version.tags
    record = json.loads(final.file("promotion.json").read_text())
    below = all(row["difference"] + 1.96 * row["se"] < 0 for row in record["weighed"]["compared"])
    assert below
    broken = [one for one in record["weighed"]["limits"] if one["standing"] == "broken"]
    assert (tags["promotion"] == "promoted") == (not broken)
    assert registry.aliases_of(store, final.version) == ["challenger" if broken else "champion"]
