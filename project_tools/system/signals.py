"""Ctrl-C and SIGTERM, kept waiting while something must not be cut in the middle."""

import signal
import sys
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


def end_like_ctrl_c(name: signal.Signals) -> threading.Event:
    """Let the signal end the command as Ctrl-C does: what was begun is cleared away. By default it
    would leave temporary files behind. The event is set when the signal has come. A command that
    has said how it ends keeps to that.
    """
    came = threading.Event()
    if signal.getsignal(name) is not signal.SIG_DFL:
        return came

    def stop(*_: object) -> None:
        came.set()
        raise KeyboardInterrupt

    signal.signal(name, stop)
    return came


def stop_once() -> None:
    """Let the first Ctrl-C, or a supervisor's SIGTERM, end the command; a second one does not cut
    its closing short.

    ``mlflow run`` answers Ctrl-C with a SIGTERM besides the terminal's SIGINT.
    """
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            return
        stopping.set()
        sys.stderr.write("\nstopping: the open runs are closed …\n")
        raise KeyboardInterrupt

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
