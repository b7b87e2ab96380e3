"""The three MLflow Projects' entry scripts against a real sqlite store: what each parameter does."""

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from project_tools.demo import generate
from project_tools.errors import ArtefactError, SettingError, TrackingError
from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.metrics import METRICS, paired_difference
from project_tools.features.build import build
from project_tools.features.files import read_features
from project_tools.models import training
from project_tools.models import variants as model_variants
from project_tools.models.families import Family, get_family
from project_tools.runs import final_model, registry
from project_tools.runs import variants as run_variants
from project_tools.runs.export import export
from project_tools.runs.parameters import FinalSettings, VariantSettings
from project_tools.runs.store import PARENT_RUN, RunLog, connect, project_run
from project_tools.serving.artefact import load_artefact
from project_tools.settings import ROOT
from project_tools.system import command
from project_tools.system.files import sha256
from tests.helpers.engines import QUICK

SCRIPTS = {
    "search": "hyperparameter_tuning/tune_families.py",
    "lightgbm": "lightgbm/tune_boosting.py",
    "log_model": "lightgbm/log_boosting.py",
    "forest": "random_forest/final_forest.py",
    "smote": "random_forest/compare_resampling.py",
    "preparation": "random_forest/compare_preparation.py",
}
pytestmark = pytest.mark.filterwarnings(
    # MLflow looks at the type hints of a served model's predict; its columns are in the signature.
    r"ignore:(?s).*Any type hint is inferred as AnyType",
    # The model's signature is given; an example would be a client's row.
    r"ignore:(?s).*input example was not provided",
)
#: Small, so that a run takes a second.
SMALL = {"profile": "demo", "sample": "260", "folds": "2", "jobs": "1"}


