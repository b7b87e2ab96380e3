"""Every final evaluation is audited by segments, gets its card, and freezes what drift compares."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from project_tools.errors import ArtefactError, FeatureError
from project_tools.evaluation.calibration_fit import LEAST_SLOPE
from project_tools.features.files import read_features, state_folder
from project_tools.governance.card import Card
from project_tools.governance.drift.check import drift
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.rows import Source
from project_tools.governance.exclusion import exclusion_facts
from project_tools.governance.limits import Limits
from project_tools.models.dataset import load_dataset
from project_tools.models.families import get_family
from project_tools.models.folds import fold_rows
from project_tools.models.training import train
from project_tools.runs import promotion, registry
from project_tools.runs.audit import HELD_OUT
from project_tools.runs.export import export
from project_tools.serving.artefact import copy_artefact, load_artefact
from project_tools.serving.folder import BESIDE, CARD_JSON
from project_tools.system import command
from tests.helpers.small_final import HINTS, Finals, Trained, feature_file, train_finally

pytestmark = pytest.mark.filterwarnings(*HINTS)
G_MEAN = "recall_specificity_G_mean"
PROTECTED = {"CODE_GENDER", "NAME_FAMILY_STATUS"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return feature_file(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finals(data: Path, new_store, tmp_path_factory) -> Iterator[Finals]:
    folder = tmp_path_factory.mktemp("finals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        patch.chdir(folder)
        command.quiet_libraries()
        # A third of these clients default: at a cost of 5 the best model grants nobody anything.
        # Without gender the forest knows nothing, and the break-even would refuse everybody.
        given = {"lightgbm": {"sample": "400"}, "random_forest": {"metric": G_MEAN}}
        yield Finals(
            {name: partial(train_finally, name, data, fn_cost="1", **given[name]) for name in given}
        )


@pytest.fixture(params=["lightgbm", pytest.param("random_forest", marks=pytest.mark.slow)])
def final(request: pytest.FixtureRequest, finals: Finals) -> Trained:
    return finals[request.param]


def of_gender(one: dict) -> bool:
    return one["characteristic"] == "gender" and one["acceptance_rate"] is not None


def card_of(final: Trained) -> Card:
    return Card.from_json(final.file(CARD_JSON).read_text())


def test_groups_that_the_model_does_not_see_are_audited(final: Trained) -> None:
    held_out = pd.read_parquet(final.file(HELD_OUT))
    threshold = final.client.get_run(final.run_id).data.metrics["threshold"]
    people = read_features(final.data).frame.set_index("SK_ID_CURR").loc[held_out["SK_ID_CURR"]]
    segments = json.loads(final.file("segments.json").read_text())["segments"]
    women = next(one for one in segments if one["group"] == "women")
    inside = (people["CODE_GENDER"] == "F").to_numpy()
    granted = (held_out["probability"] <= threshold).to_numpy()[inside]
    assert women["clients"] == inside.sum()
    assert women["acceptance_rate"]["value"] == pytest.approx(granted.mean())
    assert women["acceptance_rate"]["low"] < granted.mean() < women["acceptance_rate"]["high"]
    assert women["default_rate"]["value"] == pytest.approx(held_out["TARGET"][inside].mean())
    kinds = {one["characteristic"] for one in segments}
    assert kinds == {"gender", "age", "family status", "education", "income type", "credit history"}
    artefact = load_artefact(registry.download(final.version, final.file("")), child=False)
    assert not PROTECTED & {feature.name for feature in artefact.features}
    metrics = final.client.get_run(final.run_id).data.metrics
    assert metrics["segments.gender.least_acceptance_ratio"] == pytest.approx(
        min(one["acceptance_rate"]["value"] for one in segments if of_gender(one))
        / max(one["acceptance_rate"]["value"] for one in segments if of_gender(one))
    )


@pytest.mark.slow
def test_what_the_monotone_constraint_costs_is_logged_for_boosted_trees_alone(
    finals: Finals,
) -> None:
    boosted, forest = finals["lightgbm"], finals["random_forest"]
    metrics = boosted.client.get_run(boosted.run_id).data.metrics
    facts = json.loads(boosted.file("monotone.json").read_text())
    assert facts["features"]
    assert all(name.startswith("EXT_SOURCE") for name in facts["features"])
    for name in ("auc_lost", "loss_added", "log_loss_added"):
        assert metrics[f"monotone.{name}"] == facts[name]["value"]
        assert metrics[f"monotone.{name}.se"] == facts[name]["se"]
    assert metrics["rounds.mean"] <= metrics["rounds.scaled"]
    other = forest.client.get_run(forest.run_id).data.metrics
    assert not [name for name in other if name.startswith(("monotone.", "rounds."))]


def test_the_card_says_what_the_run_logged(final: Trained) -> None:
    run, card = final.client.get_run(final.run_id), card_of(final)
    for row in card.results:
        assert row.test == run.data.metrics[f"test.{row.name}"]
        assert row.out_of_fold == run.data.metrics[f"out_of_fold.{row.name}"]
        assert row.low == run.data.metrics.get(f"test.{row.name}.low")
    # One figure, one interval, wherever it is shown.
    loss = card.segments.overall.loss
    assert loss is not None
    shown = card.result("loss_of_income").interval
    assert (loss.low, loss.high) == pytest.approx(shown)
    artefact = load_artefact(registry.download(final.version, final.file("")), child=False)
    error = artefact.manifest.metrics["test.loss_of_income"]["se"]
    assert error == run.data.metrics["test.loss_of_income.se"]
    assert shown == pytest.approx((loss.value - 1.96 * error, loss.value + 1.96 * error))
    labelled = read_features(final.data).frame["TARGET"].notna().sum()
    assert run.data.tags["labelled"] == str(labelled)
    assert card.calibration.slope == run.data.metrics["test.calibration_slope"]
    assert card.data.digest == run.data.tags["data_digest"]
    assert card.commit == run.data.tags["commit"]
    assert card.threshold == run.data.metrics["threshold"]
    if card.metric == G_MEAN:  # its exact threshold is always taken
        assert card.threshold_choice is None
        assert "threshold.exact" not in run.data.metrics
    else:
        told = json.loads(final.file("threshold.json").read_text())
        assert (
            run.data.metrics["threshold.break_even"] == told["break_even"] == 0.5
        )  # at a cost of 1
        assert run.data.metrics["threshold.exact"] == told["exact"]
        assert run.data.metrics["threshold.gain"] == told["gain"]["value"]
        assert run.data.metrics["threshold.gain.se"] == told["gain"]["se"]
        assert card.threshold == told[told["taken"].replace("-", "_")]
    held_out = pd.read_parquet(final.file(HELD_OUT))
    assert card.granted == pytest.approx((held_out["probability"] <= card.threshold).mean())
    assert set(card.data.excluded) == PROTECTED
    assert card.data.invented is False
    assert card.data.labelled == int(run.data.tags["labelled"])
    assert [line.name for line in card.lines] == [
        "grant all",
        "refuse all",
        "best rule",
        "plain logistic",
    ]
    assert card.lines[0].loss.value == pytest.approx(card.cost.approve_all)
    shares = artefact.overview.shares()
    top = sorted(shares, key=lambda name: -shares[name])[: len(card.drivers)]
    assert {one.name for one in card.drivers} == set(top)
    assert [one.share for one in card.drivers] == pytest.approx(
        [shares[one.name] for one in card.drivers], rel=1e-3
    )
    served = next(one for one in card.sensitivity if one.threshold == card.threshold)
    assert (served.loss.low, served.loss.high) == pytest.approx(shown)
    assert served.granted == pytest.approx(card.granted)
    # The number that the registry gave is on the card of the run, and the alias on that of the export.
    assert f"credit_scoring, version {final.version.version}" in final.file("card.md").read_text()


@pytest.mark.slow
def test_the_second_version_s_card_says_what_changed(finals: Finals) -> None:
    one, other = finals["lightgbm"], finals["random_forest"]
    assert (int(one.version.version), int(other.version.version)) == (1, 2)
    assert card_of(one).changes == ()
    changes = card_of(other).changes
    assert changes[0].startswith("compared with credit_scoring, version 1")
    families = [card_of(final).family for final in (one, other)]
    assert f"family: {families[0]} before, {families[1]} now" in changes


@pytest.mark.slow
def test_the_card_travels_with_the_export(finals: Finals, tmp_path: Path) -> None:
    final = finals["random_forest"]
    name = f"credit_scoring/{final.version.version}"
    export(name, tmp_path / "model", features=final.data, most_clients=20)
    artefact = load_artefact(tmp_path / "model", child=False)
    title = f"credit_scoring, version {final.version.version} (challenger)"
    assert {name: title in text.decode() for name, text in artefact.card.items()} == {
        "card.md": True, "card.html": True,
    }  # fmt: skip
    assert set(BESIDE) <= set(artefact.manifest.files)
    # Nothing but what a training leaves can be laid beside a model.
    with pytest.raises(ArtefactError, match=r"notes.md is no file that lies beside a model"):
        copy_artefact(tmp_path / "model", tmp_path / "other", {"notes.md": b""})
    assert not (tmp_path / "other").exists()


def test_what_excluding_the_protected_columns_costs_is_on_the_card(final: Trained) -> None:
    card = card_of(final)
    assert card.exclusion is not None
    assert card.exclusion.withheld
    # Gender decides 60 % of these outcomes, so that a model without it loses much.
    assert card.exclusion.cost.auc_lost.interval[0] > 0.05
    assert card.exclusion.cost.loss_added.interval[0] > 0
    assert card.exclusion.cost.sentence() in final.file("card.md").read_text()
    metrics = final.client.get_run(final.run_id).data.metrics
    assert metrics["exclusion.auc_lost"] == card.exclusion.cost.auc_lost.value


def exclusion(data: Path, exclude: str | tuple[str, ...], folds: int = 3):
    training = load_dataset(data, exclude=exclude, folds=folds)
    setting = {
        "n_estimators": 20, "min_child_samples": 10, "learning_rate": 0.05, "num_leaves": 31,
        "colsample_bytree": 0.5, "reg_lambda": 5.0,
        # On all rows: without gender little is learnt, and the oracle knows no least slope.
        "early_stopping_rounds": 0,
    }  # fmt: skip
    model = train(get_family("lightgbm"), setting, training, folds=folds)
    features = read_features(data).frame.set_index("SK_ID_CURR").loc[training.ids]
    return model, training, exclusion_facts(model, setting, training, features, folds=folds)


def test_the_cost_of_exclusion_is_the_same_from_either_side(data: Path) -> None:
    """A model with the columns, audited without them, meets the very pair of the one without."""
    without, training, found = exclusion(data, "protected")
    with_them, _, other = exclusion(data, ())
    assert found is not None
    assert other is not None
    assert (found.withheld, other.withheld) == (True, False)
    assert found.cost == other.cost
    assert found.clients == len(training)  # few clients: every fold is judged
    # The folds one after the other, as they are judged.
    order = np.concatenate([held_out for _, held_out in fold_rows(training.y, 3, 1)])
    y = training.y[order]
    expected = [roc_auc_score(y, by_halves(y, model.oof[order])) for model in (with_them, without)]
    assert [found.cost.auc_with.value, found.cost.auc_without.value] == pytest.approx(
        expected, abs=1e-3
    )


def by_halves(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Each half calibrated on the other, by scikit-learn."""
    calibrated, logits = np.empty(len(p)), np.log(p / (1 - p))[:, None]
    for fitting, held_out in StratifiedKFold(2, shuffle=True, random_state=1).split(logits, y):
        curve = LogisticRegression(C=np.inf).fit(logits[fitting], y[fitting])
        calibrated[held_out] = curve.predict_proba(logits[held_out])[:, 1]
        if curve.coef_[0, 0] < LEAST_SLOPE:  # a model worse than chance: its order is kept
            rate = y[fitting].mean()
            moved = np.log(rate / (1 - rate)) + LEAST_SLOPE * (
                logits[held_out, 0] - logits[fitting, 0].mean()
            )
            calibrated[held_out] = 1 / (1 + np.exp(-moved))
    return calibrated


