"""The errors that a person meets: one sentence each, which names what was found, what was
expected and what to do. None repeats an applicant's data.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CreditError(Exception):
    """Base of all errors that are the user's to mend; the command line prints it as one line."""


class SettingError(CreditError):
    """A setting, parameter or argument is missing or out of its range."""


class TableError(CreditError):
    """A raw table is missing, unreadable, or not what the schema says."""


class FeatureError(CreditError):
    """A feature file or the fitted feature state does not serve what is asked of it."""


class StorageError(CreditError):
    """A file cannot be written where it is wanted: no room, no permission, no such folder."""


class TrainingError(CreditError):
    """The data at hand cannot train or judge a model."""


class TrackingError(CreditError):
    """The tracking store or the registry does not hold, or does not answer, what was asked."""


class ArtefactError(CreditError):
    """A served folder is missing, damaged, or not the one its manifest describes."""


class UnknownClientError(CreditError):
    """No client of that id is known here."""


def nearest(found: str, choices: Iterable[str]) -> str:
    """A hint at the likeliest right name, or the empty text.

    >>> nearest("AUX", ["AUC", "f2"])
    "; did you mean 'AUC'?"
    >>> nearest("zzz", ["AUC", "f2"])
    ''
    """
    close = get_close_matches(found, list(choices), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(what: str, found: str, choices: Iterable[str]) -> str:
    """The sentence for a name that is none of the choices.

    >>> unknown("metric", "AUX", ["AUC", "f2"])
    "unknown metric 'AUX'; choose one of AUC, f2; did you mean 'AUC'?"
    """
    known = list(choices)
    return f"unknown {what} {found!r}; choose one of {', '.join(known)}{nearest(found, known)}"
