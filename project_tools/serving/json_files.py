"""The JSON files of a served folder: read strictly, checked by declared types, written plainly."""

import json
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AllowInfNan, Field, Strict, StrictStr, TypeAdapter, ValidationError

from project_tools.errors import ArtefactError

T = TypeVar("T")
Text = StrictStr
Name = Annotated[StrictStr, Field(min_length=1)]
#: Finite; a whole number is taken as one, a text or a truth value is not.
Number = Annotated[float, Strict(), AllowInfNan(allow_inf_nan=False)]
Probability = Annotated[Number, Field(ge=0, le=1)]

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "a truth value",
    type(None): "null",
}
#: Characters of a wrong value that an error repeats.
_SHOWN = 40


def strict_json(name: str, content: bytes) -> Any:
    """The data of a JSON file; ``ArtefactError`` for NaN, for a repeated key and for no JSON."""

    def refuse(what: str) -> NoReturn:
        raise ValueError(f"it holds {what}")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(pairs)
        return keys if len(keys) == len(pairs) else refuse("a key given twice")

    try:
        return json.loads(content, parse_constant=refuse, object_pairs_hook=unique)
    except (ValueError, RecursionError) as why:
        reason = "it is nested too deeply" if isinstance(why, RecursionError) else str(why)
        raise ArtefactError(f"{name} is not strict JSON: {reason}; export the model again") from why


def plain_json(data: Any) -> bytes:
    """Strict JSON, one line per entry; ``ArtefactError`` where a number is not finite."""
    try:
        return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (TypeError, ValueError) as why:
        raise ArtefactError(f"the artefact takes plain finite data: {why}") from why


def checked(
    types: TypeAdapter[T], data: Any, file: str, *, at: str = "", private: bool = False
) -> T:
    """The data as its declared types hold it; ``ArtefactError`` names the first field at fault.

    ``at`` is the field of the file that holds the data. The error repeats a wrong text or number,
    unless the file is ``private``: then its values come from clients.
    """
    try:
        return types.validate_python(data)
    except ValidationError as why:
        error = why.errors(include_url=False)[0]
    # Outside of the handler: the error of pydantic repeats values, and would be logged beside ours.
    places = [at, *error["loc"]] if at else error["loc"]
    parts = [str(place)[:60] for place in places if place != "[key]"]
    where = repr(".".join(parts)) if parts else "its content"
    expected = error["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    match error["type"]:
        case "missing":
            raise ArtefactError(f"{file} lacks {where}; export the model again")
        case "unexpected_keyword_argument":
            raise ArtefactError(f"{file} holds an unknown {where}; export the model again")
        case "dataclass_type" | "dict_type" | "mapping_type":
            expected = "an object"
        case "list_type" | "tuple_type":
            expected = "a list"
        case "string_type":
            expected = "a text"
        case "float_type":
            expected = "a finite number"
        case "string_too_short":
            expected = "a text that is not empty"
        case "string_pattern_mismatch":
            expected = f"a text of the form {error['ctx']['pattern']}"
    value = shown(error["input"], private=private)
    raise ArtefactError(f"{file}: {where} is {value}, expected {expected}; export the model again")


def shown(value: Any, *, private: bool = False) -> str:
    """A value for an error: a short text or number itself, of all else the kind.

    >>> shown("high"), shown(1.5), shown([1, 2]), shown("high", private=True)
    ("'high'", '1.5', 'a list', 'a text')
    """
    kind = _KINDS.get(
        type(value), "a number" if isinstance(value, int | float) else "no plain data"
    )
    if private or kind not in ("a text", "a number"):
        return kind
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
