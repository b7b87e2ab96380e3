"""Shifts that no single feature shows, and the model's performance with and without outcomes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from api.tests.served import Served, invented_features, make_served, write_features
from project_tools.governance.drift.check import NOT_JOINT, Model, drift
from project_tools.governance.drift.comparison import JOINT, DriftRule, compare
from project_tools.governance.drift.joint import joint_drift
from project_tools.governance.drift.performance import (
    auc_and_error,
    expected_auc,
    performance,
)
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.report import html, in_words
from project_tools.governance.drift.rows import Decisions, Source
from project_tools.serving.artefact import write_artefact

SCORES = ["EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3"]
#: Twenty of them by benchmarks/drift_joint.py, on the demonstration.
SEEDS = range(3)


def clients(rows: int, seed: int) -> pd.DataFrame:
    """External scores that hang together with age, income and outcome; a fifth of one is null."""
    chance = np.random.default_rng(seed)
    common = chance.normal(size=rows)
    noisy = lambda share: share * common + np.sqrt(1 - share**2) * chance.normal(size=rows)  # noqa: E731
    frame = pd.DataFrame({name: noisy(0.5) for name in SCORES})
    frame["DAYS_BIRTH"], frame["AMT_INCOME_TOTAL"] = noisy(-0.6), noisy(0.4)
    for number in range(6):
        frame[f"OTHER_{number}"] = noisy(0.2)
    frame["CTAR_DAYS_BIRTH_MEAN"] = frame["DAYS_BIRTH"] + chance.normal(size=rows)
    frame.loc[chance.random(rows) < 0.2, "EXT_SOURCE_1"] = np.nan
    frame["NAME_CONTRACT_TYPE"] = pd.Categorical(chance.choice(["Cash", "Revolving"], rows))
    frame["TARGET"] = (chance.random(rows) < 1 / (1 + np.exp(2 + common))).astype(float)
    return frame


def swapped(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each client with the external scores of another: every feature keeps its distribution."""
    order = np.random.default_rng(seed).permutation(len(frame))
    return frame.assign(**{name: frame[name].to_numpy()[order] for name in SCORES})


def compared(one: pd.DataFrame, other: pd.DataFrame, **named):
    found = joint_drift(Source.of_frame(one), Source.of_frame(other), **named)
    assert found is not None
    return found


def test_swapped_scores_alarm_and_halves_do_not() -> None:
    reference = clients(2_000, 0)
    for seed in SEEDS:
        new = clients(1_000, 100 + seed)
        assert compared(reference, swapped(new, seed)).alarm, seed
        assert not compared(reference, new).alarm, seed
        order = np.random.default_rng(seed).permutation(len(reference))
        one, other = (reference.iloc[half] for half in np.split(order, 2))
        assert not compared(one, other).alarm, seed


def test_no_single_feature_shows_what_the_features_show_together() -> None:
    reference, new = clients(2_000, 0), swapped(clients(1_000, 1), 1)
    single = compare(DriftReference.of(Source.of_frame(reference)), Source.of_frame(new))
    assert single.alarms == []
    assert compared(reference, new).alarm


@pytest.mark.slow
def test_p_values_of_unchanged_rows_are_not_too_small() -> None:
    ps = [compared(clients(400, 2 * s), clients(300, 2 * s + 1)).p for s in range(20)]
    assert np.mean(np.array(ps) <= 0.1) <= 0.3
    assert min(ps) > 0.0005


def test_the_weightiest_features_are_seen_and_groups_are_not() -> None:
    frame = clients(500, 0)
    frame["EXT_SOURCES_TWIN"] = 2 * frame["EXT_SOURCE_2"]
    weights = {"CTAR_DAYS_BIRTH_MEAN": 9, "EXT_SOURCE_2": 3, "EXT_SOURCES_TWIN": 2, "OTHER_1": 1}
    found = compared(frame, frame, weights=weights)
    assert found.features == ("EXT_SOURCE_2", "OTHER_1")
    # Without a model, those that go with the outcome.
    assert "DAYS_BIRTH" in compared(frame, frame).features[:6]
    assert "CTAR_DAYS_BIRTH_MEAN" not in compared(frame, frame).features


def test_too_few_rows_are_not_compared() -> None:
    few = Source.of_frame(clients(199, 0))
    assert joint_drift(few, Source.of_frame(clients(500, 1))) is None


def test_expected_auc_is_the_mean_over_all_pairs() -> None:
    p = np.random.default_rng(0).random(40).round(1)  # with ties
    bad = good = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                pair = p[i] * (1 - p[j])
                good += pair
                bad += pair * (1.0 if p[i] > p[j] else 0.5 if p[i] == p[j] else 0.0)
    assert expected_auc(p) == pytest.approx(bad / good)


