"""What ``features``, ``export`` and ``drift`` may write to: no input, no folder, no foreign state."""

import shutil
from pathlib import Path

import pytest

from project_tools.cli.main import main
from project_tools.settings import ROOT


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder that bears the names of raw tables: a refusal comes before any of them is read."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("application_train", "application_test", "bureau"):
        (folder / f"{name}.parquet").write_bytes(b"a client")
    (tmp_path / "link").symlink_to(folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        (["raw/bureau.parquet"], "bureau.parquet, which is read"),
        (["raw/../raw/bureau.parquet"], "bureau.parquet, which is read"),
        (["link/bureau.parquet"], "bureau.parquet, which is read"),
        (["raw/bureau.pkl.gz"], "would be a second file of the raw table bureau"),
        (["link/bureau_balance.parquet"], "would be a second file of the raw table bureau_balance"),
        (["there.parquet"], "there.parquet is a folder; name a file to write"),
        (["mine.parquet"], "mine.state is there already and holds something else"),
        (["raw.parquet", "./raw.parquet"], "which is read; name another file"),
        (["linked.parquet"], "linked.state is a link"),
    ],
)
def test_an_output_that_would_lose_something_is_refused_before_any_work(
    outputs: list[str], says: str, raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = raw.parent
    (folder / "there.parquet").mkdir()
    (folder / "mine.state").mkdir()
    (folder / "mine.state" / "state.json").write_text('{"version": 1}')
    (folder / "mine.state" / "thesis.txt").write_text("years of work")
    (folder / "linked.state").symlink_to(raw)
    before = contents(folder)
    words = ["features", str(raw), *(str(folder / name) for name in outputs), "--quiet"]
    assert main(words) == 1
    assert says in capsys.readouterr().err
    assert contents(folder) == before


def test_a_raw_folder_that_bears_the_name_of_a_state_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "loans.state"
    raw.mkdir()
    (raw / "application_train.csv").write_text("SK_ID_CURR\n")
    assert main(["features", str(raw), str(tmp_path / "loans.parquet"), "--quiet"]) == 1
    assert "loans.state is there already" in capsys.readouterr().err
    assert (raw / "application_train.csv").exists()


def test_export_replaces_a_model_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(ROOT / "api" / "model", home)
    (home / "letter.txt").write_text("to my bank")
    features = tmp_path / "clients.parquet"
    features.write_bytes(b"a client")
    assert main(["export", "credit_scoring", str(home)]) == 1
    assert "home is there already and holds something else than a model" in capsys.readouterr().err
    (home / "letter.txt").unlink()
    assert main(["export", "credit_scoring", str(home), "--features", str(features)]) == 1
    assert "clients.parquet, which is read" in capsys.readouterr().err
    assert features.read_bytes() == b"a client"


@pytest.mark.parametrize("option", ["--json", "--html", "--freeze"])
def test_drift_writes_over_nothing_that_it_reads(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.parquet"
    new.write_bytes(b"a client")
    reference = ROOT / "api" / "model"
    assert main(["drift", str(reference), str(new), option, str(new), "--quiet"]) == 1
    assert "new.parquet, which is read" in capsys.readouterr().err
    assert main(["drift", str(reference), str(new), option, str(tmp_path), "--quiet"]) == 1
    assert "is a folder; name a file to write" in capsys.readouterr().err
    assert new.read_bytes() == b"a client"
