"""The service of one worker: loaded from the last good copy, renewed without a stop, kept on failure.

A worker never loads from the paths of the settings. A child process copies and verifies what lies
there (``project_tools.serving.last_good``), and the worker loads that copy.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from api.metrics import LAST_RELOAD, RELOADS
from project_tools.errors import CreditError
from project_tools.serving.last_good import LastGood, Pair
from project_tools.serving.manifest import MANIFEST
from project_tools.settings import Settings
from project_tools.system.files import sha256

S = TypeVar("S")
#: A worker without a model tries again after so many seconds.
RETRY_S = 5.0


class Keeper(Generic[S]):
    """Holds the service that answers, and replaces it as a whole.

    A request takes ``service`` once and answers from it, so no answer mixes two models. ``load``
    makes a service of a copy, or raises a ``CreditError``. ``note`` records each step of a reload: what
    happened, and the digest of the model that answers then.
    """

    def __init__(
        self,
        settings: Settings,
        logger: logging.Logger,
        load: Callable[[LastGood, Pair], S],
        note: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self.service: S | None = None
        self._settings, self._logger, self._load, self._note = settings, logger, load, note
        self._last_good = LastGood(settings.model, settings.clients, settings.state)
        self._pair: Pair | None = None
        self._reloading = threading.Lock()
        self._asked = threading.Event()
        self._last_reason = ""

    def start(self, verified: str) -> None:
        """Load what the start of the server has verified, or verify and load; log what prevents it.

        ``verified`` is the digest of the model that the start has verified, or empty.
        """
        try:
            if not (verified and self._load_copy()):
                self._adopt(verified)
                self._load_copy()
        except CreditError as why:
            self._log_once(why)
            self._fall_back()

    def reload(self) -> str:
        """Verify what lies at the paths in a child process and answer from it; the model's digest.

        A ``CreditError`` says why not; then the former service goes on answering.
        """
        with self._reloading:
            self._last_good.adopt_in_child()
            self._load_copy()
            return self._pair.model if self._pair else ""

    def watch(self) -> None:
        """Reload at SIGUSR1; every 5 s, load what another worker adopted, or retry without a model.

        Call it in the main thread. gunicorn's master passes the signal on to all workers.
        """
        signal.signal(signal.SIGUSR1, lambda *_: self._asked.set())
        signal.siginterrupt(signal.SIGUSR1, False)
        threading.Thread(target=self._watch, name="reload", daemon=True).start()

    def _watch(self) -> None:
        while True:
            asked = self._asked.wait(RETRY_S)
            self._asked.clear()
            try:
                if asked or self.service is None:
                    self.reload()
                elif self._last_good.pairs()[:1] not in ([], [self._pair]):
                    # Another worker adopted it; the signal came while this one was starting.
                    with self._reloading:
                        self._load_copy()
            except CreditError as why:
                self._log_once(why, again=asked)
                if self.service is None:
                    self._fall_back()
            except Exception:  # the thread must live: it is what heals the worker
                self._logger.exception("model not loaded")

    def _adopt(self, verified: str) -> None:
        manifest = self._settings.model / MANIFEST
        if verified and manifest.is_file() and sha256(manifest) == verified:
            self._last_good.adopt()
        else:
            self._last_good.adopt_in_child()

    def _load_copy(self) -> bool:
        """Load the newest copy; False where there is none."""
        pairs = self._last_good.pairs()
        if not pairs:
            return False
        self._answer_from(pairs[0])
        return True

    def _fall_back(self) -> None:
        """Answer from any copy that can be loaded."""
        try:
            for pair in self._last_good.pairs():
                try:
                    self._answer_from(pair)
                except CreditError as why:
                    self._log_once(why)
                else:
                    return
        except CreditError as why:
            self._log_once(why)

    def _answer_from(self, pair: Pair) -> None:
        self.service = self._load(self._last_good, pair)
        self._last_reason = ""
        if pair != self._pair:
            event = "ready" if self._pair is None else "reloaded"
            self._logger.info(event, extra={"model": pair.model})
            count_reload("loaded")
            if self._pair is not None:
                self._note("loaded", pair.model)
        self._pair = pair

    def _log_once(self, why: CreditError, *, again: bool = False) -> None:
        """The same reason every 5 s would fill the log."""
        if again or str(why) != self._last_reason:
            event = "no model" if self.service is None else "model refused"
            self._logger.error(event, extra={"reason": str(why)})
            count_reload("refused")
            if self._pair is not None:
                self._note("refused", self._pair.model)
        self._last_reason = str(why)


def count_reload(outcome: str) -> None:
    """Let the metrics say that a model was ``loaded`` or ``refused`` now."""
    RELOADS.labels(outcome).inc()
    LAST_RELOAD.labels(outcome).set_to_current_time()


def reload_all_workers() -> None:
    """Ask gunicorn's master to let each worker load the newest copy."""
    os.kill(os.getppid(), signal.SIGUSR1)
