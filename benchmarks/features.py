"""What the features cost: time (beside the time only to read the tables), of each step too, memory,
growth, and the time of one applicant.

    python benchmarks/features.py [--clients N] [--memory-limit 4GB] [--check]

The full size (356,255 clients) takes a quarter of an hour, and 15 GB of disk under
pickle_files/benchmark, which later runs use again. ``--check`` exits with status 1 if a bound
does not hold.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from project_tools.settings import ROOT
from project_tools.tables.declared import TABLES
from project_tools.tables.sql import exact_path

#: Clients of the published tables, labelled and not.
FULL = 356_255
#: Shares of the clients at which growth is measured.
SHARES = (0.01, 0.1, 1.0)
APPLICANTS, WARM_UP = 300, 20
#: The bounds: times the read time, GB, and milliseconds or seconds for one applicant.
MOST_TIMES_READ, MOST_GB = 6.0, 4.0
MOST_MEDIAN_MS, MOST_P99_MS, MOST_START_S = 20.0, 100.0, 1.0


@dataclass(frozen=True)
class Run:
    """One child process: wall time, CPU time and peak memory."""

    seconds: float
    cpu_seconds: float
    peak_gb: float


@dataclass(frozen=True)
class Size:
    """Measurements at one number of clients."""

    clients: int
    rows: int
    csv_gb: float
    read: Run
    features: Run
    out: Path
    #: Progress of the command: a line for each step, with its time.
    progress: str

    @property
    def ratio(self) -> float:
        """Time of the features over the read time."""
        return self.features.seconds / self.read.seconds

    @property
    def cpu_ratio(self) -> float:
        """The same ratio of CPU times, which a busy machine changes little."""
        return self.features.cpu_seconds / self.read.cpu_seconds


def main() -> int:
    settings = _arguments()
    if settings.part:
        _PARTS[settings.part](settings.tables)
        return 0
    folder = settings.dir or ROOT / "pickle_files" / "benchmark"
    sizes = []
    for share in SHARES:
        clients = max(1_000, round(settings.clients * share))
        sizes.append(measured(folder, clients, settings.memory_limit))
        print(_line(sizes[-1]), flush=True)
    largest = sizes[-1]
    pickle = _child("pickle", largest.out)
    applicant = json.loads(_output("applicant", folder / f"tables-{sizes[0].clients}"))
    print()
    print("\n".join(_report(sizes, pickle, applicant, settings.memory_limit)))
    print("\n".join(_steps(largest)))
    broken = [name for name, held in _bounds(largest, applicant).items() if not held]
    for name in broken:
        print(f"BROKEN: {name}")
    return 1 if broken and settings.check else 0


def _arguments() -> argparse.Namespace:
    top = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    top.add_argument("--clients", type=int, default=FULL, help=f"clients at full size ({FULL})")
    top.add_argument("--dir", type=Path, help="folder of the tables (pickle_files/benchmark)")
    top.add_argument("--memory-limit", help="CREDIT_MEMORY_LIMIT of the command, such as 4GB")
    top.add_argument("--check", action="store_true", help="status 1 if a bound does not hold")
    # A part runs in a process of its own, so that its memory is measured alone.
    top.add_argument("--part", choices=_PARTS, help=argparse.SUPPRESS)
    top.add_argument("--tables", type=Path, help=argparse.SUPPRESS)
    return top.parse_args()


def measured(folder: Path, clients: int, memory_limit: str | None) -> Size:
    """Make the tables if they are missing; run the reading and the command, each in its process."""
    tables = folder / f"tables-{clients}"
    if not (tables / "application_train.csv").exists():
        _run([*_PROJECT, "demo-data", str(tables), "--clients", str(clients), "--force"])
    out = folder / f"features-{clients}.parquet"
    rows = json.loads(_output("rows", tables))  # also brings the files into the disk's cache
    read = _child("read", tables)
    environ = {**os.environ, **({"CREDIT_MEMORY_LIMIT": memory_limit} if memory_limit else {})}
    progress = out.with_suffix(".log")
    with progress.open("w", encoding="utf-8") as log:
        features = _run([*_PROJECT, "features", str(tables), str(out)], environ, log)
    size = sum(path.stat().st_size for path in tables.glob("*.csv")) / 1e9
    return Size(clients, rows, size, read, features, out, progress.read_text("utf-8"))


_PROJECT = (sys.executable, "-m", "project_tools")


def _run(
    command: list[str], environ: dict[str, str] | None = None, progress: IO[str] | None = None
) -> Run:
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=ROOT, stderr=progress)  # noqa: S603  (our own command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        where = f"; its last words are in {progress.name}" if progress else ""
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}{where}")
    seconds, computed = time.perf_counter() - start, used.ru_utime + used.ru_stime
    return Run(seconds, computed, used.ru_maxrss * 1024 / 1e9)


def _part(name: str, tables: Path) -> list[str]:
    return [sys.executable, __file__, "--part", name, "--tables", str(tables)]


def _child(name: str, tables: Path) -> Run:
    return _run(_part(name, tables))


def _output(name: str, tables: Path) -> str:
    done = subprocess.run(_part(name, tables), capture_output=True, text=True, check=True)  # noqa: S603  (our own command)
    return done.stdout


def _read(tables: Path) -> None:
    """Read every column of every table with DuckDB, and do no more."""
    for name in TABLES:
        _duckdb(f"SELECT count(COLUMNS(*)) FROM read_csv({exact_path(tables / f'{name}.csv')})")  # noqa: S608  (our own path)


def _rows(tables: Path) -> None:
    files = [exact_path(tables / f"{name}.csv") for name in TABLES]
    counts = (f"SELECT count(*) FROM read_csv({file})" for file in files)  # noqa: S608  (our own path)
    print(sum(_duckdb(query)[0][0] for query in counts))


def _duckdb(query: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET preserve_insertion_order = false")
        return connection.execute(query).fetchall()


def _pickle(features: Path) -> None:
    """Write the pickle of finished features: the cost of a second output."""
    import pyarrow.parquet as pq

    from project_tools.features.files import state_folder, write_features
    from project_tools.features.state import FeatureState

    table = pq.read_table(features).replace_schema_metadata(None)
    state = FeatureState.load(state_folder(features))
    write_features(table, state, [features.with_name("pickled.pkl.gz")])


def _applicant(tables: Path) -> None:
    """Start-up and warm latency of one applicant, from raw records to all features; the latency of
    the same pipeline as a Polars plan, from checked columns.
    """
    folder = tables.parent / f"features-{tables.name.removeprefix('tables-')}.state"
    records = list(_records(tables, APPLICANTS + WARM_UP))
    from project_tools.features.applicant import Applicants
    from project_tools.features.records import read_records
    from project_tools.features.state import FeatureState

    start = time.perf_counter()
    applicants = Applicants.load(folder)
    started = time.perf_counter() - start
    times = [_milliseconds(lambda one=one: applicants.features(one)) for one in records][WARM_UP:]
    run = _polars_plan(FeatureState.load(folder))
    plan = [_milliseconds(partial(run, read_records(one).columns)) for one in records][WARM_UP:]
    figures = {
        "start_s": started,
        "median_ms": statistics.median(times),
        "p99_ms": statistics.quantiles(times, n=100)[98],
        "plan_ms": statistics.median(plan),
        "applicants": len(times),
        "features": len(applicants.features(records[0])),
        "rows": statistics.mean(_rows_of(one) for one in records),
    }
    print(json.dumps(figures))


def _polars_plan(state: Any) -> Callable[[Any], object]:
    """Runs the pipeline on Polars over the columns of one applicant: one plan, made here."""
    import narwhals as nw
    import polars as pl

    from project_tools.features.columns import ID
    from project_tools.features.engines.engine import FrameTables, Held
    from project_tools.features.engines.on_polars import PolarsEngine
    from project_tools.features.pipeline import compute
    from project_tools.features.state import LookUp

    class Planned(PolarsEngine):
        def hold(self, frame: Any) -> Held:
            return Held(nw.from_native(frame.to_native().cache()))

    types = {"DOUBLE": pl.Float64, "BIGINT": pl.Int64, "VARCHAR": pl.String}
    schemas = {n: {c.name: types[c.sql_type] for c in t.columns} for n, t in TABLES.items()}
    frames = {name: pl.DataFrame(schema=schema) for name, schema in schemas.items()}
    empty = dict(frames)
    scans = {
        name: pl.defer(lambda name=name: frames[name], schema=schema, validate_schema=False)
        for name, schema in schemas.items()
    }
    engine = Planned()
    raw = FrameTables({name: nw.from_native(scan) for name, scan in scans.items()})
    own, *others = compute(raw, engine, LookUp(state, engine), quiet=True)
    parts = [own.to_native(), *(frame.drop(ID).to_native() for frame in others)]
    plan = pl.concat(parts, how="horizontal_extend")

    def run(columns: Any) -> object:
        frames.update(empty)
        for name, values in columns.items():
            frames[name] = pl.DataFrame(values, schema=schemas[name], nan_to_null=True)
        # To optimise the plan takes longer than it saves for the rows of one client.
        return plan.collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())

    return run


def _rows_of(records: dict[str, Any]) -> int:
    return sum(len(rows) for rows in records.values() if isinstance(rows, list))


def _milliseconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def _records(tables: Path, most: int) -> Iterator[dict[str, Any]]:
    """Raw records of ``most`` clients, evenly spaced in the tables."""
    import polars as pl

    read = {
        name: pl.read_csv(tables / f"{name}.csv", infer_schema_length=None, glob=False)
        for name in TABLES
    }
    own = pl.concat([read.pop("application_train").drop("TARGET"), read.pop("application_test")], how="vertical_relaxed")  # fmt: skip
    own = own.gather_every(max(1, own.height // most)).head(most)
    loans = read["bureau"].select("SK_ID_CURR", "SK_ID_BUREAU")
    read["bureau_balance"] = read["bureau_balance"].join(loans, on="SK_ID_BUREAU")
    clients = own.select("SK_ID_CURR")
    of = {
        name: table.join(clients, on="SK_ID_CURR", how="semi").partition_by("SK_ID_CURR", as_dict=True)
        for name, table in read.items()
    }  # fmt: skip
    for application in own.to_dicts():
        key = (application["SK_ID_CURR"],)
        found = {name: parts[key].to_dicts() if key in parts else [] for name, parts in of.items()}
        for row in found["bureau_balance"]:
            del row["SK_ID_CURR"]
        yield {"application": application, **found}


def _line(size: Size) -> str:
    return (
        f"{size.clients:>9,} clients, {size.rows:>11,} rows: read in {size.read.seconds:.1f} s, "
        f"features {size.features.seconds:.1f} s"
    )


def _report(
    sizes: list[Size], pickle: Run, applicant: dict[str, float], memory_limit: str | None
) -> Iterator[str]:
    yield f"{os.cpu_count()} cores; CREDIT_MEMORY_LIMIT {memory_limit or 'not set'}"
    yield ""
    yield (
        "| clients | rows | CSV | read time | features, to Parquet | times the read time "
        "| the same in CPU time | peak memory |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for size in sizes:
        yield (
            f"| {size.clients:,} | {size.rows:,} | {size.csv_gb:.2f} GB "
            f"| {size.read.seconds:.1f} s | {size.features.seconds:.1f} s | {size.ratio:.2f} "
            f"| {size.cpu_ratio:.2f} | {size.features.peak_gb:.2f} GB |"
        )
    yield ""
    yield f"the pickle, for {sizes[-1].clients:,} clients: {pickle.seconds:.1f} s more"
    yield (
        f"one applicant ({applicant['rows']:.0f} rows on average, {applicant['features']} features, "
        f"{applicant['applicants']} applicants): median {applicant['median_ms']:.1f} ms, 99th "
        f"percentile {applicant['p99_ms']:.1f} ms; start-up of the plan {applicant['start_s']:.2f} s"
    )
    yield (
        f"the same pipeline as a Polars plan: median {applicant['plan_ms']:.1f} ms; an applicant "
        f"takes {applicant['median_ms'] / applicant['plan_ms']:.2f} times as long"
    )


def _steps(size: Size) -> Iterator[str]:
    """A row for each step of the command, as its progress says; the rest is imports and planning."""
    yield ""
    yield f"| step, {size.clients:,} clients | rows | time |"
    yield "|---|---|---|"
    for step, rows, seconds in _STEP.findall(size.progress):
        yield f"| {step} | {rows} | {seconds} s |"


#: A line of progress at the end of a step: its name, its rows where it read a table, its seconds.
_STEP = re.compile(r"^  ([^:…\n]+): (?:([\d,]+) rows, )?([\d.]+) s$", re.MULTILINE)


def _bounds(largest: Size, applicant: dict[str, float]) -> dict[str, bool]:
    return {
        f"features take at most {MOST_TIMES_READ:g} times the read time": largest.ratio <= MOST_TIMES_READ,
        f"features hold at most {MOST_GB:g} GB": largest.features.peak_gb <= MOST_GB,
        f"an applicant takes at most {MOST_MEDIAN_MS:g} ms in the median": applicant["median_ms"] <= MOST_MEDIAN_MS,
        f"an applicant takes at most {MOST_P99_MS:g} ms at the 99th percentile": applicant["p99_ms"] <= MOST_P99_MS,
        f"the plan starts in at most {MOST_START_S:g} s": applicant["start_s"] <= MOST_START_S,
    }  # fmt: skip


_PARTS: dict[str, Callable[[Path], None]] = {
    "read": _read,
    "rows": _rows,
    "pickle": _pickle,
    "applicant": _applicant,
}

if __name__ == "__main__":
    sys.exit(main())
