"""Drift is found where there is some, and not where there is none; what cannot be compared is named."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats

from api.tests.served import make_served
from project_tools.__main__ import main
from project_tools.errors import CreditError, FeatureError, SettingError
from project_tools.governance.drift import report
from project_tools.governance.drift.check import NOT_JOINT, drift
from project_tools.governance.drift.comparison import (
    Drift,
    DriftRule,
    compare,
    kolmogorov_smirnov,
    levels_test,
    psi,
    psi_band,
)
from project_tools.governance.drift.reference import (
    BINS,
    LEAST_ROWS,
    DriftReference,
    LevelBins,
    NumberBins,
    ScoreBins,
)
from project_tools.governance.drift.rows import Decisions, Source
from project_tools.serving.artefact import load_artefact
from project_tools.serving.pyfunc import PyfuncModel


def rows(count: int = 2_000, seed: int = 0) -> pd.DataFrame:
    """Features of every shape: continuous, mostly 0, whole, constant, with nulls, categories."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "income": random.lognormal(size=count).astype("float32"),
        "late": np.where(random.random(count) < 0.8, 0, random.lognormal(size=count)),
        "children": random.poisson(0.5, count),
        "flag": random.random(count) < 0.3,
        "constant": np.float32(3),
        "gone": np.full(count, np.nan),
        "work": pd.Categorical(random.choice(["a", "b", "c"], count, p=[0.6, 0.395, 0.005])),
    })  # fmt: skip
    frame.loc[random.random(count) < 0.3, "income"] = np.nan
    return frame


def decided(count: int = 2_000, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    logits = np.random.default_rng(seed).normal(-2.5 + shift, 1, count)
    p = 1 / (1 + np.exp(-logits))
    return pd.DataFrame({
        "SK_ID_CURR": np.arange(count),
        "proba_risk_class": p,
        "class": np.where(p > 1 / 6, "risk", "no_risk"),
    })  # fmt: skip


def found(one: pd.DataFrame, other: pd.DataFrame, rule: DriftRule | None = None) -> Drift:
    return compare(DriftReference.of(Source.of_frame(one)), Source.of_frame(other), rule=rule)


def feature(drift: Drift, name: str) -> Any:
    return next(one for one in drift.features if one.name == name)


counts = npst.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 1_000)).filter(
    lambda array: array.sum() > 0
)


# The figures


def test_psi_by_hand() -> None:
    # shares .5 .3 .2 against .4 .4 .2
    by_hand = -0.1 * np.log(0.4 / 0.5) + 0.1 * np.log(0.4 / 0.3)
    assert psi([50, 30, 20], [400, 400, 200]) == pytest.approx(by_hand)
    assert psi([10, 0], [9, 1]) == pytest.approx(
        -0.1 * np.log(0.9) + 0.05 * np.log(2)
    )  # half a row


@given(counts, st.data())
def test_psi_is_never_below_0_and_symmetric(one: np.ndarray, data: st.DataObject) -> None:
    other = data.draw(
        npst.arrays(np.int64, len(one), elements=st.integers(0, 1_000)).filter(
            lambda a: a.sum() > 0
        )
    )
    assert psi(one, other) >= 0
    assert psi(one, other) == pytest.approx(psi(other, one))


@given(counts, st.integers(1, 50), st.randoms(use_true_random=False))
def test_psi_is_0_for_equal_shares_and_sees_no_order(
    one: np.ndarray, times: int, random: Any
) -> None:
    assert psi(one, one * times) == pytest.approx(0, abs=1e-12)
    order = list(range(len(one)))
    random.shuffle(order)
    other = one[::-1] + 1
    assert psi(one[order], other[order]) == pytest.approx(psi(one, other))


def test_chance_alone_gives_what_the_source_says() -> None:
    """The mean of PSI / (1/n + 1/m) over samples of one population is B - 1."""
    random, n, m = np.random.default_rng(1), 3_000, 1_000
    shares = np.full(BINS, 1 / BINS)
    drawn = [
        psi(random.multinomial(n, shares), random.multinomial(m, shares)) for _ in range(2_000)
    ]
    scaled = np.array(drawn) / (1 / n + 1 / m)
    assert scaled.mean() == pytest.approx(BINS - 1, rel=0.05)
    assert (scaled > stats.chi2.isf(0.05, BINS - 1)).mean() == pytest.approx(0.05, abs=0.015)


