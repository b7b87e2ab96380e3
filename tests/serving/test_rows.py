"""A row of features that a caller sends: everything that is wrong with it, and nothing that was sent."""

import math

import numpy as np
import pytest

from project_tools.serving.inputs import LARGEST, Encoder, ServedFeature
from project_tools.serving.rows import RowError, encode_strictly

FEATURES = (
    ServedFeature("AMT_CREDIT", "AMT_CREDIT", "number", ()),
    ServedFeature("OCCUPATION_TYPE", "OCCUPATION_TYPE", "category", ("Drivers", "Laborers")),
)
ROW = {"AMT_CREDIT": 1.5, "OCCUPATION_TYPE": "Laborers"}


@pytest.mark.parametrize("value", [1.5, 2, None, 0, -0.0, LARGEST, -LARGEST, 1e-50])
def test_a_right_row_is_encoded_as_the_encoder_does(value: float | None) -> None:
    row = {"OCCUPATION_TYPE": "Laborers", "CODE_GENDER": "F", "AMT_CREDIT": value}
    encoder = Encoder(FEATURES)
    found = encode_strictly(encoder, row, {"CODE_GENDER"})
    assert found.tobytes() == encoder.encode(row).tobytes()
    assert np.isnan(found[0, 0]) == (value is None)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"AMT_CREDIT": math.nan}, {"AMT_CREDIT"}),
        ({"AMT_CREDIT": math.inf}, {"AMT_CREDIT"}),
        ({"AMT_CREDIT": 10**400}, {"AMT_CREDIT"}),
        ({"AMT_CREDIT": True}, {"AMT_CREDIT"}),
        ({"AMT_CREDIT": "1.5", "OCCUPATION_TYPE": 1}, {"AMT_CREDIT", "OCCUPATION_TYPE"}),
        ({"OCCUPATION_TYPE": "SECRET"}, {"OCCUPATION_TYPE"}),
        ({"CODE_GENDER": "F"}, {""}),
        ({"AMT_CREDIR": "SECRET"}, {""}),
    ],
)
def test_each_fault_is_named_and_no_value_repeated(
    changes: dict[str, object], names: set[str]
) -> None:
    with pytest.raises(RowError, match="is not what the model takes") as found:
        encode_strictly(Encoder(FEATURES), {**ROW, **changes}, ())
    assert {*found.value.errors} == names
    assert "SECRET" not in str(found.value) + "".join(found.value.errors.values())


def test_a_missing_feature_is_told_from_a_null() -> None:
    with pytest.raises(RowError, match="AMT_CREDIT") as found:
        encode_strictly(Encoder(FEATURES), {"OCCUPATION_TYPE": None}, ())
    assert found.value.errors == {"AMT_CREDIT": "It is missing; give it, or null for it."}
