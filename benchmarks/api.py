"""The scoring API over HTTP, asked by wrk on the loopback, beside the plain way and an empty route.

    python benchmarks/api.py [--only NAME …] [--seconds 4] [--rounds 5] [--check]

The service is ``python -m api`` on the committed model and clients. The plain way
(``plain/flask_view.py``) runs under the same gunicorn with as many workers and threads. Runs alternate,
figures are medians of rounds, processor time is that of a server's processes by request.

The machine's load is printed. A timing is no result where the load before its measurement was above 2,
or where other programs kept more than half a core busy meanwhile. That load is the mean of what the
system averages over a minute, here over the last three seconds. It needs ``wrk`` (Debian's package
of that name) and Linux; ``memory`` and ``clients`` install ``api/requirements.txt`` in an environment of
their own, below ``pickle_files/benchmark``.
"""

import argparse
import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import open_store
from project_tools.settings import ROOT

WORK = ROOT / "pickle_files" / "benchmark" / "api"
PLAIN = Path(__file__).parent / "plain"
CLIENTS_FILE = ROOT / "api" / "clients.parquet"
#: Applications of the published tables: as many clients may be known.
MANY_CLIENTS = 356_255
CONNECTIONS, WORKERS, THREADS = 8, 2, 4
#: A timing above this load, or beside other programs that keep so many cores busy, is no result.
MOST_LOAD, MOST_OTHERS = 2.0, 0.5
#: Bounds of the issue.
TIMES_PLAIN = 3.5
MEDIAN_MS, TAIL_MS, SYNCS = 10.0, 25.0, 4
EXPLANATION_MS, PICTURE_MS, READY_S = 20.0, 400.0, 6.0
PEERS_MS, PORTFOLIO_MS = 10.0, 500.0
#: Recorded decisions of the portfolio, and how many are recorded together.
MANY_DECISIONS, BATCH = 100_000, 50
PRIVATE_MB, GROWTH_MB, REQUESTS = 250.0, 5.0, 50_000
#: Until then each thread's part of the allocator's memory reaches its size: 6 MB more from the 3,000th
#: to the 9,000th request, nothing after it.
WARM_REQUESTS = 10_000
#: "Fast" for a 503: its median and its 99th percentile.
REFUSED_MS, REFUSED_TAIL_MS = 100.0, 1_000.0
TIMES_CAPACITY, RECOVERED_S = 3, 5.0
#: Of an applicant by a row and by raw records; single scores that a batch of 400 is as fast as, at least.
ROW_MS, RECORDS_MS, TIMES_SINGLE = 10.0, 60.0, 30.0
EXAMPLE = ROOT / "docs" / "examples" / "applicant.json"
#: Rates of raw records that are tried, requests a second; each is held so long.
RATES, HELD_S, HELD_TAIL_MS = (140, 120, 100, 80, 60, 40), 60.0, 1_000.0
#: "Normal" again: so many scores in a row within the median's bound.
IN_A_ROW = 10
_PATIENCE_S = 600
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Table:
    """The figures of a run beside their bounds."""

    #: Before the current measurement.
    load: float = 0.0
    broken: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def row(
        self,
        what: str,
        value: float,
        unit: str,
        *,
        most: float | None = None,
        least: float | None = None,
        others: float = 0.0,
    ) -> None:
        """Print a figure; ``others`` are the cores that other programs kept busy meanwhile."""
        bound = f"≤ {most:g}" if most is not None else f"≥ {least:g}" if least is not None else ""
        missed = (most is not None and value > most) or (least is not None and value < least)
        timed = unit in ("ms", "s", "times", "/s")
        if timed and (self.load > MOST_LOAD or others > MOST_OTHERS):
            verdict = f"no result: load {self.load:.1f}, others {others:.1f} cores"
            self.unsure.append(what)
        elif missed:
            verdict = "BROKEN"
            self.broken.append(what)
        else:
            verdict = "held" if bound else ""
        print(f"| {what} | {value:,.2f} {unit} | {bound} | {verdict} |", flush=True)


