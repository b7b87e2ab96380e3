"""``mlflow run PROJECT`` as typed: the stand-in for pyenv, no activation, half-built environments."""

import fcntl
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from project_tools.errors import SettingError
from project_tools.settings import ROOT
from tests.project.scripts import load

BIN = Path(sys.executable).parent
SYSTEM = "/usr/local/bin:/usr/bin:/bin"
STAND_IN = (ROOT / "scripts" / "pyenv_stand_in.sh").read_text()


@pytest.fixture(scope="module")
def command() -> ModuleType:
    return load("scripts/mlflow_command.py")


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A stand-in in an environment of its own, whose path holds a blank."""
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to(sys.executable)
    return executable(folder / "pyenv", STAND_IN)


def executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def called(
    stand_in: Path, *words: str, path: str = SYSTEM, status: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["pyenv", *words], env={"PATH": f"{stand_in.parent}:{path}"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done


def test_set_up_put_the_stand_in_and_the_look_before_a_run_into_the_environment() -> None:
    assert (BIN / "pyenv").read_text() == STAND_IN
    assert str(ROOT / "scripts" / "mlflow_command.py") in (BIN / "mlflow").read_text()


def test_without_pyenv_the_environment_s_own_python_is_offered(stand_in: Path) -> None:
    own = ".".join(map(str, sys.version_info[:3]))
    root = Path(called(stand_in, "root").stdout.strip())
    assert root == stand_in.parent.parent / "pyenv"
    assert called(stand_in, "install", "--skip-existing", own).stderr == ""
    other = called(stand_in, "install", "--skip-existing", "3.11.99")
    assert f"gets Python {own} in place of 3.11.99" in other.stderr
    for version in (own, "3.11.99"):
        python = root / "versions" / version / "bin" / "python"
        made = stand_in.parent / version
        # As MLflow makes a project's environment.
        subprocess.run([python, "-m", "venv", "--without-pip", made], check=True, timeout=60)
        said = subprocess.run([made / "bin" / "python", "-V"], capture_output=True, check=True)
        assert said.stdout.decode().strip() == f"Python {own}"
    assert called(stand_in, "install", "--list").stdout.strip() == own


@pytest.mark.parametrize("words", [("global",), (), ("install", "pypy")])
def test_what_the_stand_in_does_not_know_is_one_line(
    stand_in: Path, words: tuple[str, ...]
) -> None:
    (line,) = called(stand_in, *words, status=1).stderr.splitlines()
    assert "pyenv" in line


def test_a_real_pyenv_on_the_path_gets_every_call(stand_in: Path, tmp_path: Path) -> None:
    real = executable(tmp_path / "real" / "pyenv", '#!/bin/sh\necho "real: $*"\n')
    elsewhere = executable(tmp_path / "another clone" / "pyenv", STAND_IN)
    path = f"{tmp_path / 'no folder'}:{elsewhere.parent}:{real.parent}:{SYSTEM}"
    assert called(stand_in, "root", path=path).stdout == "real: root\n"
    done = called(stand_in, "install", "--skip-existing", "3.11.7", path=path)
    assert done.stdout == "real: install --skip-existing 3.11.7\n"


def test_two_stand_ins_do_not_call_each_other_without_end(stand_in: Path, tmp_path: Path) -> None:
    other = executable(tmp_path / "another clone" / "pyenv", STAND_IN)
    root = called(stand_in, "root", path=f"{other.parent}:{SYSTEM}").stdout.strip()
    assert root == str(stand_in.parent.parent / "pyenv")


@pytest.mark.parametrize(
    ("manager", "program"), [("virtualenv", "pyenv"), ("uv", "uv"), ("local", "python")]
)
def test_without_activation_a_run_is_refused_in_one_line(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, manager: str, program: str
) -> None:  # fmt: skip
    executable(tmp_path / "python", "#!/bin/sh\n")  # another environment's
    monkeypatch.setenv("PATH", str(tmp_path))
    says = rf"is not active, so MLflow does not find its {program}; run: source \S*/bin/activate$"
    with pytest.raises(SettingError, match=says) as refused:
        command.look(ROOT / "lightgbm", manager, ExitStack())
    assert "\n" not in str(refused.value)


@pytest.mark.slow  # it imports all of MLflow's projects
def test_a_pyenv_that_fails_is_one_line(tmp_path: Path) -> None:
    """As one that is to download Python where there is no network."""
    real = executable(
        tmp_path / "real" / "pyenv", "#!/bin/sh\necho no network >&2\nexit 1\n"
    ).parent
    environ = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{real}{os.pathsep}{SYSTEM}", "MLFLOW_ENV_ROOT": str(tmp_path),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
    }  # fmt: skip
    done = subprocess.run(
        [BIN / "mlflow", "run", "lightgbm"], cwd=ROOT, env=environ,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "a command that makes the project's environment failed" in last
    assert last.endswith("--env-manager local")
    assert "no network" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("manager", ["virtualenv", "uv", "local"])
def test_an_active_environment_is_taken(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, manager: str
) -> None:
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{SYSTEM}")
    command.refuse_inactive(manager)


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """An environment as ``mlflow run`` makes it of two packages, and their requirements."""
    environment, requirements = tmp_path / "envs" / "mlflow-1", tmp_path / "requirements.txt"
    requirements.write_text(
        "# a comment\nrich==15.0.0 ; sys_platform != 'nowhere'\nzope.one==1\n"
        "unneeded==2 ; python_full_version < '3'\n"
    )
    site = environment / "lib" / "python3.11" / "site-packages"
    for name in ("rich", "zope_one"):
        folder = site / f"{name}-1.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (folder / "RECORD").write_text("")
    (environment / "bin").mkdir()
    (environment / "bin" / "activate").touch()
    (environment / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.11.7\n")
    return environment, requirements


def test_a_whole_environment_is_kept(command: ModuleType, made: tuple[Path, Path]) -> None:
    with ExitStack() as stack:
        command.make_whole(*made, stack)
    assert made[0].is_dir()


@pytest.mark.parametrize("lacks", ["bin/activate", "rich-1.dist-info", "zope_one-1.dist-info/RECORD"])  # fmt: skip
def test_a_half_built_environment_is_made_anew(
    command: ModuleType, made: tuple[Path, Path], capsys: pytest.CaptureFixture[str], lacks: str
) -> None:
    environment, requirements = made
    (path,) = [*environment.rglob(lacks)]
    path.rename(environment / "gone")
    with ExitStack() as stack:
        command.make_whole(environment, requirements, stack)
        assert not environment.exists()
        # Whoever comes while it is being made must neither take nor remove it.
        environment.mkdir()
        with (
            ExitStack() as other,
            pytest.raises(SettingError, match="another mlflow run is making the environment"),
        ):
            command.make_whole(environment, requirements, other)
    assert "was not finished" in capsys.readouterr().err
    with environment.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.slow  # it imports all of MLflow's projects
def test_the_environment_that_is_looked_at_is_the_one_that_mlflow_takes(
    command: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mlflow.projects.backend import local  # noqa: PLC0415
    from mlflow.utils import virtualenv  # noqa: PLC0415

    taken: list[Path] = []

    def noted(**words: object) -> str:
        taken.append(Path(str(words["env_dir"])))
        raise KeyboardInterrupt

    monkeypatch.setenv("MLFLOW_ENV_ROOT", str(tmp_path))
    monkeypatch.setattr(local, "_create_virtualenv", noted)
    monkeypatch.setattr(local, "get_or_create_run", lambda *_: _Run)
    monkeypatch.setattr(local.tracking.MlflowClient, "set_tag", lambda *_: None)
    config = {
        "ENV_MANAGER": "virtualenv", "SYNCHRONOUS": True, "DOCKER_ARGS": None, "STORAGE_DIR": None,
        "build_image": False, "docker_auth": None,
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        local.LocalBackend().run(
            str(ROOT / "lightgbm"), "main", {}, None, config, "sqlite:///x.db", "0"
        )
    assert taken == [command.environment_of(ROOT / "lightgbm")]
    assert taken[0].parent == Path(virtualenv._get_mlflow_virtualenv_root()) == tmp_path


class _Run:
    class info:  # noqa: N801
        run_id = "1"
