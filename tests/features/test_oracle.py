"""Every declared feature against a second computation, one test a feature."""

import numpy as np
import pandas as pd
import pytest

from project_tools.features.definitions import application
from project_tools.features.pipeline import HISTORIES, feature_names
from tests.features.features_oracle import STAGED, Tables, application_row, recompute
from tests.features.made_up_tables import features, made_up, write

#: Two sets of tables, so that a value met by chance in one is met in the other by its meaning; one
#: on each engine.
SEEDS = {11: "duckdb", 12: "polars"}


@pytest.fixture(scope="module")
def tables() -> dict[int, Tables]:
    return {seed: made_up(seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def computed(
    tables: dict[int, Tables], tmp_path_factory: pytest.TempPathFactory
) -> dict[int, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("made up")
    return {
        seed: features(write(rows, folder / str(seed)), engine=SEEDS[seed])
        for seed, rows in tables.items()
    }


@pytest.fixture(scope="module")
def expected(
    tables: dict[int, Tables], computed: dict[int, pd.DataFrame]
) -> dict[int, pd.DataFrame]:
    return {
        seed: _second_way(rows, computed[seed].index[computed[seed].SPLIT == "train"])
        for seed, rows in tables.items()
    }


def _second_way(rows: Tables, learners: pd.Index) -> pd.DataFrame:
    found = recompute(rows, set(learners))
    return pd.DataFrame.from_dict(found, orient="index", columns=list(feature_names())).sort_index()


def _texts(column: pd.Series) -> list[str | None]:
    return column.astype("object").where(column.notna(), None).tolist()


@pytest.mark.parametrize("name", feature_names())
def test_a_feature_agrees_with_a_second_computation(
    name: str, computed: dict[int, pd.DataFrame], expected: dict[int, pd.DataFrame]
) -> None:
    ever_known = False
    for seed in SEEDS:
        ours, theirs = computed[seed][name], expected[seed][name]
        ever_known |= bool(theirs.notna().any())
        if name in application.CATEGORIES:
            assert _texts(ours) == _texts(theirs)
            continue
        wanted = theirs.astype("float64").to_numpy()
        scale = np.nanmax(np.abs(wanted), initial=0)
        np.testing.assert_allclose(
            ours.to_numpy("float64"), wanted, rtol=2e-6, atol=1e-7 * scale, err_msg=name
        )
    assert ever_known, f"the made-up tables never give {name} a value"


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_the_oracle_knows_every_staged_column(history: object, tables: dict[int, Tables]) -> None:
    rows = STAGED[history.name](tables[min(SEEDS)])  # type: ignore[attr-defined]  # a History
    missing = {column.name for column in history.derived} - rows[0].keys()  # type: ignore[attr-defined]
    assert not missing, f"write down in features_oracle what they mean: {missing}"


def test_the_oracle_knows_every_column_of_the_application(tables: dict[int, Tables]) -> None:
    row = application_row(tables[min(SEEDS)]["application_train"][0])
    assert {column.name for column in application.DERIVED} <= row.keys()
