"""SIGINT (Ctrl-C) and SIGTERM (a supervisor's stop): when they end a command, and when they wait.

Python handles signals in the main thread. A program calls these functions from there; only
``uninterrupted`` may be used in any thread.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Seconds after which an interrupt that Python dropped is raised again.
_AGAIN_S = 0.1


def interrupt_on_sigterm() -> threading.Event:
    """Let SIGTERM raise ``KeyboardInterrupt``, as Ctrl-C does; return an event that it sets.

    By default SIGTERM ends a process without any clean-up and leaves temporary files behind. A
    handler that the program has set before stays in place; the event is then never set.
    """
    received = threading.Event()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:

        def interrupt(*_: object) -> None:
            received.set()
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, interrupt)
    return received


def stop_once() -> None:
    """Let the first Ctrl-C or SIGTERM end the command, and ignore the later ones.

    The command can then close its runs undisturbed: when it runs under ``mlflow run``, Ctrl-C in a
    terminal sends it both signals. Python drops what is raised in a finalizer or in the callback of a
    weak reference; an interrupt that is dropped there is raised again a moment later.
    """
    stopping, said = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            return
        stopping.set()
        if not said.is_set():
            sys.stderr.write("\nstopping: closing the open runs …\n")
        said.set()
        raise KeyboardInterrupt

    report = sys.unraisablehook

    def repeat(dropped: "sys.UnraisableHookArgs") -> None:
        if dropped.exc_type is not KeyboardInterrupt:
            report(dropped)
            return
        stopping.clear()
        threading.Timer(_AGAIN_S, os.kill, (os.getpid(), signal.SIGINT)).start()

    sys.unraisablehook = repeat
    for number in _STOP_SIGNALS:
        signal.signal(number, stop)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Run a block to its end; a signal that arrives meanwhile takes effect right after it.

    In other threads than the main one this does nothing, because no signal interrupts them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[signal.Signals] = []
    former = {
        number: signal.signal(number, lambda got, _: arrived.append(signal.Signals(got)))
        for number in _STOP_SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: a handler not set by Python
        for number in arrived:
            signal.raise_signal(number)
