"""What takes a while to make: made once, ahead of its first use or at it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
#: Seconds that a first use waits.
PATIENCE_S = 10.0


class Prepared(Generic[T]):
    """A value that a thread of its own makes, at ``start`` or at the first ``get``."""

    def __init__(self, make: Callable[[], T], name: str) -> None:
        self._made: Future[T] = Future()
        self._make, self._name = make, name
        self._starting = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Begin to make it, unless that has begun."""
        with self._starting:
            if not self._started:
                self._started = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._made.set_result(self._make())
        except Exception as why:  # noqa: BLE001  (who asks for it gets it)
            self._made.set_exception(why)

    def get(self) -> T:
        """The value, waited for; raises what its making raised, ``TimeoutError`` after ``PATIENCE_S``."""
        self.start()
        return self._made.result(PATIENCE_S)
