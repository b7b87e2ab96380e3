"""What may be asked: strict models of the query strings, and the form of a client's id."""

import re
from typing import Annotated, Any, Literal

from flask import request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.web.problems import MalformedError

_ID = re.compile(r"[1-9][0-9]{0,17}")
_WHOLE = re.compile(r"[0-9]{1,9}")


def client_id(text: str) -> int:
    """The id in an address: ASCII digits, at most 18, the first not 0; else 400."""
    if not _ID.fullmatch(text):
        raise MalformedError("A client id is a whole number such as 100001.")
    return int(text)


def _whole(text: Any) -> Any:
    """A query string holds texts alone; only digits make a number."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else text


def _every_feature(_: Any) -> list[str]:
    # APIFlask 3.1 hands over the first value of a name that is given twice.
    return request.args.getlist("feature")


WholeNumber = Annotated[int, BeforeValidator(_whole)]


class Query(BaseModel):
    """A query string whose every name and value is expected."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ClientsQuery(Query):
    """A page of the known ids; ``query`` holds the first digits of those looked for."""

    query: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = ""
    page: Annotated[WholeNumber, Field(ge=1)] = 1
    size: Annotated[WholeNumber, Field(ge=1, le=1000)] = 100


class PeersQuery(Query):
    """A group of the client's like, and one or two features to compare in."""

    feature: Annotated[
        list[str], BeforeValidator(_every_feature), Field(min_length=1, max_length=2)
    ]
    group: Literal["everyone", "similar_person", "similar_loan"] = "everyone"
