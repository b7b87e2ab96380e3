"""How a command ends: with its exit status and, where it fails, with one line in place of a
traceback.
"""

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from importlib.util import find_spec

from project_tools.errors import CreditError, SettingError
from project_tools.settings import ROOT
from project_tools.system.signals import end_like_ctrl_c

#: Exit status of a command that was interrupted (128 + SIGINT), as shells report it.
INTERRUPTED = 130
#: Exit status of a command that a supervisor ended (128 + SIGTERM).
TERMINATED = 143
#: Exit status where the program itself is at fault (EX_SOFTWARE of sysexits.h).
DEFECT = 70


def run(command: Callable[[], None]) -> int:
    """Run a command; return its exit status.

    A ``CreditError`` becomes one line on stderr. Any other exception is a defect of ours: its
    traceback goes to a file, for whoever mends it, and its kind to the person at the screen.
    """
    share_cores()
    keep_usage_private()
    ended = end_like_ctrl_c(signal.SIGTERM)
    try:
        check_environment()
        command()
    except CreditError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  (the command's own last word)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201
        return TERMINATED if ended.is_set() else INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`… | head`): no fault, nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as defect:  # noqa: BLE001  (the last net: what falls here is told and kept, not lost)
        if _was_interrupted(defect):
            print("stopped", file=sys.stderr)  # noqa: T201
            return TERMINATED if ended.is_set() else INTERRUPTED
        print(f"error: {_kept(defect)}", file=sys.stderr)  # noqa: T201
        return DEFECT
    return 0


def _was_interrupted(defect: Exception) -> bool:
    """Whether Ctrl-C lies behind it: DuckDB turns one into a ``RuntimeError`` of its own."""
    causes: list[BaseException] = [defect]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    return isinstance(causes[-1], KeyboardInterrupt) or str(causes[-1]) == "Query interrupted"


def _kept(defect: Exception) -> str:
    path = ROOT / "pickle_files" / "last_defect.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(traceback.format_exception(defect)), encoding="utf-8")
    return (
        f"this is a defect of the program ({type(defect).__name__}), not of your input; "
        f"the details are in {path}, please report them"
    )


def check_environment() -> None:
    """Refuse to start where a library is missing that a folder of ours would stand in for.

    The folder ``lightgbm/`` bears the library's name: with the library missing, ``import lightgbm``
    would find the folder, and the failure would come later and elsewhere.
    """
    spec = find_spec("lightgbm")
    if spec is None or spec.origin is None:
        raise SettingError("the library lightgbm is not installed here; run make setup")


def share_cores() -> None:
    """Let OpenMP's threads sleep while they wait for each other, unless the environment says else.

    By default they spin: two trainings on the same two cores then took 138 s in place of 8
    (LightGBM, 2,000 rows, 390 features, 300 rounds). OpenMP reads this when its library is loaded,
    so it is said before any library that brings one is imported.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def keep_usage_private() -> None:
    """MLflow reports its use to its makers unless told otherwise; a lender's machines do not."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def quiet_libraries() -> None:
    """Keep libraries' notes on stderr to warnings: what a person reads is our own progress."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # it sets its own level when imported
    for name in ("alembic", "hyperopt", "mlflow", "matplotlib", "shap"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It compares environment markers as if they were versions, and warns of what is equal.
    logging.getLogger("mlflow.utils.requirements_utils").setLevel(logging.ERROR)
    # The model's signature is given; an example would be a client's row.
    warnings.filterwarnings("ignore", message=r"(?s).*input example was not provided")
