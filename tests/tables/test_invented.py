"""Invented tables carry a mark, which ends where another file takes the place of one of them."""

from pathlib import Path

import pytest

from project_tools.tables.invented import MARK, are_invented, mark_invented


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    tables = [tmp_path / "bureau.csv", tmp_path / "application_train.csv"]
    for path in tables:
        path.write_text("SK_ID_CURR\n1\n")
    mark_invented(tmp_path, tables)
    return tmp_path


def test_marked_tables_are_invented(marked: Path) -> None:
    assert are_invented(marked)
    (marked / "notes.txt").write_text("mine")
    assert are_invented(marked)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "bureau.csv").write_text("SK_ID_CURR\n1\n2\n"),
        lambda folder: (folder / "bureau.csv").unlink(),
        lambda folder: (folder / MARK).unlink(),
        lambda folder: (folder / MARK).write_text("{cut"),
        lambda folder: (folder / MARK).write_text('{"bytes": []}'),
    ],
    ids=["own table", "table is gone", "no mark", "damaged mark", "another content"],
)
def test_other_tables_are_not(marked: Path, change) -> None:
    change(marked)
    assert not are_invented(marked)
