"""The parameters of the MLflow Projects: each name, type, default and help once.

The MLproject files repeat names and defaults, because MLflow reads them there; a test compares.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from project_tools.errors import SettingError, unknown
from project_tools.families import FAMILIES
from project_tools.preparation import IMPUTATIONS, SCALINGS
from project_tools.scorers import SCORERS
from project_tools.settings import ROOT

#: The value that leaves a choice to the profile's or the family's own row.
OWN = "own"
_JSON = """JSON such as {"num_leaves": 31}, or a file that holds it"""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ``-P name=value``: how its text is read, what it is by default, what it does."""

    name: str
    parse: Callable[[str], Any]
    default: str
    help: str


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.lstrip("-").isdecimal() or int(text) < least:
            raise ValueError(f"a whole number, {least} or more")
        return int(text)

    return parse


def _or_own(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_or_own(text: str) -> Any:
        try:
            return None if text == OWN else parse(text)
        except ValueError as why:
            raise ValueError(f"{OWN!r} or {why}") from why

    return parse_or_own


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise ValueError("a number above 0")
    return number


def _one_of(what: str, choices: Sequence[str]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise SettingError(unknown(what, text, choices))
        return text

    return parse


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError("'yes' or 'no'")
    return text == "yes"


def _families(text: str) -> tuple[str, ...]:
    return tuple(_one_of("family", list(FAMILIES))(name.strip()) for name in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _path(text: str) -> Path:
    # Relative to the root, because MLflow starts a project inside its own folder.
    return (ROOT / Path(text).expanduser()).resolve()


def _setting(text: str) -> dict[str, Any]:
    """A model's parameters by name, from JSON text or a file that holds it."""
    if text.lstrip().startswith("{"):
        return _json_object(text, "")
    path = _path(text)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as why:
        raise ValueError(f"{_JSON}; {path.name} is no file that can be read") from why
    return _json_object(content, f"{path.name} is not that: ")


def _json_object(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as why:
        raise ValueError(f"{_JSON}; {where}{_first_line(why)}") from why
    if not isinstance(found, dict):
        raise ValueError(f"{_JSON}; {where}it holds no object")
    return found


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is given twice")
    return dict(pairs)


def _first_line(why: Exception) -> str:
    return (str(why).splitlines() or [type(why).__name__])[0]


PARAMETERS = {
    parameter.name: parameter
    for parameter in (
        Parameter(
            "data", _path, "pickle_files/features.parquet", "feature file, relative to the root"
        ),
        Parameter("families", _families, "lightgbm,logistic_l2", "families to search, by comma"),
        Parameter(
            "profile",
            _one_of("profile", ["full", "demo"]),
            "full",
            "budgets: full is the honest search",
        ),
        Parameter("trials", _or_own(_whole(1)), OWN, "trials a family"),
        Parameter("sample", _or_own(_whole(1)), OWN, "training clients to use, stratified"),
        Parameter("folds", _whole(2), "5", "stratified folds"),
        Parameter(
            "metric", _one_of("metric", list(SCORERS)), "loss_of_income", "what is optimised"
        ),
        Parameter("fn_cost", _positive, "5", "cost of a missed defaulter in refused good clients"),
        Parameter("scaling", _or_own(_one_of("scaling", SCALINGS)), OWN, "scaling of numbers"),
        Parameter(
            "imputation", _or_own(_one_of("imputation", IMPUTATIONS)), OWN, "imputation of nulls"
        ),
        Parameter("clip", _or_own(_yes), OWN, "clip at the 0.1 and 99.9 percentiles"),
        Parameter("one_hot", _or_own(_yes), OWN, "one-hot encoding of categories"),
        Parameter(
            "exclude",
            _names,
            "protected",
            "features kept from the model: protected, names, or none",
        ),
        Parameter("seed", _whole(0), "1", "seed of folds, sample, search and models"),
        Parameter("jobs", _whole(1), "2", "threads of one fit"),
        Parameter("time_limit", _or_own(_positive), OWN, "seconds a family may be searched"),
        Parameter("run", _or_own(str), OWN, "parent run whose best setting is trained"),
        Parameter(
            "parameters",
            _or_own(_setting),
            OWN,
            "parameters to train, as JSON or a JSON file, in place of a run's",
        ),
        Parameter("receipt", _or_own(_path), OWN, "file to write the registered version to"),
    )
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)


def parse(
    project: str, names: Sequence[str], words: Sequence[str] | None = None
) -> argparse.Namespace:
    """Read the parameters of one entry point from its command line.

    Raises ``SettingError`` with the value found and what it takes.
    """
    parser = _Parser(prog=project)
    for name in names:
        parameter = PARAMETERS[name]
        parser.add_argument(f"--{name}", default=parameter.default, help=parameter.help)
    texts = parser.parse_args(words)
    return argparse.Namespace(**{name: _value(name, getattr(texts, name)) for name in names})


def _value(name: str, text: str) -> Any:
    try:
        return PARAMETERS[name].parse(text)
    except ValueError as why:
        raise SettingError(f"parameter {name} is {text!r}; it takes {why}") from why
