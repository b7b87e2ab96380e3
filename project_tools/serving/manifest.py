"""The manifest of a served folder: what the model is, and the digest of every file beside it."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any, NoReturn, Self

from project_tools.errors import ArtefactError
from project_tools.serving.formats.table import FORMATS

#: The only layout of the folder that this code reads and writes.
FORMAT = 2
SCALES = ("log-odds", "probability")
MANIFEST = "manifest.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``manifest.json``, every field checked; ``created`` is UTC in ISO 8601.

    ``threshold`` is a probability after calibration: a client above it is a risk.
    ``model_format`` says how the model is stored, ``explains`` what its scores and contributions
    are measured in, before calibration. ``metrics`` maps a name to ``{"value", "se", "on"}``,
    ``files`` a relative name to its SHA-256.
    """

    format: int
    name: str
    version: str
    alias: str
    run_id: str
    family: str
    model_format: str
    created: str
    threshold: float
    fn_cost: float
    metric: str
    calibration: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    explains: str
    data_digest: str
    split_digest: str
    raw_digest: str
    state_digest: str
    commit: str
    versions: Mapping[str, str]
    files: Mapping[str, str]

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """The manifest in a file's bytes; ``ArtefactError`` names the first field at fault."""
        data = strict_json(MANIFEST, content)
        if not isinstance(data, dict):
            raise ArtefactError(f"{MANIFEST} holds no object; export the model again")
        if data.get("format") != FORMAT:
            raise ArtefactError(
                f"{MANIFEST} has format {data.get('format')!r}, this release reads {FORMAT}; "
                "export the model again with this release"
            )
        for field in fields(cls):
            _check(field.name, data)
        manifest = cls(**{field.name: data[field.name] for field in fields(cls)})
        # No other file holds the digest of this one, so it ends with its own.
        if content != manifest.to_bytes():
            raise ArtefactError(
                f"{MANIFEST} is damaged: its content is not what its seal says; "
                "export the model again"
            )
        return manifest

    def to_bytes(self) -> bytes:
        """The bytes of ``manifest.json``; the same manifest always gives the same.

        ``seal`` is the SHA-256 of these bytes without it.
        """
        data = asdict(self)
        return plain_json(data | {"seal": hashlib.sha256(plain_json(data)).hexdigest()})


def strict_json(name: str, content: bytes) -> Any:
    """What a JSON file holds; ``ArtefactError`` for NaN, a key given twice and whatever is no JSON."""

    def refuse(what: str) -> NoReturn:
        raise ValueError(f"it holds {what}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        return seen if len(seen) == len(pairs) else refuse("a key given twice")

    try:
        return json.loads(content, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as why:
        reason = "it is nested too deeply" if isinstance(why, RecursionError) else str(why)
        raise ArtefactError(f"{name} is not strict JSON: {reason}; export the model again") from why


def plain_json(data: Any) -> bytes:
    """Strict JSON, a line per entry; ``ArtefactError`` where a number is not finite."""
    try:
        return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as why:
        raise ArtefactError(f"the artefact takes plain finite data: {why}") from why


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _probability(value: Any) -> bool:
    return _number(value) and 0 <= value <= 1


def _cost(value: Any) -> bool:
    return _number(value) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _named(value: Any) -> bool:
    return _text(value) and bool(value)


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _metric(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _number(value.get("value"))
        and (value.get("se") is None or _number(value["se"]))
        and _text(value.get("on"))
    )


def _metrics(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_metric, value.values()))


def _files(value: Any) -> bool:
    return _texts(value) and all(_inside(n) and _SHA256.fullmatch(d) for n, d in value.items())


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == name != "."


def _known_format(value: Any) -> bool:
    return _text(value) and value in FORMATS


def _scale(value: Any) -> bool:
    return _text(value) and value in SCALES


def _object(value: Any) -> bool:
    return isinstance(value, dict)


_TEXT = (_text, "a text")
_NAMED = (_named, "a text that is not empty")
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "format": (_number, "a whole number"),
    "name": _NAMED,
    "version": _NAMED,
    "alias": _TEXT,
    "run_id": _TEXT,
    "family": _NAMED,
    "model_format": (_known_format, f"one of {', '.join(FORMATS)}"),
    "created": _NAMED,
    "threshold": (_probability, "a number from 0 to 1"),
    "fn_cost": (_cost, "a number above 0"),
    "metric": _NAMED,
    "calibration": (_object, "an object"),
    "metrics": (_metrics, "an object of {value, se, on}"),
    "explains": (_scale, f"one of {', '.join(SCALES)}"),
    "data_digest": _TEXT,
    "split_digest": _TEXT,
    "raw_digest": _TEXT,
    "state_digest": _TEXT,
    "commit": _TEXT,
    "versions": (_texts, "an object of texts"),
    "files": (_files, "an object of relative names and their SHA-256"),
}


def _check(name: str, data: Mapping[str, Any]) -> None:
    holds, expected = _RULES[name]
    if name not in data:
        raise ArtefactError(f"{MANIFEST} lacks {name!r} ({expected}); export the model again")
    if not holds(data[name]):
        raise ArtefactError(f"{MANIFEST}: {name!r} is not {expected}; export the model again")
