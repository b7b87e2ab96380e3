"""The notebook on searches tells of those in the tracking store, or of the one that it is given."""

from collections.abc import Callable
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError

from project_tools.demo import generate
from project_tools.evaluation.comparison import rank_families, ranking_table
from project_tools.features.build import build
from project_tools.runs.history import judged_families
from project_tools.runs.store import Client, connect
from project_tools.runs.tuning import tune
from project_tools.settings import Settings
from tests.helpers.engines import QUICK
from tests.helpers.searches import small_search

PICTURES = 5  # the history of the trials, four curves


@pytest.fixture
def store(
    new_store: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Client:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    return connect(Settings.load({}))


def searched(folder: Path, families: str) -> None:
    tune("hyperparameter_tuning", small_search(folder / "features.parquet", families=families))


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_it_shows_the_newest_searches_and_the_one_asked_for(
    run_notebook: Callable[..., str], store: Client, tmp_path: Path
) -> None:
    generate(tmp_path / "raw", 500, 3, quiet=True)
    build(tmp_path / "raw", [tmp_path / "features.parquet"], engine=QUICK, quiet=True)
    searched(tmp_path, "logistic_l1,lightgbm")
    first = judged_families(store)
    searched(tmp_path, "xgboost")

    said = run_notebook("explore_mlflow_tracking.ipynb")
    assert ranking_table(rank_families(judged_families(store))) in said
    assert said.count("pictures.NotebookFigure") == PICTURES
    assert "fewer than ten trials" in said  # too few to say which hyperparameters mattered
    of_first = run_notebook("explore_mlflow_tracking.ipynb", SEARCH=first[0].run_id)
    assert ranking_table(rank_families(first)) in of_first
    assert "xgboost" in said
    assert "xgboost" not in of_first


@pytest.mark.usefixtures("store")
def test_without_a_search_it_says_how_to_make_one(run_notebook: Callable[..., str]) -> None:
    with pytest.raises(CellExecutionError, match="holds no finished search; make one with mlflow"):
        run_notebook("explore_mlflow_tracking.ipynb")
