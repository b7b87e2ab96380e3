"""The files of a served folder: names, bytes, digests, declared contents. No model is loaded here."""

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

from project_tools.errors import ArtefactError
from project_tools.features.wording.wording import Display
from project_tools.serving.formats.table import FORMATS, model_format
from project_tools.serving.golden import GOLDEN, Golden
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.json_files import Text, checked, strict_json
from project_tools.serving.manifest import MANIFEST, WITHOUT_REFERENCE, Manifest
from project_tools.serving.overview import OVERVIEW, Overview
from project_tools.serving.reference import REFERENCE, SAMPLE, Reference
from project_tools.system.files import refuse_foreign_folder

if TYPE_CHECKING:  # an inspection reads a folder and needs no model
    from project_tools.serving.model import ServedModel

FEATURES, CATALOGUE = "features.json", "catalogue.json"
#: The files that are read beside the model's own, and those that a model with a reference has too.
_READ, _READ_TOO = (FEATURES, CATALOGUE, GOLDEN, OVERVIEW), (REFERENCE, SAMPLE)
#: Files that may lie beside the model: its card as facts, Markdown and page; the reference of drift.
CARD_JSON, CARD_MARKDOWN, CARD_HTML = "card.json", "card.md", "card.html"
DRIFT_REFERENCE = "drift_reference.json"
BESIDE = (CARD_JSON, CARD_MARKDOWN, CARD_HTML, DRIFT_REFERENCE)
#: The folder of the fitted feature state, copied as it is.
STATE = "state"
#: No file of a served folder is as large as this.
LARGEST_FILE = 1 << 30


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """What a row of ``catalogue.json`` tells of a feature; it may tell more."""

    __pydantic_config__: ClassVar = ConfigDict(extra="ignore")
    name: Text
    label: Text
    sentence: Text
    unit: Text
    concept: Text
    kind: Literal["number", "category"]
    levels: tuple[Text, ...] = ()
    #: Both are missing in models of before they were declared.
    display: Display | Literal[""] = ""
    sayable: bool = False


_FEATURES = TypeAdapter(list[ServedFeature])
_CATALOGUE = TypeAdapter(list[CatalogueRow])


@dataclass(frozen=True, slots=True)
class Parts:
    """The bytes of a folder whose digests agree with its manifest; ``sizes`` in bytes, of all files.

    Its methods read one file each; ``ArtefactError`` for content that is not the declared one.
    """

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]
    sizes: Mapping[str, int]

    @property
    def model_name(self) -> str:
        """The name of the model's file."""
        return model_format(self.manifest.model_format).file

    def features(self) -> list[ServedFeature]:
        """The model's inputs, in its order."""
        return checked(_FEATURES, strict_json(FEATURES, self.files[FEATURES]), FEATURES)

    def catalogue(self, features: Sequence[ServedFeature]) -> Mapping[str, Mapping[str, Any]]:
        """The catalogue by name, which describes each of the features."""
        return checked_catalogue(strict_json(CATALOGUE, self.files[CATALOGUE]), features)

    def golden(self) -> Golden:
        """The golden rows."""
        return Golden.from_data(strict_json(GOLDEN, self.files[GOLDEN]))

    def overview(self, features: Sequence[ServedFeature]) -> Overview:
        """The overview of these features."""
        data = strict_json(OVERVIEW, self.files[OVERVIEW])
        return Overview.from_data(data, [feature.name for feature in features])

    def reference(self, model: "ServedModel") -> Reference | None:
        """The reference of this model; None in a folder of before there was one."""
        if REFERENCE not in self.files:
            return None
        data = strict_json(REFERENCE, self.files[REFERENCE])
        digest = self.manifest.files[self.model_name]
        return Reference.from_files(data, self.files[SAMPLE], model, digest)


def file_names(folder: Path) -> list[str]:
    """The relative names of all files of the folder but the manifest, sorted.

    ``ArtefactError`` for a link, a pipe and everything else that is neither a plain file nor a
    folder: a link leads out of the folder, and the reading of a pipe never ends.
    """
    names = []
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise ArtefactError(f"{path} is a link or no plain file; a served folder holds neither")
        if stat.S_ISREG(mode):
            names.append(path.relative_to(folder).as_posix())
    return sorted(name for name in names if name != MANIFEST)


def is_artefact_folder(directory: Path) -> bool:
    """Whether a folder holds the files of an artefact, whole or damaged, and nothing else."""
    names = {path.name for path in directory.iterdir()}
    return MANIFEST in names and names <= {MANIFEST, *_READ, *_READ_TOO, *BESIDE, STATE} | {
        row.file for row in FORMATS.values()
    }


def refuse_foreign(directory: Path) -> None:
    """Raises ``SettingError`` for a folder that an artefact must not replace."""
    refuse_foreign_folder(directory, is_artefact_folder, "a model")


def read_parts(directory: Path) -> Parts:
    """The bytes of the files; ``ArtefactError`` unless every file has the digest in the manifest."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no model folder {directory}; make one with `python -m project_tools export`"
        )
    content = _bytes(directory, MANIFEST)
    manifest = Manifest.from_bytes(content)
    own = _READ if manifest.format == WITHOUT_REFERENCE else (*_READ, *_READ_TOO)
    read = {model_format(manifest.model_format).file, *own}
    present, listed = set(file_names(directory)), set(manifest.files)
    for name in sorted((listed | read) - present):
        raise ArtefactError(f"{directory / name} is missing; export the model again")
    for name in sorted((present | read) - listed):
        raise ArtefactError(f"{directory / name} is not in {MANIFEST}; export the model again")
    kept = {*read, CARD_MARKDOWN, CARD_HTML}
    files, sizes = {}, {}
    for name, expected in manifest.files.items():
        part = _bytes(directory, name)
        digest = hashlib.sha256(part).hexdigest()
        if digest != expected:
            raise ArtefactError(
                f"{name} is damaged: its SHA-256 is {digest[:12]}…, {MANIFEST} says "
                f"{expected[:12]}…; export the model again"
            )
        sizes[name] = len(part)
        if name in kept:
            files[name] = part
    return Parts(manifest, hashlib.sha256(content).hexdigest(), files, sizes)


def _bytes(directory: Path, name: str) -> bytes:
    try:
        # The flags refuse a link, and do not wait for a pipe.
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


def checked_catalogue(
    rows: Any, features: Sequence[ServedFeature]
) -> Mapping[str, Mapping[str, Any]]:
    """Catalogue rows by name; ``ArtefactError`` where one is wrong, or a feature has no concept."""
    checked(_CATALOGUE, rows, CATALOGUE)
    catalogue = {row["name"]: row for row in rows}
    for feature in features:
        if feature.name not in catalogue:
            raise ArtefactError(f"{CATALOGUE} does not describe the model's {feature.name!r}")
        # A reason names the concept, and "other" explains nothing.
        if catalogue[feature.name]["concept"].strip().lower() in ("", "other"):
            raise ArtefactError(f"{CATALOGUE} gives the model's {feature.name!r} no concept")
    return catalogue
