"""Which caller may use which route: by key and scope, or on the open loopback without a key."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from apiflask import APIFlask
from flask import Response, current_app, g, request

from api.web.keys import OPEN_SCOPES, Allowance, Key, Keyring, Scope
from api.web.portfolios import Portfolios
from api.web.problems import problem
from project_tools.errors import SettingError
from project_tools.serving.decisions.reviews import Person

#: The scope of each endpoint, or None where nobody is asked. One that is missing here takes ``admin``.
SCOPE_OF: Mapping[str, Scope | None] = {
    "index.index": None,
    "openapi.spec": None,
    "health.live": None,
    "health.ready": None,
    "health.version": None,
    "predictions.clients": "score",
    "predictions.prediction": "score",
    "predictions.applicant": "score",
    "simulations.what_if": "score",
    "simulations.offers": "score",
    "simulations.missing": "score",
    "batches.batch": "score",
    "decisions.decisions": "review",
    "decisions.decision": "review",
    "sheets.sheet": "review",
    "reviews.review": "review",
    "reviews.confirm": "review",
    "history.history": "explain",
    "history.note": "review",
    "portfolio.portfolio": "review",
    "explanations.explanation": "explain",
    "explanations.applicant": "explain",
    "explanations.local_shap": "explain",
    "explanations.global_shap": "explain",
    "clients.client": "explain",
    "clients.features": "explain",
    "peers.peers": "explain",
    "model_info.model_info": "explain",
    "model_info.model_card": "explain",
    "data.data": "data",
    "data.target": "data",
    "metrics.metrics": "metrics",
    "admin.reload_model": "admin",
    "admin.halt": "admin",
    "admin.resume": "admin",
}
#: A key without an endpoint's scope but with this one gets what was recorded under the key itself.
OWN_SCOPE_OF: Mapping[str, Scope] = {"decisions.decision": "explain", "sheets.sheet": "explain"}
_OPEN, _KEYRING = "credit_open", "credit_keyring"
#: How WSGI names the headers Forwarded and X-Forwarded-*.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_")


def authorize(app: APIFlask, keyring: Keyring | None) -> None:
    """Ask every request for a key with the scope of its route; without keys, take local ones alone."""
    app.extensions[_OPEN], app.extensions[_KEYRING] = keyring is None, keyring
    if keyring is None:
        app.before_request(_refuse_forwarded)
    else:
        app.before_request(_asks_for_key(keyring, Allowance(), Portfolios(app.logger)))


def is_open() -> bool:
    """Whether the current application answers without a key."""
    return bool(current_app.extensions[_OPEN])


def scope_of(endpoint: str) -> Scope | None:
    """The scope that an endpoint takes; None where nobody is asked for a key."""
    return SCOPE_OF.get(endpoint, "admin")


def may(scope: Scope) -> bool:
    """Whether the current caller has a scope; the open caller has all but those of operations."""
    key: Key | None = g.get("key")
    return scope in (OPEN_SCOPES if key is None else key.scopes)


def caller() -> str:
    """The id of the current caller's key; empty where none was asked for."""
    key: Key | None = g.get("key")
    return "" if key is None else key.id


def current_person() -> Person:
    """The holder of the current caller's key; nobody where none was asked for."""
    key: Key | None = g.get("key")
    return Person("", "") if key is None else Person(key.holder, key.id)


def holder_of(key_id: str) -> str | None:
    """Who holds or held the key with this id; None if the key file does not have it any more."""
    keyring: Keyring | None = current_app.extensions[_KEYRING]
    return None if keyring is None else keyring.holder(key_id)


def _refuse_forwarded() -> Response | None:
    if any(name.startswith(_FORWARDED) for name in request.environ):
        return problem(
            HTTPStatus.FORBIDDEN,
            "without keys, no request that a proxy forwards is taken",
            reason="forwarded",
        )
    if request.endpoint is not None and scope_of(request.endpoint) not in {None, *OPEN_SCOPES}:
        return problem(
            HTTPStatus.FORBIDDEN, "this address takes a key, and the service has none", reason="key"
        )
    return None


def _asks_for_key(
    keyring: Keyring, allowance: Allowance, portfolios: Portfolios
) -> Callable[[], Response | None]:
    def ask() -> Response | None:
        scope = None if request.endpoint is None else scope_of(request.endpoint)
        if scope is None:
            return None
        kind, _, text = request.headers.get("Authorization", "").partition(" ")
        key = keyring.find(text.strip()) if kind.lower() == "bearer" else None
        if key is None:
            return problem(
                HTTPStatus.UNAUTHORIZED,
                "this address takes a live key: send Authorization: Bearer and the key",
                headers={"WWW-Authenticate": "Bearer"},
                reason="key",
            )
        g.key_id, g.key = key.id, key
        if not allowance.take(key):
            return problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "the key has used up its requests; wait a minute",
                headers={"Retry-After": "60"},
                reason="allowance",
            )
        if not {scope, OWN_SCOPE_OF.get(request.endpoint or "", scope)} & {*key.scopes}:
            return problem(
                HTTPStatus.FORBIDDEN,
                f"this address takes a key with the scope {scope}",
                reason="scope",
            )
        if key.portfolio is not None:
            try:
                g.portfolio = portfolios.of(key.portfolio)
            except SettingError:  # it names a file of this machine; the log has it
                return problem(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "the list of the clients whom this key may see cannot be read; the operator's "
                    "log says why",
                    reason="portfolio",
                )
        return None

    return ask
