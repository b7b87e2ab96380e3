"""One rule for all routes: which query names they take, and in which forms they answer."""

from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, get_origin

from apiflask import APIFlask
from flask import Response, current_app, request
from werkzeug.routing import RequestRedirect

from api.web.inputs import Query
from api.web.problems import problem

JSON = "application/json"


def negotiate(app: APIFlask) -> None:
    """Refuse unknown and repeated query names (422) and forms that a route lacks (406)."""
    app.before_request(_refuse)
    app.after_request(_vary)


def accepted(forms: list[str]) -> str | None:
    """The form that the client prefers, the first of equals; None if it accepts none of them."""
    if not request.headers.get("Accept", "").strip():
        return forms[0]
    return request.accept_mimetypes.best_match(forms)


@cache
def forms_of(view: Callable[..., Any]) -> list[str]:
    """The media types in which a view answers, as its document says."""
    documented = getattr(view, "_spec", {}).get("responses") or {}
    return [*documented.get(HTTPStatus.OK.value, {}).get("content", ())] or [JSON]


def _view() -> Callable[..., Any] | None:
    endpoint = request.endpoint
    return None if endpoint is None else current_app.view_functions[endpoint]


def _refuse() -> Response | None:
    # A slash more or less is another address: Flask would redirect to the right one.
    if isinstance(request.routing_exception, RequestRedirect):
        return problem(HTTPStatus.NOT_FOUND)
    view = _view()
    if view is None:
        return None
    if accepted(forms_of(view)) is None:
        return problem(
            HTTPStatus.NOT_ACCEPTABLE,
            f"this address answers in {', '.join(forms_of(view))}; the header Accept allows none",
        )
    return _refuse_query(view)


def _refuse_query(view: Callable[..., Any]) -> Response | None:
    several = _names_of(view)
    errors = {}
    for name, values in request.args.lists():
        if name not in several:
            errors[name] = ["This address takes no such name."]
        elif len(values) > 1 and not several[name]:
            errors[name] = ["This name is given more than once."]
    return problem(422, errors={"query": errors}) if errors else None


@cache
def _names_of(view: Callable[..., Any]) -> dict[str, bool]:
    """The query names of a view, and whether each may be given several times."""
    inputs = getattr(view, "_spec", {}).get("args") or ()
    return {
        name: get_origin(field.annotation) is list
        for model, *_ in inputs
        if isinstance(model, type) and issubclass(model, Query)
        for name, field in model.model_fields.items()
    }


def _vary(response: Response) -> Response:
    view = _view()
    if response.status_code == HTTPStatus.NOT_ACCEPTABLE or (view and len(forms_of(view)) > 1):
        response.vary.add("Accept")
    return response
