"""Orphans: rows whose client or loan has no row in the parent table, or whose loan is another client's.

The tables are added one by one, in any order, and need not be in memory together. Of a parent table
the counter keeps the keys until all its child tables have been added. Of a child table it keeps the
number of rows for each key until all its parents have been added.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from project_tools.tables.declared import TABLES
from project_tools.tables.files import APPLICATIONS, RawTables
from project_tools.tables.report import Finding
from project_tools.tables.sql import quoted
from project_tools.tables.violations import whole_number

_CLIENT = "SK_ID_CURR"
#: Description of rows that name another client than the owner of their loan.
TWO_CLIENTS = "another client than the loan's: the loan bears two clients"


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
    """Counts the orphans of each child table as soon as it and its parents have been added, and its
    rows that name another client than the owner of their loan.
    """

    def __init__(self, raw: RawTables) -> None:
        self._con = raw.connection
        self._pending = dict(_countable(raw))
        self._added: set[str] = set()
        self._kept: set[str] = set()

    def add(self, name: str) -> Iterator[Finding]:
        """Add a table, while its rows can be read; yield findings on the tables now complete."""
        self._added.add(name)
        for key in {row.key for row in self._pending.values() if name in row.parents}:
            self._keep(_keys_of(name), f"SELECT {_key_and_client(name, key)} FROM {name}")
        if name in self._pending:
            keys = _key_and_client(name, self._pending[name].key)
            counted = f"SELECT {keys}, count(*) AS rows FROM {name} GROUP BY ALL"
            self._keep(_rows_of(name), counted)
        complete = [
            child
            for child, row in self._pending.items()
            if self._added.issuperset((child, *row.parents))
        ]
        for child in complete:
            row = self._pending.pop(child)
            yield from self._orphans(child, row)
            if _names_client_of_loan(child):
                yield from self._strangers(child, row)
        self._drop_unneeded()

    def _orphans(self, child: str, row: ForeignKey) -> Iterator[Finding]:
        orphans = f"SELECT sum(rows) FROM {_rows_of(child)} ANTI JOIN {_keys(row)} USING (key)"
        if row.parents and (rows := whole_number(self._con, orphans)):
            what = f"without a row in {' or '.join(row.parents)}"
            yield Finding("odd", child, row.key, rows, what, "orphan")

    def _strangers(self, child: str, row: ForeignKey) -> Iterator[Finding]:
        """Rows of a loan that name another client than the loan's row in the parent table; without
        such a row, the client with the smallest id is the loan's owner.
        """
        own, parents = _rows_of(child), _keys(row)
        others = f"SELECT rows FROM {own} own JOIN {parents} parent USING (key) WHERE own.client != parent.client"
        of_orphans = (
            f"SELECT sum(rows) - arg_min(rows, client) FROM {own} ANTI JOIN {parents} USING (key) "
            "GROUP BY key"
        )
        if rows := whole_number(
            self._con, f"SELECT sum(rows) FROM ({others} UNION ALL {of_orphans})"
        ):
            yield Finding("odd", child, _CLIENT, rows, TWO_CLIENTS, "loan-of-two-clients")

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
    """Tables whose orphans can be counted: those whose parent tables were given. Tables of months
    and payments are counted without them too, for loans of two clients.

    Applications to transform may be in one table alone, which then is the only parent.
    """
    for name, row in FOREIGN_KEYS.items():
        parents = tuple(parent for parent in row.parents if parent in raw.files)
        enough = parents == row.parents or (parents and not raw.learning)
        if name in raw.files and (enough or _names_client_of_loan(name)):
            yield name, replace(row, parents=parents if enough else ())


def _names_client_of_loan(child: str) -> bool:
    """Whether the table's rows hold a loan's key and a client's."""
    return FOREIGN_KEYS[child].key != _CLIENT and _CLIENT in TABLES[child].column_names


def _key_and_client(name: str, key: str) -> str:
    client = _CLIENT if _CLIENT in TABLES[name].column_names else "NULL::BIGINT"
    return f"{key} AS key, {client} AS client"


def _keys(row: ForeignKey) -> str:
    """The keys and clients of all parent tables; no row for a table without parents."""
    kept = " UNION ALL ".join(f"FROM {_keys_of(parent)}" for parent in row.parents)
    return f"({kept or 'SELECT NULL::BIGINT AS key, NULL::BIGINT AS client WHERE false'})"


def _keys_of(parent: str) -> str:
    return quoted(f"keys of {parent}")


def _rows_of(child: str) -> str:
    return quoted(f"rows by key of {child}")
