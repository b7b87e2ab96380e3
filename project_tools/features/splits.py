"""Splits clients into training, held-out and new ones, by client id.

A keyed hash of the id ranks the clients of each outcome: the order of rows does not matter, and
added clients move only a few others across the boundary.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from project_tools.errors import SettingError, TableError
from project_tools.features.columns import ID, SPLIT

#: Key of the hash; another key gives another split.
SPLIT_SEED = 20_260_101
TRAIN, TEST, NEW = "train", "test", "new"
SPLITS = (TRAIN, TEST, NEW)


def assign_splits(
    ids: Iterable[int], target: Iterable[Any], *, seed: int = SPLIT_SEED, test_share: float = 0.2
) -> pd.Series:
    """``train``, ``test`` or ``new`` by client id; ``new`` where the target is null.

    Stratified: of each outcome the ``test_share`` of clients with the smallest hashes is held
    out (rounded to the nearest client). Raises ``TableError`` for an id that occurs twice and
    ``SettingError`` for a share outside [0, 1).

    >>> assign_splits([7, 8, 9], [0, 0, None], test_share=0.5).to_dict()
    {7: 'test', 8: 'train', 9: 'new'}
    """
    if not 0 <= test_share < 1:
        raise SettingError(f"test_share is {test_share}; it takes a share from 0 to below 1")
    outcome = pd.Series(list(target), index=pd.Index(list(ids), name=ID), dtype="float64")
    if outcome.index.has_duplicates:
        raise TableError(
            f"{outcome.index.duplicated().sum()} client ids occur in the applications twice"
        )
    splits = pd.Series(NEW, index=outcome.index, dtype="str", name=SPLIT)
    for _, clients in outcome.dropna().groupby(outcome):
        held_out = _smallest_hashes(clients.index.to_numpy("int64"), seed, test_share)
        splits[clients.index] = np.where(held_out, TEST, TRAIN)
    return splits


def split_digest(ids: Iterable[int], splits: Iterable[str]) -> str:
    """SHA-256 of each client's split; the order of the clients does not matter."""
    digest = hashlib.sha256()
    for client, split in sorted(zip(ids, splits, strict=True)):
        digest.update(f"{int(client)}\t{split}\n".encode())
    return digest.hexdigest()


def _smallest_hashes(ids: np.ndarray, seed: int, share: float) -> np.ndarray:
    """Whether each id is among the ``share`` of ids with the smallest hashes."""
    key = int(seed).to_bytes(8, "big", signed=True)
    hashes = np.array([_hash(int(client), key) for client in ids], dtype="uint64")
    ranked = np.lexsort((ids, hashes))
    chosen = np.zeros(len(ids), dtype=bool)
    chosen[ranked[: round(share * len(ids))]] = True
    return chosen


def _hash(client: int, key: bytes) -> int:
    data = client.to_bytes(8, "big", signed=True)
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, key=key).digest(), "big")
