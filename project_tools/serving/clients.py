"""The client store: features of the clients that the API serves, none of whom trained the model."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from project_tools.errors import ArtefactError, FeatureError, UnknownClientError, nearest
from project_tools.features.columns import DEMONSTRATION, EXACT, ID, META_KEY, SPLIT, TARGET
from project_tools.serving.artefact import Artefact
from project_tools.serving.inputs import Kind, Value
from project_tools.system.files import replacing

SERVED_SPLITS = ("test", "new")
_DIGESTS = {
    "raw_digest": "set of raw tables",
    "split_digest": "split",
    "state_digest": "feature state",
}
#: Rows that are decoded to read one of them: a few milliseconds at 800 features.
_ROW_GROUP = 2048
#: Groups of a batch of the Arrow file: 50 MB in memory while it is written.
_GROUPS_OF_A_BATCH = 8
#: Decoded groups kept in memory, of about 6 MB each at 800 features.
_KEPT_GROUPS = 4
#: Rows and columns kept in memory, for the requests about one client and one group.
_KEPT_ROWS, _KEPT_COLUMNS = 256, 64
#: Columns of a large store are many megabytes each: fewer are kept.
_KEPT_COLUMN_BYTES = 16 << 20
#: Groups of rows that a sample is drawn from, so that it never decodes the whole file.
_SAMPLED_GROUPS = 8


@dataclass(frozen=True, slots=True)
class IdPage:
    """A page of client ids in ascending order; ``pages`` is at least 1."""

    ids: list[int]
    total: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Column:
    """One feature of all clients: numbers with NaN for null, or codes of levels with -1 for null."""

    name: str
    kind: Kind
    values: NDArray[np.float64]
    levels: tuple[str, ...] = ()

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where the client has a value."""
        return self.values >= 0 if self.kind == "category" else ~np.isnan(self.values)


