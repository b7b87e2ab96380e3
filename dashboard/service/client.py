"""The dashboard's client of the API: HTTP with timeouts, typed answers, typed errors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel
from service.address import is_loopback
from service.answers import (
    ClientFeatures,
    ClientIds,
    Explanation,
    Feature,
    Model,
    ModelCard,
    ModelInfo,
    NoPeers,
    Peers,
    PeersAnswer,
    Picture,
    Prediction,
    Version,
)

#: Seconds to wait for a connection, and for the next byte of an answer.
TIMEOUT = (3.05, 20.0)
#: A request is repeated once after a dropped connection: a server that restarts drops them all.
ATTEMPTS = 2
#: What is asked of each feature of a client, beside its name.
FIELDS = tuple(name for name in Feature.model_fields if name != "name")

NOT_FOUND, UNAVAILABLE = 404, 503

Answer = TypeVar("Answer", bound=BaseModel)


class ApiError(Exception):
    """The API gave no usable answer; the message is one sentence for the person at the screen."""


class ApiUnreachableError(ApiError):
    """No connection, or no answer in time."""


class ApiRefusalError(ApiError):
    """The API answered with a problem document (RFC 9457), or with a bare status."""

    def __init__(self, status: int, sentence: str, request_id: str | None) -> None:
        super().__init__(sentence)
        self.status = status
        self.request_id = request_id


class UnknownClientError(ApiRefusalError):
    """The API has no client with that id."""


class UnreadableAnswerError(ApiError):
    """The answer is not as expected: API and dashboard are of different releases."""


def new_session(address: str) -> requests.Session:
    """A session that keeps its connections open, and uses no proxy for this very machine."""
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    session.trust_env = not is_loopback(address)
    return session


@dataclass(frozen=True, slots=True)
class ApiClient:
    """The requests to one API. Every method raises a kind of ``ApiError``, and nothing else."""

    address: str
    session: requests.Session = field(repr=False)

    def version(self) -> Model:
        """The model that is served. Raises ``ApiRefusalError`` if none is loaded."""
        model = self._ask("/version", Version).model
        if model is None:
            raise ApiRefusalError(
                UNAVAILABLE, "The scoring service is up, but has no model loaded yet.", None
            )
        return model

    def client_ids(self, beginning: str, size: int) -> ClientIds:
        """The first ``size`` ids that begin with these digits."""
        return self._ask("/prediction/", ClientIds, query=beginning, page=1, size=size)

    def prediction(self, client: str) -> Prediction:
        return self._ask(f"/prediction/{_part(client)}", Prediction)

    def features(self, client: str) -> tuple[Feature, ...]:
        """All features of a client, the most important first."""
        features = self._ask(
            f"/clients/{_part(client)}", ClientFeatures, fields=list(FIELDS)
        ).features
        return tuple(sorted(features, key=lambda feature: -feature.importance))

    def explanation(self, client: str, language: str = "en") -> Explanation:
        """The reasons, their sentences in a language of the service."""
        return self._ask(f"/explanation/{_part(client)}", Explanation, language)

    def local_picture(self, client: str) -> Picture:
        return self._ask(f"/local_shap/{_part(client)}", Picture)

    def global_picture(self) -> Picture:
        return self._ask("/global_shap", Picture)

    def model_info(self) -> ModelInfo:
        return self._ask("/model_info", ModelInfo)

    def model_card(self) -> ModelCard | None:
        """The model card, or None for a model of an older release, which has none."""
        try:
            return self._ask("/model_card", ModelCard)
        except UnknownClientError:  # a 404: here it is the card that is missing
            return None

    def peers(self, client: str, group: str, features: tuple[str, ...]) -> Peers | NoPeers:
        """The client's group, compared by one feature or two."""
        path = f"/peers/{_part(client)}"
        return self._ask(path, PeersAnswer, group=group, feature=list(features)).root

    def _ask(self, path: str, model: type[Answer], language: str = "en", **query: Any) -> Answer:
        response = self._get(self.address + path, query, language)
        if not response.ok:
            raise _refusal(response)
        try:
            return model.model_validate_json(response.content)
        except ValueError as why:
            raise UnreadableAnswerError(
                "The scoring service gave an answer that this dashboard cannot read; "
                "the two are probably of different releases."
            ) from why

    def _get(self, url: str, query: Mapping[str, Any], language: str) -> requests.Response:
        headers = {"Accept-Language": language}
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.session.get(url, params=dict(query), headers=headers, timeout=TIMEOUT)
            except requests.Timeout as why:
                raise ApiUnreachableError(
                    f"The scoring service at {self.address} does not answer in time."
                ) from why
            except requests.ConnectionError as why:
                if attempt == ATTEMPTS:
                    raise ApiUnreachableError(
                        f"The scoring service does not answer at {self.address}. It may be "
                        "stopped or starting; its address is the setting CREDIT_API_URL."
                    ) from why
            except requests.RequestException as why:
                raise UnreadableAnswerError(
                    f"The server at {self.address} does not answer as the scoring service does."
                ) from why
        raise AssertionError("every attempt returns or raises")


def _part(text: str) -> str:
    """An id as one part of a path: its slashes and question marks are quoted."""
    return quote(text, safe="")


def _refusal(response: requests.Response) -> ApiRefusalError:
    problem = _problem(response)
    sentence = (
        problem.get("detail")
        or problem.get("title")
        or f"The scoring service refused the request (status {response.status_code})."
    )
    # A 404 without a problem document comes from another server at that address.
    kind = UnknownClientError if problem and response.status_code == NOT_FOUND else ApiRefusalError
    return kind(response.status_code, str(sentence), problem.get("request_id"))


def _problem(response: requests.Response) -> Mapping[str, Any]:
    """The problem document, or an empty one where a proxy answered in HTML."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
