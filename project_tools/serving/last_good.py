"""The last good pair of model and clients, copied to a folder of ours: all that a worker reads.

A worker maps its clients' file, and a mapped file that is shortened ends the process (SIGBUS). So
workers never read the paths that a person or an export writes. ``adopt`` copies the pair, verifies
the copies, and then points to them; the copies are named by their digests and never written again::

    serving/models/<digest of the manifest>/      the model's folder
    serving/clients/<digest>.parquet              the client store
    serving/clients/<digest>.arrow                its rows, decoded
    serving/matrices/<model>-<clients>.npy        the clients' rows as the model takes them
    serving/<digest of both paths>.json           the pair that is served from these two paths

``python -m project_tools.serving.last_good MODEL CLIENTS STATE`` adopts in a process of its own: it
prints the model's digest, or one line that says what is wrong, with exit status 1.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.lib.format import open_memmap
from pydantic import ConfigDict, TypeAdapter

from project_tools.errors import ArtefactError, CreditError, StorageError
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.folder import read_parts
from project_tools.serving.json_files import Name, checked, plain_json, strict_json
from project_tools.serving.lean import hide_training_libraries
from project_tools.serving.verification import adopt_in_child
from project_tools.system.files import replacing, sha256

_CHUNK = 1 << 20
_FOLDERS = ("models", "clients", "matrices")
_READ_ONLY, _OURS = 0o400, 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Pair:
    """The digests of a verified model, of its clients, of their encoded rows and of their columns.

    A pair of an older release has no columns; they are made when it is adopted.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    model: Name
    clients: Name
    matrix: Name
    columns: str = ""


_PAIRS = TypeAdapter(list[Pair])


