"""From the registry to what the API serves: the artefact and, beside it, the client store."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from project_tools.errors import ArtefactError
from project_tools.governance.card import Card
from project_tools.governance.card_page import card_files
from project_tools.runs.registry import aliases_of, download, find_version
from project_tools.runs.store import connect
from project_tools.serving.artefact import copy_artefact, verify_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.folder import CARD_JSON
from project_tools.system.files import sha256
from project_tools.system.progress import working

CLIENT_STORE = "clients.parquet"


def export(model: str, directory: Path, *, features: Path, most_clients: int | None) -> str:
    """Write a registered model's artefact to ``directory`` and its clients beside it; its digest.

    ``features`` must be the Parquet file that the model was trained on: the store is cut from
    it, held-out and new clients only, at most ``most_clients``. Raises ``TrackingError`` for a
    model that is not there, ``ArtefactError`` for another feature file; then nothing is replaced.
    """
    client = connect()
    version = find_version(client, model)
    aliases = aliases_of(client, version)
    with tempfile.TemporaryDirectory() as folder:
        with working(f"fetching {version.name} version {version.version}"):
            source = download(version, Path(folder))
        _check_features(source, features)
        store = directory.resolve().parent / CLIENT_STORE
        with working("verifying and copying the artefact"):
            stamp = {
                "name": version.name,
                "version": str(version.version),
                "alias": _main(aliases),
                "run_id": version.run_id or "",
            }
            digest = copy_artefact(source, directory, _card_of(source, stamp), **stamp)
        with working("cutting the client store"):
            write_client_store(features, store, limit=most_clients)
    return digest


def _card_of(artefact: Path, stamp: Mapping[str, str]) -> dict[str, bytes]:
    """The card of a registered version, in all its forms; none where the model has none."""
    facts = artefact / CARD_JSON
    if not facts.is_file():
        return {}
    card = Card.from_json(facts.read_text(encoding="utf-8"))
    return card_files(card.of_version(stamp["name"], stamp["version"], stamp["alias"]))


def _main(aliases: list[str]) -> str:
    """The alias to show: the champion's, if it is that."""
    return "champion" if "champion" in aliases else next(iter(aliases), "")


def _check_features(artefact: Path, features: Path) -> None:
    if not features.is_file():
        raise ArtefactError(
            f"there is no feature file {features}; build it, or name it by --features"
        )
    if features.suffix != ".parquet":
        raise ArtefactError(
            f"{features.name} is not Parquet; the client store is cut from features.parquet"
        )
    wanted = verify_artefact(artefact).data_digest
    if sha256(features) != wanted:
        raise ArtefactError(
            f"{features} is not the feature file that the model was trained on (its SHA-256 begins with "
            f"{wanted[:12]}); name that one by --features, or train again"
        )
