"""Raw records of applicants: completed from a few fields, and those of a client of raw tables."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from project_tools.tables.declared import TABLES

Record = dict[str, Any]


def completed(
    application: Mapping[str, Any] | None = None, **histories: Sequence[Mapping[str, Any]]
) -> Record:
    """Records with these fields and null in the others; keys are numbered, loans of months are there."""
    months = histories.get("bureau_balance", ())
    histories.setdefault("bureau", [{}] * len(months))
    return {
        "application": _full("application_test", application or {}, count(1)),
        **{
            name: [_full(name, row, number) for row in rows]
            for name, rows in histories.items()
            for number in [count(1)]
        },
    }


def _full(table: str, fields: Mapping[str, Any], number: "count[int]") -> Record:
    keys = [c.name for c in TABLES[table].columns if c.kind == "key" and c.name != "SK_ID_CURR"]
    at = next(number)
    others = (c.name for c in TABLES[table].columns if c.name != "TARGET")
    return {**dict.fromkeys(others), **dict.fromkeys(keys, at), **fields}
