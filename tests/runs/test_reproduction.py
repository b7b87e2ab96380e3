"""A final model is trained again where all that it needs is there, and what differs is named."""

import json
import shlex
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from project_tools.__main__ import main
from project_tools.errors import TrackingError
from project_tools.runs import provenance, reproduction
from project_tools.runs.reproduction import Reproduction, as_text, reproduce
from project_tools.system import command
from tests.helpers.small_final import HINTS, Finals, Trained, feature_file, train_finally

pytestmark = pytest.mark.filterwarnings(*HINTS)
COMMIT = "c" * 40


def clean(*words: str) -> str:
    """What git says of a clean tree."""
    return COMMIT if words[0] == "rev-parse" else ""


@pytest.fixture(scope="module")
def finals(new_store, tmp_path_factory) -> Iterator[Finals]:
    folder = tmp_path_factory.mktemp("finals")
    data = feature_file(folder, 900)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        patch.chdir(folder)
        patch.setattr(provenance, "_git", clean)
        command.quiet_libraries()
        forest = partial(train_finally, "random_forest", data, imputation="median", sample="250")
        yield Finals(
            {"lightgbm": partial(train_finally, "lightgbm", data), "random_forest": forest}
        )


@pytest.mark.parametrize(
    "name", ["lightgbm", pytest.param("random_forest", marks=pytest.mark.slow)]
)
def test_a_rerun_gives_the_same_figures_and_model(finals: Finals, name: str) -> None:
    final = finals[name]
    versions = len(final.client.search_model_versions())
    found = reproduce(final.run_id, quiet=True)
    assert found.missing == []
    assert found.differences == ()
    metrics = final.client.get_run(final.run_id).data.metrics
    judged = [key for key in metrics if key.startswith(("out_of_fold.", "test."))]
    assert found.compared > len(judged)  # besides the figures: threshold, parameters, the model
    rerun = final.client.get_run(found.rerun)
    assert rerun.data.tags["reproduces"] == final.run_id
    assert rerun.data.tags["level"] == "reproduction"
    # Nothing is registered by it, and nobody's best final run is now this one.
    assert len(final.client.search_model_versions()) == versions
    assert as_text(found).endswith("figures and digests are the same")


def changed(final: Trained, name: str, content: dict) -> dict:
    """Write another file of the run; the former content."""
    before = json.loads(final.file(name).read_text())
    final.client.log_dict(final.run_id, content, name)
    return before


def test_what_differs_is_named(finals: Finals) -> None:
    final = finals["lightgbm"]
    setting = json.loads(final.file("setting.json").read_text())
    changed(final, "setting.json", setting | {"learning_rate": 0.123})
    try:
        found = reproduce(final.run_id, quiet=True)
    finally:
        changed(final, "setting.json", setting)
    named = {one.name: one for one in found.differences}
    assert named["learning_rate"].now == "0.123"
    assert named["learning_rate"].then == str(setting["learning_rate"])
    assert {"model digest", "held-out probabilities", "test.AUC", "out_of_fold.AUC"} <= set(named)
    text = as_text(found)
    assert f"differs in {len(found.differences)} of {found.compared} figures and digests:" in text
    assert "learning_rate" in text


@pytest.mark.parametrize(
    ("place", "value", "need", "remedy"),
    [
        (
            "commit",
            "d" * 40,
            "commit",
            f"git worktree add ../rerun {COMMIT}, then there make setup and this command",
        ),
        ("tree now", " M x.py", "tree now", "commit or stash what has been changed"),
        ("tree", "dirty", "tree", "the run's code was in no commit"),
        ("data", None, "data", r"is not the run's feature file.*SHA-256 aaaaaaaaaaaa"),
        ("lock", "e" * 64, "lock", "requirements.txt is another"),
        ("packages", {"numpy": "1.0"}, "packages", "make setup"),
        ("python", "2.7.18", "python", "make setup PYTHON="),
    ],
)
def test_what_is_not_there_is_said_and_nothing_is_trained(
    finals: Finals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    *, place: str, value, need: str, remedy: str,
) -> None:  # fmt: skip
    final, data = finals["lightgbm"], None
    monkeypatch.setattr(reproduction, "judged_final", lambda *_: pytest.fail("it was trained"))
    run = final.client.get_run(final.run_id)
    if place in {"commit", "tree now"}:
        words = "rev-parse" if place == "commit" else "status"
        monkeypatch.setattr(provenance, "_git", lambda *w: value if w[0] == words else clean(*w))
    elif place in {"tree", "python"}:
        final.client.set_tag(final.run_id, place, value)
    elif place == "lock":
        monkeypatch.setattr(reproduction, "environment_lock", lambda: value)
    elif place == "packages":
        held = reproduction.environment()
        other = held | {"packages": held["packages"] | value}
        monkeypatch.setattr(reproduction, "environment", lambda: other)
    else:
        data = tmp_path / "other.parquet"
        data.write_bytes(b"other")
    try:
        found = reproduce(final.run_id, data=data, quiet=True)
    finally:
        for tag in ("tree", "python"):
            final.client.set_tag(final.run_id, tag, run.data.tags[tag])
    assert [one.name for one in found.missing] == [need]
    assert found.rerun == ""
    with pytest.raises(AssertionError, match=f"cannot be rerun: {need}: .*{remedy}"):
        raise AssertionError(as_text(found).splitlines()[-1])


