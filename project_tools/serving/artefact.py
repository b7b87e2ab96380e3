"""The served folder: written whole, sealed by digests, verified before anybody gets an answer.

A damaged model can end the process that reads it, or change scores silently. So the digests are
compared first, and a child process reads the model and scores the golden rows. The caller reads
the same bytes only when the child survives and agrees. A digest says that a file is not damaged;
it does not say who made the file, so no content is trusted for its digest.

``python -m project_tools.serving.artefact DIR`` is that child: it prints the manifest's digest, or one
line that says what is wrong, with exit status 1.
"""

import hashlib
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from project_tools import __version__
from project_tools.errors import ArtefactError, CreditError, FeatureError
from project_tools.evaluation.calibration import Calibration
from project_tools.serving.folder import (
    BESIDE,
    CARD_HTML,
    CARD_MARKDOWN,
    CATALOGUE,
    FEATURES,
    STATE,
    Parts,
    checked_catalogue,
    file_names,
    read_parts,
    refuse_foreign,
)
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.formats.table import model_format
from project_tools.serving.golden import GOLDEN, check_golden, golden_rows
from project_tools.serving.inputs import ServedFeature, Value
from project_tools.serving.json_files import plain_json
from project_tools.serving.lean import hide_training_libraries
from project_tools.serving.manifest import (
    FORMAT,
    MANIFEST,
    WITHOUT_REFERENCE,
    Manifest,
    ReasonsCheck,
)
from project_tools.serving.model import ServedModel
from project_tools.serving.overview import OVERVIEW, Overview, compute_overview
from project_tools.serving.reasons.check import check_reasons
from project_tools.serving.reasons.concepts import concepts_of
from project_tools.serving.reasons.gap import ConceptIndex
from project_tools.serving.reference import (
    REFERENCE,
    SAMPLE,
    Reference,
    ReferenceClients,
    compute_reference,
)
from project_tools.serving.verification import verify_in_child
from project_tools.system.files import replacing_folder, sha256

#: The concept of a feature that the client store holds and the model does not take.
UNUSED = "Not used by the model"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactContent:
    """All that a training run gives to be served.

    ``features`` are the model's inputs in order, ``catalogue`` plain rows of ``FeatureInfo``,
    ``feature_meta`` the feature file's ``credit_features``, ``golden`` a few rows by feature name
    (held-out or invented, without an id), ``background`` the clients over whom the overview is
    computed (the golden rows where there are none), ``state`` the folder of the fitted feature
    state, which is copied. ``files`` lie beside them: the model card in its forms, the reference
    of drift. ``reference`` are the clients of the model's own reference; without them it has none.
    """

    name: str
    version: str
    run_id: str
    family: str
    model: ModelFile
    features: Sequence[ServedFeature]
    catalogue: Sequence[Mapping[str, Any]]
    threshold: float
    fn_cost: float
    metric: str
    calibration: Calibration
    metrics: Mapping[str, Mapping[str, Any]]
    data_digest: str
    feature_meta: Mapping[str, Any]
    golden: Sequence[Mapping[str, Value]]
    state: Path
    background: Sequence[Mapping[str, Value]] = ()
    reference: ReferenceClients | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    alias: str = ""
    commit: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Artefact:
    """A verified model with all that a decision and its explanation need.

    ``index`` holds the features by the concept of their reasons. ``card`` is the model card by the
    name of its file, ``reference`` what a client is compared with; a model of an older release has
    neither.
    """

    manifest: Manifest
    digest: str
    model: ServedModel
    catalogue: Mapping[str, Mapping[str, Any]]
    overview: Overview
    index: ConceptIndex
    card: Mapping[str, bytes] = field(default_factory=dict)
    reference: Reference | None = None

    @property
    def threshold(self) -> float:
        """The calibrated probability above which a client is a risk."""
        return self.manifest.threshold

    @property
    def features(self) -> tuple[ServedFeature, ...]:
        """The model's inputs, in its order."""
        return self.model.features

    def describe(self, name: str) -> Mapping[str, Any]:
        """The catalogue's row of a feature, or a row of its bare name if the model does not take it."""
        row = self.catalogue.get(name)
        if row is None:
            bare = {"name": name, "label": name, "sentence": "", "unit": "", "concept": UNUSED}
            return {**bare, "kind": "number"}
        return row


def write_artefact(directory: Path, content: ArtefactContent) -> str:
    """Write the served folder, or leave the former one as it was; returns the manifest's digest.

    ``ArtefactError`` for a model whose contributions do not add up to its score, whose features
    are others or in another order, and for data that is not finite.
    """
    model = ServedModel.read(content.model, content.features, content.calibration)
    catalogue = checked_catalogue(content.catalogue, content.features)
    refuse_foreign(directory)
    with replacing_folder(directory) as folder:
        (folder / model.file).write_bytes(content.model.content)
        _write_json(folder / FEATURES, [asdict(f) for f in content.features])
        _write_json(folder / CATALOGUE, [dict(row) for row in content.catalogue])
        shutil.copytree(content.state, folder / STATE)
        _write_json(folder / GOLDEN, golden_rows(model, content.golden, content.threshold))
        overview = compute_overview(
            model,
            concepts(catalogue, content.features),
            model.encoder.encode_rows(content.background or content.golden),
        )
        _write_json(folder / OVERVIEW, asdict(overview))
        checked_reasons = None
        if content.reference is not None:
            reference = compute_reference(model, catalogue, content.reference, content.threshold)
            facts, sample = reference.to_files(sha256(folder / model.file))
            _write_json(folder / REFERENCE, facts)
            (folder / SAMPLE).write_bytes(sample)
            checked_reasons = check_reasons(
                model,
                concept_index(catalogue, content.features),
                reference,
                content.reference.held_out,
                content.threshold,
            )
        _write_files(folder, content.files)
        return _seal(folder, _manifest(content, model, checked_reasons))


