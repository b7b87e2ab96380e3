"""The application: routes, guards, errors, log and document put together."""

from http import HTTPStatus
from typing import Any

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel

from api.answers.base import json_text
from api.logs import place
from api.release import release
from api.routes import BLUEPRINTS
from api.service import install
from api.web.access import authorize
from api.web.guard import guard, trusted_hosts
from api.web.journal import journal, request_id
from api.web.keys import keyring_of
from api.web.methods import refuse_head
from api.web.negotiation import negotiate
from api.web.openapi import describe
from api.web.problems import answer_errors
from api.web.strict_json import StrictJSON
from project_tools.settings import Settings


class ScoringAPI(APIFlask):
    """APIFlask that sends our models as JSON and keeps clients' ids out of the log."""

    def make_response(self, rv: Any) -> Response:
        """The response to what a route returned."""
        if isinstance(rv, BaseModel):
            return Response(json_text(rv), mimetype="application/json")
        return super().make_response(rv)

    def ensure_sync(self, func: Any) -> Any:
        """No view or hook is a coroutine, so none of a request's twenty is asked whether it is one."""
        return func

    def make_default_options_response(self) -> Response:
        """The methods of an address; Flask's own answer claims to hold HTML."""
        response = super().make_default_options_response()
        response.status_code = HTTPStatus.NO_CONTENT
        del response.headers["Content-Type"]
        return response

    def log_exception(self, exc_info: Any) -> None:
        """Log the kind and place of an error: Flask's own line holds the path, and so the id."""
        where = place(exc_info[1])
        self.logger.error("failed", extra={"request_id": request_id(), "where": where})


def build(settings: Settings, *, ahead: bool = False) -> APIFlask:
    """The application with the model and clients that the settings name.

    If they cannot be loaded, it answers 503 with a sentence until it is started again;
    ``/``, ``/health/live``, ``/version`` and ``/openapi.json`` answer even then. ``ahead`` as for
    ``install``.
    """
    # No /docs: its page loads scripts from another host. There are no static files.
    app = ScoringAPI(
        "api",
        title="Credit scoring",
        version=release(),
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes it
    )
    app.config["CURRENCY"] = settings.currency
    app.config["OFFERS"] = settings.offers
    app.config["STATE"] = settings.state
    app.config["DEBUG"] = False  # despite FLASK_DEBUG: the debugger runs any code that is sent
    app.tags = ["Decisions", "Explanations", "Clients", "Model", "Demonstration", "Operations"]
    app.json = StrictJSON(app)
    app.url_map.strict_slashes = True  # one address per route
    app.url_map.merge_slashes = False
    journal(app)
    guard(app, trusted_hosts(settings.api_host, settings.api_hosts))
    authorize(app, keyring_of(settings))
    negotiate(app)
    answer_errors(app)
    describe(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    refuse_head(app)
    install(app, settings, ahead=ahead)
    return app
