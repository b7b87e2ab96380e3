"""Whom a POST is about: a known client, or an applicant by a row of features or by raw records."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from api.answers.base import ClientId
from api.service import Service
from api.web.bodies import BODY, Body
from api.web.inputs import CLIENT_ID_MOST, current_portfolio
from api.web.problems import FieldsError
from project_tools.errors import UnknownClientError
from project_tools.serving.applicants import RecordsError, records_schema
from project_tools.serving.clients import unknown_client
from project_tools.serving.inputs import Value
from project_tools.serving.rows import RowError, encode_strictly

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
    return _read(service, data, "", ("features", "applicant"))


def read_item(service: Service, data: Any, place: str) -> Subject:
    """The client or applicant in one item of a batch, whose faults begin with ``place``."""
    return _read(service, data, place, ("id", "features", "applicant"))


def _read(service: Service, data: Any, place: str, kinds: tuple[str, ...]) -> Subject:
    if not isinstance(data, dict) or len(data) != 1 or not data.keys() <= {*kinds}:
        text = f"It takes an object with one field, {', '.join(kinds[:-1])} or {kinds[-1]}."
        raise FieldsError({BODY: {place: [text]}})
    ((kind, value),) = data.items()
    within = f"{place}.{kind}" if place else kind
    errors: Mapping[str, str]
    try:
        match kind:
            case "id":
                return _known(service, value)
            case "features":
                return _by_row(service, value)
            case _:
                return _by_records(service, value)
    except (RowError, RecordsError) as why:
        errors = why.errors
    except UnknownClientError:
        errors = {"": "No client with this id is known here."}
    # Outside of the handlers: their errors need not be logged beside ours.
    raise FieldsError(
        {BODY: {f"{within}.{name}" if name else within: [text] for name, text in errors.items()}}
    )


def known_client(service: Service, client: int) -> Subject:
    """A client of the store; ``UnknownClientError``."""
    return Subject(client, service.store.encoded(client), partial(service.store.row, client))


def _known(service: Service, value: Any) -> Subject:
    """A client who is known and whom the caller may see; others look alike."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= CLIENT_ID_MOST:
        raise RowError({"": "It takes a client id, a whole number such as 100001."})
    portfolio = current_portfolio()
    if portfolio is not None and not portfolio.holds(value):
        raise unknown_client(value)
    return known_client(service, value)


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
