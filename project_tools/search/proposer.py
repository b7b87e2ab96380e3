"""From a table of dimensions to hyperopt's expressions, and back.

Settings travel as plain dictionaries of the dimensions that were drawn; hyperopt wants labels,
floats and the positions of options.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from hyperopt import STATUS_FAIL, STATUS_OK, Trials, hp, space_eval, tpe
from hyperopt.base import JOB_STATE_DONE, Domain, spec_from_misc
from hyperopt.fmin import generate_trial
from hyperopt.pyll import scope

from project_tools.models.families import Dimension, Space

#: Whole numbers are rounded from a range that goes so far beyond its ends: each end is then as
#: likely as the others. A little less than a half, which would round to the number beyond.
_BEYOND = 0.499999


class Proposer:
    """Proposes the setting of each trial: known good ones first, then hyperopt's TPE.

    A proposal depends only on the seed, the trial's number and the losses reported before, so
    that a search that was stopped continues as if it had not been.
    """

    def __init__(self, space: Space, seed: int, first: Sequence[Mapping[str, Any]]) -> None:
        self._space, self._seed, self._first = space, seed, first
        self._expressions = expressions(space)
        self._domain = Domain(lambda _point: 0.0, self._expressions)
        self._trials = Trials()

    def ask(self, number: int) -> dict[str, Any]:
        """The setting to try as trial ``number``."""
        if number < len(self._first):
            return dict(self._first[number])
        seed = int(np.random.default_rng([self._seed, number]).integers(2**31 - 1))
        [document] = tpe.suggest([number], self._domain, self._trials, seed)
        return plain(space_eval(self._expressions, spec_from_misc(document["misc"])))

    def tell(self, number: int, drawn: Mapping[str, Any], loss: float | None) -> None:
        """Report the loss of a setting; ``None`` for a trial that failed."""
        self._trials.insert_trial_docs([document(self._space, number, drawn, loss)])
        self._trials.refresh()


def document(space: Space, number: int, drawn: Mapping[str, Any], loss: float | None) -> Any:
    """A trial that ended, as hyperopt stores it; TPE looks for every label, drawn or not."""
    point = to_point(space, drawn)
    stored = generate_trial(number, point)
    for name in space.keys() - point.keys():
        stored["misc"]["idxs"][name] = stored["misc"]["vals"][name] = []
    result = {"status": STATUS_FAIL} if loss is None else {"status": STATUS_OK, "loss": loss}
    stored.update(state=JOB_STATE_DONE, result=result)
    return stored


def expressions(space: Space) -> dict[str, Any]:
    """Hyperopt's expression of a space; the label of each parameter is its name.

    Dimensions under a ``when`` are drawn only within the option that they depend on.
    """
    return {name: _expression(name, row, space) for name, row in space.items() if row.when is None}


def _expression(name: str, row: Dimension, space: Space) -> Any:
    if row.scale == "choice":
        return hp.choice(name, [_option(name, option, space) for option in row.options])
    if row.scale == "log":
        return hp.loguniform(name, math.log(row.low), math.log(row.high))
    if row.scale == "whole":
        return scope.int(hp.quniform(name, row.low - _BEYOND, row.high + _BEYOND, 1))
    if row.scale == "whole log":
        low, high = math.log(row.low - _BEYOND), math.log(row.high + _BEYOND)
        return scope.int(hp.qloguniform(name, low, high, 1))
    return hp.uniform(name, row.low, row.high)


def _option(name: str, option: Any, space: Space) -> dict[str, Any]:
    under = {key: row for key, row in space.items() if row.when == (name, option)}
    return {name: option} | {key: _expression(key, row, space) for key, row in under.items()}


def plain(point: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of hyperopt's point in Python's own types, without the nesting of options.

    >>> plain({"C": 0.1, "kernel": {"kernel": "rbf", "gamma": np.float64(0.5)}})
    {'C': 0.1, 'kernel': 'rbf', 'gamma': 0.5}
    """
    flat: dict[str, Any] = {}
    for name, value in point.items():
        if isinstance(value, dict):
            others = {key: nested for key, nested in value.items() if key != name}
            flat |= {name: value[name]} | plain(others)
        else:
            flat[name] = value.item() if isinstance(value, np.generic) else value
    return flat


def to_point(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The drawn parameters in hyperopt's terms: floats, and the position of an option."""
    return {
        name: row.options.index(drawn[name]) if row.scale == "choice" else float(drawn[name])
        for name, row in space.items()
        if name in drawn
    }
