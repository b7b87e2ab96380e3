"""The last drift of the recorded decisions: a whole file, or a sentence."""

from pathlib import Path

import pytest

from project_tools.errors import CreditError
from project_tools.serving.drift_result import FILE, DriftResult

RESULT = DriftResult(
    time="2026-11-28T09:00:00+00:00", model="ab" * 32, decisions=503, reference="cd" * 32,
    alarms=["acceptance rate"], expected_auc=0.75,
)  # fmt: skip


def test_it_is_read_as_it_was_written_and_replaced_as_a_whole(tmp_path: Path) -> None:
    assert DriftResult.read(tmp_path) is None
    for one in (RESULT, RESULT.model_copy(update={"alarms": [], "expected_auc": None})):
        one.write(tmp_path)
        assert DriftResult.read(tmp_path) == one
        assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff\xfe", b"[1]", RESULT.model_dump_json().replace("503", "-1").encode(),
     RESULT.model_dump_json().replace("503", '"503"').encode(),
     RESULT.model_dump_json().replace('"time"', '"at"').encode()],
)  # fmt: skip
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(CreditError, match=r"holds no result of a drift; run `credit drift") as why:
        DriftResult.read(tmp_path)
    assert "\n" not in str(why.value)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(CreditError, match="cannot be read"):
        DriftResult.read(tmp_path)
