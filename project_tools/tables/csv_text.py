"""CSV files as text: their header, and what is wrong with a text that cannot be read as a table."""

import csv
import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from project_tools.errors import TableError
from project_tools.tables.schema import Table

#: Texts for a missing value in a CSV file; the first is the empty field.
MISSING = ("", "NA", "NaN", "nan", "NULL", "null")
#: First bytes of other formats: what they are, and what to do.
_FORMATS = (
    (b"PK\x03\x04", "is a zip archive or a spreadsheet; unpack it, or save the table as CSV"),
    (b"PAR1", "is a Parquet file; give its name the ending .parquet"),
    (b"\x1f\x8b", "is a gzip file; give its name the ending .csv.gz"),
    (b"\xff\xfe", "is UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text; save it as UTF-8"),
)
#: Marks that are taken for commas by mistake, and their names.
_SEPARATORS = ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars"))
#: Bytes that are read at a time.
_CHUNK = 2**20
#: An underscore between two digits, as in 1_000: DuckDB would read it as 1000.
GROUPED_DIGITS = re.compile(rb"_(?<=[0-9]_)(?=[0-9])")


def csv_header(path: Path) -> list[str]:
    """Names of a CSV file's columns, in its order; empty for an empty file.

    Raises ``TableError`` for a file that cannot be read or whose first bytes are of another format.
    """
    try:
        with path.open("rb") as file:
            _check_format(path, file.read(4), gzipped=_gzipped(path))
        with _opened(path) as file:
            _check_format(path, file.read(4))
        opener = gzip.open if _gzipped(path) else open
        with opener(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            header: list[str] = next(csv.reader(text), [])
    except (OSError, EOFError, csv.Error) as why:
        raise TableError(f"{path.name} cannot be read: {_reason(why)}") from why
    if any("\udc80" <= character <= "\udcff" for name in header for character in name):
        raise TableError(not_utf8(path), "encoding")
    return header


def check_separator(table: Table, path: Path, header: Iterable[str]) -> None:
    """Raise ``TableError`` for a header whose names are separated by something else than commas."""
    line = ",".join(header)
    if line.lower().startswith("sep="):
        raise TableError(
            f"{path.name}, line 1: 'sep=' is a spreadsheet's own line; delete it, so that the file "
            "starts with the names of the columns",
            "format",
        )
    for mark, name in _SEPARATORS:
        names = {part.strip(' "') for part in line.split(mark)}
        if len(names & {*table.column_names}) > 1:
            raise TableError(
                f"{path.name}: its values are separated by {name}; save it with commas between the "
                "values and points in the numbers",
                "separator",
            )


def not_utf8(path: Path) -> str:
    """What a refusal says about the first byte of a file that is not UTF-8: its line and column."""
    header: list[str] = []
    with _opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError as why:
                before = next(csv.reader([line[: why.start].decode("utf-8-sig")]), [""])
                place = max(len(before), 1)
                column = header[place - 1] if 0 < place <= len(header) else f"number {place}"
                return (
                    f"{path.name}, line {number}: column {column} holds a byte that is not UTF-8, as "
                    "Windows and Latin encodings write it; save the file as UTF-8"
                )
            header = header or next(csv.reader([text]), [])
    return f"{path.name}: not UTF-8 text; save the file as UTF-8"


def holds_grouped_digits(path: Path) -> bool:
    """Whether two digits with an underscore between them are anywhere in a CSV file."""
    with _opened(path) as file:
        last = b""
        while chunk := file.read(_CHUNK):
            text = last + chunk
            if b"_" in text and GROUPED_DIGITS.search(text):  # few files hold any underscore
                return True
            last = chunk[-2:]
    return False


def _opened(path: Path) -> IO[bytes]:
    """The bytes of a CSV file, unpacked if it is gzipped."""
    return gzip.open(path, "rb") if _gzipped(path) else path.open("rb")  # type: ignore[return-value]  # a GzipFile reads as one


def _gzipped(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _check_format(path: Path, start: bytes, *, gzipped: bool = False) -> None:
    for magic, sentence in _FORMATS:
        if start.startswith(magic) and not (gzipped and magic == b"\x1f\x8b"):
            raise TableError(f"{path.name} {sentence}", "format")


def _reason(why: Exception) -> str:
    if isinstance(why, PermissionError):
        return "permission denied"
    if isinstance(why, gzip.BadGzipFile | EOFError):
        return "it is not a whole gzip file"
    return "it is not a text of comma-separated values"
