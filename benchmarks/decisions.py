"""What the record of decisions costs: processor time, latency, verification, replay.

    python benchmarks/decisions.py [--decisions N] [--only NAME] [--check]

The committed model decides on its clients; the record is a SQLite file under pickle_files/benchmark
that survives a loss of power (CREDIT_TRACE=power). The flush of 4 kB (fdatasync) is measured on the
same disk, because every commit waits for one. Replay runs in an environment of api/requirements.txt
alone, made once. ``--check`` exits with status 1 if a bound does not hold.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from project_tools.settings import ROOT

if TYPE_CHECKING:
    from project_tools.serving.decisions.record import NewDecision
    from project_tools.serving.decisions.store import DecisionStore

WORK = ROOT / "pickle_files" / "benchmark" / "decisions"
ENVIRONMENT = ROOT / "pickle_files" / "benchmark" / "api-environment"
THREADS, PROCESSES, ROUNDS = 4, 2, 5
#: In which the reasons of the replayed decisions were issued.
LANGUAGES = ("en", "fr")
#: Bounds: ms of processor time; ms by the clock; rows a second; seconds; ms.
MOST_CPU_MS, MOST_MEDIAN_MS, MOST_P99_MS, FLUSHES = 0.3, 3.0, 25.0, 4
LEAST_ROWS, MOST_REPLAY_S, MOST_FURTHER_MS = 50_000, 2.0, 50.0
_missed: list[str] = []


def show(
    what: str, value: float, unit: str, bound: float | None = None, *, least: bool = False
) -> None:
    """Print a figure beside its bound."""
    held = bound is None or (value >= bound if least else value <= bound)
    beside = (
        ""
        if bound is None
        else f"  (bound {'≥' if least else '≤'} {bound:,.6g}{'' if held else ': MISSED'})"
    )
    print(f"{what:<58} {value:10,.3f} {unit}{beside}", flush=True)
    if not held:
        _missed.append(what)


@contextmanager
def opened(name: str, *, keep: bool = False) -> Iterator["DecisionStore"]:
    """A record in a folder of its own, empty unless it is kept."""
    from project_tools.serving.decisions.store import open_store

    if not keep:
        shutil.rmtree(WORK / name, ignore_errors=True)
    with open_store(None, WORK / name) as store:
        yield store


def decider() -> Callable[[int], "NewDecision"]:
    """Decides on the n-th client as the API does, without the record."""
    from project_tools.serving.artefact import load_artefact
    from project_tools.serving.clients import ClientStore
    from project_tools.serving.decisions.record import NewDecision
    from project_tools.serving.scoring import Scorer

    artefact = load_artefact(ROOT / "api" / "model", child=False)
    clients = ClientStore.open(ROOT / "api" / "clients.parquet", artefact)
    ids = clients.ids(size=400).ids
    rows = [clients.encoded(client) for client in ids]
    scorer, manifest = Scorer(artefact), artefact.manifest

    def decide(n: int) -> NewDecision:
        row = rows[n % len(rows)]
        score = scorer.score_encoded(row)
        decision = score.decision
        return NewDecision(
            ids[n % len(rows)], artefact.digest, manifest.name, manifest.version,
            artefact.threshold, row.tobytes(), decision.probability, score.raw_score,
            decision.label, near=n % 10 == 0,
        )  # fmt: skip

    return decide


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Call ``work`` with 0 … count - 1, spread over four threads."""
    threads = [
        threading.Thread(target=lambda first=first: [work(n) for n in range(first, count, THREADS)])
        for first in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cost(count: int) -> None:
    """Processor time of a recorded decision beside an unrecorded one, in alternating rounds."""
    decide = decider()
    with opened("cost") as store:
        store.record([decide(0)])
        pairs = []
        for _ in range(ROUNDS):
            times = []
            for work in (decide, lambda n: store.record([decide(n)])):
                start = time.process_time()
                in_threads(work, count)
                times.append((time.process_time() - start) / count * 1000)
            pairs.append(times)
    plain, recorded = (median(pair[i] for pair in pairs) for i in (0, 1))
    more = median(after - before for before, after in pairs)
    show("a decision, unrecorded: processor time", plain, "ms")
    show("a decision, recorded and chained", recorded, "ms")
    show("the record's part of it", more, "ms", MOST_CPU_MS)


def _record(name: str, count: int, answers: "multiprocessing.SimpleQueue[list[float]]") -> None:
    decide = decider()
    waits: list[float] = []

    def work(n: int) -> None:
        new = decide(n)
        start = time.perf_counter()
        store.record([new])
        waits.append((time.perf_counter() - start) * 1000)

    with opened(name, keep=True) as store:
        in_threads(work, count)
    answers.put(waits)


def latency(count: int) -> None:
    """How long a decision waits for its commit while eight threads of two processes record."""
    flushes = []
    with opened("latency") as store:
        store.record([decider()(0)])
    with (WORK / "flush").open("wb", buffering=0) as file:
        file.write(bytes(1 << 20))
        for n in range(2000):
            start = time.perf_counter()
            os.pwrite(file.fileno(), bytes(4096), n % 200 * 4096)
            os.fdatasync(file.fileno())
            flushes.append((time.perf_counter() - start) * 1000)
    flush = float(np.quantile(flushes, 0.99))
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.SimpleQueue()
    running = [
        spawn.Process(target=_record, args=("latency", count, answers)) for _ in range(PROCESSES)
    ]
    for process in running:
        process.start()
    waits = [wait for _ in running for wait in answers.get()]
    for process in running:
        process.join()
    middle, late = np.quantile(waits, [0.5, 0.99])
    show("a 4 kB fdatasync, 99th percentile", flush, "ms")
    show(
        "two processes of four threads: median until the commit",
        float(middle),
        "ms",
        MOST_MEDIAN_MS,
    )
    show("99th percentile", float(late), "ms", MOST_P99_MS + FLUSHES * flush)


def verification(count: int) -> None:
    """Events of the chain that are verified in a second, contents included."""
    from project_tools.serving.decisions.chain import verify

    decide = decider()
    batch = [decide(n) for n in range(500)]
    with opened("verify") as store:
        for _ in range(0, count, len(batch)):
            store.record(batch)
        rates = []
        for _ in range(3):
            start = time.perf_counter()
            found = verify(store.database)
            rates.append(found.events / (time.perf_counter() - start))
            if found.problems:
                raise SystemExit(f"the record does not hold: {found.problems[0]}")
    show(f"verify, of {found.events:,} events", median(rates), "rows/s", LEAST_ROWS, least=True)


def replays(_: int) -> None:
    """``credit decisions replay`` of one and of a hundred decisions, where only the API is installed.

    Each has reasons that were issued in two languages.
    """
    from project_tools.serving.artefact import load_artefact
    from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput

    decide, artefact = decider(), load_artefact(ROOT / "api" / "model", child=False)
    with opened("replay") as store:
        new = [decide(n) for n in range(101)]
        store.archive.keep(new[0].model, ROOT / "api" / "model")
        ids = [decision.id for decision in store.record(new)]
        for decided, id_ in zip(new, ids, strict=True):
            scored = ScoredInput.of(artefact, decided.row)
            said = [
                RecordedReasons.of(scored, language, "").event(id_, "") for language in LANGUAGES
            ]
            store.add(said)
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        uv = [str(Path(sys.executable).with_name("uv"))]
        subprocess.run([*uv, "venv", "-q", str(ENVIRONMENT)], check=True)  # noqa: S603  (our own command)
        lock = str(ROOT / "api" / "requirements.txt")
        command = ["pip", "sync", "-q", "--compile-bytecode", "--python", str(python), lock]
        subprocess.run([*uv, *command], check=True)  # noqa: S603

    def seconds(chosen: list[str]) -> float:
        command = [str(python), "-m", "project_tools", "decisions", "replay", *chosen]
        start = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env={**os.environ, "CREDIT_STATE": str(WORK / "replay")},
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        taken = time.perf_counter() - start
        if done.stdout.count("the same to the bit") != len(chosen) * (1 + len(LANGUAGES)):
            raise SystemExit(f"a decision came out otherwise:\n{done.stdout}")
        return taken

    seconds(ids[:1])  # writes bytecode
    one, many = (median(seconds(chosen) for _ in range(3)) for chosen in (ids[:1], ids))
    show("replay of one decision with its reasons", one, "s", MOST_REPLAY_S)
    show(
        "each further decision of the same model", (many - one) / 100 * 1000, "ms", MOST_FURTHER_MS
    )


PARTS = {"cost": cost, "latency": latency, "verify": verification, "replay": replays}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=100_000, help="events to verify (100,000)")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--check", action="store_true")
    words = parser.parse_args()
    for name, part in PARTS.items():
        if words.only in (None, name):
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
            part(words.decisions if name == "verify" else 2_000)
    return 1 if words.check and _missed else 0


if __name__ == "__main__":
    sys.exit(main())
