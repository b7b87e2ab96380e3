"""Damaged, swapped and hostile folders: refused by the file's name, never loaded, the process alive."""

import contextlib
import io
import json
import os
import random
import shutil
import sys
import traceback
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.svm import LinearSVC

from project_tools.errors import ArtefactError
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.formats import skops_file
from project_tools.serving.formats.skops_file import read_skops_file
from project_tools.serving.scoring import Scorer
from tests.helpers.every_family import content_of
from tests.serving.test_artefact import edit, seal

FAMILIES = ("lightgbm", "xgboost", "random_forest", "logistic_l2")
MODEL = {"lightgbm": "model.txt", "xgboost": "model.ubj"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for name in FAMILIES:
        write_artefact(folder / name, content_of(name, folder / f"{name}.state"))
    return folder


@pytest.fixture
def copied(made, tmp_path):
    return lambda name: Path(shutil.copytree(made / name, tmp_path / name))


def model_file(name: str) -> str:
    return MODEL.get(name, "model.skops")


def files_of(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", FAMILIES)
def test_a_bit_flipped_anywhere_is_found_by_the_file(copied, name):
    folder, chance = copied(name), random.Random(name)  # noqa: S311  (damage, no secret)
    for file in files_of(folder):
        whole = (folder / file).read_bytes()
        for _ in range(8):
            damaged = bytearray(whole)
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            (folder / file).write_bytes(damaged)
            with pytest.raises(ArtefactError, match=file):
                load_artefact(folder, child=False)
        (folder / file).write_bytes(whole)
    load_artefact(folder, child=False)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_file_cut_short_anywhere_is_found_by_the_file(copied, name):
    folder, chance = copied(name), random.Random(name)  # noqa: S311  (damage, no secret)
    for file in files_of(folder):
        whole = (folder / file).read_bytes()
        for _ in range(3):
            (folder / file).write_bytes(whole[: chance.randrange(len(whole))])
            with pytest.raises(ArtefactError, match=file):
                load_artefact(folder, child=False)
        (folder / file).write_bytes(whole)


@pytest.mark.parametrize(
    "name", ["random_forest", pytest.param("logistic_l2", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("file", ["model.skops", "features.json", "golden.json", "overview.json"])
def test_damage_under_a_lying_manifest_is_refused_or_changes_nothing(copied, name, file):
    folder, chance = copied(name), random.Random(file)  # noqa: S311  (damage, no secret)
    whole, before = (folder / file).read_bytes(), load_artefact(folder, child=False)
    rows = before.model.encoder.encode_rows([{f.name: None for f in before.features}])
    for _ in range(25):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 20])):
            damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        (folder / file).write_bytes(damaged)
        seal(folder)
        with contextlib.suppress(ArtefactError):  # whatever else is raised fails
            found = load_artefact(folder, child=False)
            np.testing.assert_array_equal(
                found.model.raw_scores(rows), before.model.raw_scores(rows)
            )


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_a_native_model_damaged_under_a_lying_manifest_does_not_end_the_process(copied, name):
    folder, chance = copied(name), random.Random(name)  # noqa: S311  (damage, no secret)
    whole = (folder / model_file(name)).read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[: len(whole) // 2] + bytes(chance.randbytes(400)) + whole[len(whole) // 2 + 400 :],
    ):
        (folder / model_file(name)).write_bytes(damaged)
        seal(folder)
        with pytest.raises(ArtefactError, match=model_file(name)):
            load_artefact(folder)


@pytest.mark.parametrize("file", ["golden.json", "overview.json", "model.skops", "manifest.json"])
def test_a_file_of_another_artefact_is_refused(copied, file):
    folder, other = copied("random_forest"), copied("logistic_l2")
    shutil.copy(other / file, folder / file)
    with pytest.raises(ArtefactError, match=r"is damaged|is missing|is not in manifest"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("golden.json", "golden.json|'threshold'"),
        ("model.skops", "model.skops gives golden row 1|'explains' is 'probability'"),
    ],
)
def test_a_file_of_another_artefact_is_refused_though_the_manifest_lies(copied, file, words):
    folder, other = copied("random_forest"), copied("logistic_l2")
    shutil.copy(other / file, folder / file)
    seal(folder)
    with pytest.raises(ArtefactError, match=words):
        load_artefact(folder, child=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"explains": "log-odds"}, "'explains' is 'log-odds', model.skops scores in probability"),
        ({"explains": "points"}, "'explains' is 'points', expected 'log-odds' or 'probability'"),
        (
            {"model_format": "pickle"},
            "'model_format' is 'pickle', expected one of lightgbm-text, xgboost-ubj, sk",
        ),
        ({"model_format": "lightgbm-text"}, r"model\.txt is missing"),
        ({"threshold": None}, "'threshold' is null, expected a finite number"),
        ({"threshold": 0.9}, "'threshold' is not the one that golden.json was made with"),
        (
            {"calibration": {"method": "beta", "a": 0, "b": 0, "c": 0}},
            "'calibration' is refused: .* one of them above",
        ),
        ({"calibration": {"method": "beta", "a": 1, "b": 1, "c": 0}}, "another 'calibrated'"),
        ({"calibration": {"method": ["platt"]}}, "'calibration' is refused: unknown"),
    ],
)
def test_a_manifest_that_lies_is_refused(copied, changes, words):
    folder = copied("random_forest")
    edit(folder / "manifest.json", lambda manifest: manifest.update(changes))
    with pytest.raises(ArtefactError, match=words):
        load_artefact(folder, child=False)


