"""What takes a while to make: made in a thread of its own, waited for at its first use."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
#: Seconds that a first use waits.
PATIENCE_S = 10.0


class Prepared(Generic[T]):
    """A value whose making starts now; ``get`` raises what its making raised."""

    def __init__(self, make: Callable[[], T], name: str) -> None:
        self._made: Future[T] = Future()
        self._make = make
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._made.set_result(self._make())
        except Exception as why:  # noqa: BLE001  (who asks for it gets it)
            self._made.set_exception(why)

    def get(self) -> T:
        """The value, waited for; ``TimeoutError`` after ``PATIENCE_S``."""
        return self._made.result(PATIENCE_S)
