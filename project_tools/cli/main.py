"""The parser of the command line, and the start of a command."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from project_tools.cli import COMMANDS
from project_tools.system import command


def parser() -> argparse.ArgumentParser:
    """A parser with a subparser for each command."""
    program = Path(sys.argv[0]).name
    top = argparse.ArgumentParser(
        prog=program if program == "credit" else "python -m project_tools",
        description="Credit scoring, step by step.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"project_tools.cli.{name.replace('-', '_')}")
        one = commands.add_parser(name, help=module.HELP, epilog=getattr(module, "EPILOG", None))
        module.words(one)
        one.set_defaults(run=module.run)
    return top


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that the words name (by default those of the process); its exit status."""
    parsed = parser().parse_args(words)
    command.quiet_libraries()
    return command.run(lambda: parsed.run(parsed))
