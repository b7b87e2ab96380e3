"""Counter-offers: cells that the deciding path accepts, never a larger amount, or a sentence."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from project_tools.evaluation.threshold import Decision
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.offers import Offers, cells, has_neighbour, oddities, offers
from project_tools.serving.scoring import Score
from project_tools.serving.simulation import Client, Simulator
from project_tools.settings import OfferGrid, SettingError, Settings
from tests.helpers.known_clients import Known

GRID = Settings.load({}).offers
GRID_CELLS = len(GRID.shares) * len(GRID.terms)
BOOLEANS = arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6)))


@pytest.fixture(scope="module")
def found(simulator: Simulator, clients: list[Client]) -> list[tuple[Client, Offers]]:
    return [(client, offers(simulator, client, GRID)) for client in clients[:60]]


def test_each_offer_is_accepted_by_the_deciding_path(
    simulator: Simulator, found: list[tuple[Client, Offers]]
) -> None:
    tried = 0
    for client, made in found:
        for offer in made.offers:
            changed = {
                "AMT_CREDIT": [offer.amount],
                "AMT_ANNUITY": [offer.annuity],
                "AMT_GOODS_PRICE": [offer.goods_price],
            }
            score = simulator.score(simulator.simulate(client, changed).encoded)
            assert (score.decision.probability, score.raw_score) == (
                offer.probability,
                offer.raw_score,
            )
            assert score.decision.granted
            tried += 1
    assert tried > 200


def test_the_deciding_path_has_the_last_word(
    simulator: Simulator, found: list[tuple[Client, Offers]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that it refuses is neither accepted nor offered, whatever the batch says."""
    client, made = next((client, made) for client, made in found if made.accepted == GRID_CELLS)
    asked: list[bytes] = []
    score = simulator.score

    def refuses_every_other(row: np.ndarray) -> Score:
        asked.append(row.tobytes())
        true = score(row)
        refused = Decision(1.0, true.decision.threshold)
        return true if len(asked) % 2 else replace(true, decision=refused)

    monkeypatch.setattr(simulator, "score", refuses_every_other)
    again = offers(simulator, client, GRID)
    assert len(asked) == GRID_CELLS
    # The terms are even in number, so that the accepted cells lie in columns, each a neighbour's.
    assert again.accepted == len(again.offers) == GRID_CELLS // 2
    assert {offer.term for offer in again.offers} == {*GRID.terms[::2]}
    assert {offer.term for offer in made.offers} == {*GRID.terms}


def test_an_offer_follows_from_its_share_and_term(found: list[tuple[Client, Offers]]) -> None:
    for client, made in found:
        requested, goods = client.doubles["AMT_CREDIT"], client.doubles["AMT_GOODS_PRICE"]
        for offer in made.offers:
            assert offer.amount <= requested
            assert offer.amount == pytest.approx(requested * offer.share / 100, abs=0.0051)
            assert offer.annuity * offer.term == pytest.approx(offer.amount)
            assert (offer.goods_price is None) == (goods is None)
            if goods is not None:
                assert offer.goods_price / goods == pytest.approx(offer.amount / requested)
        assert [(-o.amount, o.term) for o in made.offers] == sorted(
            (-o.amount, o.term) for o in made.offers
        )


def test_accepted_cells_without_a_neighbour_are_left_out(
    simulator: Simulator, found: list[tuple[Client, Offers]]
) -> None:
    """Neighbours are looked for one by one, over cells that are scored one by one."""
    left_out = none = 0
    alone = [(client, made) for client, made in found if made.accepted > len(made.offers)]
    for client, made in [*alone[:3], *((c, m) for c, m in found[:15] if m.cells)]:
        tried = cells(client.doubles["AMT_CREDIT"], client.doubles["AMT_GOODS_PRICE"], GRID)
        granted = set()
        for cell in tried:
            row = simulator.simulate(
                client,
                {
                    "AMT_CREDIT": [cell.amount],
                    "AMT_ANNUITY": [cell.annuity],
                    "AMT_GOODS_PRICE": [cell.goods_price],
                },
            )
            if simulator.score(row.encoded).decision.granted:
                granted.add((GRID.shares.index(cell.share), GRID.terms.index(cell.term)))
        kept = {
            (a, t) for a, t in granted if {(a - 1, t), (a + 1, t), (a, t - 1), (a, t + 1)} & granted
        }
        assert {(GRID.shares.index(o.share), GRID.terms.index(o.term)) for o in made.offers} == kept
        assert (made.cells, made.accepted) == (60, len(granted))
        left_out += len(granted - kept)
        none += not kept
    assert none > 0
    assert left_out > 0


@given(accepted=BOOLEANS)
def test_a_neighbour_is_the_next_amount_or_term(accepted: np.ndarray) -> None:
    rows, columns = accepted.shape
    for row in range(rows):
        for column in range(columns):
            around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            wanted = any(accepted[r, c] for r, c in around if 0 <= r < rows and 0 <= c < columns)
            assert has_neighbour(accepted)[row, column] == wanted


@given(accepted=BOOLEANS)
def test_an_oddity_is_a_refused_amount_below_an_accepted_one(accepted: np.ndarray) -> None:
    wanted = sum(
        not accepted[row, column] and any(accepted[row + 1 :, column])
        for row in range(accepted.shape[0])
        for column in range(accepted.shape[1])
    )
    assert oddities(accepted) == wanted


