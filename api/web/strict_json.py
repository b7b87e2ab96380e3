"""JSON as the standard has it: NaN and infinity are none."""

from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictJSON(DefaultJSONProvider):
    """Keys in the order given; ``ValueError`` for a number that JSON cannot hold."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        """The text of ``obj``."""
        return super().dumps(obj, allow_nan=False, **options)
