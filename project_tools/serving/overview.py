"""What moves a model in general: the importance of its features, and the dots of its beeswarm.

It is computed once, when the artefact is written, over a sample of the training clients: a forest
takes seconds for it. Nobody can restore a client from it: it holds one contribution and one value
for each concept, and every concept is ordered by itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, Strict, TypeAdapter

from project_tools.errors import ArtefactError
from project_tools.serving.json_files import Number, Text, checked

if TYPE_CHECKING:  # an inspection reads an overview and needs no model
    from project_tools.serving.model import ServedModel

OVERVIEW = "overview.json"


@dataclass(frozen=True, slots=True)
class Swarm:
    """The clients' contributions of one concept, ascending, each beside the leading feature's value.

    ``leader`` is the concept's weightiest feature. A value is null where the client's is missing,
    and for a category, whose levels have no low and high.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    concept: Text
    leader: Text
    contributions: tuple[Number, ...]
    values: tuple[Number | None, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """``importance`` is each feature's mean absolute contribution over so many ``clients``."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    clients: Annotated[int, Strict()]
    importance: Mapping[Text, Annotated[Number, Field(ge=0)]]
    swarms: tuple[Swarm, ...]

    @classmethod
    def from_data(cls, data: Any, features: Sequence[str]) -> "Overview":
        """The overview in the data of ``overview.json``; ``ArtefactError`` unless it is one of
        these features, with a contribution and a value for each of its clients.
        """
        overview = checked(_OVERVIEW, data, OVERVIEW, private=True)
        leaders = {swarm.leader for swarm in overview.swarms}
        if list(overview.importance) != list(features) or not leaders <= set(features):
            raise ArtefactError(f"{OVERVIEW} tells of other features than features.json names")
        lengths = {len(x) for s in overview.swarms for x in (s.contributions, s.values)}
        if lengths != {overview.clients}:
            raise ArtefactError(f"{OVERVIEW} has not one contribution for each of its clients")
        return overview

    def shares(self) -> dict[str, float]:
        """The importance of each feature as its share of all; the shares add up to 1."""
        total = sum(self.importance.values()) or 1.0
        return {name: value / total for name, value in self.importance.items()}


_OVERVIEW = TypeAdapter(Overview)


def compute_overview(
    model: "ServedModel", concepts: Mapping[str, Sequence[int]], encoded: NDArray[np.float32]
) -> Overview:
    """The overview over encoded clients; ``concepts`` gives the positions of a concept's features."""
    parts = model.contributions(encoded)[:, :-1]
    sizes = np.abs(parts).mean(axis=0)
    importance = {f.name: _short(v) for f, v in zip(model.features, sizes, strict=True)}
    swarms = [
        _swarm(model, name, parts, encoded, list(members)) for name, members in concepts.items()
    ]
    return Overview(len(encoded), importance, tuple(swarms))


def _swarm(
    model: "ServedModel",
    concept: str,
    parts: NDArray[np.float64],
    encoded: NDArray[np.float32],
    members: list[int],
) -> Swarm:
    leader = members[int(np.abs(parts[:, members]).mean(axis=0).argmax())]
    sums, feature = parts[:, members].sum(axis=1), model.features[leader]
    order = np.argsort(sums, kind="stable")
    ranked = feature.kind == "number"
    values = [_short(v) if ranked and not math.isnan(v) else None for v in encoded[order, leader]]
    contributions = tuple(_short(v) for v in sums[order])
    return Swarm(concept, feature.name, contributions, tuple(values))


def _short(value: Any) -> float:
    """Six digits: more than a picture or a rank shows."""
    return float(f"{value:.6g}")
