"""The clients behind the rows: their latent characters, who is labelled, and who defaults."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr

from project_tools.demo.figures import Applications, Flags, Numbers, Whole, applications

#: Numbers of labelled and unlabelled clients in the real tables.
LABELLED, UNLABELLED = 307_511, 48_744
LABELLED_SHARE = LABELLED / (LABELLED + UNLABELLED)
#: Share of labelled clients that default.
DEFAULT_RATE = 0.080729
#: Part of the variance of default that only the loan history shows, not the application.
CHARACTER_VARIANCE = 0.055
FIRST_ID = 100_001


@dataclass(frozen=True)
class People:
    """The clients of one chunk, as the modules of all tables need them.

    ``latent`` holds the standard normal characters behind the applications' columns: one row per
    client, one column for each of ``names``. ``risk`` is their sum, weighted by their effect on
    default; ``character`` is the part of the risk that the application does not show. Both are
    standard normal, and high values are risky.
    """

    ids: Whole
    labelled: Flags
    target: Whole
    latent: Numbers
    risk: Numbers
    character: Numbers
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def normal(self, name: str) -> Numbers:
        """The standard normal character behind a column of the applications."""
        return self.latent[:, self.names.index(name)]

    def uniform(self, name: str, apart: str = "", correlation: Numbers | None = None) -> Numbers:
        """Each client's probability in the distribution of a column, in (0, 1).

        With ``correlation`` it is independent of the character ``apart``, which decides who has a
        null in the column. Otherwise the values beside the nulls would not follow the distribution.
        """
        latent = self.normal(name)
        if apart and correlation is not None:
            rho = correlation[self.names.index(name), self.names.index(apart)]
            latent = (latent - rho * self.normal(apart)) / np.sqrt(1 - rho**2)
        return np.asarray(np.clip(ndtr(latent), 1e-12, 1 - 1e-12))

    @property
    def conduct(self) -> Numbers:
        """Tendency to pay late, standard normal; the loan history shows it."""
        return np.asarray(0.55 * self.risk + np.sqrt(1 - 0.55**2) * self.character)


def share_of(total: int, share: float, first: int, rows: int) -> int:
    """The chunk's part of a quota of ``share`` out of ``total`` rows.

    >>> sum(share_of(10, 0.33, first, 5) for first in (0, 5))
    3
    """
    return round(min(first + rows, total) * share) - round(first * share)


@dataclass(frozen=True)
class Mixing:
    """How independent normals become latent characters, and these become risk of default.

    ``factor`` mixes the normals, ``weights`` are the effects of the characters on default, and
    ``spread`` is the standard deviation of their weighted sum.
    """

    factor: Numbers
    weights: Numbers
    spread: float


def mixing(figures: Applications) -> Mixing:
    """The mixing that gives the characters the correlations of the figures."""
    weights = np.linalg.solve(figures.correlation, figures.target)
    return Mixing(
        np.asarray(np.linalg.cholesky(figures.correlation).T, dtype=np.float64),
        np.asarray(weights, dtype=np.float64),
        float(np.sqrt(weights @ figures.target)),
    )


@cache
def _default_mixing() -> Mixing:
    return mixing(applications())


def people(random: np.random.Generator, first: int, rows: int, of: int) -> People:
    """The clients ``first`` to ``first + rows - 1`` out of ``of``."""
    n_labelled = share_of(of, LABELLED_SHARE, first, rows)
    labelled = np.zeros(rows, dtype=bool)
    labelled[random.permutation(rows)[:n_labelled]] = True
    before = round(first * LABELLED_SHARE)
    defaults = share_of(round(of * LABELLED_SHARE), DEFAULT_RATE, before, n_labelled)
    ids = FIRST_ID + np.arange(first, first + rows)
    return drawn(random, ids, labelled, defaults, applications(), _default_mixing())


def drawn(  # noqa: PLR0917  (each describes the clients)
    random: np.random.Generator,
    ids: Whole,
    labelled: Flags,
    defaults: int,
    figures: Applications,
    mix: Mixing,
) -> People:
    """Clients drawn from the figures; the ``defaults`` riskiest labelled ones default."""
    rows = len(ids)
    latent = random.standard_normal((rows, len(figures.basis))) @ mix.factor
    risk = latent @ mix.weights / mix.spread
    character = random.standard_normal(rows)
    rest = max(1 - mix.spread**2 - CHARACTER_VARIANCE, 0.0)
    score = (
        mix.spread * risk
        + np.sqrt(CHARACTER_VARIANCE) * character
        + np.sqrt(rest) * random.standard_normal(rows)
    )
    target = np.zeros(rows, dtype=np.int64)
    target[np.argsort(np.where(labelled, -score, np.inf), kind="stable")[:defaults]] = 1
    return People(ids, labelled, target, latent, risk, character, figures.basis)
