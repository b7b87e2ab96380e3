"""Raw records of applicants: completed from a few fields, and those of a client of raw tables."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

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


def records_of_clients(folder: Path, clients: Sequence[int]) -> dict[int, Record]:
    """The records of clients of raw tables in CSV, as plain Python by the tables' own types."""
    histories = [name for name in TABLES if not name.startswith("application")]
    found: dict[int, Record] = {client: {name: [] for name in histories} for client in clients}
    owner: dict[int, int] = {}
    for name in TABLES:
        of = "SK_ID_CURR" if name != "bureau_balance" else "SK_ID_BUREAU"
        kinds = {column.name: column.sql_type for column in TABLES[name].columns}
        table = duckdb.read_csv(str(folder / f"{name}.csv"), dtype=kinds)
        wanted = clients if name != "bureau_balance" else [*owner]
        rows = (
            table.filter(f"{of} IN ({', '.join(map(str, wanted))})").arrow().read_all().to_pylist()
        )
        for row in rows:
            row.pop("TARGET", None)
            client = row["SK_ID_CURR"] if of == "SK_ID_CURR" else owner[row[of]]
            if name.startswith("application"):
                found[client]["application"] = row
            else:
                found[client][name].append(row)
                if name == "bureau":
                    owner[row["SK_ID_BUREAU"]] = client
    return found
