"""Decisions that are not made: with other values, over a grid of offers, with what is missing."""

from dataclasses import asdict
from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import current_app
from pydantic import WithJsonSchema

from api.answers import simulations as answers
from api.answers.model import ModelName
from api.record import refuse_if_halted
from api.routes.decisions import near_threshold
from api.routes.explanations import explained_row, spoken
from api.service import Service, current_service
from api.web.bodies import BODY, Body, checked_body, read_json, takes
from api.web.inputs import client_id
from api.web.openapi import responses
from api.web.problems import FieldsError
from project_tools.serving import missing as missing_values
from project_tools.serving import offers as counter_offers
from project_tools.serving.artefact import Artefact
from project_tools.serving.inputs import Value
from project_tools.serving.offers import Offer
from project_tools.serving.reasons.simulations import WORDS
from project_tools.serving.scoring import Score
from project_tools.serving.simulation import ChangesError, Simulator

blueprint = APIBlueprint("simulations", __name__, tag="Decisions")

#: Checked by the columns of the application, which name the one at fault.
_VALUE = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})


class Changes(Body):
    """New values of some columns of the application, by name."""

    changes: dict[str, Annotated[Any, _VALUE]]


@blueprint.post("/what_if/<client>")
@takes(Changes)
@blueprint.doc(responses=responses(400, 404, 415, 422, 503))
def what_if(client: str) -> answers.WhatIf:
    """What would be decided on a client with some values of the application changed, and why.

    What depends on a changed value is computed again. Nothing is recorded: it is a simulation.
    ``GET /features?changeable=1`` lists what may change.
    """
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    simulator = service.simulator()
    known = simulator.client(number)
    simulated = simulator.simulate(known, _changes(simulator, read_json()))
    row, language = simulated.row(known.row), spoken()
    return answers.WhatIf(
        **_simulation(service, number, language, exact=simulated.exact),
        outcome=_outcome(service.artefact, simulator.score(simulated.encoded)),
        before=_outcome(service.artefact, simulator.score(known.encoded)),
        explanation=explained_row(service, number, row, simulated.encoded, language),
    )


@blueprint.get("/offers/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def offers(client: str) -> answers.Offers:
    """Counter-offers: the amounts and terms of a grid that would be accepted; often none.

    The setting ``CREDIT_OFFERS`` names the grid. No amount is larger than the request. Nothing is
    recorded.
    """
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    simulator = service.simulator()
    known, language = simulator.client(number), spoken()
    found = counter_offers.offers(
        simulator, known, current_app.config["OFFERS"],
        language=language, currency=current_app.config["CURRENCY"],
    )  # fmt: skip
    return answers.Offers.model_validate(
        {
            **_simulation(service, number, language, exact=found.exact),
            "language": language,
            "offers": [_offered(offer) for offer in found.offers],
            "cells": found.cells,
            "accepted": found.accepted,
            "sentence": found.sentence,
        }
    )


@blueprint.get("/missing/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def missing(client: str) -> answers.Missing:
    """Which missing documents or scores could change the decision, each by itself.

    Each takes the values that the clients of the model's reference have. It is no promise. A model
    without a reference (format 2) says so in ``sentence``.
    """
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    simulator = service.simulator()
    known, language = simulator.client(number), spoken()
    found = missing_values.missing(simulator, known, language=language)
    return answers.Missing.model_validate(
        {
            **_simulation(service, number, language, exact=found.exact),
            "language": language,
            "proba_risk_class": found.probability,
            "missing": [asdict(value) for value in found.values],
            "tried": found.tried,
            "sentence": found.sentence,
        }
    )


def _changes(simulator: Simulator, body: Any) -> dict[str, list[Value]]:
    """The changes in a body; ``FieldsError`` names the columns at fault."""
    changes = checked_body(Changes, body).changes
    try:
        return simulator.checked(changes)
    except ChangesError as why:
        errors = {f"changes.{n}" if n else "changes": [t] for n, t in why.errors.items()}
    raise FieldsError({BODY: errors})


def _simulation(service: Service, number: int, language: str, *, exact: bool) -> dict[str, Any]:
    manifest = service.artefact.manifest
    return {
        "id": number,
        "simulation": True,
        "threshold": service.artefact.threshold,
        "model": ModelName(
            name=manifest.name, version=manifest.version, digest=service.artefact.digest
        ),
        "exact": exact,
        "note": None if exact else WORDS[language].rounded,
    }


def _outcome(artefact: Artefact, score: Score) -> answers.Outcome:
    decision = score.decision
    return answers.Outcome(
        proba_risk_class=decision.probability,
        label=decision.label,
        margin=decision.probability - decision.threshold,
        near=near_threshold(artefact, decision.probability),
        raw_score=score.raw_score,
    )


def _offered(offer: Offer) -> dict[str, Any]:
    fields = asdict(offer)
    return {"proba_risk_class": fields.pop("probability"), **fields}
