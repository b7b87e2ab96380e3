"""Answers that compare a client with a group: counts, never a row of another client."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, RootModel

from api.answers.base import Answer, Count, Probability, Value
from project_tools.serving.inputs import Kind
from project_tools.serving.peers import GROUPS

if TYPE_CHECKING:  # mypy takes no names that are computed
    Group = str
else:
    Group = Literal[tuple(GROUPS)]


class Criterion(Answer):
    """A feature that forms the group, and the client's value of it in words."""

    label: str
    value: Value


class PeerFeature(Answer):
    """A compared feature, and the client's own value of it.

    ``percentile`` is the client's place among those of the group who repaid, ``usual`` the usual
    value of all who repaid; null for a category, and where there are fewer than ten.
    """

    name: str
    label: str
    unit: str
    kind: Kind
    client_value: Value
    displayed: str
    percentile: int | None = Field(None, ge=0, le=100)
    usual: float | None = None


class ClassCounts(Answer):
    """How many clients repaid and how many defaulted."""

    repaid: Count
    defaulted: Count


class Tick(Answer):
    """A place on an axis of numbers, and its value in words."""

    value: float
    displayed: str


class Bars(Answer):
    """Counts per class, one for each bar; ``missing`` counts the clients without a value.

    ``bars`` says in words what each bar holds.
    """

    name: str
    bars: list[str]
    repaid: list[Count]
    defaulted: list[Count]
    missing: ClassCounts


class NumberBars(Bars):
    """A bar lies between two neighbouring edges; ``ticks`` label the axis."""

    kind: Literal["number"]
    edges: list[float]
    ticks: list[Tick]


class CategoryBars(Bars):
    """Each level has a bar."""

    kind: Literal["category"]
    levels: list[str]


class Joint(Answer):
    """Counts over the cells of two features: rows are cells of x, columns cells of y.

    A number has edges and ticks, a category levels; the other keys are left out. ``x_bars`` and
    ``y_bars`` say in words what each row and each column holds.
    """

    x_bars: list[str]
    x_edges: list[float] = Field(default_factory=list)
    x_ticks: list[Tick] = Field(default_factory=list)
    x_levels: list[str] = Field(default_factory=list)
    y_bars: list[str]
    y_edges: list[float] = Field(default_factory=list)
    y_ticks: list[Tick] = Field(default_factory=list)
    y_levels: list[str] = Field(default_factory=list)
    counts_repaid: list[list[Count]]
    counts_defaulted: list[list[Count]]


class _Compared(Answer):
    group: Group
    criteria: list[Criterion]
    features: list[PeerFeature]
    left_out: str | None = None
    n: Count


class Comparison(_Compared):
    """The client's group; ``joint`` is there where two features are compared."""

    n_by_class: ClassCounts
    default_rate: Probability
    too_small: Literal[False]
    distributions: list[Annotated[NumberBars | CategoryBars, Field(discriminator="kind")]]
    joint: Joint | None = None


class NoComparison(_Compared):
    """The group is too small or not defined; ``sentence`` says which."""

    too_small: Literal[True]
    sentence: str
    distributions: list[NumberBars] = Field(max_length=0)


class Peers(RootModel[Comparison | NoComparison]):
    """The client's group with counts, or the sentence that says why there are none."""
