"""What can go wrong with the record of decisions.

No message repeats a parameter of a statement, a row, or the address of a database: these hold
clients' data and passwords.
"""

from project_tools.errors import CreditError


class RecordError(CreditError):
    """Base of the errors of the record of decisions."""


class RecordUnavailableError(RecordError):
    """The record cannot be read or written now: nothing may be decided (503)."""


class StoreVersionError(RecordUnavailableError):
    """The store has a schema that this release does not know."""


class HaltedError(RecordError):
    """Decisions by the model are halted; ``reason`` is what the person who halted them wrote."""

    def __init__(self, reason: str) -> None:
        super().__init__("decided by people until further notice")
        self.reason = reason


class NotHaltedError(RecordError):
    """Decisions are not halted, so that they cannot be resumed."""


class UnknownDecisionError(RecordError):
    """No decision with this id is in the record."""


class ConflictError(RecordError):
    """What is asked does not fit what is recorded (409): the sentence says why."""


class AlreadyRecordedError(ConflictError):
    """Another request has recorded meanwhile what may be recorded once alone."""


class KeyReusedError(RecordError):
    """An Idempotency-Key came again with another body (422)."""


class KeyInUseError(RecordError):
    """Another request with the same Idempotency-Key was answered while this one ran (409)."""


class ReplayError(RecordError):
    """A decision cannot be computed again: its input or its model is not there any more."""


class BrokenChainError(RecordError):
    """The record is not whole, or it was changed."""