@dataclass(frozen=True)
class Projects:
    """Runs entry scripts in this process, as ``mlflow run`` would start them in theirs."""

    client: MlflowClient
    data: Path
    other: Path
    folder: Path

    def run(self, script: str, **given: str) -> "Outcome":
        path = ROOT / SCRIPTS[script]
        spec = importlib.util.spec_from_file_location(f"entry_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        chosen = {"data": str(self.data), **SMALL, **given}
        if script in {"search", "lightgbm"}:
            chosen = {"trials": "2"} | chosen
        if script == "search":
            chosen = {"families": "logistic_l2"} | chosen
        words = [word for name, value in chosen.items() for word in (f"--{name}", value)]
        known = {run.info.run_id for run in self.runs()}
        before, sys.argv = sys.argv, [str(path), *words]
        try:
            module.main()
        finally:
            sys.argv = before
        return Outcome(self.client, [run for run in self.runs() if run.info.run_id not in known])

    def runs(self) -> list[Run]:
        experiments = [e.experiment_id for e in self.client.search_experiments()]
        return list(self.client.search_runs(experiments, order_by=["start_time ASC"]))


@dataclass(frozen=True)
class Outcome:
    """The runs that one start of a project left, the oldest first."""

    client: MlflowClient
    runs: list[Run]

    def level(self, name: str) -> list[Run]:
        return [run for run in self.runs if run.data.tags.get("level") == name]

    @property
    def judged(self) -> Run:
        """The run that holds the figures: the first family's, the final model's, the comparison's."""
        return (self.level("family") or self.level("final") or self.level("comparison"))[0]

    @property
    def metrics(self) -> dict[str, float]:
        """Its figures; those of a comparison are its last variant's."""
        return dict((self.level("variant") or [self.judged])[-1].data.metrics)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.judged.data.tags)

    @property
    def scores(self) -> dict[str, float]:
        """What is measured, without what is only timed."""
        return {k: v for k, v in self.metrics.items() if k.startswith(("out_of_fold.", "test."))}

    def json(self, name: str) -> Any:
        path = self.client.download_artifacts(self.judged.info.run_id, name)
        return json.loads(Path(path).read_text())


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[Path], str]) -> Any:
    folder = tmp_path_factory.mktemp("projects")
    files = []
    for seed in (3, 4):
        raw, file = folder / f"raw{seed}", folder / f"features{seed}.parquet"
        generate(raw, 500, seed, quiet=True)
        build(raw, [file], engine=QUICK, quiet=True)
        files.append(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        patch.chdir(folder)
        command.quiet_libraries()
        yield Projects(connect(), *files, folder)


def briefly(patch: pytest.MonkeyPatch) -> None:
    """Final models are neither audited nor registered, two variants compared, no pictures drawn,
    where nothing looks at the rest.
    """
    patch.setattr(RunLog, "figure", lambda *_: None)
    patch.setattr(final_model, "audit_final", lambda *_, **__: None)
    patch.setattr(final_model, "log_audit", lambda *_: None)
    patch.setattr(final_model, "register_final", lambda *_: None)
    patch.setattr(final_model, "registered_line", lambda *_: "")
    for name in ("RESAMPLINGS", "PREPARATIONS"):
        patch.setattr(model_variants, name, getattr(model_variants, name)[:2])


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    briefly(monkeypatch)


class Plain(dict[str, Outcome]):
    """Each script once with nothing but the small budget, briefly; run when it is first asked for."""

    def __init__(self, projects: Projects) -> None:
        super().__init__()
        self._projects = projects

    def __missing__(self, script: str) -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            briefly(patch)
            self[script] = self._projects.run(script)
        return self[script]


@pytest.fixture(scope="module")
def plain(projects: Projects) -> Plain:
    return Plain(projects)


def differs(name: str) -> Callable[[Outcome, Outcome], bool]:
    """Whether a figure moved."""
    return lambda before, after: before.metrics[name] != after.metrics[name]


def tagged(name: str, value: str) -> Callable[[Outcome, Outcome], bool]:
    """Whether the tag says so, and did not before, and the scores moved with it."""
    return lambda before, after: (
        after.tags[name] == value != before.tags[name] and before.scores != after.scores
    )


def another_data(before: Outcome, after: Outcome) -> bool:
    return before.tags["data_digest"] != after.tags["data_digest"] and before.scores != after.scores


def counted(trials: int) -> Callable[[Outcome, Outcome], bool]:
    return lambda _, after: len(after.level("trial")) == trials == after.metrics["trials"]


def model_parameter(outcome: Outcome, name: str) -> str:
    """A parameter of the model: a final model's run holds those of its project too."""
    params = outcome.judged.data.params
    return params.get(f"model.{name}") or params[name]


def given_setting(name: str, value: str) -> Callable[[Outcome, Outcome], bool]:
    """Whether the parameter was trained as given, and the scores moved with it."""
    return lambda before, after: (
        after.tags["setting"] == "given"
        and model_parameter(after, name) == value != model_parameter(before, name)
        and before.scores != after.scores
    )


SEARCHES, ALL = ("search", "lightgbm"), tuple(SCRIPTS)
#: One script of each kind: both comparisons hand the same parameters to the same function.
EACH = tuple(script for script in ALL if script != "preparation")
#: ``make test`` tries these, ``.ci/run`` each parameter in every script that takes it.
QUICKLY = {
    ("search", "sample"),
    ("search", "exclude"),
    ("search", "imputation"),
    ("search", "trials"),
}
FINALS, COMPARISONS = ("log_model", "forest"), ("smote", "preparation")
PREPARED = ("search", "forest")


@pytest.mark.parametrize(
    ("script", "name", "value", "shows"),
    [
        pytest.param(
            script, name, value, shows,
            marks=() if (script, name) in QUICKLY else pytest.mark.slow,
        )
        for scripts, name, value, shows in [
            (ALL, "data", "OTHER", another_data),
            (EACH, "sample", "200", tagged("rows", "200")),
            (EACH, "folds", "3", lambda a, b: a.scores != b.scores),
            (EACH, "fn_cost", "50", differs("threshold")),
            (EACH, "metric", "f2", differs("threshold")),
            (EACH, "seed", "2", lambda a, b: a.scores != b.scores),
            (tuple(s for s in EACH if s != "lightgbm"), "exclude", "none", tagged("excluded", "0")),
            # Two trials on 260 clients grow no tree, so that no score can move.
            (("lightgbm",), "exclude", "none", lambda a, b: int(a.tags["excluded"]) > 0 == int(b.tags["excluded"])),
            (EACH, "exclude", "protected,EXT_SOURCE_2", lambda a, b: int(b.tags["excluded"]) > int(a.tags["excluded"])),
            (("search",), "scaling", "min-max", tagged("preparation.scaling", "min-max")),
            # Trees split alike whatever is done to a number that keeps its order.
            (("forest",), "scaling", "min-max", lambda _, b: b.tags["preparation.scaling"] == "min-max"),
            ((*PREPARED, "smote"), "imputation", "zero", tagged("preparation.imputation", "zero")),
            ((*PREPARED, "preparation"), "one_hot", "no", tagged("preparation.one_hot", "False")),
            (("search",), "clip", "yes", tagged("preparation.clip", "True")),
            (("forest", *COMPARISONS), "clip", "yes", lambda _, b: b.tags["preparation.clip"] == "True"),
            (("log_model",), "parameters", '{"learning_rate": 0.2}', given_setting("learning_rate", "0.2")),
            (("forest", *COMPARISONS), "parameters", '{"max_samples": 0.5}', given_setting("max_samples", "0.5")),
            (SEARCHES, "trials", "3", counted(3)),
            (SEARCHES, "time_limit", "0.001", counted(1)),
        ]
        for script in scripts
    ],
)  # fmt: skip
@pytest.mark.usefixtures("brief")
def test_each_parameter_does_something(
    projects: Projects,
    plain: Plain,
    script: str,
    name: str,
    value: str,
    *,
    shows: Callable[[Outcome, Outcome], bool],
) -> None:
    value = str(projects.other) if value == "OTHER" else value
    assert shows(plain[script], projects.run(script, **{name: value}))


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("script", ALL)
def test_the_threads_asked_for_are_the_threads_of_a_fit(
    projects: Projects, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[int] = set()
    real = Family.make

    def spying(self: Family, *words: Any, **named: Any) -> Any:
        model = real(self, *words, **named)
        last = model.steps[-1][1] if hasattr(model, "steps") else model
        seen.add(getattr(last, "jobs", None) or getattr(last, "n_jobs", None) or 1)
        return model

    monkeypatch.setattr(Family, "make", spying)
    families = {"families": "lightgbm"} if script == "search" else {}
    projects.run(script, jobs="2", **families)
    assert seen == {2}


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_the_profile_gives_the_budget(projects: Projects) -> None:
    """Without trials and sample the profile's own are taken; so are its fixed parameters."""
    demo = projects.run("lightgbm", trials="own")
    assert len(demo.level("trial")) == 5
    assert model_parameter(demo, "n_estimators") == "300"
    full = projects.run("lightgbm", profile="full", trials="1", sample="own")
    assert model_parameter(full, "n_estimators") == "10000"
    assert int(full.tags["rows"]) > 260


@pytest.mark.usefixtures("no_pictures")
def test_the_families_asked_for_are_searched_in_their_order(projects: Projects) -> None:
    found = projects.run("search", families="logistic_l2,lightgbm", trials="1")
    assert [run.data.tags["family"] for run in found.level("family")] == ["logistic_l2", "lightgbm"]


def test_a_search_leaves_parent_trials_figures_threshold_and_origin(
    projects: Projects, plain: Plain
) -> None:
    found = plain["search"]
    project = next(run for run in found.runs if "project" in run.data.tags)
    (parent,) = found.level("family")
    trials = found.level("trial")
    assert parent.data.tags[PARENT_RUN] == project.info.run_id
    assert [run.data.tags[PARENT_RUN] for run in trials] == [parent.info.run_id] * 2
    assert {run.info.status for run in found.runs} == {"FINISHED"}
    assert parent.data.tags["data_digest"] == sha256(projects.data)
    for name, value in read_features(projects.data).meta.items():
        if name.endswith("_digest"):
            assert parent.data.tags[name] == value
    for run in (parent, *trials):
        assert 0 < run.data.metrics["threshold"] < 1
        assert run.data.metrics["out_of_fold.AUC.se"] > 0
        assert "C" in run.data.params
    loss = "out_of_fold.loss_of_income"
    (best,) = (run for run in trials if run.data.tags["number"] == parent.data.tags["best_trial"])
    assert best.data.metrics["told_loss"] == min(run.data.metrics["told_loss"] for run in trials)
    assert parent.data.metrics[loss] == best.data.metrics[loss]
    assert parent.data.metrics["threshold"] == best.data.metrics["threshold"]
    assert found.json("best.json")["parameters"]["C"] == float(parent.data.params["C"])


def test_the_out_of_fold_probabilities_of_the_best_trial_are_kept(
    projects: Projects, plain: Plain
) -> None:
    found = plain["search"].judged
    path = projects.client.download_artifacts(found.info.run_id, "out_of_fold.parquet")
    rows = pd.read_parquet(path)
    features = read_features(projects.data).frame.set_index("SK_ID_CURR")
    assert len(rows) == 260
    assert (features.loc[rows.SK_ID_CURR, "SPLIT"] == "train").all()
    np.testing.assert_array_equal(features.loc[rows.SK_ID_CURR, "TARGET"], rows.TARGET)
    assert rows.probability.between(0, 1).all()


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_the_newest_search_on_the_very_data_gives_the_setting(projects: Projects) -> None:
    search = projects.run("lightgbm", trials="2", seed="5")
    final = projects.run("log_model")
    assert final.tags["setting_of_run"] == search.judged.info.run_id
    wanted = search.json("best.json")["parameters"]
    assert final.json("parameters.json")["num_leaves"] == wanted["num_leaves"]


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
def test_the_run_asked_for_gives_the_setting(projects: Projects, plain: Plain) -> None:
    older = plain["lightgbm"].judged.info.run_id
    projects.run("lightgbm", trials="2", seed="6")
    around = plain["lightgbm"].level("project")[0].info.run_id
    for run in (older, around):
        found = projects.run("log_model", run=run)
        assert found.tags["setting_of_run"] == older
        assert found.judged.data.params["run"] == run
        assert found.judged.data.params["folds"] == "2"


@pytest.fixture(scope="module")
def forest_search(projects: Projects) -> Outcome:
    return projects.run("search", families="random_forest", trials="2", imputation="zero")


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("script", ["forest", *COMPARISONS])
def test_the_run_asked_for_gives_the_forests_their_setting(
    projects: Projects, forest_search: Outcome, capsys: pytest.CaptureFixture[str], script: str
) -> None:
    found = projects.run(script, run=forest_search.judged.info.run_id)
    assert found.tags["setting_of_run"] == forest_search.judged.info.run_id
    wanted = forest_search.json("best.json")["parameters"]["max_leaf_nodes"]
    assert model_parameter(found, "max_leaf_nodes") == str(wanted)
    # Its preparation is not taken over, which is said.
    said = capsys.readouterr().err
    assert "searched with preparation.imputation zero, now it is median" in said


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("of another family", r"is no search of lightgbm; give a family's parent run; the newest is \w{32}$"),
        ("nowhere", r"there is no run 'nowhere'"),
        ("mistyped", r"there is no run .*; did you mean '\w{32}'\?$"),
        ("not ended", r"\(failed\) holds no best\.json: .*; go on with it by -P resume=\w{32}, or give"),
        ("a trial", r"is no search of lightgbm; .*; it is a trial of run \w{32}$"),
        ("a project without the family", r"is no search of lightgbm; give a family's parent run"),
    ],
)  # fmt: skip
def test_a_run_that_gives_no_setting(
    projects: Projects, plain: Plain, which: str, says: str
) -> None:
    searched = plain["lightgbm"].judged.info
    ids = {
        "of another family": plain["search"].judged.info.run_id,
        "nowhere": "nowhere",
        "mistyped": f"{searched.run_id[:-2]}zz",
        "a trial": plain["lightgbm"].level("trial")[0].info.run_id,
        "a project without the family": plain["search"].level("project")[0].info.run_id,
    }
    if which == "not ended":
        tags = {"level": "family", "family": "lightgbm"}
        run = projects.client.create_run(searched.experiment_id, tags=tags)
        projects.client.set_terminated(run.info.run_id, "FAILED")
        ids[which] = run.info.run_id
    with pytest.raises(TrackingError, match=says) as refused:
        projects.run("log_model", run=ids[which])
    assert "\n" not in str(refused.value)
    assert projects.runs()[-1].info.status == "FAILED"


