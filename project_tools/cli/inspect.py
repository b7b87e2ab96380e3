"""``inspect``: what a served folder holds."""

import argparse
from pathlib import Path

from project_tools.settings import ROOT

HELP = "what an artefact is, without loading its model; status 1 if it is damaged"


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "api" / "model")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def run(words: argparse.Namespace) -> None:
    import json

    from project_tools.serving.inspection import inspect

    inspection = inspect(words.directory)
    print(json.dumps(inspection.as_dict(), indent=1) if words.json else inspection.as_text())
