"""The served folder: it comes back as it was written, or is refused in one line."""

import hashlib
import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api.tests.served import META, THRESHOLD, Served
from project_tools.errors import ArtefactError
from project_tools.serving import verification
from project_tools.serving.artefact import (
    copy_artefact,
    load_artefact,
    verify_artefact,
    write_artefact,
)
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.manifest import Manifest
from project_tools.serving.model import ServedModel


@pytest.fixture
def folder(served: Served, tmp_path):
    return Path(shutil.copytree(served.model, tmp_path / "artefact"))


def edit(path: Path, change):
    """Change what a JSON file holds, in place."""
    data = json.loads(path.read_text())
    changed = change(data)
    changed = data if changed is None else changed
    if path.name == "manifest.json":
        changed.pop("seal")
        changed["seal"] = hashlib.sha256(plain(changed)).hexdigest()
    path.write_bytes(plain(changed))


def plain(data) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def seal(folder: Path):
    """Make the manifest agree with the files again, as one who lies would."""
    digests = {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file() and p.name != "manifest.json"
    }
    edit(folder / "manifest.json", lambda manifest: manifest.update(files=digests))


def setting(**values):
    return lambda manifest: manifest.update(values)


def test_what_is_written_comes_back(served):
    artefact = load_artefact(served.model)
    content = served.content
    assert list(artefact.features) == list(content.features)
    assert artefact.threshold == THRESHOLD
    assert artefact.model.calibration == content.calibration
    assert (
        artefact.digest == hashlib.sha256((served.model / "manifest.json").read_bytes()).hexdigest()
    )
    assert artefact.describe("DAYS_BIRTH")["label"] == "age at application"
    manifest = artefact.manifest
    assert (manifest.version, manifest.alias, manifest.run_id) == ("3", "champion", "0" * 32)
    digests = {name: value for name, value in META.items() if name.endswith("_digest")}
    assert {name: getattr(manifest, name) for name in digests} == digests
    assert "state/state.json" in manifest.files
    assert {name for name in manifest.files if not name.startswith("state/")} == {
        "model.txt", "features.json", "catalogue.json", "golden.json", "overview.json", "card.md",
        "card.html", "reference.json", "reference.npz",
    }  # fmt: skip
    assert artefact.card == content.files
    assert manifest.versions.keys() >= {"lightgbm", "numpy"}


def test_a_name_that_lightgbm_refuses_is_paired_with_the_one_it_takes(served):
    pairs = {f.name: f.model_name for f in load_artefact(served.model, child=False).features}
    name = "PREV_NAME_CONTRACT_STATUS_Refused:MEAN"
    assert pairs[name] == "PREV_NAME_CONTRACT_STATUS_Refused__COLON__MEAN"


