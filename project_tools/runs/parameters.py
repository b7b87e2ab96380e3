"""The parameters of the MLflow Projects: each name, type, default and help once.

The MLproject files repeat names and defaults, because MLflow reads them there; a test compares.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from project_tools.errors import SettingError, unknown
from project_tools.evaluation.metrics import METRICS
from project_tools.models.families import FAMILIES
from project_tools.models.preparation import IMPUTATIONS, SCALINGS
from project_tools.settings import ROOT, Settings

#: Parameters that belong to one start, and not to what the trials of a search mean.
OF_ONE_START = frozenset({"jobs", "spark", "time_limit", "resume", "receipt"})
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
    known = {"yes": True, "no": False, "true": True, "false": False}
    if text not in known:
        raise ValueError("'yes' or 'no'")
    return known[text]


def _families(text: str) -> tuple[str, ...]:
    if text == "all":
        return tuple(FAMILIES)
    names = [_one_of("family", ["all", *FAMILIES])(name.strip()) for name in text.split(",")]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1 or name == "all"]
    if twice:
        raise ValueError(f"each family once, or 'all' alone; {twice[0]} stands there beside others")
    return tuple(names)


def _jobs(text: str) -> int:
    if text == OWN:
        return Settings.load().threads or _cores()
    try:
        return _whole(1)(text)
    except ValueError as why:
        raise ValueError(f"{OWN!r} (all cores) or {why}") from why


def _cores() -> int:
    """Cores that this process may use; macOS knows those of the machine only."""
    may_use = getattr(os, "sched_getaffinity", None)
    return len(may_use(0)) if may_use is not None else os.cpu_count() or 1


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
        Parameter("families", _families, "all", "families to search, by comma, or all"),
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
            "metric", _one_of("metric", list(METRICS)), "loss_of_income", "what is optimised"
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
        Parameter("jobs", _jobs, OWN, "threads: of one fit, or trials at a time; own is all cores"),
        Parameter("spark", _yes, "no", "run trials on Spark, as many at a time as jobs"),
        Parameter("time_limit", _or_own(_positive), OWN, "seconds a family may be searched"),
        Parameter("resume", _or_own(str), OWN, "run of a stopped search to go on with"),
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
    return values(read(project, names, words))


def read(project: str, names: Sequence[str], words: Sequence[str] | None = None) -> dict[str, str]:
    """The parameters as they were typed, or their defaults, by name."""
    parser = _Parser(prog=project)
    for name in names:
        parameter = PARAMETERS[name]
        parser.add_argument(f"--{name}", default=parameter.default, help=parameter.help)
    return vars(parser.parse_args(words))


def values(texts: Mapping[str, str]) -> argparse.Namespace:
    """What the texts stand for; ``SettingError`` with the value found and what it takes."""
    return argparse.Namespace(**{name: _value(name, text) for name, text in texts.items()})


def as_resumed(texts: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """The texts for going on with a search: where none was typed, what that search was given.

    Raises ``SettingError`` for one that was typed and would change what the trials mean.
    """
    resumed = dict(texts)
    for name in texts.keys() & held.keys() - OF_ONE_START:
        if texts[name] == PARAMETERS[name].default:
            resumed[name] = held[name]
        elif texts[name] != held[name] and name not in {"trials", "families"}:
            raise SettingError(
                f"resume: {name} is {texts[name]!r}, and was {held[name]!r} in the search that is "
                "to go on; leave it out, or start anew without resume"
            )
    return resumed


def _value(name: str, text: str) -> Any:
    try:
        return PARAMETERS[name].parse(text)
    except ValueError as why:
        raise SettingError(f"parameter {name} is {text!r}; it takes {why}") from why
