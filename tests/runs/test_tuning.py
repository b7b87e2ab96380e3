"""A search as MLflow holds it, its parameters, and what goes wrong before anything is logged."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

import project_tools.search.trial
from project_tools.errors import CreditError, SettingError, TrackingError
from project_tools.evaluation.comparison import rank_families, ranking_table
from project_tools.features.columns import META_KEY
from project_tools.features.files import state_folder
from project_tools.features.splits import TEST
from project_tools.models.families import get_family
from project_tools.runs.history import judged_families, restored
from project_tools.runs.parameters import SearchSettings
from project_tools.runs.provenance import provenance
from project_tools.runs.search import comparable
from project_tools.runs.store import PARENT_RUN, PROCESS, START_MS, children, close_left_runs
from project_tools.runs.tuning import load_all, refuse_ignored, sample_for, tune
from project_tools.search.search import search
from project_tools.system.processes import identity

Texts = Callable[..., dict[str, str]]
MakeFile = Callable[[Any], Path]


def runs(client: MlflowClient, level: str) -> list[Any]:
    """All runs of a level, in the order in which they began."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    found = client.search_runs(experiments, f"tags.level = '{level}'", order_by=["start_time"])
    return list(found)


def files(client: MlflowClient, run_id: str) -> set[str]:
    names: set[str] = set()
    for entry in client.list_artifacts(run_id):
        inside = client.list_artifacts(run_id, entry.path) if entry.is_dir else [entry]
        names |= {found.path for found in inside}
    return names