@pytest.mark.parametrize(
    "name",
    [
        "model.txt",
        "features.json",
        "catalogue.json",
        "golden.json",
        "overview.json",
        "reference.json",
        "reference.npz",
        "state/state.json",
    ],
)
@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "longer"])
def test_a_damaged_file_is_refused_by_name(folder, name, damage):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {
        "flip": bytes(content),
        "cut": bytes(content[: len(content) // 2]),
        "empty": b"",
        "longer": bytes(content) + b"\n",
    }[damage]
    (folder / name).write_bytes(damaged)
    with pytest.raises(ArtefactError, match=rf"^{name} is damaged: its SHA-256 is [0-9a-f]{{12}}"):
        verify_artefact(folder)


def test_swapped_files_are_refused(folder):
    (folder / "features.json").rename(folder / "x")
    (folder / "catalogue.json").rename(folder / "features.json")
    (folder / "x").rename(folder / "catalogue.json")
    with pytest.raises(ArtefactError, match="is damaged"):
        verify_artefact(folder)


@pytest.mark.parametrize("name", ["model.txt", "golden.json", "state/state.json", "manifest.json"])
def test_a_missing_file_is_refused_by_name(folder, name):
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=rf"{name} (is missing|cannot be read)"):
        verify_artefact(folder)


def test_a_file_that_the_manifest_does_not_know_is_refused(folder):
    (folder / "state" / "more.parquet").write_text("")
    with pytest.raises(ArtefactError, match=r"more.parquet is not in manifest.json"):
        verify_artefact(folder)


def test_a_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(ArtefactError, match=r"no model folder .*python -m project_tools export"):
        verify_artefact(tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not strict JSON"),
        (b"[]", "holds no object"),
        (b"{", "is not strict JSON"),
        (b"\xff\xfe", "is not strict JSON"),
        (b"[" * 100_000, "is not strict JSON"),  # nested until Python gives up
        (b'{"format": 2, "format": 2}', "a key given twice"),
        (b'{"format": 2, "threshold": NaN}', "NaN"),
        (b'{"format": 2, "threshold": -Infinity}', "-Infinity"),
        (b'{"format": 1}', "has format 1, this release reads 2 and 3"),
        (b'{"format": "2"}', "has format '2'"),
        (b'{"format": 2}', "lacks 'name'"),
    ],
)
def test_a_manifest_that_is_none_is_refused(folder, content, words):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"^manifest.json .*{words}"):
        verify_artefact(folder)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("threshold", None, "'threshold' is null, expected a finite number"),
        ("threshold", "0.2", "'threshold' is '0.2', expected a finite number"),
        ("threshold", True, "'threshold' is a truth value, expected a finite number"),
        ("threshold", 1.5, "'threshold' is 1.5, expected less than or equal to 1"),
        ("threshold", -0.1, "'threshold' is -0.1, expected greater than or equal to 0"),
        pytest.param(
            "threshold", 10**400, "'threshold' is 10{39}…, expected ", id="huge threshold"
        ),
        ("fn_cost", 0, "'fn_cost' is 0, expected greater than 0"),
        pytest.param("fn_cost", 10**400, "'fn_cost' is 10{39}…, expected a fin", id="huge cost"),
        ("version", 1, "'version' is 1, expected a text"),  # the published API compared it with 1
        ("version", "", "'version' is '', expected a text that is not empty"),
        ("run_id", None, "'run_id' is null, expected a text"),
        ("format", 2.0, "'format' is 2.0, expected a valid integer"),
        ("calibration", [], "'calibration' is a list, expected an object"),
        (
            "metrics",
            {"AUC": {"value": "high", "se": None, "on": "test"}},
            "'metrics.AUC.value' is 'high', expected a finite number",
        ),
        ("metrics", {"AUC": {"value": 0.7, "on": "test"}}, "lacks 'metrics.AUC.se'"),
        (
            "metrics",
            {"AUC": {"value": 0.7, "se": None, "on": "test", "n": 1}},
            "holds an unknown 'metrics.AUC.n'",
        ),
        ("metrics", {"AUC": 0.7}, "'metrics.AUC' is 0.7, expected an object"),
        ("files", {"../secret": "0" * 64}, "'files.../secret' is .*, expected a relative name"),
        ("files", {"/etc/passwd": "0" * 64}, "'/etc/passwd', expected a relative name inside"),
        (
            "files",
            {"model.txt": "short"},
            "'files.model.txt' is 'short', expected a text of the form",
        ),
        ("versions", {"lightgbm": 4}, "'versions.lightgbm' is 4, expected a text"),
        ("comment", "sealed too", "holds an unknown 'comment'"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_name(folder, field, value, words):
    edit(folder / "manifest.json", setting(**{field: value}))
    with pytest.raises(
        ArtefactError, match=rf"^manifest.json:? .*{words}.*; export the model again$"
    ):
        verify_artefact(folder)


def test_each_field_is_asked_for(folder):
    whole = json.loads((folder / "manifest.json").read_text())
    for name in whole.keys() - {"format", "seal"}:
        (folder / "manifest.json").write_text(
            json.dumps({k: v for k, v in whole.items() if k != name})
        )
        with pytest.raises(ArtefactError, match=f"lacks '{name}'"):
            verify_artefact(folder)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('"value": 0.71', '"value": 0.91'),
        ('"3"', '"4"'),
        ("\n}", "\n }"),
        ('"seal": "', '"seal": "0'),
    ],
)
def test_what_is_typed_into_the_manifest_by_hand_is_refused(folder, written, instead):
    content = (folder / "manifest.json").read_text()
    assert content.count(written) == 1
    (folder / "manifest.json").write_text(content.replace(written, instead))
    with pytest.raises(ArtefactError, match=r"^manifest.json is damaged: .* what its seal says"):
        verify_artefact(folder)


