"""Files that are whole or not there: written under a temporary name, then renamed."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from project_tools.errors import StorageError

#: What is said of a disk that does not take a file, by the system's number of the error.
_REFUSALS = {
    errno.ENOSPC: "has no room left; free some, or write elsewhere",
    errno.EDQUOT: "has no room left for this user; free some, or write elsewhere",
    errno.EROFS: "is read-only; write elsewhere",
    errno.EACCES: "may not be written by this user; change its permissions, or write elsewhere",
    errno.EPERM: "may not be written by this user; change its permissions, or write elsewhere",
    errno.ENOTDIR: "is no folder; write elsewhere",
    errno.EEXIST: "is no folder; write elsewhere",
}


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn a disk's refusal of a file into a ``StorageError``."""
    try:
        yield
    except OSError as why:
        if why.errno not in _REFUSALS:
            raise
        raise StorageError(
            f"{path.name} is not written: the folder {path.parent} {_REFUSALS[why.errno]}"
        ) from why


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends without an error.

    The file is flushed to the disk before the rename; after an error the former file still
    stands and the temporary one is gone. The temporary name keeps the ending, which readers and
    writers go by. Raises ``StorageError`` where the disk does not take the file.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: filled beside ``path``, swapped in at the end, the former removed."""
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    former = path.with_name(f".{os.getpid()}.{path.name}.former")
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                path.rename(former)
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_files(paths: list[Path]) -> str:
    """One digest of several files, by name and content, whatever their order.

    >>> sha256_of_files([]) == hashlib.sha256().hexdigest()
    True
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return _digest_of(
            zip((path.name for path in paths), threads.map(sha256, paths), strict=True)
        )


def digest_of_contents(contents: Mapping[str, bytes]) -> str:
    """The digest that ``sha256_of_files`` gives of files of these names and contents.

    >>> digest_of_contents({}) == sha256_of_files([])
    True
    """
    return _digest_of((n, hashlib.sha256(content).hexdigest()) for n, content in contents.items())


def _digest_of(named: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(named):
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()