def test_a_feature_file_that_lies_elsewhere_is_named(
    finals: Finals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    final = finals["lightgbm"]
    copied = tmp_path / "moved.parquet"
    copied.write_bytes(final.data.read_bytes())
    monkeypatch.setattr(
        reproduction, "_rerun", lambda _past, settings, found, **_: (found, settings.data)[0]
    )
    assert reproduce(final.run_id, data=copied, quiet=True).missing == []
    assert [
        n.name for n in reproduce(final.run_id, data=tmp_path / "none", quiet=True).missing
    ] == ["data"]


@pytest.mark.slow
def test_a_registered_model_leads_to_its_run(
    finals: Finals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduction, "_rerun", lambda _past, _settings, found, **_: found)
    final = finals["random_forest"]
    assert reproduce("credit_scoring@challenger", quiet=True).run_id == final.run_id
    assert reproduce(f"credit_scoring/{final.version.version}", quiet=True).run_id == final.run_id


def test_wrong_names_are_one_line_with_the_nearest(finals: Finals) -> None:
    final = finals["lightgbm"]
    client, experiment = final.client, final.client.get_run(final.run_id).info.experiment_id
    trial = client.create_run(experiment, tags={"level": "trial"}).info.run_id
    bare = client.create_run(experiment, tags={"level": "final"}).info.run_id
    for name, says in (
        (trial, "is of the level 'trial' and trained no final model; the newest"),
        (bare, r"holds no setting.json: it did not come to its end, or an older release"),
        (f"{final.run_id[:-1]}-", f"did you mean '{final.run_id}'"),
        ("credit_scorin", "did you mean 'credit_scoring'"),
        ("credit_scoring@champoin", "has no alias 'champoin'; set are: "),
    ):
        with pytest.raises(TrackingError, match=says) as refused:
            reproduce(name, quiet=True)
        assert "\n" not in str(refused.value)
    client.delete_run(bare)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (Reproduction("r", "LightGBM", (), 9, (), "x"), 0),
        (
            Reproduction(
                "r", "LightGBM", (), 9, (reproduction.Difference("test.AUC", ".7", ".8"),), "x"
            ),
            3,
        ),
        (Reproduction("r", "LightGBM", (reproduction.Need("commit", "a", "b", "do"),)), 1),
    ],
)
def test_the_exit_status_says_what_came_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys, found: Reproduction, status: int
) -> None:
    monkeypatch.setattr(reproduction, "reproduce", lambda *_, **__: found)
    if status:
        with pytest.raises(SystemExit) as ended:
            main(["reproduce", "r", "--quiet"])
        assert ended.value.code == status
    else:
        assert main(["reproduce", "r", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("run r (LightGBM) needs")


@pytest.mark.slow
def test_what_mlflow_run_quoted_is_read_as_it_was_typed(
    finals: Finals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client, folder = finals["lightgbm"].client, tmp_path / 'a folder\'s "features"'
    shutil.copytree(finals["lightgbm"].data.parent, folder, ignore=shutil.ignore_patterns("*.db", "mlruns"))  # fmt: skip
    data = folder / finals["lightgbm"].data.name
    typed = {
        "data": str(data), "folds": "2", "exclude": "protected, EXT_SOURCE_3",
        "parameters": '{"n_estimators": 20, "min_child_samples": 10}',
    }  # fmt: skip
    # As `mlflow run` opens the run of a project and logs its parameters.
    experiment = client.get_run(finals["lightgbm"].run_id).info.experiment_id
    run = client.create_run(experiment, tags={"mlflow.source.type": "PROJECT"}).info.run_id
    for key, value in typed.items():
        client.log_param(run, key, shlex.quote(value))
    monkeypatch.setenv("MLFLOW_RUN_ID", run)
    train_finally("lightgbm", data, **{k: v for k, v in typed.items() if k != "data"})
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)  # MLflow takes it away when it logs a model
    found = reproduce(run, quiet=True)
    assert (found.missing, found.differences) == ([], ())
    assert client.get_run(run).info.run_name == "lightgbm"
