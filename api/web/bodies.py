"""The body of a POST: strict JSON that a pydantic model describes. No refusal repeats what was sent."""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from api.web.problems import FieldsError, MalformedError

B = TypeVar("B", bound="Body")
F = TypeVar("F", bound=Callable[..., Any])
#: The location of a body's fields in a problem document.
BODY = "json"
_MODEL = "_body"


class Body(BaseModel):
    """A JSON object that a route takes; an unknown field is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Nothing(Body):
    """No field."""


def takes(model: type[Body]) -> Callable[[F], F]:
    """Say which body a view takes: the document describes it, and ``checked_body`` checks it."""

    def mark(view: F) -> F:
        setattr(view, _MODEL, model)
        return view

    return mark


def model_of(view: Any) -> type[Body]:
    """The body that a view takes."""
    model: type[Body] = getattr(view, _MODEL, Nothing)
    return model


def read_json() -> Any:
    """The body of the current request; ``MalformedError`` (400) where it is no strict JSON."""
    return _strict_json(request.get_data())


def checked_body(model: type[B], data: Any) -> B:
    """A body of the JSON that was read; ``FieldsError`` (422) names the fields at fault."""
    try:
        return model.model_validate(data)
    except ValidationError as why:
        faults = why.errors(include_url=False, include_input=False, include_context=False)
    # Outside of the handler: the error of pydantic repeats values, and would be logged beside ours.
    if not isinstance(data, dict):
        raise FieldsError({BODY: {"": ["The body must be an object."]}})
    errors: dict[str, list[str]] = {}
    for fault in faults:
        name = str(fault["loc"][0]) if fault["loc"] else ""
        ours = name in model.model_fields
        message = _SENTENCES.get(fault["type"], f"{fault['msg']}.")
        errors.setdefault(name if ours else "", []).append(message)
    raise FieldsError({BODY: errors})


#: Of the kinds of errors whose own message says less, or repeats a name that was sent.
_SENTENCES: Mapping[str, str] = {
    "missing": "This field is missing.",
    "extra_forbidden": "This address takes no such field.",
}


def _strict_json(content: bytes) -> Any:
    def refuse(_: str) -> NoReturn:
        raise ValueError

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        return keys if len(keys) == len(pairs) else refuse("")

    try:
        return json.loads(content.decode(), parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        pass
    raise MalformedError(
        "The body is no strict JSON: it is broken, holds NaN or infinity, or names a field twice."
    )