def test_the_distance_is_scipys_where_the_cells_are_as_fine_as_the_values() -> None:
    random = np.random.default_rng(2)
    one, other = random.integers(0, 8, 500), random.integers(0, 9, 300)
    ours = kolmogorov_smirnov(np.bincount(one, minlength=9), np.bincount(other, minlength=9))
    exact = stats.ks_2samp(one, other, method="asymp")
    assert ours[0] == pytest.approx(exact.statistic)
    assert ours[1] == pytest.approx(exact.pvalue, rel=0.02)
    assert kolmogorov_smirnov(np.zeros(3, int), np.array([1, 2, 3])) == (None, 1.0)


@given(
    npst.arrays(np.float32, st.integers(60, 200), elements=st.floats(-100, 100, width=32)),
    npst.arrays(np.float32, st.integers(60, 200), elements=st.floats(-100, 100, width=32)),
)
def test_frozen_cells_never_see_more_than_there_is(one: np.ndarray, other: np.ndarray) -> None:
    bins = NumberBins.of("x", one)
    distance, _ = kolmogorov_smirnov(np.array(bins.counts), bins.count(other)[0])
    assert distance is not None
    assert distance <= stats.ks_2samp(one, other, method="asymp").statistic + 1e-12


def test_levels_are_tested_by_chi_squared_and_rare_ones_exactly() -> None:
    one, other = np.array([600, 400]), np.array([250, 250])
    statistic, p = levels_test(one, other)
    plain = stats.chi2_contingency([one, other], correction=False)
    assert statistic == pytest.approx(plain.statistic)
    assert p == pytest.approx(min(1, 2 * plain.pvalue))
    _, p = levels_test(np.array([60_000, 0]), np.array([100, 1]))  # one row of a new level
    assert p == pytest.approx(2 * 101 / 60_101, rel=1e-3)
    _, p = levels_test(np.array([60_000, 0]), np.array([70, 30]))  # thirty of them
    assert p < 1e-50


# Bins


@given(
    npst.arrays(
        np.float32,
        st.integers(1, 300),
        elements=st.sampled_from([np.nan, -2.5, 0.0, 0.1, 1.0, 7.0, 1e30]),
    )
)
def test_frozen_bins_count_their_own_rows_as_they_were(values: np.ndarray) -> None:
    bins = NumberBins.of("x", values)
    cells, missing = bins.count(values)
    assert tuple(cells) == bins.counts
    assert missing == bins.missing == np.isnan(values).sum()
    reference = DriftReference("f", "", len(values), (bins,), None)
    assert DriftReference.from_json(reference.to_json(), "f") == reference
    assert len(bins.labels) == len(bins.starts)


def test_a_tenth_of_the_rows_is_in_each_bin() -> None:
    bins = NumberBins.of("x", np.arange(10_000, dtype=np.float32))
    sums = np.add.reduceat(bins.counts, bins.starts)
    assert len(sums) == BINS
    assert sums.min() > 900
    assert sums.max() < 1_100


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([3.0] * 100, ["< 3", "= 3", "> 3"]),  # both sides of a constant
        ([0.0] * 90 + [5.0] * 10, ["< 0", "= 0", "0 to < 5", "= 5", "> 5"]),
        ([np.nan] * 100, ["all"]),
        # The last bin begins at a value that has a cell, but not a bin, to itself.
        ([0.0] * 84 + [*np.linspace(0.1, 0.9, 10)] + [1.0] * 6, ["< 0", "= 0", "0 to < 1", "≥ 1"]),
    ],
)
def test_a_value_that_fills_a_cell_has_it_to_itself(values: list[float], labels: list[str]) -> None:
    assert NumberBins.of("x", np.array(values, dtype=np.float32)).labels == labels


