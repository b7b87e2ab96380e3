"""What all answers share: strict types, no unknown key, no number that JSON cannot hold."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

#: The value of a feature, null where it is missing; a whole number stays whole in the JSON.
Value = Annotated[int | float, WithJsonSchema({"type": "number"})] | str | None
Probability = Annotated[float, Field(ge=0, le=1)]
#: A feature's part of the model's importance; all parts add up to 1.
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
ClientId = Annotated[int, Field(ge=1)]
#: The id of a recorded decision.
DECISION_ID = "[0-9a-f]{32}"
DecisionId = Annotated[str, Field(pattern=f"^{DECISION_ID}$")]


class Answer(BaseModel):
    """A JSON object that a route answers with. Fields that were not set are left out."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        from_attributes=True,
        validate_by_name=True,
    )


def json_text(answer: BaseModel) -> str:
    """The JSON of an answer, by the names that its document gives."""
    return answer.model_dump_json(by_alias=True, exclude_unset=True)
