"""Names, texts and paths quoted for SQL."""

from pathlib import Path

from project_tools.errors import TableError

#: Characters that DuckDB takes for a pattern in a path.
_WILDCARDS = "*?["


def quoted(name: str) -> str:
    """A name of a table or column in double quotes.

    >>> quoted("AMT_CREDIT")
    '"AMT_CREDIT"'
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text value in single quotes.

    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def exact_path(path: Path) -> str:
    """A path as a text for DuckDB that names this file alone, whatever characters it holds.

    DuckDB takes ``*``, ``?`` and ``[`` for a pattern, ``~`` for the home folder and ``s3:`` for an
    address. In brackets the first three stand for themselves; an absolute path starts with neither
    of the others. Raises ``TableError`` for a backslash beside one of the three, and for a name that
    is not UTF-8.

    >>> exact_path(Path("/raw/set[12]/bureau.csv"))
    "'/raw/set[[]12]/bureau.csv'"
    """
    name = str(path.absolute())
    if not name.isprintable() and any("\ud800" <= c <= "\udfff" for c in name):
        raise TableError(
            f"the path of {path.name} holds a byte that is not UTF-8; rename the folder", "folder"
        )
    if "\\" in name and any(c in name for c in _WILDCARDS):
        raise TableError(
            f"the path of {path.name} holds a backslash beside one of {' '.join(_WILDCARDS)}, which "
            "DuckDB cannot read; rename the folder",
            "folder",
        )
    return text("".join(f"[{c}]" if c in _WILDCARDS else c for c in name))
