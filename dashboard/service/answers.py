"""What the API answers, as typed values. Each ``from_json`` raises ``KeyError``, ``TypeError`` or
``ValueError`` where an answer is not what the contract says; ``api_client`` makes one error of them.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from service.scale import ScoreScale, scale_of

Json = Mapping[str, Any]
Value = float | str | None

PICTURE_PREFIX = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class Model:
    """Which model speaks; ``digest`` tells two apart that bear the same name and version."""

    name: str
    version: str
    digest: str

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(str(answer["name"]), str(answer["version"]), str(answer["digest"]))


@dataclass(frozen=True, slots=True)
class KnownIds:
    """The first ids that begin with what was asked for, and how many there are in all."""

    ids: tuple[str, ...]
    total: int

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(tuple(str(known) for known in answer["ids"]), int(answer["total"]))


@dataclass(frozen=True, slots=True)
class Prediction:
    """The decision on a client. ``margin`` is probability minus threshold."""

    client: str
    probability: float
    refused: bool
    threshold: float
    margin: float
    model: Model

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            client=str(answer["id"]),
            probability=_share(answer["proba_risk_class"]),
            refused={"risk": True, "no_risk": False}[answer["class"]],
            threshold=_share(answer["threshold"]),
            margin=float(answer["margin"]),
            model=Model.from_json(answer["model"]),
        )


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a client; ``importance`` is its share in the model, from 0 to 1."""

    name: str
    label: str
    sentence: str
    unit: str
    value: Value
    concept: str
    importance: float

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            name=str(answer["name"]),
            label=_label(answer["label"]),
            sentence=str(answer["sentence"]),
            unit=str(answer["unit"] or ""),
            value=_value(answer["value"]),
            concept=str(answer["concept"]),
            importance=float(answer["importance"]),
        )


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the score: above 0 raises the risk."""

    label: str
    value: Value
    unit: str
    contribution: float

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            label=_label(answer["label"]),
            value=_value(answer["value"]),
            unit=str(answer["unit"] or ""),
            contribution=float(answer["contribution"]),
        )


@dataclass(frozen=True, slots=True)
class ConceptContribution:
    """What the features of one concept add to the score together."""

    concept: str
    contribution: float
    features: tuple[Contribution, ...]

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            concept=str(answer["concept"]),
            contribution=float(answer["contribution"]),
            features=tuple(Contribution.from_json(one) for one in answer["features"]),
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a score is what it is: ``base`` and all contributions add up to ``raw_score``.

    All of them are on ``scale``.
    """

    scale: ScoreScale
    base: float
    raw_score: float
    groups: tuple[ConceptContribution, ...]
    reasons: tuple[str, ...]

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            scale=scale_of(answer["scale"], float(answer["base"])),
            base=float(answer["base"]),
            raw_score=float(answer["raw_score"]),
            groups=tuple(ConceptContribution.from_json(one) for one in answer["groups"]),
            reasons=tuple(str(reason["text"]) for reason in answer["reasons"]),
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the API drew, and what it shows in words."""

    png: bytes
    alt: str

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        prefix, image = answer["image"][: len(PICTURE_PREFIX)], answer["image"]
        if prefix != PICTURE_PREFIX:
            raise ValueError("the picture is no PNG")
        return cls(base64.b64decode(image[len(prefix) :], validate=True), str(answer["alt"]))


@dataclass(frozen=True, slots=True)
class Metric:
    """A quality of the model, with its standard error where one is known, and on what rows."""

    name: str
    value: float
    se: float | None
    on: str


@dataclass(frozen=True, slots=True)
class Importance:
    """A feature's share in the model, from 0 to 1."""

    name: str
    label: str
    importance: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The model card to read, and as a page to keep or print."""

    markdown: str
    html: str

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(_label(answer["markdown"]), _label(answer["html"]))


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model's figures."""

    name: str
    version: str
    kind: str
    threshold: float
    fn_cost: float
    trained: str
    digest: str
    metrics: tuple[Metric, ...]
    importances: tuple[Importance, ...]

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            name=str(answer["name"]),
            version=str(answer["version"]),
            kind=str(answer["type"]),
            threshold=_share(answer["decision_threshold"]),
            fn_cost=float(answer["fn_cost"]),
            trained=str(answer["trained"]),
            digest=str(answer["digest"]),
            metrics=tuple(_metric(name, one) for name, one in answer["metrics"].items()),
            importances=tuple(
                Importance(str(one["name"]), _label(one["label"]), float(one["importance"]))
                for one in answer["sorted_features_by_importance"]
            ),
        )


