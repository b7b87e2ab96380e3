"""A whole portfolio scored: raw tables or a feature file in, one row of a decision for each client out.

The numbers are those that the API gives for one client, to the last bit. Nothing is learnt, and no
decision is recorded.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from project_tools.errors import FeatureError, SettingError, abbreviated
from project_tools.features.batch import check_no_raw_table, odd_findings
from project_tools.features.columns import ID, INDEX_COLUMNS, SPLIT, TARGET
from project_tools.features.files import ENDINGS as FEATURE_ENDINGS
from project_tools.features.files import (
    TRANSFORMED,
    check_columns,
    check_ending,
    parquet_meta,
    read_features,
    state_folder,
)
from project_tools.features.pipeline import feature_names
from project_tools.features.splits import NEW, SPLITS, TRAIN, assign_splits, split_digest
from project_tools.features.state import state_digest
from project_tools.features.transform import transformed
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.columns import CLASS, PROBABILITY, RAW_SCORE
from project_tools.serving.feature_state import state_source
from project_tools.serving.manifest import Manifest
from project_tools.serving.portfolio_reasons import REASONS_SCHEMA, reason_columns
from project_tools.serving.pyfunc import PyfuncModel
from project_tools.system.files import refuse_inputs, replacing
from project_tools.system.progress import working

#: The other columns of a scored portfolio: the threshold, and the digest of the model's manifest.
THRESHOLD, MODEL_DIGEST = "threshold", "model_digest"
SCHEMA = pa.schema({
    ID: pa.int64(), SPLIT: pa.string(), PROBABILITY: pa.float64(), THRESHOLD: pa.float64(),
    CLASS: pa.string(), MODEL_DIGEST: pa.string(),
})  # fmt: skip
ENDINGS = (".parquet", ".csv")
#: Clients in memory at a time: 52 MB as float32 at 785 features, and a few copies of that.
BATCH = 16_384


@dataclass(frozen=True, slots=True)
class PortfolioReport:
    """How many clients were scored, how many trained the model, and how many are a risk."""

    clients: int
    trained: int
    risks: int
    model: Manifest
    digest: str


@dataclass(frozen=True, slots=True)
class _Portfolio:
    """Clients to score. ``batches`` yields the model's features of one client after the other, in
    the order of ``ids``; ``splits`` says for each client whether the model was trained on it.
    """

    ids: NDArray[np.int64]
    splits: list[str]
    batches: Iterator[pd.DataFrame]


def score_portfolio(
    source: Path,
    output: Path,
    model: Path,
    *,
    without: Sequence[str] = (),
    explain: bool = False,
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = False,
) -> PortfolioReport:
    """Score all clients of a folder of raw tables or of a feature file, and write them to a file.

    The output has the columns of ``SCHEMA``, a row a client; with ``explain`` also those of
    ``REASONS_SCHEMA``. ``SPLIT`` is ``train`` for the clients
    that the model was trained on. Raw tables are transformed with the state in the model's folder;
    ``without`` names those that are missing on purpose. Raises a ``CreditError`` before the output
    is replaced.
    """
    check_output(output, source, model)
    if without and not source.is_dir():
        raise SettingError(
            f"--without names raw tables, and {source} is no folder of them; leave it out"
        )
    with working("verifying the model", quiet=quiet):
        artefact = load_artefact(model)
    if source.is_dir():
        portfolio = _from_tables(
            source, model, artefact, without,
            threads=threads, memory_limit=memory_limit, quiet=quiet,
        )  # fmt: skip
    else:
        portfolio = _from_file(source, artefact)
    risks = _write(portfolio, artefact, output, explain=explain, quiet=quiet)
    return PortfolioReport(
        clients=len(portfolio.ids),
        trained=portfolio.splits.count(TRAIN),
        risks=risks,
        model=artefact.manifest,
        digest=artefact.digest,
    )


def check_output(output: Path, source: Path, model: Path) -> None:
    """Raises ``SettingError`` for an output that cannot be written without a loss, before any work.

    That is an unknown ending, a folder, a file that is read, a second file of a raw table, or a
    file in the folder of the model or of a feature state.
    """
    if not output.name.endswith(ENDINGS) or output.name in ENDINGS:
        raise SettingError(
            f"{output.name} names no format; end it in {' or '.join(ENDINGS)} (such as "
            "scores.parquet)"
        )
    state = [state_folder(source)] if source.name.endswith(FEATURE_ENDINGS) else []
    for sealed in (model, *state):
        if output.resolve().is_relative_to(sealed.resolve()):
            raise SettingError(
                f"{output} lies in {sealed}, where one more file counts as damage; name another "
                "folder"
            )
    inputs = [*source.iterdir()] if source.is_dir() else [source]
    refuse_inputs([output], [*inputs, *(path for path in model.rglob("*") if path.is_file())])
    check_no_raw_table(output, source)


def _from_tables(
    raw_dir: Path,
    model: Path,
    artefact: Artefact,
    without: Sequence[str],
    *,
    threads: int | None,
    memory_limit: str | None,
    quiet: bool,
) -> _Portfolio:
    names, state = [feature.name for feature in artefact.features], state_source(model)
    _check_state(f"the state in {model}", state_digest(state), artefact.manifest)
    unknown = sorted({*names} - {*feature_names()})
    if unknown:
        raise FeatureError(
            f"the model in {model} takes features that this program does not compute, as "
            f"{abbreviated(unknown)}; train the model again"
        )
    made = transformed(
        raw_dir, state, without=without,
        threads=threads, memory_limit=memory_limit, quiet=quiet,
    )  # fmt: skip
    odd_findings(made.source, quiet=quiet)
    clients = made.table.select(INDEX_COLUMNS).to_pandas()
    features = made.table.select(names)
    spans = range(0, len(features), BATCH)
    return _Portfolio(
        ids=clients[ID].to_numpy(),
        splits=_splits(clients, made.raw_digest, artefact.manifest),
        batches=(features.slice(start, BATCH).to_pandas() for start in spans),
    )


def _from_file(path: Path, artefact: Artefact) -> _Portfolio:
    if not path.is_file():
        raise FeatureError(
            f"{path} is not there; give a folder of raw tables, or a feature file of the command "
            "features"
        )
    check_ending(path)
    names = [feature.name for feature in artefact.features]
    clients, meta, batches = (_parquet if path.name.endswith(".parquet") else _pickle)(path, names)
    _check_state(path.name, meta["state_digest"], artefact.manifest)
    if len(clients) == 0:
        raise FeatureError(f"{path.name} holds no client; there is nothing to score")
    if not pd.api.types.is_integer_dtype(clients[ID]):  # a null makes whole numbers floats
        raise FeatureError(f"{path.name}: {ID} is no whole number in each row; build it again")
    if clients[ID].duplicated().any():
        raise FeatureError(
            f"{path.name} holds {clients[ID].duplicated().sum():,} clients twice; build it again"
        )
    splits = clients[SPLIT].astype(object)
    if not splits.isin(SPLITS).all():
        raise FeatureError(
            f"{path.name}: {SPLIT} holds something else than {', '.join(SPLITS)}; build it again"
        )
    if meta.get(TRANSFORMED):
        splits = pd.Series(_splits(clients, meta.get("raw_digest"), artefact.manifest))
    return _Portfolio(clients[ID].to_numpy(np.int64), splits.tolist(), batches)


#: Id, outcome and split of all clients, the file's metadata, and the features batch by batch.
_Opened = tuple[pd.DataFrame, dict[str, Any], Iterator[pd.DataFrame]]


def _parquet(path: Path, names: Sequence[str]) -> _Opened:
    with _damage(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        schema = file.schema_arrow
    meta = parquet_meta(path, schema)
    columns = [*INDEX_COLUMNS, *names]
    check_columns(path, columns, schema.names)
    twice = [name for name in columns if schema.names.count(name) > 1]
    if twice:
        raise FeatureError(f"{path.name} has two columns of the name {twice[0]!r}; build it again")
    with _damage(path):
        clients = file.read(columns=list(INDEX_COLUMNS), use_pandas_metadata=False)

    def batches() -> Iterator[pd.DataFrame]:
        with _damage(path):
            for batch in file.iter_batches(BATCH, columns=list(names), use_pandas_metadata=False):
                yield batch.replace_schema_metadata(None).to_pandas()

    return clients.replace_schema_metadata(None).to_pandas(), meta, batches()


def _pickle(path: Path, names: Sequence[str]) -> _Opened:
    """The same of a pickle, which is read whole."""
    read = read_features(path, names)
    features, spans = read.frame[list(names)], range(0, len(read.frame), BATCH)
    batches = (features.iloc[start : start + BATCH] for start in spans)
    return read.frame[list(INDEX_COLUMNS)], read.meta, batches


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as why:
        raise FeatureError(f"{path} is damaged or no Parquet file; build it again") from why


def _check_state(what: str, digest: str, manifest: Manifest) -> None:
    if digest != manifest.state_digest:
        raise FeatureError(
            f"{what} is of another feature state ({str(digest)[:12]}) than the model was trained "
            f"with ({manifest.state_digest[:12]}); build the features again, with --state and the "
            "folder of the model"
        )


def _splits(clients: pd.DataFrame, raw_digest: Any, manifest: Manifest) -> list[str]:
    """The split of each client: that of the training in the very tables of it, elsewhere ``new``.

    A model's folder holds no client, so that no other table can tell who trained it.
    """
    if raw_digest != manifest.raw_digest:
        return [NEW] * len(clients)
    splits = assign_splits(clients[ID], clients[TARGET])[clients[ID]]
    if split_digest(clients[ID], splits) != manifest.split_digest:
        raise FeatureError(
            "these are the raw tables that the model was trained on, but their clients were split "
            "in another way; score the feature file of the training"
        )
    return splits.to_list()


def _write(
    portfolio: _Portfolio, artefact: Artefact, output: Path, *, explain: bool, quiet: bool
) -> int:
    """Write the decisions, batch by batch; returns how many clients are a risk."""
    scorer, total = PyfuncModel(artefact), len(portfolio.ids)
    schema = pa.schema([*SCHEMA, *REASONS_SCHEMA]) if explain else SCHEMA
    done = risks = 0
    with (
        replacing(output) as temporary,
        _writer(temporary, schema) as write,
        working("scoring", quiet=quiet, done=lambda: 100 * done / total) as step,
    ):
        for features in portfolio.batches:
            encoded = artefact.model.encoder.encode_frame(features)
            scored, start = scorer.decide(encoded, features.index), done
            done += len(features)
            risks += int((scored[CLASS] == "risk").sum())
            columns = {
                ID: portfolio.ids[start:done],
                SPLIT: portfolio.splits[start:done],
                PROBABILITY: scored[PROBABILITY].to_numpy(),
                THRESHOLD: np.full(len(features), artefact.threshold),
                CLASS: scored[CLASS].to_list(),
                MODEL_DIGEST: [artefact.digest] * len(features),
            }
            if explain:
                columns |= reason_columns(artefact, encoded, scored[RAW_SCORE].to_numpy())
            write(pa.table(columns, schema=schema))
        step.note = f"{total:,} clients"
    return risks


@contextmanager
def _writer(path: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Writes tables of a schema one after the other; a CSV has each number's shortest digits."""
    if path.name.endswith(".csv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(schema.names)
            yield lambda table: lines.writerows(zip(*table.to_pydict().values(), strict=True))
    else:
        with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
            yield file.write_table
