"""``demo-data``: demonstration tables."""

import argparse
from pathlib import Path

from project_tools.cli.common import add_quiet

HELP = "write demonstration tables: all eight, invented"


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument("--clients", type=int, default=20_000, help="clients in all (20000)")
    parser.add_argument("--seed", type=int, default=1, help="same seed and size, same bytes (1)")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument(
        "--force",
        action="store_true",
        help="write into a folder that is not empty; only demonstration tables are replaced",
    )
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from project_tools.demo import generate

    generate(
        words.directory, words.clients, words.seed,
        force=words.force, file_format=words.format, quiet=words.quiet,
    )  # fmt: skip