def test_the_auc_is_sklearn_s_and_its_error_that_of_repeated_samples() -> None:
    def one(seed: int) -> tuple[float, float]:
        chance = np.random.default_rng(seed)
        y = (chance.random(400) < 0.2).astype(float)
        return auc_and_error(y, chance.normal(size=400) + y)

    chance = np.random.default_rng(7)
    y, p = (chance.random(300) < 0.3).astype(float), chance.random(300).round(2)
    assert auc_and_error(y, p)[0] == pytest.approx(roc_auc_score(y, p))
    figures = np.array([one(seed) for seed in range(400)])
    assert figures[:, 0].std() == pytest.approx(figures[:, 1].mean(), rel=0.15)


def decided(seed: int, rows: int = 3_000) -> tuple[Decisions, np.ndarray]:
    chance = np.random.default_rng(seed)
    p = chance.beta(1, 9, rows)
    return Decisions(p, p <= 1 / 6), (chance.random(rows) < p).astype(float)


def test_outcomes_show_what_probabilities_alone_cannot() -> None:
    decisions, y = decided(1)
    rule = DriftRule()
    true = performance(decisions, 5, rule, y)
    assert [one.alarm for one in true.realised] == [False, False]
    order = np.random.default_rng(2).permutation(len(y))
    moved = performance(decisions, 5, rule, y[order])
    assert moved.expected_auc == true.expected_auc
    assert [one.name for one in moved.realised if one.alarm] == ["realised loss", "realised AUC"]
    assert moved.realised[1].new == pytest.approx(0.5, abs=0.06)


def test_clients_without_an_outcome_are_not_judged() -> None:
    decisions, y = decided(3)
    rule, none_yet = DriftRule(), y.copy()
    none_yet[500:] = np.nan
    assert performance(decisions, 5, rule, none_yet).with_outcomes == 500
    assert performance(decisions, 5, rule, None).realised == ()
    assert performance(decisions, 5, rule, np.zeros(len(y))).realised == ()


def test_the_command_says_it_in_words(tmp_path: Path) -> None:
    reference, new = tmp_path / "features.parquet", tmp_path / "new.parquet"
    clients(2_000, 0).to_parquet(reference)
    swapped(clients(1_000, 1), 1).to_parquet(new)
    found = drift(reference, new, freeze=tmp_path / "frozen.json", quiet=True)
    assert found.alarms == [JOINT]
    (line,) = in_words(found)
    assert "ALARM" in line
    assert "a training client counts in its own group" in line
    assert line.split(":")[0] in html(found)
    bins_alone = drift(tmp_path / "frozen.json", new, quiet=True)
    assert bins_alone.alarms == []
    assert NOT_JOINT in bins_alone.notes


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A model with the frozen bins of its training clients, and its feature file."""
    made = make_served(tmp_path_factory.mktemp("served"))
    source = Source.open(made.features, "train")
    bins = DriftReference.of(source, Model.load(made.model).decide(source), 5.0).to_json()
    content = replace(made.content, files={"drift_reference.json": bins.encode()})
    write_artefact(made.model, content)
    return replace(made, content=content)


def moved(folder: Path, *, exchange: bool) -> Path:
    """A feature file of other clients; where asked for, the two scores of each become alike."""
    frame = invented_features(1_500, seed=11)
    if exchange:
        order = np.argsort(np.argsort(frame["EXT_SOURCE_2"].to_numpy()))
        frame["EXT_SOURCE_3"] = np.sort(frame["EXT_SOURCE_3"].to_numpy())[order]
    write_features(frame, folder / "new.parquet")
    return folder / "new.parquet"


@pytest.mark.parametrize("exchange", [False, True])
def test_a_model_folder_alone_shows_whether_scores_changed_places(
    served: Served, tmp_path: Path, exchange: bool
) -> None:
    found = drift(served.model, moved(tmp_path, exchange=exchange), quiet=True)
    assert found.joint is not None
    assert found.joint.rows_reference == 300
    assert found.joint.alarm == exchange
    assert NOT_JOINT not in found.notes


def test_a_model_folder_without_reference_says_that_nothing_was_compared_jointly(
    served: Served, tmp_path: Path
) -> None:
    write_artefact(tmp_path / "old", replace(served.content, reference=None))
    found = drift(tmp_path / "old", moved(tmp_path, exchange=True), quiet=True)
    assert found.joint is None
    assert NOT_JOINT in found.notes
