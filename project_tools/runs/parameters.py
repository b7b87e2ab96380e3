"""The parameters of the MLflow Projects, each declared once: a field of the settings it belongs to.

A field states its type, its default as a person would type it, and its help. The MLproject files
repeat names and defaults, because MLflow reads them there; a test compares.
"""

import argparse
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from project_tools.errors import SettingError, unknown
from project_tools.evaluation.metrics import METRICS
from project_tools.models.families import FAMILIES, PROFILES
from project_tools.models.monotone import MONOTONE
from project_tools.models.preparation import IMPUTATIONS, SCALINGS
from project_tools.settings import ROOT, Settings

#: Parameters that belong to one start, and not to what the trials of a search mean.
OF_ONE_START = frozenset({"jobs", "spark", "time_limit", "resume", "receipt"})
#: The value that leaves a choice to the profile or the family.
OWN = "own"
_JSON = """JSON such as {"num_leaves": 31}, or a file that holds it"""


def _row(default: str, help_text: str) -> Any:
    return Field(default, description=help_text)


def _takes(words: str) -> WrapValidator:
    """Refuse with these words whatever pydantic refuses."""

    def validate(text: Any, read: ValidatorFunctionWrapHandler) -> Any:
        try:
            return read(text)
        except ValidationError as error:
            raise ValueError(words) from error

    return WrapValidator(validate)


def _or_own(text: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return None if text == OWN else read(text)
    except ValidationError as error:
        raise ValueError(f"{OWN!r} or {_reason(error)}") from error


def _digits(text: str) -> str:
    """Pydantic alone would also read ``5.0``, `` 5`` and ``1_000`` as whole numbers."""
    if not text.isdecimal():
        raise ValueError("digits alone")
    return text


def _threads(text: Any) -> str:
    return str(Settings.load().threads or _cores()) if text == OWN else text


def _cores() -> int:
    """Cores that this process may use; macOS tells only those of the machine."""
    may_use = getattr(os, "sched_getaffinity", None)
    return len(may_use(0)) if may_use is not None else os.cpu_count() or 1


def _one_of(what: str, choices: Collection[str]) -> AfterValidator:
    def validate(text: Any) -> Any:
        if text not in choices:
            raise SettingError(unknown(what, text, choices))
        return text

    return AfterValidator(validate)


def _yes_or_no(text: str) -> bool:
    answers = {"yes": True, "no": False, "true": True, "false": False}
    if text not in answers:
        raise ValueError("'yes' or 'no'")
    return answers[text]


def _families(text: str) -> tuple[str, ...]:
    if text == "all":
        return tuple(FAMILIES)
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in {"all", *FAMILIES}:
            raise SettingError(unknown("family", name, ["all", *FAMILIES]))
        if name == "all" or names.count(name) > 1:
            raise ValueError(f"each family once, or 'all' alone; {name} is one of several here")
    return names


def _names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(name.strip() for name in text.split(",") if name.strip())


def _path(text: str) -> Path:
    # Relative to the root, because MLflow starts a project inside its own folder.
    return (ROOT / Path(text).expanduser()).resolve()


def _model_parameters(text: str) -> dict[str, Any]:
    """A model's parameters by name, from JSON text or a file that holds it."""
    where = ""
    if not text.lstrip().startswith("{"):
        path = _path(text)
        where = f"{path.name} is not that: "
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise ValueError(f"{_JSON}; {path.name} is no file that can be read") from error
    try:
        content = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{_JSON}; {where}{reason}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{_JSON}; {where}it holds no object")
    return content


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name} is given twice")
    return dict(pairs)


_OWN = WrapValidator(_or_own)
#: The last validator of an annotation is the first that sees the text.
Count = Annotated[
    int, Field(ge=1), BeforeValidator(_digits), _takes("a whole number, 1 or more")
]  # fmt: skip
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), _takes("a number above 0")]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
FilePath = Annotated[Path, BeforeValidator(_path)]


