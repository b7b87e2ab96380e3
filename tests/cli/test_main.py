"""The command line as people meet it: one line for what is wrong, no traceback."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from project_tools.cli.main import main
from project_tools.settings import ROOT
from project_tools.system import command


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def status(words: Sequence[str]) -> object:
    try:
        return main(words)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("check", "nowhere"), "nowhere"),
        (("features", "nowhere", "out.parquet"), "nowhere"),
        (("features", "nowhere", "out.csv"), "out.csv"),
        (
            ("features", "nowhere", "out.parquet", "--state", "no.state"),
            "no feature state no.state",
        ),
        (("demo-data", "somewhere", "--clients", "0"), "0"),
        (("drift", "nowhere.parquet", "nowhere.parquet"), "nowhere.parquet is not there"),
        (("export", "nothing", "somewhere"), "nothing"),
        (("export", "--clients", "many"), "many"),
        (("promote", "nothing"), "is called 'nothing'; registered are: none yet"),
        (("promote", "--slope", "2"), "the limit slope is 2; it takes a number above 0"),
    ],
)
@pytest.mark.usefixtures("store")
def test_what_is_wrong_is_one_line(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(words) == 1
    printed, said = capsys.readouterr()
    assert says in printed + said
    assert "Traceback" not in said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == (0 if words[0] == "check" else 1)


def test_a_process_ends_with_one_line_and_that_status() -> None:
    done = run("-m", "project_tools", "features", "nowhere", "out.csv")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "out.csv" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--serve", "maybe"), "SERVE is 'maybe'"),
        (("--clients", "-3"), "CLIENTS is '-3'"),
        (("--raw", "no/such/folder"), "RAW=no/such/folder is no folder"),
    ],
)
def test_the_line_refuses_before_any_work(words: tuple[str, ...], says: str) -> None:
    done = run("scripts/run.py", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stdout == ""


def test_the_line_names_a_port_in_use() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        done = run("scripts/run.py", CREDIT_API_PORT=port)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in done.stderr
    assert "CREDIT_API_PORT" in done.stderr


def test_a_setting_that_is_none_is_refused() -> None:
    done = run("scripts/run.py", CREDIT_APY_PORT="9000")
    assert done.returncode == 1
    assert "CREDIT_APY_PORT is not a setting; did you mean 'CREDIT_API_PORT'?" in done.stderr


def test_no_folder_of_ours_hides_a_library() -> None:
    for folder in ("lightgbm", "random_forest", "hyperparameter_tuning", "dashboard"):
        assert not (ROOT / folder / "__init__.py").exists()
    assert not (ROOT / "lightgbm" / "lightgbm.py").exists()
    found = run("-c", "import lightgbm; print(lightgbm.__version__)", PYTHONPATH=str(ROOT))
    assert found.returncode == 0, found.stderr


def _interrupted_query() -> None:
    raise RuntimeError("Query interrupted")  # what DuckDB makes of Ctrl-C, in its words


def _interrupted_work() -> None:
    raise KeyboardInterrupt


def _interrupted_library() -> None:
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise RuntimeError("a library's own words") from None


@pytest.mark.parametrize("work", [_interrupted_query, _interrupted_work, _interrupted_library])
def test_an_interruption_is_no_defect(
    work: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.run(work) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_defect_is_told_in_one_line_and_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "ROOT", tmp_path)

    def broken() -> None:
        raise RuntimeError("the details")

    assert command.run(broken) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert "defect of the program (RuntimeError)" in line
    kept = (tmp_path / "pickle_files" / "last_defect.txt").read_text()
    assert kept.endswith("RuntimeError: the details\n")


def test_mlflow_interrupted_while_it_loads_shows_no_traceback() -> None:
    # Where the tests run in the background, a shell has made them and their children deaf to SIGINT.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "import sys; sys.argv = ['mlflow', 'run', 'lightgbm']; "
        "runpy.run_path('scripts/mlflow_command.py', run_name='__main__')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    first = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert "loading MLflow" in first
    assert process.returncode == 130
    assert said.endswith("stopped\n")
    assert "Traceback" not in said
