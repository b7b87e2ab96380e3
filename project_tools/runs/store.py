"""Runs in MLflow: opened, written, nested, read and closed.

A project's run holds one parent run a family, and that one nested run a trial. Under
``mlflow run`` the project's run exists already (``MLFLOW_RUN_ID``); started by hand, the script
opens it. Runs are written through the client by their ids, so that no run is ever re-opened (which
would rewrite its end time) and none depends on which thread is at work.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from project_tools.errors import TrackingError
from project_tools.runs.provenance import provenance
from project_tools.settings import Settings
from project_tools.system.processes import identity, is_dead
from project_tools.system.signals import uninterrupted

PARENT_RUN = "mlflow.parentRunId"
#: Tag that names the process which writes a run.
PROCESS = "process"
#: Tag that a trial gets with its figures, at once, when it ends: what became of it.
OUTCOME = "outcome"
#: Tag of a project's run that goes on with the search of another.
RESUMES = "resumes"
#: Milliseconds within which an environment of ``mlflow run`` has been made, or never will be.
START_MS = 3_600_000
TrackedRun = Run
Client = MlflowClient
#: Seconds given to a tracking server before it counts as not answering.
SERVER_TIMEOUT_S = 10


def connect(settings: Settings | None = None) -> MlflowClient:
    """A client of the tracking store, which is made first if it is a new file.

    ``MLFLOW_TRACKING_URI`` (which ``mlflow run`` sets) goes before ``CREDIT_TRACKING_URI``; the
    default is one sqlite file at the repository's root, whatever the working directory.
    Raises ``TrackingError`` where the store does not answer.
    """
    # Its files are small: a bar for each would bury what a person reads.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    uri = os.environ.get("MLFLOW_TRACKING_URI") or (settings or Settings.load()).tracking_uri
    if uri.startswith("http"):
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(SERVER_TIMEOUT_S))
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    try:
        client.search_experiments(max_results=1)
    except Exception as error:
        raise TrackingError(
            f"the tracking store {uri} does not answer ({type(error).__name__}); "
            "start it, or set MLFLOW_TRACKING_URI to another"
        ) from error
    return client


@dataclass(frozen=True, slots=True)
class RunLog:
    """One run to write to, by its id."""

    client: MlflowClient
    run_id: str
    experiment_id: str

    def params(self, values: Mapping[str, object]) -> None:
        """Log parameters; those that the run holds already (``mlflow run`` logs them) stay."""
        with store_call():
            held = self.client.get_run(self.run_id).data.params
            new = [Param(k, str(v)) for k, v in values.items() if k not in held]
            self.client.log_batch(self.run_id, params=new)

    def metrics(self, values: Mapping[str, float]) -> None:
        self.result(values, {})

    def tags(self, values: Mapping[str, object]) -> None:
        self.result({}, values)

    def result(self, metrics: Mapping[str, float], tags: Mapping[str, object]) -> None:
        """Log metrics and tags at once: both are there or neither."""
        now = int(time.time() * 1000)
        with store_call():
            self.client.log_batch(
                self.run_id,
                metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items()],
                tags=[RunTag(k, str(v)) for k, v in tags.items()],
            )

    def json(self, content: Any, name: str) -> None:
        with store_call():
            self.client.log_dict(self.run_id, content, name)

    def text(self, content: str, name: str) -> None:
        with store_call():
            self.client.log_text(self.run_id, content, name)

    def figure(self, figure: Any, name: str) -> None:
        with store_call():
            self.client.log_figure(self.run_id, figure, name)

    def table(self, frame: pd.DataFrame, name: str) -> None:
        """Log a frame as a Parquet file."""
        with tempfile.TemporaryDirectory() as folder, store_call():
            path = Path(folder) / name
            frame.to_parquet(path)
            self.client.log_artifact(self.run_id, str(path))


@contextmanager
def store_call() -> Iterator[None]:
    """Whatever the store fails with becomes one line that says what to do; Ctrl-C waits for the
    answer.

    Cut in the middle of a transaction, SQLAlchemy keeps the lock of the database, and whatever
    closes the runs then waits for it in vain.
    """
    try:
        with uninterrupted():
            yield
    except (MlflowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise TrackingError(
            f"the tracking store {mlflow.get_tracking_uri()} failed ({reason}); what it holds "
            "stays: mend it, and a search goes on with -P resume=RUN"
        ) from error


@contextmanager
def project_run(project: str) -> Iterator[RunLog]:
    """The run of a whole project: the one ``mlflow run`` opened, or a new one.

    MLflow ends the run that it opened; one opened here is ended here, as failed or killed where
    the block was left by an error or an interruption.
    """
    client = connect()
    close_left_runs(client)
    tags = {"project": project, "level": "project"} | provenance()
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id:
        run = get_run(client, run_id)
        log = RunLog(client, run_id, run.info.experiment_id)
        log.tags(tags | {PROCESS: identity()})
        yield log
        return
    with _run(client, _experiment(client, project), project, tags) as log:
        yield log


@contextmanager
def nested_run(
    parent: RunLog, name: str, tags: Mapping[str, object] | None = None
) -> Iterator[RunLog]:
    """A run under another; ended with the block, as what became of it."""
    tags = {PARENT_RUN: parent.run_id} | dict(tags or {})
    with _run(parent.client, parent.experiment_id, name, tags) as log:
        yield log


@contextmanager
def _run(
    client: MlflowClient, experiment: str, name: str, tags: Mapping[str, object]
) -> Iterator[RunLog]:
    log = _open(client, experiment, name, tags)
    status = "FAILED"
    try:
        yield log
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        end(log, status)


def start_nested(parent: RunLog, name: str, tags: Mapping[str, object]) -> RunLog:
    """Open a nested run that outlives the calling function; ``end`` it."""
    tags = {PARENT_RUN: parent.run_id} | dict(tags)
    return _open(parent.client, parent.experiment_id, name, tags)


def _open(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, object]) -> RunLog:
    """A new run that says which process writes it."""
    texts = {key: str(value) for key, value in (dict(tags) | {PROCESS: identity()}).items()}
    with store_call():
        run = client.create_run(experiment, run_name=name, tags=texts)
    return RunLog(client, run.info.run_id, experiment)


def end(log: RunLog, status: str = "FINISHED") -> None:
    with store_call():
        log.client.set_terminated(log.run_id, status)


def close_left_runs(client: MlflowClient) -> list[str]:
    """End the runs that a killed process left open; their ids.

    Those of a process on this host that lives no longer, and those that ``mlflow run`` opened more
    than an hour ago without our script ever starting in them (their environment failed).
    """
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    left = [
        run
        for run in _found(client, experiments, "attributes.status = 'RUNNING'")
        if _is_left(run, int(time.time() * 1000))
    ]
    for run in left:
        _close(client, run, "its process was killed; closed by the next start")
    return [run.info.run_id for run in left]


def close_own_runs(project: RunLog) -> None:
    """End what this process left open within a project's run, when it is interrupted.

    An interruption can come between the opening of a run and the moment we know of it.
    """
    wanted = f"attributes.status = 'RUNNING' and tags.{PROCESS} = '{identity()}'"
    for run in _found(project.client, [project.experiment_id], wanted):
        if run.info.run_id != project.run_id:
            _close(project.client, run, "the search was stopped")


def _close(client: MlflowClient, run: Run, reason: str) -> None:
    """End a run that lost its writer: a trial that was logged whole did finish."""
    log = RunLog(client, run.info.run_id, run.info.experiment_id)
    outcome = run.data.tags.get(OUTCOME)
    if outcome is None:
        log.tags({"reason": reason})
    end(log, "KILLED" if outcome is None else "FAILED" if outcome == "failed" else "FINISHED")


def _is_left(run: Run, now_ms: int) -> bool:
    process = run.data.tags.get(PROCESS)
    if process is not None:
        return is_dead(process)
    of_project = run.data.tags.get("mlflow.source.type") == "PROJECT"
    return of_project and now_ms - run.info.start_time > START_MS


def _found(client: MlflowClient, experiments: Sequence[str], wanted: str) -> list[Run]:
    """All runs that match, page after page, newest first."""
    runs: list[Run] = []
    token = None
    while experiments:
        with uninterrupted():
            page = client.search_runs(
                list(experiments), wanted, order_by=["start_time DESC"], page_token=token
            )
        runs += page
        token = page.token
        if not token:
            break
    return runs


def children(client: MlflowClient, run_id: str, level: str) -> list[Run]:
    """The runs of a level (``family``, ``trial``) nested directly in a run, newest first."""
    experiment = get_run(client, run_id).info.experiment_id
    wanted = f"tags.`{PARENT_RUN}` = '{run_id}' and tags.level = '{level}'"
    return _found(client, [experiment], wanted)


def successors(client: MlflowClient, run: Run) -> list[Run]:
    """The project's runs that went on with a search, and those that went on with them."""
    wanted = f"tags.{RESUMES} = '{run.info.run_id}'"
    later = _found(client, [run.info.experiment_id], wanted)
    return later + [last for found in later for last in successors(client, found)]


