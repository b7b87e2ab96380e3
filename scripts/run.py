"""The straight line: tables, features, search, model, export, then API and dashboard.

Each step is a row of ``steps``: what it reads, what it writes, the command that does it. A step
whose inputs are unchanged since it last ended well, and whose outputs are as it left them, is not
done again; ``pickle_files/run.json`` remembers that. The commands are the ones a person would type.
"""

import argparse
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from project_tools import entry
from project_tools.errors import SettingError
from project_tools.files import replacing
from project_tools.settings import ROOT, Settings

WORK = ROOT / "pickle_files"
FEATURES = WORK / "features.parquet"
ARTEFACT = WORK / "artefact"
CLIENTS = WORK / "clients.parquet"
RECORD = WORK / "run.json"
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
MLFLOW = str(BIN / "mlflow")
#: Seconds that the API and the dashboard have to answer after their start.
START_S = 60
SEED = "1"


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of the line."""

    name: str
    inputs: Callable[[], str]
    outputs: tuple[Path, ...]
    command: Callable[[], Sequence[str]]


def steps(raw: Path | None, clients: int) -> list[Step]:
    """The line for the user's own tables, or for demonstration tables of that many clients."""
    tables = raw or WORK / "demo_tables"
    return [
        *([] if raw else [_demonstration(tables, clients)]),
        Step(
            "features",
            lambda: signature(tables) + code("tables", "features", "splits.py", "settings.py"),
            (FEATURES, WORK / "features.pkl.gz", WORK / "features.state"),
            lambda: _ours("features", str(tables), str(FEATURES), str(WORK / "features.pkl.gz")),
        ),
        Step(
            "search: which family?",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "hyperparameter_tuning"),
            (ROOT / "mlflow.db",),
            lambda: _mlflow("hyperparameter_tuning", "main", data=str(FEATURES), profile="demo", trials="4"),
        ),
        Step(
            "train and register LightGBM",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "lightgbm"),
            (WORK / "registered.json",),
            lambda: _mlflow("lightgbm", "log_model", data=str(FEATURES), receipt=str(WORK / "registered.json")),
        ),
        Step(
            "export",
            lambda: signature(WORK / "registered.json") + signature(FEATURES) + code(),
            (ARTEFACT, CLIENTS),
            lambda: _ours("export", registered(), str(ARTEFACT), "--features", str(FEATURES), "--clients", "all"),
        ),
    ]  # fmt: skip


def _demonstration(tables: Path, clients: int) -> Step:
    return Step(
        "demonstration tables",
        lambda: f"{clients} {SEED}" + code("demo", "tables"),
        (tables,),
        lambda: _ours(
            "demo-data", str(tables), "--clients", str(clients), "--seed", SEED, "--force"
        ),
    )


def _ours(*words: str) -> list[str]:
    return [PYTHON, "-m", "project_tools", *words]


def _mlflow(project: str, entry_point: str, **parameters: str) -> list[str]:
    chosen = [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    return [MLFLOW, "run", project, "-e", entry_point, "--env-manager", "local", *chosen]


def registered() -> str:
    """The version that the training step has just registered, as ``name/number``."""
    receipt = json.loads((WORK / "registered.json").read_text())
    return f"{receipt['name']}/{receipt['version']}"


def signature(path: Path) -> str:
    """Names, sizes and times of a file or of a folder's files: quick, and changes when they do."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    rows = [f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files if f.is_file()]
    return hashlib.sha256("\n".join([str(path), *rows]).encode()).hexdigest()


def code(*parts: str) -> str:
    """Digest of parts of ``project_tools`` (all of it by default): changed code is out of date."""
    package = ROOT / "project_tools"
    return "".join(code_of(package / part) for part in parts) if parts else code_of(package)


def code_of(path: Path) -> str:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if _is_code(p))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_code(path: Path) -> bool:
    return path.suffix in {".py", ".json", ".csv", ".txt"} or path.name == "MLproject"


def run_line(line: Sequence[Step]) -> None:
    """Do what is out of date, in order; stop at the first step that fails."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    for number, step in enumerate(line, 1):
        title = f"[{number}/{len(line)}] {step.name}"
        inputs = hashlib.sha256(step.inputs().encode()).hexdigest()
        if record.get(step.name) == {"inputs": inputs, "outputs": _outputs(step)}:
            say(f"{title}: up to date")
            continue
        say(title)
        _remember(record, step.name, None)
        start = time.perf_counter()
        _do(step)
        _remember(record, step.name, {"inputs": inputs, "outputs": _outputs(step)})
        say(f"{title}: done in {time.perf_counter() - start:.0f} s")


def _do(step: Step) -> None:
    # `mlflow run --env-manager local` takes the first python of the PATH: it must be this one.
    environ = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}
    process = subprocess.Popen(step.command(), cwd=ROOT, env=environ)  # noqa: S603  (our own commands)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        # The terminal sent the signal to the command as well: let it end in its own way.
        process.wait()
        raise
    if status:
        raise SettingError(
            f"the step '{step.name}' ended with status {status}, for the reason above; "
            "mend it and run the same command again: finished steps are kept"
        )


