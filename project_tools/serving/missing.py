"""Which missing documents or scores of a known client could change the decision.

Each missing value is replaced by every quantile of it among the clients of the model's reference.
That is no promise: nobody knows the value that would come in.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from project_tools.features.catalogue import all_features
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.features.pipeline import HISTORIES
from project_tools.features.rows import Aggregate
from project_tools.features.wording.display import percent
from project_tools.features.wording.languages import VALUE_WORDS, WORDINGS
from project_tools.serving.inputs import Value
from project_tools.serving.reasons.simulations import WORDS
from project_tools.serving.reference import NULL, Sample
from project_tools.serving.simulation import COLUMNS, Client, Simulator

#: Of these kinds a null says that there is nothing: no car, no employment.
_NOTHING = frozenset({"days", "years"})
#: What may come in later: columns of the application, and sums over the client's other loans.
SOUGHT = (
    *(
        name
        for name, column in COLUMNS.items()
        if name not in PROTECTED_COLUMNS and column.kind not in _NOTHING
    ),
    *(
        row.name_of("sum")
        for history in HISTORIES
        for row in history.rows
        if isinstance(row, Aggregate) and "sum" in row.statistics
    ),
)


@dataclass(frozen=True, slots=True)
class MissingValue:
    """A missing value, and the share of other clients' values with which the decision is another."""

    name: str
    label: str
    share: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The missing values that could change a decision, the likeliest first, of all that were tried.

    ``exact`` as in ``Simulated``.
    """

    probability: float
    values: tuple[MissingValue, ...]
    tried: int
    sentence: str
    exact: bool


def missing(simulator: Simulator, client: Client, *, language: str = "en") -> Missing:
    """What is missing of a client that could change the decision.

    ``KeyError`` for a language without words.
    """
    words = WORDS[language]
    decision = simulator.score(client.encoded).decision
    reference = simulator.artefact.reference
    if reference is None:
        return Missing(decision.probability, (), 0, words.no_reference, exact=True)
    tried = [*_tried(simulator, client, reference.sample)]
    if not tried:
        return Missing(decision.probability, (), 0, words.complete, exact=True)
    rows = np.concatenate([one.rows for one in tried])
    risky = simulator.probabilities(rows) > simulator.artefact.threshold
    ends = np.cumsum([len(one.rows) for one in tried])
    shares = [
        float(one.weights[part == decision.granted].sum() / one.weights.sum())
        for one, part in zip(tried, np.split(risky, ends[:-1]), strict=True)
    ]
    infos, values = all_features(WORDINGS[language]), VALUE_WORDS[language]
    found = [
        MissingValue(
            one.name,
            infos[one.name].label,
            share,
            words.missing.format(label=infos[one.name].label, share=percent(share, values)),
        )
        for one, share in zip(tried, shares, strict=True)
        if share > 0
    ]
    found.sort(key=lambda value: -value.share)
    return Missing(
        decision.probability,
        tuple(found),
        len(tried),
        words.some_missing if found else words.none_missing,
        all(one.exact for one in tried),
    )


@dataclass(frozen=True, slots=True)
class _Tried:
    """A client with each value of one feature in place of the missing one, and how often others have it."""

    name: str
    rows: NDArray[np.float32]
    weights: NDArray[np.intp]
    exact: bool


def _tried(simulator: Simulator, client: Client, sample: Sample) -> Iterator[_Tried]:
    places = {feature.name: at for at, feature in enumerate(simulator.artefact.features)}
    for name in SOUGHT:
        if name not in places or client.row[name] is not None or not simulator.moves([name]):
            continue
        at = places[name]
        weights = np.bincount(sample.codes[at], minlength=NULL)[:NULL]
        held = np.flatnonzero(weights)
        if not len(held):
            continue
        feature = simulator.artefact.features[at]
        column: list[Value] = (
            [feature.levels[code] for code in held]
            if feature.kind == "category"
            else sample.values[at][held].tolist()
        )
        simulated = simulator.simulate(client, {name: column})
        yield _Tried(name, simulated.encoded, weights[held], simulated.exact)
