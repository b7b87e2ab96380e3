"""The raw tables as rows to compute with: each read whole and checked when it is asked for.

Texts are parsed and types settled a single time, whatever is asked afterwards, and no more lies in
memory than the tables that a step is made of.
"""

from pathlib import Path
from typing import Any

import narwhals as nw

from project_tools.errors import TableError
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.files import RawTables
from project_tools.tables.orphans import Passing
from project_tools.tables.report import Finding
from project_tools.tables.sql import quoted, text
from project_tools.tables.violations import (
    OF_TABLE,
    OF_VIEW,
    Counted,
    clients,
    count,
    finite,
    keys_twice,
)

#: Tables whose rows others join, so that a key that stands twice would multiply them.
JOINED = ("bureau", "previous_application")
#: The table after which all clients are known.
_LAST_OF_CLIENTS = "application_test"


class LoadedTables:
    """Tables in DuckDB's memory, spilled where it runs short, their rows in any order.

    With ``folder``, in a compressed file there, in the order of their files: for who needs all of
    them at once, and the place of what is odd.
    """

    def __init__(self, raw: RawTables, *, quiet: bool = True, folder: Path | None = None) -> None:
        self._raw, self._quiet = raw, quiet
        self._frames: dict[str, nw.LazyFrame[Any]] = {}
        self.counted: dict[str, Counted] = {}
        self._passing = Passing(raw)
        self._schema, self._in_order = "memory.main", folder is not None
        if folder is not None:
            raw.connection.execute(f"ATTACH {text(str(folder / 'tables.duckdb'))} AS loaded")
            self._schema = "loaded.main"

    @property
    def odd(self) -> tuple[Finding, ...]:
        """What is odd about the tables read so far, in their order."""
        return tuple(finding for found in self.counted.values() for finding in found.findings)

    def read(self, name: str) -> nw.LazyFrame[Any]:
        """Raises ``TableError`` for what is fatal in the table's rows."""
        if name not in self._frames:
            self.load(name)
            refuse(self.counted[name].findings)
        return self._frames[name]

    def load(self, name: str) -> None:
        """Read the table and count what is wrong with it, fatal or not."""
        con, held = self._raw.connection, self._held(name)
        with working(f"reading {name}", quiet=self._quiet, done=con.query_progress) as step:
            con.execute(f"SET preserve_insertion_order = {str(self._in_order).lower()}")
            con.execute(f"CREATE TABLE {held} AS SELECT * FROM {quoted(name)}")
            con.execute("SET preserve_insertion_order = false")
            found = self._count(name)
            step.note = f"{found.rows:,} rows"
        mended = finite(TABLES[name], held, found.not_finite)
        con.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {mended}")
        self._frames[name] = nw.from_native(con.table(quoted(name)))
        across = (*self._keys(name), *self._passing.passes(name))
        findings = (*_nothing(self._raw, name), *found.findings, *across)
        self.counted[name] = Counted(found.rows, findings, found.not_finite)

    def _count(self, name: str) -> Counted:
        con, table, held = self._raw.connection, self._raw.expected(name), self._held(name)
        if self._in_order:
            return count(con, table, held, OF_TABLE)
        found = count(con, table, held)
        if any(finding.severity == "fatal" for finding in found.findings):
            return count(con, table, quoted(name), OF_VIEW)  # the file once more, for the place
        return found

    def release(self, *names: str) -> None:
        for name in names:
            del self._frames[name]
            self._raw.connection.execute(f"DROP TABLE {self._held(name)}")

    def _held(self, name: str) -> str:
        return f"{self._schema}.{quoted(f'rows of {name}')}"

    def _keys(self, name: str) -> tuple[Finding, ...]:
        con = self._raw.connection
        if name in JOINED:
            return tuple(keys_twice(con, TABLES[name], "fatal"))
        if name == _LAST_OF_CLIENTS and "application_train" in self._frames:
            return tuple(clients(con, learning=self._raw.learning))
        return ()


def opened(raw: RawTables) -> tuple[Finding, ...]:
    """What is odd about tables that another engine reads, counted where they lie.

    Raises ``TableError`` for what is fatal.
    """
    con, findings = raw.connection, [f for name in TABLES for f in _nothing(raw, name)]
    for name in raw.files:
        findings += count(con, raw.expected(name), quoted(name), OF_VIEW).findings
    findings += [*clients(con, learning=raw.learning)]
    findings += [f for name in JOINED for f in keys_twice(con, TABLES[name], "fatal")]
    refuse(findings)
    return tuple(findings)


def refuse(findings: "list[Finding] | tuple[Finding, ...]") -> None:
    """Raises ``TableError`` where one of the findings is fatal."""
    fatal = [finding for finding in findings if finding.severity == "fatal"]
    if fatal:
        more = f"; {len(fatal) - 1} more of the kind" if len(fatal) > 1 else ""
        raise TableError(
            f"{fatal[0]}{more}; mend the tables, python -m project_tools check lists all"
        )


def _nothing(raw: RawTables, name: str) -> tuple[Finding, ...]:
    what = "the file is empty, without even a header: taken as a table without rows"
    return (Finding("odd", name, "", 0, what),) if name in raw.blank else ()
