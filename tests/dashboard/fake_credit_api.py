"""A server that answers as the API does, about invented clients; a test sets what it does.

``test_contract.py`` holds its answers against the API's OpenAPI document.
"""

# ruff: noqa: ARG002, S311  (all answers are called alike; invented clients need no secure chance)

import base64
import json
import math
import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from project_tools.serving import explanation as explained
from project_tools.serving import peers as serving
from project_tools.serving.formats.base import Scale
from project_tools.serving.peer_words import SENTENCES

Json = dict[str, Any]

THRESHOLD = 1 / 6
IDS = tuple(str(n) for n in range(100001, 100041))
REFUSED, NEAR, GRANTED, THIN_FILE, LONELY = IDS[1], IDS[2], IDS[3], IDS[4], IDS[5]
PROBABILITIES = {REFUSED: 0.2741, NEAR: 0.1612, GRANTED: 0.0388}

CONCEPTS = (
    "External scores",
    "Terms of the credit",
    "Age",
    "Employment",
    "Earlier credits elsewhere",
    "Instalments paid late",
    "Education",
    "Income",
    "Region",
    "Documents",
    "Goods bought",
    "Earlier applications",
    "Card use",
    "Housing",
)
# name, label, unit, concept, kind
FEATURES = (
    ("EXT_SOURCES_MEAN", "Mean of the external scores", "", CONCEPTS[0], "number"),
    ("CREDIT_TO_ANNUITY_RATIO", "Duration of the credit", "instalments", CONCEPTS[1], "number"),
    ("DAYS_BIRTH", "Age", "years", CONCEPTS[2], "number"),
    ("NAME_EDUCATION_TYPE", "Education", "", CONCEPTS[6], "category"),
    ("AMT_INCOME_TOTAL", "Income of a year", "currency", CONCEPTS[7], "number"),
    *(
        (f"FEATURE_{n}", f"Feature *{n}* of [{c}]", "days", c, "number")
        for n, c in enumerate(CONCEPTS)
    ),
)
LABELS = {"NAME_INCOME_TYPE": "income type"}
LEVELS = (
    "Secondary / secondary special",
    "Higher education",
    "Incomplete higher",
    "Lower secondary",
)


