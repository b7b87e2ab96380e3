"""The command line: ``python -m project_tools COMMAND``.

Each command imports what it needs when it runs, so that ``--help`` and refusals come at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from project_tools.errors import SettingError
from project_tools.settings import ROOT, Settings
from project_tools.system import command as entry
from project_tools.system.files import replacing


def _demo_data(words: argparse.Namespace) -> None:
    from project_tools.demo import generate

    generate(
        words.directory, words.clients, words.seed,
        force=words.force, file_format=words.format, quiet=words.quiet,
    )  # fmt: skip


def _check(words: argparse.Namespace) -> None:
    import json

    from rich.console import Console

    from project_tools.tables.check import check

    settings = Settings.load()
    report = check(
        words.directory,
        without=words.without,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        quiet=words.quiet,
    )
    if words.json:
        print(json.dumps(report.as_dict(), indent=1))
    else:
        report.show(Console(highlight=False))
    if report.fatal:
        sys.exit(1)


def _features(words: argparse.Namespace) -> None:
    if words.state is not None:
        _transform(words)
        return
    from project_tools.features.build import build

    settings = Settings.load()
    build(
        words.directory,
        words.outputs,
        without=words.without,
        as_published=words.as_published,
        engine=words.engine,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        quiet=words.quiet,
    )


def _transform(words: argparse.Namespace) -> None:
    if words.as_published:
        raise SettingError(
            "--as-published says from whom to learn, and with --state nothing is learnt; leave one out"
        )
    from project_tools.features.transform import transform
    from project_tools.serving.feature_state import state_source

    settings = Settings.load()
    transform(
        words.directory,
        words.outputs,
        state_source(words.state),
        without=words.without,
        engine=words.engine,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        quiet=words.quiet,
    )


def _export(words: argparse.Namespace) -> None:
    if words.clients != "all" and not words.clients.isdecimal():
        raise SettingError(f"--clients is {words.clients!r}; it takes a whole number or 'all'")
    from project_tools.runs.export import export

    most = None if words.clients == "all" else int(words.clients)
    export(words.model, words.directory, features=words.features, most_clients=most)


def _inspect(words: argparse.Namespace) -> None:
    import json

    from project_tools.serving.inspection import inspect

    found = inspect(words.directory)
    print(json.dumps(found.as_dict(), indent=1) if words.json else found.as_text())


def _drift(words: argparse.Namespace) -> None:
    from rich.console import Console

    from project_tools.governance.drift import check as drifting
    from project_tools.governance.drift import report as drift_report
    from project_tools.governance.drift.comparison import DriftRule

    found = drifting.drift(
        words.reference, words.new,
        artefact=words.artefact, split=words.split, fn_cost=words.fn_cost, freeze=words.freeze,
        rule=DriftRule(words.alpha, words.psi, words.acceptance, words.loss), quiet=words.quiet,
    )  # fmt: skip
    if words.html is not None:
        with drifting.writable(words.html):
            drift_report.write_html(found, words.html)
    if words.json == "-":
        print(drifting.to_json(found), end="")
    else:
        width = None if sys.stdout.isatty() else 120  # a pipe has none of its own
        drift_report.print_drift(found, Console(width=width, highlight=False))
    if words.json not in {None, "-"}:
        with drifting.writable(Path(words.json)), replacing(Path(words.json)) as temporary:
            temporary.write_text(drifting.to_json(found), encoding="utf-8")
    if found.alarms:
        sys.exit(drifting.DRIFTED)


def _promote(words: argparse.Namespace) -> None:
    from project_tools.governance.challenge import Floors, as_text
    from project_tools.system.progress import working

    allowed = Floors(words.slope, words.gap, words.ratio, words.latency)
    with working("loading libraries", quiet=words.quiet):
        from project_tools.runs import promotion as promoting

    found = promoting.promote(
        words.model, force=words.force, metric=words.metric, allowed=allowed, quiet=words.quiet
    )
    print(as_text(found.record))
    print(f"record: {promoting.RECORD} of run {found.run_id}")
    if not found.record.done:
        sys.exit(promoting.REFUSED)


def _reproduce(words: argparse.Namespace) -> None:
    from project_tools.system.progress import working

    with working("loading libraries", quiet=words.quiet):
        from project_tools.runs import reproduction as reproducing

    found = reproducing.reproduce(words.run_id, data=words.data, quiet=words.quiet)
    print(reproducing.as_text(found))
    if found.missing:
        sys.exit(1)
    if found.differences:
        sys.exit(reproducing.DIFFERS)


def _compare(words: argparse.Namespace) -> None:
    from project_tools.evaluation.comparison import as_text, compare
    from project_tools.runs.history import judged_families
    from project_tools.runs.store import connect

    print(as_text(compare(judged_families(connect(), words.search), words.metric)))


def _tables(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def parser() -> argparse.ArgumentParser:
    """The commands and their words."""
    top = argparse.ArgumentParser(
        prog="python -m project_tools", description="Credit scoring, step by step."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo-data", help="write demonstration tables: all eight, invented")
    demo.add_argument("directory", type=Path)
    demo.add_argument("--clients", type=int, default=20_000, help="clients in all (20000)")
    demo.add_argument("--seed", type=int, default=1, help="same seed and size, same bytes (1)")
    demo.add_argument("--format", choices=("csv", "parquet"), default="csv")
    demo.add_argument("--force", action="store_true", help="write into a folder that is not empty")
    demo.set_defaults(run=_demo_data)

    check = commands.add_parser(
        "check", help="report on raw tables; status 1 if something is fatal"
    )
    check.add_argument("directory", type=Path)
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.set_defaults(run=_check)

    features = commands.add_parser(
        "features", help="features of all clients from raw tables: learnt, or as learnt before",
        epilog="With --state every client is of SPLIT new, whatever TARGET says; application_train "
        "or application_test may be missing, and no outcome need be known.",
    )  # fmt: skip
    features.add_argument("directory", type=Path, help="folder of the eight raw tables")
    features.add_argument(
        "outputs", type=Path, nargs="+", help="files to write: .parquet or .pkl.gz"
    )
    features.add_argument(
        "--engine", default="duckdb", metavar="duckdb|polars|spark",
        help="what computes: duckdb (one machine, any size; the default), polars (in memory) or "
        "spark (a cluster; needs the extra 'spark' and Java)",
    )  # fmt: skip
    features.add_argument(
        "--as-published", action="store_true",
        help="fit on all labelled clients, groups of any size: for the parity check",
    )  # fmt: skip
    features.add_argument(
        "--state", type=Path, metavar="DIR",
        help="learn nothing: transform with what was learnt before, in the .state folder beside a "
        "feature file, or in a model folder",
    )  # fmt: skip
    features.set_defaults(run=_features)

    for tabled in (check, features):
        tabled.add_argument(
            "--without", type=_tables, default=(), metavar="TABLE,…",
            help="tables that are not there on purpose",
        )  # fmt: skip

    export = commands.add_parser(
        "export", help="a registered model as the folder that the API serves"
    )
    export.add_argument(
        "model", nargs="?", default="credit_scoring",
        help="name (its champion), name@alias, name/version or a run's id (credit_scoring)",
    )  # fmt: skip
    export.add_argument("directory", nargs="?", type=Path, default=ROOT / "api" / "model")
    export.add_argument(
        "--features", type=Path, default=ROOT / "pickle_files" / "features.parquet",
        help="feature file that the model was trained on; the client store is cut from it",
    )  # fmt: skip
    export.add_argument(
        "--clients", default="500", metavar="N|all", help="clients in the store beside it (500)"
    )
    export.set_defaults(run=_export)

    inspect = commands.add_parser(
        "inspect", help="what an artefact is, without loading its model; status 1 if it is damaged"
    )
    inspect.add_argument("directory", nargs="?", type=Path, default=ROOT / "api" / "model")
    inspect.add_argument("--json", action="store_true", help="print it as JSON")
    inspect.set_defaults(run=_inspect)

    drift = _drift_words(commands)

    compared = commands.add_parser(
        "compare", help="families searched: figures with intervals, and which differences count"
    )
    compared.add_argument(
        "search", nargs="?", metavar="RUN",
        help="run of a search (the newest search of each family, on the newest's data)",
    )  # fmt: skip
    compared.add_argument("--metric", help="what they are ranked by (what was searched for)")
    compared.set_defaults(run=_compare)

    promote = _promote_words(commands)

    reproduce = commands.add_parser(
        "reproduce", help="what a rerun of a final model needs; reruns and compares if all is there",
        epilog="exit status: 0 the same figures and model, 3 something differs, 1 something that it "
        "needs is not there, 2 a wrong word. Nothing is checked out and nothing registered.",
    )  # fmt: skip
    reproduce.add_argument(
        "run_id", metavar="RUN", help="a final model's run, or name@alias, or name/version"
    )
    reproduce.add_argument(
        "--data", type=Path, metavar="FILE", help="the run's feature file (where it lay then)"
    )
    reproduce.set_defaults(run=_reproduce)

    for quiet in (demo, check, features, drift, promote, reproduce):
        quiet.add_argument("--quiet", action="store_true", help="no progress")
    return top


def _drift_words(commands: Any) -> argparse.ArgumentParser:
    drift: argparse.ArgumentParser = commands.add_parser(
        "drift", help="new rows against the training's: features, score; status 3 on drift",
        epilog="exit status: 0 no drift, 3 drift, 1 an input that cannot be compared, 2 a wrong "
        "word. REFERENCE and NEW: feature files (.parquet, .pkl.gz) of the same columns, or "
        "decisions (.parquet, .csv) with proba_risk_class from 0 to 1 and class risk or no_risk.",
    )  # fmt: skip
    drift.add_argument(
        "reference", type=Path, metavar="REFERENCE",
        help="frozen .json, a model folder (what its training froze, and the model), or a file: its "
        "rows of SPLIT train if it has that column, else all",
    )  # fmt: skip
    drift.add_argument("new", type=Path, metavar="NEW", help="the rows to look at")
    drift.add_argument("--split", help="only these rows of NEW: train, test or new (all)")
    drift.add_argument(
        "--artefact", type=Path, metavar="DIR", help="model folder that scores both files"
    )
    drift.add_argument(
        "--freeze", type=Path, metavar="FILE.json", help="keep the reference for the next time"
    )
    drift.add_argument("--json", metavar="FILE|-", help="write the figures; - to the screen alone")
    drift.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    drift.add_argument(
        "--alpha", type=float, default=0.05, help="chance of a false alarm, all tests (0.05)"
    )
    drift.add_argument(
        "--psi", type=float, default=0.1, help="least PSI above chance that alarms (0.1)"
    )
    drift.add_argument(
        "--acceptance", type=float, default=0.05, metavar="SHARE",
        help="least change of the acceptance rate that alarms (0.05)",
    )  # fmt: skip
    drift.add_argument(
        "--loss", type=float, default=0.1, metavar="SHARE",
        help="least relative change of the expected loss that alarms (0.1)",
    )  # fmt: skip
    drift.add_argument(
        "--fn-cost", type=float, metavar="C",
        help="cost of a missed defaulter in refused good clients (the model's, or 5)",
    )  # fmt: skip
    drift.set_defaults(run=_drift)
    return drift


def _promote_words(commands: Any) -> argparse.ArgumentParser:
    promote: argparse.ArgumentParser = commands.add_parser(
        "promote", help="make a challenger the champion, if it is better and keeps to the floors",
        epilog="exit status: 0 promoted, 3 refused, 1 nothing to weigh or not comparable, 2 a wrong "
        "word. Every weighing is recorded as a run of the experiment 'promotion'. Slope, gap and "
        "ratio are broken where the whole 95 % interval lies beyond them.",
    )  # fmt: skip
    promote.add_argument(
        "model", nargs="?", default="credit_scoring@challenger",
        help="name@alias, name/version or a run's id (credit_scoring@challenger)",
    )  # fmt: skip
    promote.add_argument(
        "--force", metavar="REASON", help="overrule the objections; the record keeps the reason"
    )
    promote.add_argument(
        "--metric", default="loss_of_income", help="what it must be better by (loss_of_income)"
    )
    promote.add_argument(
        "--slope", type=float, default=0.8, metavar="S",
        help="floor: the calibration slope lies between S and 1/S (0.8)",
    )  # fmt: skip
    promote.add_argument(
        "--gap", type=float, default=0.01, metavar="SHARE",
        help="floor: the mean probability is so near the rate of default (0.01)",
    )  # fmt: skip
    promote.add_argument(
        "--ratio", type=float, default=0.8, metavar="SHARE",
        help="floor: each group's acceptance rate over the best group's (0.8)",
    )  # fmt: skip
    promote.add_argument(
        "--latency", type=float, default=50.0, metavar="MS",
        help="floor: milliseconds for the score of one client, median (50)",
    )  # fmt: skip
    promote.set_defaults(run=_promote)
    return promote


def main(words: Sequence[str] | None = None) -> int:
    """Parse and run; the exit status."""
    parsed = parser().parse_args(words)
    entry.quiet_libraries()
    return entry.run(lambda: parsed.run(parsed))


if __name__ == "__main__":
    sys.exit(main())
