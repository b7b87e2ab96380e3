"""Runs in MLflow: opened, written, nested, read and closed.

A project's run holds a parent run for each family, and that a nested run for each trial. Under
``mlflow run`` the project's run exists already (``MLFLOW_RUN_ID``); a script started by hand opens
it. Runs are written through the client by their ids: no run is re-opened, which would rewrite its
end time, and any thread can write.
"""

import json
import os
import shlex
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
from mlflow.entities import Dataset as MlflowDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from project_tools.errors import TrackingError
from project_tools.runs.experiment import experiment_id
from project_tools.runs.provenance import provenance
from project_tools.settings import Settings
from project_tools.system.processes import identity, is_dead
from project_tools.system.signals import uninterrupted

PARENT_RUN = "mlflow.parentRunId"
#: Tag that says what a run holds: project, family, trial, final, comparison, variant, promotion or
#: reproduction.
LEVEL = "level"
#: Tag that names the process which writes a run.
PROCESS = "process"
#: Tag of a trial that ended, written together with its figures: its status.
OUTCOME = "outcome"
#: Tag of a project's run that goes on with the search of another.
RESUMES = "resumes"
#: Characters that MLflow keeps of a dataset's digest.
MLFLOW_DIGEST = 36
#: Milliseconds after which an environment that ``mlflow run`` makes counts as failed.
START_MS = 3_600_000
TrackedRun = Run
Client = MlflowClient
#: Seconds after which a tracking server counts as not answering.
SERVER_TIMEOUT_S = 10


def connect(settings: Settings | None = None) -> MlflowClient:
    """A client of the tracking store; a store whose file does not exist is made.

    ``MLFLOW_TRACKING_URI`` (which ``mlflow run`` sets) takes precedence over
    ``CREDIT_TRACKING_URI``; the default is one sqlite file at the repository's root, whatever the
    working directory.
    Raises ``TrackingError`` where the store does not answer.
    """
    # Its files are small: a progress bar for each would hide our own progress lines.
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
        """Log parameters; those that the run has already (``mlflow run`` logs them) are kept."""
        with store_call():
            held = self.client.get_run(self.run_id).data.params
            new = [Param(k, str(v)) for k, v in values.items() if k not in held]
            self.client.log_batch(self.run_id, params=new)

    def metrics(self, values: Mapping[str, float]) -> None:
        self.result(values, {})

    def tags(self, values: Mapping[str, object]) -> None:
        self.result({}, values)

    def result(self, metrics: Mapping[str, float], tags: Mapping[str, object]) -> None:
        """Log metrics and tags in one request: the store keeps both or neither."""
        now = int(time.time() * 1000)
        with store_call():
            self.client.log_batch(
                self.run_id,
                metrics=[Metric(k, float(v), now, 0) for k, v in metrics.items()],
                tags=[RunTag(k, str(v)) for k, v in tags.items()],
            )

    def measured(self, metrics: Mapping[str, float], model_id: str) -> None:
        """Log figures that the run has already with a logged model too."""
        with store_call():
            held = {m.key: m for m in self.client.get_run(self.run_id).data._metric_objs}  # noqa: SLF001  (with another time, the run would hold each figure twice)
            now = int(time.time() * 1000)
            rows = [
                Metric(
                    name, float(value), held[name].timestamp if name in held else now, 0,
                    model_id=model_id, run_id=self.run_id,
                )
                for name, value in metrics.items()
            ]  # fmt: skip
            self.client.log_batch(self.run_id, metrics=rows)

    def dataset(self, name: str, digest: str, place: Path, context: str, **facts: object) -> None:
        """Log the data that a run read; ``digest`` is the SHA-256 of the whole file.

        MLflow keeps 36 characters of a digest, so the whole one is a tag of the input as well.
        """
        data = MlflowDataset(
            name=name, digest=digest[:MLFLOW_DIGEST], source_type="local",
            source=json.dumps({"uri": str(place)}),
            profile=json.dumps({"sha256": digest, **facts}),
        )  # fmt: skip
        tags = [InputTag("mlflow.data.context", context), InputTag("sha256", digest)]
        with store_call():
            self.client.log_inputs(self.run_id, [DatasetInput(data, tags)])

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
    """Turn a failure of the store into a ``TrackingError``; hold Ctrl-C back until it answers.

    An interrupted transaction of SQLAlchemy keeps the database locked, and the calls that close
    the runs would then wait without end.
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
    """The run of a whole project: the one that ``mlflow run`` opened, or a new one.

    MLflow ends the run that it opened. A run opened here ends with the block: FINISHED, FAILED
    after an error, KILLED after an interruption.
    """
    client = connect()
    close_left_runs(client)
    tags = {"project": project, LEVEL: "project"} | provenance()
    run_id = os.environ.get("MLFLOW_RUN_ID")
    if run_id:
        run = get_run(client, run_id)
        log = RunLog(client, run_id, run.info.experiment_id)
        log.tags(tags | {PROCESS: identity()})
        # MLflow draws a name such as bold-owl-123. One that was typed is set when the run ends.
        entry = run.data.tags.get("mlflow.project.entryPoint", "main")
        with store_call():
            client.update_run(run_id, name=project if entry == "main" else f"{project}: {entry}")
        yield log
        return
    with _run(client, experiment_id(client, project), project, tags) as log:
        yield log


@contextmanager
def nested_run(
    parent: RunLog, name: str, tags: Mapping[str, object] | None = None
) -> Iterator[RunLog]:
    """A run nested in another; it ends with the block, with the status of ``project_run``."""
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
    """A new run whose tags name the process that writes it."""
    texts = {key: str(value) for key, value in (dict(tags) | {PROCESS: identity()}).items()}
    with store_call():
        run = client.create_run(experiment, run_name=name, tags=texts)
    return RunLog(client, run.info.run_id, experiment)


def end(log: RunLog, status: str) -> None:
    """End a run as ``FINISHED``, ``FAILED`` or ``KILLED``."""
    with store_call():
        log.client.set_terminated(log.run_id, status)


def close_left_runs(client: MlflowClient) -> list[str]:
    """End the runs that a killed process left open; their ids.

    These are runs of a process on this host that has ended, and runs that ``mlflow run`` opened
    more than an hour ago in which our script never started (their environment failed).
    """
    running = find_runs(client, "attributes.status = 'RUNNING'")
    left = [run for run in running if _is_left(run, int(time.time() * 1000))]
    for run in left:
        _close(client, run, "its process was killed; closed by the next start")
    return [run.info.run_id for run in left]


def close_own_runs(project: RunLog) -> None:
    """End what an interrupted process left open within its project's run.

    An interruption can come after the store opened a run and before we have its id.
    """
    ours = f"attributes.status = 'RUNNING' and tags.{PROCESS} = '{identity()}'"
    for run in find_runs(project.client, ours, [project.experiment_id]):
        if run.info.run_id != project.run_id:
            _close(project.client, run, "the search was stopped")


def _close(client: MlflowClient, run: Run, reason: str) -> None:
    """End a run without a writer; a trial whose figures are logged did finish."""
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


def find_runs(
    client: MlflowClient, condition: str, experiments: Sequence[str] | None = None
) -> list[Run]:
    """All runs that match, newest first; ``experiments`` are ids, by default of all of them."""
    if experiments is None:
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs: list[Run] = []
    token = None
    while experiments:
        with uninterrupted():
            page = client.search_runs(
                list(experiments), condition, order_by=["start_time DESC"], page_token=token
            )
        runs += page
        token = page.token
        if not token:
            break
    return runs


def children(client: MlflowClient, run_id: str, level: str) -> list[Run]:
    """The runs of a level (``family``, ``trial``) nested directly in a run, newest first."""
    # In any experiment: a search may go on in another than it began in.
    return find_runs(client, f"tags.`{PARENT_RUN}` = '{run_id}' and tags.{LEVEL} = '{level}'")


def successors(client: MlflowClient, run: Run) -> list[Run]:
    """The project's runs that resumed a search, and those that resumed them in turn."""
    later = find_runs(client, f"tags.{RESUMES} = '{run.info.run_id}'")
    return later + [last for one in later for last in successors(client, one)]


