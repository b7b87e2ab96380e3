"""Searches of families, one after the other: what ``mlflow run hyperparameter_tuning`` does."""

from argparse import Namespace
from collections.abc import Mapping, Sequence

from project_tools.errors import SettingError
from project_tools.evaluation.comparison import rank_families, ranking_table
from project_tools.features.engines.on_spark import check_installed
from project_tools.models.dataset import Dataset, load_dataset, stratified_sample
from project_tools.models.families import Family, get_family
from project_tools.runs.history import (
    FormerFamily,
    former_family,
    judged_families,
    progress_of,
    resumed_project,
)
from project_tools.runs.parameters import OWN, as_resumed, values
from project_tools.runs.search import search_family, settings_of
from project_tools.runs.store import (
    RESUMES,
    RunLog,
    TrackedRun,
    close_own_runs,
    connect,
    project_run,
)
from project_tools.search.forecast import Forecast, forecast_family
from project_tools.system.progress import say, working

#: Choices of preparation that a family which takes raw features cannot follow.
PREPARING = ("scaling", "imputation", "clip", "one_hot")
#: What a run's tags say of a parameter that a resumed search gave it.
_ADOPTED = "as_resumed."


def tune(project_name: str, texts: Mapping[str, str]) -> str:
    """Search the families that the parameters name, and log everything; the table of them.

    Whatever is wrong with the input is said before anything is logged. Interrupted, it closes its
    runs, says what is there and how to go on, and raises ``KeyboardInterrupt`` again.
    """
    client = connect()
    resumed = None if texts["resume"] == OWN else resumed_project(client, texts["resume"])
    if resumed is not None:
        texts = as_resumed(texts, given_to(resumed))
        say(f"going on with the search of run {resumed.info.run_id}")
    given = values(texts)
    if given.spark:
        check_installed()
    families = [family_of(given, name) for name in given.families]
    refuse_ignored(given, families)
    whole = load_all(given)
    samples = [sample_for(given, family, whole) for family in families]
    former: list[FormerFamily | None] = [None] * len(families)
    if resumed is not None:
        former = [
            former_family(client, resumed, family.name, settings_of(given, family, data))
            for family, data in zip(families, samples, strict=True)
        ]
    forecast = forecast_of(given, families, samples, former)
    say(forecast.beforehand())
    with project_run(project_name) as project:
        log_start(project, texts, resumed)
        try:
            for family, data, found in zip(families, samples, former, strict=True):
                search_family(project, given, family, data, former=found, forecast=forecast)
        except KeyboardInterrupt:
            close_own_runs(project)
            say(left_by_interruption(project, project_name))
            raise
        table = ranking_table(rank_families(judged_families(client, project.run_id)))
        project.text(table, "families.txt")
    return table


def given_to(run: TrackedRun) -> dict[str, str]:
    """The parameters that a project's run was given, or took over from the one it resumed."""
    adopted = {
        name.removeprefix(_ADOPTED): text
        for name, text in run.data.tags.items()
        if name.startswith(_ADOPTED)
    }
    return {**run.data.params, **adopted}


def log_start(project: RunLog, texts: Mapping[str, str], resumed: TrackedRun | None) -> None:
    """The parameters, as given; those that a resumed search brought, as tags.

    ``mlflow run`` has logged the parameters that it was given, and none can be logged twice.
    """
    project.params(texts)
    if resumed is not None:
        held = project.client.get_run(project.run_id).data.params
        adopted = {_ADOPTED + name: text for name, text in texts.items() if held[name] != text}
        project.tags({RESUMES: resumed.info.run_id} | adopted)


def family_of(given: Namespace, name: str) -> Family:
    """A family with the preparation that was asked for in place of its own."""
    return get_family(name).with_choices(**{choice: getattr(given, choice) for choice in PREPARING})


def refuse_ignored(given: Namespace, families: Sequence[Family]) -> None:
    """Say where a choice of preparation has no effect; ``SettingError`` if it has none at all."""
    asked = [name for name in PREPARING if getattr(given, name) is not None]
    raw = [family.name for family in families if family.plan is None]
    if asked and len(raw) == len(families):
        raise SettingError(
            f"{asked[0]} has no effect: {', '.join(raw)} take raw nulls and categories; "
            "leave it out, or name another family"
        )
    if asked and raw:
        say(f"  {', '.join(asked)}: no effect on {', '.join(raw)}, which take raw features")


def load_all(given: Namespace) -> Dataset:
    """All training clients of the feature file."""
    with working(f"reading {given.data.name}"):
        return load_dataset(given.data, exclude=given.exclude, seed=given.seed, folds=given.folds)


def load(given: Namespace, family: Family) -> Dataset:
    """The training clients that a family is judged on."""
    return sample_for(given, family, load_all(given))


def sample_for(given: Namespace, family: Family, whole: Dataset) -> Dataset:
    """The sample asked for, or what the family's budget bears; the same clients for the same size."""
    size = given.sample
    if size is None:
        size = min(len(whole), family.budget(given.profile).largest_sample)
        if size < len(whole):
            say(
                f"  {family.label}: a sample of {size:,} of {len(whole):,} clients "
                f"(profile {given.profile})"
            )
    if size == len(whole):
        return whole
    return stratified_sample(whole, size, seed=given.seed, folds=given.folds)


def forecast_of(
    given: Namespace,
    families: Sequence[Family],
    samples: Sequence[Dataset],
    former: Sequence[FormerFamily | None],
) -> Forecast:
    """About how long the trials will take that are not there yet."""
    shares = []
    for family, data, found in zip(families, samples, former, strict=True):
        wanted = given.trials or family.budget(given.profile).trials
        share = forecast_family(
            family,
            profile=given.profile,
            trials=max(0, wanted - (len(found.former.trials) if found else 0)),
            folds=given.folds,
            clients=len(data),
            features=data.X.shape[1],
            jobs=given.jobs,
            time_limit=given.time_limit,
        )
        shares.append(share)
    return Forecast(shares, given.jobs)


def left_by_interruption(project: RunLog, project_name: str) -> str:
    """What a stopped search has, and the words to go on with."""
    lines = ["", "The search was stopped; every trial that ended is kept:"]
    lines += progress_of(project.client, project.run_id)
    lines.append(f"go on with: mlflow run {project_name} -P resume={project.run_id}")
    return "\n".join(lines)
