"""How long searches will take: a guess from the table of families, corrected as trials end."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from project_tools.models.families import Family
from project_tools.system.progress import in_words

#: Share of the whole that the table's guess weighs against what was measured.
TRUST = 0.1


@dataclass(frozen=True, slots=True)
class FamilyForecast:
    """Trials that a family has to make, and the seconds expected for them."""

    family: str
    label: str
    trials: int
    seconds: float


@dataclass(slots=True)
class Forecast:
    """Seconds expected and spent; ``spent`` holds (trials made, seconds) by family."""

    families: Sequence[FamilyForecast]
    jobs: int
    spent: dict[str, tuple[int, float]] = field(default_factory=dict)

    def beforehand(self) -> str:
        """The line before anything runs."""
        each = ", ".join(f"{s.label} {in_words(s.seconds)}" for s in self.families)
        total = in_words(sum(s.seconds for s in self.families))
        threads = "1 thread" if self.jobs == 1 else f"{self.jobs} threads"
        return (
            f"This will take about {total} on {threads} ({each}): "
            "a guess from the table of families, corrected as trials end."
        )

    def after(self, family: str, made: int, seconds: float) -> tuple[float, float]:
        """Seconds left for a family that made so many trials in ``seconds``, and for all.

        The families to come are expected to be as much slower than the table as those so far.
        """
        self.spent[family] = (made, seconds)
        trials = next(s.trials for s in self.families if s.family == family)
        here = seconds / made * max(0, trials - made)
        to_come = sum(s.seconds for s in self.families if s.family not in self.spent)
        return here, here + to_come * self._pace()

    def _pace(self) -> float:
        """How much slower than the table the trials were so far.

        The table counts as if a tenth of the whole had gone at its pace: a first trial prepares
        the folds for all others, and says little of other families.
        """
        expected = sum(
            s.seconds * self.spent[s.family][0] / s.trials
            for s in self.families
            if s.family in self.spent and s.trials
        )
        spent = sum(seconds for _, seconds in self.spent.values())
        of_table = TRUST * sum(s.seconds for s in self.families)
        return (spent + of_table) / (expected + of_table) if expected + of_table > 0 else 1.0


def forecast_family(
    family: Family,
    *,
    profile: str,
    trials: int,
    folds: int,
    clients: int,
    features: int,
    jobs: int,
    time_limit: float | None,
) -> FamilyForecast:
    """What a family's search will take, at most its time limit."""
    alone = family.seconds(profile, trials=trials, folds=folds, rows=clients, columns=features)
    seconds = alone / jobs
    return FamilyForecast(family.name, family.label, trials, min(seconds, time_limit or seconds))
