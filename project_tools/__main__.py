"""The command line: ``python -m project_tools COMMAND``.

Each command imports what it needs when it runs, so that ``--help`` and refusals come at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from project_tools import entry
from project_tools.errors import SettingError
from project_tools.settings import ROOT, Settings


def _demo_data(words: argparse.Namespace) -> None:
    from project_tools.demo import generate

    generate(
        words.directory, words.clients, words.seed,
        force=words.force, file_format=words.format, quiet=words.quiet,
    )  # fmt: skip


def _check(words: argparse.Namespace) -> None:
    import json

    from project_tools.tables.checks import check

    report = check(words.directory, without=words.without)
    print(json.dumps(report.as_dict(), indent=1) if words.json else report.as_table())
    if report.fatal:
        sys.exit(1)


def _features(words: argparse.Namespace) -> None:
    from project_tools.features.build import build

    settings = Settings.load()
    build(
        words.directory,
        words.outputs,
        without=words.without,
        as_published=words.as_published,
        threads=settings.threads,
        memory_limit=settings.memory_limit,
        quiet=words.quiet,
    )


def _export(words: argparse.Namespace) -> None:
    if words.clients != "all" and not words.clients.isdecimal():
        raise SettingError(f"--clients is {words.clients!r}; it takes a whole number or 'all'")
    from project_tools.exporting import export

    most = None if words.clients == "all" else int(words.clients)
    export(words.model, words.directory, features=words.features, most_clients=most)


def _inspect(words: argparse.Namespace) -> None:
    import json

    from project_tools.inspecting import inspect

    found = inspect(words.directory)
    print(json.dumps(found.as_dict(), indent=1) if words.json else found.as_text())


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

    features = commands.add_parser("features", help="features of all clients from raw tables")
    features.add_argument("directory", type=Path, help="folder of the eight raw tables")
    features.add_argument(
        "outputs", type=Path, nargs="+", help="files to write: .parquet or .pkl.gz"
    )
    features.add_argument(
        "--as-published", action="store_true",
        help="fit on all labelled clients, groups of any size: for the parity check",
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

    for quiet in (demo, features):
        quiet.add_argument("--quiet", action="store_true", help="no progress")
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Parse and run; the exit status."""
    parsed = parser().parse_args(words)
    entry.quiet_libraries()
    return entry.run(lambda: parsed.run(parsed))


if __name__ == "__main__":
    sys.exit(main())
