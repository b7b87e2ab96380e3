"""``promote``: a challenger becomes the champion, or is refused."""

import argparse
import sys

from project_tools.cli.common import add_quiet

HELP = "make a challenger the champion, if it is better and keeps to the floors"
EPILOG = (
    "exit status: 0 promoted, 3 refused, 1 nothing to weigh or not comparable, 2 a wrong "
    "word. Every weighing is recorded as a run of the experiment 'promotion'. Slope, gap and "
    "ratio are broken where the whole 95 % interval lies beyond them."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", default="credit_scoring@challenger",
        help="name@alias, name/version or a run's id (credit_scoring@challenger)",
    )  # fmt: skip
    parser.add_argument(
        "--force", metavar="REASON", help="overrule the objections; the record keeps the reason"
    )
    parser.add_argument(
        "--metric", default="loss_of_income", help="what it must be better by (loss_of_income)"
    )
    parser.add_argument(
        "--slope", type=float, default=0.8, metavar="S",
        help="floor: the calibration slope lies between S and 1/S (0.8)",
    )  # fmt: skip
    parser.add_argument(
        "--gap", type=float, default=0.01, metavar="SHARE",
        help="floor: the mean probability is so near the rate of default (0.01)",
    )  # fmt: skip
    parser.add_argument(
        "--ratio", type=float, default=0.8, metavar="SHARE",
        help="floor: each group's acceptance rate over the best group's (0.8)",
    )  # fmt: skip
    parser.add_argument(
        "--latency", type=float, default=50.0, metavar="MS",
        help="floor: milliseconds for the score of one client, median (50)",
    )  # fmt: skip
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from project_tools.governance.challenge import Floors, as_text
    from project_tools.system.progress import working

    allowed = Floors(words.slope, words.gap, words.ratio, words.latency)
    with working("loading libraries", quiet=words.quiet):
        from project_tools.runs.promotion import RECORD, REFUSED, promote

    promotion = promote(
        words.model, force=words.force, metric=words.metric, allowed=allowed, quiet=words.quiet
    )
    print(as_text(promotion.record))
    print(f"record: {RECORD} of run {promotion.run_id}")
    if not promotion.record.done:
        sys.exit(REFUSED)
