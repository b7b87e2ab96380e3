"""A version becomes the champion by a paired comparison and by limits, or by a reason."""

import json
import re
import statistics
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from api.tests.served import invented_features, trained
from project_tools.__main__ import main
from project_tools.errors import SettingError, TrackingError
from project_tools.evaluation.metrics import METRICS, paired_difference
from project_tools.governance.candidate import Candidate, unusable
from project_tools.governance.card import Card
from project_tools.governance.card_page import card_files
from project_tools.governance.challenge import not_comparable, weigh
from project_tools.governance.limits import Limits, limits_of
from project_tools.governance.segments import Figure
from project_tools.runs import promotion, registry
from project_tools.runs.audit import HELD_OUT
from project_tools.runs.store import connect, project_run
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.settings import Settings
from tests.helpers.invented_card import FN_COST, THRESHOLD, clientele, invented_card

#: MLflow's own hints, said while its pyfunc is imported and a model is logged without examples.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*Any type hint is inferred as AnyType", "ignore:.*An input example was not provided"
)
Y, TRUE, _ = clientele()
IDS = np.arange(100_001, 100_001 + len(Y))


def blurred(noise: float, seed: int = 0) -> np.ndarray:
    """The true probabilities with noise on their log-odds: the more, the worse a model."""
    logits = np.log(TRUE / (1 - TRUE)) + np.random.default_rng(seed).normal(0, noise, len(TRUE))
    return 1 / (1 + np.exp(-logits))


def card_of(p: np.ndarray) -> Card:
    card = invented_card()
    loss = METRICS["loss_of_income"].score(Y, p, threshold=THRESHOLD, fn_cost=FN_COST).value
    rows = tuple(replace(r, test=loss) if r.name == "loss_of_income" else r for r in card.results)
    return replace(card, results=rows)


def candidate(p: np.ndarray, **changes) -> Candidate:
    one = Candidate(
        version="1", run_id="0" * 32, artefact_digest="a" * 64, data_digest="d" * 64,
        split_digest="b" * 64, threshold=THRESHOLD, fn_cost=FN_COST, ids=IDS, y=Y, p=p,
        card=invented_card(), latency_ms=1.0,
    )  # fmt: skip
    return replace(one, **changes)


GOOD, WORSE, LIKE = candidate(TRUE), candidate(blurred(1.5)), candidate(blurred(0.02))


def test_a_better_challenger_has_nothing_against_it() -> None:
    found = weigh(GOOD, WORSE, "log_loss", Limits())
    assert found.bars == found.objections == ()
    assert found.clients == len(Y)
    expected = paired_difference("log_loss", Y, (TRUE, THRESHOLD), (WORSE.p, THRESHOLD))
    first = found.compared[0]
    assert (first.difference, first.se) == (expected.value, expected.se)
    assert first.challenger - first.champion == pytest.approx(expected.value)


@pytest.mark.parametrize(
    ("challenger", "champion", "metric"),
    [
        (LIKE, GOOD, "log_loss"),  # the difference is within its error
        (LIKE, GOOD, "loss_of_income"),
        (GOOD, GOOD, "AUC"),  # none at all
        (WORSE, GOOD, "loss_of_income"),
        (WORSE, GOOD, "AUC"),  # more is better here
    ],
)
def test_one_that_is_not_better_beyond_its_error_is_refused(challenger, champion, metric) -> None:
    found = weigh(challenger, champion, metric, Limits())
    assert f"not better beyond its error: its {metric} differs by" in found.bars[0]
    # The much worse one breaks the margin, too.
    assert ["not below the margin" in why for why in found.bars[1:]] == [True] * (
        challenger is WORSE
    )


