"""The tables' files: written chunk by chunk under temporary names, and renamed when all are complete."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from project_tools.errors import SettingError, unknown
from project_tools.system.files import replacing, sha256_of_files
from project_tools.tables.declared import TABLES
from project_tools.tables.demonstration import is_demonstration
from project_tools.tables.files import ENDINGS

#: Rows in the form in which they are written: bytes of CSV, or an Arrow table.
Encoded: TypeAlias = Any
Write = Callable[[Encoded], None]
Encode = Callable[[pl.DataFrame, bool], Encoded]


def _csv_bytes(rows: pl.DataFrame, header: bool) -> bytes:
    file = BytesIO()
    rows.write_csv(file, include_header=header)
    return file.getvalue()


def _arrow(rows: pl.DataFrame, header: bool) -> pa.Table:  # noqa: ARG001  (an Arrow table has no header line)
    return rows.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow(
        compat_level=pl.CompatLevel.oldest()
    )


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(rows: Encoded) -> None:
            file.write(rows)

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None

        def write(rows: Encoded) -> None:
            nonlocal writer
            if writer is None:
                writer = stack.enter_context(
                    pq.ParquetWriter(path, rows.schema, compression="zstd")
                )
            writer.write_table(rows)

        yield write


@dataclass(frozen=True)
class Format:
    """A file format: ``encode`` brings rows into its form, ``open`` returns a file's writer."""

    encode: Encode
    open: Callable[[Path], AbstractContextManager[Write]]


FORMATS: Mapping[str, Format] = {
    "csv": Format(_csv_bytes, _csv),
    "parquet": Format(_arrow, _parquet),
}


def check_target(directory: Path, file_format: str, *, force: bool) -> None:
    """Raise ``SettingError`` for an unknown format, or a directory that tables must not go to.

    That is a path of a file, a directory that is not empty unless ``force`` is set, and, even then,
    one with tables that ``generate`` did not write or that were changed since.
    """
    if file_format not in FORMATS:
        raise SettingError(unknown("format of the tables", file_format, FORMATS))
    if directory.exists() and not directory.is_dir():
        raise SettingError(f"{directory} is a file; name a directory for the tables")
    if not force and directory.exists() and any(directory.iterdir()):
        raise SettingError(f"{directory} is not empty; name another directory or pass --force")
    names = (f"{name}{ending}" for name in TABLES for ending in ENDINGS)
    tables = [directory / name for name in names if (directory / name).exists()]
    if tables and not is_demonstration(tables, sha256_of_files(tables)):
        raise SettingError(
            f"{directory} holds {tables[0].name}, and its tables are not as demo-data wrote them; "
            "name another directory, or remove them first"
        )


@contextmanager
def writers(directory: Path, file_format: str) -> Iterator[dict[str, Write]]:
    """One writer for each table; the files get their names when all tables are complete.

    Tables of another format are deleted then. Raises ``SettingError`` or ``StorageError`` if the
    files cannot be written; no file is left half written.
    """
    try:
        with ExitStack() as stack:
            paths = {name: directory / f"{name}.{file_format}" for name in TABLES}
            temporary = {n: stack.enter_context(replacing(p)) for n, p in paths.items()}
            with ExitStack() as files:
                open_ = FORMATS[file_format].open
                yield {n: files.enter_context(open_(p)) for n, p in temporary.items()}
        # Tables of an earlier run in another format would contradict the new ones.
        for name in TABLES:
            for other in FORMATS.keys() - {file_format}:
                (directory / f"{name}.{other}").unlink(missing_ok=True)
    except OSError as why:
        reason = why.strerror or str(why).splitlines()[0]
        raise SettingError(
            f"the tables cannot be written to {directory}: {reason}; free space there or name "
            "another directory"
        ) from why
