"""How a command starts and ends: its environment, its exit status, and its errors as one line."""

import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.util import find_spec

from project_tools.errors import CreditError, SettingError
from project_tools.settings import ROOT
from project_tools.system.signals import interrupt_on_sigterm

#: Exit status after Ctrl-C (128 + SIGINT), as shells report it.
INTERRUPTED = 130
#: Exit status after a supervisor's SIGTERM (128 + SIGTERM).
TERMINATED = 143
#: Exit status after a defect of the program (EX_SOFTWARE of sysexits.h).
DEFECT = 70


def run(command: Callable[[], None]) -> int:
    """Run a command and return its exit status.

    | end of the command | status | on stderr |
    |---|---|---|
    | it returns, or the reader of its output has gone (``… | head``) | 0 | |
    | ``CreditError``: the user can correct it | 1 | the message |
    | Ctrl-C | 130 | ``stopped`` |
    | SIGTERM | 143 | ``stopped`` |
    | any other exception: a defect of the program | 70 | one line that names the traceback's file |
    """
    share_cores()
    keep_usage_private()
    terminated = interrupt_on_sigterm()
    try:
        check_environment()
        command()
    except CreditError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  (the command's last line)
        return 1
    except BrokenPipeError:
        # Python flushes stdout when it exits, and would fail once more on the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001  (no error leaves without a message)
        if isinstance(error, KeyboardInterrupt) or _caused_by_interrupt(error):
            print("stopped", file=sys.stderr)  # noqa: T201
            return TERMINATED if terminated.is_set() else INTERRUPTED
        # Unexpected errors: write the traceback to a file, print one line.
        path = ROOT / "pickle_files" / "last_defect.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        message = f"this is a defect of the program ({type(error).__name__}), not of your input"
        print(f"error: {message}; the details are in {path}, please report them", file=sys.stderr)  # noqa: T201
        return DEFECT
    return 0


def _caused_by_interrupt(error: BaseException) -> bool:
    """Whether an error began with Ctrl-C: libraries such as DuckDB raise an error of their own then."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted"


def check_environment() -> None:
    """Raise ``SettingError`` if the library lightgbm is not installed.

    The folder ``lightgbm/`` has the library's name. Without the library, ``import lightgbm`` would
    find the folder, and the command would fail later, with an error that does not name the cause.
    """
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise SettingError("the library lightgbm is not installed here; run make setup")


def share_cores() -> None:
    """Let OpenMP's threads sleep while they wait for each other, unless the environment says else.

    By default they spin: two trainings on the same two cores then took 138 s instead of 8
    (LightGBM, 2,000 rows, 390 features, 300 rounds). OpenMP reads this variable when its library
    is loaded, so call this before you import a library that uses OpenMP.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def keep_usage_private() -> None:
    """Switch off MLflow's usage reports to its makers, unless the environment says else."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def quiet_libraries() -> None:
    """Show only warnings and errors of the libraries on stderr, beside our own progress lines."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # MLflow sets its level when imported
    for name in ("alembic", "hyperopt", "mlflow", "matplotlib", "shap"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # MLflow compares environment markers as if they were versions, and warns of equal ones.
    logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    # We log the model's signature; an input example would be a client's row.
    warnings.filterwarnings("ignore", message=r"(?s).*input example was not provided")
