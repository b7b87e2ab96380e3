"""All eight tables, chunk of clients by chunk of clients."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from project_tools.demo import simple
from project_tools.demo.frames import Columns, frame
from project_tools.demo.writing import check_target, writers
from project_tools.errors import SettingError
from project_tools.progress import Bar
from project_tools.tables.declared import TABLES

#: Clients made at a time: enough for fast vectors, little for the memory.
CHUNK = 10_000
#: Labelled and unlabelled clients of the published tables.
LABELLED, UNLABELLED = 307_511, 48_744
#: Ids that are free for one client's rows, so that chunks need not know of each other.
_ROOM = 40
_FIRST_CLIENT, _FIRST_BUREAU, _FIRST_PREVIOUS = 100_001, 5_000_000, 1_000_000


def generate(
    directory: Path,
    clients: int = 20_000,
    seed: int = 1,
    *,
    force: bool = False,
    file_format: str = "csv",
    quiet: bool = False,
) -> None:
    """Write invented raw tables of ``clients`` clients, labelled and not, into ``directory``.

    The same seed and number give the same bytes. ``file_format`` is ``csv`` or ``parquet``.
    Raises ``SettingError`` for a number below 1, an unknown format, a directory that is not
    empty (unless ``force``) and a disk that takes no more; no table is then left half written.
    """
    if clients < 1:
        raise SettingError(f"the number of clients is {clients}; it takes 1 or more")
    check_target(directory, file_format, force=force)
    label = f"demonstration tables in {directory.name}, clients"
    with writers(directory, file_format) as write, Bar(label, clients, quiet=quiet) as bar:
        for first in range(0, clients, CHUNK):
            rows = min(CHUNK, clients - first)
            for name, part in chunk(first, rows, clients, seed):
                write[name](part)
            bar.advance(rows)


def chunk(first: int, rows: int, of: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of every table for the clients ``first`` … ``first + rows - 1``."""
    random = np.random.default_rng([seed, of, first])
    clients = _clients(random, first, rows, of)
    application = simple.applications(random, clients)
    for name, chosen in (
        ("application_train", clients.labelled), ("application_test", ~clients.labelled),
    ):  # fmt: skip
        yield name, frame(TABLES[name], _only(application, chosen))
    loans, months = simple.bureau(random, clients, _FIRST_BUREAU + first * _ROOM)
    yield "bureau", frame(TABLES["bureau"], loans)
    yield "bureau_balance", frame(TABLES["bureau_balance"], months)
    earlier = simple.previous(random, clients, _FIRST_PREVIOUS + first * _ROOM)
    yield "previous_application", frame(TABLES["previous_application"], earlier)
    loans_ = simple.approved(earlier, clients, (0, simple.CONSUMER))
    pos, paid = simple.pos_cash(random, loans_), simple.instalments(random, loans_)
    yield "POS_CASH_balance", frame(TABLES["POS_CASH_balance"], pos)
    yield "installments_payments", frame(TABLES["installments_payments"], paid)
    cards = simple.cards(random, simple.approved(earlier, clients, (simple.CARD,)))
    yield "credit_card_balance", frame(TABLES["credit_card_balance"], cards)


def _only(columns: Columns, chosen: np.ndarray) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}


def share_of(total: int, share: float, first: int, rows: int) -> int:
    """How many of a chunk's rows a quota over all of them takes.

    >>> sum(share_of(10, 0.33, first, 5) for first in (0, 5))
    3
    """
    return round(min(first + rows, total) * share) - round(first * share)


def _clients(random: np.random.Generator, first: int, rows: int, of: int) -> simple.Clients:
    labelled_share = LABELLED / (LABELLED + UNLABELLED)
    n_labelled = share_of(of, labelled_share, first, rows)
    labelled = np.zeros(rows, dtype=bool)
    labelled[random.permutation(rows)[:n_labelled]] = True
    risk = random.standard_normal(rows)
    before = round(first * labelled_share)
    defaults = share_of(round(of * labelled_share), simple.DEFAULT_RATE, before, n_labelled)
    score = np.where(labelled, 1.4 * risk + random.gumbel(size=rows), -np.inf)
    target = np.zeros(rows, dtype=np.int64)
    target[np.argsort(-score, kind="stable")[:defaults]] = 1
    ids = _FIRST_CLIENT + np.arange(first, first + rows)
    return simple.Clients(ids, risk, labelled, target)
