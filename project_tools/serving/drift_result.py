"""The last comparison of the recorded decisions with a reference, as ``credit drift`` leaves it to the API.

The command writes it into the state folder as a whole file; the API reads it and computes no drift.
"""

from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from project_tools.errors import CreditError
from project_tools.system.files import replacing

FILE = "drift.json"
#: Bytes of the largest result: a name of each feature that alarms.
_LARGEST = 1 << 20


class DriftResult(BaseModel):
    """What the comparison found, and when (UTC, ISO 8601).

    ``model`` is the digest of the model whose ``decisions`` were compared, ``reference`` the SHA-256 of
    the reference. ``alarms`` are the names of the figures that alarm; there is drift where there is one.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    time: str
    model: str
    decisions: int = Field(ge=0)
    reference: str
    alarms: list[str]
    expected_auc: float | None = Field(ge=0, le=1)

    def write(self, state: Path) -> None:
        """Replace the former result of a state folder."""
        datetime.fromisoformat(self.time)
        with replacing(state / FILE) as temporary:
            temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, state: Path) -> Self | None:
        """The last result of a state folder; None where there is none yet.

        ``CreditError`` for a file that is damaged or cannot be read.
        """
        path = state / FILE
        try:
            with path.open("rb") as file:
                return cls.model_validate_json(file.read(_LARGEST))
        except FileNotFoundError:
            return None
        except OSError as why:
            raise CreditError(f"{path} cannot be read ({why.strerror})") from why
        except ValidationError as why:
            raise CreditError(
                f"{path} holds no result of a drift; run `credit drift REFERENCE decisions` again"
            ) from why
