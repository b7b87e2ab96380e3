"""The fitted feature state: what ``fit`` learnt from the training clients, as plain data.

``Learner`` learns each group's statistics while the features are computed; ``FeatureState`` looks
them up afterwards, for anybody. On disk it is a folder of JSON and Parquet, never a pickle.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from project_tools.errors import FeatureError
from project_tools.features.columns import ID
from project_tools.features.engines.engine import Engine
from project_tools.features.rows import GroupStatistics
from project_tools.system.files import digest_of_contents, sha256_of_files

#: Increase this when older states become unreadable.
VERSION = 1
#: Smaller groups get no statistics: a client's own value would show in them.
LEAST_CLIENTS = 5

_STATE, _CATALOGUE, _GROUP = "state.json", "catalogue.json", "group_"


@dataclass(frozen=True)
class FeatureState:
    """Group statistics and category levels learnt in ``fit``, and what they were learnt from."""

    tables_: Mapping[str, pa.Table]
    levels_: Mapping[str, tuple[str, ...]]
    least_clients: int = LEAST_CLIENTS
    raw_digest: str = ""
    split_digest: str = ""
    catalogue: list[dict[str, Any]] = field(default_factory=list)

    def save(self, directory: Path) -> str:
        """Write the state into an existing folder and return its digest."""
        head = {
            "version": VERSION,
            "least_clients": self.least_clients,
            "raw_digest": self.raw_digest,
            "split_digest": self.split_digest,
            "levels": {name: list(levels) for name, levels in self.levels_.items()},
            "groups": sorted(self.tables_),
        }
        _write_json(directory / _STATE, head)
        _write_json(directory / _CATALOGUE, self.catalogue)
        for name, table in self.tables_.items():
            pq.write_table(table, directory / f"{_GROUP}{name}.parquet", compression="zstd")
        return state_digest(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Raises ``FeatureError`` for a folder that is missing, damaged or of another version."""
        return cls(**_read(directory)[1])


@dataclass(frozen=True)
class StoredState(FeatureState):
    """A state that was read from a folder, with the bytes of its files: what is transformed with
    it gets the same bytes beside it, whichever release wrote them.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Raises ``FeatureError`` for a folder that is missing, damaged or of another version."""
        files, fields = _read(directory)
        return cls(**fields, files=files)

    @property
    def digest(self) -> str:
        """The ``state_digest`` of its folder."""
        return digest_of_contents(self.files)

    def save(self, directory: Path) -> str:
        """Write the same files into an existing folder and return their digest."""
        for name, content in self.files.items():
            (directory / name).write_bytes(content)
        return state_digest(directory)


def _read(directory: Path) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a state's folder, and the fields of the state that they hold."""
    try:
        version = json.loads((directory / _STATE).read_bytes())["version"]
        if version != VERSION:  # another version may have other files
            raise FeatureError(
                f"{directory} is a feature state of version {version}, this program reads "
                f"version {VERSION}; build the features again"
            )
        files = {path.name: path.read_bytes() for path in _files(directory)}
        return files, _fields(files)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, pa.ArrowException) as why:
        raise FeatureError(
            f"{directory} does not hold a whole feature state; build the features again"
        ) from why


def _fields(files: Mapping[str, bytes]) -> dict[str, Any]:
    head = json.loads(files[_STATE])
    return {
        "tables_": {
            name: pq.read_table(io.BytesIO(files[f"{_GROUP}{name}.parquet"]))
            for name in head["groups"]
        },
        "levels_": {name: tuple(levels) for name, levels in head["levels"].items()},
        "least_clients": head["least_clients"],
        "raw_digest": head["raw_digest"],
        "split_digest": head["split_digest"],
        "catalogue": [{**row} for row in json.loads(files[_CATALOGUE])],
    }


def state_digest(directory: Path) -> str:
    """SHA-256 over the files of a state folder."""
    return sha256_of_files(_files(directory))


def is_state_folder(directory: Path) -> bool:
    """Whether a folder holds the files of a feature state, whole or damaged, and nothing else."""
    names = {path.name for path in directory.iterdir()}
    groups = {name for name in names if name.startswith(_GROUP) and name.endswith(".parquet")}
    return _STATE in names and names <= {_STATE, _CATALOGUE, *groups}


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.iterdir() if path.is_file()]


class Learner:
    """Learns the statistics of each group once, from the rows of the training clients."""

    def __init__(
        self, engine: Engine, clients: nw.LazyFrame[Any], least_clients: int = LEAST_CLIENTS
    ) -> None:
        self._engine, self._clients, self._least = engine, clients, least_clients
        self.tables_: dict[str, pa.Table] = {}

    def __call__(self, groups: GroupStatistics, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        mine = frame.join(self._clients, on=ID, how="semi")
        # In memory and in a fixed order: the last digits of a long sum depend on the order.
        rows = self._engine.lower(groups.learnt_from(mine)).to_pandas()
        learnt = groups.learn(rows, self._least)
        table = pa.Table.from_pandas(learnt, preserve_index=False).replace_schema_metadata(None)
        self.tables_[groups.name] = table
        return self._engine.lift(table)


class LookUp:
    """Gives the statistics of groups that were learnt before; it does not look at the frame."""

    def __init__(self, state: FeatureState, engine: Engine) -> None:
        self._state, self._engine = state, engine

    def __call__(self, groups: GroupStatistics, _frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        if groups.name not in self._state.tables_:
            raise FeatureError(
                f"the feature state has learnt no groups {groups.name!r}: it is of an older "
                "program; build the features again, and train and export the model"
            )
        learnt = self._state.tables_[groups.name]
        if {*learnt.column_names} != {*groups.by, *groups.names}:
            raise FeatureError(
                f"the feature state's groups {groups.name!r} hold other statistics than this program "
                "knows: it is of another program; build the features again, and train and export "
                "the model"
            )
        return self._engine.lift(learnt)


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=False)
    path.write_text(text + "\n", "utf-8")