def test_a_threshold_that_is_no_number_is_refused(copied):
    folder = copied("random_forest")
    content = (folder / "manifest.json").read_text()
    threshold = json.loads(content)["threshold"]
    (folder / "manifest.json").write_text(
        content.replace(f'"threshold": {threshold}', '"threshold": NaN')
    )
    with pytest.raises(ArtefactError, match=r"^manifest.json is not strict JSON: it holds NaN"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize("name", FAMILIES)
def test_features_in_another_order_are_refused(copied, name):
    folder = copied(name)
    edit(folder / "features.json", lambda rows: [rows[1], rows[0], *rows[2:]])
    seal(folder)
    # The preparation of a skops model finds its columns by name, so the golden rows tell.
    with pytest.raises(ArtefactError, match=r"feature 1 is 'EXT_SOURCE_2'|another 'raw_score'"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize("name", FAMILIES)
def test_levels_in_another_order_are_refused(copied, name):
    folder = copied(name)
    edit(
        folder / "features.json",
        lambda rows: [{**row, "levels": row["levels"][::-1]} for row in rows],
    )
    seal(folder)
    # The codes of native models stand for whatever features.json names, so the golden rows tell.
    with pytest.raises(ArtefactError, match=r"was trained on other levels|gives golden row"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_level_that_the_training_did_not_know_counts_as_null(copied, name):
    artefact = load_artefact(copied(name), child=False)
    row = {f.name: f.levels[0] if f.levels else 1.0 for f in artefact.features}
    scorer = Scorer(artefact)
    unknown, null = (scorer.score({**row, "OCCUPATION_TYPE": v}) for v in ("Astronaut", None))
    assert unknown == null
    assert np.isfinite(unknown.raw_score)


def test_links_are_refused_wherever_they_lead(copied, tmp_path):
    for file in ("model.skops", "state/state.json", "manifest.json"):
        folder = copied("random_forest")
        kept = tmp_path / "kept"
        shutil.move(folder / file, kept)
        (folder / file).symlink_to(kept)
        with pytest.raises(ArtefactError, match=f"{file} (is a link|cannot be read)"):
            load_artefact(folder, child=False)
        shutil.rmtree(folder)
    folder = copied("random_forest")
    shutil.move(folder / "state", tmp_path / "elsewhere")
    (folder / "state").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtefactError, match="state is a link"):
        load_artefact(folder, child=False)


def test_a_pipe_is_not_waited_for(copied):
    folder = copied("random_forest")
    (folder / "golden.json").unlink()
    os.mkfifo(folder / "golden.json")
    with pytest.raises(ArtefactError, match=r"golden.json is a link or no plain file"):
        load_artefact(folder, child=False)


# Files of skops, made by hand.


def unpacked(content: bytes) -> tuple[dict, dict[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(entries.pop("schema.json")), entries


def packed(schema: dict, entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(schema))
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def node(loader: str, made: str, **more) -> dict:
    module, _, name = made.rpartition(".")
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 7, **more}


TEXT = node("JsonNode", "builtins.str", content='"x"', is_json=True)
ARGUMENTS = node("TupleNode", "builtins.tuple", content=[TEXT])
NOTHING = node(
    "DictNode", "builtins.dict", content={}, key_types=node("ListNode", "builtins.list", content=[])
)


@pytest.fixture
def trap(tmp_path, monkeypatch):
    """A module that leaves a mark when it is imported."""
    mark = tmp_path / "sprung"
    (tmp_path / "trap.py").write_text(f"open({str(mark)!r}, 'w').close()\ndef spring(*a): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trap", raising=False)
    return mark


@pytest.mark.parametrize(
    "hostile",
    [
        node("FunctionNode", "trap.spring"),
        node("FunctionNode", "builtins.exec"),
        node("FunctionNode", "numpy.exp"),  # skops trusts it, we need not
        node("TypeNode", "trap.spring"),
        node("ObjectNode", "trap.spring"),
        node("ObjectNode", "sklearn.svm._classes.SVC", content=NOTHING),
        node("ObjectNode", "builtins.str", content=NOTHING),  # a trusted name by another loader
        node("ListNode", "trap.spring", content=[]),
        node("PartialNode", "functools.partial", content={
            "func": node("FunctionNode", "trap.spring"), "args": ARGUMENTS, "kwds": NOTHING, "namespace": NOTHING,
        }),
        node("MethodNode", "sklearn.pipeline.Pipeline", content={
            "func": "fit", "obj": node("ObjectNode", "sklearn.pipeline.Pipeline", content=NOTHING),
        }),
        node("OperatorFuncNode", "operator.methodcaller", attrs=ARGUMENTS),
        node("ConstructorFromReduceNode", "trap.spring", content=ARGUMENTS),
        node("DefaultDictNode", "collections.defaultdict", content={"main": NOTHING, "default_factory": TEXT}),
        node("RandomGeneratorNode", "numpy.random.Generator", content={"bit_generator": NOTHING, "seed_seq": NOTHING}),
        node("BytesNode", "builtins.bytes", file="1.npy"),
        node("SparseMatrixNode", "scipy.sparse.csr_matrix", type="scipy", file="1.npy"),
        node("NdArrayNode", "trap.spring", type="json", content=[], shape=ARGUMENTS),
        {"__class__": "spring", "__module__": "trap"},  # no loader at all
        {"__class__": ["spring"], "__module__": {}, "__loader__": ["FunctionNode"]},
    ],
    ids=lambda hostile: f"{hostile.get('__loader__')} {hostile.get('__module__')}",
)  # fmt: skip
def test_a_type_that_is_not_on_our_list_is_never_made(copied, trap, hostile):
    folder = copied("logistic_l2")
    schema, entries = unpacked((folder / "model.skops").read_bytes())
    schema["content"]["background"] = hostile
    schema["trusted"] = [
        "trap.spring",
        "builtins.exec",
    ]  # what a file says of itself counts for nothing
    (folder / "model.skops").write_bytes(packed(schema, entries))
    seal(folder)
    with pytest.raises(ArtefactError, match=r"^model.skops wants to make a .* none of the types"):
        load_artefact(folder, child=False)
    assert not trap.exists()
    assert "trap" not in sys.modules


def test_a_hostile_node_is_found_however_deep_it_lies(copied, trap):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    deep = node("FunctionNode", "trap.spring")
    for _ in range(300):
        deep = node("ListNode", "builtins.list", content=[deep])
    schema["content"]["background"] = deep
    with pytest.raises(ArtefactError, match=r"wants to make a trap\.spring"):
        read_skops_file("model.skops", packed(schema, entries))
    assert not trap.exists()


def test_an_estimator_that_skops_trusts_and_we_do_not_is_refused():
    with pytest.raises(ArtefactError, match=r"wants to make a sklearn.svm._classes.LinearSVC"):
        read_skops_file("model.skops", skops.io.dumps({"model": LinearSVC()}))


@pytest.mark.parametrize(
    "name", ["../up.npy", "/etc/passwd", "a/1.npy", "1.npz", "1.pkl", "..\\1.npy", "1.npy/"]
)
def test_an_entry_outside_the_archive_or_of_another_kind_is_refused(copied, tmp_path, name):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    with pytest.raises(ArtefactError, match=r"model\.skops holds an entry that is no array"):
        read_skops_file("model.skops", packed(schema, entries | {name: b"x"}))
    assert not (tmp_path / "up.npy").exists()


def test_an_entry_given_twice_is_refused(copied):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    buffer = io.BytesIO(packed(schema, entries))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("schema.json", "{}")
    with pytest.raises(ArtefactError, match="holds an entry twice"):
        read_skops_file("model.skops", buffer.getvalue())


def test_a_bomb_is_not_unpacked(copied, monkeypatch):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    bomb = packed(schema, entries | {"1.npy": bytes(20_000_000)})
    assert len(bomb) < 100_000
    monkeypatch.setattr(skops_file, "LARGEST_BYTES", 10_000_000)
    monkeypatch.setattr(skops_file, "_check_arrays", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(ArtefactError, match=r"unpacks to 20,\d+,\d+ bytes .* at most 10,000,000"):
        read_skops_file("model.skops", bomb)


def array(shape: str, dtype: str = "<f8", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


@pytest.mark.parametrize(
    "content",
    [
        array("(1000000000000,)"),  # eight terabytes of nothing
        array("(2,)", data=bytes(24)),
        array("(1,)", "|O", b"cos\nsystem\n(S'true'\ntR."),  # a pickle
        array("(-1,)"),
        b"\x80\x04\x95pickle",
        b"",
    ],
    ids=["promises too much", "holds too much", "pickled", "negative", "no array", "empty"],
)
def test_an_array_that_is_not_what_it_says_is_refused(copied, content):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    with pytest.raises(ArtefactError, match=r"model.skops(: an array is not| holds a damaged)"):
        read_skops_file("model.skops", packed(schema, entries | {next(iter(entries)): content}))


@pytest.mark.parametrize("protocol", [0, 1, 3, "2", None])
def test_another_protocol_is_refused(copied, protocol):
    schema, entries = unpacked((copied("logistic_l2") / "model.skops").read_bytes())
    with pytest.raises(ArtefactError, match="another skops protocol"):
        read_skops_file("model.skops", packed(schema | {"protocol": protocol}, entries))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\x80\x04\x95", bytes(1000)],
    ids=["empty", "zip", "pickle", "0"],
)
def test_what_is_no_archive_is_refused(content):
    with pytest.raises(ArtefactError, match=r"model\.skops is no whole skops file"):
        read_skops_file("model.skops", content)


def with_trees(content: bytes, change) -> bytes:
    """The file with every tree's nodes changed."""
    schema, entries = unpacked(content)
    for name, entry in entries.items():
        nodes = np.load(io.BytesIO(entry))
        if nodes.dtype.names and "left_child" in nodes.dtype.names:
            change(nodes)
            buffer = io.BytesIO()
            np.save(buffer, nodes)
            entries[name] = buffer.getvalue()
    return packed(schema, entries)


def setting(field, value):
    def change(nodes):
        nodes[field][0] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        setting("left_child", 1_000_000),
        setting("left_child", -5),
        setting("right_child", 0),  # a way without an end
        setting("feature", 1_000_000),
        setting("feature", -1),
        setting("threshold", np.nan),
    ],
    ids=["out of range", "negative", "circle", "feature", "negative feature", "NaN"],
)
def test_a_tree_that_leads_nowhere_is_refused_before_it_is_followed(copied, change):
    folder = copied("random_forest")
    path = folder / "model.skops"
    path.write_bytes(with_trees(path.read_bytes(), change))
    seal(folder)
    with pytest.raises(ArtefactError, match=r"^model.skops: a tree's nodes lead nowhere"):
        load_artefact(folder, child=False)


def test_a_tree_that_claims_fewer_nodes_than_it_has_is_refused(copied):
    folder = copied("random_forest")
    schema, entries = unpacked((folder / "model.skops").read_bytes())
    left = [schema]
    while left:
        found = left.pop()
        if isinstance(found, dict) and "node_count" in found:
            found["node_count"] = node("JsonNode", "builtins.str", content="3", is_json=True)
            del found["node_count"]["__id__"]  # skops would take the object of that id instead
        left.extend(
            found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
        )
    (folder / "model.skops").write_bytes(packed(schema, entries))
    seal(folder)
    with pytest.raises(ArtefactError, match="a tree has another number of nodes than it says"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("model", None, "no fitted model"),
        ("preparation", None, "no model with its preparation"),
        ("background", None, "weights that are not finite|no fitted model"),
        ("more", TEXT, "no model with its preparation"),
    ],
)
def test_a_payload_that_lacks_a_part_is_refused(copied, part, value, words):
    folder = copied("logistic_l2")
    schema, entries = unpacked((folder / "model.skops").read_bytes())
    null = node("JsonNode", "builtins.str", content="null", is_json=True)
    schema["content"][part] = null if value is None else value
    schema["key_types"]["content"] = [node("TypeNode", "builtins.str")] * len(schema["content"])
    (folder / "model.skops").write_bytes(packed(schema, entries))
    seal(folder)
    with pytest.raises(ArtefactError, match=f"model.skops holds ({words})"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize("concept", ["other", "Other ", ""])
def test_no_feature_of_a_model_is_explained_as_other(copied, concept):
    folder = copied("lightgbm")
    edit(folder / "catalogue.json", lambda rows: [{**row, "concept": concept} for row in rows])
    seal(folder)
    with pytest.raises(ArtefactError, match=r"catalogue.json gives the model's '\w+' no concept"):
        load_artefact(folder, child=False)


#: Changes of a file's data, and the words that name what is wrong with it.
LIES = [
    ("overview.json", lambda o: o.update(clients=2), "has not one contribution for each"),
    (
        "overview.json",
        lambda o: o.update(clients="300"),
        "'clients' is a text, expected a valid int",
    ),
    ("overview.json", lambda o: o.update(clients=300.5), "'clients' is a number, expected a valid"),
    ("overview.json", lambda o: o.__delitem__("importance"), "lacks 'importance'"),
    ("overview.json", lambda o: o.update(more=1), "holds an unknown 'more'"),
    (
        "overview.json",
        lambda o: o["importance"].update(EXT_SOURCE_2="much"),
        "'importance.EXT_SOURCE_2' is a text, expected a finite number",
    ),
    (
        "overview.json",
        lambda o: o["importance"].update(EXT_SOURCE_2=-1.0),
        "'importance.EXT_SOURCE_2' is a number, expected greater than or equal to 0",
    ),
    ("overview.json", lambda o: o["importance"].update(SECRET=1.0), "other features than"),
    ("overview.json", lambda o: o["swarms"][0].update(leader="SECRET"), "other features than"),
    ("overview.json", lambda o: o["swarms"][0]["values"].append(1.0), "has not one contribution"),
    (
        "overview.json",
        lambda o: o["swarms"][0]["contributions"].__setitem__(0, True),
        "'swarms.0.contributions.0' is a truth value, expected a finite number",
    ),
    (
        "overview.json",
        lambda o: o["swarms"][0].update(values={"0": 1}),
        "'swarms.0.values' is an object, expected a list",
    ),
    ("overview.json", lambda o: o.update(swarms=[]), "has not one contribution for each"),
    ("overview.json", lambda _: [], "its content is a list, expected an object"),
    ("golden.json", lambda g: g.update(more=1), "holds an unknown 'more'"),
    ("golden.json", lambda g: g.update(threshold="0.2"), "'threshold' is a text, expected a fin"),
    ("golden.json", lambda g: g["raw"].__setitem__(0, None), "'raw.0' is null, expected a finite"),
    ("golden.json", lambda g: g["raw"].__setitem__(0, True), "'raw.0' is a truth value, expected"),
    ("golden.json", lambda g: g.update(rows={"0": []}), "'rows' is an object, expected a list"),
    ("features.json", lambda f: f[0].update(more=1), "holds an unknown '0.more'"),
    ("features.json", lambda f: f[0].__delitem__("levels"), "lacks '0.levels'"),
    ("features.json", lambda f: f[0].update(name=1), "'0.name' is 1, expected a text"),
    ("features.json", lambda f: f[0].update(levels="AB"), "'0.levels' is 'AB', expected a list"),
    ("features.json", lambda f: f[0].update(levels=[None]), "'0.levels.0' is null, expected a te"),
    ("catalogue.json", lambda c: c[0].update(concept=None), "'0.concept' is null, expected a text"),
    ("catalogue.json", lambda c: c[0].update(kind="date"), "'0.kind' is 'date', expected 'number'"),
    ("catalogue.json", lambda c: c[0].update(unit=["days"]), "'0.unit' is a list, expected a te"),
]


@pytest.mark.parametrize(("file", "change", "words"), LIES, ids=[words for _, _, words in LIES])
def test_data_of_another_shape_is_refused_by_file_and_field(copied, file, change, words):
    folder = copied("lightgbm")
    edit(folder / file, change)
    seal(folder)
    with pytest.raises(ArtefactError) as refused:
        load_artefact(folder, child=False)
    line = str(refused.value)
    assert line.startswith(file)
    assert words in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "file", ["features.json", "catalogue.json", "golden.json", "overview.json"]
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"rows": [], "rows": []}', "a key given twice"),
        (b"[NaN]", "it holds NaN"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1e999", "its content is (a number|inf), expected"),
        (b"", "is not strict JSON"),
    ],
    ids=["twice", "NaN", "deep", "huge", "empty"],
)
def test_a_file_that_is_no_strict_json_is_refused(copied, file, content, words):
    folder = copied("lightgbm")
    (folder / file).write_bytes(content)
    seal(folder)
    with pytest.raises(ArtefactError, match=rf"^{file}:? .*{words}"):
        load_artefact(folder, child=False)


@pytest.mark.parametrize("place", ["rows", "raw", "swarms"])
def test_an_error_repeats_no_value_of_a_client(copied, place):
    folder, secret = copied("lightgbm"), "a client's own words"
    changes = {
        "rows": ("golden.json", lambda g: g["rows"][0].__setitem__(0, secret)),
        "raw": ("golden.json", lambda g: g["raw"].__setitem__(0, secret)),
        "swarms": ("overview.json", lambda o: o["swarms"][0]["values"].__setitem__(0, secret)),
    }
    edit(folder / changes[place][0], changes[place][1])
    seal(folder)
    with pytest.raises(ArtefactError) as refused:
        load_artefact(folder, child=False)
    logged = "".join(traceback.format_exception(refused.value))
    assert changes[place][0] in logged
    assert secret not in logged
