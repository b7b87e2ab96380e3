"""A feature file of another version of the program is refused wherever one is read."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project_tools.errors import FeatureError
from project_tools.features.files import META_KEY, VERSION, read_features
from project_tools.models.dataset import load_dataset
from tests.helpers.small_final import feature_file


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A feature file that a later version wrote."""
    path = feature_file(tmp_path, 60)
    table = pq.read_table(path)
    meta = json.loads(table.schema.metadata[META_KEY.encode()])
    assert meta["version"] == VERSION
    meta["version"] = VERSION + 1
    pq.write_table(table.replace_schema_metadata({META_KEY: json.dumps(meta)}), path)
    return path


@pytest.mark.parametrize("read", [read_features, load_dataset])
def test_another_version_is_one_line(later: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(FeatureError) as refused:
        read(later)
    assert str(refused.value) == (
        f"features.parquet is a feature file of version {VERSION + 1}, this program reads version "
        f"{VERSION}; build it again"
    )
