"""The archived artefacts: each model that decided something, by the digest of its manifest."""

import fcntl
import os
import shutil
from pathlib import Path

from project_tools.errors import StorageError
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.system.files import replacing_folder, sha256

#: As ``serving.manifest`` names it, which would import Arrow and NumPy.
MANIFEST = "manifest.json"


class Archive:
    """Copies of served folders, ``<folder>/<digest>/``, that nobody changes afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """The folder of a model, which is there once ``keep`` was called."""
        return self.folder / digest

    def has(self, digest: str) -> bool:
        """Whether the model is archived here."""
        return (self.path(digest) / MANIFEST).is_file()

    def keep(self, digest: str, source: Path) -> None:
        """Archive the folder of a verified model, before its first decision is recorded.

        It does nothing where the model is archived already. ``RecordUnavailableError`` if it
        cannot be written, or if the folder holds another model meanwhile.
        """
        if self.has(digest):
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a service start at once
                if not self.has(digest):
                    self._copy(digest, source)
        except (OSError, StorageError) as why:
            reason = getattr(why, "strerror", None) or "see the disk"
            raise RecordUnavailableError(
                f"the model cannot be archived in {self.folder} ({reason}); nothing is "
                "decided meanwhile"
            ) from why

    def _copy(self, digest: str, source: Path) -> None:
        with replacing_folder(self.path(digest)) as folder:
            shutil.copytree(source, folder, dirs_exist_ok=True)
            _flush(folder)
            if sha256(folder / MANIFEST) != digest:
                raise RecordUnavailableError(f"{source} does not hold the model any more")

    def digests(self) -> set[str]:
        """The models that are archived here."""
        return {path.parent.name for path in self.folder.glob(f"*/{MANIFEST}")}

    def remove(self, digest: str) -> None:
        """Remove a model that no decision refers to any more."""
        shutil.rmtree(self.path(digest), ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
