"""``score`` as people type it: the model of the settings, what it prints, and how it ends."""

import json
from pathlib import Path

import pandas as pd
import pytest

from project_tools.cli.main import main
from project_tools.governance.drift.rows import Source
from project_tools.settings import ROOT

CLIENTS = ROOT / "api" / "clients.parquet"


def test_the_committed_pair_is_scored_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(CLIENTS), str(tmp_path / "out.csv")]) == 0
    found = pd.read_csv(tmp_path / "out.csv")
    risks = int((found["proba_risk_class"] > found["threshold"]).sum())
    said = capsys.readouterr()
    assert said.out == ""
    assert f"scoring: {len(found):,} clients" in said.err
    model = json.loads((ROOT / "api" / "model" / "manifest.json").read_text())
    named = f"{model['name']} version {model['version']}"
    assert f"{len(found):,} clients scored with {named} (" in said.err
    assert f"{risks:,} are a risk" in said.err
    assert "trained on" not in said.err
    decisions = Source.open(tmp_path / "out.csv").decisions()  # as drift reads them
    assert int((~decisions.granted).sum()) == risks > 0


@pytest.mark.parametrize("option", [True, False])
def test_the_model_is_named_by_option_or_setting(
    option: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["score", str(CLIENTS), str(tmp_path / "out.parquet"), "--quiet"]
    if option:
        words += ["--model", str(tmp_path / "mine")]
    else:
        monkeypatch.setenv("CREDIT_MODEL", str(tmp_path / "mine"))
    assert main(words) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith(f"error: there is no model folder {tmp_path / 'mine'}")
    assert not (tmp_path / "out.parquet").exists()


def test_an_output_that_is_the_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = tmp_path / "clients.parquet"
    features.write_bytes(CLIENTS.read_bytes())
    assert main(["score", str(features), str(features), "--quiet"]) == 1
    assert "clients.parquet, which is read" in capsys.readouterr().err
    assert features.read_bytes() == CLIENTS.read_bytes()
