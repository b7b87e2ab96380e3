"""The OpenAPI document: complete, in JSON Schema's own keywords, and true of what is answered."""

import re
import unittest
from collections.abc import Iterator
from typing import Any

from api.tests.running import application, served
from api.tests.test_refusals import unloaded
from project_tools.serving.peers import GROUPS

#: Of JSON Schema 2020-12 and OpenAPI 3.1, those that the document may use.
KEYWORDS = {
    *("$ref", "type", "title", "description", "default", "example", "enum", "const", "pattern"),
    *(
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
    ),
    *("minimum", "exclusiveMinimum", "maximum", "anyOf", "oneOf", "discriminator"),
}
#: APIFlask does not describe the document in itself.
ITSELF = "openapi.spec"
CLIENT = "/prediction/{client}"


def schemas(part: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a part of the document, the nested ones too."""
    if isinstance(part, list):
        for one in part:
            yield from schemas(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "schema":
                yield from nested(value)
            elif key == "schemas":
                for one in value.values():
                    yield from nested(one)
            else:
                yield from schemas(value)


def nested(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    below = [*schema.get("properties", {}).values()]
    below += [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    below += [schema[key] for key in ("items",) if key in schema]
    if isinstance(schema.get("additionalProperties"), dict):
        below.append(schema["additionalProperties"])
    for one in below:
        yield from nested(one)


class Document(unittest.TestCase):
    def setUp(self) -> None:
        self.client = application().test_client()
        self.document: Any = self.client.get("/openapi.json").json

    def test_no_schema_is_empty_or_has_a_word_that_json_schema_lacks(self) -> None:
        count = 0
        for schema in schemas(self.document):
            count += 1
            self.assertTrue(schema)
            self.assertLessEqual(schema.keys(), KEYWORDS)
            self.assertTrue(schema.keys() & {"$ref", "type", "anyOf", "oneOf", "enum", "const"})
        self.assertGreater(count, 100)

    def test_every_reference_leads_somewhere(self) -> None:
        names = {s["$ref"].rpartition("/")[2] for s in schemas(self.document) if "$ref" in s}
        self.assertLessEqual(names, self.document["components"]["schemas"].keys())
        self.assertIn("Prediction", names)

    def test_every_route_is_described(self) -> None:
        rules = {
            rule.rule.replace("<", "{").replace(">", "}")
            for rule in application().url_map.iter_rules()
            if rule.endpoint != ITSELF
        }
        self.assertEqual(self.document["paths"].keys(), rules)

    def test_bounds_have_their_names(self) -> None:
        (size,) = (
            parameter["schema"]
            for parameter in self.document["paths"]["/prediction/"]["get"]["parameters"]
            if parameter["name"] == "size"
        )
        self.assertEqual((size["minimum"], size["maximum"]), (1, 1000))

    def test_an_id_that_does_not_fit_its_pattern_is_malformed(self) -> None:
        for path, operations in self.document["paths"].items():
            for parameter in operations.get("get", {}).get("parameters", ()):
                if parameter["in"] == "path":
                    pattern = parameter["schema"]["pattern"]
                    for text in ("1", "0", "1" * 18, "1" * 19, "12a"):
                        query = "?feature=EXT_SOURCE_2" if path.startswith("/peers/") else ""
                        address = path.replace("{client}", text).replace("{decision}", text) + query
                        refused = self.client.get(address).status_code in (400, 422)
                        refused |= "{decision}" in path  # 404, as a decision that is not recorded
                        self.assertEqual(re.search(pattern, text) is None, refused, address)

    def test_the_groups_are_those_of_the_library(self) -> None:
        (group,) = (
            parameter["schema"]
            for parameter in self.document["paths"]["/peers/{client}"]["get"]["parameters"]
            if parameter["name"] == "group"
        )
        self.assertEqual(group["enum"], list(GROUPS))

    def test_the_body_of_a_post_is_described(self) -> None:
        operation = self.document["paths"]["/admin/reload"]["post"]
        self.assertIn("415", operation["responses"])
        self.assertTrue(operation["requestBody"]["required"])
        for path, names in (("/admin/reload", set()), ("/prediction", {"features", "applicant"})):
            operation = self.document["paths"][path]["post"]
            content = operation["requestBody"]["content"]["application/json"]["schema"]
            body = self.document["components"]["schemas"][content["$ref"].rpartition("/")[2]]
            self.assertEqual((body["type"], body["additionalProperties"]), ("object", False))
            self.assertEqual({*body.get("properties", ())}, names)

    def test_every_form_is_described(self) -> None:
        for path, forms in (
            ("/local_shap/{client}", {"image/png", "text/plain"}),
            ("/global_shap", {"image/png", "text/plain"}),
            ("/model_card", {"text/html", "text/markdown"}),
            (CLIENT, set()),
        ):
            content = self.document["paths"][path]["get"]["responses"]["200"]["content"]
            self.assertEqual(content.keys(), {"application/json"} | forms)


class Problems(unittest.TestCase):
    """Each status that a route really answers with is in its description."""

    def test_refusals_are_described(self) -> None:
        document: Any = application().test_client().get("/openapi.json").json
        large = b"x" * 70_000
        for app, ids in ((application(), ("7", "abc", str(served().ids()[0]))), (unloaded(), "7")):
            client = app.test_client()
            for path, operations in document["paths"].items():
                if "get" not in operations:
                    continue
                for text in ids:
                    address = path.replace("{client}", text).replace("{decision}", text)
                    for query in ("", "?page=x", "?feature=A", "?feature=EXT_SOURCE_2"):
                        for body in (b"", large):
                            with self.subTest(address + query):
                                response = client.get(address + query, data=body)
                                described = operations["get"]["responses"]
                                self.assertIn(str(response.status_code), described)
                                content = described[str(response.status_code)]["content"]
                                self.assertIn(response.mimetype, content)


if __name__ == "__main__":
    unittest.main()
