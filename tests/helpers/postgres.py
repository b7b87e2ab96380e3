"""A PostgreSQL of Debian's for tests: its own folder, a Unix socket, started as a plain user."""

import os
import pwd
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import pytest

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_NUMBERS = count(1)
_ROOM = 1 << 30


class Postgres:
    """A running server; ``database`` makes an empty database and gives its address."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._run(
            "initdb", "-D", self._data, "-U", "tests", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        self.start()

    def start(self) -> None:
        options = f"-k {self._folder} -c listen_addresses='' -c fsync=off -c max_connections=60"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def database(self) -> str:
        """The address of a new, empty database, with a password that no output may show."""
        name = f"d{os.getpid()}_{next(_NUMBERS)}"
        self._run("createdb", "-h", self._folder, "-U", "tests", name)
        return f"postgresql://tests:Hidden-Word@/{name}?host={self._folder}"

    def dump(self, url: str, target: Path) -> None:
        """``pg_dump`` of a database, as docs/operations.md says."""
        self._run("pg_dump", "-Fc", "-f", self._folder / "dump", url)
        shutil.copy(self._folder / "dump", target)

    def restore(self, url: str, source: Path) -> None:
        """``pg_restore`` into an empty database."""
        shutil.copy(source, self._folder / "dump")
        self._run("pg_restore", "-d", url, self._folder / "dump")

    def _run(self, command: str, *words: object) -> None:
        as_user = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
        done = subprocess.run(
            [str(_BINARIES[-1] / command), *map(str, words)],
            stdout=subprocess.DEVNULL,  # the server keeps it open
            stderr=subprocess.PIPE if command != "pg_ctl" else subprocess.DEVNULL,
            cwd=self._folder,
            check=False,
            timeout=60,
            **(as_user if os.geteuid() == 0 else {}),  # PostgreSQL refuses to run as root
        )
        assert done.returncode == 0, done.stderr


def start_postgres() -> Postgres:
    """A server; without PostgreSQL the test is skipped loudly, in CI it fails."""
    if not _BINARIES:
        said = "PostgreSQL is missing: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(f"THE TESTS OF POSTGRESQL DID NOT RUN. {said}")
    # In memory where there is room: a busy disk takes seconds to forget the files. The path of a
    # Unix socket has at most 107 bytes.
    memory = Path("/dev/shm")  # noqa: S108  (a folder of our own in it)
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="credit-pg-", dir=memory if roomy else "/tmp"))  # noqa: S108
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return Postgres(folder)


def end_postgres(server: Postgres) -> None:
    """Stop the server, and remove its folder."""
    server.stop("immediate")
    shutil.rmtree(server._folder, ignore_errors=True)