def test_without_protected_columns_there_is_no_cost(data: Path) -> None:
    training = load_dataset(data, exclude="protected", folds=2)
    bare = training.__class__(
        training.X, training.y, training.ids, training.meta, training.digest, training.path
    )
    model = train(get_family("lightgbm"), {"n_estimators": 5}, bare, folds=2)
    features = read_features(data).frame.set_index("SK_ID_CURR").loc[bare.ids]
    assert exclusion_facts(model, {"n_estimators": 5}, bare, features, folds=2) is None


@pytest.mark.slow
def test_the_reference_of_drift_is_frozen_at_training(finals: Finals) -> None:
    final = finals["random_forest"]
    frozen = DriftReference.load(final.file("drift_reference.json"))
    expected = DriftReference.of(Source.open(final.data, "train"))
    assert frozen.features == expected.features
    assert frozen.digest == expected.digest
    oof = pd.read_parquet(final.file("out_of_fold.parquet"))
    assert frozen.score is not None
    assert frozen.rows == len(oof)
    card = card_of(final)
    assert frozen.score.fn_cost == card.fn_cost
    granted = frozen.score.granted / frozen.rows
    # Out of fold, the training clients are granted about as often as the test clients.
    assert granted == pytest.approx(card.granted, abs=0.08)


def test_a_sampled_training_freezes_its_own_clients(finals: Finals) -> None:
    assert DriftReference.load(finals["lightgbm"].file("drift_reference.json")).rows == 400


