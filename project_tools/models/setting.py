"""A setting that a person gives in place of a search's: checked against the family's own rows."""

from collections.abc import Mapping
from typing import Any

from project_tools.errors import SettingError, unknown
from project_tools.models.families import Dimension, Family

#: The least of a whole number that is fixed where it is not 1, the most where it is not that of any.
_LEAST, _MOST, _MOST_OF_ANY = {"early_stopping_rounds": 0}, {"max_depth": 24}, 100_000


def complete_setting(family: Family, profile: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters, with the family's own start for all others.

    Bounds are the search's: what lies outside of them was never judged, and deeper trees than
    theirs are explained too slowly. Raises ``SettingError`` for a name that the family does not
    have, a value out of its bounds, and a parameter that would have no effect beside the others.
    """
    fixed = {**family.fixed, **family.budget(profile).fixed}
    for name in given:
        if name not in fixed and name not in family.space:
            raise SettingError(
                unknown(f"parameter of {family.name}", name, sorted({*fixed, *family.space}))
            )
    values = {name: _checked(name, given[name], family, fixed) for name in given}
    chosen = {name: values.get(name, row.start) for name, row in family.space.items()}
    for name in given:
        _check_effect(name, family.space.get(name), chosen)
    drawn = {
        name: value
        for name, value in chosen.items()
        if (when := family.space[name].when) is None or chosen.get(when[0]) == when[1]
    }
    return {**fixed, **drawn, **values}


def _check_effect(name: str, row: Dimension | None, chosen: Mapping[str, Any]) -> None:
    if row is not None and row.when is not None and chosen.get(row.when[0]) != row.when[1]:
        choice, option = row.when
        raise SettingError(
            f"{name} has an effect only where {choice} is {option!r}; it is {chosen.get(choice)!r}"
        )


def _checked(name: str, value: Any, family: Family, fixed: Mapping[str, Any]) -> Any:
    row = family.space.get(name)
    if row is None:
        return _as_fixed(name, value, fixed[name])
    if row.scale == "choice":
        found = [option for option in row.options if option == value and _alike(option, value)]
        if not found:
            texts = [str(option) for option in row.options]
            raise SettingError(unknown(name, str(value), texts))
        return found[0]
    whole = row.scale in {"whole", "whole log"}
    if not _is_number(value, whole=whole) or not row.low <= value <= row.high:
        kind = "a whole number" if whole else "a number"
        raise SettingError(
            f"{name} is {value!r}; it takes {kind} from {row.low:g} to {row.high:g}, where "
            f"{family.name} is searched"
        )
    return int(value) if whole else float(value)


def _alike(option: Any, value: Any) -> bool:
    """Whether both are truths, or neither: in Python 1 equals True."""
    return isinstance(option, bool) is isinstance(value, bool)


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not whole or isinstance(value, int) or value.is_integer()


def _as_fixed(name: str, value: Any, own: Any) -> Any:
    """A value in place of one that is not searched: of the same kind."""
    if isinstance(own, bool):
        # The forest's bootstrap: without it max_samples, which is searched, means nothing.
        good, takes = value is own, str(own).lower()
    elif isinstance(own, int):
        least, most = _LEAST.get(name, 1), _MOST.get(name, _MOST_OF_ANY)
        good = _is_number(value, whole=True) and least <= value <= most
        takes = f"a whole number from {least} to {most:,}"
    elif isinstance(own, float):
        good, takes = _is_number(value, whole=False) and 0 < value < 1, "a number between 0 and 1"
    else:
        good, takes = type(value) is type(own), f"what {own!r} is"
    if not good:
        raise SettingError(f"{name} is {value!r}; it takes {takes}")
    return type(own)(value) if own is not None else None
