"""The reference lines below the families that ``compare`` ranks, on the same clients."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from project_tools.errors import CreditError
from project_tools.evaluation.comparison import Group, JudgedFamily
from project_tools.evaluation.metrics import get_metric, interval_text, paired_difference
from project_tools.models.dataset import Dataset, load_dataset
from project_tools.models.reference_lines import out_of_fold_lines
from project_tools.runs.store import PARENT_RUN, Client, get_run
from project_tools.settings import ROOT


def reference_table(client: Client, groups: Sequence[Group]) -> str:
    """A block for each group: its reference lines beside the first family, or why there are none."""
    return "\n\n".join(_block(client, group) for group in groups)


def _block(client: Client, group: Group) -> str:
    first = group.families[0]
    try:
        data, folds, seed = _data_of(client, first)
    except CreditError as why:
        return f"reference lines: none, because {why}"
    metric = get_metric(group.metric)
    lines = [
        f"reference lines, on the same {len(first.y):,} clients and folds",
        f"  {'line':<15} {group.metric[:14]:>14} {'95 % interval':>17}  {'behind the first':<20}",
    ]
    for line in out_of_fold_lines(data, folds=folds, seed=seed, fn_cost=first.fn_cost):
        decisions = (line.p, line.threshold)
        score = metric.score(
            first.y, line.p, threshold=line.threshold, fn_cost=first.fn_cost, draw=first.draw
        )
        gap = paired_difference(
            group.metric, first.y, decisions, (first.p, first.threshold),
            fn_cost=first.fn_cost, draw=first.draw,
        )  # fmt: skip
        behind = f"{metric.loss(gap.value):+.4f} ± {gap.se:.4f}"
        lines.append(
            f"  {line.name:<15} {score.value:>14.4f} {interval_text(metric.interval(score)):>17}  "
            f"{behind:<20}  {line.detail}"
        )
    return "\n".join(lines)


def _data_of(client: Client, judged: JudgedFamily) -> tuple[Dataset, int, int]:
    """The clients that a family was judged on, the number of folds and their seed.

    Raises a ``CreditError`` where the feature file is not there or is another one.
    """
    run = get_run(client, judged.run_id)
    settings = json.loads(run.data.tags["settings"])
    project = get_run(client, run.data.tags.get(PARENT_RUN, judged.run_id))
    path = ROOT / Path(project.data.params.get("data", ""))
    data = load_dataset(path, folds=settings["folds"])
    if data.digest != judged.data_digest:
        raise CreditError(f"{path.name} is no longer the file that the families were judged on")
    order = np.argsort(data.ids)
    rows = order[np.searchsorted(data.ids[order], judged.ids)]
    return data.rows(rows), settings["folds"], settings["seed"]
