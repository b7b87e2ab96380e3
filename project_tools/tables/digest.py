"""The digest of the raw tables' files, computed beside the reading, of the bytes that are read."""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from project_tools.errors import TableError
from project_tools.system.files import sha256_of_files
from project_tools.tables.declared import TABLES
from project_tools.tables.files import RawTables, find_files, stamp_of
from project_tools.tables.views import check_grouped_digits


def raw_digest(directory: Path, without: Collection[str] = ()) -> str:
    """One SHA-256 over the names and contents of the raw tables' files."""
    return sha256_of_files(list(find_files(directory, without).values()))


@contextmanager
def digest_beside(raw: RawTables) -> Iterator[Callable[[], str]]:
    """A function that returns the digest of ``raw_digest``, which a thread computes meanwhile.

    So the files are read from the disk once, for the digest and for the block's own work. Call the
    function when the block has read all rows: it raises ``TableError`` if a file has changed since the
    tables were opened, and for a number with an underscore (see ``check_grouped_digits``).
    """

    def digest() -> str:
        total = sha256_of_files(list(raw.stamps))
        for name, path in raw.files.items():
            check_grouped_digits(TABLES[name], path)
        return total

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(digest)

        def result() -> str:
            total = future.result()
            check_unchanged(raw)
            return total

        yield result


def check_unchanged(raw: RawTables) -> None:
    """Raise ``TableError`` if a file is not the one that was opened, or was written since."""
    for path, stamp in raw.stamps.items():
        if stamp_of(path) != stamp:
            raise TableError(
                f"{path.name} changed while it was read; run the command again when nothing "
                "writes to it",
                "changed",
            )
