"""Arguments that several commands take."""

import argparse


def add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="no progress")


def add_without(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without", type=_tables, default=(), metavar="TABLE,…",
        help="tables that are not there on purpose",
    )  # fmt: skip


def _tables(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)