def _outputs(step: Step) -> str | None:
    if not all(path.exists() for path in step.outputs):
        return None
    # The tracking store grows with every later run; that it is there is what counts.
    return "".join(signature(p) for p in step.outputs if p.suffix != ".db")


def _remember(record: dict[str, object], name: str, state: object) -> None:
    record.pop(name, None)
    if state is not None:
        record[name] = state
    with replacing(RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1))


def say(text: str) -> None:
    print(text, flush=True)


def serve(settings: Settings) -> None:
    """API and dashboard on what was exported, until Ctrl-C or until one of them ends."""
    api_url = f"http://{settings.api_host}:{settings.api_port}"
    environ = os.environ | {
        "CREDIT_MODEL": str(ARTEFACT), "CREDIT_CLIENTS": str(CLIENTS), "CREDIT_API_URL": api_url,
    }  # fmt: skip
    dashboard_url = f"http://127.0.0.1:{settings.dashboard_port}"
    parts = {
        "API": ([PYTHON, "-m", "api"], f"{api_url}/health/ready"),
        "dashboard": ([PYTHON, "scripts/dashboard.py"], f"{dashboard_url}/_stcore/health"),
    }
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, (command, health) in parts.items():
            processes[name] = subprocess.Popen(  # noqa: S603  (our own commands)
                command, cwd=ROOT, env=environ, start_new_session=True
            )
            _await_answer(name, processes[name], health)
        say(
            f"\nThe API answers at        {api_url}\nThe dashboard stands at   {dashboard_url}\nCtrl-C stops both."
        )
        _await_end(processes)
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            process.wait(timeout=15)


def _await_answer(name: str, process: "subprocess.Popen[bytes]", url: str) -> None:
    say(f"starting the {name} …")
    for _ in _seconds(START_S):
        if process.poll() is not None:
            raise SettingError(
                f"the {name} ended with status {process.returncode}, for the reason above"
            )
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (our own loopback address)
                return
        except OSError:
            continue
    raise SettingError(f"the {name} did not answer at {url} within {START_S} s")


def _seconds(limit: float) -> Iterator[None]:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        yield
        time.sleep(0.2)


def _await_end(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise SettingError(
                    f"the {name} ended with status {process.returncode}; both are stopped"
                )
        time.sleep(0.5)


def refuse_busy_ports(settings: Settings) -> None:
    """Say before any work that a port is taken, and how to take another."""
    for setting, host, port in (
        ("CREDIT_API_PORT", settings.api_host, settings.api_port),
        ("CREDIT_DASHBOARD_PORT", "127.0.0.1", settings.dashboard_port),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise SettingError(
                    f"port {port} of {host} cannot be used ({error.strerror}); stop what listens there, "
                    f"or set {setting} to another port"
                ) from error


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The straight line; called by make run.")
    parser.add_argument("--clients", default="20000")
    parser.add_argument("--raw", default="")
    parser.add_argument("--serve", default="1")
    return parser.parse_args()


def main() -> None:
    words = _words()
    if words.serve not in {"0", "1"}:
        raise SettingError(
            f"SERVE is {words.serve!r}; it takes 1 (serve at the end) or 0 (end after the export)"
        )
    if not words.clients.isdecimal() or int(words.clients) < 1:
        raise SettingError(f"CLIENTS is {words.clients!r}; it takes a whole number, 1 or more")
    raw = Path(words.raw).expanduser().resolve() if words.raw else None
    if raw is not None and not raw.is_dir():
        raise SettingError(
            f"RAW={words.raw} is no folder; give the folder that holds the eight raw tables"
        )
    settings = Settings.load()
    if words.serve == "1":
        refuse_busy_ports(settings)
    say(
        f"The line runs from {raw or f'demonstration tables of {int(words.clients):,} invented clients'}"
    )
    run_line(steps(raw, int(words.clients)))
    if words.serve == "1":
        serve(settings)
    else:
        say(
            f"exported: {ARTEFACT.relative_to(ROOT)} and {CLIENTS.relative_to(ROOT)}; make run serves them"
        )


if __name__ == "__main__":
    # Asked to end by a supervisor (SIGTERM), end as by Ctrl-C: what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(entry.run(main))
