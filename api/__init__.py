"""The scoring API: decisions, explanations and comparisons over HTTP, for the dashboard and others.

``create_app`` makes the application; nothing is loaded on import. ``python -m api`` starts it.
"""

from typing import TYPE_CHECKING

from project_tools.settings import Settings

if TYPE_CHECKING:
    from apiflask import APIFlask


def create_app(settings: Settings | None = None, *, ahead: bool = False) -> "APIFlask":
    """The application with the model and clients that the settings name (default: the environment's).

    If they cannot be loaded, it answers 503 with a sentence; ``/``, ``/health/live``, ``/version``
    and ``/openapi.json`` answer even then. ``ahead``: what takes a while to make is made with each
    load, as a worker needs it, and not at its first use.
    """
    # gunicorn's master imports api.web.worker, and with it this file; the libraries stay out of it.
    from api.application import build  # noqa: PLC0415

    return build(settings or Settings.load(), ahead=ahead)
