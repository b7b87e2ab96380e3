"""Answers that hold the table of a demonstration's invented clients."""

from typing import Literal

from pydantic import Field, RootModel

from api.answers.base import Answer, ClientId, Value
from project_tools.serving.inputs import Kind


class DataColumn(Answer):
    """One feature of the clients whose ids are given beside it."""

    name: str
    label: str
    unit: str
    kind: Kind
    values: list[Value]


class DataTable(Answer):
    """Some features of the first clients, in the order of ``ids``; a missing value is null."""

    ids: list[ClientId]
    columns: list[DataColumn]


class Data(RootModel[DataTable | dict[str, dict[str, Value]]]):
    """With a query some columns; without one each feature's values by client id."""


class TargetTable(Answer):
    """The outcomes of the first clients for whom it is known: 1 is default."""

    ids: list[ClientId]
    values: list[Literal[0, 1]]


class OutcomesById(Answer):
    """Outcomes by client id, as one column of a table."""

    target: dict[str, Literal[0, 1]] = Field(validation_alias="TARGET")


class Target(RootModel[TargetTable | OutcomesById]):
    """With a query ids and outcomes; without one the outcomes by client id."""
