"""An applicant's raw records as the model takes them, by the definitions that trained the model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError, FeatureError
from project_tools.features.columns import ID, TARGET
from project_tools.features.records import OddRecords, RecordsError, read_records
from project_tools.serving.artefact import Artefact
from project_tools.serving.inputs import ServedFeature, Value
from project_tools.serving.scoring import load_applicants
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column, Table

__all__ = ["Applicant", "ApplicantEncoder", "RecordsError", "records_schema"]

if TYPE_CHECKING:  # a process that computes no applicant imports no narwhals
    from project_tools.features.applicant import Applicants


@dataclass(frozen=True, slots=True)
class Applicant:
    """An applicant's features: the model's input, shape (1, features), and what the records have odd."""

    encoded: NDArray[np.float32]
    findings: tuple[OddRecords, ...]
    numbers: NDArray[np.float32] = field(repr=False)


class ApplicantEncoder:
    """Turns raw records into the model's input, the same as the batch's file gives; threads share it."""

    def __init__(self, applicants: "Applicants", features: Sequence[ServedFeature]) -> None:
        self._applicants = applicants
        at = {name: place for place, name in enumerate(applicants.names)}
        if unknown := next((f.name for f in features if f.name not in at), None):
            raise ArtefactError(
                f"the model takes {unknown!r}, which is no feature of the pipeline: it takes rows of "
                "features alone"
            )
        self._places = np.array([at[feature.name] for feature in features], dtype=np.intp)
        self._levels = [
            (place, {applicants.codes[t]: n for n, t in enumerate(f.levels) if t in applicants.codes})
            for place, f in enumerate(features)
            if f.kind == "category"
        ]  # fmt: skip

    @classmethod
    def load(cls, directory: Path, artefact: Artefact) -> Self:
        """By the state of the folder that the artefact was loaded from; ``ArtefactError``."""
        try:
            return cls(load_applicants(directory, artefact), artefact.features)
        except FeatureError as why:
            raise ArtefactError(f"the model's feature state computes no applicant: {why}") from why

    def read(self, records: Any) -> Applicant:
        """The features of checked records; ``RecordsError`` names the fields at fault."""
        checked = read_records(records)
        numbers = self._applicants.numbers(checked.columns)
        encoded = numbers[self._places]
        for place, levels in self._levels:
            encoded[place] = levels.get(float(encoded[place]), np.nan)
        return Applicant(encoded[None, :], checked.findings, numbers)

    def row(self, applicant: Applicant) -> Mapping[str, Value]:
        """The applicant's features by name, as ``GET /clients`` would show them."""
        return {
            name: float(str(np.float32(value))) if isinstance(value, float) else value
            for name, value in self._applicants.named(applicant.numbers).items()
        }


def records_schema() -> dict[str, Any]:
    """The JSON schema of an applicant's records."""
    application = _record(TABLES["application_test"])
    tables: dict[str, Any] = {"application": application}
    for name, table in TABLES.items():
        if not name.startswith("application"):
            tables[name] = {"type": "array", "items": _record(table), "description": f"One record for each {table.grain}."}  # fmt: skip
    return {
        "type": "object",
        "description": "The records of one client, by raw table.",
        "properties": tables,
        "required": ["application"],
        "additionalProperties": False,
    }


def _record(table: Table) -> dict[str, Any]:
    columns = [column for column in table.columns if column.name != TARGET]
    return {
        "type": "object",
        "properties": {column.name: _value(column) for column in columns},
        "required": [c.name for c in columns if not c.nullable and c.name != ID],
        "additionalProperties": False,
    }


def _value(column: Column) -> dict[str, Any]:
    """What a field takes; its unit is beside it."""
    number = {"type": "integer" if column.is_whole else "number"}
    if column.kind == "key":
        key = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
        return {"anyOf": [key, {"type": "null"}]} if column.name == ID else key
    if column.kind == "text":
        number = {"type": "string"}
        more = [{"type": "integer"}] if column.has_whole_levels else []
    else:
        more = [{"type": "boolean"}] if column.kind == "flag" else []
    about = {"description": f"In {column.unit}."} if column.unit else {}
    return {"anyOf": [number, *more, {"type": "null"}], **about}
