"""Feature files: Parquet or a gzipped pandas pickle, with the digest of their fitted state.

Pickles are read by ``frame_pickle``, which calls nothing but the parts of a frame; pandas' own
reader would call any function that the file names.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from project_tools.errors import FeatureError, nearest
from project_tools.features.columns import DEMONSTRATION, INDEX_COLUMNS, META_KEY
from project_tools.features.frame_pickle import UNREADABLE, read_pickled_frame
from project_tools.features.state import FeatureState, is_state_folder, state_digest
from project_tools.system.files import (
    refuse_foreign_folder,
    refuse_inputs,
    replacing,
    replacing_folder,
    sha256,
)

#: True in the metadata of a file whose clients were transformed with a state learnt from others.
TRANSFORMED = "transformed"
#: Version of the feature file's layout.
VERSION = 1
ENDINGS = (".parquet", ".pkl.gz")
ROWS_IN_GROUP = 50_000


@dataclass(frozen=True)
class FeatureTable:
    """The rows of a feature file, its metadata, and its digest."""

    frame: pd.DataFrame
    meta: dict[str, Any]
    digest: str

    @property
    def features(self) -> list[str]:
        return [name for name in self.frame.columns if name not in INDEX_COLUMNS]


def state_folder(path: Path) -> Path:
    """The folder of the fitted state beside a feature file.

    >>> state_folder(Path("pickle_files/features.pkl.gz")).as_posix()
    'pickle_files/features.state'
    """
    check_ending(path)
    ending = next(ending for ending in ENDINGS if path.name.endswith(ending))
    return path.with_name(path.name.removesuffix(ending) + ".state")


def exact_file(path: Path) -> Path:
    """The Parquet file with the doubles of some features, beside a feature file in Parquet.

    >>> exact_file(Path("pickle_files/features.parquet")).as_posix()
    'pickle_files/features.exact.parquet'
    """
    return path.with_name(f"{path.name.removesuffix('.parquet')}.exact.parquet")


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raises a ``CreditError`` for outputs that cannot be written without a loss, before any work.

    That is an unknown ending, a folder, an input, one file named twice, or a state's folder beside
    it that holds something else.
    """
    for path in outputs:
        check_ending(path)
        refuse_foreign_folder(state_folder(path), is_state_folder, "a feature state")
    beside = [exact_file(path) for path in outputs if path.suffix == ".parquet"]
    refuse_inputs([*outputs, *beside], inputs)
    for number, path in enumerate(outputs):
        refuse_inputs([path], outputs[:number])


def check_ending(path: Path) -> None:
    """Raises ``FeatureError`` for a file name with an unknown ending.

    >>> check_ending(Path("features.csv"))
    Traceback (most recent call last):
    project_tools.errors.FeatureError: features.csv names no format; end it in .parquet or .pkl.gz (such as features.parquet)
    """
    if not path.name.endswith(ENDINGS) or path.name in ENDINGS:
        raise FeatureError(
            f"{path.name} names no format; end it in {' or '.join(ENDINGS)} "
            "(such as features.parquet)"
        )


def write_features(
    table: pa.Table,
    state: FeatureState,
    outputs: Sequence[Path],
    origin: Mapping[str, Any] | None = None,
    *,
    demonstration: bool = False,
    exact: pa.Table | None = None,
) -> str:
    """Write the rows to each output and the state beside it, and return the state's digest. No
    file is replaced unless all of them could be written.

    ``origin`` describes the tables of the rows; without it they are those the state was learnt from.
    ``demonstration``: the clients are invented, and the metadata records it. ``exact`` are the
    doubles of some features, which are written beside each Parquet file.
    """
    digest = ""
    with ExitStack() as stack:
        for folder in dict.fromkeys(state_folder(path) for path in outputs):
            digest = state.save(stack.enter_context(replacing_folder(folder)))
        learnt = {"raw_digest": state.raw_digest, "split_digest": state.split_digest}
        meta = {"version": VERSION, **(origin or learnt), "state_digest": digest}
        if demonstration:
            meta[DEMONSTRATION] = True
        for path in outputs:
            _write(table, meta, stack.enter_context(replacing(path)))
            if exact is not None and path.suffix == ".parquet":
                temporary = stack.enter_context(replacing(exact_file(path)))
                _write_parquet(exact, temporary)
    return digest


def _write(table: pa.Table, meta: dict[str, Any], path: Path) -> None:
    if path.name.endswith(".parquet"):
        marked = table.replace_schema_metadata({META_KEY: json.dumps(meta)})
        _write_parquet(marked, path)
        return
    frame = table.to_pandas()
    frame.attrs[META_KEY] = meta
    frame.to_pickle(path, compression={"method": "gzip", "compresslevel": 1, "mtime": 1})


def _write_parquet(table: pa.Table, path: Path) -> None:
    categories = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    pq.write_table(
        table, path, compression="zstd", row_group_size=ROWS_IN_GROUP,
        # Floats rarely repeat and nobody filters by them: dictionaries and statistics of them
        # would only take time.
        use_dictionary=categories, write_statistics=list(INDEX_COLUMNS), write_page_checksum=True,
    )  # fmt: skip


