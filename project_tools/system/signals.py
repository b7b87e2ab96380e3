"""Ctrl-C and SIGTERM, kept waiting while something must not be cut in the middle."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A block that ends whole: what came meanwhile interrupts right after it.

    Signals reach the main thread alone, so that in others this changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[signal.Signals] = []
    former = {
        name: signal.signal(name, lambda got, _: came.append(signal.Signals(got)))
        for name in _STOPPING
    }
    try:
        yield
    finally:
        for name, handler in former.items():
            signal.signal(name, handler or signal.SIG_DFL)  # none: not set by Python
        for name in came:
            signal.raise_signal(name)
