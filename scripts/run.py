"""The straight line: tables, features, search, model, export, then API and dashboard.

Each step is a row of ``steps``: what it reads, what it writes, the command that does it. A step
whose inputs are unchanged since it last ended well, and whose outputs are as it left them, is not
done again; ``pickle_files/run.json`` remembers that. The commands are the ones a person would type.
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
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
ARTEFACT = WORK / "artefact"
CLIENTS = WORK / "clients.parquet"
RECORD = WORK / "run.json"
BIN = Path(sys.executable).parent
PYTHON = str(BIN / "python")
MLFLOW = str(ROOT / "scripts" / "mlflow_quietly.py")
#: Seconds that the API and the dashboard have to answer after their start, and to end.
START_S, END_S = 60, 8
#: Settings of `make api` and `make dashboard` that the line sets itself: it serves what it made.
OVERRULED = ("CREDIT_MODEL", "CREDIT_CLIENTS", "CREDIT_API_URL")
SEED = "1"


@dataclass(frozen=True, slots=True)
class Step:
    """One arrow of the line. ``stands`` are files that it needs and later runs write to as well."""

    name: str
    inputs: Callable[[], str]
    outputs: tuple[Path, ...]
    command: Callable[[], Sequence[str]]
    stands: tuple[Path, ...] = ()


def steps(raw: Path | None, clients: int, store: str, without: str = "") -> list[Step]:
    """The line for the user's own tables, or for demonstration tables of that many clients.

    ``store`` is the address of the tracking store: what another one holds is not up to date.
    ``without`` names tables, between commas, that are left out on purpose.
    """
    tables = raw or WORK / "demo_tables"
    held = _file_of(store)
    left_out = ("--without", without) if without else ()
    return [
        *([] if raw else [_demonstration(tables, clients)]),
        Step(
            "features",
            lambda: signature(tables, TABLES) + code("tables", "features", "settings.py") + without,
            (FEATURES, WORK / "features.pkl.gz", WORK / "features.state"),
            lambda: _ours("features", str(tables), str(FEATURES), str(WORK / "features.pkl.gz"), *left_out),
        ),
        Step(
            "search: which family?",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "hyperparameter_tuning") + store,
            (),
            lambda: _mlflow("hyperparameter_tuning", "main", data=str(FEATURES), profile="demo", trials="2"),
            held,
        ),
        Step(
            "train and register LightGBM",
            lambda: signature(FEATURES) + code() + code_of(ROOT / "lightgbm") + store,
            (WORK / "registered.json",),
            lambda: _mlflow("lightgbm", "log_model", data=str(FEATURES), receipt=str(WORK / "registered.json")),
            held,
        ),
        Step(
            "export",
            lambda: signature(WORK / "registered.json") + signature(FEATURES) + code(),
            (ARTEFACT, CLIENTS),
            lambda: _ours("export", registered(), str(ARTEFACT), "--features", str(FEATURES), "--clients", "all"),
        ),
    ]  # fmt: skip


def _file_of(store: str) -> tuple[Path, ...]:
    """The file of a sqlite store; a server's place is not ours to look at."""
    address = store.removeprefix("sqlite:///")
    return () if address == store else (ROOT / address,)


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
    return [PYTHON, MLFLOW, "run", project, "-e", entry_point, "--env-manager", "local", *chosen]


def registered() -> str:
    """The version that the training step has just registered, as ``name/number``."""
    receipt = json.loads((WORK / "registered.json").read_text())
    return f"{receipt['name']}/{receipt['version']}"


def signature(path: Path, tables: Collection[str] = ()) -> str:
    """Names, sizes and times of a file or of a folder's files: quick, and changes when they do.

    With ``tables``, of the files of these tables alone: what else lies beside them plays no part.
    """
    files = (
        sorted(_tables_in(path, tables) if tables else path.rglob("*")) if path.is_dir() else [path]
    )
    rows = [f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files if f.is_file()]
    return hashlib.sha256("\n".join([str(path), *rows]).encode()).hexdigest()


