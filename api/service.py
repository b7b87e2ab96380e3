"""The service behind the routes: the model, its clients, and the pictures drawn so far."""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from apiflask import APIFlask
from flask import current_app

from project_tools.errors import CreditError
from project_tools.serving import pictures
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.pictures import PictureCache
from project_tools.serving.scoring import Scorer
from project_tools.settings import Settings

#: The variable in which the start passes on the digest of the model that it has verified.
VERIFIED = "API_VERIFIED"
_EXTENSION = "credit_service"


class NotLoadedError(CreditError):
    """The service has no model to answer from."""


@dataclass(frozen=True, slots=True)
class Service:
    """A verified model and the clients that belong to it; shared by all threads of a worker."""

    artefact: Artefact
    store: ClientStore
    scorer: Scorer
    importance: dict[str, float]
    pictures: PictureCache = field(default_factory=PictureCache)

    @classmethod
    def open(cls, model: Path, clients: Path, *, verified: str = "") -> Self:
        """Load both; ``CreditError`` says in one line what is missing, damaged or mismatched.

        A model with the digest ``verified`` was verified in another process and is not again.
        """
        artefact = load_artefact(model, verified=verified)
        store = ClientStore.open(clients, artefact)
        return cls(artefact, store, Scorer(artefact), artefact.overview.shares())


def install(app: APIFlask, settings: Settings) -> None:
    """Give an application its service. If it cannot be loaded, write the reason to the log."""
    service = None
    try:
        verified = os.environ.get(VERIFIED, "")
        service = Service.open(settings.model, settings.clients, verified=verified)
    except CreditError as why:
        app.logger.error("not loaded: %s", why)
    app.extensions[_EXTENSION] = service


def loaded_service() -> Service | None:
    """The service of the current application, or None if it could not be loaded."""
    service: Service | None = current_app.extensions[_EXTENSION]
    return service


def current_service() -> Service:
    """The service of the current application; ``NotLoadedError`` (503) if it is not loaded."""
    service = loaded_service()
    if service is None:
        raise NotLoadedError("The model is not loaded; the server's log says why.")
    return service


def warm_later() -> None:
    """Import the drawing libraries in a thread, so that the first picture does not wait."""
    threading.Thread(target=pictures.warm, name="warm", daemon=True).start()