def test_more_is_better_where_the_metric_says_so() -> None:
    assert weigh(GOOD, WORSE, "AUC", Limits()).bars == ()
    assert weigh(GOOD, WORSE, "brier", Limits()).bars == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"data_digest": "e" * 64},
            r"not comparable: it was judged on other data \(eeeeeeee…, the",
        ),
        ({"split_digest": "e" * 64}, "on another split"),
        ({"fn_cost": 4.0}, r"another cost of a missed defaulter \(4, the champion's 5\)"),
        ({"ids": IDS + 1}, "on other held-out clients"),
        ({"y": 1 - Y}, "on other held-out clients"),
        ({"ids": IDS[1:], "y": Y[1:], "p": TRUE[1:]}, "on other held-out clients"),
    ],
)
def test_what_was_judged_otherwise_is_not_compared(changes, says) -> None:
    other = replace(GOOD, **changes)
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(not_comparable(other, WORSE)[0])
    found = weigh(other, WORSE, "loss_of_income", Limits())
    assert found.compared == ()
    assert found.bars[0].startswith("not comparable")


def with_slope(slope: float, se: float) -> Card:
    card = invented_card()
    return replace(card, calibration=replace(card.calibration, slope=slope, slope_se=se))


def with_gap(value: float, low: float, high: float) -> Card:
    card = invented_card()
    overall = replace(card.segments.overall, gap=Figure(value, low, high))
    return replace(card, segments=replace(card.segments, overall=overall))


def with_ratio(value: float, low: float, high: float, group: str = "women") -> Card:
    """No group but this one is accepted less often than the best."""
    card = invented_card()
    segments = [
        replace(one, acceptance_ratio=Figure(value, low, high) if one.group == group else None)
        for one in card.segments.segments
    ]
    return replace(card, segments=replace(card.segments, segments=tuple(segments)))


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"card": with_slope(0.7, 0.02)}, "calibration slope is 0.70"),
        ({"card": with_slope(1.4, 0.02)}, "calibration slope is 1.40"),
        ({"card": with_slope(0.7, 0.2)}, None),  # chance would explain it
        ({"card": with_gap(0.03, 0.02, 0.04)}, "mean probability less the rate of default is \\+0.03"),
        ({"card": with_gap(-0.03, -0.04, -0.02)}, "is -0.0300"),
        ({"card": with_gap(0.03, -0.01, 0.07)}, None),
        ({"card": with_ratio(0.7, 0.6, 0.79)}, "acceptance of women .gender. to the best group's is 0.70"),
        ({"card": with_ratio(0.7, 0.6, 0.81)}, None),
        ({"latency_ms": 51.0}, "score of one client is 51.0 ms, allowed is 50 ms or less"),
        ({"explanation_ms": 21.0}, "explanation of one client is 21.0 ms, allowed is 20 ms or less"),
        ({"explanation_ms": 499.0, "family": "random_forest"}, None),
        ({"explanation_ms": 501.0, "family": "random_forest"}, "is 501.0 ms, allowed is 500 ms or less"),
        ({"size_bytes": 3_100_000}, "size of the model is 3.10 MB, allowed is 3 MB or less"),
        ({"size_bytes": 31_000_000, "model_format": "skops"}, None),  # reported, not limited
        ({}, None),
    ],
)  # fmt: skip
def test_a_limit_is_broken_beyond_its_error(changes, broken) -> None:
    found = weigh(replace(GOOD, **changes), WORSE, "log_loss", Limits())
    if broken is None:
        assert found.bars == ()
    else:
        with pytest.raises(AssertionError, match=f"a limit is broken: .*{broken}"):
            raise AssertionError(found.bars[0])
    assert sum(one.standing == "broken" for one in found.limits) == len(found.bars)
    assert found.objections == ()


@pytest.mark.parametrize("group", ["under 30", "Higher education", "Pensioner", "thin file"])
def test_four_fifths_of_other_than_protected_groups_are_an_objection(group: str) -> None:
    card = with_ratio(0.7, 0.6, 0.79, group)
    found = weigh(replace(GOOD, card=card), WORSE, "log_loss", Limits())
    assert found.bars == ()
    (why,) = found.objections
    assert f"the acceptance of {group} (" in why