class LastGood:
    """The copies that belong to the two paths of a model and its clients."""

    def __init__(self, model: Path, clients: Path, state: Path) -> None:
        self._model, self._clients, self._state = model, clients, state
        self._folder = state / "serving"
        key = hashlib.sha256(f"{model}\n{clients}".encode()).hexdigest()[:16]
        self._pointer = self._folder / f"{key}.json"

    def pairs(self) -> list[Pair]:
        """The pair that is served and the one before it; none before the first was adopted.

        ``ArtefactError`` for a pointer that is damaged.
        """
        try:
            content = self._pointer.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as why:
            raise ArtefactError(f"{self._pointer} cannot be read ({why.strerror})") from why
        return checked(_PAIRS, strict_json(self._pointer.name, content), self._pointer.name)

    def model_folder(self, pair: Pair) -> Path:
        """The folder of a pair's model."""
        return self._model_copy(pair.model)

    def load(self, pair: Pair) -> tuple[Artefact, ClientStore]:
        """The model and the clients of a pair. The clients' files are mapped, not read."""
        _check_owner(self._folder)
        artefact = load_artefact(self._model_copy(pair.model), verified=pair.model)
        path = self._matrix(pair.model, pair.clients)
        try:
            matrix = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as why:
            raise ArtefactError(f"{path} cannot be read; start the API again") from why
        columns = self._columns(pair.clients)
        return artefact, ClientStore.open(self._clients, artefact, columns=columns, matrix=matrix)

    def adopt(self) -> Pair:
        """Copy what lies at the two paths, verify the copies and point to them.

        A ``CreditError`` says what is missing, damaged or mismatched; the pointer then stays. A
        damaged model can end the process: use ``adopt_in_child``.
        """
        with self._locked():
            artefact = self._copy_model()
            clients = self._copy_clients()
            copy = self._clients_copy(clients)
            store = ClientStore.open(self._clients, artefact, copy=copy)
            matrix, columns = self._encode(artefact, store, clients), self._decode(store, clients)
            pair = Pair(artefact.digest, clients, matrix, columns)
            former = [other for other in self.pairs() if other != pair][:1]
            with replacing(self._pointer) as temporary:
                temporary.write_bytes(plain_json([asdict(one) for one in (pair, *former)]))
            self._remove_unused()
        return pair

    def adopt_in_child(self) -> str:
        """``adopt`` in a process of its own; returns the digest of the model."""
        return adopt_in_child(self._model, self._clients, self._state)

    def _model_copy(self, digest: str) -> Path:
        return self._folder / "models" / digest

    def _clients_copy(self, digest: str) -> Path:
        return self._folder / "clients" / f"{digest}.parquet"

    def _columns(self, clients: str) -> Path:
        return self._folder / "clients" / f"{clients}.arrow"

    def _matrix(self, model: str, clients: str) -> Path:
        return self._folder / "matrices" / f"{model[:32]}-{clients[:32]}.npy"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time copies and removes."""
        try:
            for folder in (self._folder, *(self._folder / name for name in _FOLDERS)):
                folder.mkdir(mode=_OURS, parents=True, exist_ok=True)
                _check_owner(folder)
            with (self._folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as why:
            raise StorageError(
                f"the state folder {self._state} cannot be written ({why.strerror}); "
                "set CREDIT_STATE to a folder of this user"
            ) from why

    def _copy_model(self) -> Artefact:
        parts = read_parts(self._model)
        copy = self._model_copy(parts.digest)
        if not _holds(copy, parts.digest):
            temporary = _temporary(copy)
            shutil.copytree(self._model, temporary)
            for path in temporary.rglob("*"):
                path.chmod(_OURS if path.is_dir() else _READ_ONLY)
            if not _holds(temporary, parts.digest):
                raise ArtefactError(f"{self._model} changed while it was read; try again")
            _remove(copy)
            temporary.rename(copy)
        return load_artefact(copy, child=False)

    def _copy_clients(self) -> str:
        temporary = _temporary(self._clients_copy("new"))
        digest = hashlib.sha256()
        if not self._clients.is_file():
            raise ArtefactError(
                f"there is no client store {self._clients}; "
                "make one with `python -m project_tools export`"
            )
        with self._clients.open("rb") as source, temporary.open("xb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
        _keep(temporary, self._clients_copy(digest.hexdigest()))
        return digest.hexdigest()

    def _encode(self, artefact: Artefact, store: ClientStore, clients: str) -> str:
        """The digest of the file of encoded rows, which is made unless it is there and whole."""
        path = self._matrix(artefact.digest, clients)
        matrices = {(p.model, p.clients): p.matrix for p in self.pairs()}
        digest = matrices.get((artefact.digest, clients))
        if digest is None or not path.is_file() or sha256(path) != digest:
            temporary = _temporary(path)
            shape = (len(store), len(artefact.features))
            matrix = open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
            at = 0
            for rows in store.encode():
                matrix[at : at + len(rows)] = rows
                at += len(rows)
            matrix.flush()
            del matrix
            digest = sha256(temporary)
            _keep(temporary, path)
        return digest

    def _decode(self, store: ClientStore, clients: str) -> str:
        """The digest of the file of decoded rows, which is made unless it is there and whole."""
        path = self._columns(clients)
        digest = {p.clients: p.columns for p in self.pairs()}.get(clients)
        if not digest or not path.is_file() or sha256(path) != digest:
            temporary = _temporary(path)
            store.write_columns(temporary)
            digest = sha256(temporary)
            _keep(temporary, path)
        return digest

    def _remove_unused(self) -> None:
        """Remove what no pointer names. A process that has mapped a file keeps it."""
        pairs = _named_pairs(self._folder)
        used = {
            path
            for pair in pairs
            for path in (
                self._model_copy(pair.model),
                self._clients_copy(pair.clients),
                self._columns(pair.clients),
                self._matrix(pair.model, pair.clients),
            )
        }
        for name in _FOLDERS:
            for path in (self._folder / name).iterdir():
                if path not in used:
                    _remove(path)


def served_models(state: Path) -> set[str]:
    """The digests of the models that the API serves, or served last, from this state folder."""
    return {pair.model for pair in _named_pairs(state / "serving")}


def _named_pairs(folder: Path) -> list[Pair]:
    """The pairs that any pointer names."""
    pairs: list[Pair] = []
    for pointer in folder.glob("*.json"):
        named: list[Pair] = checked(
            _PAIRS, strict_json(pointer.name, pointer.read_bytes()), pointer.name
        )
        pairs += named
    return pairs


def _check_owner(folder: Path) -> None:
    status = folder.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & _WRITABLE_BY_OTHERS:
        raise StorageError(
            f"{folder} belongs to another user or is writable for others, so its files cannot be "
            "trusted; set CREDIT_STATE to a folder of this user"
        )


def _temporary(path: Path) -> Path:
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    _remove(temporary)
    return temporary


def _keep(temporary: Path, path: Path) -> None:
    """Give a new file its name, flushed and read-only. A process that maps the former keeps it."""
    temporary.chmod(_READ_ONLY)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _holds(folder: Path, digest: str) -> bool:
    """Whether the folder is the whole model of that digest."""
    try:
        return read_parts(folder).digest == digest
    except ArtefactError:
        return False


def _main(arguments: Sequence[str]) -> int:
    hide_training_libraries()
    try:
        model, clients, state = map(Path, arguments)
        line, status = LastGood(model, clients, state).adopt().model, 0
    except CreditError as why:
        line, status = str(why), 1
    sys.stdout.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
