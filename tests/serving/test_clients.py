"""The client store: held-out and new clients, exactly as their features were written."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.tests.served import META, write_features
from project_tools.errors import ArtefactError, FeatureError, UnknownClientError
from project_tools.features.files import exact_file
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore, write_client_store


@pytest.fixture(scope="module")
def store(served, artefact):
    return ClientStore.open(served.clients, artefact)


def plain(value):
    """A value of the frame as JSON would have it, float32 by its shortest digits."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    return float(str(np.float32(value))) if isinstance(value, float) else value


def test_training_clients_are_not_in_it(served, store):
    expected = sorted(served.ids("test") + served.ids("new"))
    assert store.ids(size=10_000).ids == expected
    assert len(store) == len(expected)
    for client_id in served.ids("train")[:5]:
        with pytest.raises(UnknownClientError, match=f"^no client {client_id} is known here$"):
            store.row(client_id)


def test_rows_are_those_of_the_feature_file(served, store):
    frame = served.frame.set_index("SK_ID_CURR").astype(object)
    for client_id in served.ids("test")[:40] + served.ids("new")[-40:]:
        row = store.row(client_id)
        assert {"SK_ID_CURR", "TARGET", "SPLIT"}.isdisjoint(row)
        assert row == {name: plain(frame.loc[client_id, name]) for name in row}


def test_columns_are_those_of_the_feature_file(served, store):
    frame = served.frame.set_index("SK_ID_CURR").loc[store.ids(size=10_000).ids]
    positions = [store.position(i) for i in frame.index]
    number, category = store.column("EXT_SOURCE_3"), store.column("OCCUPATION_TYPE")
    numbers, codes = (column.values[positions] for column in (number, category))  # noqa: PD011  (no pandas)
    np.testing.assert_array_equal(numbers, frame["EXT_SOURCE_3"])
    np.testing.assert_array_equal(codes, frame["OCCUPATION_TYPE"].cat.codes)
    assert category.levels == tuple(frame["OCCUPATION_TYPE"].cat.categories)
    np.testing.assert_array_equal(store.targets()[positions], frame["TARGET"])


@pytest.mark.parametrize("ids", [[5, 50, 51, 500, 512, 5_000, 60, 7], [100_001, 100_010, 456_255]])
@pytest.mark.parametrize(
    "prefix", ["", "5", "50", "51", "1", "100", "100001", "9", "0", "05", "1000010"]
)
def test_ids_are_found_by_their_first_digits(served, artefact, tmp_path, ids, prefix):
    frame = served.frame[served.frame["SPLIT"] == "test"].head(len(ids)).assign(SK_ID_CURR=ids)
    write_features(frame, tmp_path / "features.parquet")
    write_client_store(tmp_path / "features.parquet", tmp_path / "clients.parquet")
    small = ClientStore.open(tmp_path / "clients.parquet", artefact)
    expected = sorted(i for i in ids if str(i).startswith(prefix))
    pages = [small.ids(prefix, page, size=3) for page in (1, 2, 3, 4)]
    assert [i for page in pages for i in page.ids] == expected
    assert all(page.total == len(expected) for page in pages)
    assert pages[0].pages == max(1, math.ceil(len(expected) / 3))


def test_rows_need_not_be_in_order(served, artefact, tmp_path):
    frame = served.frame.sample(frac=1, random_state=3)
    write_features(frame, tmp_path / "features.parquet")
    write_client_store(tmp_path / "features.parquet", tmp_path / "clients.parquet")
    shuffled = ClientStore.open(tmp_path / "clients.parquet", artefact)
    straight = ClientStore.open(served.clients, artefact)
    for client_id in served.ids("test")[:10]:
        assert shuffled.row(client_id) == straight.row(client_id)
    assert shuffled.ids().ids == straight.ids().ids


@pytest.mark.parametrize(("limit", "count"), [(1, 1), (7, 7), (600, 600), (10_000, 600)])
def test_a_limit_keeps_clients_evenly_spaced(served, artefact, tmp_path, limit, count):
    assert write_client_store(served.features, tmp_path / "c.parquet", limit=limit) == count
    ids = ClientStore.open(tmp_path / "c.parquet", artefact).ids(size=10_000).ids
    assert len(ids) == count
    if limit == 7:
        gaps = np.diff(ids)
        assert gaps.max() < 1.1 * gaps.min()