def write_client_store(
    feature_file: Path, target: Path, *, limit: int | None = None, exact: Path | None = None
) -> int:
    """Write the held-out and new clients of a feature file; returns how many there are.

    ``limit`` keeps that many, evenly spaced by id. Only a group of rows is in memory at a time,
    and every page carries a checksum, so that a damaged store is refused and not served. ``exact``
    is the file of doubles that was built with the feature file; ``FeatureError`` for another one.
    """
    try:
        source = pq.ParquetFile(feature_file)
        split = source.read(columns=[SPLIT]).column(SPLIT).cast(pa.string())
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError) as why:
        raise FeatureError(f"{feature_file} is no feature file with a column {SPLIT}") from why
    kept = _evenly(np.flatnonzero(pc.is_in(split, pa.array(SERVED_SPLITS)).to_numpy()), limit)
    if not len(kept):
        raise FeatureError(f"{feature_file} holds no held-out or new client to serve")
    doubles = None if exact is None else _Doubles(exact, len(split))
    schema = source.schema_arrow if doubles is None else doubles.beside(source.schema_arrow)
    with (
        replacing(target) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        first = 0
        for batch in source.iter_batches(batch_size=_ROW_GROUP * 4):
            inside = kept[(kept >= first) & (kept < first + len(batch))] - first
            rows = pa.Table.from_batches([batch.take(pa.array(inside))])
            if doubles is not None:
                rows = doubles.add(rows, first + inside)
            rows = rows.cast(schema)
            writer.write_table(rows, row_group_size=_ROW_GROUP)
            first += len(batch)
    return len(kept)


def _evenly(positions: NDArray[np.int64], limit: int | None) -> NDArray[np.int64]:
    if limit is None or len(positions) <= limit:
        return positions
    spaced = np.linspace(0, len(positions) - 1, limit).round().astype(np.int64)
    return np.asarray(positions[spaced], dtype=np.int64)


class _Doubles:
    """The file of doubles beside a feature file."""

    def __init__(self, path: Path, clients: int) -> None:
        self._path = path
        try:
            self._table = pq.read_table(path, memory_map=False)
        except (OSError, pa.ArrowException) as why:
            raise FeatureError(
                f"{path} is damaged or no Parquet file; build the features again"
            ) from why
        if len(self._table) != clients or self._table.column_names[:1] != [ID]:
            raise self._foreign()
        self._names = self._table.column_names[1:]

    def beside(self, schema: pa.Schema) -> pa.Schema:
        """The schema of the rows, with the columns of the doubles."""
        for name in self._names:
            schema = schema.append(pa.field(f"{EXACT}{name}", pa.float64()))
        return schema

    def add(self, rows: pa.Table, positions: NDArray[np.int64]) -> pa.Table:
        """The rows at these positions of the feature file, with their doubles."""
        mine = self._table.take(pa.array(positions))
        if not mine.column(ID).equals(rows.column(ID)):
            raise self._foreign()
        for name in self._names:
            column = mine.column(name).cast(pa.float64())
            rounded = _numbers(column).astype(np.float32)
            if name not in rows.column_names or not np.array_equal(
                rounded, _numbers(rows.column(name)).astype(np.float32), equal_nan=True
            ):
                raise self._foreign()
            rows = rows.append_column(f"{EXACT}{name}", column)
        return rows

    def _foreign(self) -> FeatureError:
        return FeatureError(
            f"{self._path.name} does not hold the doubles of this feature file; build the features "
            "again"
        )


class _Parquet:
    """Rows of a Parquet file, decoded one group at a time; each read has a reader of its own."""

    def __init__(self, path: Path, source: pa.Buffer) -> None:
        self._path, self._source = path, source
        # Kept, because a store of hundreds of thousands of clients has a footer of many megabytes.
        file = _parquet(path, source)
        self._metadata, self.schema = file.metadata, file.schema_arrow
        groups = range(self._metadata.num_row_groups)
        self.sizes = [self._metadata.row_group(group).num_rows for group in groups]

    def read(self, columns: Sequence[str], groups: Sequence[int]) -> pa.Table:
        try:
            reader = _parquet(self._path, self._source, self._metadata)
            return reader.read_row_groups(list(groups), columns=list(columns), use_threads=False)
        except (OSError, pa.ArrowException) as why:
            raise ArtefactError(f"{self._path} is damaged; export it again") from why


class _Mapped:
    """Rows of an Arrow file that is mapped: to read them takes no memory of this process."""

    def __init__(self, path: Path) -> None:
        try:
            with pa.memory_map(str(path)) as source:
                file = pa.ipc.open_file(source)
                self._batches = [file.get_batch(i) for i in range(file.num_record_batches)]
        except (OSError, pa.ArrowException) as why:
            raise ArtefactError(f"{path} cannot be read; start the API again") from why
        self.schema: pa.Schema = file.schema
        self.sizes = [len(batch) for batch in self._batches]

    def read(self, columns: Sequence[str], groups: Sequence[int]) -> pa.Table:
        return pa.Table.from_batches([self._batches[group].select(columns) for group in groups])


class ClientStore:
    """Clients by id, from a Parquet file or the Arrow file that was made of it.

    Threads can share it. A store that is open keeps its bytes, whatever happens to the path.
    ``matrix`` holds the encoded rows, in the order of the file.
    """

    def __init__(
        self,
        path: Path,
        artefact: Artefact,
        rows: _Parquet | _Mapped,
        matrix: NDArray[np.float32] | None,
    ) -> None:
        self._path, self._artefact, self._rows = path, artefact, rows
        self._schema = rows.schema
        #: Whether the clients are invented, as the file says.
        self.demonstration = _check_meta(path, self._schema, artefact)
        _check_names(path, self._schema, artefact)
        self._ends = np.cumsum([0, *rows.sizes])
        #: The features that the store holds, in the file's order: all that may be shown.
        self.names = tuple(
            n
            for n in self._schema.names
            if n not in (ID, TARGET, SPLIT) and not n.startswith(EXACT)
        )
        self._exact = tuple(n for n in self._schema.names if n.startswith(EXACT))
        self._narrow = {n for n in self.names if self._schema.field(n).type == pa.float32()}
        self._read_clients()
        self._kept_groups = lru_cache(_KEPT_GROUPS)(self._read_group)
        self._kept_rows = lru_cache(_KEPT_ROWS)(self._read_row)
        kept = min(_KEPT_COLUMNS, max(2, _KEPT_COLUMN_BYTES // self._targets.nbytes))
        self._kept_columns = lru_cache(kept)(self._read_column)
        self._matrix = matrix
        self._places = {feature.name: at for at, feature in enumerate(artefact.features)}
        if matrix is not None and matrix.shape != (len(self), len(artefact.features)):
            raise ArtefactError(f"the encoded rows do not fit {path}; start the API again")

    @classmethod
    def open(
        cls,
        path: Path,
        artefact: Artefact,
        *,
        copy: Path | None = None,
        columns: Path | None = None,
        matrix: NDArray[np.float32] | None = None,
    ) -> Self:
        """The store beside a model; ``ArtefactError`` unless it was made by the model's own state.

        Refuses a store from other raw tables, another split or feature state, one without the
        model's features, with a client twice, or with a client whom the model was trained on.
        ``copy``, or the ``columns`` that ``write_columns`` made of it, is mapped where the store
        itself would be read into memory: a file that nobody can write, because a mapped file that is
        shortened ends the process (SIGBUS).
        """
        rows = _Parquet(path, _source(path, copy)) if columns is None else _Mapped(columns)
        return cls(path, artefact, rows, matrix)

    def __len__(self) -> int:
        return len(self._ids)

    def ids(
        self,
        prefix: str = "",
        page: int = 1,
        size: int = 100,
        among: NDArray[np.int64] | None = None,
    ) -> IdPage:
        """A page of the ids that begin with these digits, in ascending order.

        Ids of one length that share a prefix lie side by side, so no id is turned into a text.
        ``among`` are the ids to choose from, ascending, as ``known`` gives them (default: all).
        """
        ids = self._ids if among is None else among
        spans = _spans(ids, prefix)
        total = sum(end - start for start, end in spans)
        positions = _window(spans, (page - 1) * size, size)
        pages = max(1, math.ceil(total / size))
        return IdPage([int(ids[i]) for i in positions], total, page, pages)

    def known(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the ids that are known here; ``ids`` are ascending, none twice."""
        return np.intersect1d(self._ids, ids, assume_unique=True)

    def targets(self) -> NDArray[np.float64]:
        """By position: 1 for a default, 0 for a loan repaid, NaN where the outcome is missing."""
        return self._targets

    def position(self, client_id: int) -> int:
        """A client's position in the columns; ``UnknownClientError`` names no other client."""
        at = int(np.searchsorted(self._ids, client_id))
        if at == len(self._ids) or self._ids[at] != client_id:
            raise unknown_client(client_id)
        return int(self._order[at])

    def row(self, client_id: int) -> Mapping[str, Value]:
        """The features of a client by name, null where a value is missing.

        Raises ``UnknownClientError``.
        """
        return self._kept_rows(client_id)

    @property
    def exact(self) -> frozenset[str]:
        """The features of which the store holds the doubles."""
        return frozenset(name.removeprefix(EXACT) for name in self._exact)

    def doubles(self, client_id: int) -> Mapping[str, Value]:
        """The features of a client, not rounded where the store holds their doubles.

        Raises ``UnknownClientError``.
        """
        row = self.row(client_id)
        if not self._exact:
            return row
        group, at = self._place(self.position(client_id))
        columns = self._read(self._exact, [group])
        doubles = {n.removeprefix(EXACT): columns.column(n)[at].as_py() for n in self._exact}
        for name, value in doubles.items():
            if not _rounds_to(value, row[name]):
                raise ArtefactError(f"the doubles of {self._path} are damaged; export it again")
        return {**row, **doubles}

    def values(self, client_id: int, names: Collection[str]) -> dict[str, Value]:
        """Some features of a client, which is quicker than the row; raises as ``row`` does.

        ``FeatureError`` for a name that the store does not hold.
        """
        position = self.position(client_id)
        group, at = self._place(position)
        columns = dict(self._kept_groups(group))
        for name in names:
            if name not in columns:
                raise FeatureError(unknown_feature(name, self.names))
        try:
            plain = _plain({name: columns[name][at].as_py() for name in names}, self._narrow)
        except (ValueError, IndexError, pa.ArrowException) as why:  # bytes that are no text
            raise self._damaged() from why
        if self._matrix is not None:
            for name in plain.keys() & self._places.keys():
                place = self._places[name]
                code = self._artefact.model.encoder.code(place, plain[name])
                if not np.array_equal(code, self._matrix[position, place], equal_nan=True):
                    raise self._damaged()
        return plain

    def encoded(self, client_id: int) -> NDArray[np.float32]:
        """The model's input of a client, shape (1, features); ``UnknownClientError``."""
        if self._matrix is None:
            return self._artefact.model.encoder.encode(self.row(client_id))
        at = self.position(client_id)
        return self._matrix[at : at + 1]

    def encoded_of(self, ids: Collection[int]) -> dict[int, NDArray[np.float32]]:
        """The model's input of each client that is known, by id; of many, one by one takes ten times as long."""
        known = self.known(np.unique(np.array([*ids], dtype=np.int64)))
        if self._matrix is None:
            return {client: self.encoded(client) for client in known.tolist()}
        rows = self._matrix[self._order[np.searchsorted(self._ids, known)]]
        return {client: rows[at : at + 1] for at, client in enumerate(known.tolist())}

    def encode(self) -> Iterator[NDArray[np.float32]]:
        """The model's inputs of all clients in the order of the file, a group of rows at a time."""
        names = [feature.name for feature in self._artefact.features]
        for group in range(len(self._rows.sizes)):
            yield self._artefact.model.encoder.encode_table(self._read(names, [group]))

    def write_columns(self, target: Path) -> None:
        """Write all rows as an Arrow file, which ``open`` can map.

        Decoded, a row of 800 features takes 1 ms to read in place of 100 ms, and no memory.
        """
        plain = pa.schema(
            [
                field.with_type(pa.string()) if _is_text(field.type) else field
                for field in self._schema
            ],
            self._schema.metadata,
        )
        with pa.OSFile(str(target), "wb") as file, pa.ipc.new_file(file, plain) as writer:
            for first in range(0, len(self._rows.sizes), _GROUPS_OF_A_BATCH):
                groups = range(len(self._rows.sizes))[first : first + _GROUPS_OF_A_BATCH]
                rows = self._read(self._schema.names, groups).cast(plain).combine_chunks()
                writer.write_table(rows)

    def column(self, name: str) -> Column:
        """One feature of all clients; ``FeatureError`` for a name that the store does not hold."""
        return self._kept_columns(name)

    def kind(self, name: str) -> Kind:
        """Whether a column holds texts or numbers; the file's own type says so."""
        return "category" if _is_text(self._schema.field(name).type) else "number"

    def sample(self, size: int) -> list[dict[str, Value]]:
        """Rows of features spread over the store, the same ones at each call."""
        count = len(self._rows.sizes)
        groups = sorted(
            {*np.linspace(0, count - 1, min(count, _SAMPLED_GROUPS)).round().astype(int)}
        )
        table = self._read(groups=groups)
        picked = _evenly(np.arange(len(table)), size)
        return [_plain(row, self._narrow) for row in table.take(pa.array(picked)).to_pylist()]

    def _read_clients(self) -> None:
        splits = set(self._read([SPLIT]).column(SPLIT).cast(pa.string()).unique().to_pylist())
        if not splits <= {*SERVED_SPLITS}:
            raise ArtefactError(
                f"{self._path} holds clients of the split {sorted(map(str, splits))}; "
                f"only {' and '.join(SERVED_SPLITS)} are served; export it again"
            )
        ids = self._read([ID]).column(ID).to_numpy()
        self._order = np.argsort(ids, kind="stable")
        self._ids: NDArray[np.int64] = ids[self._order].astype(np.int64)
        if not len(ids) or (np.diff(self._ids) == 0).any():
            raise ArtefactError(f"{self._path} is empty or holds a client twice; export it again")
        self._targets = _numbers(self._read([TARGET]).column(TARGET))

    def _read_row(self, client_id: int) -> Mapping[str, Value]:
        position = self.position(client_id)
        group, at = self._place(position)
        # Value by value: a slice of hundreds of columns takes ten times as long.
        try:
            row = {name: column[at].as_py() for name, column in self._kept_groups(group)}
        except (ValueError, IndexError, pa.ArrowException) as why:  # bytes that are no text
            raise self._damaged() from why
        plain = _plain(row, self._narrow)
        if self._matrix is not None:
            # A mapped file has no checksum of its pages: the two copies must tell the same.
            encoded = self._artefact.model.encoder.encode(plain)
            if not np.array_equal(encoded[0], self._matrix[position], equal_nan=True):
                raise self._damaged()
        return plain

    def _place(self, position: int) -> tuple[int, int]:
        """The group of a row, and the row's position in it."""
        group = int(np.searchsorted(self._ends, position, side="right")) - 1
        return group, position - int(self._ends[group])

    def _damaged(self) -> ArtefactError:
        return ArtefactError(f"the copy of {self._path} is damaged; start the API again")

    def _read_group(self, group: int) -> list[tuple[str, pa.ChunkedArray]]:
        return list(zip(self.names, self._read(groups=[group]).columns, strict=True))

    def _read_column(self, name: str) -> Column:
        if name not in self.names:
            raise FeatureError(unknown_feature(name, self.names))
        column = self._read([name]).column(name)
        if not _is_text(column.type):
            return Column(name, "number", _numbers(column))
        texts = column.cast(pa.string())
        described = tuple(self._artefact.describe(name).get("levels") or ())
        levels = described or tuple(sorted(texts.drop_null().unique().to_pylist()))
        codes = pc.fill_null(pc.index_in(texts, pa.array(levels, pa.string())), -1)
        return Column(name, "category", codes.to_numpy().astype(np.float64), levels)

    def _read(
        self, columns: Sequence[str] | None = None, groups: Sequence[int] | None = None
    ) -> pa.Table:
        every = range(len(self._rows.sizes))
        return self._rows.read(
            self.names if columns is None else columns, every if groups is None else groups
        )


def unknown_client(client_id: int) -> UnknownClientError:
    """The error for a client who is not known, or whom the caller may not see: they look alike."""
    return UnknownClientError(f"no client {client_id} is known here")


def unknown_feature(name: str, names: Sequence[str]) -> str:
    """The sentence for a feature that the store does not hold, without its hundreds of names."""
    return f"unknown feature {name!r}; GET /features lists them{nearest(name, names)}"


def _source(path: Path, copy: Path | None) -> pa.Buffer:
    try:
        if copy is not None:
            with pa.memory_map(str(copy)) as file:
                return file.read_buffer()
        return pa.py_buffer(path.read_bytes())
    except OSError as why:
        raise ArtefactError(
            f"there is no client store {path}; make one with `python -m project_tools export`"
        ) from why


def _parquet(
    path: Path, source: pa.Buffer, metadata: pq.FileMetaData | None = None
) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(
            pa.BufferReader(source), metadata=metadata, page_checksum_verification=True
        )
    except (OSError, pa.ArrowException) as why:
        raise ArtefactError(f"{path} is no Parquet file, or damaged; export it again") from why


def _check_meta(path: Path, schema: pa.Schema, artefact: Artefact) -> bool:
    """Whether the clients are invented; ``ArtefactError`` for metadata that is not the model's."""
    try:
        meta = json.loads((schema.metadata or {})[META_KEY.encode()])
        digests = {name: meta[name] for name in _DIGESTS}
    except (KeyError, TypeError, ValueError) as why:
        raise ArtefactError(
            f"{path} does not say which feature state made it; export it again"
        ) from why
    for name, what in _DIGESTS.items():
        if digests[name] != getattr(artefact.manifest, name):
            raise ArtefactError(
                f"{path} was made with another {what} than the model; export both together"
            )
    return meta.get(DEMONSTRATION) is True


def _check_names(path: Path, schema: pa.Schema, artefact: Artefact) -> None:
    features = {f.name: f.kind for f in artefact.features}
    for name in (ID, TARGET, SPLIT, *features):
        if name not in schema.names:
            raise ArtefactError(f"{path} lacks the column {name!r}; export it again")
    if len({*schema.names}) < len(schema.names):
        raise ArtefactError(f"{path} has two columns of one name; export it again")
    for name, kind in features.items():
        if _is_text(schema.field(name).type) != (kind == "category"):
            raise ArtefactError(f"{path}: column {name!r} is no {kind}; export it again")


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _plain(row: Mapping[str, Any], narrow: Collection[str]) -> dict[str, Value]:
    """A row without NaN, its float32 numbers by their shortest digits (0.1, not 0.10000000149)."""
    plain = dict(row)
    for name, value in row.items():
        if isinstance(value, float):
            shortest = float(str(np.float32(value))) if name in narrow else value
            plain[name] = shortest if math.isfinite(value) else None
    return plain


def _rounds_to(double: float | None, value: Value) -> bool:
    """Whether a feature is the float32 of a double."""
    if double is None or value is None:
        return double is value
    return bool(np.float32(double) == np.float32(value))


def _spans(ids: NDArray[np.int64], prefix: str) -> list[tuple[int, int]]:
    """The spans of the sorted ids that begin with a prefix, one for each number of digits."""
    if not prefix:
        return [(0, len(ids))]
    if not len(ids) or prefix.startswith("0"):  # no id does
        return []
    longest = len(str(ids[-1]))
    widths = [10**extra for extra in range(longest - len(prefix) + 1)]
    bounds = [(int(prefix) * w, (int(prefix) + 1) * w) for w in widths]
    return [(int(np.searchsorted(ids, a)), int(np.searchsorted(ids, b))) for a, b in bounds]


def _window(spans: Sequence[tuple[int, int]], skip: int, size: int) -> list[int]:
    """The positions of a page: ``size`` of them, after ``skip`` others."""
    positions: list[int] = []
    for start, end in spans:
        taken = range(min(start + skip, end), min(start + skip + size - len(positions), end))
        skip = max(0, skip - (end - start))
        positions.extend(taken)
    return positions
