"""The reference of a model: who is in it, what it holds of them, and what is refused."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from project_tools.errors import ArtefactError
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.folder import FEATURES
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.manifest import MANIFEST, Manifest
from project_tools.serving.reference import (
    MOST_BYTES,
    MOST_CLIENTS,
    REFERENCE,
    SAMPLE,
    Neighbours,
    Reference,
    ReferenceClients,
    Sample,
    compute_reference,
)

NUMBER, LEVEL = (
    ServedFeature("x", "x", "number", ()),
    ServedFeature("colour", "colour", "category", ("red", "green", "blue")),
)


def sealed(folder):
    """Write the digests of the files into the manifest, as somebody who changed them would."""
    manifest = Manifest.from_bytes((folder / MANIFEST).read_bytes())
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest.files
    }
    (folder / MANIFEST).write_bytes(replace(manifest, files=files).to_bytes())


def test_the_sides_are_the_clients_next_to_the_threshold(served, artefact):
    model, clients = artefact.model, served.content.reference
    scores = model.raw_scores(clients.held_out)
    ranked = sorted(zip(model.probabilities(scores), scores, range(len(scores)), strict=True))
    granted = [row for row in ranked if row[0] <= artefact.threshold]
    refused = [row for row in ranked if row[0] > artefact.threshold]
    parts = model.contributions(clients.held_out)
    assert 50 <= len(granted) < 500 < len(refused)  # a tenth is less than 50, and more
    for side, nearest in (
        (artefact.reference.accepted, granted[-50:]),
        (artefact.reference.refused, refused[: round(len(refused) / 10)]),
    ):
        at = [row[2] for row in nearest]
        assert side.clients == len(nearest)
        assert side.raw_score == pytest.approx(np.mean([row[1] for row in nearest]))
        assert side.contributions == pytest.approx(parts[at, :-1].mean(axis=0))
        assert sum(side.contributions) + parts[0, -1] == pytest.approx(side.raw_score)


@pytest.mark.parametrize(
    ("granted", "taken"), [(0, 0), (49, 0), (50, 50), (499, 50), (740, 74), (9_000, 500)]
)
def test_a_tenth_of_a_side_is_taken_at_least_50_and_at_most_500(granted, taken):
    shares = np.r_[np.linspace(0.0, 0.2, granted), np.linspace(0.21, 1, 60)]
    sides = Neighbours.of(np.random.default_rng(1).permutation(shares), 0.2)
    assert len(sides.just_accepted) == taken
    assert len(sides.just_refused) == 50


def test_a_probability_equal_to_the_threshold_is_granted():
    sides = Neighbours.of(np.full(60, 0.2), 0.2)
    assert (len(sides.granted), len(sides.refused)) == (60, 0)


def test_the_usual_value_is_that_of_those_who_repaid(artefact):
    rng = np.random.default_rng(3)
    names = [f.name for f in artefact.features]
    rows = rng.uniform(size=(400, len(names))).astype(np.float32)
    share, amount, empty = (names.index(n) for n in ("EXT_SOURCE_2", "AMT_CREDIT", "DAYS_BIRTH"))
    rows[:, share] = rng.random(400) < 0.02  # a rare event: its median is 0
    rows[::3, amount], rows[:, empty] = np.nan, np.nan
    rows[:, [f.kind == "category" for f in artefact.features]] = 0
    defaulted = np.arange(400) % 2 == 0
    catalogue = {
        name: {**row, "display": "percent" if name == "EXT_SOURCE_2" else ""}
        for name, row in artefact.catalogue.items()
    }
    usual = compute_reference(
        artefact.model, catalogue, ReferenceClients(rows, defaulted, rows), 0.2
    ).usual
    assert usual["EXT_SOURCE_2"] == pytest.approx(rows[1::2, share].mean())
    assert usual["AMT_CREDIT"] == pytest.approx(np.nanmedian(rows[1::2, amount]))
    assert usual["DAYS_BIRTH"] is None
    assert usual["OCCUPATION_TYPE"] is None


def test_a_sample_holds_levels_few_numbers_and_nulls_as_they_are():
    rows = np.column_stack([
        np.resize([1.5, np.nan, -3.0, 0.0], 80), np.resize([0, 1, np.nan, 2, 2], 80)
    ]).astype(np.float32)  # fmt: skip
    sample = Sample.of([NUMBER, LEVEL], rows, np.arange(80) < 20)
    assert np.array_equal(sample.column(0), rows[:, 0], equal_nan=True)
    assert np.array_equal(sample.column(1), rows[:, 1], equal_nan=True)
    assert sample.defaulted.sum() == 20


def test_of_many_numbers_a_sample_holds_the_nearest_hundredth():
    rows = np.random.default_rng(2).lognormal(10, 2, (3_000, 1)).astype(np.float32)
    held = Sample.of([NUMBER], rows, np.zeros(3_000, bool)).column(0)
    assert len({*held.tolist()}) == 100
    ranks = np.searchsorted(np.sort(rows[:, 0]), [held, rows[:, 0]]) / 3_000
    assert np.abs(ranks[0] - ranks[1]).max() <= 0.011
    assert np.array_equal(np.argsort(rows[:, 0]), np.lexsort((rows[:, 0], held)))  # order is kept


def test_a_sample_of_the_largest_model_stays_within_its_bytes():
    rows = np.random.default_rng(2).normal(size=(3_500, 800)).astype(np.float32)  # nothing repeats
    sample = Sample.of([NUMBER] * 800, rows, np.arange(3_500) % 12 == 0)
    assert len(sample.to_bytes()) <= MOST_BYTES
    assert 0.7 * MOST_CLIENTS < len(sample) <= MOST_CLIENTS
    assert sample.defaulted.mean() == pytest.approx(1 / 12, abs=0.01)


def test_a_sample_is_read_as_it_was_written(artefact):
    content = artefact.reference.sample.to_bytes()
    again = Sample.from_bytes(content, artefact.features)
    assert again.to_bytes() == content
    for at in range(len(artefact.features)):
        held = artefact.reference.sample.column(at)
        assert np.array_equal(again.column(at), held, equal_nan=True)


def _saved(**changes):
    arrays = {
        "defaulted": np.zeros(3, bool), "codes": np.zeros((2, 3), np.uint8),
        "lengths": np.array([1, 3], np.uint8), "values": np.arange(4, dtype=np.float32),
    }  # fmt: skip
    import io  # noqa: PLC0415

    file = io.BytesIO()
    np.savez_compressed(file, **{**arrays, **changes})
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        _saved()[:-40],
        _saved(codes=np.ones((2, 3), np.uint8)),  # a code beyond the values of a feature
        _saved(codes=np.zeros((3, 3), np.uint8)),  # another number of features
        _saved(values=np.array([0, 1, np.nan, 3], np.float32)),
        _saved(values=np.arange(5, dtype=np.float32)),
        _saved(defaulted=np.zeros(3)),
        _saved(defaulted=np.array([None] * 3)),  # would need pickle
    ],
)
def test_a_damaged_sample_is_refused(content):
    assert len(Sample.from_bytes(_saved(), [NUMBER, LEVEL])) == 3
    with pytest.raises(ArtefactError, match="holds no sample of this model's features"):
        Sample.from_bytes(content, [NUMBER, LEVEL])


def test_the_reference_of_another_model_is_refused(served, tmp_path):
    other = replace(served.content, reference=replace(served.content.reference, band=None))
    write_artefact(tmp_path / "model", other)
    facts = json.loads((tmp_path / "model" / REFERENCE).read_text())
    facts["model"] = "0" * 64
    (tmp_path / "model" / REFERENCE).write_text(json.dumps(facts))
    with pytest.raises(ArtefactError, match=r"reference\.json is damaged"):
        load_artefact(tmp_path / "model", child=False)
    sealed(tmp_path / "model")
    with pytest.raises(ArtefactError, match="is the reference of another model"):
        load_artefact(tmp_path / "model", child=False)


@pytest.mark.parametrize("name", [REFERENCE, SAMPLE])
def test_a_model_of_format_3_needs_both_files(served, tmp_path, name):
    write_artefact(tmp_path / "model", served.content)
    (tmp_path / "model" / name).unlink()
    with pytest.raises(ArtefactError, match="is missing; export the model again"):
        load_artefact(tmp_path / "model", child=False)


def test_the_reference_of_other_features_is_refused(artefact):
    facts, sample = artefact.reference.to_files("d" * 64)
    del facts["usual"]["AMT_CREDIT"]
    with pytest.raises(ArtefactError, match=f"other features than {FEATURES} names"):
        Reference.from_files(facts, sample, artefact.features, "d" * 64)


def test_a_model_without_a_reference_is_one_of_format_2(served, tmp_path):
    write_artefact(tmp_path / "model", replace(served.content, reference=None))
    artefact = load_artefact(tmp_path / "model", child=False)
    assert artefact.reference is None
    assert artefact.manifest.format == 2
    assert not {REFERENCE, SAMPLE} & {*artefact.manifest.files}


def test_with_few_clients_on_a_side_the_reference_has_none(served, artefact):
    few = replace(served.content.reference, held_out=served.content.reference.held_out[:40])
    reference = compute_reference(artefact.model, artefact.catalogue, few, artefact.threshold)
    assert (reference.accepted, reference.refused) == (None, None)


def test_a_client_within_the_band_is_near_the_threshold(artefact):
    assert artefact.reference.band == (pytest.approx(0.15), pytest.approx(0.25))
    near = [artefact.reference.near(p) for p in (0.1, 0.16, 0.2, 0.24, 0.3)]
    assert near == [False, True, True, True, False]
    assert not replace(artefact.reference, band=None).near(0.2)
