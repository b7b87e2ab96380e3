"""``check``: a report on raw tables."""

import argparse
import sys
from pathlib import Path

from project_tools.cli.common import add_quiet, add_without
from project_tools.settings import Settings

HELP = "report on raw tables; status 1 if something is fatal"


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    add_without(parser)
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
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
