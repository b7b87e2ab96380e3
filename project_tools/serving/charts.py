"""What a picture shows, as plain data: it can be drawn in another process, which knows no model."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a waterfall: a label of one or two lines, and what it adds to the score."""

    __pydantic_config__: ClassVar = _STRICT
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Bars from the average at the bottom to one client's score on top; both are numbers of ``axis``."""

    __pydantic_config__: ClassVar = _STRICT
    axis: str
    average: float
    score: float
    bars: tuple[Bar, ...]
    kind: Literal["waterfall"] = "waterfall"


@dataclass(frozen=True, slots=True)
class Dots:
    """A row of a beeswarm: a dot for each client, placed by contribution and coloured by value.

    A value is null where it is missing, and for categories, which have no low and high.
    """

    __pydantic_config__: ClassVar = _STRICT
    label: str
    contributions: tuple[float, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Beeswarm:
    """Rows of dots, the weightiest on top; ``note`` says what is left out."""

    __pydantic_config__: ClassVar = _STRICT
    axis: str
    colours: str
    note: str
    rows: tuple[Dots, ...]
    kind: Literal["beeswarm"] = "beeswarm"


Chart = Waterfall | Beeswarm
_CHART: TypeAdapter[Chart] = TypeAdapter(Annotated[Chart, Field(discriminator="kind")])


def chart_bytes(chart: Chart) -> bytes:
    """A chart as JSON."""
    return _CHART.dump_json(chart)


def chart_of(content: bytes) -> Chart:
    """The chart in such JSON; ``ValueError`` for anything else, without what it holds.

    >>> chart = Waterfall("log-odds", -2.0, -1.5, (Bar("Income", 0.5),))
    >>> chart_of(chart_bytes(chart)) == chart
    True
    """
    try:
        return _CHART.validate_json(content)
    except ValidationError:
        raise ValueError("this is no chart") from None