def adopt(parent: RunLog, run_id: str) -> None:
    """Nest a run under another parent; its times stay as they are."""
    with store_call():
        parent.client.set_tag(run_id, PARENT_RUN, parent.run_id)


@contextmanager
def artifact(client: MlflowClient, run_id: str, name: str) -> Iterator[Path | None]:
    """A file of a run, for as long as the block lasts; none where the run holds no such file."""
    if name not in {entry.path for entry in client.list_artifacts(run_id)}:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(client.download_artifacts(run_id, name, folder))


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=_artifact_location()))


def _artifact_location() -> str | None:
    """Beside a store that is a file, wherever a project runs; a server has a place of its own."""
    uri = mlflow.get_tracking_uri()
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlruns").as_uri()


def finished_families(client: MlflowClient, family: str, data_digest: str) -> list[Run]:
    """Finished parent runs of a family searched on the very data, newest first."""
    wanted = (
        f"tags.family = '{family}' and tags.data_digest = '{data_digest}' and tags.level = 'family'"
    )
    return finished_searches(client, wanted)


def finished_searches(client: MlflowClient, wanted: str = "tags.level = 'family'") -> list[Run]:
    """Finished parent runs of families, newest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return _found(client, experiments, f"{wanted} and attributes.status = 'FINISHED'")


def found_runs(client: MlflowClient, wanted: str) -> list[Run]:
    """All runs of the store that match, newest first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return _found(client, experiments, wanted)


def run_or_none(client: MlflowClient, run_id: str) -> Run | None:
    """The run of that id, if there is one."""
    try:
        return client.get_run(run_id)
    except MlflowException:
        return None


def get_run(client: MlflowClient, run_id: str) -> Run:
    """The run of that id; ``TrackingError`` where there is none."""
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(
            f"there is no run {run_id!r} in {mlflow.get_tracking_uri()}; mlflow ui lists the runs"
        ) from error
