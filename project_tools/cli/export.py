"""``export``: a registered model as the folder that the API serves."""

import argparse
from pathlib import Path

from project_tools.errors import SettingError
from project_tools.settings import ROOT

HELP = "a registered model as the folder that the API serves"


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", default="credit_scoring",
        help="name (its champion), name@alias, name/version or a run's id (credit_scoring)",
    )  # fmt: skip
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "api" / "model")
    parser.add_argument(
        "--features", type=Path, default=ROOT / "pickle_files" / "features.parquet",
        help="feature file that the model was trained on; the client store is cut from it",
    )  # fmt: skip
    parser.add_argument(
        "--clients", default="500", metavar="N|all", help="clients in the store beside it (500)"
    )


def run(words: argparse.Namespace) -> None:
    if words.clients != "all" and not words.clients.isdecimal():
        raise SettingError(f"--clients is {words.clients!r}; it takes a whole number or 'all'")
    most = None if words.clients == "all" else int(words.clients)
    from project_tools.runs.export import export

    export(words.model, words.directory, features=words.features, most_clients=most)