class ProjectSettings(BaseModel):
    """What every entry point takes; an entry point without a parameter leaves its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data: FilePath = _row("pickle_files/features.parquet", "feature file, relative to the root")
    profile: Annotated[str, _one_of("profile", PROFILES)] = _row(
        "full", "budgets: full is the honest search"
    )
    sample: Annotated[Count | None, _OWN] = _row(OWN, "training clients to use, stratified")
    folds: Annotated[
        int, Field(ge=2), BeforeValidator(_digits), _takes("a whole number, 2 or more")
    ] = _row("5", "stratified folds")
    metric: Annotated[str, _one_of("metric", METRICS)] = _row("loss_of_income", "what is optimised")
    fn_cost: Positive = _row("5", "cost of a missed defaulter in refused good clients")
    scaling: Annotated[str | None, _one_of("scaling", SCALINGS), _OWN] = _row(
        OWN, "scaling of numbers"
    )
    imputation: Annotated[str | None, _one_of("imputation", IMPUTATIONS), _OWN] = _row(
        OWN, "imputation of nulls"
    )
    clip: Annotated[YesOrNo | None, _OWN] = _row(OWN, "clip at the 0.1 and 99.9 percentiles")
    one_hot: Annotated[YesOrNo | None, _OWN] = _row(OWN, "one-hot encoding of categories")
    monotone: Annotated[str, _one_of("monotone", MONOTONE)] = _row(
        "external", "scores in which the risk of boosted trees may only fall: external, or none"
    )
    exclude: Names = _row("protected", "features kept from the model: protected, names, or none")
    seed: Annotated[
        int, Field(ge=0), BeforeValidator(_digits), _takes("a whole number, 0 or more")
    ] = _row("1", "seed of folds, sample, search and models")
    jobs: Annotated[
        int, Field(ge=1), BeforeValidator(_digits), BeforeValidator(_threads),
        _takes(f"{OWN!r} (all cores) or a whole number, 1 or more"),
    ] = _row(OWN, "threads: of one fit, or trials at a time; own is all cores")  # fmt: skip

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """The settings that texts stand for; a parameter without a text has its default.

        Raises ``SettingError`` that names the parameter, the text and what it takes.
        """
        for name in texts:
            if name not in cls.model_fields:
                raise SettingError(unknown("parameter", name, cls.model_fields))
        try:
            return cls.model_validate(dict(texts))
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingError(
                f"parameter {first['loc'][0]} is {first['input']!r}; it takes {_reason(error)}"
            ) from error

    @property
    def preparation(self) -> dict[str, str | bool]:
        """The choices of preparation that were asked for in place of a family's own."""
        choices = {
            "scaling": self.scaling, "imputation": self.imputation, "clip": self.clip,
            "one_hot": self.one_hot,
        }  # fmt: skip
        return {name: value for name, value in choices.items() if value is not None}

    @property
    def choices(self) -> dict[str, str | bool]:
        """All that changes a family: the choices of preparation, and ``monotone``."""
        return self.preparation | {"monotone": self.monotone}


class SearchSettings(ProjectSettings):
    """What a search of families takes."""

    families: Annotated[tuple[str, ...], BeforeValidator(_families)] = _row(
        "all", "families to search, by comma, or all"
    )
    trials: Annotated[Count | None, _OWN] = _row(OWN, "trials a family")
    spark: YesOrNo = _row("no", "run trials on Spark, as many at a time as jobs")
    time_limit: Annotated[Positive | None, _OWN] = _row(OWN, "seconds a family may be searched")
    resume: Annotated[str | None, _OWN] = _row(OWN, "run of a stopped search to go on with")


class TrainingSettings(ProjectSettings):
    """What names the setting to train: a run's, or parameters."""

    run: Annotated[str | None, _OWN] = _row(OWN, "parent run whose best setting is trained")
    parameters: Annotated[dict[str, Any] | None, BeforeValidator(_model_parameters), _OWN] = _row(
        OWN, "parameters to train, as JSON or a JSON file, in place of a run's"
    )


class FinalSettings(TrainingSettings):
    """What a final model takes."""

    receipt: Annotated[FilePath | None, _OWN] = _row(OWN, "file to write the registered version to")


class VariantSettings(TrainingSettings):
    """What a comparison of variants takes."""


class Parameter(NamedTuple):
    """One ``-P name=value``."""

    name: str
    default: str
    help: str


PARAMETERS = {
    name: Parameter(name, field.default, field.description or "")
    for settings in (SearchSettings, FinalSettings, VariantSettings)
    for name, field in settings.model_fields.items()
}


def _reason(error: ValidationError) -> str:
    """What the refused field takes, in the words of its validator."""
    return str(error.errors()[0]["ctx"]["error"])


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(message)


def read(project: str, names: Sequence[str], words: Sequence[str] | None = None) -> dict[str, str]:
    """The parameters of an entry point by name, as they were typed, or their defaults."""
    parser = _Parser(prog=project)
    for name in names:
        parameter = PARAMETERS[name]
        parser.add_argument(f"--{name}", default=parameter.default, help=parameter.help)
    return vars(parser.parse_args(words))


def as_resumed(texts: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """The texts for going on with a search: where none was typed, that of the search.

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
