"""The people behind the rows: latent characters, who is labelled, who defaults by quota."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr

from project_tools.demo.figures import Applications, Flags, Numbers, Whole, applications

#: Labelled and unlabelled clients of the real tables.
LABELLED, UNLABELLED = 307_511, 48_744
LABELLED_SHARE = LABELLED / (LABELLED + UNLABELLED)
#: Share of labelled clients that default.
DEFAULT_RATE = 0.080729
#: Part of the default's variance that only the history with loans betrays.
CHARACTER_VARIANCE = 0.055
FIRST_ID = 100_001


@dataclass(frozen=True)
class People:
    """What the rooms of one chunk share about its clients.

    ``latent`` are the standard normal characters behind the applications' columns, one row per
    client and one column per name of the basis; ``risk`` is what they say about default;
    ``character`` says what the application cannot. Both are standard normal, high is risky.
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
        """The named column's standard normal character."""
        return self.latent[:, self.names.index(name)]

    def uniform(self, name: str, apart: str = "", correlation: Numbers | None = None) -> Numbers:
        """The probability at which a client stands in the named column, in (0, 1).

        Made independent of the character ``apart``, which decides who has a null there: without
        that, the known values would not have the column's distribution.
        """
        latent = self.normal(name)
        if apart and correlation is not None:
            rho = correlation[self.names.index(name), self.names.index(apart)]
            latent = (latent - rho * self.normal(apart)) / np.sqrt(1 - rho**2)
        return np.asarray(np.clip(ndtr(latent), 1e-12, 1 - 1e-12))

    @property
    def conduct(self) -> Numbers:
        """The standard normal leaning to late payment that history shows; high is late."""
        return np.asarray(0.55 * self.risk + np.sqrt(1 - 0.55**2) * self.character)


def share_of(total: int, share: float, first: int, rows: int) -> int:
    """How many of a chunk's rows a quota over all of them takes.

    >>> sum(share_of(10, 0.33, first, 5) for first in (0, 5))
    3
    """
    return round(min(first + rows, total) * share) - round(first * share)


@dataclass(frozen=True)
class _Mixing:
    factor: Numbers
    weights: Numbers
    spread: float


def mixing(figures: Applications) -> _Mixing:
    """The factor that mixes independent normals, and the weights of the latents in default."""
    weights = np.linalg.solve(figures.correlation, figures.target)
    return _Mixing(
        np.asarray(np.linalg.cholesky(figures.correlation).T, dtype=np.float64),
        np.asarray(weights, dtype=np.float64),
        float(np.sqrt(weights @ figures.target)),
    )


@cache
def _mixing() -> _Mixing:
    return mixing(applications())


def people(random: np.random.Generator, first: int, rows: int, of: int) -> People:
    """The clients ``first`` … ``first + rows - 1`` of a population of ``of``."""
    n_labelled = share_of(of, LABELLED_SHARE, first, rows)
    labelled = np.zeros(rows, dtype=bool)
    labelled[random.permutation(rows)[:n_labelled]] = True
    before = round(first * LABELLED_SHARE)
    defaults = share_of(round(of * LABELLED_SHARE), DEFAULT_RATE, before, n_labelled)
    ids = FIRST_ID + np.arange(first, first + rows)
    return drawn(random, ids, labelled, defaults, applications(), _mixing())


def drawn(  # noqa: PLR0917  (all of them say who the clients are)
    random: np.random.Generator,
    ids: Whole,
    labelled: Flags,
    defaults: int,
    figures: Applications,
    mix: _Mixing,
) -> People:
    """Clients whose riskiest labelled ``defaults`` default."""
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