def _stat(pid: int) -> tuple[int, float]:
    """Parent and processor seconds of a process, with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / _TICKS


def processor_time(root: int) -> float:
    """Seconds that a process and all below it have computed."""
    stats = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                stats[int(entry.name)] = _stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    total, below = 0.0, {root}
    while below:
        total += sum(stats[pid][1] for pid in below if pid in stats)
        below = {pid for pid, (parent, _) in stats.items() if parent in below}
    return total


def busy_time() -> float:
    """Seconds that all cores have computed since the machine started."""
    user, nice, system, _, _, irq, soft, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + soft) / _TICKS


def current_load(seconds: float = 3.0) -> float:
    """Processes that run or wait for a core, without this one: the mean over so many seconds."""
    counts, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        counts.append(int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]) - 1)
        time.sleep(0.02)
    return statistics.mean(counts)


class Others:
    """The cores that other programs keep busy from its start to ``cores()``."""

    def __init__(self) -> None:
        self._start, self._before = time.monotonic(), self._others()

    @staticmethod
    def _others() -> float:
        return busy_time() - processor_time(os.getpid())

    def cores(self) -> float:
        """Their mean since the start."""
        return max(0.0, self._others() - self._before) / (time.monotonic() - self._start)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: gunicorn's master and its port."""

    process: "subprocess.Popen[bytes]"
    port: int
    ready_s: float

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of an answer on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def timed(self, requests: Sequence[tuple[str, str, bytes | None]]) -> tuple[list[float], float]:
        """Milliseconds of each request (method, path, body) on one connection, and the server's processor
        milliseconds by request.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        taken, before = [], processor_time(self.process.pid)
        for method, path, body in requests:
            start = time.perf_counter()
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            taken.append(1e3 * (time.perf_counter() - start))
            must(response.status == HTTPStatus.OK, f"{path} is answered 200: {content[:300]!r}")
        connection.close()
        used = processor_time(self.process.pid) - before
        return taken, 1e3 * used / len(requests)

    def workers(self) -> list[int]:
        """The processes that answer."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [
            int(child)
            for child in children
            if "api.pictures.server" not in Path(f"/proc/{child}/cmdline").read_text()
        ]

    def memory_mb(self, kind: str = "Private_Dirty") -> float:
        """The memory of the largest worker that it alone has written.

        ``Private_Clean`` are pages of mapped files (libraries, the known clients) that no other
        process has mapped at the moment; the system takes them back when it needs them.
        """

        def memory(pid: int) -> float:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            return sum(int(x.split()[1]) for x in lines if x.startswith(f"{kind}:")) / 1024

        return max(memory(pid) for pid in self.workers())


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


@contextmanager
def running(command: Sequence[str], path: str, **changes: str) -> Iterator[Server]:
    """A server from its start until it answers 200 at a path, and then to its end."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("CREDIT_", "API_"))}
    port = free_port()
    WORK.mkdir(parents=True, exist_ok=True)
    log = WORK / "server.log"
    with log.open("wb") as file:
        start = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  (our own command)
            [part.replace("PORT", str(port)) for part in command],
            cwd=ROOT,
            env={**kept, "OMP_NUM_THREADS": "1", "CREDIT_API_PORT": str(port), **changes},
            stdout=file,
            stderr=file,
        )
    try:
        server = Server(process, port, 0.0)
        while True:
            try:
                if server.get(path)[0] == HTTPStatus.OK:
                    break
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() - start > _PATIENCE_S:
                raise SystemExit(f"the server does not answer: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield Server(process, port, time.monotonic() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def ours(python: Path | str = sys.executable, **changes: str) -> AbstractContextManager[Server]:
    """Our service, by default with the state folder of earlier runs."""
    changes.setdefault("CREDIT_STATE", str(WORK / "state"))
    return running([str(python), "-m", "api"], "/health/ready", **changes)


def plain() -> AbstractContextManager[Server]:
    """The plain way under gunicorn with our numbers of workers and threads."""
    command = [
        *(sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "--threads", str(THREADS)),
        *("-b", "127.0.0.1:PORT", "--chdir", str(PLAIN), "flask_view:app"),
    ]
    return running(command, "/empty")


@dataclass(frozen=True, slots=True)
class Run:
    """What wrk saw, and the server's processor milliseconds by request."""

    requests: int
    per_second: float
    median_ms: float
    tail_ms: float
    errors: int
    cpu_ms: float
    others: float


