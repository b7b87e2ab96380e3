"""Dashboard and fake API against the real API's OpenAPI document, so that neither drifts from it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from inspect import isfunction, signature
from itertools import product
from typing import Any, Literal
from unittest import mock

import pytest
import requests
from page.sidebar import ID
from pydantic import BaseModel, create_model
from service.answers import (
    Answer,
    ClientFeatures,
    ClientIds,
    Explanation,
    ModelCard,
    ModelInfo,
    PeersAnswer,
    Picture,
    Prediction,
    Share,
    Version,
)
from service.client import FIELDS, ApiClient, ApiUnreachableError
from tabs.comparison import GROUPS

from api.tests.running import application, served
from tests.api.document import Json, document, faults, schema_of
from tests.dashboard.fake_credit_api import IDS, LONELY, REFUSED, THIN_FILE, FakeApi

IGNORED = {"$defs", "components", "discriminator"}
READ: dict[str, type[BaseModel]] = {
    "/version": Version,
    "/prediction/": ClientIds,
    "/prediction/{client}": Prediction,
    "/clients/{client}": ClientFeatures,
    "/explanation/{client}": Explanation,
    "/local_shap/{client}": Picture,
    "/global_shap": Picture,
    "/model_info": ModelInfo,
    "/model_card": ModelCard,
    "/peers/{client}": PeersAnswer,
}


# ------------------------------------------------------------------ the dashboard


def misfits(
    read: Json, sent: Json, at: str = "$", names: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Where the dashboard's schema ``read`` would not take what the API's ``sent`` allows.

    ``names`` are the fields of all forms that the answer may have; each form has some of them.
    """
    if forms := sent.get("anyOf") or sent.get("oneOf"):
        names = frozenset(name for form in forms for name in form.get("properties", {}))
        for form in forms:
            yield from misfits(read, form, at, names)
    elif options := read.get("anyOf") or read.get("oneOf"):
        # One of the dashboard's options has to take what is sent.
        yield from min((list(misfits(option, sent, at, names)) for option in options), key=len)
    elif read["type"] != sent["type"] and (read["type"], sent["type"]) != ("number", "integer"):
        yield f"{at}: {sent['type']} is sent, {read['type']} is read"
    else:
        yield from _misfits_of_value(read, sent, at)
        yield from _misfits_of_fields(read, sent, at, names)
        for below in {"items", "additionalProperties"} & read.keys():
            yield from misfits(read[below], sent[below], f"{at}[]")


def _misfits_of_value(read: Json, sent: Json, at: str) -> Iterator[str]:
    values, others = _values(read), _values(sent)
    if values and (not others or not {*others} <= {*values}):
        yield f"{at}: {others} are sent, {values} are read"
    for bound in {"minimum", "maximum"} & read.keys():
        if sent.get(bound) != read[bound]:
            yield f"{at}: the {bound} is {sent.get(bound)}, read is {read[bound]}"


def _misfits_of_fields(read: Json, sent: Json, at: str, names: frozenset[str]) -> Iterator[str]:
    needed, promised = read.get("required", ()), sent.get("required", ())
    there = sent.get("properties", {})
    for name, field in read.get("properties", {}).items():
        if name in there:
            yield from misfits(field, there[name], f"{at}.{name}")
            if name in needed and name not in promised:
                yield f"{at}.{name} is needed, but may be left out"
        elif name in needed or name not in names:
            yield f"{at}.{name} is read, but not sent"