@pytest.mark.parametrize(
    ("mine", "champion_s", "bars"),
    [(0.75, 0.75, False), (0.75, 0.70, False), (0.70, 0.75, True), (0.75, 0.9, True)],
)
def test_a_limit_that_the_champion_breaks_as_much_is_an_objection(mine, champion_s, bars) -> None:
    one, other = (with_ratio(ratio, ratio - 0.02, ratio + 0.02) for ratio in (mine, champion_s))
    found = weigh(replace(GOOD, card=one), replace(WORSE, card=other), "log_loss", Limits())
    assert (bool(found.bars), bool(found.objections)) == (bars, not bars)


@pytest.mark.parametrize(
    ("mine", "champion_s", "bars"),
    [
        (65.0, 60.0, False),  # a second measurement of the champion could say as much
        (55.0, 60.0, False),
        (67.0, 60.0, True),  # slower by more than a tenth
        (51.0, 49.9, True),  # the champion keeps to the limit
    ],
)
def test_noise_in_a_time_does_not_decide_beside_a_champion_that_is_too_slow(
    mine, champion_s, bars
) -> None:
    found = weigh(
        replace(GOOD, latency_ms=mine), replace(WORSE, latency_ms=champion_s), "log_loss", Limits()
    )
    assert (bool(found.bars), bool(found.objections)) == (bars, not bars)


def test_a_slope_as_far_on_the_other_side_is_as_much() -> None:
    """.5 and 2 are as far from 1 for a slope."""
    one, other = (replace(of, card=with_slope(s, 0.001)) for of, s in ((GOOD, 2.0), (WORSE, 0.49)))
    found = weigh(one, other, "log_loss", Limits())
    assert (len(found.bars), len(found.objections)) == (0, 1)


def test_the_margin_bars_a_loss_that_may_be_worse() -> None:
    """A better log loss with a threshold by which too many are refused."""
    strict = replace(GOOD, threshold=0.03)
    found = weigh(strict, WORSE, "log_loss", Limits(margin=1e-6))
    loss = next(row for row in found.compared if row.metric == "loss_of_income")
    upper = loss.difference + 1.645 * loss.se
    assert [f"may be worse by {upper:.4f}" in why for why in found.bars] == [True]
    assert weigh(strict, WORSE, "log_loss", Limits(margin=upper + 1e-9)).bars == ()


def test_the_power_is_on_record() -> None:
    found = weigh(LIKE, GOOD, "log_loss", Limits(), weighed_before=3)
    better, loss = found.compared[:2]
    assert found.power is not None
    assert found.power.gain == pytest.approx(2.80 * better.se)
    chance = statistics.NormalDist().cdf(0.01 / loss.se - 1.645)
    assert found.power.equal_passes == pytest.approx(chance)
    assert found.power.weighed == 4
    assert "too few" not in found.power.sentence
    few = candidate(blurred(0.4)[:400], ids=IDS[:400], y=Y[:400])
    former = candidate(TRUE[:400], ids=IDS[:400], y=Y[:400])
    power = weigh(few, former, "log_loss", Limits()).power
    assert power is not None
    assert power.equal_passes < 0.5
    assert power.sentence.startswith("too few clients to tell: ")


def test_the_first_version_is_weighed_against_no_model() -> None:
    found = weigh(GOOD, None, "loss_of_income", Limits())
    assert found.bars == ()
    rate = float(Y.mean())
    assert [row.against for row in found.compared] == ["granting all", "refusing all"]
    assert [row.champion for row in found.compared] == pytest.approx([FN_COST * rate, 1 - rate])
    slow = weigh(replace(GOOD, latency_ms=51.0), None, "loss_of_income", Limits())
    assert ["the score of one client is 51.0 ms" in why for why in slow.bars] == [True]


