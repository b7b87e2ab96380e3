"""The served folder: written whole, sealed by digests, verified before it answers anybody.

A damaged LightGBM text can end the process that reads it, or change scores silently. So digests
are compared first, then a child process reads the model and scores the golden rows; only when it
survives and agrees does the caller read the same bytes.

``python -m project_tools.artefact DIR`` is that child: it prints the manifest's digest, or one
line that says what is wrong, with exit status 1.
"""

import hashlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from project_tools import __version__
from project_tools.calibration import PlattCalibration
from project_tools.errors import ArtefactError, CreditError
from project_tools.files import replacing_folder, sha256
from project_tools.golden import check_golden, golden_rows
from project_tools.manifest import FORMAT, MANIFEST, Manifest, plain_json, strict_json
from project_tools.served_features import ServedFeature, Value
from project_tools.served_model import ServedModel
from project_tools.verifying import verify_in_child

MODEL, FEATURES, CATALOGUE, GOLDEN = "model.txt", "features.json", "catalogue.json", "golden.json"
_READ = (MODEL, FEATURES, CATALOGUE, GOLDEN)
#: The folder of the fitted feature state, copied as it is.
STATE = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactContent:
    """What a training run hands over to be served.

    ``model_text`` is LightGBM's own text, ``features`` its inputs in order, ``catalogue`` plain
    rows of ``FeatureInfo``, ``feature_meta`` the feature file's ``credit_features``, ``golden`` a
    few rows by feature name (held-out or invented, without an id), ``state`` the folder of the
    fitted feature state, which is copied.
    """

    name: str
    version: str
    run_id: str
    family: str
    model_text: str
    features: Sequence[ServedFeature]
    catalogue: Sequence[Mapping[str, Any]]
    threshold: float
    fn_cost: float
    metric: str
    calibration: PlattCalibration
    metrics: Mapping[str, Mapping[str, Any]]
    data_digest: str
    feature_meta: Mapping[str, Any]
    golden: Sequence[Mapping[str, Value]]
    state: Path
    alias: str = ""
    commit: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Artefact:
    """A verified model with all that a decision and its explanation need."""

    manifest: Manifest
    digest: str
    model: ServedModel
    catalogue: Mapping[str, Mapping[str, Any]]

    @property
    def threshold(self) -> float:
        """The calibrated probability above which a client is a risk."""
        return self.manifest.threshold

    @property
    def features(self) -> tuple[ServedFeature, ...]:
        """The model's inputs, in its order."""
        return self.model.features

    def describe(self, name: str) -> Mapping[str, Any]:
        """The catalogue's row of a feature, or its bare name where none describes it."""
        bare = {"name": name, "label": name, "sentence": "", "unit": "", "concept": "Other"}
        return self.catalogue.get(name, {**bare, "kind": "number"})


@dataclass(frozen=True, slots=True)
class _Parts:
    """The bytes of a folder whose digests agree with its manifest."""

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]

    def json(self, name: str) -> Any:
        return strict_json(name, self.files[name])


def write_artefact(directory: Path, content: ArtefactContent) -> str:
    """Write the served folder, or leave the former one as it was; returns the manifest's digest.

    Refuses a model whose contributions do not add up to its score, whose order of features is
    another than the one given, or whose data is not finite.
    """
    with replacing_folder(directory) as folder:
        (folder / MODEL).write_text(content.model_text, encoding="utf-8")
        _write_json(folder / FEATURES, [f.to_dict() for f in content.features])
        _write_json(folder / CATALOGUE, [dict(row) for row in content.catalogue])
        shutil.copytree(content.state, folder / STATE)
        model = ServedModel.read(content.model_text, content.features, content.calibration)
        _write_json(folder / GOLDEN, golden_rows(model, content.golden, content.threshold))
        return _seal(folder, _manifest(content))


def copy_artefact(source: Path, directory: Path, **changes: str) -> str:
    """A verified copy under another name, version, alias or run id; returns its digest.

    A run does not know yet which version the registry will give it: the export stamps it.
    """
    verify_artefact(source)
    with replacing_folder(directory) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        former = Manifest.from_bytes((source / MANIFEST).read_bytes())
        return _seal(folder, replace(former, **changes))  # type: ignore[arg-type] # texts only


def verify_artefact(directory: Path, *, child: bool = True) -> Manifest:
    """The manifest of a folder whose files and scores are what it says; else ``ArtefactError``.

    With ``child=False`` the golden rows are scored in this process.
    """
    parts = _read(directory)
    if child:
        verify_in_child(directory, parts.digest)
    else:
        _assemble(parts)
    return parts.manifest