def _tables_in(folder: Path, names: Collection[str]) -> Iterator[Path]:
    lowered = {name.lower() for name in names}
    return (file for file in folder.iterdir() if file.name.partition(".")[0].lower() in lowered)


def code(*parts: str) -> str:
    """Digest of parts of ``project_tools`` (all of it by default): changed code is out of date."""
    package = ROOT / "project_tools"
    return "".join(code_of(package / part) for part in parts) if parts else code_of(package)


def code_of(path: Path) -> str:
    """Digest of a file's code, or of all code below a folder."""
    if not path.exists():
        # The digest of nothing never changes: old features would count as up to date for ever.
        raise SettingError(
            f"{path} is not there; scripts/run.py names a part of the code that moved"
        )
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if _is_code(p))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_code(path: Path) -> bool:
    return path.suffix in {".py", ".json", ".csv", ".txt"} or path.name == "MLproject"


def run_line(line: Sequence[Step], store: str) -> None:
    """Do what is out of date, in order; stop at the first step that fails."""
    # Looked at before any step: one that makes the tracking store anew does not bring back what
    # the later ones had written to the old one.
    gone = {step.name for step in line if not _is_whole(step)}
    record = {name: state for name, state in _recorded().items() if name not in gone}
    for number, step in enumerate(line, 1):
        title = f"[{number}/{len(line)}] {step.name}"
        inputs = hashlib.sha256(step.inputs().encode()).hexdigest()
        if record.get(step.name) == {"inputs": inputs, "outputs": _outputs(step)}:
            say(f"{title}: up to date")
            continue
        say(title)
        _remember(record, step.name, None)
        start = time.perf_counter()
        _do(step, store)
        _remember(record, step.name, {"inputs": inputs, "outputs": _outputs(step)})
        say(f"{title}: done in {time.perf_counter() - start:.0f} s")


def _recorded() -> dict[str, object]:
    """What earlier runs did; nothing where the record is not there or cannot be read."""
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
    # A group of its own: the signals that end it come from here alone, each in its turn.
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
    """Let a command and what it started end in their own way; if they do not, end them.

    A library may lose an interruption that comes while it is being imported, and work on.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_S)
            return


def _is_whole(step: Step) -> bool:
    return all(path.exists() for path in (*step.outputs, *step.stands))


def _outputs(step: Step) -> str:
    return "".join(signature(path) for path in step.outputs)


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
        _end(processes.values())


def _reachable(host: str) -> str:
    """The host of an address at which a server that listens on ``host`` answers.

    >>> [_reachable(host) for host in ("127.0.0.1", "0.0.0.0", "::", "::1")]
    ['127.0.0.1', '127.0.0.1', '[::1]', '[::1]']
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (nothing is bound here)
    return f"[{host}]" if ":" in host else host


def _end(processes: Iterable["subprocess.Popen[bytes]"]) -> None:
    """Ask all to end, then end those that did not, with what they started."""
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
    if settings.api_port == settings.dashboard_port:
        raise SettingError(
            f"API and dashboard cannot both have port {settings.api_port}; "
            "set CREDIT_API_PORT or CREDIT_DASHBOARD_PORT to another"
        )
    refuse_busy(settings.api_host, settings.api_port, "CREDIT_API_HOST or CREDIT_API_PORT")
    refuse_busy("127.0.0.1", settings.dashboard_port, "CREDIT_DASHBOARD_PORT to another port")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The straight line; called by make run.")
    parser.add_argument("--clients", default="20000")
    parser.add_argument("--raw", default="")
    parser.add_argument("--without", default="")
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
    raw = _raw(words.raw)
    settings = Settings.load()
    store = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri
    if words.serve == "1":
        refuse_busy_ports(settings)
        for name in set(OVERRULED) & set(os.environ):
            say(f"{name} is not followed here: make run serves what it exports")
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
    """Asked to end by a supervisor (SIGTERM) or with the terminal (SIGHUP), end as by Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # A shell starts what it puts in the background deaf to it, and our steps would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    end_when_asked()
    sys.exit(command.run(main))
