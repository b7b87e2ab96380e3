"""Files and folders that are complete or absent: written under a temporary name, then renamed."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from project_tools.errors import StorageError

#: Why a folder takes no file, and what to do, by the operating system's error number.
_REASONS = {
    errno.ENOSPC: "has no room left; free some, or write elsewhere",
    errno.EDQUOT: "has no room left for this user; free some, or write elsewhere",
    errno.EROFS: "is read-only; write elsewhere",
    errno.EACCES: "is not writable for this user; change its permissions, or write elsewhere",
    errno.EPERM: "is not writable for this user; change its permissions, or write elsewhere",
    errno.ENOTDIR: "is not a folder; write elsewhere",
    errno.EEXIST: "is not a folder; write elsewhere",
}


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` with one of the known reasons into a ``StorageError`` about ``path``."""
    try:
        yield
    except OSError as why:
        if why.errno not in _REASONS:
            raise
        raise StorageError(
            f"{path.name} is not written: the folder {path.parent} {_REASONS[why.errno]}"
        ) from why


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that replaces it if the block ends without an error.

    The file is flushed to the disk before it is renamed. After an error the former file is still
    there and the temporary one is deleted. The temporary name keeps the ending, because readers and
    writers choose the format by it. Raises ``StorageError`` if the disk refuses the file.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    with _storage_errors(path):
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
    """An empty temporary folder that replaces the folder ``path`` if the block ends without an error.

    After an error the former folder is still there. Raises ``StorageError`` as ``replacing`` does.
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    former = path.with_name(f".{os.getpid()}.{path.name}.former")
    with _storage_errors(path):
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
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_files(paths: list[Path]) -> str:
    """One SHA-256 over the names and contents of several files, independent of their order.

    >>> sha256_of_files([]) == hashlib.sha256().hexdigest()
    True
    """
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return _digest_of(
            zip((path.name for path in paths), threads.map(sha256, paths), strict=True)
        )


def digest_of_contents(contents: Mapping[str, bytes]) -> str:
    """The digest that ``sha256_of_files`` returns for files with these names and contents.

    >>> digest_of_contents({}) == sha256_of_files([])
    True
    """
    return _digest_of((n, hashlib.sha256(content).hexdigest()) for n, content in contents.items())


def _digest_of(digests: Iterable[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for name, digest in sorted(digests):
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()
