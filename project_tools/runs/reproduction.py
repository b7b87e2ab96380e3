"""The command ``reproduce``: what a rerun of a final model needs, the rerun, and what differs.

It checks nothing out and registers nothing. Where the code, the data or the environment of the run
is missing, it says so, and what to do.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from project_tools.errors import TrackingError, nearest
from project_tools.features.columns import ID
from project_tools.models.families import FAMILIES, Family
from project_tools.runs.final_model import (
    MODEL,
    Judged,
    effective,
    final_figures,
    judged_final,
    model_digest,
)
from project_tools.runs.history import held_out_of
from project_tools.runs.parameters import FinalSettings, ProjectSettings
from project_tools.runs.provenance import (
    ENVIRONMENT,
    HELD_OUT,
    SETTING,
    environment,
    environment_lock,
    provenance,
)
from project_tools.runs.registry import find_version
from project_tools.runs.store import (
    LEVEL,
    Client,
    TrackedRun,
    artifact,
    connect,
    find_runs,
    project_run,
    run_or_none,
    typed,
)
from project_tools.system.files import sha256

EXPERIMENT, RECORD = "reproduction", "reproduction.json"
#: Exit status where the rerun found other figures; 1 and 2 are errors, as everywhere.
DIFFERS = 3
#: Figures are the same when they agree to this, relative: sums in another order differ by less.
SAME = 1e-9
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that a rerun needs: what it was then, what it is now, and how to get it back."""

    name: str
    then: str
    now: str
    remedy: str

    @property
    def there(self) -> bool:
        return self.then == self.now != "unknown"


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure or digest that differs; ``then`` and ``now`` as texts."""

    name: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What a rerun needs and, where nothing is missing, how much was compared and what differs."""

    run_id: str
    family: str
    needs: tuple[Need, ...]
    compared: int = 0
    differences: tuple[Difference, ...] = ()
    rerun: str = ""

    @property
    def missing(self) -> list[Need]:
        return [need for need in self.needs if not need.there]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Past:
    """A final run as it was logged: its parameters as typed, but for those of its setting; the setting."""

    run: TrackedRun
    texts: Mapping[str, str]
    setting: Mapping[str, Any]
    packages: Mapping[str, str]
    held_out: pd.DataFrame

    @property
    def tags(self) -> Mapping[str, str]:
        return dict(self.run.data.tags)

    @property
    def family(self) -> Family:
        return FAMILIES[self.tags["family"]]


def reproduce(run: str, *, data: Path | None = None, quiet: bool = False) -> Reproduction:
    """Say what a rerun of a final model needs and, where nothing is missing, rerun and compare.

    ``run`` is the run's id, or a registered model as ``export`` takes it; ``data`` names the
    feature file where it has been moved. Raises ``TrackingError`` for a run that does not exist or
    trained no final model.
    """
    client = connect()
    past = _past(client, run)
    moved = {} if data is None else {"data": str(data)}
    settings = FinalSettings.from_texts({**past.texts, **moved})
    settings = settings.model_copy(update={"jobs": int(past.tags.get("jobs", settings.jobs))})
    needs = tuple(needs_of(past, settings.data))
    reproduction = Reproduction(past.run.info.run_id, past.family.label, needs)
    if reproduction.missing:
        return reproduction
    return _rerun(past, settings, reproduction, quiet=quiet)


def needs_of(past: Past, data: Path) -> Iterator[Need]:
    """Code, data and environment, then and now."""
    code, tags = provenance(), past.tags
    commit = tags.get("commit", "unknown")
    yield Need(
        "commit", commit, code["commit"],
        f"git worktree add ../rerun {commit}, then there make setup and this command, with "
        "MLFLOW_TRACKING_URI set to this store",
    )  # fmt: skip
    yield Need(
        "tree", "clean", tags.get("tree", "unknown"),
        "the run's code was in no commit, so nobody has it: train the model again from a clean tree",
    )  # fmt: skip
    yield Need("tree now", "clean", code["tree"], "commit or stash what has been changed")
    yield Need(
        "data", tags.get("data_digest", "unknown"),
        sha256(data) if data.is_file() else "not there",
        f"{data} is not the run's feature file: name that by --data, or build it from the raw tables"
        f" (SHA-256 {tags.get('raw_digest', 'unknown')[:12]}…)",
    )  # fmt: skip
    yield Need(
        "lock", tags.get("environment_lock", "unknown"), environment_lock(),
        "requirements.txt is another: check the run's commit out, then make setup",
    )  # fmt: skip
    now = environment()
    yield Need("packages", *_packages(past.packages, now["packages"]), "make setup")
    yield Need("python", tags.get("python", "unknown"), code["python"], "make setup PYTHON=…")


def _packages(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, str]:
    """The packages whose versions differ, then and now; how many there are where none differs."""
    differ = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
    if not differ:
        return (f"{len(then)} packages",) * 2
    more = "" if len(differ) <= _SHOWN else f" and {len(differ) - _SHOWN} more"
    before, after = (
        ", ".join(f"{name} {held.get(name, 'none')}" for name in differ[:_SHOWN]) + more
        for held in (then, now)
    )
    return before, after


