"""``make run``: tables, features, search, model, export, then API and dashboard.

Each step is a row of ``steps``: what it reads, what it writes, and its command, as a person would
type it. A step is skipped when its inputs are those of its last success and its outputs are as it
left them; ``pickle_files/run.json`` records both.
"""

import argparse
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from project_tools.errors import SettingError
from project_tools.settings import ROOT, Settings
from project_tools.system import command
from project_tools.system.files import replacing
from project_tools.system.ports import refuse_busy
from project_tools.tables.declared import TABLES

WORK = ROOT / "pickle_files"
FEATURES = WORK / "features.parquet"
#: Doubles beside the features, which the export cuts with the client store.
EXACT = WORK / "features.exact.parquet"
ARTEFACT = WORK / "artefact"
CLIENTS = WORK / "clients.parquet"
RECORD = WORK / "run.json"
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
MLFLOW = str(ROOT / "scripts" / "mlflow_command.py")
#: Seconds within which the API and the dashboard must answer after their start, and must end.
START_S, END_S = 60, 8
#: Settings that `make run` sets itself, because it serves what it exported.
OVERRULED = ("CREDIT_MODEL", "CREDIT_CLIENTS", "CREDIT_API_URL")
SEED = "1"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a digest of its inputs, the files that it writes, its command.

    ``shared`` are files that must exist after it and that later runs write to as well.
    """

    name: str
    inputs: Callable[[], str]
    outputs: tuple[Path, ...]
    command: Callable[[], Sequence[str]]
    shared: tuple[Path, ...] = ()


def steps(raw: Path | None, clients: int, store: str, without: str = "") -> list[Step]:
    """The steps for the user's own tables, or for demonstration tables of that many clients.

    ``store`` is the address of the tracking store, an input of the steps that write to it.
    ``without`` names tables, between commas, that are left out on purpose.
    """
    tables = raw or WORK / "demo_tables"
    file = store.removeprefix("sqlite:///")
    store_file = () if file == store else (ROOT / file,)  # a server's files cannot be looked at
    left_out = ("--without", without) if without else ()
    demonstration = Step(
        "demonstration tables",
        lambda: f"{clients} {SEED}" + code("demo", "tables"),
        (tables,),
        lambda: _ours("demo-data", str(tables), "--clients", str(clients), "--seed", SEED, "--force"),
    )  # fmt: skip
    return [
        *([] if raw else [demonstration]),
        Step(
            "features",
            lambda: signature(tables, TABLES) + code("tables", "features", "settings.py") + without,
            (FEATURES, EXACT, WORK / "features.pkl.gz", WORK / "features.state"),
            lambda: _ours("features", str(tables), str(FEATURES), str(WORK / "features.pkl.gz"), *left_out),
        ),
        Step(
            "search: which family?",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "hyperparameter_tuning") + store,
            (),
            # The least that shows a table of families: trials, folds and clients are few.
            lambda: _mlflow(
                "hyperparameter_tuning", "main", data=str(FEATURES), profile="demo", trials="2", folds="3"
            ),
            store_file,
        ),
        Step(
            "train and register LightGBM",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "lightgbm") + store,
            (WORK / "registered.json",),
            lambda: _mlflow("lightgbm", "log_model", data=str(FEATURES), receipt=str(WORK / "registered.json")),
            store_file,
        ),
        Step(
            "export",
            lambda: signature(WORK / "registered.json") + signature(FEATURES) + signature(EXACT) + code(),
            (ARTEFACT, CLIENTS),
            lambda: _ours("export", registered(), str(ARTEFACT), "--features", str(FEATURES), "--clients", "all"),
        ),
    ]  # fmt: skip


def _ours(*words: str) -> list[str]:
    return [PYTHON, "-m", "project_tools", *words]


def _mlflow(project: str, entry_point: str, **parameters: str) -> list[str]:
    chosen = [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    named = ["-e", entry_point, "--experiment-name", project, "--env-manager", "local"]
    return [PYTHON, MLFLOW, "run", project, *named, *chosen]


def registered() -> str:
    """The version that the training step has just registered, as ``name/number``."""
    receipt = json.loads((WORK / "registered.json").read_text())
    return f"{receipt['name']}/{receipt['version']}"


def signature(path: Path, tables: Collection[str] = ()) -> str:
    """Digest of the names, sizes and times of a file or of a folder's files; contents are not read.

    With ``tables``, only the files of these tables in the folder count.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    if tables and path.is_dir():
        names = {name.lower() for name in tables}
        files = sorted(f for f in path.iterdir() if f.name.partition(".")[0].lower() in names)
    rows = [f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files if f.is_file()]
    return hashlib.sha256("\n".join([str(path), *rows]).encode()).hexdigest()


