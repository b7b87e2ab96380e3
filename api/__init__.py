"""The scoring API: decisions, explanations and comparisons over HTTP, for the dashboard and others.

``create_app`` makes the application; nothing is loaded on import. ``python -m api`` starts it.
"""

from typing import Any

from apiflask import APIFlask

from api.release import release
from api.routes import BLUEPRINTS
from api.service import install
from api.web.guard import guard
from api.web.journal import journal, place, request_id
from api.web.problems import answer_errors
from api.web.strict_json import StrictJSON
from project_tools.settings import Settings


class ScoringAPI(APIFlask):
    """Flask, but without its own line for what fails: that holds the path, and so the client."""

    def log_exception(self, exc_info: Any) -> None:
        """Kind and place of an error that came after the answer was made."""
        self.logger.error("%s: %s", request_id(), place(exc_info[1]))


def create_app(settings: Settings | None = None) -> APIFlask:
    """The application with the model and clients that the settings name.

    Where they cannot be loaded, it answers 503 with a sentence until it is started anew;
    ``/health/live`` and ``/version`` answer all the same.
    """
    # No /docs: its page loads scripts from another host.
    app = ScoringAPI(__name__, title="Credit scoring", version=release(), docs_path=None)
    app.config["DEBUG"] = False  # whatever FLASK_DEBUG says: a debugger runs anybody's code
    app.tags = ["Decisions", "Explanations", "Clients", "Model", "Operations"]
    app.json = StrictJSON(app)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    journal(app)
    guard(app)
    answer_errors(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    install(app, settings or Settings.load())
    return app