@dataclass
class FakeApi:
    """What the server does next; every field may be changed while it runs."""

    version: str = "3"
    digest: str = "a" * 64
    scale: Scale = "log-odds"
    """Scale of the explained score; a forest's is ``probability``."""
    language: str = "en"
    """Of the request that is answered, as ``Accept-Language`` names it."""
    broken: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    """Beginning of a path → status, content type and body that is sent instead."""
    requests: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> Json:
        """The JSON for a path. Raises ``KeyError`` for a path or client that is not there."""
        head, _, client = path.strip("/").partition("/")
        if client and head in {"prediction", "clients", "explanation", "local_shap", "peers"}:
            if client not in IDS:
                raise KeyError(client)
            return getattr(self, f"_{head}")(client, query)
        return getattr(self, f"_{head or 'root'}_all")(query)

    @property
    def model(self) -> Json:
        return {"name": "credit_scoring", "version": self.version, "digest": self.digest}

    def _version_all(self, query: dict[str, list[str]]) -> Json:
        return {"release": "0.1.0", "open": True, "model": self.model}

    def _prediction_all(self, query: dict[str, list[str]]) -> Json:
        size = int(query.get("size", ["100"])[0])
        found = [one for one in IDS if one.startswith(query.get("query", [""])[0])]
        pages = math.ceil(len(found) / size)
        shown = [int(one) for one in found[:size]]
        return {"ids": shown, "total": len(found), "page": 1, "pages": pages, "size": size}

    def _prediction(self, client: str, query: dict[str, list[str]]) -> Json:
        probability = PROBABILITIES.get(client, random.Random(client).betavariate(1, 9))
        return {
            "id": int(client),
            "proba_risk_class": probability,
            "class": "risk" if probability > THRESHOLD else "no_risk",
            "threshold": THRESHOLD,
            "margin": probability - THRESHOLD,
            "near": None,
            "model": self.model,
            "raw_score": math.log(probability / (1 - probability)),
            "decision": {
                "id": f"{int(client):032x}",
                "sequence": 1,
                "time": "2026-11-28T09:00:00.000000+00:00",
                "seal": f"1-{0:064x}",
            },
        }

    def _clients(self, client: str, query: dict[str, list[str]]) -> Json:
        shares = [1 / (n + 1) for n in range(len(FEATURES))]
        features = [
            {
                "name": name,
                "label": label,
                "sentence": f"{label}, as known on the day of the application.",
                "unit": unit,
                "value": _value(client, name, kind),
                "displayed": explained.display(_value(client, name, kind), unit),
                "concept": concept,
                "importance": share / sum(shares),
            }
            for (name, label, unit, concept, kind), share in zip(FEATURES, shares, strict=True)
        ]
        return {"id": int(client), "features": features}

    def _explanation(self, client: str, query: dict[str, list[str]]) -> Json:
        chance = random.Random(client)
        base, factor = (0.08, 1 / 40) if self.scale == "probability" else (-2.3, 1)
        groups = []
        for rank, concept in enumerate(CONCEPTS):
            total = factor * round(chance.gauss(0, 0.7 / (rank + 1)), 4)
            own = [f for f in FEATURES if f[3] == concept]
            features = tuple(
                explained.Contribution(
                    name,
                    label,
                    concept,
                    unit,
                    _value(client, name, kind),
                    total / len(own),
                    explained.display(_value(client, name, kind), unit),
                )
                for name, label, unit, _, kind in own
            )
            groups.append(explained.ConceptContribution(concept, total, features))
        groups.sort(key=lambda group: -abs(group.contribution))
        raw = base + sum(group.contribution for group in groups)
        explanation = explained.Explanation(self.scale, base, raw, tuple(groups))
        granted = self._prediction(client, query)["class"] == "no_risk"
        answer = {"id": int(client), **asdict(explanation)}
        for group in answer["groups"]:
            for feature in group["features"]:
                del feature["concept"]
        points = [
            {"code": g.concept, "concept": g.concept, "points": round(10 * g.contribution, 1),
             "contribution": g.contribution}
            for g in explanation.groups
        ]  # fmt: skip
        sentences = {"en": ("Raises", "Lowers", "the estimated risk"),
                     "fr": ("Élève", "Abaisse", "le risque estimé")}  # fmt: skip
        raises, lowers, risk_words = sentences[self.language]
        said = [
            {**p, "direction": "lowers" if p["contribution"] < 0 else "raises",
             "text": f"{lowers if p['contribution'] < 0 else raises} {risk_words}: {p['concept']}."}
            for p in points if p["contribution"]
        ]  # fmt: skip
        side = "lowers" if granted else "raises"
        risk = round(100 * self._prediction(client, query)["proba_risk_class"], 1)
        return {
            **answer,
            "language": self.language,
            "risk": risk,
            "reference": {
                "compared_with": "just_refused" if granted else "just_accepted",
                "clients": 120,
                "risk": round(risk - sum(p["points"] for p in points), 1),
                "raw_score": base,
                "note": None,
            },
            "reasons": [reason for reason in said if reason["direction"] == side][:4],
            "other_side": [reason for reason in said if reason["direction"] != side][:4],
            "concepts": points,
            "blocked": None,
        }

    def _local_shap(self, client: str, query: dict[str, list[str]]) -> Json:
        return {"image": PNG, "alt": f"What moved the score of client {client}."}

    def _global_shap_all(self, query: dict[str, list[str]]) -> Json:
        return {"image": PNG, "alt": "What weighs most in the model."}

    def _model_card_all(self, query: dict[str, list[str]]) -> Json:
        text = "# Model card: credit_scoring\n\nIt refuses above **16.7 %**.\n\n## Purpose\n\nFor credit."
        return {"markdown": text, "html": "<!doctype html><title>Model card</title>"}

    def _model_info_all(self, query: dict[str, list[str]]) -> Json:
        return {
            "name": "credit_scoring",
            "alias": "champion",
            "stage": "champion",
            "version": self.version,
            "type": "lightgbm",
            "decision_threshold": THRESHOLD,
            "fn_cost": 5,
            "trained": "2026-11-01T10:00:00Z",
            "data_digest": "d" * 64,
            "digest": self.digest,
            "metrics": {
                "AUC": {"value": 0.761, "se": 0.004, "on": "out-of-fold"},
                "loss_of_income": {"value": 0.31, "se": None, "on": "out-of-fold"},
            },
            "sorted_features_by_importance": [
                f["name"] for f in self._clients(IDS[0], {})["features"]
            ],
            "importance": [
                {"name": f["name"], "label": f["label"], "importance": f["importance"]}
                for f in self._clients(IDS[0], {})["features"]
            ],
        }

    def _peers(self, client: str, query: dict[str, list[str]]) -> Json:
        group = query["group"][0]
        criteria = [{"label": "education", "value": LEVELS[0]}] if group != "everyone" else []
        chosen = [next(f for f in FEATURES if f[0] == name) for name in query["feature"]]
        about: Json = {
            "group": group,
            "criteria": criteria,
            "features": [
                {
                    "name": name,
                    "label": label,
                    "unit": unit,
                    "kind": kind,
                    "client_value": _value(client, name, kind),
                    "displayed": explained.display(_value(client, name, kind), unit),
                }
                for name, label, unit, _, kind in chosen
            ],
        }
        if group == "similar_person" and client == LONELY:
            return {**about, **too_small()}
        if group == "similar_loan" and client == THIN_FILE:
            return {**about, **too_small(missing="NAME_INCOME_TYPE")}
        joint = {"joint": _joint(*chosen)} if len(chosen) == 2 else {}
        return {
            **about,
            "n": 4000,
            "n_by_class": {"repaid": 3680, "defaulted": 320},
            "default_rate": 0.08,
            "too_small": False,
            "distributions": [_distribution(name, kind) for name, _, _, _, kind in chosen],
            **joint,
        }


