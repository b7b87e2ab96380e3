"""The table of invented clients: what nobody may ask of real ones.

A store says that its clients are invented (``ClientStore.demonstration``); then the API gives their
features and outcomes as a table.
"""

import json
from collections.abc import Sequence

from project_tools.features.columns import TARGET
from project_tools.serving.clients import ClientStore
from project_tools.serving.inputs import Value

#: Clients of a table that is given as a whole, the first ones by id: 16 MB at 800 features.
MOST_CLIENTS = 1000


def whole_table(store: ClientStore, names: Sequence[str]) -> str:
    """``{feature: {id: value}}`` as JSON, as ``pandas.DataFrame`` reads it; null is null."""
    ids = store.ids(size=MOST_CLIENTS).ids
    rows = [store.row(client) for client in ids]
    columns = (f"{json.dumps(name)}:{_by_id(ids, [row[name] for row in rows])}" for name in names)
    return f"{{{','.join(columns)}}}"


def whole_targets(store: ClientStore) -> str:
    """``{"TARGET": {id: 0 or 1}}`` as JSON: of the same clients, those whose outcome is known."""
    ids, outcomes = targets(store, MOST_CLIENTS)
    return f'{{"{TARGET}":{_by_id(ids, outcomes)}}}'


def targets(store: ClientStore, most: int) -> tuple[list[int], list[int]]:
    """Ids and outcomes (1 is default) of those of the first clients whose outcome is known."""
    outcomes = [
        (client, int(value))
        for client in store.ids(size=most).ids
        if (value := store.targets()[store.position(client)]) in (0, 1)
    ]
    return [client for client, _ in outcomes], [value for _, value in outcomes]


def _by_id(ids: Sequence[int], values: Sequence[Value]) -> str:
    return json.dumps(
        dict(zip(map(str, ids), values, strict=True)),
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
