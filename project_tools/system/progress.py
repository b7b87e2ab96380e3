"""Progress on stderr: which step runs, how far it is, and how long it takes."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Seconds between two progress lines of a step that takes long.
HEARTBEAT_S = 5.0


def say(text: str) -> None:
    """Write one line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(slots=True)
class Step:
    """A running step; its ``note``, such as a number of rows, is shown when it ends."""

    note: str = ""


@contextmanager
def working(
    label: str, *, quiet: bool = False, done: Callable[[], float] | None = None
) -> Iterator[Step]:
    """Show that a step of unknown length starts, runs and ends.

    ``done`` returns the percentage that is done, negative if unknown; it is called from another
    thread. A terminal shows a moving bar; a log gets a line every five seconds.
    """
    step = Step()
    if quiet:
        yield step
        return
    console = Console(stderr=True, highlight=False)
    start, ended = time.perf_counter(), threading.Event()
    with (_Moving if console.is_terminal else _Lines)(label, console) as display:

        def beat() -> None:
            while not ended.wait(display.every_s):
                display.show(done() if done else -1.0)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield step
        finally:
            ended.set()
            thread.join()
    note = f"{step.note}, " if step.note else ""
    console.print(f"  {label}: {note}{time.perf_counter() - start:.1f} s", markup=False)


class _Lines:
    """Progress for a log: one line at the start, then one every few seconds."""

    every_s = HEARTBEAT_S

    def __init__(self, label: str, console: Console) -> None:
        self._label, self._console, self._start = label, console, time.perf_counter()

    def __enter__(self) -> Self:
        self._console.print(f"  {self._label} …", markup=False)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the lines as they are."""

    def show(self, percent: float) -> None:
        done = f"{percent:.0f} %, " if percent >= 0 else ""
        seconds = time.perf_counter() - self._start
        self._console.print(f"  {self._label} … {done}{seconds:.0f} s", markup=False)


class _Moving:
    """Progress for a terminal: a moving bar that disappears when the step ends."""

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

    def show(self, percent: float) -> None:
        if percent >= 0:
            self._bar.update(self._task, total=100, completed=percent)


class Bar:
    """Progress of a step with a known number of items: a bar on a terminal, lines in a log."""

    def __init__(self, label: str, total: int, *, quiet: bool = False) -> None:
        self._label, self._total, self._quiet = label, total, quiet
        self._done, self._note, self._start = 0, "", time.perf_counter()
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        if not quiet and sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(),
                TimeElapsedColumn(), TextColumn("{task.fields[note]}"), console=self._console,
            )  # fmt: skip
            self._task = self._bar.add_task(label, total=total, note="")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._bar is not None:
            self._bar.stop()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Add ``count`` items to those that are done, and show ``note`` beside them."""
        self._done += count
        self._note = note
        if self._bar is not None:
            self._bar.update(self._task, advance=count, note=note)
        else:
            self._print()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            if self._bar is None:
                self._print()

    def _print(self) -> None:
        if not self._quiet:
            seconds = time.perf_counter() - self._start
            line = f"  {self._label}: {self._done:,}/{self._total:,}, {seconds:.0f} s {self._note}"
            self._console.print(line.rstrip(), markup=False)


def in_words(seconds: float) -> str:
    """A duration, rounded, in a unit that a person would choose.

    >>> in_words(0.2), in_words(42), in_words(200), in_words(9_000)
    ('1 s', '42 s', '3 min', '2.5 h')
    """
    if seconds < 90:  # noqa: PLR2004  (shorter durations read better in seconds)
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"  # noqa: PLR2004
