"""Signs of life: what is being done, how far, for how long. Written to stderr."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Seconds after which a step that has not ended says that it is still at work.
HEARTBEAT_S = 5.0


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(slots=True)
class Step:
    """A step under way; ``note`` says, at its end, what it met, as a number of rows."""

    note: str = ""


@contextmanager
def working(
    label: str, *, quiet: bool = False, done: Callable[[], float] | None = None
) -> Iterator[Step]:
    """Say that a step of unknown length began, goes on (every five seconds) and has ended.

    ``done`` tells, from another thread, how much of it is done, in percent (negative: not known).
    On a terminal the step is a moving bar; elsewhere, lines.
    """
    step = Step()
    if quiet:
        yield step
        return
    console, start = Console(stderr=True, highlight=False), time.perf_counter()
    with _sign_of_life(label, console, done or (lambda: -1.0)):
        yield step
    note = f"{step.note}, " if step.note else ""
    console.print(f"  {label}: {note}{time.perf_counter() - start:.1f} s", markup=False)


@contextmanager
def _sign_of_life(label: str, console: Console, done: Callable[[], float]) -> Iterator[None]:
    ended, show = threading.Event(), _Moving if console.is_terminal else _Lines
    with show(label, console) as shown:

        def beat() -> None:
            while not ended.wait(shown.every_s):
                shown.say(done())

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


class _Lines:
    """Lines for a log: one at the start, then one every few seconds."""

    every_s = HEARTBEAT_S

    def __init__(self, label: str, console: Console) -> None:
        self._label, self._console, self._start = label, console, time.perf_counter()

    def __enter__(self) -> Self:
        self._console.print(f"  {self._label} …", markup=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to clear away."""

    def say(self, percent: float) -> None:
        much = f"{percent:.0f} %, " if percent >= 0 else ""
        seconds = time.perf_counter() - self._start
        self._console.print(f"  {self._label} … {much}{seconds:.0f} s", markup=False)


class _Moving:
    """A bar for a terminal, which goes when the step has ended."""

    every_s = 0.2

    def __init__(self, label: str, console: Console) -> None:
        columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=console, transient=True)
        self._task = self._bar.add_task(label, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, percent: float) -> None:
        if percent >= 0:
            self._bar.update(self._task, total=100, completed=percent)


class Bar:
    """How many of a known number of things are done; a moving bar, or lines where there is no
    terminal.
    """

    def __init__(self, label: str, total: int, *, quiet: bool = False) -> None:
        self._label, self._total, self._quiet = label, total, quiet
        self._done, self._note = 0, ""
        self._start = time.perf_counter()
        self._console = Console(stderr=True, highlight=False)
        self._live = None if quiet or not sys.stderr.isatty() else _live(self._console)

    def __enter__(self) -> "Bar":
        if self._live is not None:
            self._live.start()
            self._task = self._live.add_task(self._label, total=self._total, note="")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._live is not None:
            self._live.stop()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count ``count`` more things as done and show ``note`` beside them."""
        self._done += count
        self._note = note
        if self._live is not None:
            self._live.update(self._task, advance=count, note=note)
        else:
            self._print()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            if self._live is None:
                self._print()

    def _print(self) -> None:
        if not self._quiet:
            seconds = time.perf_counter() - self._start
            line = f"  {self._label}: {self._done:,}/{self._total:,}, {seconds:.0f} s {self._note}"
            self._console.print(line.rstrip(), markup=False)


def _live(console: Console) -> Progress:
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TimeElapsedColumn(), TextColumn("{task.fields[note]}"), console=console
    )


def in_words(seconds: float) -> str:
    """A duration as a person says it.

    >>> in_words(0.2), in_words(42), in_words(200), in_words(9_000)
    ('1 s', '42 s', '3 min', '2.5 h')
    """
    if seconds < 90:  # noqa: PLR2004  (below, seconds read better)
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"  # noqa: PLR2004