def test_a_sample_is_of_known_clients_and_always_the_same(store):
    rows = store.sample(50)
    known = [dict(store.row(i)) for i in store.ids(size=10_000).ids]
    assert len(rows) == 50
    assert all(row in known for row in rows)
    assert rows == store.sample(50)


def test_threads_share_a_store(served, artefact):
    store, ids = ClientStore.open(served.clients, artefact), served.ids("new")
    straight = {i: dict(ClientStore.open(served.clients, artefact).row(i)) for i in ids[:40]}
    with ThreadPoolExecutor(2) as pool:
        assert dict(zip(straight, pool.map(store.row, straight), strict=True)) == straight


def test_an_open_store_outlives_the_rename_of_another_over_it(served, artefact, tmp_path):
    path = tmp_path / "clients.parquet"
    write_client_store(served.features, path)
    store, client_id = ClientStore.open(path, artefact), served.ids()[0]
    write_client_store(served.features, path, limit=1)
    assert store.row(client_id) == ClientStore.open(served.clients, artefact).row(client_id)


def test_an_unknown_feature_gets_the_nearest_name_and_no_list(store):
    with pytest.raises(FeatureError, match=r"'EXT_SORCE_2'; .*; did you mean 'EXT_SOURCE_2'\?$"):
        store.column("EXT_SORCE_2")
    for own in ("TARGET", "SPLIT", "SK_ID_CURR"):  # not features, so not to be shown
        with pytest.raises(FeatureError, match="unknown feature"):
            store.column(own)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("raw_digest", "another set of raw tables than the model"),
        ("split_digest", "another split than the model"),
        ("state_digest", "another feature state than the model"),
    ],
)
def test_a_store_of_another_making_is_refused(served, artefact, tmp_path, name, words):
    write_features(served.frame, tmp_path / "f.parquet", {**META, name: "f" * 64})
    write_client_store(tmp_path / "f.parquet", tmp_path / "c.parquet")
    with pytest.raises(ArtefactError, match=words):
        ClientStore.open(tmp_path / "c.parquet", artefact)


def without_meta(table):
    return table.replace_schema_metadata({})


def with_meta(meta):
    return lambda table: table.replace_schema_metadata(
        {b"credit_features": json.dumps(meta).encode()}
    )


def with_training_rows(table):
    splits = pa.array(["train", *["test"] * (len(table) - 1)])
    return table.set_column(table.schema.get_field_index("SPLIT"), "SPLIT", splits)


def with_texts_in(name):
    def change(table):
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(["many"] * len(table)))

    return change


def nothing(*_):
    """Leaves no file."""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_meta, "does not say which feature state made it"),
        (with_meta([]), "does not say which feature state made it"),
        (with_meta({"version": 1}), "does not say which feature state made it"),
        (with_training_rows, r"clients of the split \['test', 'train'\]"),
        (lambda t: pa.concat_tables([t, t.slice(0, 1)]), "holds a client twice"),
        (lambda t: t.slice(0, 0), "is empty"),
        (lambda t: t.drop_columns(["AMT_CREDIT"]), "lacks the column 'AMT_CREDIT'"),
        (lambda t: t.drop_columns(["TARGET"]), "lacks the column 'TARGET'"),
        (lambda t: t.append_column("AMT_CREDIT", t["AMT_CREDIT"]), "two columns of one name"),
        (with_texts_in("AMT_CREDIT"), "'AMT_CREDIT' is no number"),
    ],
)
def test_a_store_that_does_not_fit_is_refused(served, artefact, tmp_path, change, words):
    table = pq.read_table(served.clients)
    pq.write_table(change(table), tmp_path / "c.parquet")
    with pytest.raises(ArtefactError, match=words):
        ClientStore.open(tmp_path / "c.parquet", artefact)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (nothing, "there is no client store"),
        (lambda path: path.mkdir(), "there is no client store"),
        (lambda path: path.write_bytes(b""), "no Parquet file, or damaged"),
        (lambda path: path.write_bytes(b"SK_ID_CURR,TARGET\n"), "no Parquet file, or damaged"),
    ],
)
def test_what_is_no_store_is_refused_in_one_line(artefact, tmp_path, make, words):
    make(tmp_path / "c.parquet")
    with pytest.raises(ArtefactError, match=words) as caught:
        ClientStore.open(tmp_path / "c.parquet", artefact)
    assert "\n" not in str(caught.value)