def ask(
    server: Server, paths: Sequence[str], seconds: float, connections: int = CONNECTIONS
) -> Run:
    """Ask for the paths in turn for so long."""
    with tempfile.NamedTemporaryFile("w", suffix=".paths") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        command = [
            *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"),
            *("-s", str(PLAIN / "paths.lua"), f"http://127.0.0.1:{server.port}", "--", file.name),
        ]
        others, before = Others(), processor_time(server.process.pid)
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  (our own command)
        used, beside = processor_time(server.process.pid) - before, others.cores()
    found = json.loads(done.stdout.rpartition("RESULT ")[2])
    count = found["requests"]
    return Run(
        count,
        count / found["microseconds"] * 1e6,
        found["p50"] / 1e3,
        found["p99"] / 1e3,
        found["errors"],
        1e3 * used / count,
        beside,
    )


def must(true: bool, what: str) -> None:
    """End where a measurement would measure something else."""
    if not true:
        raise SystemExit(f"it is not so that {what}")


def ids(count: int = 400, path: Path = CLIENTS_FILE) -> list[int]:
    """Clients spread over a client store."""
    known = np.sort(pq.read_table(path, columns=["SK_ID_CURR"]).column(0).to_numpy())
    return [int(known[i]) for i in np.linspace(0, len(known) - 1, count).astype(int)]


def median(runs: Sequence[Run], name: str) -> float:
    """The median of a figure over the rounds."""
    return statistics.median(getattr(run, name) for run in runs)


def worst(runs: Sequence[Run]) -> float:
    """The most cores that other programs used in any of the rounds."""
    return max(run.others for run in runs)


def sync_tail_ms(times: int = 300) -> float:
    """The 99th percentile of writing 4 kB and waiting until the disk has them (fdatasync)."""
    taken = []
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=WORK) as file:
        for _ in range(times):
            start = time.perf_counter()
            os.pwrite(file.fileno(), bytes(4096), 0)
            os.fdatasync(file.fileno())
            taken.append(1e3 * (time.perf_counter() - start))
    return float(np.percentile(taken, 99))


def score(table: Table, words: argparse.Namespace) -> None:
    """``GET /prediction/<id>`` beside the plain way and an empty route; median, tail."""
    paths = [f"/prediction/{i}" for i in ids()]
    with ours() as service, plain() as simple:
        for path in paths[:3]:  # both ways score alike: the plain one before calibration
            ours_says, plain_says = (json.loads(s.get(path)[1]) for s in (service, simple))
            before = 1 / (1 + np.exp(-ours_says["raw_score"]))
            must(bool(np.isclose(before, plain_says["risk"])), "both ways score alike")
        turns = {"ours": (service, paths), "plain": (simple, paths), "empty": (simple, ["/empty"])}
        runs: dict[str, list[Run]] = {name: [] for name in turns}
        for server, asked in turns.values():
            ask(server, asked, 1)
        for _ in range(words.rounds):
            for name, (server, asked) in turns.items():
                runs[name].append(ask(server, asked, words.seconds))
        others = max(worst(each) for each in runs.values())
        for name, each in runs.items():
            table.row(f"score: {name}, requests", median(each, "per_second"), "/s", others=others)
            table.row(f"score: {name}, processor time", median(each, "cpu_ms"), "ms", others=others)
        sync = sync_tail_ms()
    errors = sum(run.errors for each in runs.values() for run in each)
    table.row("score: errors", errors, "answers", most=0)
    rates = {name: median(each, "per_second") for name, each in runs.items()}
    costs = {name: median(each, "cpu_ms") for name, each in runs.items()}
    table.row(
        "score: throughput", rates["ours"] / rates["plain"], "times", least=TIMES_PLAIN,
        others=others,
    )  # fmt: skip
    table.row(
        "score: processor time, plain/ours", costs["plain"] / costs["ours"], "times",
        least=TIMES_PLAIN, others=others,
    )  # fmt: skip
    table.row("score: empty route", rates["empty"] / rates["plain"], "times", others=others)
    mine = runs["ours"]
    table.row(
        "score: median of 8 connections", median(mine, "median_ms"), "ms", most=MEDIAN_MS,
        others=others,
    )  # fmt: skip
    table.row("score: fdatasync of 4 kB, 99th percentile", sync, "ms")
    table.row(
        "score: 99th percentile", median(mine, "tail_ms"), "ms", most=TAIL_MS + SYNCS * sync,
        others=others,
    )  # fmt: skip


