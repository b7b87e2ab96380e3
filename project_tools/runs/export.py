"""The command ``export``: a registered model becomes the folder and client store of the API."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from project_tools.errors import ArtefactError
from project_tools.features.files import exact_file
from project_tools.governance.card import Card
from project_tools.governance.card_page import card_files
from project_tools.runs.registry import (
    CHAMPION,
    aliases_of,
    approver_of,
    download,
    find_version,
)
from project_tools.runs.store import connect
from project_tools.serving.artefact import copy_artefact, verify_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.folder import CARD_JSON, refuse_foreign
from project_tools.system.files import refuse_inputs, sha256
from project_tools.system.progress import working

CLIENT_STORE = "clients.parquet"


def export(model: str, directory: Path, *, features: Path, most_clients: int | None) -> str:
    """Write a registered model's artefact to ``directory`` and its clients beside it; its digest.

    ``features`` must be the Parquet file that the model was trained on. The client store holds its
    held-out and new clients, at most ``most_clients``. Raises ``TrackingError`` for a model that
    does not exist and ``ArtefactError`` for another feature file; then nothing is replaced.
    """
    store = directory.resolve().parent / CLIENT_STORE
    refuse_foreign(directory)
    refuse_inputs([store], [features])
    client = connect()
    version = find_version(client, model)
    aliases = aliases_of(client, version)
    with tempfile.TemporaryDirectory() as folder:
        with working(f"fetching {version.name} version {version.version}"):
            source = download(version, Path(folder))
        _check_features(source, features)
        with working("verifying and copying the artefact"):
            stamp = {
                "name": version.name,
                "version": str(version.version),
                "alias": CHAMPION if CHAMPION in aliases else next(iter(aliases), ""),
                "run_id": version.run_id or "",
            }
            approver = approver_of(version)
            digest = copy_artefact(source, directory, _card_of(source, stamp, approver), **stamp)
        with working("cutting the client store"):
            # A feature file of an older release has no doubles beside it.
            exact = exact_file(features) if exact_file(features).is_file() else None
            write_client_store(features, store, limit=most_clients, exact=exact)
    return digest


def _card_of(artefact: Path, stamp: Mapping[str, str], approver: str) -> dict[str, bytes]:
    """The files of a registered version's card; none if the model has no card."""
    facts = artefact / CARD_JSON
    if not facts.is_file():
        return {}
    card = Card.from_json(facts.read_text(encoding="utf-8"))
    return card_files(card.of_version(stamp["name"], stamp["version"], stamp["alias"], approver))


def _check_features(artefact: Path, features: Path) -> None:
    if not features.is_file():
        raise ArtefactError(
            f"there is no feature file {features}; build it, or name it by --features"
        )
    if features.suffix != ".parquet":
        raise ArtefactError(
            f"{features.name} is not Parquet; the client store is cut from features.parquet"
        )
    trained_on = verify_artefact(artefact).data_digest
    if sha256(features) != trained_on:
        raise ArtefactError(
            f"{features} is not the feature file that the model was trained on (its SHA-256 begins with "
            f"{trained_on[:12]}); name that one by --features, or train again"
        )
