"""Arguments that several commands take."""

import argparse


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """``--quiet``."""
    parser.add_argument("--quiet", action="store_true", help="no progress")


def add_without(parser: argparse.ArgumentParser) -> None:
    """``--without``: names of raw tables, as a tuple."""
    parser.add_argument(
        "--without", type=lambda text: tuple(filter(None, text.split(","))), default=(),
        metavar="TABLE,…", help="tables that are not there on purpose",
    )  # fmt: skip
