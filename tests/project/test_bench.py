"""``make bench``: every benchmark is run, one that misses its bound stops no other."""

from pathlib import Path

import pytest

from project_tools.settings import ROOT
from tests.project.scripts import load

run_all = load("benchmarks/run_all.py")


def test_every_benchmark_has_its_arguments() -> None:
    scripts = {path.name for path in (ROOT / "benchmarks").glob("*.py")} - {"run_all.py"}
    assert run_all.ARGUMENTS.keys() == scripts
    text = (ROOT / "benchmarks" / "README.md").read_text()
    assert not [name for name in scripts if f"| `{name}` |" not in text]


@pytest.mark.parametrize("name", run_all.ARGUMENTS)
def test_a_benchmark_that_has_a_check_is_asked_for_it(name: str) -> None:
    text = (ROOT / "benchmarks" / name).read_text()
    assert ('"--check"' in text) == ("--check" in run_all.ARGUMENTS[name])


def test_one_that_misses_its_bound_stops_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, status in (("first.py", 0), ("second.py", 1), ("third.py", 0)):
        (tmp_path / name).write_text(f"print('ran', {name!r})\nraise SystemExit({status})\n")
    assert run_all.run(["first.py", "second.py", "third.py"], tmp_path) == 1
    out, err = capfd.readouterr()
    assert [line for line in out.splitlines() if line.startswith("ran")] == [
        "ran first.py", "ran second.py", "ran third.py",
    ]  # fmt: skip
    assert out.count("load ") == 3
    assert "missed a bound or failed: second.py" in err
    assert run_all.run(["first.py", "third.py"], tmp_path) == 0


def test_a_name_that_is_no_benchmark_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["run_all.py", "speed.py"])
    with pytest.raises(SystemExit, match="2"):
        run_all.main()
    assert "no benchmark speed.py; choose of serving.py" in capsys.readouterr().err
