"""What is wrong with raw tables: fatal findings stop the work, odd ones are counted.

The schema's rules are counted in one scan of each table. ``check`` looks at everything;
``check_rows`` at what the features need to know before they are handed out, on tables that are
open already.
"""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from project_tools.errors import TableError
from project_tools.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.reading import RawTables, connect, load, named_errors, open_tables
from project_tools.tables.report import Finding, Report
from project_tools.tables.rules import Rule, Severity, rules
from project_tools.tables.schema import Table
from project_tools.tables.sql import quoted

#: Levels of a column that a report names; the rest are counted.
_SHOWN = 3
#: A text that is longer, or holds more digits, may be no level but a client's own.
_LONGEST, _MOST_DIGITS = 40, 3
#: Tables whose rows belong to a client, and those whose rows belong to a loan of another table.
_PARENTS = (
    ("bureau", "SK_ID_CURR", ("application_train", "application_test")),
    ("previous_application", "SK_ID_CURR", ("application_train", "application_test")),
    ("bureau_balance", "SK_ID_BUREAU", ("bureau",)),
    ("POS_CASH_balance", "SK_ID_PREV", ("previous_application",)),
    ("installments_payments", "SK_ID_PREV", ("previous_application",)),
    ("credit_card_balance", "SK_ID_PREV", ("previous_application",)),
)
#: Tables whose rows others join, so that a key that stands twice would multiply them.
_JOINED = ("bureau", "previous_application")
_CLIENTS = (
    "SELECT SK_ID_CURR FROM application_train UNION ALL SELECT SK_ID_CURR FROM application_test"
)


def check(
    directory: Path,
    *,
    without: Collection[str] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = True,
) -> Report:
    """The report on a folder; what cannot even be read is its one fatal finding.

    Nothing of a client's is in it: rows are named by their place, levels by their name.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="credit-check-") as spill, named_errors():
            opened = open_tables(directory, without, connect(threads, memory_limit, Path(spill)))
            raw = load(opened, Path(spill), quiet=quiet)
            rows, findings = _rows_of_all(raw)
            with working("keys across the tables", quiet=quiet, done=raw.connection.query_progress):
                findings += [
                    *_clients(raw), *_keys_twice(raw), *_rows_twice(raw), *_orphans(raw), *_extra(raw),
                ]  # fmt: skip
            raw.connection.close()
    except TableError as error:
        return Report(directory, {}, (Finding("fatal", "", "", 0, str(error)),))
    return Report(directory, rows, _ordered(findings))


def check_rows(raw: RawTables) -> tuple[Finding, ...]:
    """What the rows of open tables are counted for while features are made of them.

    Raises ``TableError`` for what is fatal; the odd findings are returned. Rows without a parent
    and rows that stand twice in a table of months are left to ``check``: they cost more than
    they change.
    """
    findings = [*_rows_of_all(raw)[1], *_clients(raw), *_joined_twice(raw)]
    fatal = [finding for finding in findings if finding.severity == "fatal"]
    if fatal:
        more = f"; {len(fatal) - 1} more of the kind" if len(fatal) > 1 else ""
        raise TableError(
            f"{fatal[0]}{more}; mend the tables, python -m project_tools check lists all"
        )
    return _ordered(findings)


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    place = {name: number for number, name in enumerate(TABLES)}
    return tuple(sorted(findings, key=lambda f: (f.severity, place.get(f.table, -1), -f.rows)))


def _rows_of_all(raw: RawTables) -> tuple[dict[str, int], list[Finding]]:
    """Rows of each table, and what is wrong with them."""
    rows = dict.fromkeys(raw.blank, 0)
    nothing = "the file is empty, without even a header: taken as a table without rows"
    findings = [Finding("odd", name, "", 0, nothing) for name in raw.blank]
    for name in raw.files:
        rows[name], broken = _counts(raw.connection, TABLES[name])
        findings += [_finding(raw, rule, count) for rule, count in broken]
    return rows, findings


def _counts(con: duckdb.DuckDBPyConnection, table: Table) -> tuple[int, list[tuple[Rule, int]]]:
    """Number of rows, and of those that break each rule that any breaks, in one scan."""
    every = rules(table)
    counted = ", ".join(f"count_if({rule.broken})" for rule in every)
    query = f"SELECT count(*), {counted} FROM {quoted(table.name)}"
    (values,) = con.execute(query).fetchall()
    return values[0], [(r, n) for r, n in zip(every, values[1:], strict=True) if n]


def _finding(raw: RawTables, rule: Rule, rows: int) -> Finding:
    example = f", as row {_first_row(raw, rule):,}"
    if TABLES[rule.table].column(rule.column).levels and "level" in rule.what:
        example = f": {_levels(raw, rule)}"
    return Finding(rule.severity, rule.table, rule.column, rows, rule.what + example)


def _first_row(raw: RawTables, rule: Rule) -> int:
    """Where the rule is broken first: 1 is the row after the header."""
    raw.connection.execute("SET preserve_insertion_order = true")  # else rows have no place
    numbered = f"SELECT row_number() OVER () AS place, {quoted(rule.column)} FROM {rule.table}"
    query = f"SELECT place FROM ({numbered}) WHERE {rule.broken} LIMIT 1"
    place = _count(raw, query)
    raw.connection.execute("SET preserve_insertion_order = false")
    return place


def _levels(raw: RawTables, rule: Rule) -> str:
    column = quoted(rule.column)
    found = raw.connection.execute(
        f"SELECT {column}, count(*) FROM {rule.table} WHERE {rule.broken} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    names = ", ".join(dict.fromkeys(_level(level) for level, _ in found[:_SHOWN]))
    return names + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _level(level: str) -> str:
    """A level's name, unless it may be something that only one client has, as in a shifted column."""
    digits = sum(character.isdigit() for character in level)
    private = len(level) > _LONGEST or digits > _MOST_DIGITS or "@" in level
    return "a value that is no name" if private else repr(level)


