"""What documents and MLproject files say is what the code says."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from project_tools.cli import COMMANDS
from project_tools.errors import SettingError
from project_tools.evaluation.metrics import METRICS
from project_tools.models.families import FAMILIES, PROFILES
from project_tools.models.preparation import IMPUTATIONS, SCALINGS
from project_tools.runs.parameters import PARAMETERS, FinalSettings, SearchSettings, read
from project_tools.settings import PREFIX, ROOT, SETTINGS, Settings

PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
PROJECTS = ("hyperparameter_tuning", "lightgbm", "random_forest")
ENTRY_POINTS = [
    (project, name, entry)
    for project in PROJECTS
    for name, entry in yaml.safe_load((ROOT / project / "MLproject").read_text())[
        "entry_points"
    ].items()
]


class Every(SearchSettings, FinalSettings):
    """All parameters at once."""


@pytest.mark.parametrize(
    ("project", "name", "entry"), ENTRY_POINTS, ids=lambda x: x if isinstance(x, str) else ""
)
def test_an_entry_point_passes_each_parameter_with_our_default(
    project: str, name: str, entry: dict
) -> None:
    for parameter, row in entry["parameters"].items():
        assert row["default"] == PARAMETERS[parameter].default, parameter
        assert f"--{parameter} {{{parameter}}}" in entry["command"], parameter
    script = re.search(r"python (\S+)", entry["command"])
    assert script is not None
    text = (ROOT / project / script[1]).read_text()
    listed = set(re.findall(r'"(\w+)"', text.split("PARAMETERS = (")[1].split("\n)")[0]))
    assert listed == set(entry["parameters"]), name


def test_every_parameter_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "parameters.md").read_text()
    for parameter in PARAMETERS.values():
        assert f"| `{parameter.name}` | `{parameter.default}` | {parameter.help} |" in text


def test_every_parameter_is_documented_with_its_type_and_choices() -> None:
    text = (ROOT / "docs" / "parameters.md").read_text()
    typed = text.split("| type |")[1].split("| parameter |")[0]
    assert not [name for name in PARAMETERS if f"`{name}`" not in typed]
    choices = {
        "profile": PROFILES, "scaling": SCALINGS, "imputation": IMPUTATIONS, "metric": METRICS,
        "families": FAMILIES,
    }  # fmt: skip
    for name, names in choices.items():
        assert f"`{name}`: {', '.join(names)}" in typed
        for value in names:
            Every.from_texts({name: value})


def test_every_default_parses() -> None:
    parsed = Every.from_texts(read("all", list(PARAMETERS), []))
    assert parsed.folds == 5
    assert parsed.trials is None
    assert parsed.data == ROOT / "pickle_files" / "features.parquet"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--folds", "1"], "parameter folds is '1'; it takes a whole number, 2 or more"),
        (["--trials", "none"], "parameter trials is 'none'; it takes 'own' or a whole number"),
        (["--fn_cost", "-1"], "a number above 0"),
        (["--families", "lightgbn"], "unknown family 'lightgbn'.*did you mean 'lightgbm'"),
        (["--metric", "auc"], "unknown metric 'auc'; choose one of .*AUC"),
        (["--scaling", "max"], "unknown scaling 'max'"),
        (["--clip", "maybe"], "'yes' or 'no'"),
        (
            ["--parameters", '{"a": 1'],
            "parameter parameters is .* JSON such as .*; Expecting ',' delimiter",
        ),
        (["--parameters", "[1]"], "is no file that can be read"),
        (["--parameters", "no_such.json"], "no_such.json is no file that can be read"),
        (["--parameters", "docs"], "docs is no file that can be read"),  # a folder
        (["--parameters", "pyproject.toml"], "pyproject.toml is not that: Expecting value"),
        (["--parameters", '{"a": 1, "a": 2}'], "a is given twice"),
        (["--parameters", '{"a": ' + "[" * 100_000], "JSON such as"),
        (["--profile", "fast"], "unknown profile 'fast'; choose one of full, demo"),
    ],
)
def test_a_wrong_value_names_parameter_and_choices(words: list[str], says: str) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        Every.from_texts(read("all", list(PARAMETERS), words))
    assert "\n" not in str(refused.value)


def test_parameters_of_a_model_are_json_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "setting.json"
    file.write_text('{"num_leaves": 20}')
    for text in ('{"num_leaves": 20}', str(file)):
        assert FinalSettings.from_texts({"parameters": text}).parameters == {"num_leaves": 20}
    file.write_text("[20]")
    with pytest.raises(SettingError, match=r"setting\.json is not that: it holds no object"):
        FinalSettings.from_texts({"parameters": str(file)})
    assert FinalSettings.from_texts({}).parameters is None


def test_the_readme_lists_the_settings() -> None:
    part = (ROOT / "README.md").read_text().split("<!-- settings:")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \|$", part, re.MULTILINE)
    assert [name for name, _ in rows] == [PREFIX + setting.name for setting in SETTINGS]
    for (_, said), setting in zip(rows, SETTINGS, strict=True):
        assert said == setting.help.split(" (")[0] or said == setting.help, setting.name


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CREDIT_API_PRT", "1", "CREDIT_API_PRT is not a setting; did you mean 'CREDIT_API_PORT'"),
        ("CREDIT_API_PORT", "70000", "CREDIT_API_PORT is '70000'; it takes a port from 1 to 65535"),
        ("CREDIT_THREADS", "0", "a whole number of threads"),
        ("CREDIT_MEMORY_LIMIT", "lots", "a size such as 800MB"),
        ("CREDIT_API_URL", "ftp:/x", "it takes an address such as http://127.0.0.1:8000"),
        ("CREDIT_API_URL", "127.0.0.1:8000", "it takes an address such as http"),
        ("CREDIT_MODEL", " ", "CREDIT_MODEL is set to nothing"),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Settings.load({name: value})


def test_the_readme_lists_the_commands() -> None:
    rows = re.findall(
        r"^\| `(?:credit|python -m project_tools) ([a-z-]+)",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    assert set(rows) == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_a_document_names_are_there(page: Path) -> None:
    """A path is one from the root, from ``project_tools/``, or from the document's own folder."""
    recipes = re.compile(r"^New file `([^`]+)`:", re.MULTILINE)  # made by who follows one
    text = page.read_text()
    named = set(re.findall(r"`([\w/]+/\w+\.(?:py|sh))`", text)) - set(recipes.findall(text))
    places = (ROOT, ROOT / "project_tools", page.parent)
    gone = [path for path in named if not any((place / path).exists() for place in places)]
    assert gone == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_modules_that_a_document_imports_are_there(page: Path) -> None:
    for path in re.findall(r"\bproject_tools(?:\.\w+)+", page.read_text()):
        module, _, name = path.rpartition(".")
        there = hasattr(import_module(module), name) or import_module(path)
        assert there, f"{page.name}: {path}"


def test_links_of_the_documents_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
