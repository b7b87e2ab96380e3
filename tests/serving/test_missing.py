"""What a missing value could change, against a recount value by value."""

from dataclasses import replace

import numpy as np
import pytest

from project_tools.features.catalogue import computed_from
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.missing import SOUGHT, Missing, missing
from project_tools.serving.simulation import Client, Simulator


@pytest.fixture(scope="module")
def found(simulator: Simulator, clients: list[Client]) -> list[tuple[Client, Missing]]:
    return [(client, missing(simulator, client)) for client in clients[:80]]


def shares_of(simulator: Simulator, client: Client) -> dict[str, float]:
    """The share of the sampled clients with whose value the decision is another, by name."""
    features, reference = simulator.artefact.features, simulator.artefact.reference
    assert reference is not None
    granted = simulator.score(client.encoded).decision.granted
    shares = {}
    for at, feature in enumerate(features):
        if feature.name not in SOUGHT or client.row[feature.name] is not None:
            continue
        column = reference.sample.column(at)
        column = column[~np.isnan(column)]
        other = 0
        cache: dict[float, bool] = {}
        for value in column.tolist():
            if value not in cache:
                given = feature.levels[int(value)] if feature.kind == "category" else value
                row = simulator.simulate(client, {feature.name: [given]}).encoded
                cache[value] = simulator.score(row).decision.granted
            other += cache[value] != granted
        if len(column):
            shares[feature.name] = other / len(column)
    return shares


def test_each_share_is_that_of_a_recount(
    simulator: Simulator, found: list[tuple[Client, Missing]]
) -> None:
    some = [(client, made) for client, made in found if made.values]
    for client, made in [*some[:1], found[0]]:
        shares = shares_of(simulator, client)
        assert made.tried == len(shares)
        assert {v.name: v.share for v in made.values} == pytest.approx(
            {n: s for n, s in shares.items() if s}
        )
        assert [v.share for v in made.values] == sorted(
            (v.share for v in made.values), reverse=True
        )


def test_external_scores_and_sums_of_other_tables_are_among_them(
    found: list[tuple[Client, Missing]],
) -> None:
    names = {value.name for _, made in found for value in made.values}
    assert names & {"EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3"}
    assert any(name.startswith(("BUREAU_", "PREV_", "INS_", "CC_", "POS_")) for name in names)


def test_what_is_computed_from_a_score_moves_with_it(
    simulator: Simulator, clients: list[Client]
) -> None:
    client = next(
        c for c in clients if c.row["EXT_SOURCE_1"] is None and c.row["EXT_SOURCE_2"] is not None
    )
    made = simulator.simulate(client, {"EXT_SOURCE_1": [0.3, 0.6]})
    means = made.numbers["EXT_SOURCES_MEAN"]
    assert means[0] < means[1]
    assert {n for n in made.numbers if n.startswith("EXT_")} == {"EXT_SOURCE_1"} | {
        n for n in computed_from("EXT_SOURCE_1") if n.startswith("EXT_")
    }


def test_what_is_there_or_protected_is_not_asked_for(found: list[tuple[Client, Missing]]) -> None:
    assert not {*SOUGHT} & {*PROTECTED_COLUMNS}
    for client, made in found:
        assert all(client.row[value.name] is None for value in made.values)


def test_no_car_is_no_missing_document() -> None:
    assert not {"OWN_CAR_AGE", "DAYS_EMPLOYED"} & {*SOUGHT}


def test_the_sentences_are_no_promise(
    simulator: Simulator, found: list[tuple[Client, Missing]]
) -> None:
    client, made = next((client, made) for client, made in found if made.values)
    french = missing(simulator, client, language="fr")
    assert [v.name for v in french.values] == [v.name for v in made.values]
    for one, other in zip(made.values, french.values, strict=True):
        assert one.sentence.startswith("Not known: ")
        assert one.sentence.endswith("the decision could be different.")
        assert one.label in one.sentence
        assert "pourrait" in other.sentence
        assert other.label in other.sentence
    assert "could change the decision" in made.sentence
    assert "pourrait" in french.sentence


def test_nothing_found_and_nothing_missing_are_sentences(
    simulator: Simulator, found: list[tuple[Client, Missing]]
) -> None:
    client, made = next((client, made) for client, made in found if not made.values)
    assert made.tried > 0
    assert made.sentence == "No missing document or score could change the decision by itself."
    assert missing(simulator, client, language="fr").sentence.startswith(
        "Aucun document ni score manquant"
    )
    whole = replace(
        client, row={name: 0.0 if value is None else value for name, value in client.row.items()}
    )
    assert (
        missing(simulator, whole).sentence
        == "No document or score that the model looks for is missing."
    )
    assert missing(simulator, whole).tried == 0


def test_a_model_without_a_reference_says_so(simulator: Simulator, clients: list[Client]) -> None:
    without = simulator.of(replace(simulator.artefact, reference=None))
    made = missing(without, clients[0])
    assert (made.values, made.tried) == ((), 0)
    assert made.sentence.startswith("This model holds no reference of other clients")
    assert missing(without, clients[0], language="fr").sentence.startswith("Ce modèle n")


def test_a_small_model_is_asked_about_what_it_takes(served) -> None:
    artefact = load_artefact(served.model, child=False)
    small = Simulator.load(served.model, artefact, ClientStore.open(served.clients, artefact))
    names = {v.name for i in served.ids()[:100] for v in missing(small, small.client(i)).values}
    assert names
    assert names <= {"EXT_SOURCE_3", "OCCUPATION_TYPE", "NAME_INCOME_TYPE", "NAME_EDUCATION_TYPE"}