def _count(raw: RawTables, query: str) -> int:
    rows = raw.connection.execute(query).fetchall()  # fetchone would leave the connection in use
    return int(rows[0][0]) if rows else 0


def _clients(raw: RawTables) -> Iterator[Finding]:
    """Clients who stand twice, as no row could say which is theirs; outcomes of one kind only."""
    twice = _count(raw, f"SELECT count(SK_ID_CURR) - count(DISTINCT SK_ID_CURR) FROM ({_CLIENTS})")
    if twice:
        yield Finding(
            "fatal", "application_train", "SK_ID_CURR", twice,
            "the client stands there, or in application_test, once more",
        )  # fmt: skip
    labelled = _count(raw, "SELECT count(TARGET) FROM application_train")
    kinds = _count(raw, "SELECT count(DISTINCT TARGET) FROM application_train")
    if not labelled:
        what = "holds no client with an outcome to learn from"
        yield Finding("fatal", "application_train", "TARGET", 0, what)
    if kinds == 1:
        yield Finding(
            "odd", "application_train", "TARGET", labelled, "one outcome alone: no model can learn"
        )


def _joined_twice(raw: RawTables) -> Iterator[Finding]:
    for name in (name for name in _JOINED if name in raw.files):
        yield from _twice(raw, TABLES[name], "fatal")


def _keys_twice(raw: RawTables) -> Iterator[Finding]:
    """Rows whose key stands in their table before."""
    yield from _joined_twice(raw)
    monthly = [TABLES[name] for name in raw.files if len(TABLES[name].key) > 1]
    for table in monthly:
        yield from _twice(raw, table, "odd")


def _twice(raw: RawTables, table: Table, severity: Severity) -> Iterator[Finding]:
    keys = ", ".join(table.key)
    known = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
    grouped = f"SELECT count(*) - 1 AS more FROM {table.name} WHERE {known} GROUP BY {keys}"
    if rows := _count(raw, f"SELECT coalesce(sum(more), 0) FROM ({grouped})"):
        what = f"the {table.grain} stands there once more"
        yield Finding(severity, table.name, keys, rows, what)


def _rows_twice(raw: RawTables) -> Iterator[Finding]:
    """Rows of a table without a key that repeat another in every column."""
    for table in (TABLES[name] for name in raw.files if not TABLES[name].key):
        names = ", ".join(quoted(name) for name in table.column_names)
        distinct = f"SELECT DISTINCT {names} FROM {table.name}"
        rows = _count(
            raw, f"SELECT (SELECT count(*) FROM {table.name}) - (SELECT count(*) FROM ({distinct}))"
        )
        if rows:
            yield Finding("odd", table.name, "", rows, "the same as another row in every column")


def _orphans(raw: RawTables) -> Iterator[Finding]:
    for table, key, parents in _PARENTS:
        if table not in raw.files or not all(parent in raw.files for parent in parents):
            continue  # left out on purpose: nothing to belong to
        known = " UNION ALL ".join(f"SELECT {key} FROM {parent}" for parent in parents)
        lonely = (
            f"SELECT 1 FROM {table} ANTI JOIN (SELECT DISTINCT {key} FROM ({known})) USING ({key})"
        )
        if rows := _count(raw, f"SELECT count(*) FROM ({lonely})"):
            yield Finding("odd", table, key, rows, f"without a row in {' or '.join(parents)}")


def _extra(raw: RawTables) -> Iterator[Finding]:
    for table, columns in raw.extra.items():
        yield from (
            Finding("odd", table, name, 0, "not in the schema, ignored") for name in columns
        )
