"""Orphans: rows whose client or loan has no row in the parent table.

The tables are added one by one, in any order, and need not be in memory together. Of a parent table
the counter keeps the keys until all its child tables have been added. Of a child table that comes
before its parents it keeps the number of rows for each key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from project_tools.tables.files import APPLICATIONS, RawTables
from project_tools.tables.report import Finding
from project_tools.tables.sql import quoted
from project_tools.tables.violations import whole_number


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """The key of a child table, and its parent tables, one of which must hold it."""

    key: str
    parents: tuple[str, ...]


#: Foreign key of each child table: its rows belong to a client, or to a loan of another table.
FOREIGN_KEYS: Mapping[str, ForeignKey] = {
    "bureau": ForeignKey("SK_ID_CURR", APPLICATIONS),
    "previous_application": ForeignKey("SK_ID_CURR", APPLICATIONS),
    "bureau_balance": ForeignKey("SK_ID_BUREAU", ("bureau",)),
    "POS_CASH_balance": ForeignKey("SK_ID_PREV", ("previous_application",)),
    "installments_payments": ForeignKey("SK_ID_PREV", ("previous_application",)),
    "credit_card_balance": ForeignKey("SK_ID_PREV", ("previous_application",)),
}


class OrphanCounter:
    """Counts the orphans of each child table as soon as it and its parents have been added."""

    def __init__(self, raw: RawTables) -> None:
        self._con = raw.connection
        self._pending = dict(_countable(raw))
        self._added: set[str] = set()
        self._kept: set[str] = set()

    def add(self, name: str) -> Iterator[Finding]:
        """Add a table, while its rows can be read; yield findings on the tables now complete."""
        self._added.add(name)
        for key in {row.key for row in self._pending.values() if name in row.parents}:
            self._keep(_keys_of(name), f"SELECT {key} AS key FROM {name}")
        complete = [
            child
            for child, row in self._pending.items()
            if self._added.issuperset((child, *row.parents))
        ]
        for child in complete:
            yield from self._orphans(child, self._pending.pop(child), readable=child == name)
        if name in self._pending:  # some of its parents are still to be added
            key = self._pending[name].key
            counted = f"SELECT {key} AS key, count(*) AS rows FROM {name} GROUP BY ALL"
            self._keep(_rows_of(name), counted)
        self._drop_unneeded()

    def _orphans(self, child: str, row: ForeignKey, *, readable: bool) -> Iterator[Finding]:
        own = f"(SELECT {row.key} AS key, 1 AS rows FROM {child})" if readable else _rows_of(child)
        parents = " UNION ALL ".join(f"FROM {_keys_of(parent)}" for parent in row.parents)
        orphans = f"SELECT sum(rows) FROM {own} ANTI JOIN ({parents}) USING (key)"
        if rows := whole_number(self._con, orphans):
            what = f"without a row in {' or '.join(row.parents)}"
            yield Finding("odd", child, row.key, rows, what, "orphan")

    def _keep(self, table: str, select: str) -> None:
        self._con.execute(f"CREATE TABLE {table} AS {select}")
        self._kept.add(table)

    def _drop_unneeded(self) -> None:
        needed = {_keys_of(parent) for row in self._pending.values() for parent in row.parents}
        needed |= {_rows_of(child) for child in self._pending}
        for table in self._kept - needed:
            self._con.execute(f"DROP TABLE {table}")
        self._kept &= needed


def _countable(raw: RawTables) -> Iterator[tuple[str, ForeignKey]]:
    """Tables whose orphans can be counted: those whose parent tables were given.

    Applications to transform may be in one table alone, which then is the only parent.
    """
    for name, row in FOREIGN_KEYS.items():
        parents = tuple(parent for parent in row.parents if parent in raw.files)
        enough = parents == row.parents or (parents and not raw.learning)
        if name in raw.files and enough:
            yield name, replace(row, parents=parents)


def _keys_of(parent: str) -> str:
    return quoted(f"keys of {parent}")


def _rows_of(child: str) -> str:
    return quoted(f"rows by key of {child}")