def test_equal_and_useless_versions_pass_as_rarely_as_promised() -> None:
    """The table of 4,000 repetitions is in docs/answerable.md; these are 150 of 1,500 clients."""
    chance, passed = np.random.default_rng(2), {"better": 0, "first": 0}
    alike = candidate(blurred(0.3, 1)), candidate(blurred(0.3, 2))
    for _ in range(150):
        rows = chance.integers(0, len(Y), 1_500)
        one, other = (replace(c, ids=IDS[rows], y=Y[rows], p=c.p[rows]) for c in alike)
        found = weigh(one, other, "log_loss", Limits())
        passed["better"] += found.compared[0].better
        useless = replace(one, p=chance.permutation(one.p))
        passed["first"] += not weigh(useless, None, "loss_of_income", Limits()).bars
    # 2.5 % are 4; more than 11 come once in a thousand.
    assert passed["better"] <= 11
    assert passed["first"] == 0


def test_permuted_labels_are_not_better_than_granting_all() -> None:
    chance = np.random.default_rng(7)
    useless = replace(GOOD, p=chance.permutation(TRUE))
    found = weigh(useless, None, "loss_of_income", Limits())
    assert "is not below that of granting all beyond the error" in found.bars[0]


@pytest.mark.parametrize(
    ("p", "says"),
    [
        (np.full(len(Y), 0.08), "every held-out client gets the same probability, 0.0800"),
        (1 - TRUE, r"inverted: AUC on held-out clients is 0\.\d+ \(.*\), below chance"),
        (TRUE, "^$"),
        (np.random.default_rng(7).permutation(TRUE), "^$"),  # useless, but a probability
    ],
)  # fmt: skip
def test_probabilities_that_cannot_decide_are_named(p, says) -> None:
    assert re.search(says, unusable(replace(GOOD, p=p)))


def test_every_group_with_a_ratio_has_a_limit() -> None:
    judged = [
        one.group
        for one in GOOD.card.segments.segments
        if one.acceptance_ratio is not None and one.acceptance_ratio.high is not None
    ]
    names = " ".join(one.limit for one in limits_of(GOOD, Limits()))
    assert judged
    assert all(group in names for group in judged)


@pytest.mark.parametrize(
    ("name", "value"),
    [("slope", 0), ("slope", 1.1), ("gap", -1), ("latency_ms", float("inf")), ("margin", 0)],
)
def test_a_limit_out_of_range_is_refused(name, value) -> None:
    with pytest.raises(SettingError, match=f"the limit {name} is .*it takes a number above 0"):
        Limits(**{name: value})