def test_rare_levels_share_a_bin_and_unknown_ones_are_counted() -> None:
    bins = LevelBins.of("x", {"b": 500, "a": 490, "z": 5, "y": 5}, 0)
    assert bins.labels == ["b", "a", "other levels"]
    counted, unknown = bins.count({"a": 3, "new": 2})
    assert counted.tolist() == [0, 3, 0, 0]
    assert unknown == 2


# Alarms


def test_the_same_rows_and_another_order_are_no_drift() -> None:
    frame = rows()
    same = found(frame, frame.sample(frac=1, random_state=1))
    assert not same.alarms
    assert {one.psi for one in same.features} == {0.0}
    assert {one.p_adjusted for one in same.features} == {1.0}


def doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(income=frame["income"] * 2)


def nulls(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(late=frame["late"].mask(np.arange(len(frame)) % 4 == 0))


def below(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(constant=np.float32(-3))


def known(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(gone=1.0)


def another_level(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(work=frame["work"].astype(object).where(frame["work"] != "b", "new"))


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(work=frame["work"].astype(object).map({"a": "b", "b": "a", "c": "c"}))


@pytest.mark.parametrize("count", [300, 2_000])
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (doubled, "income"),
        (nulls, "late"),  # only the share of "not known" moves
        (below, "constant"),  # a constant has no quantile to fall below
        (known, "gone"),  # never known before
        (another_level, "work"),
        (swapped, "work"),
    ],
)
def test_a_shift_is_found_and_nothing_beside_it(
    change: Callable[[pd.DataFrame], pd.DataFrame], name: str, count: int
) -> None:
    assert found(rows(), change(rows(count, seed=1))).alarms == [name]


def test_new_levels_are_counted_and_not_repeated() -> None:
    shifted = another_level(rows(seed=1))
    one = feature(found(rows(), shifted), "work")
    assert one.unknown_rows == (shifted["work"] == "new").sum()
    assert "new" not in one.labels


@pytest.mark.parametrize("count", [LEAST_ROWS, 200, 2_000])
def test_halves_of_one_sample_give_no_false_alarm(count: int) -> None:
    alarms = [found(rows(seed=seed), rows(count, seed=100 + seed)).alarms for seed in range(20)]
    assert sum(map(bool, alarms)) == 0


@pytest.mark.slow
def test_significance_alone_alarms_as_rarely_as_alpha_says() -> None:
    """With no least effect, the chance of any alarm among all features is at most alpha."""
    rule = DriftRule(alpha=0.2, psi=0)
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(100):
        whole = pd.DataFrame(random.normal(size=(600, 10)), columns=[f"f{i}" for i in range(10)])
        alarms += bool(found(whole[:400], whole[400:].reset_index(drop=True), rule).alarms)
    assert alarms <= 30  # 20 expected at most; 30 is exceeded once in 150 by chance


def test_a_tiny_shift_of_a_large_sample_is_told_but_no_alarm() -> None:
    random = np.random.default_rng(4)
    one = pd.DataFrame({"x": random.normal(size=40_000)})
    other = pd.DataFrame({"x": random.normal(size=40_000) + 0.06})
    shift = feature(found(one, other), "x")
    assert shift.p_adjusted < 0.001
    assert not shift.alarm
    assert report.feature_verdict(shift, 0.05) == "small shift"
    assert found(one, other, DriftRule(psi=0.001)).alarms == ["x"]


def test_alarms_come_before_larger_shifts_that_may_be_chance() -> None:
    shifted = rows(60, seed=1)
    for place in range(30):  # moderate by chance, with so few rows
        shifted[f"noise{place}"] = np.random.default_rng(place).normal(size=60)
    noise = {f"noise{i}": np.random.default_rng(100 + i).normal(size=2_000) for i in range(30)}
    drift = found(rows().assign(**noise), doubled(shifted).assign(children=shifted["children"] + 1))
    firsts = [one.alarm for one in drift.features]
    assert firsts == sorted(firsts, reverse=True)
    assert drift.alarms
    assert any(one.band != "none" and not one.alarm for one in drift.features)


def test_the_p_values_of_all_features_are_corrected_together() -> None:
    drift = found(rows(), rows(seed=1))
    expected = stats.false_discovery_control([one.p for one in drift.features])
    assert [one.p_adjusted for one in drift.features] == pytest.approx(expected)
    assert max(one.p_adjusted / one.p for one in drift.features) > 1


@pytest.mark.parametrize(("psi", "band"), [(0.0, "none"), (0.1, "moderate"), (0.25, "large")])
def test_bands(psi: float, band: str) -> None:
    assert psi_band(psi) == band


# Decisions


def test_expected_costs_by_hand() -> None:
    decisions = Decisions(np.array([0.1, 0.4, 0.02, 0.3]), np.array([True, False, True, False]))
    assert decisions.expected_costs(5).tolist() == pytest.approx([0.5, 0.6, 0.1, 0.7])
    frozen = ScoreBins.of(decisions, 5)
    assert frozen.granted == 2
    assert frozen.cost_mean == pytest.approx(0.475)


def test_decisions_that_shift_alarm_by_score_acceptance_and_loss() -> None:
    worse = found(decided(), decided(seed=1, shift=1))
    assert worse.alarms == ["proba_risk_class", "acceptance rate", "expected loss"]
    score = worse.score
    assert score is not None
    assert score.acceptance.change < -0.1
    assert score.loss.change > 0.05
    low, high = score.acceptance.interval
    assert low < score.acceptance.change < high < 0
    assert not found(decided(), decided(seed=1)).alarms


def test_the_verdict_names_three_alarms_and_the_number_of_the_others() -> None:
    frame = pd.DataFrame({name: np.arange(500.0) for name in "abcde"})
    moved = found(frame, frame + 300)
    assert report.verdict(moved) == "Drift in 5 of 5 figures compared: a, b, c and 2 more."
    assert report.verdict(found(frame, frame + 0)).startswith("No drift")


def test_limits_of_acceptance_and_loss_hold() -> None:
    strict = DriftRule(psi=9, acceptance=0.001, loss=9)
    assert found(decided(), decided(seed=1, shift=0.3), strict).alarms == ["acceptance rate"]
    strict = DriftRule(psi=9, acceptance=1, loss=0.001)
    assert found(decided(), decided(seed=1, shift=0.3), strict).alarms == ["expected loss"]


def test_the_errors_of_changes_are_those_of_repeated_samples() -> None:
    reference = DriftReference.of(Source.of_frame(decided()))
    changes = []
    for seed in range(200):
        one = compare(reference, Source.of_frame(decided(500, seed=10 + seed))).score
        assert one is not None
        changes.append((one.acceptance.new, one.loss.new, one.acceptance.se, one.loss.se))
    accepted, loss, se_accepted, se_loss = np.array(changes).T
    whole = compare(reference, Source.of_frame(decided())).score
    assert whole is not None
    share = 1 / (1 + 500 / 2_000)  # of the variance that comes from the new rows
    assert accepted.std() == pytest.approx(np.sqrt(share) * se_accepted.mean(), rel=0.15)
    assert loss.std() == pytest.approx(np.sqrt(share) * se_loss.mean(), rel=0.15)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"proba_risk_class": 1.2}, "proba_risk_class is no probability in 2,000 of 2,000 rows"),
        ({"proba_risk_class": np.nan}, "is no probability in 2,000"),
        ({"proba_risk_class": "high"}, "proba_risk_class is text, not a number from 0 to 1"),
        ({"class": "maybe"}, "class is neither risk nor no_risk in 2,000 of 2,000 rows"),
        ({"class": None}, "class is neither risk nor no_risk in 2,000"),
    ],
)
def test_decisions_that_are_none(change: dict[str, Any], says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        found(decided(), decided().assign(**change))


def test_a_probability_without_its_class_is_refused() -> None:
    with pytest.raises(FeatureError, match="has proba_risk_class but no column 'class'"):
        Source.of_frame(decided().drop(columns="class"))


# What cannot be compared


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f.rename(columns={"income": "incme"}),
         r"lacks income and has incme, which frame lacks; did you mean 'incme'\?"),
        (lambda f: f.drop(columns=["income", "late", "flag", "work"]),
         "lacks income, late, flag and 1 more"),
        (lambda f: f.assign(more=1), "has more, which frame lacks"),
        (lambda f: f.head(10), "has 10 rows, too few as new rows: 50 are needed, so that each tenth"),
        (lambda f: f.head(0), "has 0 rows, too few"),
        (lambda f: f.assign(income="much"), "column income is a category, in frame it is a number"),
        (lambda f: f.assign(work=1.0), "column work is a number, in frame it is a category"),
        (lambda f: f.assign(late=pd.Timestamp("2026-01-01")), r"column late is timestamp.*leave it"),
        (lambda f: f.assign(work=[f"text {i}" for i in range(2_000)]), "2,000 different texts"),
        (lambda f: f[[]].assign(SK_ID_CURR=1), "neither features nor decisions"),
        (lambda _: decided(), "frame holds features, frame decisions; give two files of one kind"),
    ],
)  # fmt: skip
def test_a_new_file_that_cannot_be_compared(change: Callable[..., pd.DataFrame], says: str) -> None:
    with pytest.raises(FeatureError, match=says):
        found(rows(), change(rows(seed=1)))


