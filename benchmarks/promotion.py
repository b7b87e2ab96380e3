"""How often a promotion, a first version and a threshold are decided wrongly, by simulation.

    .venv/bin/python benchmarks/promotion.py [--repetitions 4000] [--check]

The clients are those of ``intervals.py``, held out of labelled ones as the product does it. The rates
are those of errors, each beside the rate that the rule promises, with its Monte Carlo error:
an equal challenger that passes as better; one that is worse by the whole margin and passes it; an equal
one that keeps to the margin, beside the chance on record; a useless first version that becomes the
champion; a true break-even that is left for a searched threshold. ``--check`` ends with
status 1 if a rate of errors lies above its promise by more than three Monte Carlo errors.
"""

import argparse
import sys
from dataclasses import replace

import numpy as np
from intervals import HELD_OUT, LABELLED, THRESHOLD, Population, population, stratified

from project_tools.evaluation.logistic import logit, sigmoid
from project_tools.evaluation.metrics import METRICS, Z_95, Draw, paired_difference
from project_tools.evaluation.threshold_choice import choose_threshold
from project_tools.governance.challenge import (
    GRANT_ALL,
    REFUSE_ALL,
    Z_ONE_SIDED,
    PairedScores,
    power_of,
)

REPETITIONS, MARGIN, FOLDS, TRAINING = 4_000, 0.01, 5, 13_811
#: What each rule promises; None where the rate is no error and stands beside the chance on record.
PROMISED = {
    "an equal challenger has a better log loss": 0.025,
    "a challenger that is worse by the margin passes it": 0.05,
    "an equal challenger passes the margin": None,
    "an equal challenger passes both": 0.025,
    "a useless first version becomes champion": 0.025,
    "a true break-even is left": 0.03,
}


def two_models(clients: int, noise: tuple[float, float], seed: int = 5) -> Population:
    """The clients with the probabilities of two models that blur the true ones by so much."""
    whole, random = population(clients), np.random.default_rng(seed)
    blurred = [sigmoid(logit(whole.p) + random.normal(0, sd, clients)) for sd in noise]
    return Population(whole.y, *blurred)


def difference(name: str, of: Population, draw: Draw | None) -> PairedScores:
    """The second model's score less the first one's."""
    gap = paired_difference(name, of.y, (of.other, THRESHOLD), (of.p, THRESHOLD), draw=draw)
    return PairedScores(name, 0, 0, gap.value, gap.se)


def rates(repetitions: int, clients: int = 1_000_000) -> tuple[dict[str, float], float, float]:
    """The rate of each error, the mean chance on record, and the worse model's true difference."""
    random = np.random.default_rng(11)
    equal, worse = two_models(clients, (0.4, 0.4)), two_models(clients, (0.2, 0.65))
    truth = population(clients)
    step = float(
        METRICS["loss_of_income"].loss(difference("loss_of_income", worse, None).difference)
    )
    counts, chances = dict.fromkeys(PROMISED, 0), []
    for _ in range(repetitions):
        one = stratified(equal, LABELLED, HELD_OUT, random)
        draw = Draw.of(one.y, LABELLED)
        better, loss = (difference(name, one, draw) for name in ("log_loss", "loss_of_income"))
        within = loss.difference + Z_ONE_SIDED * loss.se < MARGIN
        chances.append(power_of(better, loss, MARGIN, 1).equal_passes)
        counts["an equal challenger has a better log loss"] += better.better
        counts["an equal challenger passes the margin"] += within
        counts["an equal challenger passes both"] += better.better and within
        other = stratified(worse, LABELLED, HELD_OUT, random)
        loss = difference("loss_of_income", other, Draw.of(other.y, LABELLED))
        counts["a challenger that is worse by the margin passes it"] += (
            loss.difference + Z_ONE_SIDED * loss.se < step
        )
        useless = replace(one, p=random.permutation(one.p))
        below = [
            paired_difference(
                "loss_of_income", useless.y, (useless.p, THRESHOLD), (useless.p, cut), draw=draw
            )
            for cut in (GRANT_ALL, REFUSE_ALL)
        ]
        counts["a useless first version becomes champion"] += all(
            gap.value + Z_95 * gap.se < 0 for gap in below
        )
        trained = truth.rows(random.integers(0, clients, TRAINING))
        parts = np.array_split(random.permutation(TRAINING), FOLDS)
        counts["a true break-even is left"] += (
            choose_threshold(trained.y, trained.p, 5, parts).taken == "exact"
        )
    return {n: c / repetitions for n, c in counts.items()}, float(np.mean(chances)), step


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--repetitions", type=int, default=REPETITIONS)
    words.add_argument("--check", action="store_true")
    arguments = words.parse_args()
    found, chance, step = rates(arguments.repetitions)
    print(
        f"{arguments.repetitions:,} repetitions; {HELD_OUT:,} held-out clients of {LABELLED:,} labelled; "
        f"the worse model's loss is higher by {step:.4f}, which is its margin"
    )
    missed = []
    for name, rate in found.items():
        error = float(np.sqrt(max(rate * (1 - rate), 1e-4) / arguments.repetitions))
        promised = PROMISED[name]
        beside = f"on record {chance:.4f}" if promised is None else f"promised {promised:.3f}"
        print(f"{name:<52}{rate:>8.4f} ± {error:.4f}   {beside}")
        if promised is not None and rate > promised + 3 * error:
            missed.append(name)
    print(f"above the promise: {', '.join(missed) or 'none'}")
    if arguments.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
