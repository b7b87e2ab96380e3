"""The reference of a model: who is in it, what it holds of them, and what is refused."""

import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from project_tools.errors import ArtefactError
from project_tools.serving import reference
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.folder import FEATURES
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.manifest import MANIFEST, Manifest
from project_tools.serving.model import ServedModel
from project_tools.serving.reasons.gap import feature_parts
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
from tests.helpers.every_family import clients, content_of
from tests.helpers.walk import over_coalitions, walked

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
    assert 50 <= len(granted) < 500 < len(refused)  # a tenth is less than 50, and more
    for side, nearest in (
        (artefact.reference.accepted, granted[-50:]),
        (artefact.reference.refused, refused[: round(len(refused) / 10)]),
    ):
        at = [row[2] for row in nearest]
        assert side.clients == len(nearest)
        assert side.raw_score == pytest.approx(np.mean([row[1] for row in nearest]))
        assert side.facts.contributions is None
        expected = walked(model.raw, clients.held_out[:5], clients.held_out[at])
        assert side.parts(model, clients.held_out[:5]) == pytest.approx(expected, abs=1e-12)


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
    assert _size_of(sample) <= MOST_BYTES
    assert 0.7 * MOST_CLIENTS < len(sample) <= MOST_CLIENTS
    assert sample.defaulted.mean() == pytest.approx(1 / 12, abs=0.01)


def test_a_sample_is_read_as_it_was_written(artefact):
    arrays = artefact.reference.sample.arrays()
    again = Sample.from_arrays(arrays, artefact.features)
    assert all(np.array_equal(again.arrays()[name], array) for name, array in arrays.items())
    for at in range(len(artefact.features)):
        held = artefact.reference.sample.column(at)
        assert np.array_equal(again.column(at), held, equal_nan=True)


def _size_of(sample):
    file = io.BytesIO()
    np.savez_compressed(file, **sample.arrays())
    return file.tell()


def _sample(**changes):
    arrays = {
        "defaulted": np.zeros(3, bool), "codes": np.zeros((2, 3), np.uint8),
        "lengths": np.array([1, 3], np.uint8), "values": np.arange(4, dtype=np.float32),
    }  # fmt: skip
    return {name: a for name, a in {**arrays, **changes}.items() if a is not None}


@pytest.mark.parametrize(
    "arrays",
    [
        _sample(codes=None),
        _sample(codes=np.ones((2, 3), np.uint8)),  # a code beyond the values of a feature
        _sample(codes=np.zeros((3, 3), np.uint8)),  # another number of features
        _sample(values=np.array([0, 1, np.nan, 3], np.float32)),
        _sample(values=np.arange(5, dtype=np.float32)),
        _sample(defaulted=np.zeros(3)),
    ],
)
def test_a_damaged_sample_is_refused(arrays):
    assert len(Sample.from_arrays(_sample(), [NUMBER, LEVEL])) == 3
    with pytest.raises(ArtefactError, match=DAMAGED):
        Sample.from_arrays(arrays, [NUMBER, LEVEL])


DAMAGED = r"reference\.npz does not fit this model"


def _again(artefact, change):
    """The reference read from its files after a change of its arrays."""
    facts, content = artefact.reference.to_files("d" * 64)
    with np.load(io.BytesIO(content)) as arrays:
        changed = dict(arrays)
    change(changed)
    file = io.BytesIO()
    np.savez_compressed(file, **changed)
    return Reference.from_files(facts, file.getvalue(), artefact.model, "d" * 64)


def test_the_counts_are_read_as_they_were_written(served, artefact):
    again, rows = _again(artefact, dict), served.content.reference.held_out[:20]
    for one, other in (
        (again.accepted, artefact.reference.accepted),
        (again.refused, artefact.reference.refused),
    ):
        assert np.array_equal(one.parts(artefact.model, rows), other.parts(artefact.model, rows))
    assert again.to_files("d" * 64) == artefact.reference.to_files("d" * 64)


def _first(name, value):
    def change(arrays):
        arrays[name][0] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("accepted.lengths"),
        lambda arrays: arrays.update({"refused.rows": arrays["refused.rows"][:-1]}),
        lambda arrays: arrays.update({"refused.rows": arrays["refused.rows"].astype(float)}),
        lambda arrays: arrays.update({"accepted.lengths": arrays["accepted.lengths"][:-1]}),
        lambda arrays: arrays.update({"defaulted": np.array([None] * 3)}),  # would need pickle
        _first("accepted.rows", 7),  # not the number of clients
        _first("accepted.away", 255),  # more features than the leaf's path has
        lambda arrays: arrays.update({"accepted.away": arrays["accepted.away"][::-1]}),
    ],
)
def test_counts_of_other_trees_or_clients_are_refused(artefact, change):
    with pytest.raises(ArtefactError, match=DAMAGED):
        _again(artefact, change)


