"""How acceptance and cost follow the threshold and the cost ratio, as a model's folder keeps them.

``sensitivity`` computes them; what is served needs none of its libraries.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AllowInfNan, ConfigDict, Field, Strict

_CONFIG = ConfigDict(extra="forbid")
_Number = Annotated[float, Strict(), AllowInfNan(False)]
_Share = Annotated[_Number, Field(ge=0, le=1)]
_Cost = Annotated[_Number, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Share:
    """A share of the clients, and its 95 % interval."""

    __pydantic_config__: ClassVar = _CONFIG
    value: _Share
    low: _Share
    high: _Share


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of wrong decisions for each client, and its 95 % interval; a refused good client costs 1."""

    __pydantic_config__: ClassVar = _CONFIG
    value: _Cost
    low: _Cost
    high: _Cost


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold accepts and costs, where a missed defaulter costs ``fn_cost``."""

    __pydantic_config__: ClassVar = _CONFIG
    threshold: _Share
    fn_cost: Annotated[_Number, Field(gt=0)]
    acceptance: Share
    cost: Cost


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves over so many test ``clients``, of whom so many ``defaulted``.

    ``by_threshold`` holds the served cost at ascending thresholds. ``by_cost`` holds ascending cost
    ratios, each at its own break-even threshold; ``as_served`` the same ratios at the model's one.
    """

    __pydantic_config__: ClassVar = _CONFIG
    clients: Annotated[int, Field(strict=True, ge=1)]
    defaulted: Annotated[int, Field(strict=True, ge=0)]
    by_threshold: tuple[Point, ...]
    by_cost: tuple[Point, ...]
    as_served: tuple[Point, ...]
