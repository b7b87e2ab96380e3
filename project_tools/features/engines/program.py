"""A list of NumPy calls, made once and run for each applicant."""

import operator
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Self

import numpy as np

from project_tools.features.engines.arrays import Array, stacked

Function = Callable[..., Any]
#: Where a program keeps the value of an input, a constant or a step.
Place = int


class Program:
    """Steps that compute outputs, columns of one length, from columns of tables.

    A step that occurs twice is kept once, and one without inputs is computed at once.
    """

    def __init__(self) -> None:
        #: The place of each column, by table and name; ``finish`` leaves those that are needed.
        self.inputs: dict[tuple[str, str], Place] = {}
        #: The number that stands for each text.
        self.codes: dict[str, float] = {}
        self._values: list[Any] = []
        self._places: dict[Any, Place] = {}
        #: Places of what differs from run to run.
        self._varying: set[Place] = set()
        self._steps: dict[Place, tuple[Function, tuple[Place, ...]]] = {}
        self._calls: list[tuple[Function, Callable[[list[Any]], Any], Place]] = []
        self._outputs: Sequence[Place] = ()

    def input(self, table: str, column: str) -> Place:
        """A column whose rows are given to ``run``."""
        place = self.inputs[table, column] = self.constant(None)
        self._varying.add(place)
        return place

    def constant(self, value: Any) -> Place:
        """A value that is the same for every run."""
        self._values.append(value)
        return len(self._values) - 1

    def literal(self, value: str | float | None) -> Place:
        """A number, the number of a text, or a null."""
        number = self.code(value) if isinstance(value, str) else value
        number = np.nan if number is None else float(number)
        if number.hex() not in self._places:
            self._places[number.hex()] = self.constant(number)
        return self._places[number.hex()]

    def is_literal(self, place: Place) -> bool:
        """Whether the place holds one number, not a column."""
        return isinstance(self._values[place], float)

    def code(self, text: str) -> float:
        """The number of a text."""
        return self.codes.setdefault(text, float(len(self.codes)))

    def step(self, function: Function, *arguments: Place) -> Place:
        """What the function returns for the values at these places."""
        key = (function, arguments)
        if key in self._places:
            return self._places[key]
        if self._varying.isdisjoint(arguments):
            place = self.constant(function(*(self._values[argument] for argument in arguments)))
        else:
            place = self.constant(None)
            self._varying.add(place)
            self._steps[place] = key
        self._places[key] = place
        return place

    def finish(self, outputs: Iterable[Place]) -> None:
        """Keep what the outputs are computed from."""
        self._outputs = tuple(outputs)
        needed = set(self._outputs)
        for place, (_, arguments) in reversed(self._steps.items()):
            if place in needed:
                needed.update(arguments)
        self._calls = [
            (function, _picker(arguments), place)
            for place, (function, arguments) in self._steps.items()
            if place in needed
        ]
        self.inputs = {name: place for name, place in self.inputs.items() if place in needed}

    def moved_by(self, changed: Collection[tuple[str, str]]) -> list[int]:
        """The positions of the outputs that are computed from any of these inputs."""
        moving = {place for name, place in self.inputs.items() if name in changed}
        for place, (_, arguments) in self._steps.items():
            if not moving.isdisjoint(arguments):
                moving.add(place)
        return [at for at, place in enumerate(self._outputs) if place in moving]

    def part(self, outputs: Iterable[int]) -> Self:
        """The steps and inputs of some outputs alone, which their positions name."""
        part = copy(self)
        part.finish([self._outputs[at] for at in outputs])
        return part

    def run(self, inputs: Mapping[Place, Array]) -> Array:
        """The outputs of all ``inputs``, one below the other. Threads may share a program."""
        values = self._values.copy()
        for place, column in inputs.items():
            values[place] = column
        with np.errstate(all="ignore"):  # 0 / 0 is null
            for function, arguments, place in self._calls:
                values[place] = function(*arguments(values))
        return stacked(*(values[place] for place in self._outputs))


def _picker(places: Sequence[Place]) -> Callable[[list[Any]], Any]:
    """Gives the values at these places, as a sequence."""
    if len(places) == 1:
        return operator.itemgetter(slice(places[0], places[0] + 1))
    return operator.itemgetter(*places)
