"""Renew the committed pair, api/model and api/clients.parquet, from demonstration tables.

It does what ``make run`` does, smaller, in a folder and a tracking store of its own; ``make
api-pair`` calls it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from project_tools.errors import CreditError
from project_tools.settings import ROOT
from project_tools.system import command

BIN = Path(sys.executable).parent
#: Demonstration clients, and the held-out ones among them that a clone serves: the pair is small.
CLIENTS, SERVED, SEED = 12_000, 400, "7"
LARGEST_BYTES = 5_000_000


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="api-pair-") as folder:
        work = Path(folder)
        tables, features = work / "tables", work / "features.parquet"
        receipt = work / "registered.json"
        environ = os.environ | {
            "MLFLOW_TRACKING_URI": f"sqlite:///{work / 'mlflow.db'}",
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",  # MLflow takes python from it
        }
        tools = [str(BIN / "python"), "-m", "project_tools"]
        model = ["-e", "log_model", "--env-manager", "local", "-P", f"data={features}"]
        for words in (
            [*tools, "demo-data", str(tables), "--clients", str(CLIENTS), "--seed", SEED],
            [*tools, "features", str(tables), str(features)],
            [str(BIN / "mlflow"), "run", "lightgbm", *model, "-P", f"receipt={receipt}", "-P", "profile=demo"],
            [*tools, "export", "credit_scoring@champion", str(ROOT / "api" / "model"),
             "--features", str(features), "--clients", str(SERVED)],
        ):  # fmt: skip
            done = subprocess.run(words, cwd=ROOT, env=environ, check=False)  # noqa: S603  (our own commands)
            if done.returncode:
                raise CreditError(f"{' '.join(words[:4])} … ended with status {done.returncode}")
    size = sum(path.stat().st_size for path in pair())
    if size > LARGEST_BYTES:
        raise CreditError(f"the pair holds {size:,} bytes; at most {LARGEST_BYTES:,} are committed")
    print(f"api/model and api/clients.parquet: {size:,} bytes, of invented clients; commit both")


def pair() -> list[Path]:
    """The files of the pair."""
    model = [path for path in (ROOT / "api" / "model").rglob("*") if path.is_file()]
    return [*model, ROOT / "api" / "clients.parquet"]


if __name__ == "__main__":
    sys.exit(command.run(main))
