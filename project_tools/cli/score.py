"""``score``: the decision on every client of raw tables or of a feature file."""

import argparse
from pathlib import Path

from project_tools.cli.common import add_quiet, add_without
from project_tools.settings import Settings

HELP = "decisions on all clients of raw tables, or of a feature file"
EPILOG = (
    "OUT has a row a client: SK_ID_CURR, SPLIT, proba_risk_class, threshold, class and "
    "model_digest, with the numbers of the API; with --explain also compared_with, reason_1 to "
    "reason_4, points_1 to points_4 and blocked. It calculates and records no decision."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="RAW_OR_FEATURES",
        help="folder of the eight raw tables, or a feature file of the model's own state",
    )  # fmt: skip
    parser.add_argument("output", type=Path, metavar="OUT", help="file to write: .parquet or .csv")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="model folder (CREDIT_MODEL, or api/model)"
    )
    parser.add_argument(
        "--explain", action="store_true",
        help="add the codes of at most four reasons and their points of risk to each row",
    )  # fmt: skip
    add_without(parser)
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from project_tools.serving.portfolio import score_portfolio
    from project_tools.system.progress import say

    settings = Settings.load()
    report = score_portfolio(
        words.source, words.output, words.model or settings.model,
        without=words.without, explain=words.explain, threads=settings.threads, memory_limit=settings.memory_limit,
        quiet=words.quiet,
    )  # fmt: skip
    if not words.quiet:
        model = report.model
        say(
            f"{report.clients:,} clients scored with {model.name} version {model.version} "
            f"({report.digest[:12]}): {report.risks:,} are a risk (threshold {model.threshold:.4f})"
        )
        if report.trained:
            say(
                f"the model was trained on {report.trained:,} of them (SPLIT is train): their "
                "probabilities are more extreme than those of other clients"
            )
