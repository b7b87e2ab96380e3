"""How often the 95 % intervals hold the population's figure.

    .venv/bin/python benchmarks/intervals.py [--repetitions 4000] [--check]

A population of two million clients has outcomes, a model's calibrated probabilities (AUC .77) and a
second model's, which is a little worse. Each repetition draws clients from it in two ways: as this
product does (labelled clients at random, of whom a fifth is held out, stratified by outcome), and
as a simple sample. The population's figure is known, so that the share of intervals that hold it
can be counted, with its Monte Carlo error. ``--check`` ends with status 1 if one of the
scores that have an interval lies outside .93 to .97.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.logistic import logit, sigmoid
from project_tools.evaluation.metrics import METRICS, Draw, Estimate, paired_difference
from project_tools.evaluation.threshold import break_even_probability

LABELLED, HELD_OUT = 17_264, 3_453
REPETITIONS, LEAST = 4_000, 2_000
BOUNDS = (0.93, 0.97)
#: Scores whose difference between the two models is covered, too.
PAIRED = ("loss_of_income", "AUC", "log_loss", "brier")
THRESHOLD, GRANT_ALL = break_even_probability(5), 1.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """Outcomes, and the probabilities of two models."""

    y: npt.NDArray[np.int8]
    p: Floats
    other: Floats

    def rows(self, chosen: npt.NDArray[np.intp]) -> "Population":
        return Population(self.y[chosen], self.p[chosen], self.other[chosen])


def population(clients: int = 2_000_000, seed: int = 0) -> Population:
    """Clients of whom 8 % default, with true probabilities and those of a worse model."""
    random = np.random.default_rng(seed)
    p = sigmoid(random.normal(-2.85, 1.05, clients))
    y = (random.random(clients) < p).astype(np.int8)
    return Population(y, p, sigmoid(logit(p) + random.normal(-0.05, 0.3, clients)))


def stratified(of: Population, labelled: int, held_out: int, random: Any) -> Population:
    """Labelled clients at random; of each outcome the same share of them is held out."""
    table = of.rows(random.integers(0, len(of.y), labelled))
    parts = []
    for label in (0, 1):
        clients = np.flatnonzero(table.y == label)
        parts.append(random.permutation(clients)[: round(held_out / labelled * len(clients))])
    return table.rows(np.concatenate(parts))


def figures(of: Population, labelled: int | None) -> Iterator[tuple[str, float, Any]]:
    """Each score's name, value and interval; ``grant all`` is the loss of granting everybody."""
    draw = Draw.of(of.y, labelled)
    for name, score in evaluate(of.y, of.p, THRESHOLD, draw=draw).items():
        yield name, score.value, METRICS[name].interval(score)
    loss = METRICS["loss_of_income"]
    granted = loss.score(of.y, of.p, threshold=GRANT_ALL, draw=draw)
    yield "loss_of_income of granting all", granted.value, loss.interval(granted)
    for name in PAIRED:
        gap = paired_difference(name, of.y, (of.other, THRESHOLD), (of.p, THRESHOLD), draw=draw)
        yield f"difference of {name}", gap.value, gap.interval


def covered(
    whole: Population, repetitions: int, labelled: int, held_out: int, seed: int = 1
) -> dict[str, dict[str, list[tuple[float, Any]]]]:
    """By way of drawing and by figure, the value and the interval of each repetition."""
    random = np.random.default_rng(seed)
    found: dict[str, dict[str, list[tuple[float, Any]]]] = {"split": {}, "simple": {}}
    for _ in range(repetitions):
        split = stratified(whole, labelled, held_out, random)
        simple = whole.rows(random.integers(0, len(whole.y), held_out))
        for way, sample, drawn_from in (("split", split, labelled), ("simple", simple, None)):
            for name, value, interval in figures(sample, drawn_from):
                found[way].setdefault(name, []).append((value, interval))
    return found


def coverage(rows: list[tuple[float, Any]], true: float) -> Estimate | None:
    """The share of intervals that hold the true figure, with its error; None without intervals."""
    if any(interval is None for _, interval in rows):
        return None
    share = float(np.mean([low <= true <= high for _, (low, high) in rows]))
    return Estimate(share, float(np.sqrt(share * (1 - share) / len(rows))))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--repetitions", type=int, default=REPETITIONS)
    words.add_argument("--check", action="store_true")
    arguments = words.parse_args()
    if arguments.repetitions < LEAST:
        words.error(f"--repetitions takes {LEAST:,} or more: fewer tell .93 from .95 too rarely")
    whole = population()
    true: Mapping[str, float] = {name: value for name, value, _ in figures(whole, None)}
    found = covered(whole, arguments.repetitions, LABELLED, HELD_OUT)
    print(
        f"{arguments.repetitions:,} repetitions; {HELD_OUT:,} clients, of the split from {LABELLED:,}"
    )
    print(f"{'figure':<34}{'population':>11}{'bias':>9}{'split':>16}{'simple sample':>16}")
    missed = []
    for name, figure in true.items():
        bias = float(np.mean([value for value, _ in found["split"][name]])) - figure
        line = f"{name:<34}{figure:>11.4f}{bias:>+9.4f}"
        for rows in (found["split"][name], found["simple"][name]):
            share = coverage(rows, figure)
            line += (
                f"{'no interval' if share is None else f'{share.value:.4f} ± {share.se:.4f}':>16}"
            )
            if share is not None and not BOUNDS[0] <= share.value <= BOUNDS[1]:
                missed.append(name)
        print(line)
    print(f"outside {BOUNDS[0]} to {BOUNDS[1]}: {', '.join(missed) or 'none'}")
    if arguments.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
