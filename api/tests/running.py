"""One application on one invented model, shared by all test modules of a run."""

import atexit
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.logs import JSONLines
from api.pictures import client
from api.pictures.messages import FOLDER
from api.pictures.process import PictureProcess
from api.record import record_of
from api.service import VERIFIED
from api.tests.served import Served, make_served
from project_tools.settings import Settings
from project_tools.system.files import sha256


@cache
def served() -> Served:
    """The model and clients, in a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="api-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return make_served(folder)


def settings(model: Path | None = None, clients: Path | None = None, **others: str) -> Settings:
    """Settings of an environment that names these, and a state folder that goes with the process."""
    state = Path(tempfile.mkdtemp(prefix="api-state-"))
    atexit.register(shutil.rmtree, state, ignore_errors=True)
    names = {"CREDIT_MODEL": model, "CREDIT_CLIENTS": clients, "CREDIT_STATE": state}
    named = {name: str(path) for name, path in names.items() if path is not None}
    return Settings.load({**named, **others})


def address_of(path: str, client: int | str, app: APIFlask | None = None) -> str:
    """The address of a path of the document, about a client and a decision that is recorded there."""
    if "{decision}" in path:
        store = record_of(app or application()).store
        known = served().ids()[0]
        if not store.decisions(limit=1):
            (app or application()).test_client().get(f"/prediction/{known}")
        path = path.replace("{decision}", store.decisions(limit=1)[0].id)
    return path.replace("{client}", str(client))


@cache
def run_folder() -> Path:
    """The folder of a run, with the process that draws, which ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="api-run-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    # On a machine that is busy with other tests, a process of the lowest priority takes long.
    client.PATIENCE_S = 120
    pictures = PictureProcess(folder, logging.getLogger("api.tests"))
    pictures.check()
    atexit.register(pictures.stop)
    return folder


def checked(made: Served) -> dict[str, str]:
    """The environment of a worker whose start has checked this model.

    The check's child process is tried by the start's own test: it takes a second or two.
    """
    return {VERIFIED: sha256(made.model / "manifest.json"), FOLDER: str(run_folder())}


@cache
def application() -> APIFlask:
    """The application on them; errors are answered as they are when it serves."""
    made = served()
    logging.getLogger("api").addHandler(logging.NullHandler())  # Flask then adds none of its own
    with mock.patch.dict(os.environ, checked(made)):
        return create_app(settings(made.model, made.clients))


@contextmanager
def logged(app: APIFlask) -> Iterator[io.StringIO]:
    """What the application writes to its log meanwhile."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(JSONLines())
    app.logger.addHandler(handler)
    try:
        yield text
    finally:
        app.logger.removeHandler(handler)
