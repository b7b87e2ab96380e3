"""Keys of callers: a file of hashes, re-read while the service runs.

A key is 256 random bits, so that its plain SHA-256 cannot be reversed; only the hash is stored.
"""

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from project_tools.errors import SettingError
from project_tools.settings import Settings

Scope = Literal["score", "explain", "data", "review", "metrics", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
#: What a caller may do where the service is open: all but operations.
OPEN_SCOPES = frozenset(SCOPES) - {"metrics", "admin"}
#: What "open" means, for who starts the service.
OPEN = (
    "open: there is no key file, so every program on this machine may use the API; "
    "CREDIT_API_KEYS=FILE lets it ask for keys"
)
#: Seconds after which a changed file holds.
REREAD_S = 5
_OTHERS = 0o077


class Key(BaseModel):
    """A key by its hash: what its holder may do, until when, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    holder: str
    scopes: tuple[Scope, ...]
    expires: AwareDatetime | None = None
    per_minute: int = Field(default=600, ge=1)
    #: The file of the clients whom the holder may see; None: all.
    portfolio: str | None = None

    def is_live(self) -> bool:
        """Whether the key has not expired."""
        return self.expires is None or datetime.now(UTC) < self.expires


_KEYS = TypeAdapter(tuple[Key, ...])


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file. ``SettingError`` if it is missing, damaged, or readable by others."""
    try:
        mode, text = path.stat().st_mode, path.read_text()
    except OSError as why:
        raise SettingError(
            f"the key file {path} cannot be read ({why.strerror}); "
            "make one with `python -m api keys new`"
        ) from why
    if mode & _OTHERS:
        raise SettingError(f"other users may read the key file {path}; run `chmod 600 {path}`")
    try:
        return _KEYS.validate_json(text)
    except ValidationError:  # its message would repeat the file
        raise SettingError(f"the key file {path} is damaged; restore it or make new keys") from None


def write_keys(path: Path, keys: Iterable[Key]) -> None:
    """Replace the file as a whole; only its owner may read it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_KEYS.dump_json(tuple(keys), indent=1) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def new_key(
    holder: str,
    scopes: Sequence[Scope],
    *,
    days: int | None,
    per_minute: int,
    portfolio: Path | None = None,
) -> tuple[str, Key]:
    """A new key's text, which is stored nowhere, and what is stored of it."""
    text = f"credit_{secrets.token_urlsafe(32)}"
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    key = Key(
        id=secrets.token_hex(4),
        sha256=_sha256(text),
        holder=holder,
        scopes=tuple(scopes),
        expires=expires,
        per_minute=per_minute,
        portfolio=None if portfolio is None else str(portfolio),
    )
    return text, key


class Keyring:
    """The keys of a file as they are now: a change of the file holds after at most ``REREAD_S``.

    A file that can no longer be read opens to nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys = read_keys(path)
        if not self._keys:
            raise SettingError(f"the key file {path} holds no key; run `python -m api keys new`")
        self._read_at = time.monotonic()
        self._lock = threading.Lock()

    def holder(self, key_id: str) -> str | None:
        """The holder of the key with this id, also of one that has expired; None if it is not there."""
        return next((key.holder for key in self._current() if key.id == key_id), None)

    def find(self, text: str) -> Key | None:
        """The live key of this text. All hashes are compared, each in constant time."""
        digest = _sha256(text)
        matching = [key for key in self._current() if hmac.compare_digest(key.sha256, digest)]
        return next((key for key in matching if key.is_live()), None)

    def _current(self) -> tuple[Key, ...]:
        with self._lock:
            if time.monotonic() - self._read_at >= REREAD_S:
                self._read_at = time.monotonic()
                try:
                    self._keys = read_keys(self._path)
                except SettingError:
                    self._keys = ()
            return self._keys


def keyring_of(settings: Settings) -> Keyring | None:
    """The keys that the settings name; None where the service is open.

    Raises ``SettingError`` where it would be open although others can reach it, or must not be.
    """
    if settings.api_keys is not None:
        return Keyring(settings.api_keys)
    if settings.api_require_keys:
        raise SettingError("CREDIT_API_REQUIRE_KEYS is set; name a key file in CREDIT_API_KEYS")
    if not _is_loopback(settings.api_host):
        raise SettingError(
            f"without keys the API listens on this machine alone, not on {settings.api_host}; "
            "name a key file in CREDIT_API_KEYS (`python -m api keys new` makes one)"
        )
    return None


class Allowance:
    """How many requests each key still has, in one worker: as many a minute, refilled evenly."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, key: Key) -> bool:
        """Use up one request; False if the key has none left."""
        now = time.monotonic()
        with self._lock:
            left, at = self._left.get(key.id, (float(key.per_minute), now))
            left = min(left + (now - at) * key.per_minute / 60, float(key.per_minute))
            self._left[key.id] = (left - 1 if left >= 1 else left, now)
            return left >= 1


def _is_loopback(host: str) -> bool:
    try:
        return host.lower() == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
