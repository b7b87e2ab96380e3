"""The application: routes, guards, errors, log and document put together."""

from typing import Any

from apiflask import APIFlask
from flask import Response
from pydantic import BaseModel

from api.answers.base import json_text
from api.release import release
from api.routes import BLUEPRINTS
from api.service import install
from api.web.guard import guard
from api.web.journal import journal, place, request_id
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

    def log_exception(self, exc_info: Any) -> None:
        """Log the kind and place of an error: Flask's own line holds the path, and so the id."""
        self.logger.error("%s: %s", request_id(), place(exc_info[1]))


def build(settings: Settings) -> APIFlask:
    """The application with the model and clients that the settings name.

    If they cannot be loaded, it answers 503 with a sentence until it is started again;
    ``/``, ``/health/live``, ``/version`` and ``/openapi.json`` answer even then.
    """
    # No /docs: its page loads scripts from another host. There are no static files.
    app = ScoringAPI(
        __name__,
        title="Credit scoring",
        version=release(),
        docs_path=None,
        static_folder=None,  # type: ignore[arg-type]  # Flask takes it
    )
    app.config["DEBUG"] = False  # despite FLASK_DEBUG: the debugger runs any code that is sent
    app.tags = ["Decisions", "Explanations", "Clients", "Model", "Operations"]
    app.json = StrictJSON(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    journal(app)
    guard(app)
    answer_errors(app)
    describe(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    install(app, settings)
    return app