def test_a_search_in_the_store(
    store: MlflowClient,
    texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, calls = project_tools.search.trial.out_of_fold, []

    def failing_second(*words: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("a setting that breaks")
        return real(*words, **named)

    monkeypatch.setattr(project_tools.search.trial, "out_of_fold", failing_second)
    table = tune("hyperparameter_tuning", texts(families="logistic_l2,lightgbm", trials=3))
    said = capsys.readouterr().err

    [project] = runs(store, "project")
    families, trials = runs(store, "family"), runs(store, "trial")
    assert [f.data.tags["family"] for f in families] == ["logistic_l2", "lightgbm"]
    assert {f.data.tags[PARENT_RUN] for f in families} == {project.info.run_id}
    parents = [t.data.tags[PARENT_RUN] for t in trials]
    assert parents == [f.info.run_id for f in families for _ in range(3)]
    assert [t.info.status for t in trials] == ["FINISHED", "FAILED"] + ["FINISHED"] * 4
    assert trials[1].data.tags["reason"] == "ValueError: a setting that breaks"
    assert {r.info.status for r in (project, *families)} == {"FINISHED"}
    assert project.data.params["trials"] == "3"
    for run in (project, *families):
        for name, value in provenance().items():
            assert run.data.tags[name] == value

    trained = len(load_all(SearchSettings.from_texts(texts())))
    for family in families:
        tags, metrics = family.data.tags, family.data.metrics
        assert len(tags["data_digest"]) == len(tags["split_digest"]) == 64
        assert tags["rows"] == str(trained)
        judged = [restored(t) for t in trials if t.data.tags[PARENT_RUN] == family.info.run_id]
        [best] = [t for t in judged if t and str(t.number) == tags["best_trial"]]
        assert metrics["told_loss"] == best.reported_loss == min(
            t.reported_loss for t in judged if t and t.judgement
            and t.loss <= best.loss + metrics["behind_leader.se"]
        )  # fmt: skip
        for name, value in best.parameters.items():
            assert family.data.params[name] == str(value)
        for name, score in best.judgement.scores.items():
            assert metrics[f"out_of_fold.{name}"] == score.value
            assert metrics[f"out_of_fold.{name}.se"] == score.se
        assert metrics["threshold"] == best.judgement.threshold.value
        held = files(store, family.info.run_id)
        assert held >= {"best.json", "environment.json", "out_of_fold.parquet"}
        pictures = ("roc", "precision_recall", "reliability", "loss_by_threshold", "optimisation_history")  # fmt: skip
        assert held >= {f"figures/{name}.png" for name in pictures}
        environment = json.loads(
            Path(store.download_artifacts(family.info.run_id, "environment.json")).read_text()
        )
        assert environment["packages"]["lightgbm"]
        rows = pd.read_parquet(store.download_artifacts(family.info.run_id, "out_of_fold.parquet"))
        assert list(rows.columns) == ["SK_ID_CURR", "TARGET", "probability"]
        assert len(rows) == trained
    for trial in trials:  # each that finished keeps its own
        assert ("out_of_fold.parquet" in files(store, trial.info.run_id)) is (
            trial.info.status == "FINISHED"
        )
    path = store.download_artifacts(trials[-1].info.run_id, "out_of_fold.parquet")
    assert pd.read_parquet(path)["probability"].dtype == np.float32

    assert "lightgbm" in table
    assert table == Path(store.download_artifacts(project.info.run_id, "families.txt")).read_text()
    assert "This will take about" in said.split("searching")[0]
    assert "LightGBM 2/3: loss_of_income" in said
    assert "left" in said
    assert "failed: ValueError: a setting that breaks" in said


@pytest.mark.slow
def test_ten_trials_say_what_mattered(store: MlflowClient, texts: Texts) -> None:
    tune("hyperparameter_tuning", texts(families="logistic_l1", trials=10, sample=200))
    [family] = runs(store, "family")
    assert "figures/importance_of_hyperparameters.png" in files(store, family.info.run_id)
    shares = {k: v for k, v in family.data.metrics.items() if k.startswith("importance.")}
    assert "importance.C" in shares
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_search_is_told_again_as_it_was(store: MlflowClient, texts: Texts) -> None:
    """What is read back from the store compares as what was searched."""
    settings = SearchSettings.from_texts(texts(families="lightgbm", trials=2))
    tune("hyperparameter_tuning", texts(families="lightgbm", trials=2))
    family = get_family("lightgbm")
    data = sample_for(settings, family, load_all(settings))
    direct = search(family, data, profile="demo", trials=2, folds=2, jobs=1)
    [judged] = judged_families(store)
    calibration = direct.best.judgement.calibration
    np.testing.assert_array_equal(judged.p, calibration.apply(direct.oof))
    np.testing.assert_array_equal(judged.ids, data.ids)
    score = judged.score("loss_of_income")
    assert score == direct.best.judgement.scores["loss_of_income"]


@pytest.fixture
def own_file(features: Path, tmp_path: Path) -> MakeFile:
    return lambda change: changed_file(features, tmp_path, change)


def changed_file(features: Path, folder: Path, change: Any) -> Path:
    """A copy of the feature file with other contents; the state beside it stays."""
    table = pq.read_table(features)
    frame = change(table.replace_schema_metadata(None).to_pandas())
    held = {META_KEY.encode(): table.schema.metadata[META_KEY.encode()]}
    path = folder / "features.parquet"
    pq.write_table(
        pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(held), path
    )
    state_folder(path).symlink_to(state_folder(features))
    return path


def test_test_clients_play_no_part_in_a_search(
    features: Path, tmp_path: Path, texts: Texts
) -> None:
    """Their labels and features are turned upside down: every trial is the same to the bit."""

    def turned(frame: pd.DataFrame) -> pd.DataFrame:
        held_out = (frame["SPLIT"] == TEST).to_numpy()
        assert held_out.any()
        frame.loc[held_out, "TARGET"] = 1 - frame.loc[held_out, "TARGET"]
        numbers = [
            n for n in frame.select_dtypes("number").columns if n not in {"SK_ID_CURR", "TARGET"}
        ]
        frame.loc[held_out, numbers] = -frame.loc[held_out, numbers] * 7 + 3
        return frame

    found = []
    for path in (features, changed_file(features, tmp_path, turned)):
        settings = SearchSettings.from_texts(texts(data=path))
        data = load_all(settings)
        family = get_family("lightgbm")
        found.append(search(family, data, profile="demo", trials=2, folds=2))
    one, other = found
    np.testing.assert_array_equal(one.oof, other.oof)
    assert [t.loss for t in one.trials] == [t.loss for t in other.trials]
    assert one.best.judgement.threshold == other.best.judgement.threshold


def one_class(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(TARGET=frame["TARGET"].where(frame["TARGET"].isna(), 0))


def two_defaults(frame: pd.DataFrame) -> pd.DataFrame:
    train = frame.index[(frame["SPLIT"] == "train") & (frame["TARGET"] == 1)]
    return frame.drop(index=train[2:])


def infinite(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(EXT_SOURCE_1=np.float32(np.inf))


@pytest.mark.parametrize(
    "case",
    [
        (lambda f: f.drop(columns="TARGET"), {}, "has no column 'TARGET'"),
        (one_class, {}, "has one class: none of its .* clients defaulted"),
        (two_defaults, {"folds": 5}, "only 2 of .* clients defaulted, fewer than the 5 folds"),
        (infinite, {}, "holds infinities in EXT_SOURCE_1"),
        (None, {"sample": 100_000}, r"a sample of 100,000 is larger than the \d+ clients"),
        (None, {"data": "nowhere.parquet"}, "nowhere.parquet is not there; build it with"),
        (
            None,
            {"families": "lightgbn"},
            "unknown family 'lightgbn'; choose one of .*did you mean 'lightgbm'",
        ),
        (None, {"families": "lightgbm,lightgbm"}, "each family once"),
        (None, {"metric": "auc"}, "unknown metric 'auc'; choose one of"),
        (None, {"scaling": "max"}, "unknown scaling 'max'; choose one of none, min-max"),
        (None, {"scaling": "power"}, "scaling has no effect: lightgbm take raw nulls"),
        (None, {"exclude": "CODE_GENDR"}, "no feature or raw column 'CODE_GENDR'.*CODE_GENDER"),
        (None, {"resume": "abc"}, "there is no run 'abc'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_logged(
    case: tuple[Any, dict[str, Any], str], store: MlflowClient, own_file: MakeFile, texts: Texts
) -> None:
    change, chosen, says = case
    if change is not None:
        chosen = chosen | {"data": own_file(change)}
    with pytest.raises(CreditError, match=says) as error:
        tune("hyperparameter_tuning", texts(**chosen))
    assert "\n" not in str(error.value)
    assert not [r for level in ("project", "family", "trial") for r in runs(store, level)]


@pytest.mark.parametrize(
    ("missing", "says"),
    [("find_spec", "needs PySpark, which is not installed"), ("shutil.which", "needs Java 17")],
)
def test_spark_that_is_not_there_is_one_line_and_nothing_is_logged(
    missing: str, says: str, store: MlflowClient, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("find_spec", "shutil.which"):
        monkeypatch.setattr(
            f"project_tools.features.engines.on_spark.{name}",
            lambda *_w, there=name != missing, **_n: "there" if there else None,
        )
    with pytest.raises(SettingError, match=says):
        tune("hyperparameter_tuning", texts(spark="yes"))
    assert not [r for level in ("project", "family", "trial") for r in runs(store, level)]


def test_a_server_that_does_not_answer_is_one_line(
    monkeypatch: pytest.MonkeyPatch, texts: Texts
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 does not answer"):
        tune("hyperparameter_tuning", texts())


@pytest.mark.usefixtures("store")
def test_a_store_that_fails_in_the_middle_is_one_line(
    texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = MlflowClient.log_batch, []

    def failing(*words: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) > 4:
            raise OSError("no space left on device")
        return real(*words, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", failing)
    with pytest.raises(
        TrackingError, match=r"failed \(no space left on device\); what it holds stays"
    ):
        tune("hyperparameter_tuning", texts())


def test_a_choice_without_effect_on_some_is_said(
    texts: Texts, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = SearchSettings.from_texts(texts(families="lightgbm,svc_rbf", clip="no"))
    refuse_ignored(settings, [get_family(name) for name in settings.families])
    assert "clip: no effect on lightgbm" in capsys.readouterr().err


def test_protected_features_are_kept_from_the_search_unless_asked_for(texts: Texts) -> None:
    kept = set(load_all(SearchSettings.from_texts(texts())).X.columns)
    whole = set(load_all(SearchSettings.from_texts(texts(exclude="none"))).X.columns)
    named = {"CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_CHILDREN", "CNT_FAM_MEMBERS"}
    assert whole - kept >= named  # and what is computed from them
    assert not [
        name for name in kept if any(word in name for word in ("GENDER", "FAMILY", "CHILD"))
    ]
    assert "DAYS_BIRTH" in kept  # age is used, and named where it is a reason


def test_one_size_is_one_sample(texts: Texts) -> None:
    settings = SearchSettings.from_texts(texts(sample=300, families="lightgbm,svc_rbf"))
    data = load_all(settings)
    one, other = (sample_for(settings, get_family(name), data) for name in settings.families)
    np.testing.assert_array_equal(one.ids, other.ids)
    assert one.y.mean() == pytest.approx(data.y.mean(), abs=0.01)
    sampled, whole = (comparable(settings, get_family("lightgbm"), rows) for rows in (one, data))
    assert sampled["clients"] != whole["clients"]


@pytest.mark.usefixtures("no_pictures")
def test_a_search_goes_on_only_on_the_same_ground(store: MlflowClient, texts: Texts) -> None:
    tune("hyperparameter_tuning", texts(trials=1))
    [project] = runs(store, "project")
    resume = project.info.run_id
    with pytest.raises(SettingError, match=r"resume: folds is '3', and was '2' in the search"):
        tune("hyperparameter_tuning", texts(resume=resume, folds=3))
    assert len(runs(store, "project")) == 1


def test_a_search_of_an_older_version_is_not_gone_on_with(
    store: MlflowClient, texts: Texts
) -> None:
    """Its trials were chosen and told to TPE by another figure, and most kept no probabilities."""
    tune("hyperparameter_tuning", texts(trials=1, families="logistic_l1"))
    [project], [family] = runs(store, "project"), runs(store, "family")
    held = json.loads(family.data.tags["settings"])
    del held["guide"]
    store.set_tag(family.info.run_id, "settings", json.dumps(held))
    says = rf"resume: logistic_l1 was searched with another guide in run {family.info.run_id}"
    with pytest.raises(SettingError, match=says):
        tune("hyperparameter_tuning", texts(trials=2, families="logistic_l1", resume=project.info.run_id))  # fmt: skip


@pytest.mark.slow
def test_a_resumed_search_chooses_among_all_trials_by_what_they_kept(
    store: MlflowClient, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"families": "logistic_l2", "sample": 400}
    tune("hyperparameter_tuning", texts(trials=4, **chosen))
    [whole] = runs(store, "family")
    tune("hyperparameter_tuning", texts(trials=2, **chosen))
    resume = runs(store, "project")[-1].info.run_id
    made: list[int] = []
    real = project_tools.search.trial.out_of_fold
    monkeypatch.setattr(
        project_tools.search.trial, "out_of_fold",
        lambda *w, **n: made.append(1) or real(*w, **n),
    )  # fmt: skip
    tune("hyperparameter_tuning", texts(trials=4, resume=resume, **chosen))
    assert len(made) == 2, "what was kept is read, and not made again"
    gone_on = runs(store, "family")[-1]
    for name in ("best_trial", "leader_by_metric"):
        assert gone_on.data.tags[name] == whole.data.tags[name]
    for name in ("told_loss", "behind_leader", "behind_leader.se", "out_of_fold.loss_of_income"):
        assert gone_on.data.metrics[name] == whole.data.metrics[name]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_finished_family_is_taken_over_and_more_trials_are_added(
    store: MlflowClient, texts: Texts
) -> None:
    tune("hyperparameter_tuning", texts(trials=2))
    before = {run.info.run_id: run.info for run in runs(store, "trial")}
    [family] = runs(store, "family")
    resume = family.info.run_id  # a family's run leads to its project's
    tune("hyperparameter_tuning", texts(trials=2, resume=resume, families="lightgbm,logistic_l1"))
    lightgbm, lasso = runs(store, "family")
    assert lightgbm.info.run_id == family.info.run_id
    assert lightgbm.info.end_time == family.info.end_time
    assert lasso.data.tags[PARENT_RUN] == lightgbm.data.tags[PARENT_RUN]
    tune("hyperparameter_tuning", texts(trials=3, resume=resume))
    newest = runs(store, "family")[-1]
    trials = children(store, newest.info.run_id, "trial")
    assert sorted(int(t.data.tags["number"]) for t in trials) == [0, 1, 2]
    for trial in trials:
        if trial.info.run_id in before:  # moved, and neither re-opened nor ended anew
            assert trial.info.end_time == before[trial.info.run_id].end_time
    assert newest.data.metrics["trials"] == 3


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_search_gone_on_with_twice_from_its_first_run_repeats_nothing(
    store: MlflowClient, texts: Texts
) -> None:
    """Its trials lie under the run that went on with it; the first run still leads to them."""
    table = tune("hyperparameter_tuning", texts(trials=2))
    [first] = runs(store, "project")
    resume = first.info.run_id
    tune("hyperparameter_tuning", texts(trials=3, resume=resume))
    tune("hyperparameter_tuning", texts(trials=4, resume=resume, families="lightgbm,logistic_l1"))
    numbers = [
        int(run.data.tags["number"])
        for run in runs(store, "trial")
        if run.data.tags["family"] == "lightgbm"
    ]
    assert sorted(numbers) == [0, 1, 2, 3]
    tune("hyperparameter_tuning", texts(trials=4, resume=resume, families="lightgbm"))
    assert len(runs(store, "trial")) == 4 + 4
    again = ranking_table(rank_families(judged_families(store, resume)))
    assert table.splitlines()[0] == again.splitlines()[0]


def test_runs_of_dead_processes_are_closed_and_others_are_not(store: MlflowClient) -> None:
    experiment = store.create_experiment("other")

    def open_run(tags: dict[str, str], start: int | None = None) -> str:
        return str(store.create_run(experiment, start_time=start, tags=tags).info.run_id)

    host, process, start = identity().split("/", 2)
    now = int(time.time() * 1000)
    dead = open_run({PROCESS: f"{host}/{process}/another start"})
    gone = open_run({PROCESS: f"{host}/999999999/{start}"})
    never = open_run({"mlflow.source.type": "PROJECT"}, now - 2 * START_MS)
    ours = open_run({PROCESS: identity()})
    elsewhere = open_run({PROCESS: f"not-{host}/1/1"})
    starting = open_run({"mlflow.source.type": "PROJECT"}, now)
    somebodys = open_run({})
    assert set(close_left_runs(store)) == {dead, gone, never}
    status = {run: store.get_run(run).info.status for run in (dead, gone, never, ours, elsewhere, starting, somebodys)}  # fmt: skip
    assert list(status.values()) == ["KILLED"] * 3 + ["RUNNING"] * 4
    assert "killed" in store.get_run(dead).data.tags["reason"]
