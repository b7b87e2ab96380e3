"""Counter-offers: which smaller amounts and other terms would be accepted for a known client.

All cells of a grid of amounts and terms are scored at once; each that is offered is scored again as
a decision would be. An application for one of them is decided anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from project_tools.features.wording.display import displayed, plain
from project_tools.features.wording.languages import VALUE_WORDS
from project_tools.serving.inputs import Value
from project_tools.serving.reasons.simulations import WORDS, SimulationWords
from project_tools.serving.simulation import Client, Simulator
from project_tools.settings import OfferGrid

AMOUNT, ANNUITY, GOODS, CONTRACT = (
    "AMT_CREDIT", "AMT_ANNUITY", "AMT_GOODS_PRICE", "NAME_CONTRACT_TYPE",
)  # fmt: skip
_COLUMNS = (AMOUNT, ANNUITY, GOODS)
REVOLVING = "Revolving loans"
#: Percent; and the least amount, a hundredth of the currency.
_ALL, _LEAST = 100, 0.01


class Cell(NamedTuple):
    """An amount over a term: its percentage of the request, the months, what follows from both.

    The annuity is the amount divided by the term; the price of the goods moves with the amount.
    """

    amount: float
    share: int
    term: int
    annuity: float
    goods_price: float | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A cell that would be accepted, and its score by the path that decides."""

    amount: float
    share: int
    term: int
    annuity: float
    goods_price: float | None
    probability: float
    raw_score: float


@dataclass(frozen=True, slots=True)
class Offers:
    """The offers, the largest amount and then the shortest term first, and a sentence about them.

    ``cells`` combinations were tried; ``accepted`` of them would be, also those that no neighbour
    confirms; 0 of both where none can be tried. ``exact`` as in ``Simulated``.
    """

    offers: tuple[Offer, ...]
    cells: int
    accepted: int
    sentence: str
    exact: bool


def offers(
    simulator: Simulator,
    client: Client,
    grid: OfferGrid,
    *,
    language: str = "en",
    currency: str = "",
) -> Offers:
    """The cells of the grid that would be accepted and have an accepted neighbour.

    ``KeyError`` for a language without words.
    """
    words = WORDS[language]
    if obstacle := _obstacle(simulator, client, words):
        return Offers((), 0, 0, obstacle, exact=True)
    tried = cells(_amount(client, AMOUNT) or 0, _amount(client, GOODS), grid)
    simulated = simulator.simulate(client, changes(tried))
    likely = np.flatnonzero(
        simulator.probabilities(simulated.encoded) <= simulator.artefact.threshold
    )
    scores = {at: simulator.score(simulated.encoded[at]) for at in likely.tolist()}
    accepted = np.zeros((len(grid.shares), len(grid.terms)), dtype=bool)
    accepted.flat[[at for at, score in scores.items() if score.decision.granted]] = True
    found = [
        Offer(*tried[at], scores[at].decision.probability, scores[at].raw_score)
        for at in np.flatnonzero(accepted & has_neighbour(accepted)).tolist()
    ]
    found.sort(key=lambda offer: (-offer.amount, offer.term))
    return Offers(
        tuple(found),
        len(tried),
        int(accepted.sum()),
        _said(found, len(tried), words, language, currency),
        simulated.exact,
    )


def cells(requested: float, goods_price: float | None, grid: OfferGrid) -> list[Cell]:
    """The cells of the grid, the terms of one amount beside each other.

    An amount is in hundredths of the currency and never larger than the request.

    >>> cells(1000.0, None, OfferGrid((50,), (12, 24)))[1]
    Cell(amount=500.0, share=50, term=24, annuity=20.833333333333332, goods_price=None)
    """
    tried = []
    for share in grid.shares:
        amount = (
            requested
            if share == _ALL
            else min(max(round(requested * share / _ALL, 2), _LEAST), requested)
        )
        goods = None if goods_price is None else goods_price * (amount / requested)
        tried += [Cell(amount, share, term, amount / term, goods) for term in grid.terms]
    return tried


def changes(tried: Sequence[Cell]) -> dict[str, list[Value]]:
    """The columns of the application in each cell."""
    return {
        AMOUNT: [cell.amount for cell in tried],
        ANNUITY: [cell.annuity for cell in tried],
        GOODS: [cell.goods_price for cell in tried],
    }


def has_neighbour(accepted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where the next amount or the next term, up or down, is accepted too.

    >>> has_neighbour(np.array([[True, False], [True, False], [False, True]])).astype(int).tolist()
    [[1, 1], [1, 1], [1, 0]]
    """
    around = np.pad(accepted, 1)
    neighbours = around[:-2, 1:-1] | around[2:, 1:-1] | around[1:-1, :-2] | around[1:-1, 2:]
    return np.asarray(neighbours)


def oddities(accepted: NDArray[np.bool_]) -> int:
    """Cells that are refused although a larger amount over the same term is accepted.

    Amounts ascend along the first axis.

    >>> oddities(np.array([[True, False], [False, True], [True, False]]))
    2
    """
    larger = np.logical_or.accumulate(accepted[::-1], axis=0)[::-1]
    return int((larger & ~accepted).sum())


def _amount(client: Client, name: str) -> float | None:
    value = client.doubles[name]
    return None if value is None else float(value)


def _obstacle(simulator: Simulator, client: Client, words: SimulationWords) -> str:
    """Why no cell can be tried; empty if they can."""
    if client.row.get(CONTRACT) == REVOLVING:
        return words.revolving
    if not {*_COLUMNS} <= {*simulator.changeable}:
        return words.lacking
    return "" if _amount(client, AMOUNT) and _amount(client, ANNUITY) else words.unknown_amount


def _said(
    found: list[Offer], tried: int, words: SimulationWords, language: str, currency: str
) -> str:
    values = VALUE_WORDS[language]
    count = plain(tried, values)
    if not found:
        return words.no_offer.format(cells=count)
    about = {"name": AMOUNT, "display": "money", "unit": "currency"}
    amount = f"{displayed(found[0].amount, about, values)} {currency}".strip()
    return words.offers.format(
        offers=plain(len(found), values), cells=count, amount=amount, term=found[0].term
    )
