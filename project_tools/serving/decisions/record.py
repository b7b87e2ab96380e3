"""An event of the record: its columns, the canonical bytes that its digest covers, its seal."""

import hashlib
import json
import math
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from project_tools.errors import SettingError

Kind = Literal[
    "decision", "reasons", "sheet", "review", "confirmation", "note", "halt", "resume", "reload", "deletion", "erasure",
]  # fmt: skip
#: The columns that the digest covers, in the order of the canonical bytes. Never change the order.
COLUMNS = (
    "sequence", "id", "kind", "time", "key_id", "client", "subject", "model", "model_name",
    "model_version", "threshold", "content", "probability", "raw_score", "class", "near", "facts",
)  # fmt: skip
#: One row of ``COLUMNS``.
Values = tuple[Any, ...]
_SEAL = re.compile(r"(?P<sequence>[1-9]\d{0,17})-(?P<digest>[0-9a-f]{64})")
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def canonical(previous: str, values: Sequence[Any]) -> bytes:
    r"""The bytes that an event's digest covers: a JSON list of the digest before it and its columns.

    A float is written by its shortest digits that give the same float again.

    >>> canonical("00", [1, 0.1, None, "é"])
    b'["00",1,0.1,null,"\\u00e9"]'
    """
    return _encode([previous, *values]).encode()


def event_digest(previous: str, values: Sequence[Any]) -> str:
    """The SHA-256 of an event, which holds the digest of the event before it."""
    return hashlib.sha256(canonical(previous, values)).hexdigest()


def canonical_json(data: Any) -> str:
    r"""JSON with sorted keys, without spaces, in ASCII: equal data give equal text.

    >>> canonical_json({"b": 1, "a": [None, "é"]})
    '{"a":[null,"\\u00e9"],"b":1}'
    """
    return json.dumps(data, sort_keys=True, allow_nan=False, separators=(",", ":"))


def now() -> str:
    """The time in UTC, ISO 8601 with microseconds."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_id() -> str:
    """A new id of an event: 32 hexadecimal digits, of which the first twelve are the time.

    Ids that follow each other lie side by side in the index, so that few pages are written.
    """
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Seal:
    """The sequence number and the digest of one event: proof of it and of all events before it.

    >>> Seal.parse("7-" + "ab" * 32).sequence
    7
    """

    sequence: int
    digest: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The seal in a text; ``SettingError`` for a text of another form."""
        match = _SEAL.fullmatch(text.strip())
        if match is None:
            raise SettingError(
                "a seal is a sequence number, a hyphen and 64 hexadecimal digits, as an answer "
                "shows it"
            )
        return cls(int(match["sequence"]), match["digest"])

    def __str__(self) -> str:
        return f"{self.sequence}-{self.digest}"


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision that is to be recorded.

    ``client`` is None for an applicant who is not known. ``row`` are the bytes of the encoded row
    (float32). ``model`` is the digest of the artefact's manifest, ``near`` whether the probability
    lies close to the threshold (None: the model does not say), ``key_id`` the caller's key ("" for
    the open caller). ``id`` is given where an event of the same transaction refers to it.
    """

    client: int | None
    model: str
    model_name: str
    model_version: str
    threshold: float
    row: bytes
    probability: float
    raw_score: float
    label: Literal["risk", "no_risk"]
    near: bool | None
    key_id: str = ""
    id: str = ""
    input: str = field(init=False)

    def __post_init__(self) -> None:
        for name in ("threshold", "probability", "raw_score"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"the {name} of a decision is finite")
        object.__setattr__(self, "input", hashlib.sha256(self.row).hexdigest())

    def values(self, sequence: int, facts: str) -> Values:
        """The row of ``COLUMNS``; ``facts`` is the JSON of what computed the score.

        Adding zero turns a negative zero, which SQLite does not keep, into zero.
        """
        return (
            sequence, self.id or new_id(), "decision", now(), self.key_id, self.client, None, self.model,
            self.model_name, self.model_version, self.threshold + 0.0, self.input,
            self.probability + 0.0, self.raw_score + 0.0, self.label,
            None if self.near is None else int(self.near), facts,
        )  # fmt: skip

    def contents(self) -> dict[str, bytes]:
        """What is stored once per digest."""
        return {self.input: self.row}


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event of another kind that is to be recorded.

    ``facts`` are plain data without anything personal, ``subject`` the id of the decision that it
    is about, ``content`` the personal part (a note, a sheet, reasons), which can be erased: the
    chain covers its digest alone. ``content`` is salted, because a short text could be guessed.
    With ``first``, one event of its kind alone is recorded about the decision under that name.
    """

    kind: Kind
    facts: Mapping[str, Any]
    subject: str | None = None
    client: int | None = None
    content: bytes | None = None
    key_id: str = ""
    first: str | None = None
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(SALT))

    def values(self, sequence: int, facts: str) -> Values:
        """The row of ``COLUMNS``."""
        del facts
        digest = next(iter(self.contents()), None)
        return (
            sequence, new_id(), self.kind, now(), self.key_id, self.client, self.subject, None, None,
            None, None, digest, None, None, None, None, canonical_json(dict(self.facts)),
        )  # fmt: skip

    @property
    def only(self) -> tuple[str, str, str] | None:
        """Under what it may be recorded once alone: kind, decision, name; None: as often as it comes."""
        return None if self.first is None else (self.kind, self.subject or "", self.first)

    def contents(self) -> dict[str, bytes]:
        """What is stored once per digest: salt and content."""
        if self.content is None:
            return {}
        salted = self._salt + self.content
        return {hashlib.sha256(salted).hexdigest(): salted}


#: Random bytes before a content that a person wrote.
SALT = 16


@dataclass(frozen=True, slots=True)
class Decision:
    """A recorded decision.

    ``time`` is UTC in ISO 8601, ``input`` the SHA-256 of the encoded row, ``client`` None for an
    applicant who was not known, ``computed_by`` the JSON of libraries and processor.
    """

    sequence: int
    id: str
    time: str
    key_id: str
    client: int | None
    model: str
    model_name: str
    model_version: str
    threshold: float
    input: str
    probability: float
    raw_score: float
    label: Literal["risk", "no_risk"]
    near: bool | None
    computed_by: str
    digest: str

    @classmethod
    def of(cls, values: Sequence[Any], digest: str) -> Self:
        """The decision in a row of ``COLUMNS`` and its digest."""
        (sequence, id_, _, time_, key_id, client, _, model, name, version, threshold, content,
         probability, raw_score, label, near, facts) = values  # fmt: skip
        return cls(
            sequence, id_, time_, key_id, client, model, name, version, threshold, content,
            probability, raw_score, label,
            None if near is None else bool(near), facts, digest,
        )  # fmt: skip

    @property
    def seal(self) -> str:
        """What proves this decision, and all events before it, to who has kept it."""
        return str(Seal(self.sequence, self.digest))


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded event of another kind than a decision; ``content`` is the digest of its content."""

    sequence: int
    id: str
    kind: Kind
    time: str
    key_id: str
    client: int | None
    subject: str | None
    content: str | None
    facts: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, values: Sequence[Any], digest: str) -> Self:
        """The event in a row of ``COLUMNS`` and its digest."""
        row = dict(zip(COLUMNS, values, strict=True))
        same = ("sequence", "id", "kind", "time", "key_id", "client", "subject", "content")
        return cls(**{n: row[n] for n in same}, facts=json.loads(row["facts"]), digest=digest)

    @property
    def seal(self) -> str:
        """What proves this event, and all events before it, to who has kept it."""
        return str(Seal(self.sequence, self.digest))
