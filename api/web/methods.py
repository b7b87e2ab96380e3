"""Methods of routes that record: HEAD is none of them, because a decision would be made and not read."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

F = TypeVar("F", bound=Callable[..., Any])
_MARK = "_records"


def records(view: F) -> F:
    """Say that a view records what it answers."""
    setattr(view, _MARK, True)
    return view


def refuse_head(app: Flask) -> None:
    """Take HEAD, which Flask adds to every GET, from the routes that record."""
    for rule in app.url_map.iter_rules():
        if getattr(app.view_functions[rule.endpoint], _MARK, False) and rule.methods:
            rule.methods.discard("HEAD")
