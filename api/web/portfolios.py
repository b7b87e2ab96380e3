"""Portfolios: the clients whom a key may see, in a file of ids that is re-read while the service runs.

A file that is missing, damaged or not safe closes its key; it never opens it.
"""

import logging
import re
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from api.web.keys import REREAD_S
from project_tools.errors import SettingError
from project_tools.serving.clients import ClientStore

#: One id a line, and an end after the last: a file that was cut inside an id would name another client.
_IDS = re.compile(rb"(?:[1-9][0-9]{0,17}\r?\n)+")
#: Bytes of the largest portfolio: three million ids.
_LIMIT = 64 << 20
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(slots=True)
class Portfolio:
    """The ids of a file, ascending."""

    ids: NDArray[np.int64]
    _known: tuple[ClientStore, NDArray[np.int64]] | None = field(default=None, repr=False)

    def holds(self, client_id: int) -> bool:
        """Whether the client is in it. No store is asked, so the time says nothing of other clients."""
        at = int(np.searchsorted(self.ids, client_id))
        return at < len(self.ids) and int(self.ids[at]) == client_id

    def known(self, store: ClientStore) -> NDArray[np.int64]:
        """The ids that a store knows, ascending; computed once for a store."""
        known = self._known
        if known is None or known[0] is not store:
            known = self._known = (store, store.known(self.ids))
        return known[1]


def read_portfolio(path: Path) -> Portfolio:
    """The portfolio in a file; ``SettingError`` says in one sentence why it is none."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT:
            raise SettingError(f"the portfolio {path} is no file of at most {_LIMIT >> 20} MB")
        content = path.read_bytes()
    except OSError as why:
        raise SettingError(f"the portfolio {path} cannot be read ({why.strerror})") from why
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise SettingError(f"other users may change the portfolio {path}; run `chmod go-w {path}`")
    if _IDS.fullmatch(content) is None:
        raise SettingError(
            f"the portfolio {path} is empty or damaged; it takes one client id a line, each with a "
            "line end"
        )
    return Portfolio(np.unique(np.array(content.split(), dtype=np.int64)))


class Portfolios:
    """The portfolios of all keys as their files are now: a change holds after at most ``REREAD_S``."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        self._read: dict[str, _Read] = {}

    def of(self, path: str) -> Portfolio:
        """The portfolio in a file; ``SettingError`` if it cannot be used now."""
        with self._lock:
            read, now = self._read.get(path), time.monotonic()
            if read is None or now - read.at >= REREAD_S:
                read = self._read[path] = self._reread(path, read, now)
        if isinstance(read.result, SettingError):
            raise read.result
        return read.result

    def _reread(self, path: str, former: "_Read | None", now: float) -> "_Read":
        version = _version(Path(path))
        if former is not None and version is not None and version == former.version:
            return _Read(now, version, former.result)
        result: Portfolio | SettingError
        try:
            result = read_portfolio(Path(path))
        except SettingError as why:
            result = why
        if former is None or str(former.result) != str(result):
            if isinstance(result, SettingError):
                self._logger.error("portfolio closed", extra={"reason": str(result)})
            else:
                self._logger.info("portfolio read")
        return _Read(now, version, result)


@dataclass(frozen=True, slots=True)
class _Read:
    """What a file held at a time; ``version`` changes with the file."""

    at: float
    version: tuple[int, ...] | None
    result: Portfolio | SettingError


def _version(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (
        status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode,
    )  # fmt: skip
