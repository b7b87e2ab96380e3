"""Each route's answers are valid by the document that describes them."""

import pytest
from jsonschema import Draft202012Validator

from api.answers.predictions import Prediction
from api.tests.running import address_of, application, served
from project_tools.serving.artefact import load_artefact
from project_tools.serving.pyfunc import PyfuncModel
from tests.api.document import document, faults

PROBLEM = "application/problem+json"


def addresses() -> list[tuple[str, str]]:
    """Every path of the document with the addresses of several answers."""
    known, every = [*served().ids("test"), *served().ids("new")], slice(0, None, 100)
    alone = next(i for i in known if served().client(i)["NAME_EDUCATION_TYPE"] is None)
    ids = [*known[every], alone]  # who has no group of similar clients
    pairs = []
    for path, operations in document()["paths"].items():
        # A text that takes a key, and a page.
        if "get" not in operations or path in {"/metrics", "/decisions/{decision}/sheet"}:
            continue
        queries = [""]
        if path == "/peers/{client}":
            features = ("EXT_SOURCE_2", "OCCUPATION_TYPE")
            pairs_of = [(f,) for f in features] + [(f, g) for f in features for g in features]
            queries = [
                f"?group={group}&" + "&".join(f"feature={name}" for name in names)
                for group in ("everyone", "similar_person", "similar_loan")
                for names in pairs_of
            ]
        clients = ids if "{client}" in path else [0]
        pairs += [(path, address_of(path, i) + q) for i in clients for q in queries]
    return pairs


def test_components_are_json_schema() -> None:
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_a_decision_bears_the_names_of_a_batch() -> None:
    made = served()
    names = [feature.name for feature in made.content.features]
    batch = PyfuncModel(load_artefact(made.model)).predict(made.frame[names].head(1))
    described = document()["components"]["schemas"][Prediction.__name__]["properties"]
    assert {*batch.columns} <= described.keys()


def test_every_answer_is_valid() -> None:
    client = application().test_client()
    compared = set()
    for path, address in addresses():
        response = client.get(address, headers={"Accept": "application/json"})
        assert response.status_code == 200, address
        answer = response.get_json()
        assert faults(answer, path) == [], address
        if path == "/peers/{client}":
            compared.add((answer["too_small"], *sorted(answer.get("joint", {}))))
    assert {True, False} <= {too_small for too_small, *_ in compared}
    assert len(compared) >= 5  # both kinds of axis on both sides, one feature, and no group


@pytest.mark.parametrize(
    ("path", "address", "status"),
    [
        ("/prediction/{client}", "/prediction/abc", 400),
        ("/prediction/{client}", "/prediction/7", 404),
        ("/prediction/", "/prediction/?page=0&x=1", 422),
        ("/peers/{client}", "/peers/100002?feature=EXT_SORCE_2", 422),
    ],
)
def test_every_problem_is_valid(path: str, address: str, status: int) -> None:
    response = application().test_client().get(address)
    assert response.status_code == status
    assert faults(response.get_json(), path, status, PROBLEM) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"proba_risk_class": 1.2}, "greater than the maximum"),
        ({"class": "perhaps"}, "is not one of"),
        ({"surplus": 1}, "Additional properties"),
        ({"model": None}, "is not of type 'object'"),
    ],
)
def test_a_wrong_answer_is_not_valid(change: dict[str, object], words: str) -> None:
    client_id = served().ids()[0]
    answer = application().test_client().get(f"/prediction/{client_id}").get_json()
    (fault,) = faults({**answer, **change}, "/prediction/{client}")
    assert words in fault
