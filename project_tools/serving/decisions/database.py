"""Connections to the record's database: SQLite in a file, or PostgreSQL by its address.

An error of a database holds parameters, and so clients' data: only its type is passed on.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from project_tools.errors import SettingError
from project_tools.serving.decisions import schema
from project_tools.serving.decisions.errors import RecordUnavailableError

#: What a recorded decision survives: a loss of power, or the end of the process alone.
Trace = Literal["power", "process"]
FILE = "decisions.sqlite"
#: How long SQLite waits for a process that locks the file without our lock.
_BUSY_MS = 2_000
_POSTGRES = {
    "connect_timeout": 3,
    "tcp_user_timeout": 5_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "application_name": "credit decisions",
}
#: Milliseconds that PostgreSQL may take for a statement of the service, and wait for the head row.
_STATEMENT_MS, _LOCK_MS = 10_000, 4_000


class Database:
    """The engine of one store; it connects at the first use. Threads can share it."""

    def __init__(self, url: str | None, state: Path, trace: Trace) -> None:
        self.url = _url(url, state)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(self.url.database or "") if self.sqlite else None
        self.mark = "?" if self.sqlite else "%s"
        self._driver = sqlite3 if self.sqlite else _psycopg()
        #: Every error of the database, SQLAlchemy's and the driver's own.
        self.errors = (SQLAlchemyError, self._driver.Error)
        self._trace = trace
        self._engine: Engine | None = None
        self._ready = False

    @property
    def name(self) -> str:
        """Where the record is, without user and password."""
        if self.path is not None:
            return str(self.path)
        return (
            f"PostgreSQL at {self.url.host or 'this machine'}, {self.url.database or 'its default'}"
        )

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection to a store of the newest schema, without a transaction.

        ``RecordUnavailableError`` for every error of the database, in the block too.
        """
        with self.translated():
            connection = self.open()
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose statements all see the store as it was at the first of them."""
        with self.connect() as connection:
            begin = "BEGIN" if self.sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            with transaction(connection, begin):
                if not self.sqlite:
                    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection with the head row locked, in a transaction that the block's end commits."""
        with self.connect() as connection, self.locked(), transaction(connection, self.begin):
            if not self.sqlite:
                connection.exec_driver_sql("SELECT one FROM head FOR UPDATE")
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn every error of the database into a ``RecordUnavailableError`` that names its type."""
        try:
            yield
        except (*self.errors, OSError) as why:
            # Not "from why": the error of the database holds parameters, and would be logged beside.
            raise unavailable(self.name, why) from None

    @property
    def begin(self) -> str:
        """The statement that begins a transaction that writes."""
        return "BEGIN IMMEDIATE" if self.sqlite else "BEGIN"

    def open(self) -> Connection:
        """A connection that the caller closes; its errors are SQLAlchemy's."""
        if not self._ready:
            self._prepare()
        return self._connected().connect()

    def refuses_rows(self, why: Exception) -> bool:
        """Whether an error is one of the rows that are written, not of the database as a whole."""
        driver = self._driver
        outages = (driver.OperationalError, driver.InterfaceError, driver.InternalError)
        return not isinstance(why, (*outages, SQLAlchemyError, OSError, RecordUnavailableError))

    def close(self) -> None:
        """Close the connections that are not in use."""
        if self._engine is not None:
            self._engine.dispose()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time writes: they wait in a queue of the kernel, not by trying again.

        SQLite's own waiting lets a writer starve when others commit all the time.
        """
        if self.path is None:
            yield
            return
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.geteuid() == 0 and self.path.exists():  # as SQLite does with its own files
                owner = self.path.stat()
                os.fchown(lock, owner.st_uid, owner.st_gid)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _connected(self) -> Engine:
        if self._engine is None:
            options: dict[str, Any] = {"timeout": _BUSY_MS / 1000} if self.sqlite else _POSTGRES
            engine = create_engine(
                self.url,
                hide_parameters=True,
                isolation_level="AUTOCOMMIT",  # transactions are begun by their own statement
                connect_args=options,
                pool_size=8,
                max_overflow=16,
                pool_timeout=5,
                pool_pre_ping=not self.sqlite,
            )
            event.listen(engine, "connect", self._connection_settings)
            if self.path is not None:
                event.listen(engine, "do_connect", self._open_side_files)
            self._engine = engine
        return self._engine

    def _connection_settings(self, connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        if self.sqlite:
            cursor.execute(f"PRAGMA synchronous={'FULL' if self._trace == 'power' else 'NORMAL'}")
            cursor.execute("PRAGMA secure_delete=ON")  # what is erased is overwritten
        else:
            commit = "on" if self._trace == "power" else "off"
            cursor.execute(f"SET synchronous_commit = {commit}")
            cursor.execute(f"SET statement_timeout = {_STATEMENT_MS}")
            cursor.execute(f"SET lock_timeout = {_LOCK_MS}")
        cursor.close()

    def _open_side_files(self, *_: Any) -> None:
        """Give the log beside the file the file's own mode.

        SQLite made it read-only if the file was so at that moment, and would keep it.
        """
        path = cast("Path", self.path)
        with suppress(OSError):
            mode = path.stat().st_mode & 0o777
            for ending in ("-wal", "-shm"):
                side = path.with_name(path.name + ending)
                if side.exists() and side.stat().st_mode & 0o777 != mode:
                    side.chmod(mode)

    def _prepare(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._connected().connect() as connection:
            if schema.revision(connection) != schema.HEAD:
                self._upgrade(connection)
        self._ready = True

    def _upgrade(self, connection: Connection) -> None:
        if self.path is not None:
            self.path.chmod(0o600)
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with self.locked(), transaction(connection, self.begin):
            if not self.sqlite:  # the number is ours alone: the digits of "credit"
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(273348)")
            schema.upgrade(connection)


@contextmanager
def transaction(connection: Connection, begin: str) -> Iterator[None]:
    """A transaction of the database that the block's end commits, and an error rolls back."""
    connection.exec_driver_sql(begin)
    try:
        yield
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        # A commit that failed may leave the transaction open; a connection that is lost has none.
        with suppress(SQLAlchemyError):
            connection.exec_driver_sql("ROLLBACK")
        connection.invalidate()
        raise


def unavailable(name: str, why: Exception) -> RecordUnavailableError:
    """The error for a record that cannot be used because of an error of its database or disk."""
    return RecordUnavailableError(
        f"the record of decisions cannot be used now ({reason(why)}; {name}); nothing is decided "
        "meanwhile"
    )


def reason(why: Exception) -> str:
    """The type of an error of a database, and SQLite's own name of it: never its text."""
    if isinstance(why, OSError):
        return why.strerror or type(why).__name__
    origin = why.orig if isinstance(why, DBAPIError) and why.orig is not None else why
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None)
    return f"{type(origin).__name__} {code}" if code else type(origin).__name__


def _psycopg() -> Any:
    import psycopg  # noqa: PLC0415  (10 MB that SQLite does not need)

    return psycopg


def _url(text: str | None, state: Path) -> URL:
    if text is None:
        return URL.create("sqlite", database=str(state / "decisions" / FILE))
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    backend = url.get_backend_name() if url is not None else ""
    if url is not None and backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url is not None and backend == "sqlite" and url.database not in (None, "", ":memory:"):
        return url.set(database=str(Path(str(url.database)).resolve()))
    raise SettingError(
        "CREDIT_DECISIONS takes postgresql://user:password@host/database or sqlite:///path; its "
        "value is not shown, because it may hold a password"
    )
