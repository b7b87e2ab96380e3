"""What is wrong with raw tables: fatal findings stop the work, odd ones are counted.

The schema's rules are counted in one scan of each table, when it is loaded (``loading``), and so are
rows without a parent (``parents``), by the features too; ``check`` also looks at what costs more than
it changes there: months and rows that stand twice.
"""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from project_tools.errors import TableError
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.files import INDISPENSABLE, RawTables, connect, named_errors, open_tables
from project_tools.tables.loaded import LoadedTables
from project_tools.tables.report import Finding, Report
from project_tools.tables.sql import quoted
from project_tools.tables.violations import keys_twice, number


def check(
    directory: Path,
    *,
    without: Collection[str] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = True,
) -> Report:
    """The report on a folder. A table that cannot be read is a fatal finding, and the others are
    looked at all the same. Without ``application_train`` they are tables to transform alone, which
    need no outcome.

    Nothing of a client's is in it: rows are named by their place, levels by their name.
    """
    findings: list[Finding] = []
    rows: dict[str, int] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="credit-check-") as spill, named_errors():
            connection = connect(threads, memory_limit, Path(spill))
            raw = open_tables(
                directory, without, connection,
                unreadable=lambda name, why: findings.append(_unreadable(name, why)),
                learning=not {*INDISPENSABLE} & {*without},
            )  # fmt: skip
            rows = _load_all(raw, Path(spill), findings, quiet=quiet)
            with working(
                "months and rows that stand twice", quiet=quiet, done=connection.query_progress
            ):
                whole = [name for name in raw.files if name in rows]
                findings += [*_months_twice(raw, whole), *_rows_twice(raw, whole), *_extra(raw)]
            connection.close()
    except TableError as error:
        findings.append(Finding("fatal", "", "", 0, str(error)))
    return Report(directory, rows, ordered(findings))


def _load_all(
    raw: RawTables, spill: Path, findings: list[Finding], *, quiet: bool
) -> dict[str, int]:
    """Read each table and note what is wrong with its rows; the number of rows of those read."""
    tables = LoadedTables(raw, quiet=quiet, folder=spill)
    for name in TABLES:
        try:
            with named_errors():
                tables.load(name)
        except TableError as error:
            findings.append(_unreadable(name, error))
            raw.empty(name)
    findings += [finding for counted in tables.counted.values() for finding in counted.findings]
    given = {*raw.files, *raw.blank}
    return {name: counted.rows for name, counted in tables.counted.items() if name in given}


def _unreadable(name: str, why: TableError) -> Finding:
    return Finding("fatal", name, "", 0, str(why))


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The fatal ones first, then by table, those of the most rows first."""
    place = {name: number for number, name in enumerate(TABLES)}
    return tuple(sorted(findings, key=lambda f: (f.severity, place.get(f.table, -1), -f.rows)))


def _months_twice(raw: RawTables, whole: Collection[str]) -> Iterator[Finding]:
    """Rows of a table of months that stand there for one month once more."""
    monthly = [TABLES[name] for name in whole if len(TABLES[name].key) > 1]
    for table in monthly:
        yield from keys_twice(raw.connection, table, "odd")


def _rows_twice(raw: RawTables, whole: Collection[str]) -> Iterator[Finding]:
    """Rows of a table without a key that repeat another in every column."""
    for table in (TABLES[name] for name in whole if not TABLES[name].key):
        names = ", ".join(quoted(name) for name in table.column_names)
        distinct = f"SELECT DISTINCT {names} FROM {table.name}"
        rows = number(
            raw.connection,
            f"SELECT (SELECT count(*) FROM {table.name}) - (SELECT count(*) FROM ({distinct}))",
        )
        if rows:
            yield Finding("odd", table.name, "", rows, "the same as another row in every column")


def _extra(raw: RawTables) -> Iterator[Finding]:
    for table, columns in raw.extra.items():
        yield from (
            Finding("odd", table, name, 0, "not in the schema, ignored") for name in columns
        )
