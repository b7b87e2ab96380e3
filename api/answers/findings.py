"""What is odd in an applicant's raw records."""

from pydantic import Field

from api.answers.base import Answer


class Finding(Answer):
    """What is odd in raw records, as ``credit features`` reports it of raw tables; the score was made.

    ``field`` is the first one, such as ``bureau[3].AMT_CREDIT_SUM``, ``records`` how many records have it.
    """

    field: str
    records: int = Field(ge=1)
    code: str
    what: str