def too_small(missing: str | None = None) -> Json:
    """The API's own answer for a group that it does not compare, with its own sentence."""
    name, label = "too small" if missing is None else "not known", LABELS.get(missing or "", "")
    sentence = SENTENCES["en"][name].format(label=label, least=serving.SMALLEST_GROUP)
    return serving._nothing(sentence)


def _value(client: str, name: str, kind: str) -> float | str | None:
    chance = random.Random(f"{client}{name}")
    if kind == "category":
        return LEVELS[chance.randrange(len(LEVELS))]
    if client == THIN_FILE and name == "EXT_SOURCES_MEAN":
        return None
    low, high = _range(name)
    return round(chance.uniform(low, high), 4)


def _range(name: str) -> tuple[float, float]:
    ranges = {"EXT_SOURCES_MEAN": (0.0, 1.0), "DAYS_BIRTH": (20.0, 70.0)}
    return ranges.get(name, (0.0, 200_000.0 if name.startswith("AMT") else 60.0))


def _distribution(name: str, kind: str) -> Json:
    if kind == "category":
        return {
            "name": name,
            "kind": "category",
            "bars": list(LEVELS),
            "levels": list(LEVELS),
            "repaid": [2600, 900, 120, 60],
            "defaulted": [250, 48, 12, 10],
            "missing": {"repaid": 0, "defaulted": 0},
        }
    low, high = _range(name)
    bins = 24
    return {
        "name": name,
        "kind": "number",
        **_number_axis(low, high, bins),
        "repaid": [_bell(n / bins, 0.6, 400) for n in range(bins)],
        "defaulted": [_bell(n / bins, 0.4, 40) for n in range(bins)],
        "missing": {"repaid": 0, "defaulted": 0},
    }


def _joint(x: tuple[str, ...], y: tuple[str, ...]) -> Json:
    joint: Json = {}
    sizes = []
    for axis, (name, _, _, _, kind) in (("x", x), ("y", y)):
        if kind == "category":
            joint[f"{axis}_bars"] = joint[f"{axis}_levels"] = list(LEVELS)
            sizes.append(len(LEVELS))
        else:
            low, high = _range(name)
            joint |= {f"{axis}_{key}": value for key, value in _number_axis(low, high, 16).items()}
            sizes.append(16)
    width, height = sizes
    for label, centre, most in (("repaid", 0.6, 200), ("defaulted", 0.4, 30)):
        joint[f"counts_{label}"] = [
            [_bell((i / width + j / height) / 2, centre, most) for j in range(height)]
            for i in range(width)
        ]
    return joint


def _number_axis(low: float, high: float, bins: int) -> Json:
    edges = [low + (high - low) * n / bins for n in range(bins + 1)]
    return {
        "edges": edges,
        "bars": [f"{first:,.1f} to {last:,.1f}" for first, last in pairwise(edges)],
        "ticks": [{"value": edge, "displayed": f"{edge:,.1f}"} for edge in edges[::8]],
    }


def _bell(at: float, centre: float, most: int) -> int:
    return round(most * math.exp(-(((at - centre) / 0.2) ** 2)))


def _png(size: int = 8) -> str:
    """A grey square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\x00" + b"\x80" * size for _ in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    png += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


PNG = _png()


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            api.requests.append(self.path)
            api.language = self.headers.get("Accept-Language", "en")
            for beginning, (status, kind, body) in api.broken.items():
                if url.path.startswith(beginning):
                    self._send(status, kind, body)
                    return
            try:
                answer = api.answer(url.path, parse_qs(url.query, keep_blank_values=True))
            except KeyError:
                client = unquote(url.path.rpartition("/")[2])
                self._send(*problem(404, "Not Found", f"No client {client} is known here."))
                return
            self._send(200, "application/json", json.dumps(answer).encode())

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's own name)
            """Says nothing."""

    return Handler


def problem(status: int, title: str, detail: str) -> tuple[int, str, bytes]:
    """A problem document, as ``FakeApi.broken`` takes it."""
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body = json.dumps({**document, "request_id": "r-1"}).encode()
    return status, "application/problem+json", body


@contextmanager
def running_api() -> Iterator[FakeApi]:
    """The fake API on a free port of this machine."""
    api = FakeApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
