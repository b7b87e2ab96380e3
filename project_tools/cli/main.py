"""Parses the words of a command and runs it."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from project_tools.cli import COMMANDS
from project_tools.system import command


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    called = Path(sys.argv[0]).name
    top = argparse.ArgumentParser(
        prog=called if called == "credit" else "python -m project_tools",
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
    """Parse and run; the exit status."""
    parsed = parser().parse_args(words)
    command.quiet_libraries()
    return command.run(lambda: parsed.run(parsed))
