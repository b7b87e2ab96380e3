"""Searches of families, one after the other: what ``mlflow run hyperparameter_tuning`` does."""

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
from project_tools.runs.parameters import OWN, ProjectSettings, SearchSettings, as_resumed
from project_tools.runs.search import comparable, search_family
from project_tools.runs.store import (
    RESUMES,
    RunLog,
    TrackedRun,
    close_own_runs,
    connect,
    project_run,
    typed,
)
from project_tools.search.forecast import Forecast, forecast_family
from project_tools.system.progress import say, working

#: Prefix of the tags that hold the parameters which a run took over from the search it resumed.
_ADOPTED = "as_resumed."


def tune(project_name: str, texts: Mapping[str, str]) -> str:
    """Search the families that the parameters name, and log everything; the table of the families.

    Wrong input is refused before anything is logged. When it is interrupted, it closes its runs,
    says which trials are kept and how to go on, and raises ``KeyboardInterrupt`` again.
    """
    client = connect()
    resumed = None if texts["resume"] == OWN else resumed_project(client, texts["resume"])
    if resumed is not None:
        texts = as_resumed(texts, _parameters_of(resumed))
        say(f"going on with the search of run {resumed.info.run_id}")
    settings = SearchSettings.from_texts(texts)
    if settings.spark:
        check_installed()
    families = [get_family(name).with_choices(**settings.choices) for name in settings.families]
    refuse_ignored(settings, families)
    whole = load_all(settings)
    samples = [sample_for(settings, family, whole) for family in families]
    former: list[FormerFamily | None] = [None] * len(families)
    if resumed is not None:
        former = [
            former_family(client, resumed, family.name, comparable(settings, family, data))
            for family, data in zip(families, samples, strict=True)
        ]
    forecast = _forecast(settings, families, samples, former)
    say(forecast.beforehand())
    with project_run(project_name) as project:
        _log_start(project, texts, resumed)
        try:
            for family, data, earlier in zip(families, samples, former, strict=True):
                search_family(project, settings, family, data, former=earlier, forecast=forecast)
        except KeyboardInterrupt:
            close_own_runs(project)
            say("\nThe search was stopped; every trial that ended is kept:")
            for line in progress_of(client, project.run_id):
                say(line)
            say(f"go on with: mlflow run {project_name} -P resume={project.run_id}")
            raise
        table = ranking_table(rank_families(judged_families(client, project.run_id)))
        project.text(table, "families.txt")
    return table


def _parameters_of(run: TrackedRun) -> dict[str, str]:
    """The parameters of a project's run: its own, or those of the search that it resumed."""
    adopted = {
        name.removeprefix(_ADOPTED): text
        for name, text in run.data.tags.items()
        if name.startswith(_ADOPTED)
    }
    return {**typed(run), **adopted}


def _log_start(project: RunLog, texts: Mapping[str, str], resumed: TrackedRun | None) -> None:
    """Log the parameters as typed; those taken over from a resumed search become tags.

    ``mlflow run`` has logged what was typed, and no parameter can be logged with a second value.
    """
    project.params(texts)
    if resumed is not None:
        held = project.client.get_run(project.run_id).data.params
        adopted = {_ADOPTED + name: text for name, text in texts.items() if held[name] != text}
        project.tags({RESUMES: resumed.info.run_id} | adopted)


def refuse_ignored(settings: ProjectSettings, families: Sequence[Family]) -> None:
    """Say where a choice of preparation has no effect; ``SettingError`` if it has none at all."""
    asked = list(settings.preparation)
    raw = [family.name for family in families if family.plan is None]
    if asked and len(raw) == len(families):
        raise SettingError(
            f"{asked[0]} has no effect: {', '.join(raw)} take raw nulls and categories; "
            "leave it out, or name another family"
        )
    others = [family.name for family in families if family.plan is not None]
    if settings.monotone != ProjectSettings.model_fields["monotone"].default and others:
        say(f"  monotone: no effect on {', '.join(others)}, which are no boosted trees")
    if asked and raw:
        say(f"  {', '.join(asked)}: no effect on {', '.join(raw)}, which take raw features")


def load_all(settings: ProjectSettings) -> Dataset:
    """All training clients of the feature file."""
    with working(f"reading {settings.data.name}"):
        return load_dataset(
            settings.data, exclude=settings.exclude, seed=settings.seed, folds=settings.folds
        )


def sample_for(settings: ProjectSettings, family: Family, whole: Dataset) -> Dataset:
    """The sample asked for, or as many clients as the family's budget allows.

    Samples of one size hold the same clients.
    """
    size = settings.sample
    if size is None:
        size = min(len(whole), family.budget(settings.profile).largest_sample)
        if size < len(whole):
            say(
                f"  {family.label}: a sample of {size:,} of {len(whole):,} clients "
                f"(profile {settings.profile})"
            )
    if size == len(whole):
        return whole
    return stratified_sample(whole, size, seed=settings.seed, folds=settings.folds)


def _forecast(
    settings: SearchSettings,
    families: Sequence[Family],
    samples: Sequence[Dataset],
    former: Sequence[FormerFamily | None],
) -> Forecast:
    """About how long the trials will take that no earlier search has made."""
    shares = []
    for family, data, earlier in zip(families, samples, former, strict=True):
        budget = settings.trials or family.budget(settings.profile).trials
        share = forecast_family(
            family,
            profile=settings.profile,
            trials=max(0, budget - (len(earlier.former.trials) if earlier else 0)),
            folds=settings.folds,
            clients=len(data),
            features=data.X.shape[1],
            jobs=settings.jobs,
            time_limit=settings.time_limit,
        )
        shares.append(share)
    return Forecast(shares, settings.jobs)