@pytest.mark.slow
def test_drift_takes_a_model_folder_as_its_reference(finals: Finals, tmp_path: Path) -> None:
    final = finals["random_forest"]
    folder = registry.download(final.version, tmp_path)
    found = drift(folder, final.data, split="test", quiet=True)
    assert found.alarms == []
    assert found.score is not None
    frame = read_features(final.data).frame
    shifted = frame[frame["SPLIT"] == "test"].assign(EXT_SOURCE_2=lambda f: f["EXT_SOURCE_2"] / 3)
    shifted.drop(columns="SPLIT").to_parquet(tmp_path / "shifted.parquet")
    again = drift(folder, tmp_path / "shifted.parquet", quiet=True)
    assert any("EXT_SOURCE_2" in str(alarm) for alarm in again.alarms)
    # Decisions are compared with those of the training; no model is read for them.
    p = np.linspace(0.01, 0.99, 200)
    words = np.where(p > 0.5, "risk", "no_risk")
    pd.DataFrame({"proba_risk_class": p, "class": words}).to_parquet(tmp_path / "decided.parquet")
    assert drift(folder, tmp_path / "decided.parquet", quiet=True).score is not None


@pytest.mark.slow
def test_features_of_another_state_are_told_from_drift(final: Trained, tmp_path: Path) -> None:
    """What was learnt anew is no change of the clients, and is said."""
    folder = registry.download(final.version, tmp_path)

    def notes_on_states(new: Path) -> list[str]:
        notes = drift(folder, new, split="test", quiet=True).notes
        return [note for note in notes if "feature state" in note]

    assert notes_on_states(final.data) == []
    other = tmp_path / "other.parquet"
    shutil.copy(final.data, other)
    state = shutil.copytree(state_folder(final.data), state_folder(other))
    head = state / "state.json"
    head.write_text(head.read_text().replace('"raw_digest": "', '"raw_digest": "f'))
    # The file itself still says which state it is of: it is not read as a feature table here.
    (note,) = notes_on_states(other)
    assert "other.parquet was built with a feature state of its own (other.state)" in note
    assert f"project_tools features RAW {other} --state {folder / 'state'}" in note


