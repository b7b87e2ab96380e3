"""Files and folders that are complete or absent: written under a temporary name, then renamed."""

import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from project_tools.errors import SettingError, StorageError
from project_tools.system.processes import mark, mark_is_dead

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


#: The beginning of a temporary name; the process that wrote it and the final name follow.
_PREFIX = ".credit-"
_TEMPORARY = re.compile(r"\.credit-(?P<mark>[0-9a-f]{8}-\d+-[0-9a-f]{8})-(?P<name>.+)")
#: The ending of a former folder while its successor gets its name.
_FORMER = ".former"


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
    writers choose the format by it. Temporary files of processes that were killed on this machine
    are deleted first. Raises ``StorageError`` if the disk refuses the file.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    temporary = _temporary(path)
    with _storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_dead(path.parent)
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

    After an error the former folder is still there. The caller makes sure that the former folder
    may be replaced (``refuse_foreign_folder``). Raises ``StorageError`` as ``replacing`` does.
    """
    temporary = _temporary(path)
    former = temporary.with_name(temporary.name + _FORMER)
    with _storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_dead(path.parent)
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                path.rename(former)
            temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(former, ignore_errors=True)


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """A folder for temporary data of clients, deleted at the end.

    Those of processes that were killed on this machine are deleted first.
    """
    parent = Path(tempfile.gettempdir())
    clear_dead(parent)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{mark()}-{purpose}-", dir=parent) as folder:
        yield Path(folder)


def clear_dead(folder: Path) -> None:
    """Delete what killed processes of this machine left in a folder under temporary names.

    A former folder whose successor did not get its name gets it back. What belongs to a process
    that still runs, or to another machine, stays.
    """
    try:
        left = [path for path in folder.iterdir() if _is_dead(path.name)]
    except OSError:
        return  # whoever writes there next names what is wrong
    for path in sorted(left, key=lambda path: path.name, reverse=True):  # former folders first
        original = folder / _TEMPORARY.fullmatch(path.name)["name"].removesuffix(_FORMER)  # type: ignore[index]  # ``_is_dead`` matched it
        if path.name.endswith(_FORMER) and not original.exists():
            path.rename(original)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_dead(name: str) -> bool:
    parts = _TEMPORARY.fullmatch(name)
    return parts is not None and mark_is_dead(parts["mark"])


def _temporary(path: Path) -> Path:
    return path.with_name(f"{_PREFIX}{mark()}-{path.name}")


def refuse_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Raises ``SettingError`` for an output that is a folder, or the same file as an input.

    Links and other spellings of a path lead to the same file.
    """
    read = list(inputs)
    for output in outputs:
        if output.is_dir():
            raise SettingError(f"{output} is a folder; name a file to write")
        for path in read:
            if _same(output, path):
                raise SettingError(f"{output} is {path}, which is read; name another file to write")


def refuse_foreign_folder(folder: Path, is_ours: Callable[[Path], bool], what: str) -> None:
    """Raises ``SettingError`` for a folder that must not be replaced: with content that is not ours.

    A folder that is missing or empty may be replaced. ``what`` names what is written there.
    """
    if folder.is_symlink():
        raise SettingError(f"{folder} is a link; {what} is written to a folder, name that one")
    if folder.is_dir() and any(folder.iterdir()) and not is_ours(folder):
        raise SettingError(
            f"{folder} is there already and holds something else than {what}; nothing of it is "
            "replaced: move it, or choose another name"
        )


def _same(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    return one.exists() and other.exists() and one.samefile(other)


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