def test_a_cut_store_is_refused(served, artefact, tmp_path):
    content = served.clients.read_bytes()
    (tmp_path / "c.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(ArtefactError, match="damaged"):
        ClientStore.open(tmp_path / "c.parquet", artefact)


def test_a_flipped_bit_never_changes_a_value_unnoticed(served, artefact, store, tmp_path):
    content, client_id = served.clients.read_bytes(), served.ids()[0]
    expected, refused = dict(store.row(client_id)), 0
    for place in np.linspace(4, len(content) - 9, 60).astype(int):
        damaged = bytearray(content)
        damaged[place] ^= 16
        path = tmp_path / f"{place}.parquet"
        path.write_bytes(damaged)
        try:
            assert dict(ClientStore.open(path, artefact).row(client_id)) == expected
        except (ArtefactError, UnknownClientError):
            refused += 1
    assert refused > 30  # most bytes are data that this client's row needs


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, _: path.write_text("no"), "is no feature file"),
        (nothing, "is no feature file"),
        (
            lambda path, served: write_features(served.frame.drop(columns="SPLIT"), path),
            "is no feature file with a column SPLIT",
        ),
        (
            lambda path, served: write_features(
                served.frame[served.frame["SPLIT"] == "train"], path
            ),
            "holds no held-out or new client",
        ),
    ],
)
def test_no_store_is_cut_from_what_is_no_feature_file(served, tmp_path, make, words):
    make(tmp_path / "f.parquet", served)
    with pytest.raises(FeatureError, match=words):
        write_client_store(tmp_path / "f.parquet", tmp_path / "c.parquet")
    assert not (tmp_path / "c.parquet").exists()


def test_doubles_lie_beside_the_features_and_are_none(known, tmp_path):
    artefact = load_artefact(known.model, child=False)
    exact, rounded = (ClientStore.open(path, artefact) for path in (known.clients, known.rounded))
    assert exact.names == rounded.names
    assert "AMT_CREDIT" in exact.exact
    assert rounded.exact == frozenset()
    table = pq.read_table(exact_file(known.features))
    kept = {row.pop("SK_ID_CURR"): row for row in table.to_pylist()}
    exact.write_columns(tmp_path / "columns.arrow")
    mapped = ClientStore.open(known.clients, artefact, columns=tmp_path / "columns.arrow")
    for client_id in exact.ids(size=50).ids:
        assert exact.row(client_id) == rounded.row(client_id) == rounded.doubles(client_id)
        wanted = {n: None if v is None or math.isnan(v) else v for n, v in kept[client_id].items()}
        assert exact.doubles(client_id) == {**exact.row(client_id), **wanted}
        assert mapped.doubles(client_id) == exact.doubles(client_id)
    with pytest.raises(UnknownClientError, match="no client 5 is known here"):
        exact.doubles(5)


def test_doubles_of_a_limited_store_are_its_clients(known, tmp_path):
    artefact = load_artefact(known.model, child=False)
    path = tmp_path / "few.parquet"
    write_client_store(known.features, path, limit=7, exact=exact_file(known.features))
    few, all_ = (ClientStore.open(p, artefact) for p in (path, known.clients))
    assert [few.doubles(i) for i in few.ids().ids] == [all_.doubles(i) for i in few.ids().ids]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda table: table.slice(1), "does not hold the doubles of this feature file"),
        (lambda table: table.take(list(range(len(table)))[::-1]), "does not hold the doubles"),
        (lambda table: table.drop_columns(["SK_ID_CURR"]), "does not hold the doubles"),
        (
            lambda table: table.set_column(
                1, table.column_names[1], pa.array([0.5] * len(table), pa.float64())
            ),
            "does not hold the doubles of this feature file; build the features again",
        ),
        (
            lambda table: table.rename_columns(["SK_ID_CURR", "X", *table.column_names[2:]]),
            "does not hold",
        ),
        (lambda _: None, "is damaged or no Parquet file; build the features again"),
    ],
)
def test_doubles_of_another_feature_file_are_refused(known, tmp_path, spoil, says):
    spoilt = spoil(pq.read_table(exact_file(known.features)))
    path, target = tmp_path / "exact.parquet", tmp_path / "clients.parquet"
    if spoilt is None:
        path.write_bytes(b"PAR1")
    else:
        pq.write_table(spoilt, path)
    with pytest.raises(FeatureError, match=says):
        write_client_store(known.features, target, exact=path)
    assert not target.exists()