def test_a_threshold_typed_by_hand_is_refused(folder):
    edit(folder / "manifest.json", setting(threshold=0.5))
    with pytest.raises(
        ArtefactError, match=r"'threshold' is not the one that golden.json was made"
    ):
        verify_artefact(folder, child=False)


@pytest.mark.parametrize(
    ("calibration", "words"),
    [
        ({"method": "platt", "slope": 0.9, "intercept": 0.4}, "another 'calibrated'"),
        ({"method": "platt", "slope": -0.9, "intercept": -0.4}, "'calibration' is .*slope above 0"),
        pytest.param(
            {"method": "platt", "slope": 10**400, "intercept": 0},
            "'calibration' is refused",
            id="huge slope",
        ),
        ({"method": "magic"}, "'calibration' is .*unknown calibration 'magic'"),
    ],
)
def test_another_calibration_is_refused(folder, calibration, words):
    edit(folder / "manifest.json", setting(calibration=calibration))
    with pytest.raises(ArtefactError, match=words):
        verify_artefact(folder, child=False)


def test_a_model_that_scores_otherwise_is_refused_though_its_digest_agrees(folder):
    text = (folder / "model.txt").read_text()
    head, values = text.split("leaf_value=", 1)
    first, rest = values.split(" ", 1)
    changed = f"{head}leaf_value={float(first) + 0.01!r} {rest}"
    # Each tree's length stands in the file too.
    sizes = text.split("tree_sizes=")[1].split()[0]
    changed = changed.replace(
        f"tree_sizes={sizes}", f"tree_sizes={int(sizes) + len(changed) - len(text)}"
    )
    (folder / "model.txt").write_text(changed)
    seal(folder)
    with pytest.raises(ArtefactError, match=r"gives golden row \d+ another 'raw_score'"):
        verify_artefact(folder)


def test_a_model_that_ends_its_reader_is_refused_and_the_reader_lives_on(folder):
    text = (folder / "model.txt").read_text()
    (folder / "model.txt").write_text(text[: len(text) // 2])
    seal(folder)
    with pytest.raises(ArtefactError, match=r"^model.txt cannot be read: it ended the process"):
        load_artefact(folder)


def test_features_in_another_order_are_refused(folder):
    edit(folder / "features.json", lambda rows: [rows[1], rows[0], *rows[2:]])
    seal(folder)
    with pytest.raises(
        ArtefactError, match=r"feature 1 is 'EXT_SOURCE_2' in model.txt and 'EXT_SOURCE_3'"
    ):
        verify_artefact(folder, child=False)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("features.json", lambda rows: rows[:-1], "takes 12 features, features.json names 11"),
        (
            "features.json",
            lambda _: {"a": 1},
            "features.json: its content is an object, expected a list",
        ),
        (
            "features.json",
            lambda rows: [{**rows[0], "kind": "date"}, *rows[1:]],
            "features.json: '0.kind' is 'date', expected 'number' or 'category'",
        ),
        (
            "features.json",
            lambda rows: [{"name": "A"}, *rows[1:]],
            "features.json lacks '0.model_name'",
        ),
        (
            "features.json",  # the same levels in another order would swap Drivers and Laborers
            lambda rows: [{**row, "levels": row["levels"][::-1]} for row in rows],
            "trained on other levels",
        ),
        ("catalogue.json", lambda rows: rows[1:], "does not describe the model's 'EXT_SOURCE_2'"),
        ("catalogue.json", lambda rows: [{"name": "A"}, *rows], "catalogue.json lacks '0.label'"),
        ("catalogue.json", lambda _: [1], "catalogue.json: '0' is 1, expected an object"),
        ("golden.json", lambda golden: golden.update(rows=[]), "holds no rows"),
        (
            "golden.json",
            lambda golden: golden.update(rows=[["a"] * 12]),
            "a level that it does not",
        ),
        ("golden.json", lambda golden: golden.update(rows=[[{}] * 12]), "takes a number or null"),
        ("golden.json", lambda golden: golden.update(rows=[[1, 2]]), "holds no rows of 12"),
        (
            "golden.json",
            lambda golden: golden.update(rows=[3]),
            "'rows.0' is a number, expected a list",
        ),
        ("golden.json", lambda golden: golden.update(raw=golden["raw"][:-1]), "'raw' has not one"),
        (
            "golden.json",
            lambda golden: golden.pop("calibrated") and None,
            "golden.json lacks 'calibrated'",
        ),
        ("golden.json", lambda _: [], "golden.json: its content is a list, expected an object"),
    ],
)
def test_a_lie_that_the_digests_do_not_show_is_refused(folder, name, change, words):
    edit(folder / name, change)
    seal(folder)
    with pytest.raises(ArtefactError, match=words):
        verify_artefact(folder, child=False)