def _values(schema: Json) -> list[Any]:
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def _expanded(schema: Any, root: Json) -> Any:
    """The schema with each reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_expanded(one, root) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        *folders, name = schema["$ref"].removeprefix("#/").split("/")
        return _expanded(reduce(dict.__getitem__, folders, root)[name], root)
    return {key: _expanded(one, root) for key, one in schema.items() if key not in IGNORED}


def _misfits(model: type[BaseModel], sent: Json) -> list[str]:
    read = model.model_json_schema()
    return list(misfits(_expanded(read, read), _expanded(sent, sent)))


def promised(path: str) -> Json:
    """The schema of a path's answer; a field that the dashboard asks for by name is there.

    ``test_what_is_asked_for_is_sent`` shows that of the API itself.
    """
    schema = deepcopy(schema_of(path))
    if path == "/clients/{client}":
        schema["components"]["schemas"]["ClientFeature"]["required"] = ["name", *FIELDS]
    return schema


def test_what_is_asked_for_is_sent() -> None:
    known = served().ids()[0]
    query = {"fields": list(FIELDS)}
    answer = application().test_client().get(f"/clients/{known}", query_string=query).get_json()
    assert {frozenset(feature) for feature in answer["features"]} == {frozenset({"name", *FIELDS})}


def test_every_address_that_the_dashboard_asks_for_is_compared() -> None:
    """Each method of its client asks for one path of ``READ``, with query names of the document."""
    session = mock.Mock(spec=requests.Session)
    session.get.side_effect = requests.ConnectionError
    client = ApiClient("http://127.0.0.1:1", session)
    words = {"client": "100001", "beginning": "1", "size": 5, "group": "everyone", "features": ("A",),
             "language": "en"}  # fmt: skip
    methods = [name for name, one in vars(ApiClient).items() if isfunction(one) and name[0] != "_"]
    for name in methods:
        taken = signature(getattr(client, name)).parameters
        with pytest.raises(ApiUnreachableError, match="does not answer"):
            getattr(client, name)(**{word: words[word] for word in taken})
    asked = {
        (
            call.args[0].removeprefix(client.address).replace("100001", "{client}"),
            *call.kwargs["params"],
        )
        for call in session.get.call_args_list
    }
    assert {path for path, *_ in asked} == {*READ}
    for path, *names in asked:
        parameters = document()["paths"][path]["get"].get("parameters", ())
        assert {*names} <= {one["name"] for one in parameters if one["in"] == "query"}


@pytest.mark.parametrize("path", READ)
def test_every_field_that_is_read_is_sent(path: str) -> None:
    assert _misfits(READ[path], promised(path)) == []


def test_every_class_of_answers_is_compared() -> None:
    schemas = [model.model_json_schema() for model in READ.values()]
    compared = {name for s in schemas for name in (s["title"], *s.get("$defs", {}))}
    assert {model.__name__ for model in Answer.__subclasses__()} <= compared


@pytest.mark.parametrize(
    ("read", "sent", "fault"),
    [
        ({"id": (str, ...)}, {"id": (int, ...)}, "$.id: integer is sent, string is read"),
        ({"id": (int, 0)}, {"other": (int, ...)}, "$.id is read, but not sent"),
        ({"id": (int, ...)}, {"id": (int, 0)}, "$.id is needed, but may be left out"),
        ({"id": (int, ...)}, {"id": (int | None, ...)}, "$.id: null is sent, integer is read"),
        ({"id": (list[int], ...)}, {"id": (list[str], ...)}, "$.id[]: string is sent"),
        ({"id": (Literal["a"], ...)}, {"id": (Literal["a", "b"], ...)}, "$.id: ['a', 'b'] are"),
        ({"id": (Literal["a"], ...)}, {"id": (str, ...)}, "$.id: [] are sent, ['a'] are read"),
        ({"id": (Share, ...)}, {"id": (float, ...)}, "$.id: the m"),
    ],
)
def test_what_the_dashboard_would_not_take_is_noticed(read: Any, sent: Any, fault: str) -> None:
    sent_schema = create_model("Sent", **sent).model_json_schema()
    first, *_ = _misfits(create_model("Read", **read), sent_schema)
    assert first.startswith(fault)


def test_groups_and_ids_are_those_of_the_api() -> None:
    parameters = document()["paths"]["/peers/{client}"]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    assert list(GROUPS) == schemas["group"]["enum"]
    assert f"^{ID}$" == schemas["client"]["pattern"]


# ------------------------------------------------------------------ the fake API


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("scale", ["log-odds", "probability"])
def test_the_fake_answers_as_the_document_says(path: str, scale: Any) -> None:
    api = FakeApi(scale=scale)
    features = ("DAYS_BIRTH", "NAME_EDUCATION_TYPE")
    chosen = [[f] for f in features] + [list(pair) for pair in product(features, repeat=2)]
    clients = (REFUSED, LONELY, THIN_FILE, *IDS[6:9]) if "{client}" in path else ("",)
    for client, group, names in product(clients, GROUPS, chosen):
        query = {"group": [group], "feature": names}
        answer = api.answer(path.replace("{client}", client), query)
        sent = json.loads(json.dumps(answer))
        assert faults(sent, path) == []


def test_the_fakes_problem_is_the_apis(fake_api: FakeApi) -> None:
    sent = requests.get(f"{fake_api.address}/prediction/7", timeout=5)
    real = application().test_client().get("/prediction/7")
    assert (sent.status_code, sent.headers["Content-Type"]) == (404, real.content_type)
    assert faults(sent.json(), "/prediction/{client}", 404, real.mimetype) == []
    assert {**sent.json(), "request_id": ""} == {**real.get_json(), "request_id": ""}