def of(client: Client, **values: Any) -> Client:
    return replace(client, row={**client.row, **values}, doubles={**client.doubles, **values})


@pytest.mark.parametrize(
    ("values", "english", "french"),
    [
        ({"NAME_CONTRACT_TYPE": "Revolving loans"}, "A revolving loan has no term", "renouvelable"),
        ({"AMT_ANNUITY": None}, "The amount or the annuity of the request is not known", "annuité"),
        ({"AMT_ANNUITY": 0.0}, "The amount or the annuity of the request is not known", "annuité"),
        ({"AMT_CREDIT": None}, "The amount or the annuity of the request is not known", "montant"),
    ],
)
def test_where_nothing_can_be_tried_a_sentence_says_why(
    simulator: Simulator, clients: list[Client], values: dict[str, Any], english: str, french: str
) -> None:
    client = of(clients[0], **{"NAME_CONTRACT_TYPE": "Cash loans", **values})
    made = offers(simulator, client, GRID)
    assert (made.offers, made.cells, made.accepted) == ((), 0, 0)
    assert made.sentence.startswith(english)
    assert french in offers(simulator, client, GRID, language="fr").sentence


def test_none_is_a_normal_answer(simulator: Simulator, found: list[tuple[Client, Offers]]) -> None:
    client = next(client for client, made in found if made.cells and not made.offers)
    says = {
        language: offers(simulator, client, GRID, language=language).sentence
        for language in ("en", "fr")
    }
    assert (
        says["en"]
        == "None of the 60 combinations of amount and term that were tried would be accepted now."
    )
    assert says["fr"].startswith("Aucune des 60 combinaisons")


def test_the_sentence_names_the_largest_amount(
    simulator: Simulator, found: list[tuple[Client, Offers]]
) -> None:
    client, made = next((client, made) for client, made in found if made.offers)
    best = max(made.offers, key=lambda offer: (offer.amount, -offer.term))
    amount, term = re.search(
        r"amount is ([\d,]+) EUR, over (\d+) months",
        offers(simulator, client, GRID, currency="EUR").sentence,
    ).groups()  # type: ignore[union-attr]
    assert int(amount.replace(",", "")) == pytest.approx(best.amount, abs=0.5)
    assert int(term) == best.term
    assert made.sentence.startswith(f"{len(made.offers)} of 60 combinations")
    assert f"sur {term} mois" in offers(simulator, client, GRID, language="fr").sentence


def test_goods_without_a_price_stay_without_one(
    simulator: Simulator, clients: list[Client]
) -> None:
    assert {c.goods_price for c in cells(1000.0, None, GRID)} == {None}
    without = [c for c in clients if c.row["AMT_GOODS_PRICE"] is None]
    for client in without[:2]:
        assert all(o.goods_price is None for o in offers(simulator, client, GRID).offers)


def test_a_tiny_request_is_never_0_nor_exceeded() -> None:
    assert {c.amount for c in cells(0.02, None, OfferGrid((25, 100), (12,)))} == {0.01, 0.02}
    assert {c.amount for c in cells(0.004, None, OfferGrid((25, 100), (12,)))} == {0.004}


def test_a_store_without_the_annuity_gets_a_sentence(served: Any, artefact: Artefact) -> None:
    small = Simulator.load(served.model, artefact, ClientStore.open(served.clients, artefact))
    made = offers(small, small.client(served.ids()[0]), GRID)
    assert made.sentence.startswith("The client store lacks what a change of the amount needs")


def test_rounded_values_are_said_to_be_so(
    simulator: Simulator, known: Known, clients: list[Client]
) -> None:
    old = Simulator.load(
        known.model, simulator.artefact, ClientStore.open(known.rounded, simulator.artefact)
    )
    assert not offers(old, old.client(clients[0].id), GRID).exact
    assert offers(simulator, clients[0], GRID).exact


@pytest.mark.parametrize(
    ("text", "grid"),
    [
        ("50,100x12", OfferGrid((50, 100), (12,))),
        ("100 x 12,24,600", OfferGrid((100,), (12, 24, 600))),
        (
            ",".join(map(str, range(81, 101))) + "x" + ",".join(map(str, range(1, 21))),
            OfferGrid(tuple(range(81, 101)), tuple(range(1, 21))),
        ),
    ],
)
def test_the_grid_is_a_setting(text: str, grid: OfferGrid) -> None:
    assert Settings.load({"CREDIT_OFFERS": text}).offers == grid


@pytest.mark.parametrize(
    "text",
    [
        "100x12", "100,50x12", "50,50x12", "0,50x12", "50,101x12", "50.5,60x12", "50,60", "x12,24", "50,60x",
        "50,60x12,601", "50,60x24,12", "50,60 by 12", "-5,60x12", "50, 60x12", "50,60X12", "050,60x12",
        ",".join(map(str, range(60, 101))) + "x" + ",".join(map(str, range(1, 11))),
    ],
)  # fmt: skip
def test_a_wrong_grid_is_refused(text: str) -> None:
    with pytest.raises(
        SettingError,
        match=r"CREDIT_OFFERS is .*; it takes ascending percentages of the amount up to 100, x",
    ):
        Settings.load({"CREDIT_OFFERS": text})
