"""Reads ``features.pkl.gz`` without calling any function that it may name.

A pickle can name any function and call it. This reader allows only those that put a frame of
features together, and refuses a file that names another one.
"""

import gzip
import pickle
import zlib
from pathlib import Path
from typing import Any

#: The functions and classes with which pandas, numpy and pyarrow put a frame together.
_PARTS = frozenset(
    {
        ("builtins", "slice"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("pandas", "Categorical"),
        ("pandas", "CategoricalDtype"),
        ("pandas", "DataFrame"),
        ("pandas", "Index"),
        ("pandas", "RangeIndex"),
        ("pandas", "StringDtype"),
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
        ("pandas._libs.internals", "_unpickle_block"),
        ("pandas.arrays", "ArrowStringArray"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas.core.internals.managers", "BlockManager"),
        ("pyarrow.lib", "_restore_array"),
        ("pyarrow.lib", "py_buffer"),
        ("pyarrow.lib", "type_for_alias"),
    }
)
#: Errors that reading a damaged or foreign file raises.
UNREADABLE = (
    OSError, EOFError, zlib.error, pickle.PickleError, AttributeError, ImportError, IndexError,
    KeyError, TypeError, ValueError, OverflowError, MemoryError, RuntimeError,
)  # fmt: skip


def read_pickled_frame(path: Path) -> Any:
    """The object of a gzipped pickle.

    Raises one of ``UNREADABLE`` for a damaged file, and for one that names anything but the parts
    of a frame: what it names is not called.
    """
    with gzip.open(path, "rb") as file:
        return _FrameReader(file).load()


class _FrameReader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PARTS:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a frame")
        return super().find_class(module, name)
