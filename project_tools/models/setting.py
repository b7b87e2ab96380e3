"""A setting that a person gives in place of a search's: checked against the family's own row."""

from collections.abc import Mapping
from typing import Any

from project_tools.errors import SettingError, unknown
from project_tools.models.families import Dimension, Family

#: Bounds of whole numbers that no search moves, where they are not 1 and 100,000.
_LEAST, _MOST, _MOST_OF_ANY = {"early_stopping_rounds": 0}, {"max_depth": 24}, 100_000


def complete_setting(family: Family, profile: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, with the family's own start for all others.

    Bounds are the search's: a value outside them was never judged, and deeper trees are explained
    too slowly. Raises ``SettingError`` for a name that the family does not have, a value out of
    its bounds, and a parameter that has no effect beside the others.
    """
    fixed, space = {**family.fixed, **family.budget(profile).fixed}, family.space
    for name in parameters:
        if name not in fixed and name not in space:
            raise SettingError(
                unknown(f"parameter of {family.name}", name, sorted({*fixed, *space}))
            )
    values = {
        name: _searched_value(name, value, space[name], family.name)
        if name in space
        else _fixed_value(name, value, fixed[name])
        for name, value in parameters.items()
    }
    starts = {name: row.start for name, row in space.items()} | dict(
        family.budget(profile).first[0]
    )
    chosen = {name: values.get(name, start) for name, start in starts.items()}
    drawn = {name: value for name, value in chosen.items() if space[name].applies(chosen)}
    for name in parameters:
        row = space.get(name)
        if row is not None and row.when is not None and name not in drawn:
            choice, option = row.when
            raise SettingError(
                f"{name} has an effect only where {choice} is {option!r}; it is {chosen.get(choice)!r}"
            )
    return {**fixed, **drawn, **values}


def _searched_value(name: str, value: Any, row: Dimension, family: str) -> Any:
    """The value of a searched parameter in the dimension's own type."""
    if row.scale == "choice":
        for option in row.options:
            # In Python 1 equals True: both are truths, or neither is.
            if option == value and isinstance(option, bool) is isinstance(value, bool):
                return option
        raise SettingError(unknown(name, str(value), [str(option) for option in row.options]))
    whole = row.scale in {"whole", "whole log"}
    if not _is_number(value, whole=whole) or not row.low <= value <= row.high:
        kind = "a whole number" if whole else "a number"
        raise SettingError(
            f"{name} is {value!r}; it takes {kind} from {row.low:g} to {row.high:g}, the bounds of "
            f"{family}'s search"
        )
    return int(value) if whole else float(value)


def _fixed_value(name: str, value: Any, own: Any) -> Any:
    """The value in place of the family's ``own`` for a parameter that is not searched."""
    if isinstance(own, bool):
        # The forest's bootstrap: without it max_samples, which is searched, has no effect.
        good, takes = value is own, str(own).lower()
    elif isinstance(own, int):
        least, most = _LEAST.get(name, 1), _MOST.get(name, _MOST_OF_ANY)
        good = _is_number(value, whole=True) and least <= value <= most
        takes = f"a whole number from {least} to {most:,}"
    elif isinstance(own, float):
        good, takes = _is_number(value, whole=False) and 0 < value < 1, "a number between 0 and 1"
    else:
        good, takes = type(value) is type(own), f"a value of the type of {own!r}"
    if not good:
        raise SettingError(f"{name} is {value!r}; it takes {takes}")
    return type(own)(value) if own is not None else None


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not whole or isinstance(value, int) or value.is_integer()
