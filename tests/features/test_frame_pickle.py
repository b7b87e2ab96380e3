"""A pickle that names anything but the parts of a frame is refused, and nothing of it is called."""

import gzip
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from project_tools.errors import FeatureError
from project_tools.features.files import read_features
from project_tools.features.frame_pickle import read_pickled_frame


class Calls:
    """An object whose pickle calls a function when a common reader loads it."""

    def __init__(self, function: Callable[..., Any], *words: Any) -> None:
        self._called = function, words

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._called


def write(path: Path, content: object) -> Path:
    path.write_bytes(gzip.compress(pickle.dumps(content)))
    return path


@pytest.mark.parametrize(
    ("function", "words"),
    [
        pytest.param(os.mkdir, (), id="a function of the system"),
        pytest.param(eval, ("__import__('os').mkdir('PLACE')",), id="eval"),
        pytest.param(getattr, ("", "upper"), id="getattr, a way to any other"),
        pytest.param(pd.read_pickle, (), id="a reader of pickles"),
    ],
)
def test_what_is_named_is_not_called(
    tmp_path: Path, function: Callable[..., Any], words: tuple[str, ...]
) -> None:
    place = tmp_path / "made by the pickle"
    given = [word.replace("PLACE", str(place)) for word in words] or [str(place)]
    for hostile in (Calls(function, *given), pd.DataFrame({"a": [Calls(function, *given)]})):
        path = write(tmp_path / "features.pkl.gz", hostile)
        with pytest.raises(
            FeatureError, match=r"features\.pkl\.gz is damaged or no pickle of features"
        ):
            read_features(path)
        assert not place.exists()


def test_the_tests_above_would_see_a_call(tmp_path: Path) -> None:
    place = tmp_path / "made by the pickle"
    pd.read_pickle(write(tmp_path / "features.pkl.gz", Calls(os.mkdir, str(place))))  # noqa: S301  (to see it called)
    assert place.is_dir()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip",
        gzip.compress(b"no pickle"),
        gzip.compress(pickle.dumps([1, 2]))[:-9],
        gzip.compress(b"\x80\x04\x95" + b"\xff" * 8),
        gzip.compress(b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little")),
        gzip.compress(
            b"cpandas._libs.arrays\n__pyx_unpickle_NDArrayBacked\n(cpandas\nCategorical\nI1\nNtR."
        ),
    ],
    ids=["empty", "no gzip", "no pickle", "cut short", "endless", "too large", "of another layout"],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "features.pkl.gz"
    path.write_bytes(content)
    with pytest.raises(FeatureError, match="build it again"):
        read_features(path)


def test_a_frame_comes_back(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "SK_ID_CURR": pd.array([1, 2], "int64"),
            "x": pd.array([1.5, float("nan")], "float32"),
            "level": pd.Categorical(["a", None], categories=["a", "b"]),
        }
    )
    frame.attrs["meta"] = {"version": 1}
    path = tmp_path / "f.pkl.gz"
    frame.to_pickle(path)
    found = read_pickled_frame(path)
    pd.testing.assert_frame_equal(found, frame)
    assert found.attrs == frame.attrs