def code(*parts: str) -> str:
    """Digest of parts of ``project_tools``, by default of all of it."""
    package = ROOT / "project_tools"
    return "".join(code_of(package / part) for part in parts) if parts else code_of(package)


def code_of(path: Path) -> str:
    """Digest of a file's code, or of all code below a folder."""
    if not path.exists():
        # The digest of no files never changes: old outputs would count as up to date for ever.
        raise SettingError(
            f"{path} is not there; scripts/run.py names a part of the code that moved"
        )
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.suffix in {".py", ".json", ".csv", ".txt"} or file.name == "MLproject":
            digest.update(file.read_bytes())
    return digest.hexdigest()


def run_line(line: Sequence[Step], store: str) -> None:
    """Run the steps that are out of date, in order; stop at the first that fails."""
    # Before any step runs: the first to write to a removed tracking store makes it anew, without
    # what the later ones had written to the old one.
    gone = {
        step.name for step in line
        if not all(path.exists() for path in (*step.outputs, *step.shared))
    }  # fmt: skip
    record = {name: state for name, state in _recorded().items() if name not in gone}
    for number, step in enumerate(line, 1):
        title = f"[{number}/{len(line)}] {step.name}"
        inputs = hashlib.sha256(step.inputs().encode()).hexdigest()
        if record.get(step.name) == {"inputs": inputs, "outputs": _outputs(step)}:
            say(f"{title}: up to date")
            continue
        say(title)
        record.pop(step.name, None)
        _write_record(record)
        start = time.perf_counter()
        _do(step, store)
        record[step.name] = {"inputs": inputs, "outputs": _outputs(step)}
        _write_record(record)
        say(f"{title}: done in {time.perf_counter() - start:.0f} s")


def _recorded() -> dict[str, object]:
    """Inputs and outputs of each step's last success; empty where no record can be read."""
    try:
        record = json.loads(RECORD.read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _do(step: Step, store: str) -> None:
    environ = os.environ | {
        # `mlflow run --env-manager local` takes the first python of the PATH: it must be this one.
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
        # MLflow does not know our settings: without this, its run would be in another store.
        "MLFLOW_TRACKING_URI": store,
    }
    # In a process group of its own, so that the terminal's Ctrl-C reaches it through us alone.
    process = subprocess.Popen(step.command(), cwd=ROOT, env=environ, process_group=0)  # noqa: S603  (our own commands)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        _stop(process)
        raise
    if status:
        sys.stderr.write(
            f"stopped at the step '{step.name}', for the reason above; "
            "mend it and run the same command again: finished steps are kept\n"
        )
        raise SystemExit(status if status > 0 else 1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a command and its children to end; end those that do not.

    A library can swallow an interruption that comes while it is being imported, and go on.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_S)
            return


def _outputs(step: Step) -> str:
    return "".join(signature(path) for path in step.outputs)


def _write_record(record: dict[str, object]) -> None:
    with replacing(RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1))


def say(text: str) -> None:
    print(text, flush=True)


