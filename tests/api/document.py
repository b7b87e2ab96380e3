"""The real application's OpenAPI document, and answers held against it by jsonschema."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from api.tests.running import application

Json = dict[str, Any]


@cache
def document() -> Json:
    """The document as the API sends it."""
    return application().test_client().get("/openapi.json").get_json()


def schema_of(path: str, status: int = 200, form: str = "application/json") -> Json:
    """The schema of an answer, with all components that it may refer to."""
    response = document()["paths"][path]["get"]["responses"][str(status)]
    return {**response["content"][form]["schema"], "components": document()["components"]}


def faults(answer: Any, path: str, status: int = 200, form: str = "application/json") -> list[str]:
    """What the document does not allow in an answer; none if it is valid."""
    validator = Draft202012Validator(schema_of(path, status, form))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer)]
