"""JSON by the standard, which has no NaN and no infinity."""

from typing import Any

from flask.json.provider import DefaultJSONProvider


class StrictJSON(DefaultJSONProvider):
    """Keeps the order of keys; raises ``ValueError`` for a number that JSON cannot hold."""

    sort_keys = False

    def dumps(self, obj: Any, **options: Any) -> str:
        """``obj`` as JSON text."""
        return super().dumps(obj, allow_nan=False, **options)
