"""The raw tables as rows to compute with: each one is read whole and checked when it is asked for.

Each file is parsed only once, and memory holds only the tables that the current step needs.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import narwhals as nw

from project_tools.errors import TableError
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.files import RawTables
from project_tools.tables.orphans import OrphanCounter
from project_tools.tables.report import Finding
from project_tools.tables.sql import quoted, text
from project_tools.tables.views import placed_keys
from project_tools.tables.violations import (
    TABLE_ROW,
    VIEW_ROW,
    TableCount,
    application_findings,
    count,
    duplicate_keys,
    usable_rows,
)

#: Tables that other tables join by their key: a duplicate key would multiply the joined rows.
JOINED = ("bureau", "previous_application")


class LoadedTables:
    """Tables in DuckDB's memory, which spills to disk when memory runs short; rows in any order.

    With ``folder`` the tables are in a compressed file there, in the order of their files. Use it
    when all tables are needed at once, or when findings must name a row.
    """

    def __init__(self, raw: RawTables, *, quiet: bool = True, folder: Path | None = None) -> None:
        self._raw, self._quiet = raw, quiet
        self._frames: dict[str, nw.LazyFrame[Any]] = {}
        self._orphans = OrphanCounter(raw)
        self._schema, self._in_order = "memory.main", folder is not None
        self.counts: dict[str, TableCount] = {}
        if folder is not None:
            raw.connection.execute(f"ATTACH {text(str(folder / 'tables.duckdb'))} AS loaded")
            self._schema = "loaded.main"

    @property
    def odd(self) -> tuple[Finding, ...]:
        """Findings on the tables read so far, in the order of reading; fatal ones stop ``read``."""
        return tuple(finding for counted in self.counts.values() for finding in counted.findings)

    def read(self, name: str) -> nw.LazyFrame[Any]:
        """The rows of a table; raises ``TableError`` if one of its findings is fatal."""
        if name not in self._frames:
            self.load(name)
            raise_if_fatal(self.counts[name].findings)
        return self._frames[name]

    def load(self, name: str) -> None:
        """Read a table and count its findings, fatal ones included, into ``counts``."""
        con, stored = self._raw.connection, self._stored(name)
        with working(f"reading {name}", quiet=self._quiet, done=con.query_progress) as step:
            con.execute(f"SET preserve_insertion_order = {str(self._in_order).lower()}")
            with placed_keys(con, TABLES[name], self._raw.files.get(name)):
                con.execute(f"CREATE TABLE {stored} AS SELECT * FROM {quoted(name)}")
            con.execute("SET preserve_insertion_order = false")
            counted = self._count(name)
            step.note = f"{counted.rows:,} rows"
        usable = usable_rows(TABLES[name], stored, counted.unusable)
        con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {usable}")
        self._frames[name] = nw.from_native(con.table(quoted(name)))
        findings = (
            *_blank_file(self._raw, name),
            *counted.findings,
            *self._key_findings(name),
            *self._orphans.add(name),
        )
        self.counts[name] = TableCount(counted.rows, findings, counted.unusable)

    def release(self, *names: str) -> None:
        """Drop the rows of tables that no later step needs; their findings stay."""
        for name in names:
            del self._frames[name]
            self._raw.connection.execute(f"DROP TABLE {self._stored(name)}")

    def _count(self, name: str) -> TableCount:
        con, table, stored = self._raw.connection, self._raw.expected(name), self._stored(name)
        if self._in_order:
            return count(con, table, stored, TABLE_ROW)
        counted = count(con, table, stored)
        if any(finding.severity == "fatal" for finding in counted.findings):
            # Only the file has its rows in order: read it again for the number of the row.
            return count(con, table, quoted(name), VIEW_ROW)
        return counted

    def _key_findings(self, name: str) -> Iterable[Finding]:
        con = self._raw.connection
        if name in JOINED:
            return duplicate_keys(con, TABLES[name], "fatal")
        # application_test is the second of the two tables of clients.
        if name == "application_test" and "application_train" in self._frames:
            return application_findings(con, learning=self._raw.learning)
        return ()

    def _stored(self, name: str) -> str:
        return f"{self._schema}.{quoted(f'rows of {name}')}"


def check_in_place(raw: RawTables) -> tuple[Finding, ...]:
    """Odd findings on tables that DuckDB counts in their files, because another engine reads them.

    Raises ``TableError`` if a finding is fatal.
    """
    con, findings = raw.connection, [f for name in TABLES for f in _blank_file(raw, name)]
    for name in raw.files:
        with placed_keys(con, TABLES[name], raw.files[name]):
            findings += count(con, raw.expected(name), quoted(name), VIEW_ROW).findings
    findings += application_findings(con, learning=raw.learning)
    findings += [f for name in JOINED for f in duplicate_keys(con, TABLES[name], "fatal")]
    orphans = OrphanCounter(raw)
    findings += [f for name in raw.files for f in orphans.add(name)]
    raise_if_fatal(findings)
    return tuple(findings)


def raise_if_fatal(findings: Iterable[Finding]) -> None:
    """Raise ``TableError`` with the first fatal finding and the number of the other fatal ones."""
    fatal = [finding for finding in findings if finding.severity == "fatal"]
    if fatal:
        more = f"; {len(fatal) - 1} more fatal findings" if len(fatal) > 1 else ""
        raise TableError(
            f"{fatal[0]}{more}; correct the tables, python -m project_tools check lists all"
        )


def _blank_file(raw: RawTables, name: str) -> tuple[Finding, ...]:
    what = "the file is empty, without even a header: treated as a table without rows"
    return (Finding("odd", name, "", 0, what, "file-empty"),) if name in raw.blank else ()
