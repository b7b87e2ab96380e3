"""``drift``: new clients compared with those of the training."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from project_tools.cli.common import add_number, add_quiet
from project_tools.settings import Settings
from project_tools.system.files import refuse_inputs, replacing

if TYPE_CHECKING:
    from project_tools.governance.drift.comparison import Drift
    from project_tools.serving.drift_result import DriftResult

#: The word that stands for the recorded decisions.
RECORD = "decisions"
HELP = "new rows against the training's: features, score; status 3 on drift"
EPILOG = (
    "exit status: 0 no drift, 3 drift, 1 an input that cannot be compared, 2 a wrong "
    "word. REFERENCE and NEW: feature files (.parquet, .pkl.gz) of the same columns, or "
    "decisions (.parquet, .csv) with proba_risk_class from 0 to 1 and class risk or no_risk."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "reference", type=Path, metavar="REFERENCE",
        help="frozen .json, a model folder (what its training froze, and the model), or a file: its "
        "rows of SPLIT train if it has that column, else all",
    )  # fmt: skip
    parser.add_argument(
        "new", type=Path, metavar="NEW",
        help="the rows to look at; `decisions` are those that the API has recorded: each client's "
        "last one by the model that decided last; the API then shows the result in /portfolio",
    )  # fmt: skip
    parser.add_argument("--split", help="only these rows of NEW: train, test or new (all)")
    parser.add_argument(
        "--artefact", type=Path, metavar="DIR", help="model folder that scores both files"
    )
    parser.add_argument(
        "--freeze", type=Path, metavar="FILE.json", help="keep the reference for the next time"
    )
    parser.add_argument("--json", metavar="FILE|-", help="write the figures; - to the screen alone")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with pictures")
    for name, default, text, metavar in (
        ("--alpha", 0.05, "chance of a false alarm, all tests", None),
        ("--psi", 0.1, "least PSI above chance that alarms", None),
        ("--acceptance", 0.05, "least change of the acceptance rate that alarms", "SHARE"),
        ("--loss", 0.1, "least relative change of the expected loss that alarms", "SHARE"),
    ):
        add_number(parser, name, default, text, metavar)
    parser.add_argument(
        "--fn-cost", type=float, metavar="C",
        help="cost of a missed defaulter in refused good clients (the model's, or 5)",
    )  # fmt: skip
    add_quiet(parser)


def run(words: argparse.Namespace) -> None:
    from rich.console import Console

    from project_tools.governance.drift.check import DRIFTED, drift, to_json, writable
    from project_tools.governance.drift.comparison import DriftRule
    from project_tools.governance.drift.report import print_drift, write_html

    json_file = None if words.json in {None, "-"} else Path(words.json)
    outputs = [path for path in (words.html, words.freeze, json_file) if path is not None]
    refuse_inputs(outputs, filter(None, (words.reference, words.new, words.artefact)))
    with _new_rows(words.new) as (new, model):
        report = drift(
            words.reference, new,
            artefact=words.artefact, split=words.split, fn_cost=words.fn_cost, freeze=words.freeze,
            rule=DriftRule(words.alpha, words.psi, words.acceptance, words.loss), quiet=words.quiet,
        )  # fmt: skip
    if words.html is not None:
        with writable(words.html):
            write_html(report, words.html)
    if words.json == "-":
        print(to_json(report), end="")
    else:
        width = None if sys.stdout.isatty() else 120  # a pipe has none of its own
        print_drift(report, Console(width=width, highlight=False))
    if json_file is not None:
        with writable(json_file), replacing(json_file) as temporary:
            temporary.write_text(to_json(report), encoding="utf-8")
    if model is not None:
        _result(report, model).write(Settings.load().state)
    if report.alarms:
        sys.exit(DRIFTED)


def _result(report: "Drift", model: str) -> "DriftResult":
    from project_tools.serving.drift_result import DriftResult

    expected = report.performance
    return DriftResult(
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model,
        decisions=report.new_rows,
        reference=report.reference_digest,
        alarms=report.alarms,
        expected_auc=None if expected is None else expected.expected_auc,
    )


@contextmanager
def _new_rows(new: Path) -> Iterator[tuple[Path, str | None]]:
    """The file of NEW; for the word ``decisions``, if no file has it, one of the recorded decisions.

    Beside that one, the digest of the model that made them.
    """
    if str(new) != RECORD or new.exists():
        yield new, None
        return
    import pyarrow.parquet as pq

    from project_tools.cli.decisions import opened
    from project_tools.serving.decisions.export import export_last
    from project_tools.system.files import temporary_folder

    with temporary_folder("decisions") as folder:
        file = folder / f"{RECORD}.parquet"
        with opened() as store:
            export_last(store, file)
        yield file, pq.read_table(file, columns=["model"]).column(0)[0].as_py()
