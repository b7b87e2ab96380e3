"""Arguments that several commands take."""

import argparse


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """``--quiet``."""
    parser.add_argument("--quiet", action="store_true", help="no progress")


def add_number(
    parser: argparse.ArgumentParser,
    name: str,
    default: float,
    text: str,
    metavar: str | None = None,
) -> None:
    """An option that takes a number; its help is the text and the default."""
    parser.add_argument(
        name, type=float, default=default, metavar=metavar, help=f"{text} ({default:g})"
    )


def add_without(parser: argparse.ArgumentParser) -> None:
    """``--without``: names of raw tables, as a tuple."""
    parser.add_argument(
        "--without", type=lambda text: tuple(filter(None, text.split(","))), default=(),
        metavar="TABLE,…", help="tables that are not there on purpose",
    )  # fmt: skip
