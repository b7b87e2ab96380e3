"""What ``make run`` does again, what it leaves, how it stops: on steps that only write a word."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from project_tools.errors import SettingError
from project_tools.settings import ROOT, Settings

TITLES = ["demonstration tables", "features", "search", "train", "export"]


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``scripts/run.py`` with its files in a folder of its own."""
    spec = importlib.util.spec_from_file_location("run_line", ROOT / "scripts" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_line", module)
    spec.loader.exec_module(module)
    work = tmp_path / "pickle_files"
    for name, path in {
        "WORK": work, "FEATURES": work / "features.parquet", "ARTEFACT": work / "artefact",
        "EXACT": work / "features.exact.parquet", "CLIENTS": work / "clients.parquet", "RECORD": work / "run.json", "ROOT": tmp_path,
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, path)
    for folder in ("project_tools", "hyperparameter_tuning", "lightgbm"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    return module


def store_in(folder: Path, name: str = "mlflow.db") -> str:
    return f"sqlite:///{folder / name}"


def writing(module: ModuleType, paths: tuple[Path, ...]) -> Callable[[], list[str]]:
    """A command that writes the outputs of a step anew, a folder as one file in it."""
    program = (
        "import pathlib, sys, time\n"
        "for word in sys.argv[1:]:\n"
        "    path = pathlib.Path(word)\n"
        "    if not path.suffix:\n"
        "        path = path / 'application_train.csv'\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_text(str(time.time_ns()))\n"
    )
    return lambda: [module.PYTHON, "-c", program, *map(str, paths)]


def done(
    module: ModuleType, capsys: pytest.CaptureFixture[str],
    raw: Path | None = None, clients: int = 50, store: str | None = None,
) -> list[str]:  # fmt: skip
    """The steps of one run that were done, by the first word of their names."""
    address = store or store_in(module.ROOT)
    steps = [
        replace(step, command=writing(module, (*step.outputs, *step.shared)))
        for step in module.steps(raw, clients, address)
    ]
    capsys.readouterr()
    module.run_line(steps, address)
    said = capsys.readouterr().out.splitlines()
    return [title for title in TITLES for text in said if title in text and ": done" in text]


def test_all_is_done_once_and_then_nothing(
    line: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert done(line, capsys) == TITLES
    assert done(line, capsys) == []


def change(path: Path) -> None:
    path.write_text(path.read_text() + "\n# changed\n")


def remove_database(module: ModuleType) -> None:
    (module.ROOT / "mlflow.db").unlink()


@pytest.mark.parametrize(
    ("what", "again"),
    [
        (lambda m: change(m.ROOT / "project_tools" / "demo" / "people.py"), TITLES),
        (lambda m: change(m.ROOT / "project_tools" / "features" / "definitions" / "bureau.py"), TITLES[1:]),
        (lambda m: change(m.ROOT / "project_tools" / "models" / "families.py"), TITLES[2:]),
        (lambda m: change(m.ROOT / "hyperparameter_tuning" / "MLproject"), ["search"]),
        (lambda m: change(m.ROOT / "lightgbm" / "log_boosting.py"), ["train", "export"]),
        (lambda m: change(m.WORK / "demo_tables" / "application_train.csv"), TITLES),
        (lambda m: (m.WORK / "features.pkl.gz").unlink(), TITLES[1:]),
        (lambda m: change(m.FEATURES), TITLES[1:]),
        (lambda m: m.EXACT.unlink(), TITLES[1:]),
        (lambda m: shutil.rmtree(m.ARTEFACT), ["export"]),
        (lambda m: m.CLIENTS.unlink(), ["export"]),
        (remove_database, ["search", "train", "export"]),  # the registry went with it
        (lambda m: m.RECORD.unlink(), TITLES),
        (lambda m: m.RECORD.write_text("{cut"), TITLES),  # damaged: nothing is known of earlier runs
        (lambda m: (m.ROOT / "README.md").write_text("text"), []),
        (lambda m: (m.WORK / "demo_tables" / "notes.txt").write_text("x"), ["demonstration tables", *TITLES[1:]]),
    ],
)  # fmt: skip
def test_what_is_out_of_date_is_done_again_and_no_more(
    line: ModuleType, capsys: pytest.CaptureFixture[str],
    what: Callable[[ModuleType], object], again: list[str],
) -> None:  # fmt: skip
    done(line, capsys)
    what(line)
    assert done(line, capsys) == again
    assert done(line, capsys) == []


def test_more_runs_in_the_store_put_nothing_out_of_date(
    line: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    done(line, capsys)
    (line.ROOT / "mlflow.db").write_text("it grows with each run")
    assert done(line, capsys) == []


def test_other_clients_other_tables_other_store(
    line: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    done(line, capsys)
    assert done(line, capsys, clients=60) == TITLES
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "bureau.csv").write_text("a")
    assert done(line, capsys, raw=raw) == TITLES[1:]
    (raw / "letter.txt").write_text("no table")
    assert done(line, capsys, raw=raw) == []
    (raw / "bureau.csv").write_text("other rows")
    assert done(line, capsys, raw=raw) == TITLES[1:]
    other = store_in(tmp_path, "other.sqlite")
    assert done(line, capsys, raw=raw, store=other) == TITLES[2:]
    assert done(line, capsys, raw=raw, store=other) == []


def test_every_command_writes_to_the_store_of_the_settings(
    line: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    say = [sys.executable, "-c", "import os; print(os.environ['MLFLOW_TRACKING_URI'])"]
    line.run_line([line.Step("say", str, (), lambda: say)], "sqlite:////somewhere.db")
    assert "sqlite:////somewhere.db\n" in capfd.readouterr().out


def test_a_failed_step_stops_the_line_and_is_tried_again(
    line: ModuleType, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "second.txt"
    good = line.Step(
        "first", str, (tmp_path / "first.txt",), writing(line, (tmp_path / "first.txt",))
    )
    bad = line.Step("second", str, (out,), lambda: [sys.executable, "-c", "raise SystemExit(3)"])
    never = line.Step("third", str, (), lambda: pytest.fail("the line went on"))
    with pytest.raises(SystemExit, match="3"):
        line.run_line([good, bad, never], "")
    assert "stopped at the step 'second'" in capfd.readouterr().err
    assert list(json.loads(line.RECORD.read_text())) == ["first"]
    line.run_line([good, replace(bad, command=writing(line, (out,)))], "")
    said = capfd.readouterr().out
    assert "first: up to date" in said
    assert "second: done" in said


def test_what_was_done_before_a_failure_is_not_taken_for_done(
    line: ModuleType, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A step that fails when it is done anew is out of date, though its old outputs stand."""
    out = tmp_path / "out.txt"
    step = line.Step("step", lambda: "old", (out,), writing(line, (out,)))
    line.run_line([step], "")
    broken = replace(
        step, inputs=lambda: "new", command=lambda: [sys.executable, "-c", "raise SystemExit(1)"]
    )
    with pytest.raises(SystemExit, match="1"):
        line.run_line([broken], "")
    line.run_line([step], "")
    assert "step: done" in capfd.readouterr().out.split("[1/1]")[-1]


def test_tables_are_left_out_on_purpose_and_that_is_an_input(
    line: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "bureau.csv").touch()
    features = line.steps(tmp_path, 50, "sqlite:///x.db", "bureau,bureau_balance")[0]
    assert features.command()[-2:] == ["--without", "bureau,bureau_balance"]
    whole = line.steps(tmp_path, 50, "sqlite:///x.db")[0]
    assert "--without" not in whole.command()
    assert features.inputs() != whole.inputs()


def test_the_version_that_was_registered_is_the_one_exported(line: ModuleType) -> None:
    line.WORK.mkdir()
    (line.WORK / "registered.json").write_text('{"name": "credit_scoring", "version": "7"}')
    export = line.steps(None, 50, "sqlite:///x.db")[-1].command()
    assert export[3:6] == ["export", "credit_scoring/7", str(line.ARTEFACT)]


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104  (listens everywhere, is asked here)
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("localhost", "localhost"),
    ],
)  # fmt: skip
def test_the_address_at_which_the_api_is_asked(line: ModuleType, host: str, reached: str) -> None:
    assert line._reachable(host) == reached


def test_one_port_for_both_is_refused(line: ModuleType) -> None:
    settings = Settings.load({"CREDIT_API_PORT": "8600", "CREDIT_DASHBOARD_PORT": "8600"})
    with pytest.raises(SettingError, match="cannot both have port 8600"):
        line.refuse_busy_ports(settings)


def test_each_busy_port_is_named_with_its_setting(line: ModuleType) -> None:
    with socket.socket() as busy, socket.socket() as other:
        for taken in (busy, other):
            taken.bind(("127.0.0.1", 0))
        busy.listen()
        port, free = str(busy.getsockname()[1]), str(other.getsockname()[1])
        other.close()
        for mine, its in (("API", "DASHBOARD"), ("DASHBOARD", "API")):
            ports = {f"CREDIT_{mine}_PORT": port, f"CREDIT_{its}_PORT": free}
            with pytest.raises(SettingError, match=f"port {port} .*CREDIT_{mine}_PORT"):
                line.refuse_busy_ports(Settings.load(ports))


class Served:
    """A process that leads a session, as the line starts them."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], start_new_session=True, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def __enter__(self) -> "subprocess.Popen[bytes]":
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def test_a_server_that_does_not_end_is_ended(
    line: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "END_S", 0.2)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with (
        Served(deaf) as process,
        Served("import time; print(1, flush=True); time.sleep(60)") as other,
    ):
        line._end([process, other])
        assert process.returncode == -signal.SIGKILL
        assert other.returncode == -signal.SIGTERM


def test_a_server_that_ends_by_itself_is_said(line: ModuleType) -> None:
    with Served("print(1, flush=True); raise SystemExit(4)") as process:
        process.wait()
        with pytest.raises(SettingError, match="the API ended with status 4"):
            line._await_end({"API": process})
        with pytest.raises(SettingError, match="the API ended with status 4, for the reason above"):
            line._await_answer("API", process, "http://127.0.0.1:9/")


def test_a_part_of_the_code_that_moved_is_refused(line: ModuleType) -> None:
    with pytest.raises(SettingError, match=r"no_such_part.py is not there"):
        line.code("tables", "no_such_part.py")
    assert line.code("tables") != line.code("features")


WAITS = "import time; print('begun', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(2, signal.SIG_IGN); {WAITS}"
#: A command that starts another and waits for it, as mlflow run does.
STARTS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WAITS!r}])"


@pytest.mark.parametrize("waits", [WAITS, DEAF, STARTS], ids=["waits", "deaf", "starts another"])
@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_the_line_ends_with_its_step(
    asked: signal.Signals, waits: str, tmp_path: Path
) -> None:
    """Ctrl-C, a supervisor, a closed terminal: no traceback, no process left, status 130."""
    program = f"""
import runpy, sys
sys.argv = ["run.py", "--serve", "0"]
from project_tools.system import command
real = runpy.run_path({str(ROOT / "scripts" / "run.py")!r}, run_name="line")
space = real["main"].__globals__
from pathlib import Path
space["RECORD"] = Path({str(tmp_path / "run.json")!r})
step = real["Step"]("waiting", str, (), lambda: [sys.executable, "-c", {waits!r}])
space["END_S"] = 0.5
space["steps"] = lambda *_: [step]
real["end_when_asked"]()
sys.exit(command.run(real["main"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    while "begun" not in process.stdout.readline():
        pass
    process.send_signal(asked)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped" in said
    assert not json.loads((tmp_path / "run.json").read_text())
    # communicate() came back: nobody holds the outputs any more, so nobody is left.