def pictures(table: Table, words: argparse.Namespace) -> None:
    """A cold picture; a score while four pictures are asked for all the time."""
    known = ids()
    paths = [f"/prediction/{i}" for i in known]
    with ours() as service:
        while service.get("/global_shap")[0] != HTTPStatus.OK:  # the drawing process starts
            time.sleep(0.2)
        others, taken = Others(), []
        for client in known[:20]:
            start = time.perf_counter()
            must(service.get(f"/local_shap/{client}")[0] == HTTPStatus.OK, "a picture is drawn")
            taken.append(1e3 * (time.perf_counter() - start))
        table.row(
            "pictures: a cold one", statistics.median(taken), "ms", most=PICTURE_MS,
            others=others.cores(),
        )  # fmt: skip
        askers = [
            subprocess.Popen(  # noqa: S603  (our own command)
                [sys.executable, __file__, "--draw", str(service.port), str(20 + n)]
            )
            for n in range(4)
        ]
        try:
            time.sleep(0.5)
            ask(service, paths, 1)
            runs = [ask(service, paths, words.seconds) for _ in range(words.rounds)]
        finally:
            for asker in askers:
                asker.kill()
                asker.wait()
    table.row(
        "pictures: median of a score while four are drawn", median(runs, "median_ms"), "ms",
        most=MEDIAN_MS, others=worst(runs),
    )  # fmt: skip
    table.row("pictures: 99th percentile of it", median(runs, "tail_ms"), "ms", others=worst(runs))


def draw(port: int, first: int) -> None:
    """Ask for one cold picture after the other, for ever: one of four such processes."""
    known = ids()[first::4]
    while True:
        for client in known:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", f"/local_shap/{client}")
            refused = connection.getresponse().status != HTTPStatus.OK
            connection.close()
            time.sleep(0.1 if refused else 0)


def explanation(table: Table, words: argparse.Namespace) -> None:
    """``GET /explanation/<id>``, one after the other."""
    paths = [f"/explanation/{i}" for i in ids()]
    with ours() as service:
        ask(service, paths, 1, 1)
        runs = [ask(service, paths, words.seconds, 1) for _ in range(words.rounds)]
    table.row(
        "explanation: median", median(runs, "median_ms"), "ms", most=EXPLANATION_MS,
        others=worst(runs),
    )  # fmt: skip
    table.row("explanation: 99th percentile", median(runs, "tail_ms"), "ms", others=worst(runs))
    table.row("explanation: errors", sum(run.errors for run in runs), "answers", most=0)


def peers(table: Table, words: argparse.Namespace) -> None:
    """``GET /peers/<id>`` in each group, by one feature and by two, one after the other."""
    features = ("feature=AMT_CREDIT", "feature=EXT_SOURCE_2&feature=OCCUPATION_TYPE")
    groups = ("everyone", "similar_person", "similar_loan")
    queries = [f"?group={group}&{asked}" for group in groups for asked in features]
    paths = [f"/peers/{known}{queries[at % len(queries)]}" for at, known in enumerate(ids())]
    with ours() as service:
        ask(service, paths, 1, 1)
        runs = [ask(service, paths, words.seconds, 1) for _ in range(words.rounds)]
    table.row("peers: median", median(runs, "median_ms"), "ms", most=PEERS_MS, others=worst(runs))
    table.row("peers: 99th percentile", median(runs, "tail_ms"), "ms", others=worst(runs))
    table.row("peers: processor time", median(runs, "cpu_ms"), "ms", others=worst(runs))
    table.row("peers: errors", sum(run.errors for run in runs), "answers", most=0)


