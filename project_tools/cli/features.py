"""``features``: feature files from raw tables, with a state that is learnt now or was learnt before."""

import argparse
from pathlib import Path

from project_tools.cli.common import add_quiet, add_without
from project_tools.errors import SettingError
from project_tools.settings import Settings

HELP = "features of all clients from raw tables: learnt, or as learnt before"
EPILOG = (
    "With --state every client is of SPLIT new, whatever TARGET says; application_train "
    "or application_test may be missing, and no outcome need be known."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="folder of the eight raw tables")
    parser.add_argument("outputs", type=Path, nargs="+", help="files to write: .parquet or .pkl.gz")
    parser.add_argument(
        "--engine", default="duckdb", metavar="duckdb|polars|spark",
        help="what computes: duckdb (one machine, any size; the default), polars (in memory) or "
        "spark (a cluster; needs the extra 'spark' and Java)",
    )  # fmt: skip
    parser.add_argument(
        "--as-published", action="store_true",
        help="fit on all labelled clients, groups of any size: for the parity check",
    )  # fmt: skip
    parser.add_argument(
        "--state", type=Path, metavar="DIR",
        help="learn nothing: transform with what was learnt before, in the .state folder beside a "
        "feature file, or in a model folder",
    )  # fmt: skip
    add_without(parser)
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    if words.state is not None and words.as_published:
        raise SettingError(
            "--as-published says from whom to learn, and with --state nothing is learnt; leave one out"
        )
    settings = Settings.load()
    options = {
        "without": words.without, "engine": words.engine, "threads": settings.threads,
        "memory_limit": settings.memory_limit, "quiet": words.quiet,
    }  # fmt: skip
    if words.state is None:
        from project_tools.features.build import build

        build(words.directory, words.outputs, as_published=words.as_published, **options)
    else:
        from project_tools.features.transform import transform
        from project_tools.serving.feature_state import state_source

        transform(words.directory, words.outputs, state_source(words.state), **options)
