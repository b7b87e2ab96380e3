"""The manifest of a served folder: what the model is, and the digest of every file beside it."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ConfigDict, Field, Strict, TypeAdapter

from project_tools.errors import ArtefactError, CreditError
from project_tools.evaluation.calibration import Calibration, calibration_from_dict
from project_tools.serving.formats.base import Scale
from project_tools.serving.formats.table import FORMATS
from project_tools.serving.json_files import (
    Name,
    Number,
    Probability,
    Text,
    checked,
    plain_json,
    shown,
    strict_json,
)

#: The layouts of the folder that this code reads. The last one holds the reference; a model without
#: one is written in the former.
FORMATS_READ = (WITHOUT_REFERENCE, FORMAT) = (2, 3)
MANIFEST = "manifest.json"
#: The version of a model that the registry has not given a number yet.
UNREGISTERED = "unregistered"
_Count = Annotated[int, Field(strict=True, ge=0)]
_Digest = Annotated[Text, Field(pattern="^[0-9a-f]{64}$")]


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.as_posix() != name or name == ".":
        raise ValueError("a relative name inside the folder")
    return name


def _listed(name: str) -> str:
    if name not in FORMATS:
        raise ValueError(f"one of {', '.join(FORMATS)}")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric with its standard error, and the clients on whom it was measured."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    value: Number
    se: Number | None
    on: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonsCheck:
    """How true the reasons of refused held-out ``clients`` are, ``against`` just-accepted ones.

    ``plain_top_four`` is the mean share of the four first concepts that the model's own
    contributions name too, ``plain_first_reason`` how often the first is the same. With a concept's
    features of the just-accepted the mean risk must fall:
    ``largest_fall`` is how often the first reason's falls most, ``largest_fall_clear`` the same of
    the ``clear`` clients, whose first concept exceeds the second by a tenth of the push, and
    ``falls`` the share of all ``reasons`` with which it falls.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    clients: _Count
    against: _Count
    plain_top_four: Probability
    plain_first_reason: Probability
    largest_fall: Probability
    clear: _Count
    largest_fall_clear: Probability | None
    reasons: _Count
    falls: Probability


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``manifest.json``; ``created`` is UTC in ISO 8601.

    ``threshold`` is a probability after calibration: a client above it is a risk.
    ``model_format`` says how the model is stored, ``explains`` what its scores and contributions
    are measured in, before calibration. ``metrics`` maps a name to the fields of a ``Metric``,
    ``files`` a relative name to its SHA-256. ``reasons`` is there in format 3 alone; null where
    there were too few clients.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    format: Annotated[int, Strict()]
    name: Name
    version: Name
    alias: Text
    run_id: Text
    family: Name
    model_format: Annotated[Text, AfterValidator(_listed)]
    created: Name
    threshold: Probability
    fn_cost: Annotated[Number, Field(gt=0)]
    metric: Name
    calibration: Mapping[Text, Any]
    metrics: Mapping[Text, Mapping[Text, Any]]
    explains: Scale
    data_digest: Text
    split_digest: Text
    raw_digest: Text
    state_digest: Text
    commit: Text
    versions: Mapping[Text, Text]
    files: Mapping[Annotated[Text, AfterValidator(_inside)], _Digest]
    reasons: ReasonsCheck | None = None

    @classmethod
    def from_bytes(cls, content: bytes) -> "Manifest":
        """The manifest in a file's bytes; ``ArtefactError`` names the first field at fault."""
        data = strict_json(MANIFEST, content)
        if not isinstance(data, dict):
            raise ArtefactError(f"{MANIFEST} holds no object; export the model again")
        if data.get("format") not in FORMATS_READ:
            raise ArtefactError(
                f"{MANIFEST} has format {shown(data.get('format'))}, this release reads "
                f"{' and '.join(map(str, FORMATS_READ))}; export the model again with this release"
            )
        data.pop("seal", None)
        manifest = checked(_MANIFEST, data, MANIFEST)
        checked(_METRICS, data["metrics"], MANIFEST, at="metrics")
        manifest.curve()
        # No other file holds the digest of this one, so it ends with its own.
        names = _names(data["format"])
        if set(names) != set(data):
            what = "lacks" if "reasons" in names else "holds an unknown"
            raise ArtefactError(f"{MANIFEST} {what} 'reasons'; export the model again")
        if content != _sealed({name: data[name] for name in names}):
            raise ArtefactError(
                f"{MANIFEST} is damaged: its content is not what its seal says; "
                "export the model again"
            )
        return manifest

    def to_bytes(self) -> bytes:
        """The bytes of ``manifest.json``; the same manifest always gives the same bytes."""
        data = asdict(self)
        return _sealed({name: data[name] for name in _names(self.format)})

    def curve(self) -> Calibration:
        """The curve that calibrates the model; ``ArtefactError`` where the numbers give none."""
        try:
            return calibration_from_dict(self.calibration)
        except (CreditError, TypeError, ValueError, OverflowError) as why:
            raise ArtefactError(
                f"{MANIFEST}: 'calibration' is refused: {why}; export the model again"
            ) from why


def _names(layout: int) -> list[str]:
    """The fields of a layout, in the order of the file."""
    names = [field.name for field in fields(Manifest)]
    return [name for name in names if name != "reasons" or layout != WITHOUT_REFERENCE]


_MANIFEST = TypeAdapter(Manifest)
_METRICS = TypeAdapter(Mapping[str, Metric])


def _sealed(data: Mapping[str, Any]) -> bytes:
    """Plain JSON that ends with ``seal``: the SHA-256 of these bytes without it."""
    return plain_json({**data, "seal": hashlib.sha256(plain_json(data)).hexdigest()})