@pytest.fixture(scope="module")
def home(tmp_path_factory, new_store):
    """One store for the module."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patched.delenv("MLFLOW_RUN_ID", raising=False)
        patched.chdir(folder)
        # The child that reads a model first is tested where it stands; here it would take minutes.
        patched.setattr(promotion, "load_artefact", partial(load_artefact, child=False))
        yield connect(Settings.load({})), folder


class Store:
    """A registry whose versions have the probabilities that a test gives them."""

    def __init__(self, client, folder, name: str) -> None:
        self.client, self.folder, self.name = client, folder, name
        self.content = trained(invented_features(), folder / "features.state")

    def register(
        self, p: np.ndarray, *, held_out: bool = True, card: Card | None = None, **changes
    ):
        content = replace(
            self.content, name=self.name, files=card_files(card or card_of(p)),
            threshold=THRESHOLD, **changes,
        )  # fmt: skip
        folder = self.folder / "artefact"
        write_artefact(folder, content)
        with project_run("final") as run:
            rows = pd.DataFrame({"SK_ID_CURR": IDS, "TARGET": Y, "probability": p})
            if held_out:
                run.table(rows.sample(frac=1, random_state=1), HELD_OUT)  # in any order
            columns = [(feature.name, feature.kind) for feature in content.features]
            version = registry.register(run, folder, columns, {}, self.name)
            if held_out:
                promotion.weigh_first(run, version)
            return version

    @property
    def champion(self) -> str:
        version = registry.alias_or_none(self.client, self.name, "champion")
        assert version is not None
        return str(version.version)

    def record(self, run_id: str) -> dict:
        path = self.client.download_artifacts(run_id, promotion.RECORD)
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return json.load(file)


@pytest.fixture
def store(home, request):
    client, folder = home
    return Store(client, folder, request.node.name[:40].replace("[", "").replace("/", ""))


def test_refused_forced_and_accepted_each_with_its_record(store: Store, monkeypatch) -> None:
    store.register(blurred(0.35))
    store.register(blurred(0.36))
    challenger = f"{store.name}@challenger"

    refused = promotion.promote(challenger, quiet=True)
    assert store.champion == "1"
    record = store.record(refused.run_id)
    assert (record["outcome"], record["from_version"], record["to_version"]) == (
        "refused",
        "1",
        "2",
    )
    assert "not better beyond its error" in record["weighed"]["bars"][0]
    assert record["weighed"]["power"]["weighed"] == 2  # the first version was weighed, too
    assert "@" in record["by"]
    assert record["when"].endswith("+00:00")

    store.register(TRUE)
    # Score and explanation of the challenger, then of the champion, in ms.
    latencies = iter([51.0, 1.0, 1.0, 1.0])
    with monkeypatch.context() as slowed:
        slowed.setattr(promotion, "latency_ms", lambda *_, **__: next(latencies))
        slow = promotion.promote(challenger, quiet=True)
    assert store.champion == "1"
    record = store.record(slow.run_id)["weighed"]
    whys = [*record["bars"], *record["objections"]]
    assert ["the score of one client is" in why for why in whys] == [True]

    accepted = promotion.promote(challenger, answer="none of them", quiet=True)
    assert store.champion == "3"
    record = store.record(accepted.run_id)
    assert (record["outcome"], record["reason"]) == ("promoted", "")
    assert record["answer"] == "none of them"
    first = record["weighed"]["compared"][0]
    expected = paired_difference("log_loss", Y, (TRUE, THRESHOLD), (blurred(0.35), THRESHOLD))
    assert (first["difference"], first["se"]) == pytest.approx((expected.value, expected.se))
    assert record["challenger"]["data_digest"] == "d" * 64
    run = store.client.get_run(accepted.run_id)
    assert run.data.metrics["difference.log_loss"] == first["difference"]
    assert (run.data.tags["outcome"], run.data.tags["from"], run.data.tags["to"]) == (
        "promoted", "1", "3",
    )  # fmt: skip
    assert store.client.get_model_version(store.name, "3").tags["promotion_run"] == accepted.run_id
    # It is no challenger any more.
    with pytest.raises(TrackingError, match="has no alias 'challenger'; set are: champion"):
        promotion.promote(challenger, quiet=True)

    forced = promotion.promote(f"{store.name}/1", force="the new one stutters", quiet=True)
    assert store.champion == "1"
    record = store.record(forced.run_id)
    assert (record["outcome"], record["reason"]) == ("forced", "the new one stutters")
    assert record["weighed"]["bars"]


@pytest.mark.slow
def test_what_cannot_be_compared_takes_a_reason(store: Store) -> None:
    store.register(blurred(0.35))
    store.register(TRUE, data_digest="e" * 64)
    with pytest.raises(TrackingError, match=r"version 2: not comparable: .* other data") as refused:
        promotion.promote(f"{store.name}@challenger", quiet=True)
    assert "\n" not in str(refused.value)
    assert store.champion == "1"
    forced = promotion.promote(f"{store.name}@challenger", force="new month", quiet=True)
    assert store.champion == "2"
    assert store.record(forced.run_id)["weighed"]["compared"] == []


@pytest.mark.slow
def test_the_first_version_is_weighed_when_it_is_registered(store: Store, capsys) -> None:
    useless = np.random.default_rng(7).permutation(TRUE)
    one = store.register(useless)
    assert registry.alias_or_none(store.client, store.name, "champion") is None
    tags = store.client.get_model_version(store.name, one.version).tags
    assert tags["promotion"] == "refused"
    assert "is not below that of granting all beyond the error" in tags["promotion_why"]
    assert "\n" not in tags["promotion_why"]
    record = store.record(tags["promotion_run"])
    assert (record["outcome"], record["from_version"]) == ("refused", None)
    # Weighed again by a person it fails again, and can be forced.
    with pytest.raises(SystemExit, match=str(promotion.REFUSED)):
        main(["promote", f"{store.name}@challenger", "--quiet"])
    said = capsys.readouterr().out
    assert "against having no model" in said
    assert "has no champion yet" in said
    # The next version is the first that passes, so it becomes the champion.
    store.register(TRUE)
    assert store.champion == "2"
    # A person answers what is objected to a champion, too.
    assert main(["promote", store.name, "--quiet", "--answer", "lawful here"]) == 0
    assert "on " + f"{store.name}/2, the champion" in capsys.readouterr().out
    tags = store.client.get_model_version(store.name, "2").tags
    assert tags["promotion_answer"] == "lawful here"
    assert "@" in tags["promotion_answer_by"]
    store.register(useless)
    promotion.promote(f"{store.name}@challenger", force="to see it", quiet=True)
    assert store.champion == "3"


@pytest.mark.slow
def test_a_version_without_a_usable_probability_is_one_line(store: Store) -> None:
    first = store.register(np.full(len(Y), 0.08))
    why = store.client.get_model_version(store.name, first.version).tags["promotion_why"]
    assert why == "every held-out client gets the same probability, 0.0800"
    store.register(TRUE)
    store.register(1 - TRUE)
    for force in (None, "whatever it is"):
        with pytest.raises(TrackingError, match=r"version 3: its probabilities are inverted") as no:
            promotion.promote(f"{store.name}@challenger", force=force, quiet=True)
        assert "\n" not in str(no.value)
    assert store.champion == "2"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"held_out": False}, "its run holds no held_out.parquet to compare it by; train it again"),
        ({"card": invented_card()}, "give another loss_of_income than its model card says"),
    ],
)
def test_a_challenger_that_cannot_be_weighed_is_one_line(store: Store, changes, says) -> None:
    store.register(blurred(0.35))
    store.register(blurred(0.4), **changes)
    with pytest.raises(TrackingError, match=says):
        promotion.promote(f"{store.name}@challenger", quiet=True)


def test_wrong_names_are_one_line_with_the_nearest(store: Store) -> None:
    version = store.register(TRUE)
    run = store.client.create_run("0")
    for name, says in (
        (f"{store.name}x", f"did you mean '{store.name}'"),
        (f"{store.name}@champoin", "has no alias 'champoin'; .*did you mean 'champion'"),
        (f"{store.name}/7", "has no version '7'; there are 1"),
        (run.info.run_id, "there is a run of this id, of the level 'some', but it registered no"),
        (f"{version.run_id[:-1]}x", f"did you mean '{version.run_id}'"),
        (store.name, "version 1 is the champion already"),
    ):
        with pytest.raises(TrackingError, match=says) as refused:
            promotion.promote(name, quiet=True)
        assert "\n" not in str(refused.value)
    for given in ("force", "answer"):
        with pytest.raises(SettingError, match=f"--{given} is empty"):
            promotion.promote(store.name, quiet=True, **{given: " "})
    with pytest.raises(SettingError, match=r"unknown metric 'AUX'.*did you mean 'AUC'"):
        promotion.promote(store.name, metric="AUX", quiet=True)


@pytest.mark.slow
def test_the_command_prints_the_comparison_and_ends_with_its_status(store: Store, capsys) -> None:
    store.register(blurred(0.35))
    store.register(blurred(0.36))
    challenger = f"{store.name}@challenger"
    with pytest.raises(SystemExit) as ended:
        main(["promote", challenger, "--quiet"])
    assert ended.value.code == promotion.REFUSED
    said = capsys.readouterr().out
    assert "loss_of_income" in said
    assert "four times in five" in said
    assert "refused: " in said
    assert "record: promotion.json of run " in said
    assert main(["promote", challenger, "--quiet", "--force", "it is explained better"]) == 0
    said = capsys.readouterr().out
    assert "promoted: version 2 is the champion, forced by " in said
    assert "it is explained better" in said