def load_artefact(directory: Path, *, child: bool = True, verified: str = "") -> Artefact:
    """The verified artefact, built from the very bytes whose digests were compared.

    A child process reads the model first, unless the manifest's digest is ``verified``: then a
    child has read these bytes before.
    """
    parts = _read(directory)
    if child and parts.digest != verified:
        verify_in_child(directory, parts.digest)
    return _assemble(parts)


def _write_json(path: Path, data: Any) -> None:
    path.write_bytes(plain_json(data))


def _manifest(content: ArtefactContent) -> Manifest:
    digests = {
        name: str(content.feature_meta.get(name, ""))
        for name in ("raw_digest", "split_digest", "state_digest")
    }
    return Manifest(
        format=FORMAT,
        name=content.name,
        version=content.version,
        alias=content.alias,
        run_id=content.run_id,
        family=content.family,
        created=content.created.astimezone(UTC).isoformat(timespec="seconds"),
        threshold=float(content.threshold),
        fn_cost=float(content.fn_cost),
        metric=content.metric,
        calibration=content.calibration.to_dict(),
        metrics=content.metrics,
        explains="log-odds",
        data_digest=content.data_digest,
        commit=content.commit,
        versions={
            "project-tools": __version__,
            **{name: version(name) for name in ("lightgbm", "numpy")},
        },
        files={},
        **digests,
    )


def _seal(folder: Path, manifest: Manifest) -> str:
    files = {name: sha256(folder / name) for name in _names(folder)}
    content = replace(manifest, files=files).to_bytes()
    Manifest.from_bytes(content)
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _names(folder: Path) -> list[str]:
    """Every file of the folder but the manifest, by its relative name."""
    paths = (p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())
    return sorted(name for name in paths if name != MANIFEST)


def _read(directory: Path) -> _Parts:
    """The files' bytes, after every digest has been compared."""
    if not directory.is_dir():
        raise ArtefactError(
            f"there is no model folder {directory}; make one with `python -m project_tools export`"
        )
    content = _bytes(directory, MANIFEST)
    manifest = Manifest.from_bytes(content)
    _compare_names(directory, manifest)
    files = {}
    for name, expected in manifest.files.items():
        found = _bytes(directory, name)
        _compare(name, expected, hashlib.sha256(found).hexdigest())
        if name in _READ:
            files[name] = found
    return _Parts(manifest, hashlib.sha256(content).hexdigest(), files)


def _bytes(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as why:
        raise ArtefactError(
            f"{directory / name} cannot be read ({why.strerror}); export the model again"
        ) from why


def _compare_names(directory: Path, manifest: Manifest) -> None:
    found = set(_names(directory))
    for name in sorted({*manifest.files, *_READ} - found):
        raise ArtefactError(f"{directory / name} is missing; export the model again")
    for name in sorted({*found, *_READ} - {*manifest.files}):
        raise ArtefactError(f"{directory / name} is not in {MANIFEST}; export the model again")


def _compare(name: str, expected: str, found: str) -> None:
    if found != expected:
        raise ArtefactError(
            f"{name} is damaged: its SHA-256 is {found[:12]}…, {MANIFEST} says {expected[:12]}…; "
            "export the model again"
        )


def _assemble(parts: _Parts) -> Artefact:
    manifest = parts.manifest
    features = _features(parts.json(FEATURES))
    catalogue = _catalogue(parts.json(CATALOGUE), features)
    text = parts.files[MODEL].decode("utf-8", "replace")
    model = ServedModel.read(text, features, _calibration(manifest))
    check_golden(model, parts.json(GOLDEN), manifest.threshold)
    return Artefact(manifest, parts.digest, model, catalogue)


def _features(rows: Any) -> list[ServedFeature]:
    if not isinstance(rows, list):
        raise ArtefactError(f"{FEATURES} is no list; export the model again")
    return [ServedFeature.from_dict(row) for row in rows]


def _catalogue(rows: Any, features: Sequence[ServedFeature]) -> Mapping[str, Mapping[str, Any]]:
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
    return catalogue


def _calibration(manifest: Manifest) -> PlattCalibration:
    try:
        return PlattCalibration.from_dict(dict(manifest.calibration))
    except (CreditError, KeyError, TypeError, ValueError) as why:
        raise ArtefactError(f"{MANIFEST}: 'calibration' is none that is known here") from why


def _main(arguments: Sequence[str]) -> int:
    try:
        directory = Path(arguments[0])
        verify_artefact(directory, child=False)
        line, status = sha256(directory / MANIFEST), 0
    except CreditError as why:
        line, status = str(why), 1
    sys.stdout.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
