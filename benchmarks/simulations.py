"""What-if, counter-offers and missing documents: their times, and what is odd in the offers.

    python benchmarks/simulations.py [--model DIR] [--clients FILE] [--requests 60] [--check]

The application answers in this process (no socket), with one worker's models and clients; figures
are medians, wall time beside processor time. The machine's load is printed. A model without a reference gets one of its
known clients, for the time of ``/missing`` alone. ``--check`` exits with status 1 if a bound does not
hold; the bounds are on wall time, or on processor time where the load before is above 2.
"""

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np

from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.missing import missing
from project_tools.serving.offers import AMOUNT, GOODS, cells, changes, oddities, offers
from project_tools.serving.reference import ReferenceClients, compute_reference
from project_tools.serving.simulation import Client, Simulator
from project_tools.settings import OfferGrid, Settings

GRIDS = {
    60: Settings.load({}).offers,
    400: OfferGrid(tuple(range(5, 101, 5)), tuple(range(6, 121, 6))),
}
#: Milliseconds.
WHAT_IF_MS, OFFERS_MS = 80.0, {60: 150.0, 400: 500.0}
MOST_LOAD = 2.0


@dataclass(frozen=True, slots=True)
class Times:
    """Medians in milliseconds."""

    wall: float
    processor: float


def timed(ask: Callable[[int], object], ids: list[int]) -> Times:
    """The times of one question, which was asked once before."""
    ask(ids[0])
    walls, processors = [], []
    for client in ids:
        wall, processor = time.perf_counter(), time.process_time()
        ask(client)
        walls.append(1e3 * (time.perf_counter() - wall))
        processors.append(1e3 * (time.process_time() - processor))
    return Times(statistics.median(walls), statistics.median(processors))


def asked(model: Path, clients: Path, ids: list[int]) -> Iterator[tuple[str, Times, float | None]]:
    """Each question over HTTP, its times and its bound."""
    here = Path(__file__).parent  # its api.py would hide the package
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != here]
    from api import create_app

    for size, grid in GRIDS.items():
        with tempfile.TemporaryDirectory() as state:
            text = "x".join(",".join(map(str, part)) for part in (grid.shares, grid.terms))
            made = Settings.load(
                {
                    "CREDIT_MODEL": str(model),
                    "CREDIT_CLIENTS": str(clients),
                    "CREDIT_STATE": state,
                    "CREDIT_OFFERS": text,
                }
            )
            http = create_app(made).test_client()

            def get(client: int, http: Any = http) -> None:
                assert http.get(f"/offers/{client}").status_code == HTTPStatus.OK  # noqa: S101

            def post(client: int, http: Any = http) -> None:
                body = {"changes": {"AMT_CREDIT": 300_000}}
                assert http.post(f"/what_if/{client}", json=body).status_code == HTTPStatus.OK  # noqa: S101

            if size == min(GRIDS):
                yield "what-if", timed(post, ids), WHAT_IF_MS
            yield f"offers, {size} cells", timed(get, ids), OFFERS_MS[size]


def with_reference(simulator: Simulator) -> Simulator:
    """The same, with a reference of the known clients where the model has none."""
    artefact, store = simulator.artefact, simulator.store
    if artefact.reference is not None:
        return simulator
    rows = np.concatenate([*store.encode()])
    known = ~np.isnan(store.targets())
    clients = ReferenceClients(rows[known], store.targets()[known] == 1, rows)
    made = compute_reference(artefact.model, artefact.catalogue, clients, artefact.threshold)
    return simulator.of(replace(artefact, reference=made))


def oddness(simulator: Simulator, ids: list[int]) -> None:
    """Print what the offers of all clients are, and in how many cells a smaller amount is refused."""
    grid, tried, odd_cells, odd_clients = GRIDS[60], 0, 0, 0
    refused = offered = 0
    for client in map(simulator.client, ids):
        made = offers(simulator, client, grid)
        if not made.cells:
            continue
        tried += made.cells
        odd = oddities(accepted(simulator, client, grid))
        odd_cells, odd_clients = odd_cells + odd, odd_clients + bool(odd)
        if not simulator.score(client.encoded).decision.granted:
            refused, offered = refused + 1, offered + bool(made.offers)
    print(
        f"clients with a grid: {tried // 60:,} of {len(ids):,}; refused {refused:,}, of whom {offered:,} have an offer"
    )
    print(
        f"odd (a smaller amount refused, a larger one accepted over the same term): {odd_cells:,} of "
        f"{tried:,} cells, of {odd_clients:,} clients"
    )


def accepted(simulator: Simulator, client: Client, grid: OfferGrid) -> np.ndarray:
    """Which cells would be accepted, amounts along the first axis."""
    amount, goods = client.doubles[AMOUNT], client.doubles[GOODS]
    made = simulator.simulate(
        client, changes(cells(float(amount or 0), None if goods is None else float(goods), grid))
    )
    under = simulator.probabilities(made.encoded) <= simulator.artefact.threshold
    return under.reshape(len(grid.shares), len(grid.terms))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    defaults = Settings.load({})
    parser.add_argument("--model", type=Path, default=defaults.model)
    parser.add_argument("--clients", type=Path, default=defaults.clients)
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--check", action="store_true")
    words = parser.parse_args()
    logging.disable(logging.CRITICAL)
    artefact = load_artefact(words.model, child=False)
    store = ClientStore.open(words.clients, artefact)
    every = store.ids(size=1_000).ids
    ids = every[: words.requests]
    start = time.process_time()
    simulator = Simulator.load(words.model, artefact, store)
    made = 1e3 * (time.process_time() - start)
    load = os.getloadavg()[0]
    print(
        f"load {load:.1f} on {os.cpu_count()} cores; the simulator is made in {made:.0f} ms of processor time"
    )
    rows = [*asked(words.model, words.clients, ids)]
    whole = with_reference(simulator)
    rows.append(("missing (no HTTP)", timed(lambda i: missing(whole, whole.client(i)), ids), None))
    broken = []
    for what, times, bound in rows:
        value = times.wall if load <= MOST_LOAD else times.processor
        held = "" if bound is None else "held" if value <= bound else "BROKEN"
        limit = "" if bound is None else f"≤ {bound:g} ms"
        print(
            f"| {what} | {times.wall:.1f} ms | {times.processor:.1f} ms processor | {limit} | {held} |"
        )
        broken += [what] if held == "BROKEN" else []
    oddness(simulator, every)
    if broken and words.check:
        sys.exit(1)


if __name__ == "__main__":
    main()