def many_decisions(state: Path) -> None:
    """A record of 100,000 decisions by three models on 60,000 clients."""
    chance = np.random.default_rng(1)
    with open_store(None, state, "process") as store:
        if store.head() is not None:
            return
        for _ in range(MANY_DECISIONS // BATCH):
            store.record([
                NewDecision(
                    client=int(client), model=f"{model:02x}" * 32, model_name="credit_scoring",
                    model_version=str(model), threshold=0.17, row=b"row", probability=float(p),
                    raw_score=0.0, label="risk" if p > 0.17 else "no_risk",  # noqa: PLR2004
                    near=bool(abs(p - 0.17) < 0.01),  # noqa: PLR2004
                )
                for client, model, p in zip(
                    chance.integers(100_001, 160_001, BATCH), chance.integers(1, 4, BATCH),
                    chance.uniform(0, 0.4, BATCH), strict=True,
                )
            ])  # fmt: skip


def portfolio(table: Table, words: argparse.Namespace) -> None:
    """``GET /portfolio`` with 100,000 recorded decisions, one after the other."""
    state = WORK / "state-decisions"
    many_decisions(state)
    with ours(CREDIT_STATE=str(state)) as service:
        found = json.loads(service.get("/portfolio")[1])["decisions"]
        must(sum(one["clients"] for one in found) > MANY_DECISIONS / 2, "the decisions count")
        runs = [ask(service, ["/portfolio"], words.seconds, 1) for _ in range(words.rounds)]
    table.row(
        "portfolio: median at 100,000 decisions", median(runs, "median_ms"), "ms",
        most=PORTFOLIO_MS, others=worst(runs),
    )  # fmt: skip
    table.row("portfolio: processor time", median(runs, "cpu_ms"), "ms", others=worst(runs))
    table.row("portfolio: errors", sum(run.errors for run in runs), "answers", most=0)


def ready(table: Table, _: argparse.Namespace) -> None:
    """From ``python -m api`` to a ready worker, with an empty state folder and with a full one."""
    state = WORK / "state-ready"
    for name in ("first start", "later start"):
        others, taken, computed = Others(), [], []
        for _ in range(3):
            if name == "first start":
                shutil.rmtree(state, ignore_errors=True)
            with ours(CREDIT_STATE=str(state)) as service:
                taken.append(service.ready_s)
                computed.append(processor_time(service.process.pid))
        table.row(
            f"ready: {name}", statistics.median(taken), "s", most=READY_S, others=others.cores()
        )
        table.row(f"ready: processor time of the {name}", statistics.median(computed), "s of it")
    shutil.rmtree(state, ignore_errors=True)


def lean_python() -> Path:
    """The Python of an environment that holds ``api/requirements.txt`` and nothing else."""
    lock = ROOT / "api" / "requirements.txt"
    folder = WORK / f"lean-{sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not python.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        for step in (
            ["venv", "--quiet", str(folder)],
            ["pip", "sync", "--quiet", "--compile-bytecode", "--python", str(python), str(lock)],
        ):
            subprocess.run([uv, *step], cwd=ROOT, check=True)  # noqa: S603  (our own command)
    return python


def mixed(known: Sequence[int], paths: int = 400) -> list[str]:
    """Requests of all kinds about clients: of twenty, seventeen for a score."""
    kinds = {
        0: "/explanation/{}",
        1: "/clients/{}",
        2: "/peers/{}?feature=AMT_CREDIT&feature=OCCUPATION_TYPE",
    }
    return [
        kinds.get(at % 20, "/prediction/{}").format(known[at % len(known)]) for at in range(paths)
    ]


def memory(table: Table, _: argparse.Namespace) -> None:
    """Private memory of a worker in the lean environment, and its growth over 50,000 requests."""
    paths = mixed(ids())
    with ours(lean_python(), GUNICORN_CMD_ARGS="--workers 1") as service:
        warm = 0
        while warm < WARM_REQUESTS:
            warm += ask(service, paths, 10).requests
        before, asked, errors = service.memory_mb(), 0, 0
        while asked < REQUESTS:
            run = ask(service, paths, 10)
            asked, errors = asked + run.requests, errors + run.errors
        after = service.memory_mb()
    table.row("memory: private memory of the worker", after, "MB", most=PRIVATE_MB)
    table.row(f"memory: growth over {asked:,} requests", after - before, "MB", most=GROWTH_MB)
    table.row("memory: errors", errors, "answers", most=0)


def many_clients() -> Path:
    """A client store of the committed clients, repeated under other ids."""
    path = WORK / f"clients-{MANY_CLIENTS}.parquet"
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        table = pq.read_table(CLIENTS_FILE)
        group = pa.concat_tables([table] * 6).combine_chunks().slice(0, 2048)
        at = table.schema.get_field_index("SK_ID_CURR")
        kind = table.schema.field(at)
        half = path.with_suffix(".half")
        with pq.ParquetWriter(
            half, table.schema, compression="zstd", write_page_checksum=True
        ) as out:
            for first in range(0, MANY_CLIENTS, len(group)):
                count = min(len(group), MANY_CLIENTS - first)
                new = pa.array(np.arange(first, first + count) + 100_001, kind.type)
                out.write_table(group.slice(0, count).set_column(at, kind, new))
        half.rename(path)
    return path


