"""The one way from the dashboard to the API: HTTP with timeouts, typed answers, typed errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from service.address import is_loopback
from service.answers import (
    Explanation,
    Feature,
    Json,
    KnownIds,
    Model,
    ModelCard,
    ModelInfo,
    Peers,
    Picture,
    Prediction,
)

#: Seconds until a connection stands, and until the next byte of an answer comes.
TIMEOUT = (3.05, 20.0)
#: A dropped connection is tried once more: a server that restarts drops the ones it kept open.
ATTEMPTS = 2

NOT_FOUND, UNAVAILABLE = 404, 503

Answer = TypeVar("Answer")


class ApiError(Exception):
    """What a person reads when an answer does not come: one plain sentence."""


class ApiUnreachableError(ApiError):
    """No connection, or no answer in time."""


class ApiRefusalError(ApiError):
    """The API answered with a problem document (RFC 9457), or with nothing but a status."""

    def __init__(self, status: int, sentence: str, request_id: str | None) -> None:
        super().__init__(sentence)
        self.status = status
        self.request_id = request_id


class UnknownClientError(ApiRefusalError):
    """No client of that id is known to the API."""


class UnreadableAnswerError(ApiError):
    """The answer is not what the contract says: API and dashboard are of different releases."""


def new_session(address: str) -> requests.Session:
    """Connections that are kept open; a proxy is left aside for this very machine."""
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    session.trust_env = not is_loopback(address)
    return session


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Calls of one API. Every method raises ``ApiError`` in one of its kinds, and nothing else."""

    address: str
    session: requests.Session = field(repr=False)

    def version(self) -> Model:
        """The model that is served. Raises ``ApiRefusalError`` as long as none is loaded."""
        model = self._ask("/version", _served_model)
        if model is None:
            raise ApiRefusalError(
                UNAVAILABLE, "The scoring service is up, but has no model loaded yet.", None
            )
        return model

    def known_ids(self, beginning: str, size: int) -> KnownIds:
        """The first ``size`` ids that begin so."""
        return self._ask("/prediction/", KnownIds.from_json, query=beginning, page=1, size=size)

    def prediction(self, client: str) -> Prediction:
        return self._ask(f"/prediction/{_part(client)}", Prediction.from_json)

    def features(self, client: str) -> tuple[Feature, ...]:
        """All features of a client, the most important first."""
        return self._ask(f"/clients/{_part(client)}", _features)

    def explanation(self, client: str) -> Explanation:
        return self._ask(f"/explanation/{_part(client)}", Explanation.from_json)

    def local_picture(self, client: str) -> Picture:
        return self._ask(f"/local_shap/{_part(client)}", Picture.from_json)

    def global_picture(self) -> Picture:
        return self._ask("/global_shap", Picture.from_json)

    def model_info(self) -> ModelInfo:
        return self._ask("/model_info", ModelInfo.from_json)

    def model_card(self) -> ModelCard | None:
        """The model card; none of a model that an older release trained."""
        try:
            return self._ask("/model_card", ModelCard.from_json)
        except UnknownClientError:  # 404: here it is the card that is not known
            return None

    def peers(self, client: str, group: str, features: tuple[str, ...]) -> Peers:
        """The client's group, by one feature or two."""
        path = f"/peers/{_part(client)}"
        return self._ask(path, Peers.from_json, group=group, feature=list(features))

    def _ask(self, path: str, read: Callable[[Json], Answer], **query: Any) -> Answer:
        response = self._get(self.address + path, query)
        if not response.ok:
            raise _refusal(response)
        try:
            return read(response.json())
        except (KeyError, TypeError, ValueError, AttributeError) as why:
            raise UnreadableAnswerError(
                "The scoring service gave an answer that this dashboard cannot read; "
                "the two are probably of different releases."
            ) from why

    def _get(self, url: str, query: Mapping[str, Any]) -> requests.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self.session.get(url, params=dict(query), timeout=TIMEOUT)
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
                    f"What answers at {self.address} does not speak as the scoring service does."
                ) from why
        raise AssertionError("every attempt returns or raises")


def _part(text: str) -> str:
    """A piece of a path in which no character of the id acts as a path of its own."""
    return quote(text, safe="")


def _served_model(answer: Json) -> Model | None:
    return None if answer["model"] is None else Model.from_json(answer["model"])


def _features(answer: Json) -> tuple[Feature, ...]:
    features = (Feature.from_json(one) for one in answer["features"])
    return tuple(sorted(features, key=lambda feature: -feature.importance))


def _refusal(response: requests.Response) -> ApiRefusalError:
    problem = _problem(response)
    sentence = problem.get("detail") or problem.get("title") or _bare(response.status_code)
    # A 404 without a problem document comes from something else that listens at the address.
    kind = UnknownClientError if problem and response.status_code == NOT_FOUND else ApiRefusalError
    return kind(response.status_code, str(sentence), problem.get("request_id"))


def _problem(response: requests.Response) -> Json:
    """The problem document, or an empty one: a proxy in between answers in HTML."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return {}
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _bare(status: int) -> str:
    return f"The scoring service refused the question (status {status})."