def test_the_child_says_what_is_wrong_in_one_line(folder):
    edit(folder / "manifest.json", setting(threshold=0.5))
    done = subprocess.run(
        [sys.executable, "-m", "project_tools.serving.artefact", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("manifest.json: 'threshold'")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("status", "line", "words"),
    [
        (-11, "", "signal 11"),
        (1, "", "could not be verified"),
        (2, "usage", "could not be verified"),
        (0, "another digest", "could not be verified"),  # the folder was swapped meanwhile
    ],
)
def test_only_a_child_that_names_the_same_digest_is_believed(status, line, words):
    with pytest.raises(ArtefactError, match=words):
        verification._judge(status, line, "digest", "model.txt")


def test_a_child_that_takes_too_long_is_not_waited_for(folder, monkeypatch):
    monkeypatch.setattr(verification, "TIMEOUT_S", 0.001)
    with pytest.raises(ArtefactError, match=r"not read and scored within 0.001 s"):
        verify_artefact(folder)


def test_a_digest_that_is_verified_needs_no_child(folder, monkeypatch):
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    monkeypatch.setattr(verification, "TIMEOUT_S", 0.001)
    assert load_artefact(folder, verified=digest).digest == digest


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": math.nan}, "finite|strict JSON"),
        ({"threshold": 2.0}, "'threshold' is 2.0, expected less than or equal to 1"),
        ({"golden": []}, "golden rows; give one or more"),
        ({"metrics": {"AUC": {"value": math.inf, "se": None, "on": "test"}}}, "finite"),
        ({"version": ""}, "'version' is '', expected "),
        ({"metrics": {"AUC": {1}}}, "plain finite data"),
        ({"catalogue": [{"name": "A"}]}, "catalogue.json lacks '0.label'"),
    ],
)
def test_a_refused_content_leaves_the_former_artefact(served, folder, changes, words):
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ArtefactError, match=words):
        write_artefact(folder, replace(served.content, **changes))
    assert (folder / "manifest.json").read_bytes() == before
    assert [p.name for p in folder.parent.iterdir()] == ["artefact"]


def test_features_of_another_model_are_not_written(served, folder):
    features = [*served.content.features[:-1], ServedFeature("A", "A", "number", ())]
    with pytest.raises(ArtefactError, match="feature 12 is 'NAME_INCOME_TYPE'"):
        write_artefact(folder, replace(served.content, features=features))


def test_a_model_of_no_two_classes_is_not_served(served):
    content = served.content.model.content
    text = content.replace(b"objective=binary sigmoid:1", b"objective=regression")
    file = ModelFile("lightgbm-text", text)
    with pytest.raises(ArtefactError, match="predicts regression"):
        ServedModel.read(file, served.content.features, served.content.calibration)


def test_a_copy_bears_its_registered_version_and_the_same_files(served, tmp_path):
    digest = copy_artefact(served.model, tmp_path / "copy", version="7", alias="challenger")
    former, copied = (
        Manifest.from_bytes((path / "manifest.json").read_bytes())
        for path in (served.model, tmp_path / "copy")
    )
    assert load_artefact(tmp_path / "copy", child=False).digest == digest
    assert (copied.version, copied.alias) == ("7", "challenger")
    assert replace(copied, version=former.version, alias=former.alias) == former


def test_the_same_manifest_has_the_same_bytes(served):
    content = (served.model / "manifest.json").read_bytes()
    assert Manifest.from_bytes(content).to_bytes() == content