@pytest.mark.parametrize(
    ("script", "given", "says"),
    [
        ("log_model", {"parameters": '{"num_leafs": 8}'}, "did you mean 'num_leaves'"),
        (
            "forest",
            {"parameters": '{"max_samples": 2}'},
            "max_samples is 2; it takes a number from",
        ),
        ("smote", {"parameters": "{}", "run": "0" * 32}, "give one of them"),
        ("smote", {"parameters": '{"balance": "weights"}'}, "balance has no effect here"),
    ],
)
def test_a_wrong_setting_is_one_line(
    projects: Projects, script: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        projects.run(script, **given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("script", [*FINALS, "smote"])
def test_an_interruption_closes_the_runs(
    projects: Projects, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "out_of_fold", interrupted)
    monkeypatch.setattr(model_variants, "out_of_fold", interrupted)
    known = {run.info.run_id for run in projects.runs()}
    with pytest.raises(KeyboardInterrupt):
        projects.run(script)
    new = [run for run in projects.runs() if run.info.run_id not in known]
    assert {run.info.status for run in new} == {"KILLED"}
    assert "signals.stop_once()" in (ROOT / SCRIPTS[script]).read_text()


@pytest.mark.usefixtures("brief")
def test_without_a_search_the_start_is_trained_and_said(
    projects: Projects, capsys: pytest.CaptureFixture[str]
) -> None:
    forest = projects.run("forest", data=str(projects.other))
    assert "no finished search of random_forest on this data" in capsys.readouterr().err
    assert "setting_of_run" not in forest.tags
    assert forest.json("parameters.json")["max_leaf_nodes"] == 256


@pytest.mark.slow
@pytest.mark.parametrize("script", ["log_model", "forest"])
def test_the_final_model_is_judged_on_the_test_clients_once_and_registered(
    projects: Projects, tmp_path: Path, script: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    looked: list[int] = []
    real = final_model.evaluate_finally

    def counting(model: Any, training: Any, test: Any, **named: Any) -> Any:
        looked.append(len(test))
        return real(model, training, test, **named)

    monkeypatch.setattr(final_model, "evaluate_finally", counting)
    receipt = tmp_path / "receipt.json"
    found = projects.run(script, receipt=str(receipt))
    written = json.loads(receipt.read_text())
    version = projects.client.get_model_version(written["name"], written["version"])
    assert version.run_id == written["run_id"] == found.judged.info.run_id
    assert version.tags["data_digest"] == sha256(projects.data)
    assert version.tags["family"] == found.tags["family"]
    assert registry.aliases_of(projects.client, version) in (["challenger"], ["champion"])
    # The first version is weighed, too: few clients may keep it the challenger, and it is said why.
    first = projects.client.get_model_version(written["name"], "1")
    assert first.tags["promotion"] in ("promoted", "refused")
    assert bool(first.tags["promotion_why"]) == (first.tags["promotion"] == "refused")
    frame = read_features(projects.data).frame
    assert looked == [(frame["SPLIT"] == "test").sum()]
    for name in METRICS:
        assert f"out_of_fold.{name}.se" in found.metrics
        if f"test.{name}.low" not in found.metrics:  # KS, and a score without an error
            assert name == "KS" or not found.metrics[f"test.{name}.se"]
            continue
        low, high = (found.metrics[f"test.{name}.{end}"] for end in ("low", "high"))
        assert low <= found.metrics[f"test.{name}"] <= high
    told = found.json("evaluation.json")
    assert [point["fn_cost"] for point in told["costs"]] == list(range(1, 21))
    assert told["costs"][4]["threshold"] == found.metrics["threshold"]
    assert found.json("calibration.json")["chosen"] in {"platt", "beta"}
    held = {item.path for item in projects.client.list_artifacts(found.judged.info.run_id)}
    assert {"reliability.png", "costs.png", "final.txt", "environment.json"} <= held
    printed, said = capsys.readouterr()
    assert "fold 1 of 2 done" in said
    path = projects.client.download_artifacts(found.judged.info.run_id, "final.txt")
    assert Path(path).read_text().strip() in printed
    assert f"registered: {written['name']} version {written['version']} (" in printed


@pytest.mark.slow
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("name", ["lightgbm", "random_forest"])
def test_a_final_model_takes_all_training_clients_whatever_a_search_may_have(
    projects: Projects, name: str
) -> None:
    family = get_family(name)
    budgets = {key: replace(row, largest_sample=50) for key, row in family.budgets.items()}
    texts = {"data": str(projects.data), "folds": "2", "profile": "demo"}
    settings = FinalSettings.from_texts(texts)
    with project_run(name) as project:
        final = final_model.train_final(project, settings, replace(family, budgets=budgets))
    frame = read_features(projects.data).frame
    wanted = frame.loc[frame["SPLIT"] == "train", "SK_ID_CURR"]
    assert sorted(final.model.ids) == sorted(wanted)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "variants", "fitted"),
    [
        ("smote", model_variants.RESAMPLINGS, "resampling"),
        pytest.param("preparation", model_variants.PREPARATIONS, "preparation.scaling", marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_variants_are_nested_runs_under_one_parent_with_paired_differences(
    projects: Projects, capsys: pytest.CaptureFixture[str],
    script: str, variants: tuple[model_variants.Variant, ...], fitted: str,
) -> None:  # fmt: skip
    found = projects.run(script, parameters='{"n_estimators": 5}')
    names = [variant.name for variant in variants]
    (parent,) = found.level("comparison")
    runs = found.level("variant")
    assert [run.data.tags["variant"] for run in runs] == names
    assert {run.data.tags[PARENT_RUN] for run in runs} == {parent.info.run_id}
    project = next(run for run in found.runs if "project" in run.data.tags)
    assert parent.data.tags[PARENT_RUN] == project.info.run_id
    assert {run.info.status for run in found.runs} == {"FINISHED"}
    assert len({run.data.params.get(fitted) or run.data.tags[fitted] for run in runs}) > 1
    table = capsys.readouterr().out
    for run in runs:
        assert any(line.startswith(run.data.tags["variant"]) for line in table.splitlines())
    path = projects.client.download_artifacts(parent.info.run_id, "out_of_fold.parquet")
    rows = pd.read_parquet(path)
    assert list(rows.columns) == ["SK_ID_CURR", "TARGET", *names]
    assert len(rows) == 260
    one, other = rows[names[0]], rows[names[-1]]
    for run, raw in ((runs[0], one), (runs[-1], other)):
        auc = evaluate(rows.TARGET.to_numpy(), raw.to_numpy(), 0.5)["AUC"].value
        assert run.data.metrics["out_of_fold.AUC"] == pytest.approx(auc)  # calibration keeps it
    apart = runs[-1].data.metrics["difference.AUC"]
    paired = paired_difference(
        "AUC", rows.TARGET.to_numpy(), (other.to_numpy(), 0.5), (one.to_numpy(), 0.5)
    )
    assert apart == pytest.approx(paired.value)
    assert runs[-1].data.metrics["difference.AUC.se"] == pytest.approx(paired.se)
    assert "difference.AUC" not in runs[0].data.metrics
    if script == "smote":  # undersampling trebles the probabilities, calibration sets them right
        position = names.index("undersampling, one-hot")
        raw = evaluate(rows.TARGET.to_numpy(), rows[names[position]].to_numpy(), 0.5)["brier"]
        assert runs[position].data.metrics["out_of_fold.brier"] < raw.value - 0.01


@pytest.mark.slow
def test_a_comparison_of_many_clients_takes_a_sample_that_smotenc_can_bear(
    projects: Projects, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_variants, "LARGEST_RESAMPLED", 250)
    for variants, rows in (
        (model_variants.RESAMPLINGS[:2], "250"),
        (model_variants.PREPARATIONS[:1], None),
    ):
        settings = VariantSettings.from_texts({
            "data": str(projects.data), "folds": "2", "profile": "demo",
            "parameters": '{"n_estimators": 2}',
        })  # fmt: skip
        with project_run("random_forest") as project:
            run_variants.compare_variants(
                project, settings, get_family("random_forest"), variants, "x"
            )
        run = next(r for r in reversed(projects.runs()) if r.data.tags["level"] == "comparison")
        assert (run.data.tags["rows"] == rows) is (rows is not None)
    assert "a sample of 250 of" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_families_on_other_samples_are_not_ranked(
    projects: Projects, capsys: pytest.CaptureFixture[str]
) -> None:
    projects.run("search", trials="1")
    table = capsys.readouterr().out
    assert "logistic_l2" in table
    assert "no ranking across them" not in table
    projects.run("search", families="svc_rbf,lightgbm", profile="demo", sample="own", trials="1")
    assert (
        "no ranking across them" not in capsys.readouterr().out
    )  # there are fewer than either bears


@pytest.fixture(scope="module")
def registered(projects: Projects, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registered version's name and number."""
    receipt = tmp_path_factory.mktemp("receipt") / "registered.json"
    projects.run("log_model", receipt=str(receipt))
    written = json.loads(receipt.read_text())
    return f"{written['name']}/{written['version']}"


class Exported(NamedTuple):
    """A registered version, the folder of its model and its clients, and the model's digest."""

    version: str
    home: Path
    digest: str


@pytest.fixture(scope="module")
def exported(
    projects: Projects, registered: str, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    folder = tmp_path_factory.mktemp("exported")
    digest = export(registered, folder / "model", features=projects.data, most_clients=30)
    return Exported(registered, folder, digest)


@pytest.mark.slow
def test_the_version_asked_for_is_exported_with_its_clients(
    projects: Projects, exported: Exported
) -> None:
    registered, home, digest = exported
    folder = home / "model"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert f"{manifest['name']}/{manifest['version']}" == registered
    assert load_artefact(folder).digest == digest
    clients = pd.read_parquet(home / "clients.parquet")
    split = read_features(projects.data).frame.set_index("SK_ID_CURR").SPLIT
    assert len(clients) == 30
    assert not (split.loc[clients.SK_ID_CURR] == "train").any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("missing", r"there is no feature file .*; build it, or name it by --features"),
        ("pickle", r"features\.pkl\.gz is not Parquet"),
        ("other", r"is not the feature file that the model was trained on"),
    ],
)
def test_an_export_from_another_feature_file_replaces_nothing(
    projects: Projects, exported: Exported, tmp_path: Path, which: str, says: str
) -> None:
    files = {
        "missing": tmp_path / "no.parquet",
        "pickle": tmp_path / "features.pkl.gz",
        "other": projects.other,
    }
    files["pickle"].touch()
    shutil.copytree(exported.home, tmp_path, dirs_exist_ok=True)
    folder = tmp_path / "model"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(ArtefactError, match=says):
        export(exported.version, folder, features=files[which], most_clients=5)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
