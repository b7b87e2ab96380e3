"""What moves a model in general: importance of its features, and the dots of its beeswarm.

Computed once, when the artefact is written, over a sample of the training clients: a forest takes
seconds for it. No client can be put together again from what is kept: of each concept it is the
contribution and one value, and every concept is ordered by itself.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.model import ServedModel

OVERVIEW = "overview.json"


@dataclass(frozen=True, slots=True)
class Swarm:
    """The clients' contributions of one concept, ascending, each beside the leading feature's value.

    ``leader`` is the concept's weightiest feature. A value is null where it is not known, and for
    a category, whose levels have no low and high.
    """

    concept: str
    leader: str
    contributions: tuple[float, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """``importance`` is each feature's mean absolute contribution over so many ``clients``."""

    clients: int
    importance: Mapping[str, float]
    swarms: tuple[Swarm, ...]

    def shares(self) -> dict[str, float]:
        """The importance of each feature as its share of all; the shares add up to 1."""
        total = sum(self.importance.values()) or 1.0
        return {name: value / total for name, value in self.importance.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``overview.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Any, features: Sequence[str]) -> Self:
        """The inverse; ``ArtefactError`` for what is none, or that of another model."""
        try:
            swarms = tuple(
                Swarm(
                    row["concept"],
                    row["leader"],
                    tuple(map(float, row["contributions"])),
                    tuple(None if v is None else float(v) for v in row["values"]),
                )
                for row in plain["swarms"]
            )
            importance = {str(k): float(v) for k, v in plain["importance"].items()}
            found = cls(int(plain["clients"]), importance, swarms)
        except (TypeError, KeyError, ValueError, AttributeError) as why:
            raise ArtefactError(f"{OVERVIEW} holds no importance and swarms of features") from why
        found.check(features)
        return found

    def check(self, features: Sequence[str]) -> None:
        """``ArtefactError`` unless it tells of these features, and of as many clients as it says."""
        lengths = {len(x) for s in self.swarms for x in (s.contributions, s.values)}
        if list(self.importance) != list(features) or not {s.leader for s in self.swarms} <= set(
            features
        ):
            raise ArtefactError(f"{OVERVIEW} tells of other features than features.json names")
        if lengths != {self.clients} or min(self.importance.values()) < 0:
            raise ArtefactError(f"{OVERVIEW} has not one contribution for each of its clients")


def overview(
    model: ServedModel, concepts: Mapping[str, Sequence[int]], encoded: NDArray[np.float32]
) -> Overview:
    """The overview over encoded clients; ``concepts`` holds the positions of each one's features."""
    parts = model.contributions(encoded)[:, :-1]
    sizes = np.abs(parts).mean(axis=0)
    importance = {f.name: _short(v) for f, v in zip(model.features, sizes, strict=True)}
    swarms = [
        _swarm(model, name, parts, encoded, list(members)) for name, members in concepts.items()
    ]
    return Overview(len(encoded), importance, tuple(swarms))


def _swarm(
    model: ServedModel,
    concept: str,
    parts: NDArray[np.float64],
    encoded: NDArray[np.float32],
    members: list[int],
) -> Swarm:
    leader = members[int(np.abs(parts[:, members]).mean(axis=0).argmax())]
    together, feature = parts[:, members].sum(axis=1), model.features[leader]
    order = np.argsort(together, kind="stable")
    known = feature.kind == "number"
    values = [_short(v) if known and not math.isnan(v) else None for v in encoded[order, leader]]
    contributions = tuple(_short(v) for v in together[order])
    return Swarm(concept, feature.name, contributions, tuple(values))


def _short(value: Any) -> float:
    """Six digits are more than a picture or a rank shows."""
    return float(f"{value:.6g}")
