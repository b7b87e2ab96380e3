"""Versions of a model in MLflow's registry: registered, found, downloaded, made the champion."""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

from project_tools.errors import TrackingError, nearest
from project_tools.runs.standalone import Standalone, copy_code
from project_tools.runs.store import LEVEL, RunLog, run_or_none, store_call
from project_tools.serving.columns import CLASS, PROBABILITY, RAW_SCORE

#: MLflow's type of a registered version, for modules that do not import MLflow.
Registered = ModelVersion
#: The registered model that the lender's decisions come from.
MODEL_NAME = "credit_scoring"
DESCRIPTION = (
    "Probability that a client does not repay, and the decision that follows from it. "
    "champion decides; challenger may take its place (python -m project_tools promote)."
)
#: Aliases of the version that decides and of the one that may take its place.
CHAMPION, CHALLENGER = "champion", "challenger"


def register(
    log: RunLog,
    artefact: Path,
    columns: Sequence[tuple[str, str]],
    tags: Mapping[str, object],
    name: str = MODEL_NAME,
    *,
    standalone: Standalone | None = None,
) -> ModelVersion:
    """Log a served folder with the run and register it; the new version is the ``challenger``.

    ``columns`` are the model's inputs as (name, "number" or "category"). It becomes the champion
    by a promotion alone.
    """
    with store_call():  # uninterrupted: no version is left without its alias
        with mlflow.start_run(run_id=log.run_id, log_system_metrics=False):
            info = _log_model(artefact, columns, name, standalone or Standalone())
        version = str(info.registered_model_version)
        if standalone is not None:
            log.measured(standalone.metrics, info.model_id)
            log.client.update_model_version(name, version, standalone.description)
            log.client.update_registered_model(name, DESCRIPTION)
        for key, value in tags.items():
            log.client.set_model_version_tag(name, version, key, str(value))
        log.client.set_registered_model_alias(name, CHALLENGER, version)
        return log.client.get_model_version(name, version)


