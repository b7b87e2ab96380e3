"""A disk that refuses a file gives a one-line error, and the former file stays."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from project_tools.errors import SettingError, StorageError
from project_tools.settings import ROOT
from project_tools.system.files import (
    clear_dead,
    refuse_foreign_folder,
    refuse_inputs,
    replacing,
    replacing_folder,
)

FULL = Path("/dev/full")
ENVIRON = os.environ | {"PYTHONPATH": str(ROOT)}


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


DEAD = (
    "import os, signal, sys\n"
    "from pathlib import Path\n"
    "from project_tools.system.files import replacing, replacing_folder, temporary_folder\n"
    "{block}\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


def killed(block: str, folder: Path) -> None:
    """Run a block in a process that is killed inside of it."""
    environ = ENVIRON | {"TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", DEAD.format(block=block)], cwd=folder, env=environ, check=False
    )
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "block",
    [
        "with replacing(Path('out.csv')) as t:\n    t.write_text('a client')",
        "with replacing_folder(Path('out.csv')) as t:\n    (t / 'a').write_text('a client')",
        "with temporary_folder('test') as t:\n    (t / 'a').write_text('a client')",
    ],
)
def test_what_a_killed_process_left_is_deleted_by_the_next(block: str, tmp_path: Path) -> None:
    killed(block, tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".credit-")
    with replacing(tmp_path / "other") as temporary:
        temporary.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_former_folder_gets_its_name_back(tmp_path: Path) -> None:
    """Killed between the two renames, the process left neither the old nor the new folder."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").write_text("former")
    killed(
        "folder = Path('model')\n"
        "with replacing_folder(folder) as t:\n"
        "    (t / 'a').write_text('new')\n"
        "    folder.rename(t.with_name(t.name + '.former'))",
        tmp_path,
    )
    assert not (tmp_path / "model").exists()
    clear_dead(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "a").read_text() == "former"


def test_what_a_live_process_or_another_machine_writes_stays(tmp_path: Path) -> None:
    code = DEAD.replace(
        "    os.kill(os.getpid(), signal.SIGKILL)\n", "    print(t, flush=True); sys.stdin.read()\n"
    )
    block = "with replacing(Path('out.csv')) as t:\n    t.write_text('a client')"
    with subprocess.Popen(
        [sys.executable, "-c", code.format(block=block)],
        cwd=tmp_path, env=ENVIRON, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        alive = tmp_path / writer.stdout.readline().strip()
        foreign = tmp_path / ".credit-00000000-1-00000000-out.csv"
        foreign.write_text("another machine's")
        ours = tmp_path / ".credit-notes"
        ours.write_text("no temporary name")
        clear_dead(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {alive.name, foreign.name, ours.name}
        writer.communicate("")
    assert (tmp_path / "out.csv").read_text() == "a client"


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder with a file, a link to it, a hard link and a folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("a client")
    (tmp_path / "link").symlink_to(tmp_path / "in" / "a.csv")
    (tmp_path / "folder").symlink_to(tmp_path / "in")
    (tmp_path / "hard").hardlink_to(tmp_path / "in" / "a.csv")
    return tmp_path


@pytest.mark.parametrize(
    "output", ["in/a.csv", "in/../in/a.csv", "link", "folder/a.csv", "hard", "folder/../in/a.csv"]
)
def test_an_output_that_is_an_input_is_refused(output: str, inputs: Path) -> None:
    with pytest.raises(SettingError, match="which is read; name another file to write"):
        refuse_inputs([inputs / output], [inputs / "in" / "a.csv"])


def test_an_output_that_is_a_folder_is_refused(inputs: Path) -> None:
    with pytest.raises(SettingError, match="in is a folder; name a file to write"):
        refuse_inputs([inputs / "in"], [])
    refuse_inputs([inputs / "in" / "b.csv", inputs / "new" / "a.csv"], [inputs / "in" / "a.csv"])


def test_a_foreign_folder_is_never_replaced(inputs: Path) -> None:
    def never(_: Path) -> bool:
        return False

    with pytest.raises(SettingError, match="in is there already and holds something else than a x"):
        refuse_foreign_folder(inputs / "in", never, "a x")
    with pytest.raises(SettingError, match="folder is a link"):
        refuse_foreign_folder(inputs / "folder", lambda _: True, "a x")
    refuse_foreign_folder(inputs / "in", lambda _: True, "a x")
    refuse_foreign_folder(inputs / "missing", never, "a x")