def _rerun(
    past: Past, settings: FinalSettings, reproduction: Reproduction, *, quiet: bool
) -> Reproduction:
    family = past.family.with_choices(**settings.choices)
    with project_run(EXPERIMENT) as project:
        project.tags({LEVEL: "reproduction", "reproduces": reproduction.run_id})
        judged = judged_final(settings, family, past.setting, quiet=quiet)
        differences, compared = _differences(past, judged)
        done = Reproduction(
            reproduction.run_id,
            reproduction.family,
            reproduction.needs,
            compared,
            differences,
            project.run_id,
        )
        project.metrics({"compared": compared, "differences": len(differences)})
        project.text(done.to_json(), RECORD)
    return done


def _differences(past: Past, judged: Judged) -> tuple[tuple[Difference, ...], int]:
    """What differs, and how many figures and digests were compared."""
    differences: list[Difference] = []
    figures, then = final_figures(judged.model, judged.evaluation), past.run.data.metrics
    for name, value in figures.items():
        if name not in then or not np.isclose(then[name], value, rtol=SAME, atol=SAME):
            differences.append(
                Difference(name, f"{then.get(name, float('nan')):.6g}", f"{value:.6g}")
            )
    settled = {name: str(value) for name, value in effective(judged.model.parameters).items()}
    held_params = past.run.data.params
    for name, text in settled.items():
        # Older runs hold a model's parameters by their bare names.
        before = held_params.get(f"{MODEL}{name}", held_params.get(name))
        if before != text:
            differences.append(Difference(name, str(before), text))
    digest, held = model_digest(judged.model, judged.training.X), past.tags.get("model_digest", "")
    if digest and digest != held:
        differences.append(Difference("model digest", held or "none", digest))
    differences += _scores_differ(past.held_out, judged)
    return tuple(differences), len(figures) + len(settled) + bool(digest) + 1


def _scores_differ(then: pd.DataFrame, judged: Judged) -> list[Difference]:
    now = pd.Series(judged.model.probabilities(judged.test.X), index=judged.test.ids)
    before = then.set_index(ID)["probability"]
    if not before.index.equals(now.index):
        return [Difference("held-out clients", f"{len(before):,}", f"{len(now):,}, others")]
    gaps = np.abs(before.to_numpy() - now.to_numpy())
    moved = int((gaps > SAME).sum())
    if not moved:
        return []
    what = f"{moved:,} of {len(now):,} moved, by up to {gaps.max():.2g}"
    return [Difference("held-out probabilities", f"{len(before):,} clients", what)]


def _past(client: Client, name: str) -> Past:
    finals = [one.info.run_id for one in find_runs(client, f"tags.{LEVEL} = 'final'")]
    run = run_or_none(client, name)
    if run is None:
        try:
            version = find_version(client, name)
        except TrackingError as error:
            raise TrackingError(f"{error}{nearest(name, finals)}") from error
        run = run_or_none(client, str(version.run_id))
    if run is None:
        raise TrackingError(f"the run of {name} is no longer in the store; it cannot be rerun")
    level = run.data.tags.get(LEVEL)
    if level != "final":
        newest = f"; the newest final model's is {finals[0]}" if finals else ""
        raise TrackingError(
            f"run {run.info.run_id} is of the level {level!r} and trained no final model{newest}"
            f"{nearest(name, finals)}"
        )
    # Where the setting came from is of no account: the run holds the setting itself.
    # Runs from before the parameter `monotone` constrained nothing.
    texts = {"monotone": "none"} | {
        key: text for key, text in typed(run).items() if key in ProjectSettings.model_fields
    }
    setting = _json(client, run, SETTING)
    packages = _json(client, run, ENVIRONMENT)["packages"]
    held_out = held_out_of(client, run.info.run_id)
    if held_out is None:
        raise _lacks(run, HELD_OUT)
    return Past(run, texts, setting, packages, held_out)


def _json(client: Client, run: TrackedRun, name: str) -> Any:
    with artifact(client, run.info.run_id, name) as path:
        if path is None:
            raise _lacks(run, name)
        return json.loads(path.read_text(encoding="utf-8"))


def _lacks(run: TrackedRun, name: str) -> TrackingError:
    return TrackingError(
        f"run {run.info.run_id} ({run.info.status.lower()}) holds no {name}: it did not come to its "
        "end, or an older release trained it; train the model again"
    )


def as_text(reproduction: Reproduction) -> str:
    """What was needed, what was compared and what differs, for the terminal."""
    lines = [f"run {reproduction.run_id} ({reproduction.family}) needs"]
    for need in reproduction.needs:
        verdict = "there" if need.there else f"now {_short(need.now)}"
        lines.append(f"  {need.name:<12}{_short(need.then):<44}{verdict}")
    if reproduction.missing:
        lines += [f"cannot be rerun: {need.name}: {need.remedy}" for need in reproduction.missing]
        return "\n".join(lines)
    if not reproduction.differences:
        return "\n".join(
            [*lines, f"reproduced: {reproduction.compared} figures and digests are the same"]
        )
    lines.append(
        f"differs in {len(reproduction.differences)} of {reproduction.compared} figures and digests:"
    )
    lines += [f"  {one.name:<36}{one.then:>18}{one.now:>18}" for one in reproduction.differences]
    return "\n".join(lines)


def _short(text: str) -> str:
    """The beginning of a digest; any other text whole."""
    plain = len(text) >= 40 and " " not in text  # noqa: PLR2004  (a commit has 40 digits)
    return f"{text[:12]}…" if plain else text
