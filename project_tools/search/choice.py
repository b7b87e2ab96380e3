"""Which trial of a search is taken: by the metric, up to its error, and then by log loss.

A metric of decisions is the noisiest of all scores. Of trials that it cannot tell apart the one
with the best probabilities is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from project_tools.errors import TrainingError
from project_tools.evaluation.judgement import Judgement
from project_tools.evaluation.metrics import Estimate, get_metric, paired_difference
from project_tools.search.trial import Probabilities, Trial


@dataclass(frozen=True, slots=True)
class Choice:
    """The trial that is taken, the one that is best by the metric, and how far apart they are.

    ``behind`` is the paired difference of the two, turned so that above 0 is worse.
    """

    trial: Trial
    leader: Trial
    behind: Estimate


def choose(
    y: npt.NDArray[Any],
    trials: Sequence[Trial],
    probabilities: Mapping[int, Probabilities],
    *,
    metric: str,
    fn_cost: float,
) -> Choice:
    """The finished trial of least log loss among those that the metric cannot tell from the best.

    A trial counts as equal to the best where their difference by the metric, each at its own exact
    threshold, is at most one paired standard error. ``probabilities`` are those before calibration,
    by the trial's number. Source of the rule: L. Breiman et al., Classification and Regression
    Trees, 1984, section 3.4.3. Raises ``TrainingError`` for no finished trial.
    """
    judged = [(trial, trial.judgement) for trial in trials if trial.judgement is not None]
    if not judged:
        raise TrainingError("no trial of the search finished")
    leader, of_leader = min(judged, key=lambda pair: (pair[0].loss, pair[0].number))

    def decided(trial: Trial, judgement: Judgement) -> tuple[npt.NDArray[Any], float]:
        calibrated = judgement.calibration.apply(probabilities[trial.number])
        return calibrated, judgement.threshold.value

    best, turned = decided(leader, of_leader), get_metric(metric).loss
    choices = []
    for trial, judgement in judged:
        difference = paired_difference(metric, y, decided(trial, judgement), best, fn_cost=fn_cost)
        behind = Estimate(turned(difference.value), difference.se)
        if behind.value <= behind.se:
            choices.append(Choice(trial, leader, behind))
    return min(choices, key=lambda choice: (choice.trial.guide, choice.trial.number))
