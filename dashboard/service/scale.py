"""The scale of a model's score, and how its numbers are shown.

A boosted or linear model adds up log-odds, a forest adds up probabilities; the API names the scale.
"""

from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """How contributions are shown: times ``factor``, rounded to ``digits``, in ``unit``.

    Each pair of ``strengths`` is the least size of a contribution, as the API sends it, and the
    word for it. ``reading`` explains the numbers to the reader.
    """

    unit: str
    factor: float
    digits: int
    strengths: tuple[tuple[float, str], ...]
    reading: str

    def signed(self, contribution: float) -> str:
        """A contribution with its sign.

        >>> LOG_ODDS.signed(0.236), LOG_ODDS.signed(-0.001)
        ('+0.24', '0.00')
        """
        text = f"{self.factor * contribution:+.{self.digits}f}"
        return text[1:] if not text.strip("+-0.") else text.replace("-", MINUS)

    def strength(self, contribution: float) -> str:
        """How much a contribution moves the risk, in a word."""
        words = (word for least, word in self.strengths if abs(contribution) >= least)
        return next(words, "hardly")


LOG_ODDS = ScoreScale(
    unit="log-odds",
    factor=1,
    digits=2,
    strengths=((0.5, "strongly"), (0.15, "clearly"), (0.03, "slightly")),
    reading=f"+0.69 doubles the odds of difficulties, {MINUS}0.69 halves them.",
)

#: Points of risk of the client's explanation, which need no factor.
RISK_POINTS = ScoreScale(
    unit="points of risk",
    factor=1,
    digits=1,
    strengths=((5, "strongly"), (1.5, "clearly"), (0.3, "slightly")),
    reading="The numbers are percentage points of the client's risk.",
)


def points_around(base: float) -> ScoreScale:
    """Percentage points of a forest's score that starts at ``base``.

    At the base, one more log-odds is ``base · (1 - base)`` more probability. The bounds of the
    words are those of the log-odds times this slope, so that both scales use the same words.

    >>> points_around(0.5).strengths[0], points_around(0.5).signed(0.0236)
    ((0.125, 'strongly'), '+2.4')
    """
    slope = base * (1 - base)
    return ScoreScale(
        unit="percentage points",
        factor=100,
        digits=1,
        strengths=tuple((slope * least, word) for least, word in LOG_ODDS.strengths),
        reading="The numbers are percentage points of that score.",
    )


def scale_of(name: str, base: float) -> ScoreScale:
    """The scale that the API names, around its base; ``ValueError`` for any other name or base."""
    if name == "log-odds":
        return LOG_ODDS
    if name == "probability" and 0 < base < 1:
        return points_around(base)
    raise ValueError(f"a score is log-odds, or a probability around a share; not {name!r}, {base}")