def read_features(path: Path, columns: Sequence[str] | None = None) -> FeatureTable:
    """Read a feature file; ``columns`` names the features to read (all by default). The client's
    id, outcome and split are always read.

    Raises ``FeatureError`` for a file that is missing, damaged, without metadata, without one of
    the columns, or that belongs to another state than the one beside it.
    """
    check_ending(path)
    if not path.is_file():
        raise FeatureError(f"{path} is not there; build it with: python -m project_tools features")
    names = None if columns is None else list(dict.fromkeys((*INDEX_COLUMNS, *columns)))
    parquet = path.name.endswith(".parquet")
    frame, meta = (_read_parquet if parquet else _read_pickle)(path, names)
    folder = state_folder(path)
    _check_meta(path, meta, folder)
    frame = with_levels(frame, FeatureState.load(folder).levels_)
    return FeatureTable(frame, meta, sha256(path))


def _read_parquet(path: Path, names: list[str] | None) -> tuple[pd.DataFrame, Any]:
    try:
        schema = pq.read_schema(path)
        check_columns(path, names, schema.names)
        table = pq.read_table(path, columns=names)
    except (pa.ArrowException, OSError) as why:
        raise FeatureError(f"{path} is damaged or no Parquet file; build it again") from why
    return table.replace_schema_metadata(None).to_pandas(), _meta(schema)


def _meta(schema: pa.Schema) -> Any:
    try:
        return json.loads((schema.metadata or {}).get(META_KEY.encode(), b"null"))
    except ValueError:  # damaged, so it does not say which state the file belongs to
        return None


def _read_pickle(path: Path, names: list[str] | None) -> tuple[pd.DataFrame, Any]:
    try:
        frame = read_pickled_frame(path)
    except UNREADABLE as why:
        raise FeatureError(f"{path} is damaged or no pickle of features; build it again") from why
    if not isinstance(frame, pd.DataFrame):
        raise FeatureError(f"{path} holds no table; build it again")
    check_columns(path, names, list(frame.columns))
    return (frame if names is None else frame[names]), frame.attrs.get(META_KEY)


def check_columns(path: Path, names: Collection[str] | None, present: Collection[str]) -> None:
    """``FeatureError`` that names the first missing column, by default of those of the index."""
    missing = [name for name in names or INDEX_COLUMNS if name not in present]
    if missing:
        hint = nearest(missing[0], present)
        raise FeatureError(f"{path.name} has no column {missing[0]!r}{hint}")


def parquet_meta(path: Path, schema: pa.Schema) -> dict[str, Any]:
    """The metadata of a feature file: version, digests and whether its clients were transformed.

    Raises ``FeatureError`` for a file without it or of another version. Its state need not lie
    beside it.
    """
    return _checked_meta(path, _meta(schema))


def _checked_meta(path: Path, meta: Any) -> dict[str, Any]:
    if not isinstance(meta, dict) or "state_digest" not in meta:
        raise FeatureError(
            f"{path.name} does not say which feature state it belongs to; build it with: "
            f"python -m project_tools features"
        )
    if meta.get("version") != VERSION:
        raise FeatureError(
            f"{path.name} is a feature file of version {meta.get('version')}, this program reads "
            f"version {VERSION}; build it again"
        )
    return meta


def _check_meta(path: Path, meta: Any, folder: Path) -> None:
    _checked_meta(path, meta)
    if not folder.is_dir():
        raise FeatureError(f"{folder} is missing beside {path.name}; build the features again")
    if state_digest(folder) != meta["state_digest"]:
        raise FeatureError(
            f"{path.name} and {folder.name} are not of one build; build the features again"
        )


def check_one_build(folder: Path, digest: str) -> None:
    """Raises ``FeatureError`` if the Parquet file beside a state's folder names another digest:
    then one of them was changed after the build.
    """
    path = folder.with_name(f"{folder.name.removesuffix('.state')}.parquet")
    if folder.suffix == ".state" and path.is_file():
        try:
            meta = _meta(pq.read_schema(path))
        except (pa.ArrowException, OSError) as why:
            raise FeatureError(f"{path} is damaged or no Parquet file; build it again") from why
        if isinstance(meta, dict) and meta.get("state_digest") != digest:
            raise FeatureError(
                f"{path.name} and {folder.name} are not of one build; build the features again"
            )


def with_levels(frame: pd.DataFrame, levels: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The frame with all levels of each category, in their order; other levels become null."""
    present = {
        name: frame[name].astype("object").astype(pd.CategoricalDtype(list(values)))
        for name, values in levels.items()
        if name in frame.columns
    }
    return frame.assign(**present)


def as_category(column: pa.ChunkedArray, levels: Sequence[str]) -> pa.DictionaryArray:
    """Text as a dictionary of fixed levels; any other text becomes null."""
    dictionary = pa.array(levels, pa.string())
    places = pc.index_in(column.combine_chunks(), value_set=dictionary)
    return pa.DictionaryArray.from_arrays(places.cast(pa.int32()), dictionary)
