"""The doubles that a changed application is computed from: which they are, and that they are kept."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from project_tools.features.amendment import HISTORY_SOURCES, ROUNDED, Amendments, is_exact
from project_tools.features.columns import ID
from project_tools.features.definitions import application
from project_tools.features.files import exact_file, state_folder
from project_tools.features.pipeline import feature_names
from project_tools.features.state import FeatureState


@pytest.fixture(scope="module")
def amendments(features: Path) -> Amendments:
    return Amendments(FeatureState.load(state_folder(features)), feature_names())


def test_the_kept_doubles_are_the_inputs_that_float32_rounds(amendments: Amendments) -> None:
    """From the steps of the program; ``ROUNDED`` is told from the declared rows."""
    columns = (*(column.name for column in application.KEPT), *HISTORY_SOURCES)
    needed = {name for column in columns for name in amendments.needs([column])}
    # What is changed itself is needed where another column changes.
    assert {name for name in needed if not is_exact(name)} == {*ROUNDED}
    assert needed <= {*feature_names()}


def test_they_are_beside_the_feature_file_and_round_to_it(features: Path) -> None:
    rows, doubles = pq.read_table(features), pq.read_table(exact_file(features))
    assert doubles.column_names == [ID, *ROUNDED]
    assert doubles.column(ID).equals(rows.column(ID))
    more = 0
    for name in ROUNDED:
        exact, rounded = doubles.column(name).to_numpy(), rows.column(name).to_numpy()
        np.testing.assert_array_equal(exact.astype("float32"), rounded)
        more += bool((exact[~np.isnan(exact)] != rounded[~np.isnan(rounded)]).any())
    assert more > 10  # rounding loses something


@pytest.mark.parametrize(
    ("changed", "moved", "needs"),
    [
        (["OWN_CAR_AGE"], {"OWN_CAR_AGE", "CAR_TO_BIRTH_RATIO", "CAR_TO_EMPLOYED_RATIO"}, {"DAYS_BIRTH", "DAYS_EMPLOYED"}),
        (["WEEKDAY_APPR_PROCESS_START"], {"WEEKDAY_APPR_PROCESS_START"}, set()),
        (
            ["FLAG_DOCUMENT_3"],
            {"FLAG_DOCUMENT_3", "DOCUMENT_COUNT", "NEW_DOC_KURT"},
            {"FLAG_DOCUMENT_8", "FLAG_DOCUMENT_18", "DOCUMENT_COUNT"},
        ),
        (
            ["BUREAU_AMT_CREDIT_SUM_DEBT_SUM"],
            {"BUREAU_AMT_CREDIT_SUM_DEBT_SUM", "BUREAU_DEBT_OVER_CREDIT"},
            {"BUREAU_AMT_CREDIT_SUM_SUM"},
        ),
        (["HOUR_APPR_PROCESS_START", "PREV_HOUR_APPR_PROCESS_START_MEAN"],
         {"HOUR_APPR_PROCESS_START", "HOUR_APPR_RATIO", "HOUR_APPR_DIFFERENCE", "PREV_HOUR_APPR_PROCESS_START_MEAN"}, set()),
        ([], set(), set()),
    ],
)  # fmt: skip
def test_the_lineage_of_a_change(
    amendments: Amendments, changed: list[str], moved: set[str], needs: set[str]
) -> None:
    assert {*amendments.moved_by(changed)} == moved
    assert amendments.needs(changed) == needs


def test_a_value_that_is_needed_and_not_known_is_an_error(amendments: Amendments) -> None:
    with pytest.raises(KeyError, match="DAYS_BIRTH"):
        amendments.amended({"DAYS_EMPLOYED": -5.0}, {"OWN_CAR_AGE": [3.0]})


def test_numbers_beyond_what_the_tables_hold_are_null(amendments: Amendments) -> None:
    known = {"DAYS_BIRTH": -9000.0, "DAYS_EMPLOYED": -5.0}
    made = amendments.amended(known, {"OWN_CAR_AGE": [3.0, 1e13, None]})
    assert made["OWN_CAR_AGE"][0] == 3
    for values in made.values():
        assert np.isnan(values[1:]).all()
    assert not np.isnan(made["CAR_TO_BIRTH_RATIO"][0])
