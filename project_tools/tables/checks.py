"""What is wrong with raw tables: fatal findings stop the work, odd ones are counted."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from project_tools.errors import TableError
from project_tools.tables.declared import TABLES
from project_tools.tables.reading import RawTables, open_tables
from project_tools.tables.schema import Table

Severity = Literal["fatal", "odd"]
#: Levels of a column that a report names; the rest are counted.
_SHOWN = 3
#: Tables whose rows belong to a client, and those whose rows belong to a loan of another table.
_PARENTS = (
    ("bureau", "SK_ID_CURR", ("application_train", "application_test")),
    ("previous_application", "SK_ID_CURR", ("application_train", "application_test")),
    ("bureau_balance", "SK_ID_BUREAU", ("bureau",)),
    ("POS_CASH_balance", "SK_ID_PREV", ("previous_application",)),
    ("installments_payments", "SK_ID_PREV", ("previous_application",)),
    ("credit_card_balance", "SK_ID_PREV", ("previous_application",)),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in which table and column, in how many rows, what."""

    severity: Severity
    table: str
    column: str
    rows: int
    what: str


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on a folder of raw tables."""

    directory: Path
    findings: tuple[Finding, ...]

    @property
    def fatal(self) -> bool:
        """Whether something stops the work."""
        return any(finding.severity == "fatal" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"fatal": self.fatal, "findings": [asdict(finding) for finding in self.findings]}

    def as_table(self) -> str:
        """Lines for a terminal; one that says so where nothing is wrong."""
        if not self.findings:
            return "nothing is wrong with these tables"
        rows = [f"{'severity':<9} {'table':<22} {'column':<26} {'rows':>10}  what"]
        rows += [
            f"{f.severity:<9} {f.table:<22} {f.column:<26} {f.rows:>10,}  {f.what}"
            for f in self.findings
        ]
        return "\n".join(rows)


def check(directory: Path, *, without: Collection[str] = ()) -> Report:
    """The report on a folder; what cannot even be opened is its one fatal finding."""
    try:
        raw = open_tables(directory, without)
    except TableError as error:
        return Report(directory, (Finding("fatal", "", "", 0, str(error)),))
    findings = (*_duplicates(raw), *_orphans(raw), *_levels(raw), *_extra(raw))
    return Report(directory, tuple(sorted(findings, key=lambda f: f.severity)))


def _count(raw: RawTables, query: str) -> int:
    row = raw.connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _duplicates(raw: RawTables) -> Iterator[Finding]:
    """Clients who stand twice among the applications: no row could say which is theirs."""
    clients = (
        "SELECT SK_ID_CURR FROM application_train UNION ALL SELECT SK_ID_CURR FROM application_test"
    )
    twice = _count(raw, f"SELECT count(*) - count(DISTINCT SK_ID_CURR) FROM ({clients})")
    if twice:
        yield Finding(
            "fatal", "application_train/test", "SK_ID_CURR", twice, "the client stands there twice"
        )


def _orphans(raw: RawTables) -> Iterator[Finding]:
    for table, key, parents in _PARENTS:
        known = " UNION ALL ".join(f"SELECT {key} FROM {parent}" for parent in parents)
        rows = _count(
            raw, f"SELECT count(*) FROM {table} WHERE {key} NOT IN (SELECT {key} FROM ({known}))"
        )
        if rows:
            yield Finding("odd", table, key, rows, f"without a row in {' or '.join(parents)}")


def _levels(raw: RawTables) -> Iterator[Finding]:
    for name in raw.files:
        yield from _levels_of(raw, TABLES[name])


def _levels_of(raw: RawTables, table: Table) -> Iterator[Finding]:
    for column in table.columns:
        if not column.levels:
            continue
        marks = ", ".join("?" for _ in column.levels)
        found = raw.connection.execute(
            f"SELECT {column.name}, count(*) FROM {table.name} WHERE {column.name} NOT IN ({marks}) "
            "GROUP BY 1 ORDER BY 2 DESC, 1",
            list(column.levels),
        ).fetchall()
        if found:
            names = ", ".join(repr(level) for level, _ in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            rows = sum(count for _, count in found)
            yield Finding("odd", table.name, column.name, rows, f"unknown level {names}{more}")


def _extra(raw: RawTables) -> Iterator[Finding]:
    for table, columns in raw.extra.items():
        yield from (
            Finding("odd", table, name, 0, "not in the schema, ignored") for name in columns
        )
