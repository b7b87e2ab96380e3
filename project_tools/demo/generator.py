"""All eight tables, generated in chunks of clients on two threads."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from project_tools.demo import application, bureau, cards, oddities, previous, repayments
from project_tools.demo.files import FORMATS, Encoded, check_target, writers
from project_tools.demo.frames import Columns, frame
from project_tools.demo.people import People, people
from project_tools.errors import SettingError
from project_tools.system.progress import Bar
from project_tools.tables.declared import TABLES
from project_tools.tables.demonstration import mark_demonstration

#: Clients of a chunk: enough for fast vectors, few enough for the memory.
CHUNK = 5_000
#: Chunks generated at once; NumPy and Polars let other threads run while they compute.
THREADS = 2
FIRST_BUREAU, FIRST_PREVIOUS = 5_000_000, 1_000_000

#: The rows of one chunk, by table.
Parts = list[tuple[str, Encoded]]


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

    The same seed and number of clients give the same bytes. ``file_format`` is ``csv`` or
    ``parquet``. Raises ``SettingError`` for a number below 1, an unknown format, a directory that is
    not empty (unless ``force`` is set), tables that it did not write itself and files that cannot be
    written, and ``StorageError`` for a full disk; no table is then left half written.
    """
    if clients < 1:
        raise SettingError(f"the number of clients is {clients}; it takes 1 or more")
    check_target(directory, file_format, force=force)
    label = f"demonstration tables in {directory.name}, clients"
    encode = FORMATS[file_format].encode

    def encoded(first: int) -> Parts:
        rows = min(CHUNK, clients - first)
        return [
            (name, encode(part, first == 0)) for name, part in chunk(first, rows, clients, seed)
        ]

    with writers(directory, file_format) as write, Bar(label, clients, quiet=quiet) as bar:
        for first, parts in _in_order(encoded, range(0, clients, CHUNK)):
            for name, part in parts:
                write[name](part)
            bar.advance(min(CHUNK, clients - first))
    mark_demonstration(directory / f"{name}.{file_format}" for name in TABLES)


def _in_order(make: Callable[[int], Parts], firsts: Iterable[int]) -> Iterator[tuple[int, Parts]]:
    """The chunks in their order; at most ``THREADS`` later ones are generated meanwhile."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[tuple[int, Future[Parts]]] = deque()
        try:
            for first in firsts:
                waiting.append((first, pool.submit(make, first)))
                if len(waiting) > THREADS:
                    earliest, parts = waiting.popleft()
                    yield earliest, parts.result()
            while waiting:
                earliest, parts = waiting.popleft()
                yield earliest, parts.result()
        finally:
            for _, parts in waiting:
                parts.cancel()


def chunk(first: int, rows: int, of: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of every table for the clients ``first`` to ``first + rows - 1`` out of ``of``."""
    random = np.random.default_rng([seed, of, first])
    clients = people(random, first, rows, of)
    applications = oddities.with_oddities(
        random, clients, application.application(random, clients), first
    )
    for name, chosen in (
        ("application_train", clients.labelled), ("application_test", ~clients.labelled),
    ):  # fmt: skip
        yield name, frame(TABLES[name], _only(applications, chosen))
    loans, months = bureau.bureau(random, clients, FIRST_BUREAU + int(bureau.STRIDE * first))
    yield "bureau", frame(TABLES["bureau"], loans)
    yield "bureau_balance", frame(TABLES["bureau_balance"], months)
    yield from _lender(random, clients, FIRST_PREVIOUS + int(previous.RESERVED * first))


def _lender(
    random: np.random.Generator, clients: People, first: int
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows of the lender's own tables: earlier applications, and how granted loans were repaid."""
    loans = previous.previous(random, clients, first)
    table = TABLES["previous_application"]
    yield table.name, frame(table, _only(loans.columns, loans.shown))
    repaid = repayments.repaid(random, clients, loans)
    months = repayments.months(random, clients, loans, repaid)
    yield "POS_CASH_balance", frame(TABLES["POS_CASH_balance"], months)
    months_of_cards = cards.cards(random, clients, loans)
    table = TABLES["installments_payments"]
    yield table.name, pl.concat([
        frame(table, repayments.payments(random, clients, loans, repaid)),
        frame(table, cards.payments(random, clients, loans, months_of_cards)),
    ])  # fmt: skip
    table = TABLES["credit_card_balance"]
    yield table.name, frame(table, cards.months(random, clients, loans, months_of_cards))


def _only(columns: Columns, chosen: np.ndarray) -> Columns:
    return {name: values[chosen] for name, values in columns.items()}