@pytest.mark.parametrize("content", [b"", b"no archive", "cut"])
def test_a_file_that_is_no_archive_of_arrays_is_refused(artefact, content):
    facts, whole = artefact.reference.to_files("d" * 64)
    damaged = whole[:-40] if content == "cut" else content
    with pytest.raises(ArtefactError, match=DAMAGED):
        Reference.from_files(facts, damaged, artefact.model, "d" * 64)


def test_trees_whose_counts_are_too_many_are_counted_over_fewer_clients_or_not_at_all(
    served, artefact, monkeypatch
):
    few = artefact.model, artefact.catalogue, served.content.reference, artefact.threshold
    rows = served.content.reference.held_out[:5]
    sizes = {}
    for most in (reference.MOST_SIDE_BYTES, 2_250, 100):
        monkeypatch.setattr(reference, "MOST_SIDE_BYTES", most)
        side = compute_reference(*few).refused
        sizes[most] = side.clients
        gap = artefact.model.raw_scores(rows) - side.raw_score
        assert side.parts(artefact.model, rows).sum(axis=1) == pytest.approx(gap, abs=1e-12)
        assert (side.counts is None) == (most == 100)
    whole, thinned, none = sizes.values()
    assert thinned == whole // 2
    assert none == whole


def test_the_counts_take_their_bytes_from_the_sample():
    rows = np.random.default_rng(2).normal(size=(900, 200)).astype(np.float32)
    whole, less = (
        Sample.of([NUMBER] * 200, rows, np.zeros(900, bool), most) for most in (MOST_BYTES, 100_000)
    )
    assert _size_of(less) <= 100_000
    assert 0 < len(less) < len(whole) == 900


@pytest.mark.parametrize("name", ["xgboost", "logistic_l2", "random_forest"])
def test_the_parts_of_every_family_add_up_to_the_gap(name, tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "LEAST", 5)
    content = content_of(name, tmp_path / "state")
    model = ServedModel.read(content.model, content.features, content.calibration)
    rows = model.encoder.encode_frame(clients("test").X)
    limit = float(np.median(model.probabilities(model.raw_scores(rows))))
    held = ReferenceClients(rows, np.arange(len(rows)) % 3 == 0, rows)
    catalogue = {row["name"]: row for row in content.catalogue}
    made = compute_reference(model, catalogue, held, limit)
    own = rows[:20]
    for side in (made.accepted, made.refused):
        assert (side.counts is not None) == (name == "xgboost")
        found = feature_parts(model, made, own, model.raw_scores(own), granted=side is made.refused)
        assert (found[:, -1] == side.raw_score).all()
        assert found.sum(axis=1) == pytest.approx(model.raw_scores(own), abs=1e-12)
    if name == "logistic_l2":  # exact: the definition by coalitions
        at = Neighbours.of(model.probabilities(model.raw_scores(rows)), limit).just_accepted
        expected = over_coalitions(model, own[0], rows[at])
        assert made.accepted.parts(model, own)[0] == pytest.approx(expected, abs=1e-6)


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
    facts, content = artefact.reference.to_files("d" * 64)
    del facts["usual"]["AMT_CREDIT"]
    with pytest.raises(ArtefactError, match=f"other features than {FEATURES} names"):
        Reference.from_files(facts, content, artefact.model, "d" * 64)


def test_a_model_without_a_reference_is_one_of_format_2(served, tmp_path):
    write_artefact(tmp_path / "model", replace(served.content, reference=None))
    artefact = load_artefact(tmp_path / "model", child=False)
    assert artefact.reference is None
    assert artefact.manifest.format == 2
    assert not {REFERENCE, SAMPLE} & {*artefact.manifest.files}


def test_with_few_clients_on_a_side_the_reference_has_none(served, artefact):
    few = replace(served.content.reference, held_out=served.content.reference.held_out[:40])
    made = compute_reference(artefact.model, artefact.catalogue, few, artefact.threshold)
    assert (made.accepted, made.refused) == (None, None)


def test_a_client_within_the_band_is_near_the_threshold(artefact):
    assert artefact.reference.band == (pytest.approx(0.15), pytest.approx(0.25))
    near = [artefact.reference.near(p) for p in (0.1, 0.16, 0.2, 0.24, 0.3)]
    assert near == [False, True, True, True, False]
    assert not replace(artefact.reference, band=None).near(0.2)
