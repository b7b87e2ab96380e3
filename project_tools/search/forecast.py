"""How long searches will take: said beforehand from the table of families, then corrected."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from project_tools.models.families import Family
from project_tools.system.progress import in_words

#: Share of the whole that the table's guess weighs against what was measured.
TRUST = 0.1


@dataclass(frozen=True, slots=True)
class Share:
    """One family's part: trials to make, and seconds expected for them."""

    family: str
    label: str
    trials: int
    seconds: float


@dataclass(slots=True)
class Forecast:
    """Seconds expected and spent. ``spent`` holds, a family, (trials made, seconds)."""

    shares: Sequence[Share]
    jobs: int
    spent: dict[str, tuple[int, float]] = field(default_factory=dict)

    def beforehand(self) -> str:
        """The line before anything runs."""
        each = ", ".join(f"{s.label} {in_words(s.seconds)}" for s in self.shares)
        total = in_words(sum(share.seconds for share in self.shares))
        threads = "1 thread" if self.jobs == 1 else f"{self.jobs} threads"
        return (
            f"This will take about {total} on {threads} ({each}): "
            "a guess from the table of families, corrected as trials end."
        )

    def after(self, family: str, made: int, seconds: float) -> tuple[float, float]:
        """Seconds left for a family that made so many trials in ``seconds``, and for all.

        The families to come are as much slower or quicker than the table says as those so far.
        """
        self.spent[family] = (made, seconds)
        share = next(share for share in self.shares if share.family == family)
        here = seconds / made * max(0, share.trials - made)
        to_come = sum(s.seconds for s in self.shares if s.family not in self.spent)
        return here, here + to_come * self._pace()

    def _pace(self) -> float:
        """How much slower than the table it went so far.

        The table counts as if a tenth of the whole had gone at its pace: a first trial prepares
        the folds for all others, and alone says little of other families.
        """
        expected = sum(
            share.seconds * self.spent[share.family][0] / share.trials
            for share in self.shares
            if share.family in self.spent and share.trials
        )
        spent = sum(seconds for _, seconds in self.spent.values())
        of_table = TRUST * sum(share.seconds for share in self.shares)
        return (spent + of_table) / (expected + of_table) if expected + of_table > 0 else 1.0


def expected_share(
    family: Family,
    *,
    profile: str,
    trials: int,
    folds: int,
    clients: int,
    features: int,
    jobs: int,
    time_limit: float | None,
) -> Share:
    """A family's part of a search, at most its time limit."""
    alone = family.seconds(profile, trials=trials, folds=folds, rows=clients, columns=features)
    seconds = alone / jobs
    return Share(family.name, family.label, trials, min(seconds, time_limit or seconds))
