"""The canonical bytes of an event, its digest and its seal."""

import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from project_tools.errors import SettingError
from project_tools.serving.decisions.record import (
    COLUMNS,
    Decision,
    NewDecision,
    NewEvent,
    Seal,
    canonical,
    event_digest,
)
from project_tools.settings import ROOT

plain = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text()  # fmt: skip
rows = st.lists(plain, min_size=1, max_size=6)


@given(rows)
def test_canonical_bytes_are_ascii_json_that_gives_the_same_values(row: list[Any]) -> None:
    content = canonical("00", row)
    assert content.isascii()
    assert json.loads(content) == ["00", *row]


@given(rows, rows)
def test_other_values_have_another_digest(one: list[Any], other: list[Any]) -> None:
    same = [(type(v), v) for v in one] == [(type(v), v) for v in other]
    assert (event_digest("00", one) == event_digest("00", other)) == (same and str(one) == str(other))  # fmt: skip


def test_a_digest_is_that_of_the_documented_bytes() -> None:
    # docs/decisions.md: a JSON list of the digest before, and the columns in their order
    text = '["aa",1,"x",null,0.1,"\\u00e9"]'
    assert event_digest("aa", [1, "x", None, 0.1, "é"]) == hashlib.sha256(text.encode()).hexdigest()


def test_the_document_names_the_columns_in_their_order() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text().split("<!-- columns:")[1].split("\n")[1]
    assert tuple(name.strip("` ") for name in text.split(",")) == COLUMNS


def test_a_row_has_the_columns_in_their_order(decided: Any) -> None:
    values = decided(7, probability=0.3, raw_score=-0.0).values(5, "{}")
    row = dict(zip(COLUMNS, values, strict=True))
    assert (row["sequence"], row["kind"], row["client"], row["probability"]) == (5, "decision", 7, 0.3)  # fmt: skip
    assert row["content"] == hashlib.sha256(b"row of 7").hexdigest()
    assert math.copysign(1, row["raw_score"]) == 1  # SQLite keeps no negative zero
    assert Decision.of(values, "d").client == 7


@pytest.mark.parametrize("name", ["threshold", "probability", "raw_score"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_no_decision(decided: Any, name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"the {name} of a decision is finite"):
        decided(1, **{name: value})


def test_the_same_note_twice_has_two_digests() -> None:
    # A short text could be guessed from its digest: each is salted.
    (one,), (other,) = (NewEvent("note", {}, content=b"late").contents() for _ in range(2))
    assert one != other


def test_a_seal_is_read_as_it_is_written() -> None:
    seal = Seal(12, "0f" * 32)
    assert Seal.parse(f" {seal}\n") == seal


@pytest.mark.parametrize("text", ["", "12", "0-" + "0f" * 32, "12-" + "0F" * 32, "12-" + "0f" * 31])
def test_another_text_is_no_seal(text: str) -> None:
    with pytest.raises(SettingError, match="a seal is a sequence number, a hyphen and 64"):
        Seal.parse(text)


def test_an_id_follows_the_one_before_it() -> None:
    ids = [NewDecision(None, "", "", "", 0.5, b"", 0.1, 0.0, "no_risk", False).values(1, "")[1] for _ in range(50)]  # fmt: skip
    assert len(set(ids)) == 50
    assert [i[:11] for i in ids] == sorted(i[:11] for i in ids)