def _log_model(
    artefact: Path, columns: Sequence[tuple[str, str]], name: str, standalone: Standalone
) -> Any:
    """Log a served folder with the code and the packages that it needs, and register it."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # MLflow's own use of pandas, where it looks at the example.
        warnings.filterwarnings("ignore", message="Operation with range is deprecated")
        return mlflow.pyfunc.log_model(
            name="model",
            loader_module="project_tools.serving.pyfunc",
            data_path=str(artefact),
            code_paths=[str(copy_code(Path(folder)))],
            signature=_signature(columns),
            input_example=standalone.example,
            pip_requirements=list(standalone.requirements),
            params=dict(standalone.parameters),
            registered_model_name=name,
        )


def _signature(columns: Sequence[tuple[str, str]]) -> ModelSignature:
    # MLflow's type for texts refuses pandas categories (mlflow #12910), so our loader checks them.
    # A float column refuses what pandas reads from a CSV file.
    any_type: Any = AnyType
    kinds: dict[str, Any] = {"number": DataType.double, "category": any_type()}
    return ModelSignature(
        inputs=Schema([ColSpec(kinds[kind], name, required=False) for name, kind in columns]),
        outputs=Schema(
            [
                ColSpec(DataType.double, PROBABILITY),
                ColSpec(DataType.string, CLASS),
                ColSpec(DataType.double, RAW_SCORE),
            ]
        ),
    )


def alias_or_none(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """The version that an alias of a model points at, or ``None``."""
    try:
        return client.get_model_version_by_alias(name, alias)
    except MlflowException:
        return None


def find_version(client: MlflowClient, model: str) -> ModelVersion:
    """The registered version that a text names: ``name``, ``name@alias``, ``name/7`` or a run's id.

    ``name`` alone means its champion. Raises ``TrackingError`` that names the models, aliases or
    versions there are.
    """
    name, at, alias = model.partition("@")
    if at:
        return _by_alias(client, name, alias)
    name, slash, number = model.partition("/")
    if slash:
        return _by_number(client, name, number)
    if any(m.name == model for m in client.search_registered_models()):
        return _by_alias(client, model, CHAMPION)
    of_run = client.search_model_versions(f"run_id = '{model}'")
    if of_run:
        return of_run[0]
    names = [m.name for m in client.search_registered_models()]
    runs = sorted({str(v.run_id) for v in client.search_model_versions()})
    there = ", ".join(names) or "none yet (run make run, or mlflow run lightgbm -e log_model)"
    run, note = run_or_none(client, model), ""
    if run is not None:
        level = run.data.tags.get(LEVEL, "some")
        note = f" (there is a run of this id, of the level {level!r}, but it registered no model)"
    raise TrackingError(
        f"no registered model and no run with a registered model is called {model!r}{note}; "
        f"registered are: {there}{nearest(model, [*names, *runs])}"
    )


def _by_alias(client: MlflowClient, name: str, alias: str) -> ModelVersion:
    version = alias_or_none(client, name, alias)
    if version is not None:
        return version
    models = [m for m in client.search_registered_models() if m.name == name]
    if not models:
        raise _not_registered(client, name)
    aliases = sorted(models[0].aliases)
    raise TrackingError(
        f"{name} has no alias {alias!r}; set are: {', '.join(aliases) or 'none'}{nearest(alias, aliases)}"
    )


def _by_number(client: MlflowClient, name: str, number: str) -> ModelVersion:
    try:
        return client.get_model_version(name, number)
    except MlflowException as error:
        versions = [v.version for v in client.search_model_versions(f"name = '{name}'")]
        if not versions:
            raise _not_registered(client, name) from error
        raise TrackingError(
            f"{name} has no version {number!r}; there are {', '.join(sorted(map(str, versions)))}"
        ) from error


def _not_registered(client: MlflowClient, name: str) -> TrackingError:
    names = [m.name for m in client.search_registered_models()]
    return TrackingError(
        f"no model {name!r} is registered; registered are: {', '.join(names) or 'none'}"
        f"{nearest(name, names)}"
    )


def download(version: ModelVersion, into: Path) -> Path:
    """The served folder of a registered version, copied below ``into``."""
    local = mlflow.artifacts.download_artifacts(
        f"models:/{version.name}/{version.version}", dst_path=str(into)
    )
    folders = [path.parent for path in Path(local).rglob("manifest.json")]
    if len(folders) != 1:
        raise TrackingError(
            f"{version.name} version {version.version} holds no artefact of ours; "
            "register one with mlflow run lightgbm -e log_model"
        )
    return folders[0]


def aliases_of(client: MlflowClient, version: ModelVersion) -> list[str]:
    """The aliases that point at a version, sorted."""
    model = client.get_registered_model(version.name)
    return sorted(a for a, v in model.aliases.items() if str(v) == str(version.version))


def approver_of(version: ModelVersion) -> str:
    """Who promoted a version; empty for one that no person promoted, as the first of a name."""
    tags = version.tags
    if tags.get("promotion") not in {"promoted", "forced"}:
        return ""
    return "" if tags.get("promotion_run") == version.run_id else str(tags.get("promotion_by", ""))


def set_champion(client: MlflowClient, version: ModelVersion, former: str | None) -> None:
    """Make a version the champion, and remove its alias ``challenger``.

    Raises ``TrackingError`` if the champion is not ``former`` (a number, or none).
    """
    held = alias_or_none(client, version.name, CHAMPION)
    if (None if held is None else str(held.version)) != former:
        raise TrackingError(
            f"another version of {version.name} became the champion meanwhile; weigh them anew"
        )
    with store_call():
        client.set_registered_model_alias(version.name, CHAMPION, version.version)
    challenger = alias_or_none(client, version.name, CHALLENGER)
    if challenger is not None and challenger.version == version.version:
        with store_call():
            client.delete_registered_model_alias(version.name, CHALLENGER)