@dataclass(frozen=True, slots=True)
class PeerFeature:
    """A feature that is compared, with the client's own value."""

    name: str
    label: str
    unit: str
    kind: str
    client_value: Value

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        return cls(
            name=str(answer["name"]),
            label=_label(answer["label"]),
            unit=str(answer["unit"] or ""),
            kind=str(answer["kind"]),
            client_value=_value(answer["client_value"]),
        )


@dataclass(frozen=True, slots=True)
class Distribution:
    """Counts of a group per class: by ``edges`` (one more than counts) or by ``levels``."""

    edges: tuple[float, ...]
    levels: tuple[str, ...]
    repaid: tuple[int, ...]
    defaulted: tuple[int, ...]
    missing: int = 0
    """How many of the group have no value, and are in none of the counts."""

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        edges, levels = _axis(answer, "")
        counts = cls(
            edges=edges,
            levels=levels,
            repaid=_counts(answer["repaid"]),
            defaulted=_counts(answer["defaulted"]),
            missing=sum(_counts((answer.get("missing") or {}).values())),
        )
        expected = len(levels) if levels else max(len(edges) - 1, 0)
        if {len(counts.repaid), len(counts.defaulted)} != {expected}:
            raise ValueError("as many counts as bins or levels are needed")
        return counts


@dataclass(frozen=True, slots=True)
class Joint:
    """Counts of a group per class by two features; rows of a table run along x."""

    x_edges: tuple[float, ...]
    x_levels: tuple[str, ...]
    y_edges: tuple[float, ...]
    y_levels: tuple[str, ...]
    repaid: tuple[tuple[int, ...], ...]
    defaulted: tuple[tuple[int, ...], ...]

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        x_edges, x_levels = _axis(answer, "x_")
        y_edges, y_levels = _axis(answer, "y_")
        width = len(x_levels) if x_levels else max(len(x_edges) - 1, 0)
        height = len(y_levels) if y_levels else max(len(y_edges) - 1, 0)
        repaid = _table(answer["counts_repaid"], width, height)
        defaulted = _table(answer["counts_defaulted"], width, height)
        return cls(x_edges, x_levels, y_edges, y_levels, repaid, defaulted)


@dataclass(frozen=True, slots=True)
class Peers:
    """A client's group: its size, its default rate, and one or two features in it."""

    n: int
    sentence: str | None
    """Why there is nothing to show: the group is too small, or a grouping value is missing."""
    n_by_class: Mapping[str, int]
    default_rate: float | None
    criteria: tuple[tuple[str, str], ...]
    features: tuple[PeerFeature, ...]
    distributions: tuple[Distribution, ...]
    joint: Joint | None

    @classmethod
    def from_json(cls, answer: Json) -> Self:
        criteria = tuple(
            (_label(one["label"]), "missing" if one["value"] is None else str(one["value"]))
            for one in answer.get("criteria") or ()
        )
        if answer.get("too_small"):
            sentence = str(answer["sentence"])
            return cls(int(answer["n"]), sentence, {}, None, criteria, (), (), None)
        joint = answer.get("joint")
        return cls(
            n=int(answer["n"]),
            sentence=None,
            n_by_class={str(name): int(n) for name, n in answer["n_by_class"].items()},
            default_rate=_share(answer["default_rate"]),
            criteria=criteria,
            features=tuple(PeerFeature.from_json(one) for one in answer["features"]),
            distributions=tuple(Distribution.from_json(one) for one in answer["distributions"]),
            joint=Joint.from_json(joint) if joint else None,
        )


def _share(value: Any) -> float:
    share = float(value)
    if not 0 <= share <= 1:
        raise ValueError("a share lies between 0 and 1")
    return share


def _label(label: Any) -> str:
    """A label as it stands at the beginning of a line, in a table, list or axis."""
    text = str(label)
    return text[:1].upper() + text[1:]


def _value(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    return float(value)


def _metric(name: str, answer: Json) -> Metric:
    se = answer.get("se")
    on = str(answer.get("on") or "")
    return Metric(name, float(answer["value"]), None if se is None else float(se), on)


def _axis(answer: Json, prefix: str) -> tuple[tuple[float, ...], tuple[str, ...]]:
    edges = tuple(float(edge) for edge in answer.get(f"{prefix}edges") or ())
    levels = tuple(str(level) for level in answer.get(f"{prefix}levels") or ())
    return edges, levels


def _counts(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _table(rows: Sequence[Sequence[Any]], width: int, height: int) -> tuple[tuple[int, ...], ...]:
    table = tuple(_counts(row) for row in rows)
    if len(table) != width or any(len(row) != height for row in table):
        raise ValueError(f"a table of {width} by {height} counts is needed")
    return table
