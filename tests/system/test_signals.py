"""Ctrl-C waits for the end of a block, and is never lost."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from project_tools.runs import registry
from project_tools.runs.store import project_run
from project_tools.system.signals import uninterrupted


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    former = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    yield
    for name, handler in former.items():
        signal.signal(name, handler)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_it_waits_for_the_end_of_the_block(name: signal.Signals) -> None:
    heard: list[str] = []

    def stop(*_: object) -> None:
        heard.append("stop")
        raise KeyboardInterrupt

    signal.signal(name, stop)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (what comes after the signal counts)
        with uninterrupted():
            with uninterrupted():
                os.kill(os.getpid(), name)
                heard.append("inner")
            heard.append("outer")
        heard.append("too late")
    assert heard == ["inner", "outer", "stop"]
    assert signal.getsignal(name) is stop


def test_it_comes_after_an_error_too() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt) as stopped, uninterrupted():  # noqa: PT012  (the error comes after the signal)
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError("the disk is full")
    assert isinstance(stopped.value.__context__, OSError)


def test_in_another_thread_it_changes_no_handler() -> None:
    found: list[object] = []

    def work() -> None:
        with uninterrupted():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_a_store_is_never_left_in_the_middle_of_a_transaction(
    new_store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut there, SQLAlchemy keeps the database's lock, and closing the run waits for it in vain."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    written = MlflowClient.log_batch

    def cut(client: MlflowClient, *given: object, **named: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return written(client, *given, **named)

    monkeypatch.setattr(MlflowClient, "log_batch", cut)
    with pytest.raises(KeyboardInterrupt), project_run("a search") as project:
        project.metrics({"loss": 0.5})
    run = MlflowClient().get_run(project.run_id)
    assert (run.info.status, run.data.metrics) == ("KILLED", {"loss": 0.5})


@pytest.mark.filterwarnings(
    "ignore:.*Any type hint is inferred as AnyType", "ignore:.*An input example was not provided"
)
def test_a_version_is_registered_with_its_aliases_or_not_at_all(
    new_store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    monkeypatch.chdir(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.txt").write_text("trees")
    logged = mlflow.pyfunc.log_model

    def cut(*given: object, **named: object) -> object:
        found = logged(*given, **named)
        os.kill(os.getpid(), signal.SIGINT)
        return found

    monkeypatch.setattr(mlflow.pyfunc, "log_model", cut)
    with pytest.raises(KeyboardInterrupt), project_run("lightgbm") as project:
        registry.register(project, folder, [("income", "number")], {"family": "lightgbm"}, "cut")
    version = MlflowClient().get_model_version_by_alias("cut", registry.CHALLENGER)
    assert version.tags == {"family": "lightgbm"}
    assert version.aliases == [registry.CHALLENGER]  # what weighs it makes it the champion


#: A signal comes in the callback of a weak reference, where Python drops what is raised; then two more.
DROPPED = """
import os, signal, sys, time, weakref
from project_tools.system.signals import stop_once

class Thing:
    pass

stop_once()
thing = Thing()
kept = weakref.ref(thing, lambda _: os.kill(os.getpid(), {number}))
try:
    del thing
    os.kill(os.getpid(), {number})
    time.sleep(30)
except KeyboardInterrupt:
    os.kill(os.getpid(), {number})
    time.sleep(0.3)
    print("closed")
"""


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_python_drops_is_raised_again_and_once(name: signal.Signals) -> None:
    program = [sys.executable, "-c", DROPPED.format(number=int(name))]
    done = subprocess.run(program, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, "closed\n")
    assert done.stderr.split() == ["stopping:", "closing", "the", "open", "runs", "…"]
