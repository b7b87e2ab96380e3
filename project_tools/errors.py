"""Errors that the user can correct.

Each message is one sentence: what was wrong, what was expected, what to do. No message repeats an
applicant's data.
"""

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class CreditError(Exception):
    """Base of all errors that the user can correct; the command line prints it as one line."""


class SettingError(CreditError):
    """A setting, parameter or argument is missing or out of its range."""


class TableError(CreditError):
    """A raw table is missing, cannot be read, or does not match its schema.

    ``code`` is the kind of refusal, one of ``tables.codes``.
    """

    def __init__(self, message: str, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code


class FeatureError(CreditError):
    """A feature file or a fitted feature state cannot be used for the task."""


class StorageError(CreditError):
    """A file cannot be written: the disk is full, permission is missing, or no such folder."""


class TrainingError(CreditError):
    """A model cannot be trained or evaluated on this data."""


class TrackingError(CreditError):
    """The tracking store or the registry does not answer, or lacks what was asked for."""


class ArtefactError(CreditError):
    """A served folder is missing, damaged, or differs from its manifest."""


class UnknownClientError(CreditError):
    """No client with this id exists."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """The part of a message that suggests the most similar choice; empty if none is similar.

    >>> nearest("AUX", ["AUC", "f2"])
    "; did you mean 'AUC'?"
    >>> nearest("zzz", ["AUC", "f2"])
    ''
    """
    close = get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: str, choices: Iterable[str]) -> str:
    """The message for a name that is not one of the choices.

    >>> unknown("metric", "AUX", ["AUC", "f2"])
    "unknown metric 'AUX'; choose one of AUC, f2; did you mean 'AUC'?"
    """
    choices = list(choices)
    return f"unknown {what} {name!r}; choose one of {', '.join(choices)}{nearest(name, choices)}"


def abbreviated(names: Collection[str]) -> str:
    """The first three names, and the number of the others.

    >>> abbreviated(["a", "b"]), abbreviated(["a", "b", "c", "d", "e"])
    ('a, b', 'a, b, c and 2 more')
    """
    first, others = ", ".join(list(names)[:3]), len(names) - 3
    return f"{first} and {others} more" if others > 0 else first