def test_a_folder_without_a_reference_is_one_line(final: Trained, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"holds no drift_reference.json that was frozen at its"):
        drift(tmp_path, final.data, quiet=True)


@pytest.mark.slow
def test_a_final_model_can_be_weighed_against_another(finals: Finals) -> None:
    """From the entry scripts to the record: data, split and held-out clients are the same."""
    assert finals["lightgbm"].data == finals["random_forest"].data
    found = promotion.promote(
        f"credit_scoring/{finals['random_forest'].version.version}",
        allowed=Limits(slope=0.01, gap=1, ratio=0.01, latency_ms=10_000, explanation_ms=10_000,
                       forest_ms=10_000), quiet=True,
    )  # fmt: skip
    assert found.record.weighed.compared
    assert not any("limit" in why for why in found.record.weighed.bars)


def test_a_large_file_is_audited_on_a_sample_of_each_fold(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = exclusion(data, "protected")[2]
    monkeypatch.setattr("project_tools.models.sampled_folds.MOST_TRAINED", 200)
    monkeypatch.setattr("project_tools.models.sampled_folds.LEAST_JUDGED", 100)
    _, training, found = exclusion(data, "protected")
    _, _, other = exclusion(data, ())
    assert found is not None
    assert other is not None
    assert whole is not None
    assert (whole.trained, found.trained) == (len(training) * 2 // 3, 200)
    assert found.clients == -(-len(training) // 3)  # one fold holds enough
    assert found.cost == other.cost
    assert found.cost.auc_lost.interval[0] > 0
