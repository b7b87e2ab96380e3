"""Signs of life: what is being done, how far, for how long. Written to stderr."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

#: Seconds after which a step that has not ended says that it is still at work.
HEARTBEAT_S = 5.0


@contextmanager
def working(label: str, *, quiet: bool = False) -> Iterator[None]:
    """Say that a step of unknown length began, goes on (every five seconds) and has ended."""
    if quiet:
        yield
        return
    console, start, done = (
        Console(stderr=True, highlight=False),
        time.perf_counter(),
        threading.Event(),
    )
    console.print(f"  {label} …", markup=False)

    def beat() -> None:
        while not done.wait(HEARTBEAT_S):
            console.print(f"  {label} … {time.perf_counter() - start:.0f} s", markup=False)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    console.print(f"  {label}: {time.perf_counter() - start:.1f} s", markup=False)


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
