"""``reproduce``: a final model trained again and compared."""

import argparse
import sys
from pathlib import Path

from project_tools.cli.common import add_quiet

HELP = "what a rerun of a final model needs; reruns and compares if all is there"
EPILOG = (
    "exit status: 0 the same figures and model, 3 something differs, 1 something that it "
    "needs is not there, 2 a wrong word. Nothing is checked out and nothing registered."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_id", metavar="RUN", help="a final model's run, or name@alias, or name/version"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="the run's feature file (where it lay then)"
    )
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from project_tools.system.progress import working

    with working("loading libraries", quiet=words.quiet):
        from project_tools.runs.reproduction import DIFFERS, as_text, reproduce

    reproduction = reproduce(words.run_id, data=words.data, quiet=words.quiet)
    print(as_text(reproduction))
    if reproduction.missing:
        sys.exit(1)
    if reproduction.differences:
        sys.exit(DIFFERS)
