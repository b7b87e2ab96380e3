"""The settings: environment variables with the prefix ``CREDIT_``, parsed and checked once.

``SETTINGS`` lists them all; a test compares the README's table with it. An unknown variable with the
prefix is an error, because a setting that is ignored is worse than none.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from project_tools.errors import SettingError, nearest

PREFIX = "CREDIT_"
#: Root of the repository; the package is installed editable, so the root is this file's grandparent.
ROOT = Path(__file__).resolve().parents[1]


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004  (the range of TCP ports)
        raise ValueError("a port from 1 to 65535")
    return int(text)


def _threads(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("a whole number of threads, 1 or more")
    return int(text)


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*(\.\d+)?\s*(MB|GB)", text):
        raise ValueError("a size such as 800MB or 4GB")
    return text


def _address(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError("an address such as http://127.0.0.1:8000")
    return text


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip() for host in text.split(","))
    if not all(re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]", host) for host in hosts):
        raise ValueError("names without port, such as scores.example,10.0.0.7")
    return hosts


def _database(text: str) -> str:
    if not re.fullmatch(r"(postgresql(\+psycopg)?://|sqlite:///)\S+", text):
        raise ValueError("postgresql://user:password@host/database or sqlite:///path")
    return text


def _trace(text: str) -> str:
    if text not in {"power", "process"}:
        raise ValueError("power (survives a loss of power) or process (survives its own end)")
    return text


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise ValueError("three capital letters such as EUR")
    return text


@dataclass(frozen=True, slots=True)
class OfferGrid:
    """The cells of the counter-offers: amounts in percent of the request, terms in months; ascending."""

    shares: tuple[int, ...]
    terms: tuple[int, ...]


#: Percent of the request and months, at most; and the cells of a grid, which are scored at once.
_LARGEST_SHARE, _LONGEST_TERM, _LEAST_CELLS, _MOST_CELLS = 100, 600, 2, 400


def _offers(text: str) -> OfferGrid:
    parts = re.fullmatch(r"([1-9]\d*(?:,[1-9]\d*)*) ?x ?([1-9]\d*(?:,[1-9]\d*)*)", text)
    if parts:
        shares, terms = (tuple(int(n) for n in part.split(",")) for part in parts.groups())
        right = [*shares] == sorted({*shares}) and [*terms] == sorted({*terms})
        within = shares[-1] <= _LARGEST_SHARE and terms[-1] <= _LONGEST_TERM
        if right and within and _LEAST_CELLS <= len(shares) * len(terms) <= _MOST_CELLS:
            return OfferGrid(shares, terms)
    raise ValueError(
        "ascending percentages of the amount up to 100, x, and ascending terms in months up to 600, "
        "such as 50,75,100x24,36,60, in all 2 to 400 cells"
    )


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError("1 for yes or 0 for no")
    return text == "1"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its name without the prefix, its parser, its default and its purpose.

    The parser raises ``ValueError`` with a description of the values that it accepts. The value of
    a ``secret`` is in no error.
    """

    name: str
    parse: Callable[[str], Any]
    default: Any
    help: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return PREFIX + self.name

    def read(self, environ: Mapping[str, str]) -> Any:
        """Parsed value of the variable; the default if it is not set.

        Raises ``SettingError`` for a value that is empty or that the parser refuses.
        """
        text = environ.get(self.variable)
        if text is None:
            return self.default
        if not text.strip():
            raise SettingError(
                f"{self.variable} is set to nothing; unset it for its default or give {self.help}"
            )
        try:
            return self.parse(text.strip())
        except ValueError as why:
            value = (
                "another value (not shown: it may hold a password)" if self.secret else repr(text)
            )
            raise SettingError(f"{self.variable} is {value}; it takes {why}") from why


SETTINGS = (
    Setting("MODEL", _path, ROOT / "api" / "model", "folder of the model that the API serves"),
    Setting(
        "CLIENTS",
        _path,
        ROOT / "api" / "clients.parquet",
        "client store: features of the clients that the API knows",
    ),
    Setting(
        "STATE",
        _path,
        ROOT / "pickle_files" / "state",
        "folder that the API writes: the last good copy of its model and clients, the decisions",
    ),
    Setting(
        "DECISIONS",
        _database,
        None,
        "database of the recorded decisions, postgresql://… (a SQLite file in CREDIT_STATE)",
        secret=True,
    ),
    Setting(
        "TRACE",
        _trace,
        "power",
        "what a recorded decision survives: power (its loss) or process (the process's end alone)",
    ),
    Setting("API_HOST", str, "127.0.0.1", "address on which the API listens"),
    Setting(
        "API_HOSTS",
        _hosts,
        (),
        "further names, separated by commas, by which clients may call the API (Host header)",
    ),
    Setting("API_KEYS", _path, None, "key file; without it the API serves this machine alone"),
    Setting("API_REQUIRE_KEYS", _switch, False, "1: refuse to start without a key file"),
    Setting("API_PORT", _port, 8000, "port of the API"),
    Setting("DASHBOARD_PORT", _port, 8501, "port of the dashboard"),
    Setting("API_URL", _address, "http://127.0.0.1:8000", "where the dashboard finds the API"),
    Setting(
        "CURRENCY", _currency, "", "currency of all amounts, such as EUR; none is named without it"
    ),
    Setting(
        "OFFERS",
        _offers,
        OfferGrid((25, 30, 40, 50, 60, 70, 80, 90, 95, 100), (12, 18, 24, 36, 48, 60)),
        "counter-offers that are tried: amounts in percent of the request x terms in months",
    ),
    Setting(
        "TRACKING_URI",
        str,
        f"sqlite:///{ROOT / 'mlflow.db'}",
        "MLflow tracking store (MLFLOW_TRACKING_URI goes before it)",
    ),
    Setting(
        "OWNER", str, "", "who answers for a model that is trained now; the model card names them"
    ),
    Setting("THREADS", _threads, None, "threads for features and training (all cores)"),
    Setting("MEMORY_LIMIT", _memory, None, "memory for the features, e.g. 4GB (80 % of RAM)"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of all settings; ``None`` for threads or memory leaves the choice to the library."""

    model: Path
    clients: Path
    state: Path
    decisions: str | None
    trace: Literal["power", "process"]
    api_host: str
    api_hosts: tuple[str, ...]
    api_keys: Path | None
    api_require_keys: bool
    api_port: int
    dashboard_port: int
    api_url: str
    currency: str
    offers: OfferGrid
    tracking_uri: str
    owner: str
    threads: int | None
    memory_limit: str | None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of an environment (default: this process's).

        Raises ``SettingError`` for a value out of its range and for an unknown name with the prefix.

        >>> Settings.load({"CREDIT_API_PORT": "9000"}).api_port
        9000
        """
        environ = os.environ if environ is None else environ
        names = [setting.variable for setting in SETTINGS]
        for name in environ:
            if name.startswith(PREFIX) and name not in names:
                hint = nearest(name, names) or f"; the settings are {', '.join(names)}"
                raise SettingError(f"{name} is not a setting{hint}")
        return cls(**{setting.name.lower(): setting.read(environ) for setting in SETTINGS})
