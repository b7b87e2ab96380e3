"""What an engine needs beside ``Engine`` to compute all clients from the files of raw tables."""

from abc import abstractmethod
from typing import Protocol

from project_tools.features.engines.engine import Engine, Tables
from project_tools.tables.files import RawTables
from project_tools.tables.report import Finding


class BatchTables(Tables, Protocol):
    """The raw tables of all clients, checked as they are read."""

    @property
    def odd(self) -> tuple[Finding, ...]:
        """Findings in the rows read so far that do not stop the work."""


class BatchEngine(Engine):
    """An engine that takes the raw tables of all clients."""

    @abstractmethod
    def tables(self, raw: RawTables, *, quiet: bool) -> BatchTables:
        """The raw tables, where this engine computes."""
