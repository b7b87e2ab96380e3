import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from project_tools.demo import generate
from project_tools.demo.files import writers
from project_tools.demo.generator import CHUNK
from project_tools.demo.oddities import UNSEEN_HOUSING
from project_tools.errors import SettingError, StorageError
from project_tools.tables.declared import TABLES
from project_tools.tables.demonstration import MARK, is_demonstration
from project_tools.tables.digest import raw_digest

CLIENTS = 400


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> dict[str, pl.DataFrame]:
    directory = tmp_path_factory.mktemp("demo") / "tables"
    generate(directory, CLIENTS, quiet=True)
    return {
        name: pl.read_csv(directory / f"{name}.csv", infer_schema_length=None) for name in TABLES
    }


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_declared_columns_in_their_order(tables, name):
    assert tuple(tables[name].columns) == TABLES[name].column_names
    assert tables[name].height > 0


@pytest.mark.parametrize("name", TABLES)
def test_texts_hold_declared_levels_and_keys_are_unique(tables, name):
    table, rows = TABLES[name], tables[name]
    for column in table.columns:
        if column.levels:
            beyond = {UNSEEN_HOUSING} if name == "application_test" else set()
            assert set(rows[column.name].drop_nulls()) <= set(column.levels) | beyond, column.name
        if not column.nullable:
            assert rows[column.name].null_count() == 0, column.name
    if table.key:
        assert not rows.select(table.key).is_duplicated().any()


def test_clients_are_labelled_in_the_published_ratio_and_default_by_quota(tables):
    train, test = tables["application_train"], tables["application_test"]
    assert train.height + test.height == CLIENTS
    assert train.height == round(CLIENTS * 307_511 / 356_255)
    assert train["TARGET"].sum() == round(train.height * 0.0807)
    assert not set(train["SK_ID_CURR"]) & set(test["SK_ID_CURR"])


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_same_seed_and_size_give_the_same_bytes(tmp_path, file_format):
    for place in ("a", "b"):
        generate(tmp_path / place, 60, 7, file_format=file_format, quiet=True)
    generate(tmp_path / "c", 60, 8, file_format=file_format, quiet=True)
    for name in TABLES:
        a, b, c = ((tmp_path / p / f"{name}.{file_format}").read_bytes() for p in "abc")
        assert a == b
        assert a != c


@pytest.mark.parametrize(
    ("clients", "file_format", "match"),
    [
        (0, "csv", "number of clients is 0"),
        (-5, "csv", "number of clients is -5"),
        (10, "xls", "unknown format of the tables 'xls'"),
    ],
)
def test_bad_settings_are_refused(tmp_path, clients, file_format, match):
    with pytest.raises(SettingError, match=match):
        generate(tmp_path / "new", clients, file_format=file_format, quiet=True)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_holds_things_needs_force(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(SettingError, match="is not empty"):
        generate(tmp_path, 10, quiet=True)
    generate(tmp_path, 10, force=True, quiet=True)
    generate(tmp_path, 10, force=True, file_format="parquet", quiet=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        ["note.txt", MARK, *(f"{name}.parquet" for name in TABLES)]
    )


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_no_half_table(tmp_path, file_format):
    """In a process of its own, whose files may grow to 200 kB and no further."""
    script = (
        "import resource, signal, sys, pathlib\n"
        "from project_tools.__main__ import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        f"sys.exit(main(['demo-data', {str(tmp_path / 'new')!r}, '--clients', '3000',"
        f" '--format', {file_format!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "the tables cannot be written" in last
    assert "File too large" in last
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "new").iterdir()) == []


def _fill_the_disk(directory: Path) -> None:
    with writers(directory, "csv") as write, Path("/dev/full").open("wb") as full:
        write["bureau"](b"rows")
        full.write(b"more than there is room for")
        full.flush()


def test_a_full_device_is_named(tmp_path):
    with pytest.raises(StorageError, match="has no room left"):
        _fill_the_disk(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_chunks_share_no_key_and_their_order_hangs_on_no_thread(tmp_path):
    """Three chunks, the last one short, on two threads."""
    clients = 2 * CHUNK + 300
    for place in "ab":
        generate(tmp_path / place, clients, 5, file_format="parquet", quiet=True)
    for name, table in TABLES.items():
        a, b = (tmp_path / place / f"{name}.parquet" for place in "ab")
        assert a.read_bytes() == b.read_bytes()
        if table.key:
            keys = pl.read_parquet(a, columns=list(table.key))
            assert not keys.is_duplicated().any()
    train = pl.read_parquet(tmp_path / "a" / "application_train.parquet", columns=["TARGET"])
    assert train["TARGET"].sum() == round(round(clients * 307_511 / 356_255) * 0.080729)


@pytest.mark.parametrize("clients", [1, 2, 7, 45])
def test_tiny_populations_have_whole_tables(tmp_path, clients):
    generate(tmp_path, clients, quiet=True)
    rows = [pl.read_csv(tmp_path / f"application_{side}.csv").height for side in ("train", "test")]
    assert sum(rows) == clients
    for name in TABLES:
        header = (tmp_path / f"{name}.csv").read_text().partition("\n")[0]
        assert tuple(header.split(",")) == TABLES[name].column_names


@pytest.mark.parametrize("name", ["bureau.csv", "bureau.csv.gz", "bureau.parquet"])
def test_tables_of_somebody_are_not_replaced(tmp_path, name):
    (tmp_path / name).write_bytes(b"somebody's own")
    with pytest.raises(SettingError, match=rf"holds {re.escape(name)}, and its tables are not as"):
        generate(tmp_path, 10, force=True, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"somebody's own"


def test_demonstration_tables_that_were_changed_are_not_replaced(tmp_path):
    generate(tmp_path, 10, quiet=True)
    changed = tmp_path / "bureau.csv"
    changed.write_text(changed.read_text() + "\n")
    before = changed.read_bytes()
    with pytest.raises(SettingError, match="not as demo-data wrote them"):
        generate(tmp_path, 20, force=True, quiet=True)
    assert changed.read_bytes() == before


def test_invented_tables_are_marked_as_such_and_no_other_in_their_place(tmp_path):
    generate(tmp_path, 10, quiet=True)
    files = [tmp_path / f"{name}.csv" for name in TABLES]
    assert is_demonstration(files, raw_digest(tmp_path))
    with files[0].open("a") as file:
        file.write("\n")
    assert not is_demonstration(files, raw_digest(tmp_path))
    (tmp_path / MARK).write_text("[]")
    assert not is_demonstration(files, raw_digest(tmp_path))
    (tmp_path / MARK).unlink()
    assert not is_demonstration(files, raw_digest(tmp_path))
