"""The files of a served folder: their names, their bytes, their digests. No model is loaded here."""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project_tools.errors import ArtefactError
from project_tools.serving.formats.table import model_format
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.manifest import MANIFEST, Manifest, strict_json
from project_tools.serving.overview import OVERVIEW, Overview

FEATURES, CATALOGUE, GOLDEN = "features.json", "catalogue.json", "golden.json"
#: What is read beside the model's own file.
_READ = (FEATURES, CATALOGUE, GOLDEN, OVERVIEW)
#: What may lie beside the model: its card as facts, Markdown and page; the reference of drift.
CARD_JSON, CARD_MARKDOWN, CARD_HTML = "card.json", "card.md", "card.html"
DRIFT_REFERENCE = "drift_reference.json"
BESIDE = (CARD_JSON, CARD_MARKDOWN, CARD_HTML, DRIFT_REFERENCE)
#: The folder of the fitted feature state, copied as it is.
STATE = "state"
#: No file of a served folder is as large as this.
LARGEST_FILE = 1 << 30


@dataclass(frozen=True, slots=True)
class Parts:
    """The bytes of a folder whose digests agree with its manifest; ``sizes`` in bytes, of all files."""

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]
    sizes: Mapping[str, int]

    @property
    def model_name(self) -> str:
        return model_format(self.manifest.model_format).file

    def json(self, name: str) -> Any:
        return strict_json(name, self.files[name])

    def features(self) -> list[ServedFeature]:
        return _features(self.json(FEATURES))

    def catalogue(self) -> Mapping[str, Mapping[str, Any]]:
        return checked_catalogue(self.json(CATALOGUE), self.features())

    def overview(self) -> Overview:
        return Overview.from_dict(self.json(OVERVIEW), [f.name for f in self.features()])


def file_names(folder: Path) -> list[str]:
    """Every file of the folder but the manifest, by its relative name.

    ``ArtefactError`` for links and whatever else is neither a plain file nor a folder: a link
    leads out of the folder, and reading a pipe would never end.
    """
    names = []
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ArtefactError(f"{path} is a link or no plain file; a served folder holds neither")
        if stat.S_ISREG(mode):
            names.append(path.relative_to(folder).as_posix())
    return sorted(name for name in names if name != MANIFEST)


def read_parts(directory: Path) -> Parts:
    """The files' bytes, after every digest has been compared."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no model folder {directory}; make one with `python -m project_tools export`"
        )
    content = _bytes(directory, MANIFEST)
    manifest = Manifest.from_bytes(content)
    read = (model_format(manifest.model_format).file, *_READ)
    _compare_names(directory, manifest, read)
    kept = {*read, CARD_MARKDOWN, CARD_HTML}
    files, sizes = {}, {}
    for name, expected in manifest.files.items():
        found = _bytes(directory, name)
        _compare(name, expected, hashlib.sha256(found).hexdigest())
        sizes[name] = len(found)
        if name in kept:
            files[name] = found
    return Parts(manifest, hashlib.sha256(content).hexdigest(), files, sizes)


def _bytes(directory: Path, name: str) -> bytes:
    try:
        # Neither a link is followed nor a pipe waited for.
        with os.fdopen(
            os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb"
        ) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                raise ArtefactError(f"{directory / name} is larger than {LARGEST_FILE:,} bytes")
            return file.read()
    except OSError as why:
        raise ArtefactError(
            f"{directory / name} cannot be read ({why.strerror}); export the model again"
        ) from why


def _compare_names(directory: Path, manifest: Manifest, read: Sequence[str]) -> None:
    found = set(file_names(directory))
    for name in sorted({*manifest.files, *read} - found):
        raise ArtefactError(f"{directory / name} is missing; export the model again")
    for name in sorted({*found, *read} - {*manifest.files}):
        raise ArtefactError(f"{directory / name} is not in {MANIFEST}; export the model again")


def _compare(name: str, expected: str, found: str) -> None:
    if found != expected:
        raise ArtefactError(
            f"{name} is damaged: its SHA-256 is {found[:12]}…, {MANIFEST} says {expected[:12]}…; "
            "export the model again"
        )


def _features(rows: Any) -> list[ServedFeature]:
    if not isinstance(rows, list):
        raise ArtefactError(f"{FEATURES} is no list; export the model again")
    return [ServedFeature.from_dict(row) for row in rows]


def checked_catalogue(
    rows: Any, features: Sequence[ServedFeature]
) -> Mapping[str, Mapping[str, Any]]:
    try:
        catalogue = {row["name"]: row for row in rows}
        complete = all(
            {"label", "sentence", "unit", "concept", "kind"} <= row.keys() for row in rows
        )
    except (TypeError, KeyError, AttributeError) as why:
        raise ArtefactError(f"{CATALOGUE} is not a list of features with names") from why
    if not complete:
        raise ArtefactError(f"{CATALOGUE}: a row lacks label, sentence, unit, concept or kind")
    for feature in features:
        if feature.name not in catalogue:
            raise ArtefactError(f"{CATALOGUE} does not describe the model's {feature.name!r}")
        # A reason names the concept, and nobody can be told "other".
        if str(catalogue[feature.name]["concept"]).strip().lower() in ("", "other"):
            raise ArtefactError(f"{CATALOGUE} gives the model's {feature.name!r} no concept")
    return catalogue
