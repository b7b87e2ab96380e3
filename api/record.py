"""The record of decisions as one worker uses it: written before an answer, watched, counted."""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flask import Flask, current_app

from api.metrics import RECORD_SECONDS, RECORDS
from project_tools.errors import CreditError
from project_tools.serving.decisions.errors import HaltedError, RecordUnavailableError
from project_tools.serving.decisions.record import Decision, Event, NewDecision, NewEvent, Seal
from project_tools.serving.decisions.store import Answer, DecisionStore, open_store
from project_tools.serving.decisions.writer import Once
from project_tools.settings import Settings

#: Seconds between two lines of the log with the head of the chain.
HEAD_S = 60.0
#: Seconds for which a worker believes its last trial of the record.
TRIED_S = 1.0
#: Seconds after a decision that could not be recorded in which the worker is not ready. A trial writes
#: less than a decision does: it may pass where the disk is full.
FAILED_S = 5.0
_EXTENSION = "credit_record"


class Record:
    """One worker's connection to the record; threads share it.

    It connects at the first use, and again by itself after every failure.
    """

    def __init__(self, store: DecisionStore, logger: logging.Logger) -> None:
        self.store, self._logger = store, logger
        self._failed = -FAILED_S
        self._tried, self._passed = -TRIED_S, False
        self._trying = threading.Lock()
        #: By digest of a model, when it was last seen in the archive.
        self._archived: dict[str, float] = {}

    def decide(self, new: NewDecision, folder: Path) -> Decision:
        """A decision as it is recorded; ``RecordUnavailableError`` or ``HaltedError``: it is not.

        ``folder`` holds its model, which is archived before its first decision.
        """
        return self.decide_all([new], folder)[0]

    def decide_all(self, new: Sequence[NewDecision], folder: Path) -> list[Decision]:
        """Decisions of one model as they are recorded, in one transaction: all, or none as ``decide``."""
        with _Counted(self, len(new)):
            self._archive(new[0].model, folder)
            return self.store.record(new)

    def decide_explained(
        self, new: NewDecision, reasons: NewEvent, folder: Path
    ) -> tuple[Decision, Event]:
        """A decision and the reasons that are issued with it, both or none; else as ``decide``."""
        with _Counted(self):
            self._archive(new.model, folder)
            return self.store.record_explained(new, reasons)

    def decide_once(
        self,
        once: Once,
        decide: Callable[[], Sequence[NewDecision]],
        folder: Path,
        answer: Callable[[list[Decision]], bytes],
    ) -> Answer:
        """The answer under an Idempotency-Key, made and recorded at most once in 24 hours."""
        with _Counted(self) as counted:

            def archived() -> Sequence[NewDecision]:
                new = decide()
                counted.count = len(new)
                self._archive(new[0].model, folder)
                return new

            made = self.store.idempotent(once, archived, answer)
            counted.outcome = "replayed" if made.replayed else "recorded"
            return made

    def note_reload(
        self, step: str, model: str = "", key_id: str = "",
        once: Once | None = None, answer: bytes = b"",
    ) -> None:  # fmt: skip
        """Record a step of a reload: it was asked for, loaded or refused by this worker, or answered.

        A reload goes on where that fails; the log says so. With ``once``, the answer is kept.
        """
        try:
            facts = {"step": step, "model": model, "worker": os.getpid()}
            self.store.event(NewEvent("reload", facts, key_id=key_id), once, lambda _: answer)
        except CreditError as why:
            self._logger.error("reload not recorded", extra={"reason": str(why)})

    def ready(self) -> bool:
        """Whether a decision could be recorded now."""
        if time.monotonic() - self._failed < FAILED_S:
            return False
        with self._trying:
            if time.monotonic() - self._tried >= TRIED_S:
                self._passed = self._try()
                self._tried = time.monotonic()
            return self._passed

    def failed(self) -> None:
        """A decision could not be recorded."""
        self._failed = time.monotonic()

    def recorded(self) -> None:
        """A decision was recorded."""
        self._failed = -FAILED_S

    def watch(self) -> None:
        """Write the head of the chain to the log every minute: who keeps the log can prove a cut tail."""
        threading.Thread(target=self._watch, name="head", daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.log_head()
            time.sleep(HEAD_S)

    def log_head(self) -> None:
        """Write the head of the chain to the log."""
        try:
            head: Seal | None = self.store.head()
        except CreditError as why:
            self._logger.error("no head", extra={"reason": str(why)})
        except Exception:  # the thread must live
            self._logger.exception("no head")
        else:
            self._logger.info("head", extra={"seal": str(head) if head else "none"})

    def archive(self, digest: str, folder: Path) -> None:
        """Archive a model when it is loaded, so that its first decision need not wait for that."""
        try:
            self._archive(digest, folder)
        except RecordUnavailableError as why:  # said again by each decision
            self._logger.error("model not archived", extra={"reason": str(why)})

    def _archive(self, digest: str, folder: Path) -> None:
        now = time.monotonic()
        if now - self._archived.get(digest, -TRIED_S) >= TRIED_S:
            self.store.archive.keep(digest, folder)
            self._archived[digest] = now

    def _try(self) -> bool:
        try:
            with self.store.database.writing() as connection:
                connection.exec_driver_sql("UPDATE head SET sequence = sequence")
        except CreditError as why:
            self._logger.error("record not writable", extra={"reason": str(why)})
            return False
        return True


class _Counted:
    """Counts one attempt to record so many decisions, with its outcome and its time."""

    def __init__(self, record: Record, count: int = 1) -> None:
        self._record, self.count = record, count
        self.outcome = "recorded"

    def __enter__(self) -> "_Counted":
        self._start = time.perf_counter()
        return self

    def __exit__(self, _: object, why: BaseException | None, __: object) -> None:
        if isinstance(why, HaltedError):
            self.outcome = "halted"
        elif isinstance(why, RecordUnavailableError):
            self.outcome = "failed"
            self._record.failed()
        elif why is not None:
            self.outcome = "refused"
        elif self.outcome == "recorded":
            self._record.recorded()
            RECORD_SECONDS.observe(time.perf_counter() - self._start)
        RECORDS.labels(self.outcome).inc(self.count)


def open_record(app: Flask, settings: Settings) -> Record:
    """Give an application the record that the settings name; nothing is connected yet."""
    store = open_store(settings.decisions, settings.state, settings.trace)
    record = app.extensions[_EXTENSION] = Record(store, app.logger)
    return record


def record_of(app: Flask) -> Record:
    """The record of an application."""
    record: Record = app.extensions[_EXTENSION]
    return record


def current_record() -> Record:
    """The record of the current application."""
    return record_of(current_app)


def refuse_if_halted() -> None:
    """``HaltedError`` while decisions are halted; a halt holds here after at most half a second."""
    halt = current_record().store.halted()
    if halt is not None:
        raise HaltedError(halt.reason)
