"""Reading and writing one raw table of a folder."""

from pathlib import Path

import pandas as pd


def rows_of(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.csv", dtype_backend="numpy_nullable")


def write(folder: Path, name: str, rows: pd.DataFrame) -> None:
    rows.to_csv(folder / f"{name}.csv", index=False)