def serve(settings: Settings) -> None:
    """Serve the exported model by API and dashboard until Ctrl-C, or until one of them ends."""
    api_url = f"http://{_reachable(settings.api_host)}:{settings.api_port}"
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
        for name, (words, health) in parts.items():
            processes[name] = subprocess.Popen(  # noqa: S603  (our own commands)
                words, cwd=ROOT, env=environ, start_new_session=True
            )
            _await_answer(name, processes[name], health)
        say(
            f"\nThe API answers at        {api_url}\nThe dashboard is at       {dashboard_url}\nCtrl-C stops both."
        )
        _await_end(processes)
    finally:
        _end(processes.values())


def _reachable(host: str) -> str:
    """The host to ask where a server listens on ``host``.

    >>> [_reachable(host) for host in ("127.0.0.1", "0.0.0.0", "::", "::1")]
    ['127.0.0.1', '127.0.0.1', '[::1]', '[::1]']
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (nothing is bound here)
    return f"[{host}]" if ":" in host else host


def _end(processes: Iterable["subprocess.Popen[bytes]"]) -> None:
    """Ask all to end; end those that do not, with their children."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # each leads a session of its own
            process.wait()


def _await_answer(name: str, process: "subprocess.Popen[bytes]", url: str) -> None:
    say(f"starting the {name} …")
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SettingError(
                f"the {name} ended with status {process.returncode}, for the reason above"
            )
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  (our own loopback address)
                return
        except OSError:
            time.sleep(0.2)
    raise SettingError(f"the {name} did not answer at {url} within {START_S} s")


def _await_end(processes: dict[str, "subprocess.Popen[bytes]"]) -> None:
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise SettingError(
                    f"the {name} ended with status {process.returncode}; both are stopped"
                )
        time.sleep(0.5)


def refuse_busy_ports(settings: Settings) -> None:
    """Refuse before any work where a port is in use, and say how to take another."""
    if settings.api_port == settings.dashboard_port:
        raise SettingError(
            f"API and dashboard cannot both have port {settings.api_port}; "
            "set CREDIT_API_PORT or CREDIT_DASHBOARD_PORT to another"
        )
    refuse_busy(settings.api_host, settings.api_port, "CREDIT_API_HOST or CREDIT_API_PORT")
    refuse_busy("127.0.0.1", settings.dashboard_port, "CREDIT_DASHBOARD_PORT to another port")


def main() -> None:
    parser = argparse.ArgumentParser(description="What make run does, from tables to dashboard.")
    parser.add_argument("--clients", default="20000")
    parser.add_argument("--raw", default="")
    parser.add_argument("--without", default="")
    parser.add_argument("--serve", default="1")
    words = parser.parse_args()
    if words.serve not in {"0", "1"}:
        raise SettingError(
            f"SERVE is {words.serve!r}; it takes 1 (serve at the end) or 0 (end after the export)"
        )
    if not words.clients.isdecimal() or int(words.clients) < 1:
        raise SettingError(f"CLIENTS is {words.clients!r}; it takes a whole number, 1 or more")
    raw = _raw(words.raw)
    settings = Settings.load()
    store = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri
    if words.serve == "1":
        refuse_busy_ports(settings)
        for name in set(OVERRULED) & set(os.environ):
            say(f"{name} has no effect here: make run serves what it exports")
    source = raw or f"demonstration tables of {int(words.clients):,} invented clients"
    say(f"The line runs from {source}")
    run_line(steps(raw, int(words.clients), store, words.without), store)
    if words.serve == "1":
        serve(settings)
    else:
        made = f"{ARTEFACT.relative_to(ROOT)} and {CLIENTS.relative_to(ROOT)}"
        say(f"exported: {made}; make run serves them")


def _raw(text: str) -> Path | None:
    """The folder of the user's own tables, if one is named."""
    if not text:
        return None
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise SettingError(
            f"RAW={text} is no folder; give the folder that holds the eight raw tables"
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SettingError(
            f"RAW={text} may not be read; give yourself the right to, or another folder"
        )
    return folder


def end_when_asked() -> None:
    """Take SIGTERM (a supervisor) and SIGHUP (a closed terminal) as Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # A shell lets background jobs ignore SIGINT, and our steps would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    end_when_asked()
    sys.exit(command.run(main))
