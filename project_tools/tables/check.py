"""The check of a folder of raw tables: fatal findings stop the build of features, odd ones do not.

The build of features counts most findings too, when it loads a table (``loaded``): violations of the
schema's rules (``violations``) and orphans (``orphans``). ``check`` also counts duplicate months and
duplicate rows, which take long to count and change little in the features.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from project_tools.errors import TableError
from project_tools.system.files import temporary_folder
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.files import INDISPENSABLE, RawTables, connect, named_errors, open_tables
from project_tools.tables.loaded import LoadedTables
from project_tools.tables.report import Finding, Report
from project_tools.tables.sql import quoted
from project_tools.tables.violations import duplicate_keys, whole_number


def check(
    directory: Path,
    *,
    without: Collection[str] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = True,
) -> Report:
    """The report on a folder of raw tables.

    A table that cannot be read is a fatal finding; the other tables are checked all the same.
    Without ``application_train`` the tables are to be transformed only, and need no outcome. The
    report holds no client's data: it names rows by their number, and levels by their name.
    """
    findings: list[Finding] = []
    rows: dict[str, int] = {}
    try:
        with temporary_folder("check") as spill, named_errors():
            connection = connect(threads, memory_limit, Path(spill))
            raw = open_tables(
                directory, without, connection,
                unreadable=lambda name, why: findings.append(_unreadable(name, why)),
                learning=not {*INDISPENSABLE} & {*without},
            )  # fmt: skip
            rows = _load_all(raw, Path(spill), findings, quiet=quiet)
            with working("duplicate months and rows", quiet=quiet, done=connection.query_progress):
                for table in (TABLES[name] for name in raw.files if name in rows):
                    if len(table.key) > 1:
                        findings += duplicate_keys(connection, table, "odd")
                findings += _duplicate_rows(raw, rows)
            findings += [
                Finding("odd", table, column, 0, "not in the schema, ignored")
                for table, columns in raw.extra.items()
                for column in columns
            ]
            connection.close()
    except TableError as error:
        findings.append(Finding("fatal", "", "", 0, str(error)))
    return Report(directory, rows, ordered(findings))


def _load_all(
    raw: RawTables, spill: Path, findings: list[Finding], *, quiet: bool
) -> dict[str, int]:
    """Load each table and append its findings; return the number of rows of those with a file."""
    tables = LoadedTables(raw, quiet=quiet, folder=spill)
    for name in TABLES:
        try:
            with named_errors():
                tables.load(name)
        except TableError as error:
            findings.append(_unreadable(name, error))
            raw.empty(name)
    findings += tables.odd
    return {
        name: counted.rows
        for name, counted in tables.counts.items()
        if name in raw.files or name in raw.blank
    }


def _unreadable(name: str, why: TableError) -> Finding:
    return Finding("fatal", name, "", 0, str(why))


def _duplicate_rows(raw: RawTables, readable: Collection[str]) -> Iterator[Finding]:
    """Rows of the tables without a key that repeat an earlier row in every column."""
    for table in (TABLES[name] for name in raw.files if name in readable and not TABLES[name].key):
        names = ", ".join(quoted(name) for name in table.column_names)
        distinct = f"SELECT DISTINCT {names} FROM {table.name}"
        repeated = f"(SELECT count(*) FROM {table.name}) - (SELECT count(*) FROM ({distinct}))"
        if rows := whole_number(raw.connection, f"SELECT {repeated}"):
            yield Finding("odd", table.name, "", rows, "the same as another row in every column")


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings by severity (fatal first), table in the declared order, and rows (most first)."""
    place = {name: number for number, name in enumerate(TABLES)}
    return tuple(sorted(findings, key=lambda f: (f.severity, place.get(f.table, -1), -f.rows)))
