"""The OpenAPI document, made from what the routes return and the problems that they name."""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, get_args, get_type_hints

from apiflask import APIFlask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.answers.base import DECISION_ID
from api.answers.problem import PROBLEM_JSON, Problem
from api.web.access import OWN_SCOPE_OF, scope_of
from api.web.bodies import model_of
from api.web.idempotency import IDEMPOTENCY_KEY, takes_key
from api.web.inputs import CLIENT_ID
from api.web.negotiation import JSON

#: As ``blueprint.doc`` takes them.
Responses = dict[int | str, dict[str, str | dict[str, dict[str, Any]]]]

_KEY = "key"
_COMPONENT = "#/components/schemas/{model}"
#: A foreign host or page, a form, a body or a query name that is refused, a failure of our own, a
#: service that is busy or a portfolio that cannot be read.
_ANYWHERE = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_PATH_PARAMETERS = {
    "client": {"type": "string", "pattern": f"^{CLIENT_ID}$", "example": "100001"},
    "decision": {"type": "string", "pattern": f"^{DECISION_ID}$"},
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": IDEMPOTENCY_KEY,
    "required": False,
    "description": "The same request with the same key within 24 hours gets the same answer.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
}


def responses(*statuses: int, forms: Iterable[str] = (), json: bool = True) -> Responses:
    """What a route may answer: JSON unless it says otherwise, other media types, and problems."""
    content: dict[str, dict[str, Any]] = {JSON: {}} if json else {}
    content |= {form: {"schema": {"type": "string"}} for form in forms}
    problem = {PROBLEM_JSON: {"schema": _reference(Problem)}}
    return {
        HTTPStatus.OK.value: {"description": "The answer.", "content": content},
        **{
            int(status): {"description": HTTPStatus(status).phrase, "content": problem}
            for status in (*statuses, *_ANYWHERE)
        },
    }


def describe(app: APIFlask) -> None:
    """Complete the document of an application by the models that its views are declared to return."""
    # Ours are problem documents, and each route names its own.
    app.config.update(AUTO_VALIDATION_ERROR_RESPONSE=False, AUTO_404_RESPONSE=False)

    def complete(document: Any) -> Any:
        models: set[type[BaseModel]] = {Problem}
        for operation, endpoint, method in _operations(app, document):
            view, scope = app.view_functions[endpoint], scope_of(endpoint)
            scopes = [scope, OWN_SCOPE_OF.get(endpoint)]
            operation["security"] = [{_KEY: [one]} for one in scopes if one]
            content = operation["responses"]["200"]["content"]
            if JSON in content:
                model = _answer_of(view)
                models.add(model)
                content[JSON] = {"schema": _reference(model)}
            if method == "POST":
                body = model_of(view)
                models.add(body)
                content = {JSON: {"schema": _reference(body)}}
                operation["requestBody"] = {"required": True, "content": content}
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    parameter["schema"] = _PATH_PARAMETERS[parameter["name"]]
            if takes_key(view):
                operation["parameters"].append(_IDEMPOTENCY_KEY)
        ordered = sorted(models, key=lambda model: model.__name__)
        _, schemas = models_json_schema(
            [(model, "validation") for model in ordered], ref_template=_COMPONENT
        )
        return {
            **document,
            "components": {
                "schemas": schemas["$defs"],
                "securitySchemes": {_KEY: {"type": "http", "scheme": "bearer"}},
            },
        }

    app.spec_processor(complete)


def _operations(
    app: APIFlask, document: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each operation of each documented route, with its endpoint and method."""
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<", "{").replace(">", "}")
        for method, operation in document["paths"].get(path, {}).items():
            if method.upper() in (rule.methods or ()):
                yield operation, rule.endpoint, method.upper()


def _answer_of(view: Any) -> type[BaseModel]:
    """The one model in a view's declared return type, which may be ``Response | Model``."""
    declared = get_type_hints(view)["return"]
    (model,) = (
        part
        for part in (get_args(declared) or (declared,))
        if isinstance(part, type) and issubclass(part, BaseModel)
    )
    return model


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _COMPONENT.format(model=model.__name__)}
