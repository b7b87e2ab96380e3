"""A disk that refuses a file gives a one-line error, and the former file stays."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from project_tools.errors import StorageError
from project_tools.system.files import replacing, replacing_folder

FULL = Path("/dev/full")


def _write_on_a_full_disk(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.symlink_to(FULL)
        pq.write_table(pa.table({"x": range(10_000)}), temporary)


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_is_named_and_the_former_file_stands(tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    out.write_bytes(b"former")
    says = r"features\.parquet is not written: the folder .* has no room"
    with pytest.raises(StorageError, match=says):
        _write_on_a_full_disk(out)
    assert out.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("replace", [replacing, replacing_folder])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path, replace: type) -> None:
    (tmp_path / "here").write_text("a file")
    with (
        pytest.raises(StorageError, match=r"not written: the folder .*here is not a folder"),
        replace(tmp_path / "here" / "features"),
    ):
        pass


def test_other_errors_are_not_renamed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
        (tmp_path / "nothing").read_text()