def test_a_column_without_any_value_is_of_either_kind() -> None:
    one = found(rows(), rows(seed=1).assign(income=None, work=None))
    assert feature(one, "income").missing_new == feature(one, "work").missing_new == 1
    assert sorted(one.alarms) == ["income", "work"]


def test_infinities_are_not_known_as_the_model_takes_them() -> None:
    source = Source.of_frame(pd.DataFrame({"x": [1.0, np.inf, -np.inf, 1e300, np.nan]}))
    np.testing.assert_array_equal(source.numbers("x"), [1, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"alpha": 0}, "alpha is 0; it takes a chance between 0 and 1"),
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"psi": -1}, "psi is -1; it takes 0 or more"),
        ({"loss": np.nan}, "loss is nan"),
        ({"acceptance": np.inf}, "acceptance is inf"),
    ],
)
def test_a_rule_out_of_range(rule: dict[str, float], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        DriftRule(**rule)


# The frozen reference


def test_a_reference_comes_back_and_compares_alike(tmp_path: Path) -> None:
    frame = rows().assign(**{"a:b": 0.1})
    reference = DriftReference.of(Source.of_frame(frame), decisions=Decisions(
        decided()["proba_risk_class"].to_numpy(), (decided()["class"] == "no_risk").to_numpy(),
    ))  # fmt: skip
    reference.save(tmp_path / "r.json")
    again = DriftReference.load(tmp_path / "r.json")
    assert again == reference
    new = Source.of_frame(rows(seed=1).assign(**{"a:b": 0.1}))
    assert compare(again, new) == compare(reference, new)
    assert "the new file holds no decisions" in compare(again, new).notes[0]


def test_a_reference_holds_no_extreme_value() -> None:
    frame = rows()
    frame.loc[7, "income"] = 123456.789
    frame.loc[8, "income"] = -98765.4321
    plain = DriftReference.of(Source.of_frame(frame)).to_json()
    assert "12345" not in plain
    assert "9876" not in plain


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d.update(format="x"), "is no reference of drift; make one with drift --freeze"),
        (lambda d: d.update(version=9), "of version 9, this program reads version 1"),
        (lambda d: d.pop("rows"), r"is a damaged reference \(rows\)"),
        (lambda d: d.pop("score"), r"is a damaged reference \(score\)"),
        (lambda d: d.pop("features"), r"is a damaged reference \(features\)"),
        (lambda d: d.update(features=5), r"is a damaged reference \(features\)"),
        (lambda d: d.update(score={"granted": 1}), r"is a damaged reference \(score\."),
        (lambda d: d.update(rows=5), "the counts of .* do not fit"),
        (lambda d: d["features"][0]["edges"].reverse(), r"is a damaged reference \(features\.0\."),
        (lambda d: d["features"][0]["edges"].append(float("inf")), "is a damaged reference"),
        (lambda d: d["features"][0].update(missing="many"), "is a damaged reference"),
        (lambda d: d["features"][0]["counts"].pop(), "the counts of income do not fit"),
        (
            lambda d: d["features"][0]["counts"].__setitem__(0, -1),
            "the counts of income do not fit",
        ),
    ],
)
def test_a_damaged_reference(change: Callable[..., object], says: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    DriftReference.of(Source.of_frame(rows())).save(path)
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(FeatureError, match=says) as refused:
        DriftReference.load(path)
    assert "\n" not in str(refused.value)


# Pages


class Page(HTMLParser):
    """The tags that matter here, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_stands_alone_and_says_in_words_what_its_pictures_show() -> None:
    hostile = '<script>income</script> "$x$" [red]'
    frame = rows().rename(columns={"income": hostile})
    shifted = frame.assign(**{hostile: frame.iloc[:, 0] * 3})
    text = report.html(found(frame, shifted))
    page = Page(text)
    assert page.of("html") == [{"lang": "en"}]
    assert page.of("script") == []  # the name of a column is text
    assert "&lt;script&gt;income&lt;/script&gt; &#34;$x$&#34; [red]" in text
    for image in page.of("img"):
        assert str(image["src"]).startswith("data:image/png;base64,")
        assert "income" in str(image["alt"])
    assert len(page.of("img")) == 2
    assert not re.search(r"(src|href)=.(http|//|/)", text)
    assert len(page.of("caption")) == 1
    assert {one["scope"] for one in page.of("th")} == {"col", "row"}


def test_the_page_of_decisions_holds_its_three_figures() -> None:
    text = report.html(found(decided(), decided(seed=1, shift=1)))
    for words in ("acceptance rate", "expected loss", "proba_risk_class", "Drift in 3 of 3"):
        assert words in text


# The command


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    frames = {
        "old": rows().assign(SPLIT=["train", "test"] * 1_000),
        "new": rows(seed=1),
        "shifted": doubled(rows(seed=1)),
        "few": rows(10),
        "decisions": decided(),
    }
    paths = {name: tmp_path / f"{name}.parquet" for name in frames}
    for name, frame in frames.items():
        frame.to_parquet(paths[name])
    return {**paths, "folder": tmp_path}


def test_the_status_is_for_a_scheduler(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new, shifted = (str(files[name]) for name in ("old", "new", "shifted"))
    assert main(["drift", old, new, "--quiet"]) == 0
    assert "No drift: nothing changed" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="3"):
        main(["drift", old, shifted, "--quiet"])
    said = capsys.readouterr().out
    assert "Drift in 1 of 8 figures compared: income." in said
    assert "ALARM: large shift" in said
    assert main(["drift", old, shifted, "--quiet", "--psi", "9"]) == 0
    assert main(["drift", old, str(files["few"]), "--quiet"]) == 1
    with pytest.raises(SystemExit, match="2"):
        main(["drift", old])


def test_json_page_and_reference_are_written(
    files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = files["folder"]
    words = ["drift", str(files["old"]), str(files["shifted"]), "--quiet", "--json"]
    with pytest.raises(SystemExit, match="3"):
        main([*words, str(folder / "d.json"), "--html", str(folder / "d.html"),
              "--freeze", str(folder / "r.json")])  # fmt: skip
    capsys.readouterr()
    plain = json.loads((folder / "d.json").read_text())
    assert plain["alarms"] == ["income"]
    assert plain["reference_rows"] == 1_000  # its training rows
    assert (folder / "d.html").read_text().startswith("<!doctype html>")
    with pytest.raises(SystemExit, match="3"):
        main(["drift", str(folder / "r.json"), *words[2:], "-"])
    # The same, but for what bins cannot show; and nothing else on stdout.
    alone = plain | {"joint": None, "notes": [*plain["notes"], NOT_JOINT]}
    assert json.loads(capsys.readouterr().out) == alone


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere.parquet", "new"), "nowhere.parquet is not there"),
        (("old", "nowhere.parquet"), "nowhere.parquet is not there"),
        (("old.xlsx", "new"), "old.xlsx names no format; it takes .parquet, .pkl.gz, .csv"),
        (("nowhere.json", "new"), "nowhere.json is not there"),
        (("old", "old", "--split", "nwe"), "unknown split 'nwe'; choose one of test, train"),
        (("old", "decisions"), "old.parquet holds features, decisions.parquet decisions"),
        (("old", "new", "--fn-cost", "0"), "fn_cost is 0.0; it takes a number above 0"),
        (("old", "new", "--alpha", "2"), "alpha is 2.0; it takes a chance between 0 and 1"),
        (("old", "new", "--artefact", "nowhere"), "there is no model folder nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...], says: str, files: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(files.get(word, word)) for word in words]
    assert main(["drift", *given, "--quiet"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("content", [b"", b"PAR1 no more"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    rows().to_parquet(tmp_path / "new.parquet")
    for name in ("broken.parquet", "broken.json"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CreditError, match=f"{name} is damaged"):
            drift(tmp_path / name, tmp_path / "new.parquet", quiet=True)
    (tmp_path / "broken.csv").write_bytes(b"")
    with pytest.raises(FeatureError, match=r"broken.csv is empty, damaged or no CSV"):
        Source.open(tmp_path / "broken.csv")


def test_decisions_come_as_csv_too(files: dict[str, Path]) -> None:
    path = files["folder"] / "decisions.csv"
    decided(seed=1).to_csv(path, index=False)
    assert not drift(files["decisions"], path, quiet=True).alarms


def test_the_artefact_scores_both_files_by_its_own_threshold_and_cost(
    served: Any, tmp_path: Path
) -> None:
    artefact = load_artefact(served.model, child=False)
    frame = served.frame
    for split in ("train", "new"):
        frame[frame["SPLIT"] == split].to_parquet(tmp_path / f"{split}.parquet")
    result = drift(
        tmp_path / "train.parquet", tmp_path / "new.parquet",
        artefact=served.model, freeze=tmp_path / "r.json", quiet=True,
    )  # fmt: skip
    expected = PyfuncModel(artefact).predict(frame[frame["SPLIT"] == "new"])
    assert result.score is not None
    granted = (expected["class"] == "no_risk").mean()
    assert result.score.acceptance.new == pytest.approx(granted)
    p, cost = expected["proba_risk_class"].to_numpy(), artefact.manifest.fn_cost
    costs = np.where(expected["class"] == "no_risk", cost * p, 1 - p)
    assert result.score.loss.new == pytest.approx(costs.mean())
    again = drift(tmp_path / "r.json", tmp_path / "new.parquet", artefact=served.model, quiet=True)
    # Bins cannot be compared together, which is said.
    assert again == replace(result, joint=None, notes=(NOT_JOINT,))
    with pytest.raises(SettingError, match="was frozen with 5"):
        drift(tmp_path / "r.json", tmp_path / "new.parquet", fn_cost=7, quiet=True)


def test_a_reference_without_decisions_cannot_be_scored(served: Any, tmp_path: Path) -> None:
    train = served.frame[served.frame["SPLIT"] == "train"]
    train.to_parquet(tmp_path / "train.parquet")
    DriftReference.of(Source.of_frame(train)).save(tmp_path / "r.json")
    with pytest.raises(SettingError, match=r"r.json holds no decisions to compare .* --freeze"):
        drift(tmp_path / "r.json", tmp_path / "train.parquet", artefact=served.model, quiet=True)
    with pytest.raises(FeatureError, match="lacks 1 of the model's features, as DAYS_BIRTH"):
        Source.of_frame(train.drop(columns="DAYS_BIRTH")).frame(["DAYS_BIRTH"])


def test_what_could_be_seen_with_these_rows_is_said() -> None:
    few, many = found(rows(), rows(60, seed=1)), found(rows(), rows(seed=1))
    assert few.least_psi > many.least_psi
    assert f"{few.least_psi:.3g}" in report.rule_in_words(few)
    narrow = replace(few, features=few.features[:1])
    assert narrow.least_psi < few.least_psi  # fewer tests, less correction
