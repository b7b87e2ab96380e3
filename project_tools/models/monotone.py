"""Features in which the risk of boosted trees may only fall: those where everybody expects it.

An external score says by itself that a higher one means less risk. Trees without a constraint
follow the noise of a few clients, and refuse some for a better score.
"""

from collections.abc import Sequence
from typing import Literal

from project_tools.features.catalogue import increasing_in, moving_with
from project_tools.features.definitions.application import EXTERNAL

Monotone = Literal["external", "none"]
#: What ``monotone`` may be: constrained in the external scores, or not at all.
MONOTONE: tuple[Monotone, ...] = ("external", "none")


def falling_features(names: Sequence[str], monotone: str) -> tuple[str, ...]:
    """Those of the features in which the risk may only fall: external scores and what rises with them.

    >>> falling_features(["AMT_CREDIT", "EXT_SOURCE_2", "EXT_SOURCES_VAR"], "external")
    ('EXT_SOURCE_2',)
    """
    if monotone == "none":
        return ()
    constrained = increasing_in(EXTERNAL)
    return tuple(name for name in names if name in constrained)


def withheld_features(names: Sequence[str], monotone: str) -> tuple[str, ...]:
    """Those of the features that move with the external scores in no single direction.

    The trees may not split on them: a better score moves them too, and could raise the risk through
    them (``benchmarks/monotone.py`` counts the clients who would be refused for a better score).

    >>> withheld_features(["AMT_CREDIT", "EXT_SOURCE_2", "EXT_SOURCES_VAR"], "external")
    ('EXT_SOURCES_VAR',)
    """
    if monotone == "none":
        return ()
    free = moving_with(EXTERNAL) - increasing_in(EXTERNAL)
    return tuple(name for name in names if name in free)


def directions(names: Sequence[str], falling: Sequence[str]) -> list[int]:
    """-1 for each feature in which the risk may only fall, 0 for the others."""
    return [-1 if name in set(falling) else 0 for name in names]
