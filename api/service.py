"""The service behind the routes: the model, its clients, and the process that draws pictures."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from apiflask import APIFlask
from flask import Flask, current_app, g

from api.metrics import READY, show_model
from api.pictures.client import Pictures
from api.pictures.messages import FOLDER
from api.prepared import Prepared
from api.record import open_record
from api.reload import Keeper
from project_tools.errors import CreditError
from project_tools.serving.applicants import ApplicantEncoder
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.last_good import LastGood, Pair
from project_tools.serving.scoring import Scorer
from project_tools.serving.simulation import Simulator
from project_tools.settings import Settings

#: The variable in which the start passes on the digest of the model that it has verified.
VERIFIED = "API_VERIFIED"
_EXTENSION, _PICTURES = "credit_service", "credit_pictures"


class NotLoadedError(CreditError):
    """The service has no model to answer from."""


@dataclass(frozen=True, slots=True)
class Service:
    """A verified model and the clients that belong to it; shared by all threads of a worker."""

    artefact: Artefact
    store: ClientStore
    scorer: Scorer
    importance: dict[str, float]
    #: Where the model was loaded from.
    folder: Path
    #: Computes applicants; a worker prepares it ahead of the first one.
    prepared: Prepared[ApplicantEncoder]
    _texts: dict[str, bytes] = field(default_factory=dict)
    _simulators: list[Simulator] = field(default_factory=list)

    @classmethod
    def load(cls, last_good: LastGood, pair: Pair) -> Self:
        """Load both from a copy; ``CreditError`` says in one line what is missing or damaged."""
        artefact, store = last_good.load(pair)
        show_model(artefact.digest, artefact.manifest.version)
        folder = last_good.model_folder(pair)
        applicants = Prepared(lambda: ApplicantEncoder.load(folder, artefact), "applicants")
        shares = artefact.overview.shares()
        return cls(artefact, store, Scorer(artefact), shares, folder, applicants)

    def applicants(self) -> ApplicantEncoder:
        """Computes an applicant's features; the first use after a load waits for it, up to 10 s.

        ``ArtefactError`` where the model's state cannot do that, ``NotLoadedError`` where it takes longer.
        """
        try:
            return self.prepared.get()
        except TimeoutError as why:
            raise NotLoadedError("The computation of applicants is not ready yet.") from why

    def simulator(self) -> Simulator:
        """What simulates decisions, made at its first use in a tenth of a second."""
        if not self._simulators:
            self._simulators.append(Simulator.load(self.folder, self.artefact, self.store))
        return self._simulators[0]

    def text(self, name: str, make: Callable[[], str]) -> bytes:
        """A text that is the same for all callers, made at its first use."""
        if name not in self._texts:
            self._texts[name] = make().encode()
        return self._texts[name]


def install(app: APIFlask, settings: Settings, *, ahead: bool) -> None:
    """Give an application its service. If it cannot be loaded, write the reason to the log.

    ``ahead``: what takes a while to make is made with each load, not at its first use.
    """
    record = open_record(app, settings)

    def load(last_good: LastGood, pair: Pair) -> Service:
        service = Service.load(last_good, pair)
        record.archive(service.artefact.digest, service.folder)
        if ahead:
            service.prepared.start()
        return service

    keeper = Keeper(settings, app.logger, load, record.note_reload)
    READY.set(0)
    keeper.start(os.environ.get(VERIFIED, ""))
    app.extensions[_EXTENSION] = keeper
    folder = os.environ.get(FOLDER)
    app.extensions[_PICTURES] = Pictures(Path(folder) if folder else None)


def keeper_of(app: Flask) -> Keeper[Service]:
    """Who holds and replaces the service of an application."""
    keeper: Keeper[Service] = app.extensions[_EXTENSION]
    return keeper


def loaded_service() -> Service | None:
    """The service of the current application, or None if it could not be loaded.

    Ask once for each answer: a reload replaces the service between two calls.
    """
    return keeper_of(current_app).service


def current_service() -> Service:
    """The service of the current application; ``NotLoadedError`` (503) if it is not loaded.

    The line that the log gets of the answer names its model.
    """
    service = loaded_service()
    if service is None:
        raise NotLoadedError("The model is not loaded; the server's log says why.")
    g.model_digest = service.artefact.digest
    return service


def current_pictures() -> Pictures:
    """The drawing process as the current application sees it."""
    pictures: Pictures = current_app.extensions[_PICTURES]
    return pictures
