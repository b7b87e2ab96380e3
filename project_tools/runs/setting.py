"""The setting to train: the parameters asked for, the best of a search, or the family's start."""

import json
from collections.abc import Mapping
from typing import Any

from project_tools.errors import SettingError, TrackingError, nearest
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.models.setting import complete_setting
from project_tools.runs.parameters import TrainingSettings
from project_tools.runs.provenance import BEST, origin, preparation_tags
from project_tools.runs.store import (
    LEVEL,
    PARENT_RUN,
    RunLog,
    TrackedRun,
    artifact,
    children,
    finished_searches,
    get_run,
)
from project_tools.system.progress import say


def setting_for(
    project: RunLog, settings: TrainingSettings, family: Family, data: Dataset
) -> dict[str, Any]:
    """The parameters to train: those asked for, the best of a search, or the family's start.

    The search is the ``run`` asked for (a family's parent run, or the project's run around it), or
    the newest finished one on the same data. The run's tags say which of the three it was.
    """
    if settings.parameters is not None:
        if settings.run is not None:
            raise SettingError("run and parameters both name a setting; give one of them")
        project.tags({"setting": "given"})
        return complete_setting(family, settings.profile, settings.parameters)
    run = _searched(project, settings.run, family, data)
    if run is None:
        say(f"  no finished search of {family.name} on this data: its starting setting is trained")
        project.tags({"setting": "start"})
        return family.start(settings.profile, data.X.shape[1])
    with artifact(project.client, run.info.run_id, BEST) as path:
        if path is None:
            raise TrackingError(
                f"run {run.info.run_id} ({run.info.status.lower()}) holds no {BEST}: its search "
                f"did not come to an end; go on with it by -P resume={run.info.run_id}, or give "
                "another"
            )
        best = json.loads(path.read_text(encoding="utf-8"))
    project.tags({"setting": "search", "setting_of_run": run.info.run_id})
    _say_differences(run.data.tags, preparation_tags(family) | origin(data))
    return _still_known(family, best["parameters"], run.info.run_id)


def _searched(
    project: RunLog, asked: str | None, family: Family, data: Dataset
) -> TrackedRun | None:
    """The family's parent run that the setting is taken from, if there is any."""
    if asked is None:
        return next(iter(finished_searches(project.client, family.name, data.digest)), None)
    finished = [run.info.run_id for run in finished_searches(project.client, family.name)]
    try:
        run = get_run(project.client, asked)
    except TrackingError as error:
        raise TrackingError(f"{error}{nearest(asked, finished)}") from error
    if run.data.tags.get(LEVEL) == "project":
        within = [
            nested
            for nested in children(project.client, asked, "family")
            if nested.data.tags.get("family") == family.name
        ]
        # A finished search goes before one that was stopped.
        run = min(within, key=lambda nested: nested.info.status != "FINISHED", default=run)
    if run.data.tags.get("family") != family.name or run.data.tags.get(LEVEL) != "family":
        parent, instead = run.data.tags.get(PARENT_RUN), ""
        if parent in finished:
            instead = f"; it is a trial of run {parent}"
        elif finished:
            instead = f"; the newest is {finished[0]}"
        raise TrackingError(
            f"run {asked} is no search of {family.name}; give a family's parent run{instead}"
        )
    return run


def _still_known(family: Family, parameters: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """The parameters that the family still has: a search of an older version may hold others."""
    gone = [name for name in parameters if name not in {*family.fixed, *family.space}]
    if gone:
        say(f"  {', '.join(gone)} of run {run_id}: {family.name} has no such parameter any more")
    return {name: value for name, value in parameters.items() if name not in gone}


def _say_differences(searched: Mapping[str, str], now: Mapping[str, object]) -> None:
    """Say where the search prepared, excluded or read otherwise than the training does."""
    watched = [name for name in now if name.startswith("preparation")]
    for name in [*watched, "excluded", "data_digest"]:
        if name in searched and searched[name] != str(now[name]):
            say(f"  the setting was searched with {name} {searched[name]}, now it is {now[name]}")
