"""Strict models of the query strings, and the form of a client's id."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, Literal, TypeVar, cast

from apiflask import APIBlueprint
from flask import g, request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.answers.base import DECISION_ID
from api.answers.clients import ClientField
from api.answers.peers import Group
from api.web.portfolios import Portfolio
from api.web.problems import MalformedError
from project_tools.serving.clients import unknown_client
from project_tools.serving.decisions.errors import UnknownDecisionError

F = TypeVar("F", bound=Callable[..., Any])
#: ASCII digits, at most 18, the first not 0.
CLIENT_ID = "[1-9][0-9]{0,17}"
CLIENT_ID_MOST = 10**18 - 1
_WHOLE = re.compile(r"[0-9]{1,18}")


def client_id(text: str) -> int:
    """The id in an address; ``MalformedError`` (400) if it is not a ``CLIENT_ID``.

    Every route about a client reads its id here. One whom the caller may not see is refused before
    the store is asked, like one who is not known: ``UnknownClientError`` (404).
    """
    if not re.fullmatch(CLIENT_ID, text):
        raise MalformedError("A client id is a whole number such as 100001.")
    number, portfolio = int(text), current_portfolio()
    if portfolio is not None and not portfolio.holds(number):
        raise unknown_client(number)
    return number


def decision_id(text: str) -> str:
    """The id in an address; ``UnknownDecisionError`` (404) if it has another form."""
    if not re.fullmatch(DECISION_ID, text):
        raise UnknownDecisionError("no decision with this id is recorded here")
    return text


def current_portfolio() -> Portfolio | None:
    """The clients whom the caller may see; None: all."""
    portfolio: Portfolio | None = g.get("portfolio")
    return portfolio


def _whole(text: Any) -> Any:
    """A text of digits as a number: a query string holds only texts."""
    return int(text) if isinstance(text, str) and _WHOLE.fullmatch(text) else text


# APIFlask 3.1 passes only the first value of a name that is given twice.
def _every_feature(_: Any) -> list[str]:
    return request.args.getlist("feature")


def _every_column(_: Any) -> list[str]:
    return request.args.getlist("columns")


def takes_query(blueprint: APIBlueprint, model: type["Query"]) -> Callable[[F], F]:
    """``blueprint.input`` for a query that is rare: a request without one does not pay for its check."""
    none = model()

    def decorate(view: F) -> F:
        checked = blueprint.input(model, location="query", arg_name="query")(view)

        @wraps(checked)
        def either(*args: Any, **kwargs: Any) -> Any:
            if request.query_string:
                return checked(*args, **kwargs)
            return view(*args, **kwargs, query=none)

        return cast("F", either)

    return decorate


def _every_field(_: Any) -> list[str]:
    return request.args.getlist("fields")


def _every_name(_: Any) -> list[str]:
    return request.args.getlist("names")


class Query(BaseModel):
    """A query string; an unknown name is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ClientsQuery(Query):
    """A page of the client ids that begin with the digits in ``query``."""

    query: Annotated[str, Field(pattern=r"^[0-9]{0,18}$")] = ""
    # A bound after the validator would be ``ge`` in the OpenAPI document in place of ``minimum``.
    page: Annotated[int, Field(ge=1, le=999_999_999), BeforeValidator(_whole)] = 1
    size: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] = 100


class ModelInfoQuery(Query):
    """How many features to list; all of them by default."""

    features: Annotated[int | None, Field(ge=0, le=10_000), BeforeValidator(_whole)] = None


class PeersQuery(Query):
    """The client's group, and one or two features to compare."""

    feature: Annotated[
        list[str], Field(min_length=1, max_length=2), BeforeValidator(_every_feature)
    ]
    group: Group = "everyone"


class ClientQuery(Query):
    """Some ``names`` of features and some of their ``fields``; without them all but the sentences.

    1: the ``protected`` features too, for a caller with the scope ``data``.
    """

    fields: Annotated[list[ClientField], Field(max_length=7), BeforeValidator(_every_field)] = []
    names: Annotated[list[str], Field(max_length=100), BeforeValidator(_every_name)] = []
    protected: Annotated[Literal[0, 1], BeforeValidator(_whole)] = 0


class FeaturesQuery(Query):
    """1: only the features that the served model takes, with what each may be.

    ``changeable``: only the columns of the application that ``/what_if`` may change.
    """

    used: Annotated[Literal[0, 1], BeforeValidator(_whole)] = 0
    changeable: Annotated[Literal[0, 1], BeforeValidator(_whole)] = 0


class PredictionQuery(Query):
    """1: the answer holds the explanation too, and the reasons are recorded with the decision."""

    explain: Annotated[Literal[0, 1], BeforeValidator(_whole)] = 0


class ExplanationQuery(Query):
    """The recorded decision on the client whose reasons are issued, and recorded with it."""

    decision: Annotated[str | None, Field(pattern=f"^{DECISION_ID}$")] = None


class DecisionsQuery(Query):
    """Decisions on a client, near the threshold (1) or not (0), with a review (1) or without (0).

    They come after a sequence number.
    """

    client: Annotated[str | None, Field(pattern=f"^{CLIENT_ID}$")] = None
    near: Annotated[Literal[0, 1] | None, BeforeValidator(_whole)] = None
    reviewed: Annotated[Literal[0, 1] | None, BeforeValidator(_whole)] = None
    after: Annotated[int, Field(ge=0, le=10**18), BeforeValidator(_whole)] = 0
    size: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] = 100


class SheetQuery(Query):
    """The language of the sheet."""

    lang: Literal["en", "fr"] = "en"


class HistoryQuery(Query):
    """A page of what is recorded about a client, from before a sequence number downwards."""

    before: Annotated[int, Field(ge=1, le=10**18), BeforeValidator(_whole)] = 10**18
    size: Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)] = 20


class DataQuery(Query):
    """Some columns of the first ``n`` clients, or, without both names, the whole table."""

    columns: Annotated[list[str], Field(max_length=50), BeforeValidator(_every_column)] = []
    n: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] = 100
    protected: Annotated[Literal[0, 1], BeforeValidator(_whole)] = 0


class TargetQuery(Query):
    """The outcomes of the first ``n`` clients, or, without ``n``, of all."""

    n: Annotated[int, Field(ge=1, le=1000), BeforeValidator(_whole)] = 100