def concepts(
    catalogue: Mapping[str, Mapping[str, Any]], features: Sequence[ServedFeature]
) -> dict[str, list[int]]:
    """The positions of the features, by concept."""
    positions: dict[str, list[int]] = {}
    for position, feature in enumerate(features):
        positions.setdefault(catalogue[feature.name]["concept"], []).append(position)
    return positions


def concept_index(
    catalogue: Mapping[str, Mapping[str, Any]], features: Sequence[ServedFeature]
) -> ConceptIndex:
    """The features by the concept of their reasons; ``ArtefactError`` for one that has none."""
    try:
        codes = concepts_of(catalogue.values())
    except FeatureError as why:
        raise ArtefactError(f"{CATALOGUE}: {why}") from why
    return ConceptIndex.of([codes[feature.name] for feature in features])


def copy_artefact(
    source: Path,
    directory: Path,
    files: Mapping[str, bytes] | None = None,
    **changes: str,
) -> str:
    """A verified copy under another name, version, alias or run id; returns its digest.

    A run does not know the version that the registry will give it: the export writes it.
    ``files`` replace those of the same names beside the model.
    """
    verify_artefact(source)
    refuse_foreign(directory)
    with replacing_folder(directory) as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        (folder / MANIFEST).unlink()
        _write_files(folder, files or {})
        former = Manifest.from_bytes((source / MANIFEST).read_bytes())
        return _seal(folder, replace(former, **changes))  # type: ignore[arg-type] # texts only


def verify_artefact(directory: Path, *, child: bool = True) -> Manifest:
    """The manifest of a folder; ``ArtefactError`` unless files and scores are what it says.

    With ``child=False`` the golden rows are scored in this process.
    """
    parts = read_parts(directory)
    if child:
        verify_in_child(directory, parts.digest, parts.model_name)
    else:
        _assemble(parts)
    return parts.manifest


def load_artefact(directory: Path, *, child: bool = True, verified: str = "") -> Artefact:
    """The verified artefact, built from the very bytes whose digests were compared.

    A child process reads the model first, unless ``verified`` is the manifest's digest: then a
    child read these bytes before.
    """
    parts = read_parts(directory)
    if child and parts.digest != verified:
        verify_in_child(directory, parts.digest, parts.model_name)
    return _assemble(parts)


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        if name not in BESIDE:
            raise ArtefactError(f"{name} is no file that lies beside a model: {', '.join(BESIDE)}")
        (folder / name).write_bytes(content)


def _write_json(path: Path, data: Any) -> None:
    path.write_bytes(plain_json(data))


def _manifest(
    content: ArtefactContent, model: ServedModel, checked_reasons: ReasonsCheck | None
) -> Manifest:
    digests = {
        name: str(content.feature_meta.get(name, ""))
        for name in ("raw_digest", "split_digest", "state_digest")
    }
    return Manifest(
        format=WITHOUT_REFERENCE if content.reference is None else FORMAT,
        name=content.name,
        version=content.version,
        alias=content.alias,
        run_id=content.run_id,
        family=content.family,
        model_format=content.model.format,
        created=content.created.astimezone(UTC).isoformat(timespec="seconds"),
        threshold=float(content.threshold),
        fn_cost=float(content.fn_cost),
        metric=content.metric,
        calibration=content.calibration.to_dict(),
        metrics=content.metrics,
        explains=model.scale,
        data_digest=content.data_digest,
        commit=content.commit,
        versions={
            "project-tools": __version__,
            **{name: version(name) for name in ("numpy", *model_format(model.format).packages)},
        },
        files={},
        raw_digest=digests["raw_digest"],
        split_digest=digests["split_digest"],
        state_digest=digests["state_digest"],
        reasons=checked_reasons,
    )


def _seal(folder: Path, manifest: Manifest) -> str:
    files = {name: sha256(folder / name) for name in file_names(folder)}
    content = replace(manifest, files=files).to_bytes()
    Manifest.from_bytes(content)
    (folder / MANIFEST).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _assemble(parts: Parts) -> Artefact:
    manifest, features = parts.manifest, parts.features()
    catalogue = parts.catalogue(features)
    file = ModelFile(manifest.model_format, parts.files[parts.model_name])
    model = ServedModel.read(file, features, manifest.curve())
    if model.scale != manifest.explains:
        raise ArtefactError(
            f"{MANIFEST}: 'explains' is {manifest.explains!r}, {model.file} scores in {model.scale}"
        )
    check_golden(model, parts.golden(), manifest.threshold)
    card = {name: parts.files[name] for name in (CARD_MARKDOWN, CARD_HTML) if name in parts.files}
    overview, reference = parts.overview(features), parts.reference(model)
    index = concept_index(catalogue, features)
    return Artefact(manifest, parts.digest, model, catalogue, overview, index, card, reference)


def _main(arguments: Sequence[str]) -> int:
    hide_training_libraries()
    try:
        directory = Path(arguments[0])
        verify_artefact(directory, child=False)
        line, status = sha256(directory / MANIFEST), 0
    except CreditError as why:
        line, status = str(why), 1
    except ModuleNotFoundError as why:
        line, status = f"the package {why.name} that the model needs is not installed here", 1
    sys.stdout.write(f"{line}\n")
    return status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
