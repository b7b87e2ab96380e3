"""``promote``: a challenger becomes the champion, or is refused."""

import argparse
import sys

from project_tools.cli.common import add_number, add_quiet

HELP = "make a challenger the champion, if it is better and keeps to the limits"
EPILOG = (
    "exit status: 0 promoted, 3 refused, 1 nothing to weigh or not comparable, 2 a wrong "
    "word. Every weighing is recorded as a run of the experiment 'promotion'. Slope, gap and "
    "ratio are broken if the whole 95 % interval lies beyond them. The ratio of a group by age, "
    "education, income type or credit history is an objection, as is a limit that the champion "
    "breaks as much: objections bar nothing, a named person answers them by --answer."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", nargs="?", default="credit_scoring@challenger",
        help="name@alias, name/version or a run's id (credit_scoring@challenger)",
    )  # fmt: skip
    parser.add_argument(
        "--force", metavar="REASON", help="overrule what bars it; the record keeps the reason"
    )
    parser.add_argument(
        "--answer",
        metavar="TEXT",
        help="your answer to the objections, which the record keeps; for the champion too",
    )
    parser.add_argument(
        "--metric",
        default="log_loss",
        help="what it must be better by, beyond the error (log_loss)",
    )
    for name, default, text, metavar in (
        ("--margin", 0.01, "the loss of income is not worse by this, beyond the error", "LOSS"),
        ("--slope", 0.8, "limit: the calibration slope lies between S and 1/S", "S"),
        ("--gap", 0.01, "limit: the mean probability is so near the rate of default", "SHARE"),
        ("--ratio", 0.8, "limit: each group's acceptance rate over the best group's", "SHARE"),
        ("--latency", 50.0, "limit: milliseconds for the score of one client, median", "MS"),
    ):
        add_number(parser, name, default, text, metavar)
    parser.add_argument(
        "--explanation", type=float, metavar="MS",
        help="limit: milliseconds for the explanation of one client, median (20; a forest 500)",
    )  # fmt: skip
    add_number(
        parser, "--size", 3.0, "limit: megabytes of a LightGBM or XGBoost model's text", "MB"
    )
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from project_tools.governance.challenge import as_text
    from project_tools.governance.limits import Limits
    from project_tools.system.progress import working

    explaining = {} if words.explanation is None else {
        "explanation_ms": words.explanation, "forest_ms": words.explanation,
    }  # fmt: skip
    allowed = Limits(
        words.slope, words.gap, words.ratio, words.latency, size_mb=words.size,
        margin=words.margin, **explaining,
    )  # fmt: skip
    with working("loading libraries", quiet=words.quiet):
        from project_tools.runs.promotion import RECORD, REFUSED, answer_as_champion, promote

    if words.answer is not None and words.force is None:
        line = answer_as_champion(words.model, words.answer)
        if line is not None:
            print(line)
            return
    promotion = promote(
        words.model,
        force=words.force,
        answer=words.answer,
        metric=words.metric,
        allowed=allowed,
        quiet=words.quiet,
    )
    print(as_text(promotion.record))
    print(f"record: {RECORD} of run {promotion.run_id}")
    if not promotion.record.done:
        sys.exit(REFUSED)
