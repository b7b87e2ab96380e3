"""A model that was trained with ``exclude=none`` on clients whose gender drives the label.

Nobody is given a reason where the protected concept is one; the expert view shows it.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from api import create_app
from api.tests.running import settings
from api.tests.served import META, invented_features, write_features
from project_tools.cli.main import main
from project_tools.features.catalogue import all_features, catalogue
from project_tools.models.dataset import Dataset, excluded_features
from project_tools.models.training import train
from project_tools.runs.served_form import artefact_content
from project_tools.serving.artefact import write_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.reasons.languages import LANGUAGES
from tests.helpers.every_family import SMALL, row_of

BLOCKED = {language: words.blocked for language, words in LANGUAGES.items()}


def dataset(frame: pd.DataFrame, split: str) -> Dataset:
    """The clients of a split with all features, as ``exclude=none`` leaves them."""
    rows = frame[frame["SPLIT"] == split].reset_index(drop=True)
    names = [name for name in rows.columns if name in all_features()]
    assert not excluded_features((), catalogue(names), source="frame")
    assert "CODE_GENDER" in names
    y = rows["TARGET"].astype("int8").to_numpy()
    return Dataset(rows[names], y, rows["SK_ID_CURR"].to_numpy(), META, "d" * 64, Path("f.parquet"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the feature file, the model and the client store."""
    folder = tmp_path_factory.mktemp("protected")
    frame = invented_features(1_800, seed=5)
    men = (frame["CODE_GENDER"].astype(str) == "M").to_numpy()
    likely = np.random.default_rng(6).random(len(frame)) < np.where(men, 0.5, 0.03)
    frame["TARGET"] = np.where(frame["TARGET"].isna(), np.nan, likely).astype("float32")
    frame = frame.drop(columns="PREV_NAME_CONTRACT_STATUS_Refused:MEAN")  # not of the catalogue
    write_features(frame, folder / "features.parquet")
    state = folder / "state"
    state.mkdir()
    (state / "state.json").write_text('{"version": 1}\n')
    data, test = dataset(frame, "train"), dataset(frame, "test")
    content = artefact_content(
        train(row_of("lightgbm"), SMALL["lightgbm"], data, folds=3),
        name="credit_scoring", run_id="0" * 32, commit="", metrics={},
        training=data.X, held_out=test.X, state=state, defaulted=data.y == 1,
    )  # fmt: skip
    write_artefact(folder / "model", content)
    write_client_store(folder / "features.parquet", folder / "clients.parquet")
    return folder


@pytest.fixture(scope="module")
def scores(made: Path) -> pd.DataFrame:
    """What ``credit score --explain`` says of every client who was not trained on."""
    out = made / "scores.csv"
    words = ["score", str(made / "features.parquet"), str(out), "--model", str(made / "model")]
    assert main([*words, "--explain"]) == 0
    found = pd.read_csv(out).set_index("SK_ID_CURR")
    return found[found["SPLIT"] != "train"]


def test_a_portfolio_has_no_reason_where_gender_is_one(scores: pd.DataFrame) -> None:
    blocked = scores["blocked"]
    assert blocked.mean() > 0.8
    assert scores.loc[blocked, [f"reason_{n}" for n in (1, 2, 3, 4)]].isna().all(axis=None)
    assert scores.loc[~blocked, "reason_1"].notna().all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_explanation_says_that_no_reason_may_be_given_and_shows_experts_why(
    made: Path, scores: pd.DataFrame, language: str
) -> None:
    http = create_app(settings(made / "model", made / "clients.parquet")).test_client()
    asked = {"Accept-Language": language}
    for client in scores.index[scores["blocked"]][:20]:
        found = http.get(f"/explanation/{client}", headers=asked)
        answer = found.get_json()
        assert found.status_code == 200
        assert (answer["reasons"], answer["other_side"]) == ([], [])
        assert answer["blocked"] == BLOCKED[language]
        parts = {one["code"]: one["contribution"] for one in answer["concepts"]}
        group = next(one for one in answer["groups"] if one["code"] == "protected")
        assert group["contribution"] == pytest.approx(parts["protected"], abs=1e-12)
        assert {one["name"] for one in group["features"]} == {"CODE_GENDER"}
        assert group["contribution"] * (1 if scores.loc[client, "class"] == "risk" else -1) > 0
    for client in scores.index[~scores["blocked"]][:5]:
        answer = http.get(f"/explanation/{client}", headers=asked).get_json()
        assert answer["blocked"] is None
        assert "protected" not in {one["code"] for one in answer["reasons"] + answer["other_side"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_on_the_telephone_no_reason_is_said(
    made: Path, scores: pd.DataFrame, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    client = str(scores.index[scores["blocked"]][0])
    where = ["--model", str(made / "model"), "--clients", str(made / "clients.parquet")]
    assert main(["explain", client, *where, "--language", language]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == BLOCKED[language]
    assert not any(line.lstrip().startswith(("+", "\N{MINUS SIGN}")) for line in printed)
