"""A challenger takes the champion's place by a paired comparison and by floors, or by a reason."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from api.tests.served import invented_features, trained
from project_tools.__main__ import main
from project_tools.errors import SettingError, TrackingError
from project_tools.evaluation.metrics import METRICS, paired_difference
from project_tools.governance.card import Card
from project_tools.governance.card_page import card_files
from project_tools.governance.challenge import Candidate, Floors, floors_of, not_comparable, weigh
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
    found = weigh(GOOD, WORSE, "loss_of_income", Floors())
    assert found.objections == ()
    assert found.clients == len(Y)
    expected = paired_difference("loss_of_income", Y, (TRUE, THRESHOLD), (WORSE.p, THRESHOLD))
    first = found.compared[0]
    assert (first.difference, first.se) == (expected.value, expected.se)
    assert first.challenger - first.champion == pytest.approx(expected.value)


@pytest.mark.parametrize(
    ("challenger", "champion", "metric"),
    [
        (LIKE, GOOD, "loss_of_income"),  # the difference is within its error
        (GOOD, GOOD, "AUC"),  # none at all
        (WORSE, GOOD, "loss_of_income"),
        (WORSE, GOOD, "AUC"),  # more is better here
    ],
)
def test_one_that_is_not_better_beyond_its_error_is_refused(challenger, champion, metric) -> None:
    found = weigh(challenger, champion, metric, Floors())
    assert len(found.objections) == 1
    assert f"not better beyond its error: its {metric} differs by" in found.objections[0]


def test_more_is_better_where_the_metric_says_so() -> None:
    assert weigh(GOOD, WORSE, "AUC", Floors()).objections == ()
    assert weigh(GOOD, WORSE, "brier", Floors()).objections == ()


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
    found = weigh(other, WORSE, "loss_of_income", Floors())
    assert found.compared == ()
    assert found.objections[0].startswith("not comparable")


def with_slope(slope: float, se: float) -> Card:
    card = invented_card()
    return replace(card, calibration=replace(card.calibration, slope=slope, slope_se=se))


def with_gap(value: float, low: float, high: float) -> Card:
    card = invented_card()
    overall = replace(card.segments.overall, gap=Figure(value, low, high))
    return replace(card, segments=replace(card.segments, overall=overall))


def with_ratio(value: float, low: float, high: float) -> Card:
    card = invented_card()
    women = replace(card.segments.segments[0], acceptance_ratio=Figure(value, low, high))
    segments = (women, *card.segments.segments[1:])
    return replace(card, segments=replace(card.segments, segments=segments))


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
        ({}, None),
    ],
)  # fmt: skip
def test_a_floor_is_broken_beyond_its_error(changes, broken) -> None:
    found = weigh(replace(GOOD, **changes), WORSE, "loss_of_income", Floors())
    if broken is None:
        assert found.objections == ()
    else:
        with pytest.raises(AssertionError, match=f"a floor is broken: .*{broken}"):
            raise AssertionError(found.objections[0])
    assert sum(not floor.kept for floor in found.floors) == len(found.objections)


def test_every_group_with_a_ratio_has_a_floor() -> None:
    judged = [
        one.group
        for one in GOOD.card.segments.segments
        if one.acceptance_ratio is not None and one.acceptance_ratio.high is not None
    ]
    names = " ".join(floor.floor for floor in floors_of(GOOD, Floors()))
    assert judged
    assert all(group in names for group in judged)


@pytest.mark.parametrize(
    ("name", "value"), [("slope", 0), ("slope", 1.1), ("gap", -1), ("latency_ms", float("inf"))]
)
def test_a_floor_out_of_range_is_refused(name, value) -> None:
    with pytest.raises(SettingError, match=f"the floor {name} is .*it takes a number above 0"):
        Floors(**{name: value})


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
            return registry.register(run, folder, columns, {}, self.name)

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


def test_refused_forced_and_accepted_each_with_its_record(store: Store) -> None:
    store.register(blurred(1.5))
    store.register(blurred(1.49))
    challenger = f"{store.name}@challenger"

    refused = promotion.promote(challenger, quiet=True)
    assert store.champion == "1"
    record = store.record(refused.run_id)
    assert (record["outcome"], record["from_version"], record["to_version"]) == (
        "refused",
        "1",
        "2",
    )
    assert "not better beyond its error" in record["weighed"]["objections"][0]
    assert "@" in record["by"]
    assert record["when"].endswith("+00:00")

    store.register(TRUE)
    floor = promotion.promote(challenger, allowed=Floors(latency_ms=1e-9), quiet=True)
    assert store.champion == "1"
    assert "the score of one client is" in store.record(floor.run_id)["weighed"]["objections"][0]

    accepted = promotion.promote(challenger, quiet=True)
    assert store.champion == "3"
    record = store.record(accepted.run_id)
    assert (record["outcome"], record["reason"]) == ("promoted", "")
    first = record["weighed"]["compared"][0]
    expected = paired_difference("loss_of_income", Y, (TRUE, THRESHOLD), (blurred(1.5), THRESHOLD))
    assert (first["difference"], first["se"]) == pytest.approx((expected.value, expected.se))
    assert record["challenger"]["data_digest"] == "d" * 64
    run = store.client.get_run(accepted.run_id)
    assert run.data.metrics["difference.loss_of_income"] == first["difference"]
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
    assert record["weighed"]["objections"]


def test_what_cannot_be_compared_takes_a_reason(store: Store) -> None:
    store.register(blurred(1.5))
    store.register(TRUE, data_digest="e" * 64)
    with pytest.raises(TrackingError, match=r"version 2: not comparable: .* other data") as refused:
        promotion.promote(f"{store.name}@challenger", quiet=True)
    assert "\n" not in str(refused.value)
    assert store.champion == "1"
    forced = promotion.promote(f"{store.name}@challenger", force="new month", quiet=True)
    assert store.champion == "2"
    assert store.record(forced.run_id)["weighed"]["compared"] == []


def test_without_a_champion_it_takes_a_reason(store: Store) -> None:
    store.register(TRUE)
    store.client.delete_registered_model_alias(store.name, "champion")
    with pytest.raises(TrackingError, match="there is no champion to compare it with"):
        promotion.promote(f"{store.name}@challenger", quiet=True)
    promotion.promote(f"{store.name}@challenger", force="the first", quiet=True)
    assert store.champion == "1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"held_out": False}, "its run holds no held_out.parquet to compare it by; train it again"),
        ({"card": invented_card()}, "give another loss_of_income than its model card says"),
    ],
)
def test_a_challenger_that_cannot_be_weighed_is_one_line(store: Store, changes, says) -> None:
    store.register(blurred(1.5))
    store.register(blurred(0.5), **changes)
    with pytest.raises(TrackingError, match=says):
        promotion.promote(f"{store.name}@challenger", quiet=True)


def test_wrong_names_are_one_line_with_the_nearest(store: Store) -> None:
    version = store.register(TRUE)
    run = store.client.create_run("0")
    for name, says in (
        (f"{store.name}x", f"did you mean '{store.name}'"),
        (f"{store.name}@chalenger", "has no alias 'chalenger'; .*did you mean 'challenger'"),
        (f"{store.name}/7", "has no version '7'; there are 1"),
        (run.info.run_id, "there is a run of this id, of the level 'some', but it registered no"),
        (f"{version.run_id[:-1]}x", f"did you mean '{version.run_id}'"),
        (store.name, "version 1 is the champion already"),
    ):
        with pytest.raises(TrackingError, match=says) as refused:
            promotion.promote(name, quiet=True)
        assert "\n" not in str(refused.value)
    with pytest.raises(SettingError, match="--force is empty"):
        promotion.promote(store.name, force=" ", quiet=True)
    with pytest.raises(SettingError, match=r"unknown metric 'AUX'.*did you mean 'AUC'"):
        promotion.promote(store.name, metric="AUX", quiet=True)


def test_the_command_prints_the_comparison_and_ends_with_its_status(store: Store, capsys) -> None:
    store.register(blurred(1.5))
    store.register(blurred(1.49))
    challenger = f"{store.name}@challenger"
    with pytest.raises(SystemExit) as ended:
        main(["promote", challenger, "--quiet"])
    assert ended.value.code == promotion.REFUSED
    said = capsys.readouterr().out
    assert "loss_of_income" in said
    assert "refused: " in said
    assert "record: promotion.json of run " in said
    assert main(["promote", challenger, "--quiet", "--force", "it is explained better"]) == 0
    said = capsys.readouterr().out
    assert "promoted: version 2 is the champion, forced by " in said
    assert "it is explained better" in said
