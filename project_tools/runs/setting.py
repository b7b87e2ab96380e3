"""Where the setting that is trained comes from: given, or the best of a search, or the start."""

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from project_tools.errors import SettingError, TrackingError, nearest
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.models.setting import complete_setting
from project_tools.runs.provenance import origin, preparation_tags
from project_tools.runs.store import (
    PARENT_RUN,
    RunLog,
    TrackedRun,
    artifact,
    children,
    finished_families,
    finished_searches,
    get_run,
)
from project_tools.system.progress import say


def setting_for(project: RunLog, given: Namespace, family: Family, data: Dataset) -> dict[str, Any]:
    """The parameters to train: those given, or the best of a search, or else the family's start.

    The search is the ``run`` asked for (a family's parent run, or the project's run around it), or
    the newest finished one on this very data.
    """
    if given.parameters is not None:
        if given.run is not None:
            raise SettingError("run and parameters both name a setting; give one of them")
        project.tags({"setting": "given"})
        return complete_setting(family, given.profile, given.parameters)
    run = _search(project, given, family, data)
    if run is None:
        say(f"  no finished search of {family.name} on this data: its starting setting is trained")
        project.tags({"setting": "start"})
        return family.start(given.profile)
    best = _best(project, run)
    project.tags({"setting": "search", "setting_of_run": run.info.run_id})
    _say_differences(run.data.tags, preparation_tags(family) | origin(data))
    return dict(best["parameters"])


def _search(project: RunLog, given: Namespace, family: Family, data: Dataset) -> TrackedRun | None:
    """The family's parent run that the setting is taken from, if there is any."""
    if given.run is None:
        return next(iter(finished_families(project.client, family.name, data.digest)), None)
    known = [run.info.run_id for run in finished_searches(project.client, _of(family))]
    try:
        run = get_run(project.client, given.run)
    except TrackingError as error:
        raise TrackingError(f"{error}{nearest(given.run, known)}") from error
    if run.data.tags.get("level") == "project":  # the run that holds those of the families
        run = next(iter(_families_within(project, run, family)), run)
    if run.data.tags.get("family") != family.name or run.data.tags.get("level") != "family":
        raise TrackingError(
            f"run {given.run} is no search of {family.name}; give a family's parent run"
            f"{_instead(run, known)}"
        )
    return run


def _families_within(project: RunLog, run: TrackedRun, family: Family) -> list[TrackedRun]:
    """The searches of a family in a project's run, those that came to an end first."""
    found = [
        nested
        for nested in children(project.client, run.info.run_id, "family")
        if nested.data.tags.get("family") == family.name
    ]
    return sorted(found, key=lambda nested: nested.info.status != "FINISHED")


def _instead(run: TrackedRun, known: Sequence[str]) -> str:
    parent = run.data.tags.get(PARENT_RUN)
    if parent in known:
        return f"; it is a trial of run {parent}"
    return f"; the newest is {known[0]}" if known else ""


def _say_differences(found: Mapping[str, str], now: Mapping[str, object]) -> None:
    """Say where the setting was searched otherwise than it is trained now."""
    watched = [name for name in now if name.startswith("preparation")]
    for name in [*watched, "excluded", "data_digest"]:
        if name in found and found[name] != str(now[name]):
            say(f"  the setting was searched with {name} {found[name]}, now it is {now[name]}")


def _of(family: Family) -> str:
    return f"tags.level = 'family' and tags.family = '{family.name}'"


def _best(project: RunLog, run: TrackedRun) -> Any:
    """What the search found; ``TrackingError`` where it came to no end."""
    with artifact(project.client, run.info.run_id, "best.json") as path:
        if path is None:
            raise TrackingError(
                f"run {run.info.run_id} ({run.info.status.lower()}) holds no best.json: its search "
                f"did not come to an end; go on with it by -P resume={run.info.run_id}, or give "
                "another"
            )
        return json.loads(path.read_text(encoding="utf-8"))
