"""What was decided by each model in all, counted by the database: each client's last decision alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from project_tools.serving.decisions.store import DecisionStore
from project_tools.serving.decisions.tables import EVENTS

#: In these words both databases find the partial indexes.
_DECISION: ColumnElement[str] = literal_column("'decision'")
_REVIEW: ColumnElement[str] = literal_column("'review'")


@dataclass(frozen=True, slots=True)
class Overrides:
    """The overrides among the last reviews: waiting for another person, confirmed and rejected by one."""

    pending: int = 0
    confirmed: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Decided:
    """The last decisions on each client by one model; ``first`` and ``last`` are their times.

    ``granted`` and ``near`` (close to the threshold) are counts of ``clients``; the model did not say
    of ``near_unknown`` whether they are near. ``reviewed`` counts the decisions with a review.
    """

    model: str
    model_name: str
    model_version: str
    clients: int
    granted: int
    near: int
    near_unknown: int
    reviewed: int
    overrides: Overrides
    first: str
    last: str


def decided(store: DecisionStore, clients: Sequence[int] | None = None) -> list[Decided]:
    """The decisions by model, that which decided last first.

    A client counts once with each model; of an applicant without an id each decision counts, as in
    ``export_last``. With ``clients``, these alone count, and no applicant without an id.
    """
    last = and_(EVENTS.c.kind == _DECISION, ~_decided_later(), *_among(store, clients))
    sequences = (func.min(EVENTS.c.sequence), func.max(EVENTS.c.sequence))
    query = (
        select(
            EVENTS.c.model, func.count(), _count(EVENTS.c["class"] == "no_risk"),
            _count(EVENTS.c.near == 1), _count(EVENTS.c.near.is_(None)), *sequences,
        )
        .where(last).group_by(EVENTS.c.model).order_by(sequences[1].desc())
    )  # fmt: skip
    with store.database.reading() as connection:
        reviews = {row[0]: row[1:] for row in connection.execute(_reviewed(last)).all()}
        return [
            _decided(connection, row, reviews.get(row[0], (0, 0, 0, 0)))
            for row in connection.execute(query).all()
        ]


def _reviewed(last: ColumnElement[bool]) -> Select[Any]:
    """By model, the reviews of the decisions that count, each decision's last one: all, and overrides."""
    review, later, second = (EVENTS.alias(name) for name in ("review", "again", "second"))
    # Facts are canonical JSON: no text inside can hold these characters unescaped.
    override = review.c.facts.contains('"outcome":"override"')
    settled = [
        exists().where(
            second.c.kind != _DECISION,
            second.c.kind == "confirmation",
            second.c.subject == review.c.subject,
            second.c.sequence > review.c.sequence,
            second.c.facts.contains(f'"outcome":"{outcome}"'),
        )
        for outcome in ("confirm", "reject")
    ]
    again = exists().where(
        later.c.kind != _DECISION,
        later.c.kind == _REVIEW,
        later.c.subject == review.c.subject,
        later.c.sequence > review.c.sequence,
    )
    return (
        select(
            EVENTS.c.model, func.count(), _count(override & ~or_(*settled)),
            _count(override & settled[0]), _count(override & settled[1]),
        )
        .join_from(review, EVENTS, EVENTS.c.id == review.c.subject)
        .where(review.c.kind != _DECISION, review.c.kind == _REVIEW, ~again, last)
        .group_by(EVENTS.c.model)
    )  # fmt: skip


def _decided(connection: Connection, row: Any, reviews: Any) -> Decided:
    model, clients, granted, near, unknown, first, last = row
    columns = [EVENTS.c[name] for name in ("time", "model_name", "model_version")]
    facts = {
        sequence: connection.execute(select(*columns).where(EVENTS.c.sequence == sequence)).one()
        for sequence in {first, last}
    }
    _, name, version = facts[last]
    reviewed, *overrides = map(int, reviews)
    return Decided(
        model, name, version,
        clients=clients, granted=int(granted), near=int(near), near_unknown=int(unknown),
        reviewed=reviewed, overrides=Overrides(*overrides),
        first=facts[first].time, last=facts[last].time,
    )  # fmt: skip


def _decided_later() -> ColumnElement[bool]:
    """Whether the same model has decided later on the same client."""
    later = EVENTS.alias("later")
    return exists().where(
        later.c.kind == _DECISION,
        later.c.client == EVENTS.c.client,
        later.c.model == EVENTS.c.model,
        later.c.sequence > EVENTS.c.sequence,
    )


def _among(store: DecisionStore, clients: Sequence[int] | None) -> tuple[ColumnElement[bool], ...]:
    """The condition that a client is one of these: the ids are one parameter, however many they are."""
    if clients is None:
        return ()
    ids = [int(client) for client in clients]
    if store.database.sqlite:
        each = func.json_each(bindparam("ids", json.dumps(ids))).table_valued("value")
        return (EVENTS.c.client.in_(select(each.c.value)),)
    return (EVENTS.c.client == func.any(cast(bindparam("ids", ids), ARRAY(BigInteger))),)


def _count(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))
