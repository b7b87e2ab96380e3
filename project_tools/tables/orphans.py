"""Rows whose client or loan stands in no other table, counted while the tables pass by one by one.

Of a table that others belong to the keys are kept, no longer than until the last of those has
passed; of a table that comes before it, how many rows each of its loans has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from project_tools.tables.files import APPLICATIONS, RawTables
from project_tools.tables.report import Finding
from project_tools.tables.sql import quoted
from project_tools.tables.violations import number


@dataclass(frozen=True, slots=True)
class Belonging:
    """The key of a table's rows, and the tables in one of which it stands."""

    key: str
    parents: tuple[str, ...]


#: Tables whose rows belong to a client, and those whose rows belong to a loan of another table.
BELONGING: Mapping[str, Belonging] = {
    "bureau": Belonging("SK_ID_CURR", APPLICATIONS),
    "previous_application": Belonging("SK_ID_CURR", APPLICATIONS),
    "bureau_balance": Belonging("SK_ID_BUREAU", ("bureau",)),
    "POS_CASH_balance": Belonging("SK_ID_PREV", ("previous_application",)),
    "installments_payments": Belonging("SK_ID_PREV", ("previous_application",)),
    "credit_card_balance": Belonging("SK_ID_PREV", ("previous_application",)),
}


class Passing:
    """Counts the rows without a parent of each table, as soon as it and its parents have passed."""

    def __init__(self, raw: RawTables) -> None:
        self._con = raw.connection
        self._due = dict(_due(raw))
        self._passed: set[str] = set()
        self._kept: set[str] = set()

    def passes(self, name: str) -> Iterator[Finding]:
        """What can be told now that the rows of this table are at hand."""
        self._passed.add(name)
        for key in {row.key for row in self._due.values() if name in row.parents}:
            self._keep(_keys_of(name), f"SELECT {key} AS key FROM {name}")
        for child in self._told():
            yield from self._orphans(child, self._due.pop(child), at_hand=child == name)
        if name in self._due:  # its parents are still to come
            key = self._due[name].key
            counted = f"SELECT {key} AS key, count(*) AS rows FROM {name} GROUP BY ALL"
            self._keep(_rows_of(name), counted)
        self._drop_what_nobody_needs()

    def _told(self) -> list[str]:
        """The tables that have passed, and whose parents have."""
        return [n for n, row in self._due.items() if self._passed.issuperset((n, *row.parents))]

    def _orphans(self, child: str, row: Belonging, *, at_hand: bool) -> Iterator[Finding]:
        own = f"(SELECT {row.key} AS key, 1 AS rows FROM {child})" if at_hand else _rows_of(child)
        known = " UNION ALL ".join(f"FROM {_keys_of(parent)}" for parent in row.parents)
        lonely = f"SELECT sum(rows) FROM {own} ANTI JOIN ({known}) USING (key)"
        if rows := number(self._con, lonely):
            what = f"without a row in {' or '.join(row.parents)}"
            yield Finding("odd", child, row.key, rows, what)

    def _keep(self, table: str, select: str) -> None:
        self._con.execute(f"CREATE TABLE {table} AS {select}")
        self._kept.add(table)

    def _drop_what_nobody_needs(self) -> None:
        needed = {_keys_of(parent) for row in self._due.values() for parent in row.parents}
        needed |= {_rows_of(child) for child in self._due}
        for table in self._kept - needed:
            self._con.execute(f"DROP TABLE {table}")
        self._kept &= needed


def _due(raw: RawTables) -> Iterator[tuple[str, Belonging]]:
    """The tables whose rows can be told to belong to nobody: not where a table that they may belong
    to was left out on purpose. Of applications to transform there may be one table alone.
    """
    for name, row in BELONGING.items():
        parents = tuple(parent for parent in row.parents if parent in raw.files)
        all_there = parents == row.parents or (parents and not raw.learning)
        if name in raw.files and all_there:
            yield name, replace(row, parents=parents)


def _keys_of(parent: str) -> str:
    return quoted(f"keys of {parent}")


def _rows_of(child: str) -> str:
    return quoted(f"rows by key of {child}")
