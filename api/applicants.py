"""Whom a POST is about: a known client, or an applicant by a row of features or by raw records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from api.answers.base import ClientId
from api.service import Service
from api.web.bodies import BODY, Body
from api.web.inputs import CLIENT_ID_MOST, current_portfolio
from api.web.problems import FieldsError
from project_tools.serving.applicants import RecordsError, records_schema
from project_tools.serving.inputs import Value
from project_tools.serving.rows import RowError, encode_strictly

#: Fields at fault that the refusal of a batch names at most.
MOST_ERRORS = 20
#: Checked by the served model's inputs, which name the feature at fault.
_VALUE = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})
Features = dict[str, Annotated[Any, _VALUE]]
Records = Annotated[dict[str, Any], WithJsonSchema(records_schema())]


def _one_of(*names: str) -> ConfigDict:
    alternatives: list[JsonValue] = [{"type": "object", "required": [name]} for name in names]
    return ConfigDict(json_schema_extra={"oneOf": alternatives})


class Applicant(Body):
    """An applicant who is not known, by one of two: ``features`` is a row with each feature that the model
    takes, ``applicant`` the raw records, of which the features are computed.
    """

    model_config = _one_of("features", "applicant")

    features: Features = Field(default_factory=dict)
    applicant: Records = Field(default_factory=dict)


class Item(Applicant):
    """One of a batch: the ``id`` of a known client, or an applicant."""

    model_config = _one_of("id", "features", "applicant")

    id: ClientId = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a decision is on: the id of a known client, the model's input, and the values behind it.

    ``findings`` says what raw records have odd; None where there are none.
    """

    client: int | None
    encoded: NDArray[np.float32]
    values: Callable[[], Mapping[str, Value]]
    findings: list[dict[str, Any]] | None = None


def read_applicant(service: Service, data: Any) -> Subject:
    """The applicant in a body; ``FieldsError`` names the fields at fault."""
    return _read(service, data, ("features", "applicant"))


def read_items(service: Service, items: Sequence[Any]) -> list[Subject]:
    """The clients and applicants of a batch; ``FieldsError`` names the fields at fault, the first twenty."""
    portfolio = current_portfolio()
    ids: list[Any] = [item.get("id") for item in items if isinstance(item, dict)]
    known = service.store.encoded_of(
        {i for i in ids if _is_id(i) and (portfolio is None or portfolio.holds(i))}
    )
    subjects: list[Subject] = []
    errors: dict[str, list[str]] = {}
    for at, item in enumerate(items):
        try:
            subjects.append(_read(service, item, ("id", "features", "applicant"), known))
        except FieldsError as why:
            place = f"items[{at}]"
            errors |= {
                f"{place}.{name}" if name else place: texts
                for name, texts in why.errors[BODY].items()
            }
            if len(errors) >= MOST_ERRORS:
                break
    if errors:
        raise FieldsError({BODY: dict(islice(errors.items(), MOST_ERRORS))})
    return subjects


def known_client(service: Service, client: int) -> Subject:
    """A client of the store; ``UnknownClientError``."""
    return Subject(client, service.store.encoded(client), partial(service.store.row, client))


def _is_id(value: Any) -> bool:
    return type(value) is int and 1 <= value <= CLIENT_ID_MOST  # True is no id


def _read(
    service: Service,
    data: Any,
    kinds: Sequence[str],
    known: Mapping[int, NDArray[np.float32]] = MappingProxyType({}),
) -> Subject:
    """The client or applicant in an object; ``known`` are the clients whom it may name."""
    if not isinstance(data, dict) or len(data) != 1 or not data.keys() <= {*kinds}:
        text = f"It takes an object with one field, {', '.join(kinds[:-1])} or {kinds[-1]}."
        raise FieldsError({BODY: {"": [text]}})
    ((kind, value),) = data.items()
    if kind == "id" and _is_id(value) and value in known:
        return Subject(value, known[value], partial(service.store.row, value))
    errors: Mapping[str, str]
    try:
        match kind:
            case "id" if _is_id(value):
                errors = {"": "No client with this id is known here."}
            case "id":
                errors = {"": "It takes a client id, a whole number such as 100001."}
            case "features":
                return _by_row(service, value)
            case _:
                return _by_records(service, value)
    except (RowError, RecordsError) as why:
        errors = why.errors
    # Outside of the handler: its error need not be logged beside ours.
    named = {f"{kind}.{name}" if name else kind: [text] for name, text in errors.items()}
    raise FieldsError({BODY: named})


def _by_row(service: Service, value: Any) -> Subject:
    if not isinstance(value, dict):
        raise RowError({"": "It takes an object: the value of each feature, by name."})
    encoded = encode_strictly(service.artefact.model.encoder, value, service.store.names)
    return Subject(None, encoded, lambda: value)


def _by_records(service: Service, value: Any) -> Subject:
    encoder = service.applicants()
    applicant = encoder.read(value)
    findings = [asdict(odd) for odd in applicant.findings]
    return Subject(None, applicant.encoded, partial(encoder.row, applicant), findings)
