"""skops files, read and written: no pickle, and only the types on our own list.

skops trusts hundreds of types by itself, and a file declares types that it wants trusted; neither
list counts here. The whole schema is checked before skops reads it: ``_TRUSTED`` must list the type
of every node under its loader, and every entry of the archive must be an array of the size in its
header.
"""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import skops.io

from project_tools.errors import ArtefactError

#: The most bytes of an unpacked file and of its schema, and the most entries.
LARGEST_BYTES, LARGEST_SCHEMA, MOST_ENTRIES = 1 << 29, 1 << 27, 20_000
_SCHEMA = "schema.json"
_ENTRY = re.compile(r"[0-9]{1,20}\.npy")
_OURS = "project_tools.models.preparation"
#: Where the classes of the preparation were before they had a package.
_FORMER = "project_tools.preparation."
#: The types that each of skops' loaders may make; other loaders (methods, partials, operators,
#: random generators, bytes, …) make nothing.
_TRUSTED: Mapping[str, frozenset[str]] = MappingProxyType({
    "JsonNode": frozenset({"builtins.str"}),
    "TypeNode": frozenset({"builtins.str", "builtins.int"}),
    "DictNode": frozenset({"builtins.dict"}),
    "ListNode": frozenset({"builtins.list"}),
    "TupleNode": frozenset({"builtins.tuple"}),
    "SliceNode": frozenset({"builtins.slice"}),
    "DTypeNode": frozenset({"numpy.dtype"}),
    "NdArrayNode": frozenset({
        "numpy.ndarray", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64",
    }),
    "FunctionNode": frozenset({f"{_OURS}.infinities_to_null"}),
    "TreeNode": frozenset({"sklearn.tree._tree.Tree"}),
    "ObjectNode": frozenset({
        f"{_OURS}.LevelCodes",
        f"{_OURS}.LevelIndicators",
        f"{_OURS}.NearestRowsImputer",
        f"{_OURS}.NormalScorer",
        f"{_OURS}.PercentileClipper",
        f"{_OURS}.PowerScaler",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.PowerTransformer",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._function_transformer.FunctionTransformer",
        "sklearn.tree._classes.DecisionTreeClassifier",
    }),
})  # fmt: skip
_MARKS = frozenset({"__class__", "__module__", "__loader__"})


def write_skops(payload: Mapping[str, Any]) -> bytes:
    """The packed file of a payload; ``ArtefactError`` for one that could not be read back."""
    content: bytes = skops.io.dumps(
        dict(payload), compression=zipfile.ZIP_DEFLATED, compresslevel=6
    )
    check_skops("the model to export", content)
    return content


def read_skops_file(name: str, content: bytes) -> dict[str, Any]:
    """The payload of a file of that name; ``ArtefactError`` for anything that is not trusted.

    The payload has trusted types only. Its values are not checked yet: the caller checks them.
    """
    check_skops(name, content)
    try:
        payload = skops.io.loads(content, trusted=sorted(frozenset().union(*_TRUSTED.values())))
    except Exception as why:
        # A file made by hand can make any step of the reading fail.
        raise ArtefactError(
            f"{name} cannot be read ({type(why).__name__}); export the model again"
        ) from why
    if type(payload) is not dict:
        raise ArtefactError(f"{name} holds no model with its preparation; export the model again")
    return payload


def check_skops(name: str, content: bytes) -> None:
    """``ArtefactError`` unless the archive is sound and its schema names trusted types alone."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_entries(name, archive)
            schema = json.loads(archive.read(_SCHEMA))
            _check_arrays(name, archive)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as why:
        raise ArtefactError(f"{name} is no whole skops file; export the model again") from why
    except (ValueError, RecursionError, MemoryError, KeyError, RuntimeError) as why:
        raise ArtefactError(
            f"{name} holds a damaged schema or array; export the model again"
        ) from why
    _check_schema(name, schema)


def _check_entries(name: str, archive: zipfile.ZipFile) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for entry in names:
        if entry != _SCHEMA and not _ENTRY.fullmatch(entry):
            raise ArtefactError(f"{name} holds an entry that is no array ({entry[:60]!r})")
    if len(set(names)) < len(names):
        raise ArtefactError(f"{name} holds an entry twice; export the model again")
    sizes = {entry.filename: entry.file_size for entry in entries}
    if (
        len(names) > MOST_ENTRIES
        or sum(sizes.values()) > LARGEST_BYTES
        or sizes.get(_SCHEMA, 0) > LARGEST_SCHEMA
    ):
        raise ArtefactError(
            f"{name} unpacks to {sum(sizes.values()):,} bytes in {len(names):,} entries; at most "
            f"{LARGEST_BYTES:,} in {MOST_ENTRIES:,} are read"
        )


def _check_arrays(name: str, archive: zipfile.ZipFile) -> None:
    """Refuse an array whose header promises more, or less, than the entry holds."""
    for entry in archive.infolist():
        if entry.filename == _SCHEMA:
            continue
        with archive.open(entry) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ArtefactError(f"{name}: an array is of version {version}; 1.0 is read")
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            size = dtype.itemsize * int(np.prod(shape, dtype=object)) + file.tell()
        if dtype.hasobject or size != entry.file_size:
            raise ArtefactError(f"{name}: an array is not what its header says")


def _check_schema(name: str, schema: Any) -> None:
    if not isinstance(schema, dict) or schema.get("protocol") != _protocol():
        raise ArtefactError(
            f"{name} is of another skops protocol than the installed one; export the model again"
        )
    for node in _nodes(schema):
        loader, made = node.get("__loader__"), f"{node.get('__module__')}.{node.get('__class__')}"
        if made.startswith(_FORMER):
            raise ArtefactError(
                f"{name} was written by an earlier release ({made[:100]}), which this one does not "
                "read; train the model again"
            )
        if not isinstance(loader, str) or made not in _TRUSTED.get(loader, frozenset()):
            raise ArtefactError(
                f"{name} wants to make a {made[:100]} by {str(loader)[:40]}, which is none of the "
                "types that are trusted here; nothing of it is read"
            )


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of the schema that skops could read as a node, at any depth."""
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, dict):
            if part.keys() & _MARKS:
                yield part
            left.extend(part.values())
        elif isinstance(part, list):
            left.extend(part)


def _protocol() -> int:
    """The protocol that the installed skops writes."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps({}))) as archive:
        return int(json.loads(archive.read(_SCHEMA))["protocol"])
