"""Answers that compare a client with a group: counts over ten and more, never a row of another client."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, RootModel

from api.answers.base import Answer, Count, Probability, Value
from project_tools.serving.inputs import Kind
from project_tools.serving.peers import FEWER, GROUPS, MORE

if TYPE_CHECKING:  # mypy takes no names that are computed
    Group = str
    Few = str
    Many = str
else:
    Group, Few, Many = Literal[tuple(GROUPS)], Literal[FEWER], Literal[MORE]


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


class ClassSizes(Answer):
    """How many clients repaid and how many defaulted; a text in place of a number below ten."""

    repaid: Count | Few
    defaulted: Count | Few


class MissingCounts(Answer):
    """How many clients of each class lack a value: none, or ten and more. Null for a class without counts."""

    repaid: Count | None
    defaulted: Count | None


class Tick(Answer):
    """A place on an axis of numbers, and its value in words."""

    value: float
    displayed: str


class Bars(Answer):
    """Counts per class, one for each bar of ten and more clients; null for a class of fewer than ten.

    ``bars`` says in words what each bar holds. ``missing`` counts the clients without a value; they are
    left out of the group where they are fewer than ten of a class.
    """

    name: str
    bars: list[str]
    repaid: list[Count] | None
    defaulted: list[Count] | None
    missing: MissingCounts


class NumberBars(Bars):
    """A bar lies between two neighbouring edges; ``ticks`` label the axis."""

    kind: Literal["number"]
    edges: list[float]
    ticks: list[Tick]


class CategoryBars(Bars):
    """Each level has a bar; those of fewer than ten clients share the last one."""

    kind: Literal["category"]
    levels: list[str]


class Joint(Answer):
    """Counts over the cells of two features: rows are cells of x, columns cells of y.

    A cell of fewer than ten clients is null. A number has edges and ticks, a category levels; the other keys are left out. ``x_bars`` and
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
    counts_repaid: list[list[Count | None]]
    counts_defaulted: list[list[Count | None]]


class _Compared(Answer):
    group: Group
    criteria: list[Criterion]
    features: list[PeerFeature]
    left_out: str | None = None


class Comparison(_Compared):
    """The client's group; ``joint`` is there where two features are compared and both classes counted.

    Where a class has fewer than ten clients, ``n`` is a text and ``default_rate`` null: else the
    difference would tell how many they are.
    """

    n: Count | Many
    n_by_class: ClassSizes
    default_rate: Probability | None
    too_small: Literal[False]
    distributions: list[Annotated[NumberBars | CategoryBars, Field(discriminator="kind")]]
    joint: Joint | None = None


class NoComparison(_Compared):
    """The group is too small or not defined, or its feature is not in the reference; ``sentence`` says which."""

    n: Few
    too_small: Literal[True]
    sentence: str
    distributions: list[NumberBars] = Field(max_length=0)


class Peers(RootModel[Comparison | NoComparison]):
    """The client's group with counts, or the sentence that says why there are none."""