def clients(table: Table, words: argparse.Namespace) -> None:
    """356,255 known clients: the same private memory, and the same speed."""
    path = many_clients()
    state = WORK / "state-many"
    known = ids(4_000, path)
    with ours(
        lean_python(), CREDIT_CLIENTS=str(path), CREDIT_STATE=str(state)
    ) as service:  # fmt: skip
        table.row("clients: ready", service.ready_s, "s")
        for asked in mixed(known, 100):
            must(service.get(asked)[0] == HTTPStatus.OK, f"{asked} is answered")
        run = ask(service, [f"/prediction/{i}" for i in known], words.seconds)
        private, mapped = service.memory_mb(), service.memory_mb("Private_Clean")
    table.row("clients: private memory of the larger worker", private, "MB", most=PRIVATE_MB)
    table.row("clients: mapped pages that the other worker has not mapped", mapped, "MB")
    table.row("clients: median of a score", run.median_ms, "ms", most=MEDIAN_MS, others=run.others)
    table.row("clients: errors", run.errors, "answers", most=0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the overload: 0 for a connection that was cut."""

    status: int
    ms: float
    retry_after: bool


async def _one(port: int, path: str, body: bytes | None) -> Asked:
    start = time.perf_counter()
    method = "GET" if body is None else "POST"
    more = (
        "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    header = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(header.encode() + (body or b""))
        content = await reader.read(-1)
        writer.close()
    except OSError:
        content = b""
    taken = 1e3 * (time.perf_counter() - start)
    header = content.partition(b"\r\n\r\n")[0]
    return Asked(int(header.split()[1]) if header else 0, taken, b"\r\nRetry-After: " in header)


async def offer(
    port: int, paths: Sequence[str], rate: float, seconds: float, body: bytes | None = None
) -> list[Asked]:
    """Send so many requests a second, whatever the answers; each on a connection of its own."""
    start, tasks = time.perf_counter(), []
    for number in range(round(rate * seconds)):
        wait = start + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(_one(port, paths[number % len(paths)], body)))
    return await asyncio.gather(*tasks)


def overload(table: Table, words: argparse.Namespace) -> None:
    """Three times the explanations that the service can make: 503 at once, then as before."""
    known = ids()
    paths = [f"/explanation/{i}" for i in known]
    with ours() as service:
        ask(service, paths, 1)
        capacity = ask(service, paths, words.seconds, 16)
        table.row("overload: what it can hold", capacity.per_second, "/s", others=capacity.others)
        others, seconds = Others(), 10
        asked = asyncio.run(
            offer(service.port, paths, TIMES_CAPACITY * capacity.per_second, seconds)
        )
        cores = others.cores()
        end = time.perf_counter()
        quick = 0
        while quick < IN_A_ROW:
            start = time.perf_counter()
            status = service.get(f"/prediction/{known[0]}")[0]
            good = status == HTTPStatus.OK and 1e3 * (time.perf_counter() - start) <= MEDIAN_MS
            quick = quick + 1 if good else 0
            must(time.perf_counter() - end < _PATIENCE_S, "the service comes back")
        back = time.perf_counter() - end
        statuses = Counter(one.status for one in asked)
    print(f"statuses: {dict(statuses)}")
    refused = [one for one in asked if one.status == HTTPStatus.SERVICE_UNAVAILABLE]
    answered = [one.ms for one in asked if one.status == HTTPStatus.OK]
    table.row("overload: share answered 200", len(answered) / len(asked), "")
    table.row("overload: median of those", statistics.median(answered or [0]), "ms", others=cores)
    table.row("overload: share answered 503", len(refused) / len(asked), "", least=0.01)
    others_said = len(asked) - len(answered) - len(refused)
    table.row("overload: anything else", others_said, "answers", most=0)
    without = sum(not one.retry_after for one in refused)
    table.row("overload: 503 without Retry-After", without, "answers", most=0)
    taken = [one.ms for one in refused] or [0.0]
    table.row(
        "overload: median of a 503", statistics.median(taken), "ms", most=REFUSED_MS, others=cores
    )
    table.row(
        "overload: 99th percentile of a 503", float(np.percentile(taken, 99)), "ms",
        most=REFUSED_TAIL_MS, others=cores,
    )  # fmt: skip
    table.row("overload: back to normal after", back, "s", most=RECOVERED_S, others=cores)


def applicant(table: Table, words: argparse.Namespace) -> None:
    """``POST /prediction`` by a row and by raw records; the highest rate of raw records held for a minute."""
    raw = EXAMPLE.read_bytes()
    with ours() as service:
        shown = json.loads(service.get(f"/clients/{ids()[0]}")[1])["features"]
        row = json.dumps({"features": {f["name"]: f["value"] for f in shown}}).encode()
        for name, body, most in (("row", row, ROW_MS), ("raw records", raw, RECORDS_MS)):
            requests = [("POST", "/prediction", body)] * 100
            service.timed(requests[:20])
            others = Others()
            taken, cpu = service.timed(requests)
            table.row(
                f"applicant: {name}, median", statistics.median(taken), "ms", most=most,
                others=others.cores(),
            )  # fmt: skip
            table.row(f"applicant: {name}, processor time", cpu, "ms of it")
        for rate in RATES:
            others = Others()
            seconds = HELD_S if words.seconds >= 1 else words.seconds
            asked = asyncio.run(offer(service.port, ["/prediction"], rate, seconds, raw))
            tail = float(np.percentile([one.ms for one in asked], 99))
            bad = sum(one.status != HTTPStatus.OK for one in asked)
            table.row(
                f"applicant: {rate} a second, 99th percentile", tail, "ms", others=others.cores()
            )
            if not bad and tail < HELD_TAIL_MS:
                table.row("applicant: rate of raw records held", rate, "/s", others=others.cores())
                break


def batch(table: Table, words: argparse.Namespace) -> None:
    """A batch of 400 known clients beside 400 single scores, one after the other, in turns."""
    known = ids()
    singles: list[tuple[str, str, bytes | None]] = [
        ("GET", f"/prediction/{i}", None) for i in known
    ]
    body = json.dumps({"items": [{"id": i} for i in known]}).encode()
    with ours() as service:
        service.timed([("POST", "/predictions", body)] * 4 + singles[:50])
        others, ratios, costs, taken = Others(), [], [], []
        for _ in range(words.rounds):
            one_by_one, cost = service.timed(singles)
            together, at_once = service.timed([("POST", "/predictions", body)] * 5)
            taken.append(statistics.median(together))
            ratios.append(sum(one_by_one) / taken[-1])
            costs.append(cost * len(known) / at_once)
        cores = others.cores()
    table.row("batch: 400 known clients", statistics.median(taken), "ms", others=cores)
    table.row(
        "batch: single scores one by one / batch", statistics.median(ratios), "times",
        least=TIMES_SINGLE, others=cores,
    )  # fmt: skip
    table.row("batch: the same in processor time", statistics.median(costs), "times of it")


MEASUREMENTS: dict[str, Callable[[Table, argparse.Namespace], None]] = {
    measurement.__name__: measurement
    for measurement in (
        score,
        applicant,
        batch,
        pictures,
        explanation,
        peers,
        portfolio,
        ready,
        overload,
        memory,
        clients,
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, metavar="NAME",
                        help=f"of {', '.join(MEASUREMENTS)} (default: all)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=4, help="of a run (4)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (5)")
    parser.add_argument("--check", action="store_true", help="status 1 where a bound does not hold")
    parser.add_argument("--draw", type=int, nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.draw:
        draw(*words.draw)
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    table = Table()
    minute = os.getloadavg()[0]
    print(f"load average {minute:.1f} on {os.cpu_count()} cores; {len(ids())} clients\n")
    print("| figure | measured | bound | |\n|---|---|---|---|", flush=True)
    for name in words.only or MEASUREMENTS:
        table.load = current_load()
        print(f"| {name}: load before | {table.load:.2f} | | |", flush=True)
        MEASUREMENTS[name](table, words)
    for what in table.broken:
        print(f"BROKEN: {what}")
    if table.unsure:
        print(f"no result for {len(table.unsure)} figures: measure again on a quiet machine")
    return 1 if words.check and table.broken else 0


if __name__ == "__main__":
    sys.exit(main())
