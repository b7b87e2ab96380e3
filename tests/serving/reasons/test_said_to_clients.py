"""What is said to real clients of the shipped store and of a demonstration, in every language."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from project_tools.features.catalogue import all_features, to_json
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import DecisionReasons, decision_reasons, scored_parts
from project_tools.serving.reasons.gap import MOST_REASONS
from project_tools.serving.reasons.languages import LANGUAGES, words_of
from project_tools.serving.reference import ReferenceClients, compute_reference
from project_tools.settings import ROOT
from tests.helpers.spoken import faults

Row = Mapping[str, Any]


@pytest.fixture(scope="module")
def artefact() -> Artefact:
    """The shipped model; one of an older format gets a reference of the shipped clients."""
    shipped = load_artefact(ROOT / "api" / "model", child=False)
    if shipped.reference is not None:
        return shipped
    store = ClientStore.open(ROOT / "api" / "clients.parquet", shipped)
    rows = np.vstack([store.encoded(client) for client in store.ids(size=len(store)).ids])
    known = ~np.isnan(store.targets())
    clients = ReferenceClients(rows[known], store.targets()[known] == 1, rows)
    catalogue = {row["name"]: row for row in to_json(all_features().values())}
    reference = compute_reference(shipped.model, catalogue, clients, shipped.threshold)
    return replace(shipped, reference=reference)


def said(artefact: Artefact, row: Row) -> dict[str, DecisionReasons]:
    scores, parts = scored_parts(artefact, row)
    return {
        language: decision_reasons(
            artefact, row, scores, parts, language=language, currency="EUR"
        )
        for language in LANGUAGES
    }  # fmt: skip


def hold_to_the_rule(artefact: Artefact, rows: Iterable[Row]) -> tuple[int, int]:
    """How many reasons were said, and how many of them without a fact."""
    sentences = without_fact = 0
    for row in rows:
        for language, found in said(artefact, row).items():
            concepts = words_of(language).concepts
            assert 1 <= len(found.reasons) <= MOST_REASONS
            for reason in (*found.reasons, *found.other_side):
                assert not faults(reason.text, language), reason.text
                words = concepts[reason.code]
                sentences += 1
                without_fact += reason.text in {words.raises, words.lowers}
    return sentences, without_fact


def demonstration(features: Path, artefact: Artefact, clients: int) -> list[Row]:
    columns = [feature.name for feature in artefact.features]
    table = pq.read_table(features, columns=columns).slice(0, clients)
    assert len(table) == clients
    return table.to_pylist()


def test_every_client_of_the_shipped_store_can_be_told(artefact: Artefact) -> None:
    store = ClientStore.open(ROOT / "api" / "clients.parquet", artefact)
    rows = [store.row(client) for client in store.ids(size=len(store)).ids]
    sentences, without_fact = hold_to_the_rule(artefact, rows)
    assert without_fact < 0.15 * sentences  # most are about a fact


def test_500_clients_of_a_demonstration_can_be_told(artefact: Artefact, features: Path) -> None:
    assert hold_to_the_rule(artefact, demonstration(features, artefact, 500))[0] > 2_000


@pytest.mark.slow
def test_5000_clients_of_a_demonstration_can_be_told(artefact: Artefact, tmp_path: Path) -> None:
    from project_tools.demo import generate  # noqa: PLC0415  (one test needs it)
    from project_tools.features.build import build  # noqa: PLC0415

    generate(tmp_path / "raw", 5_000, 5, quiet=True)
    build(tmp_path / "raw", [tmp_path / "features.parquet"], quiet=True)
    rows = demonstration(tmp_path / "features.parquet", artefact, 5_000)
    assert hold_to_the_rule(artefact, rows)[0] > 20_000


def test_a_client_without_any_history_is_told_what_is_not_there(artefact: Artefact) -> None:
    row = dict.fromkeys((feature.name for feature in artefact.features), None)
    assert hold_to_the_rule(artefact, [row])[0] > 0
    texts = {reason.text for reason in said(artefact, row)["en"].reasons}
    assert any(text.startswith(("We have no", "You have", "No ", "We know")) for text in texts)


def test_a_client_without_external_scores_is_told_so(artefact: Artefact) -> None:
    store = ClientStore.open(ROOT / "api" / "clients.parquet", artefact)
    row = dict(store.row(store.ids().ids[0]))
    row |= {name: None for name in row if name.startswith("EXT_SOURCE")}
    found = said(artefact, row)
    for language, text in {
        "en": "No credit bureau gives us a score for you.",
        "fr": "Aucun organisme de crédit ne nous donne de score pour vous.",
    }.items():
        scores = [
            reason.text
            for reason in (*found[language].reasons, *found[language].other_side)
            if reason.code == "external_scores"
        ]
        assert len(scores) <= 1
        assert not scores or scores[0] == text or scores[0].startswith(("We have no", "Nous n"))


#: What a sentence says is not there, and the feature that is missing only where it is not.
NOT_THERE = {
    "You have not applied to us before.": "PREV_SK_ID_PREV_NUNIQUE",
    "We know of no loans with other lenders.": "BUREAU_SK_ID_BUREAU_NUNIQUE",
    "We have not granted you a loan before.": "APPROVED_SK_ID_PREV_NUNIQUE",
    "You have no running loan with us.": "PREV_ACTIVE_SK_ID_PREV_NUNIQUE",
    "You have not paid us any instalments yet.": "INS_DAYS_ENTRY_PAYMENT_MAX",
    "You have had no credit card with us.": "CC_MONTHS_BALANCE_MIN",
    "We have no record of earlier loans with you.": "POS_SK_ID_PREV_NUNIQUE",
    "We have never refused an application of yours.": "REFUSED_DAYS_DECISION_MAX",
}


@pytest.mark.parametrize("text", NOT_THERE)
def test_what_is_said_not_to_be_there_is_not_there(text: str, features: Path) -> None:
    names = [name for name, texts in words_of("en").facts.items() if texts.missing == text]
    there = pq.read_table(features, columns=[NOT_THERE[text]])[0].is_valid().to_numpy()
    assert names
    assert there.any()
    wrong = [
        name
        for name in names
        if (there & ~pq.read_table(features, columns=[name])[0].is_valid().to_numpy()).any()
    ]
    assert wrong == []
