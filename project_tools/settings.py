"""The settings: environment variables with the prefix ``CREDIT_``, parsed and checked once.

``SETTINGS`` lists them all; the README's table is checked against it. A variable with the prefix
that is none of them is an error, because a setting that is ignored is worse than none.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from project_tools.errors import SettingError, nearest

PREFIX = "CREDIT_"
#: The repository's root: the package is installed editable, so it lies beside this folder.
ROOT = Path(__file__).resolve().parents[1]


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004  (the ports there are)
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


def _text(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: how it is parsed, what it is when unset, what it does."""

    name: str
    parse: Any
    default: Any
    help: str


SETTINGS = (
    Setting("MODEL", _path, ROOT / "api" / "model", "folder of the model that the API serves"),
    Setting(
        "CLIENTS",
        _path,
        ROOT / "api" / "clients.parquet",
        "client store: features of the clients that the API knows",
    ),
    Setting("API_HOST", _text, "127.0.0.1", "address on which the API listens"),
    Setting("API_PORT", _port, 8000, "port of the API"),
    Setting("DASHBOARD_PORT", _port, 8501, "port of the dashboard"),
    Setting("API_URL", _address, "http://127.0.0.1:8000", "where the dashboard finds the API"),
    Setting(
        "TRACKING_URI",
        _text,
        f"sqlite:///{ROOT / 'mlflow.db'}",
        "MLflow tracking store (MLFLOW_TRACKING_URI goes before it)",
    ),
    Setting("THREADS", _threads, None, "threads for features and training (all cores)"),
    Setting("MEMORY_LIMIT", _memory, None, "memory for the features, e.g. 4GB (80 % of RAM)"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force."""

    model: Path
    clients: Path
    api_host: str
    api_port: int
    dashboard_port: int
    api_url: str
    tracking_uri: str
    threads: int | None
    memory_limit: str | None

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """The settings of an environment (default: this process's).

        Raises ``SettingError`` for a value out of range and for a name that is no setting.
        """
        environ = os.environ if environ is None else environ
        _refuse_unknown(environ)
        return cls(**{s.name.lower(): _value(s, environ) for s in SETTINGS})


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = [PREFIX + s.name for s in SETTINGS]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            hint = nearest(name, known) or f"; the settings are {', '.join(known)}"
            raise SettingError(f"{name} is not a setting{hint}")


def _value(setting: Setting, environ: Mapping[str, str]) -> Any:
    name = PREFIX + setting.name
    text = environ.get(name)
    if text is None:
        return setting.default
    if not text.strip():
        raise SettingError(
            f"{name} is set to nothing; unset it for its default or give {setting.help}"
        )
    try:
        return setting.parse(text.strip())
    except ValueError as why:
        raise SettingError(f"{name} is {text!r}; it takes {why}") from why