def adopt(parent: RunLog, run_id: str) -> None:
    """Nest a run under another parent; its start and end times do not change."""
    with store_call():
        parent.client.set_tag(run_id, PARENT_RUN, parent.run_id)


@contextmanager
def artifact(client: MlflowClient, run_id: str, name: str) -> Iterator[Path | None]:
    """A copy of a run's file that is removed after the block; ``None`` if the run has no such file."""
    if name not in {entry.path for entry in client.list_artifacts(run_id)}:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(client.download_artifacts(run_id, name, folder))


def finished_searches(
    client: MlflowClient, family: str | None = None, data_digest: str | None = None
) -> list[Run]:
    """Finished parent runs, newest first: of a family, on one feature file, or all."""
    condition = f"tags.{LEVEL} = 'family' and attributes.status = 'FINISHED'"
    if family is not None:
        condition += f" and tags.family = '{family}'"
    if data_digest is not None:
        condition += f" and tags.data_digest = '{data_digest}'"
    return find_runs(client, condition)


def run_or_none(client: MlflowClient, run_id: str) -> Run | None:
    """The run of that id, or ``None``."""
    try:
        return client.get_run(run_id)
    except MlflowException:
        return None


def typed(run: Run) -> dict[str, str]:
    """The parameters of a project's run as a person typed them.

    ``mlflow run`` logs each as it hands it to the shell: with quotes where it holds a blank, a
    bracket or a quote.
    """
    if run.data.tags.get("mlflow.source.type") != "PROJECT":
        return dict(run.data.params)
    return {
        name: shlex.split(text)[0] if text.startswith("'") else text  # shlex.quote begins so
        for name, text in run.data.params.items()
    }


def get_run(client: MlflowClient, run_id: str) -> Run:
    """The run of that id; ``TrackingError`` where there is none."""
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        raise TrackingError(
            f"there is no run {run_id!r} in {mlflow.get_tracking_uri()}; mlflow ui lists the runs"
        ) from error
