"""The recipes of CONTRIBUTING.md, followed word for word in a copy of the repository.

A recipe is a chapter of the third level. Its steps are the sentences "In `file`, after (before)
`text`:" and "New file `file`:" with a block of code below, and "In `file`, `text` becomes `text`.".
Its last sentence names the command that must then pass. A place that is not found, or found twice,
fails the test: a recipe that no longer fits the code is noticed.
"""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from project_tools.settings import ROOT

SPAN = r"(?:``\s(?P<{0}2>.+?)\s``|`(?P<{0}>[^`]+)`)"
STEP = re.compile(
    rf"^In `(?P<file>[^`]+)`, (?:(?P<where>after|before) {SPAN.format('anchor')}:|"
    rf"{SPAN.format('old')} becomes {SPAN.format('new')}\.)$"
    r"|^New file `(?P<made>[^`]+)`:$",
    re.MULTILINE,
)
BLOCK = re.compile(r"\s*```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RIGHT = re.compile(r"^Right when this passes: `([^`]+)`$", re.MULTILINE)
#: What the user of a new thing does, and what the answer must hold. It runs in the copy.
USES = {
    "A feature": (
        "from project_tools.features.catalogue import catalogue\n"
        "print(catalogue(['ANNUITY_TO_GOODS_RATIO'])[0].columns)",
        "('AMT_ANNUITY', 'AMT_GOODS_PRICE')",
    ),
    "A metric": (
        "from project_tools.evaluation.metrics import METRICS\n"
        "import numpy as np\n"
        "y, p = np.array([0, 1, 1, 0]), np.array([0.1, 0.9, 0.2, 0.3])\n"
        "print(METRICS['accuracy'].score(y, p).value)",
        "0.75",
    ),
    "A model family": (
        "import tempfile\n"
        "from pathlib import Path\n"
        "from project_tools.serving.artefact import load_artefact, write_artefact\n"
        "from project_tools.serving.explanation import explain\n"
        "from tests.helpers.every_family import clients, content_of\n"
        "folder = Path(tempfile.mkdtemp(dir='.'))\n"
        "write_artefact(folder / 'a', content_of('ridge_unbalanced', folder / 'state'))\n"
        "served = load_artefact(folder / 'a', child=False)\n"
        "rows = clients('test').X.head(1).astype(object)\n"
        "(row,) = rows.where(rows.notna(), None).to_dict('records')\n"
        "print(served.manifest.family, 'explained:', len(explain(served, row).groups) > 1)",
        "ridge_unbalanced explained: True",
    ),
    "A project parameter": (
        "from project_tools.runs.parameters import SearchSettings, read\n"
        "texts = read('lightgbm', ['quick'], ['--quick', 'yes'])\n"
        "print(SearchSettings.from_texts(texts).quick)",
        "True",
    ),
    "A concept or a sentence": (
        "from project_tools.serving.reasons.sentences import Fact, sentence\n"
        "fact = Fact('BUREAU_CLOSED_AMT_CREDIT_SUM_MAX', 45000.0, 12000.0)\n"
        "print(sentence('loans_elsewhere', 'raises', fact))",
        "Your largest closed loan elsewhere was 45,000; 12,000 is usual.",
    ),
    "A language": (
        "from project_tools.serving.reasons.sentences import sentence\n"
        "print(sentence('age', 'raises', None, 'de'))",
        "Ihr Alter spricht dagegen.",
    ),
    "A command": (
        "import sys\n"
        "from project_tools.cli.main import main\n"
        "sys.exit(main(['families', '--labels']))",
        "xgboost: XGBoost",
    ),
    "An endpoint": (
        "from api import create_app\n"
        "print(create_app().test_client().get('/health/clients').get_json())",
        "{'clients': ",
    ),
    "A tab": ("print(open('dashboard/tabs/client.py').read().count('show_notes'))", "2"),
    "A page": ("print(open('dashboard/app.py').read().count('about_page'))", "1"),
}
#: The tests that exist by themselves once the new thing is declared.
BY_ITSELF = {
    "A feature": "test_a_feature_agrees_with_a_second_computation[ANNUITY_TO_GOODS_RATIO] PASSED",
    "A metric": "test_a_standard_error_is_that_of_the_bootstrap[accuracy] PASSED",
    "A model family": "test_a_family_ranks_clients_with_nulls_and_unseen_levels[ridge_unbalanced] PASSED",
    "A concept or a sentence": "test_a_number_is_given_as_a_reason_on_its_side_of_the_usual_value_alone"
    "[BUREAU_CLOSED_AMT_CREDIT_SUM_MAX] PASSED",
    "A language": "test_every_language_has_words_for_the_same_things[de] PASSED",
    "A command": "test_the_script_is_the_module[families] PASSED",
    "A page": "test_every_page_opens[about_page.py] PASSED",
}


class Recipe(NamedTuple):
    """A chapter of CONTRIBUTING.md: the files that it names, its text, its command."""

    files: frozenset[str]
    text: str
    command: str


def recipes() -> dict[str, Recipe]:
    """The recipes by the titles of their chapters."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = {}
    for chapter in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        title, body = chapter.split("\n", 1)
        files = frozenset(match["file"] or match["made"] for match in STEP.finditer(body))
        command = RIGHT.search(body)
        assert command is not None, f"{title}: the recipe names no command"
        found[title] = Recipe(files, body, command[1])
    return found


RECIPES = recipes()


def follow(recipe: Recipe, root: Path) -> None:
    """Do what the steps of a recipe say, in their order."""
    for step in STEP.finditer(recipe.text):
        block = BLOCK.match(recipe.text, step.end())
        if step["made"] is not None:
            assert block is not None, step[0]
            path = root / step["made"]
            assert not path.exists(), step[0]
            path.write_text(block[1], encoding="utf-8")
            continue
        path = root / step["file"]
        text = path.read_text(encoding="utf-8")
        if step["where"] is None:
            old, new = step["old"] or step["old2"], step["new"] or step["new2"]
            assert text.count(old) == 1, f"{text.count(old)} places: {step[0]}"
            path.write_text(text.replace(old, new), encoding="utf-8")
            continue
        assert block is not None, step[0]
        anchor = step["anchor"] or step["anchor2"].strip()
        lines = text.splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if anchor in line]
        assert len(places) == 1, f"{len(places)} places: {step[0]}"
        at = places[0] + (step["where"] == "after")
        path.write_text("".join([*lines[:at], block[1], *lines[at:]]), encoding="utf-8")


def run(command: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the copy, with the copy's modules before the installed ones."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command, cwd=root, env=environ | {"PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files of the repository as they are now, committed or not, without what git ignores."""
    listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    root = tmp_path / "copy"
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    return root


def digests(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_each_row_of_the_table_has_its_recipe() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    linked = re.findall(r"\[[^\]]+\]\(#([\w-]+)\)", text)
    assert linked == [title.lower().replace(" ", "-") for title in RECIPES]
    assert RECIPES.keys() == USES.keys()


@pytest.mark.slow
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_does_what_it_promises(title: str, copy: Path) -> None:
    recipe, (code, answer) = RECIPES[title], USES[title]
    use = [sys.executable, "-c", code]
    assert answer not in run(use, copy).stdout, "the new thing is there before the recipe"

    before = digests(copy)
    follow(recipe, copy)
    after = digests(copy)
    touched = {name for name in after if after[name] != before.get(name)}
    assert touched == recipe.files

    used = run(use, copy)
    assert answer in used.stdout, used.stderr
    program, *words = shlex.split(recipe.command)
    command = ["-m", "pytest", "-v", *words] if program == "pytest" else words
    done = run([sys.executable, *command], copy)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    if title in BY_ITSELF:
        assert BY_ITSELF[title] in done.stdout, "no test of the new thing exists by itself"
    modules = sorted(name for name in recipe.files if name.endswith(".py"))
    tidy = run([sys.executable, "-m", "ruff", "check", *modules], copy)
    assert tidy.returncode == 0, tidy.stdout
