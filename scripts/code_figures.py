"""Figures of the code's structure, for each package: ``python scripts/code_figures.py [FOLDER]``.

Modules and lines, the length of modules and functions, the share of private module functions that
are called from one place, of public names with a docstring and with a doctest, of typed functions,
and the modules whose name ends in -ing.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles

Function = ast.FunctionDef | ast.AsyncFunctionDef
LONG = 60
HEAD = (
    "package", "modules", "lines", "module median/p90/most", "function median/p90/most", f"> {LONG} lines",
    "one caller", "docstring", "doctest", "typed", "-ing",
)  # fmt: skip


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "project_tools")
    files = sorted(root.rglob("*.py"))
    packages = Counter(_package(root, path) for path in files)
    rows = [
        (name, *figures([path for path in files if _package(root, path) == name]))
        for name in packages
    ]
    rows.append(("all", *figures(files)))
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")


def figures(files: Sequence[Path]) -> list[str]:
    trees = [ast.parse(path.read_text()) for path in files]
    lines = [len(path.read_text().splitlines()) for path in files]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, Function)]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for node in functions]
    callers = [uses for tree in trees for uses in _uses_of_private(tree)]
    public = [node for tree in trees for node in _public(tree)]
    texts = [ast.get_docstring(node) or "" for node in public]
    return [
        str(len(files)),
        str(sum(lines)),
        _middle(lines),
        _middle(lengths),
        _share([length > LONG for length in lengths]),
        _share([uses == 1 for uses in callers]),
        _share([bool(text) for text in texts]),
        _share([">>>" in text for text in texts]),
        _share([node.returns is not None for node in functions]),
        str(sum(path.stem.endswith("ing") for path in files)),
    ]


def _package(root: Path, path: Path) -> str:
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else "(top level)"


def _uses_of_private(tree: ast.Module) -> Iterator[int]:
    """For each private function of a module, from how many places of the module it is used."""
    names = Counter(
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    )
    for node in tree.body:
        if isinstance(node, Function) and re.match(r"_[^_]", node.name):
            yield names[node.name]


def _public(tree: ast.Module) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    inner
                    for inner in node.body
                    if isinstance(inner, Function) and not inner.name.startswith("_")
                )


def _middle(values: Sequence[int]) -> str:
    ninth = quantiles(values, n=10)[-1] if len(values) > 1 else values[0]
    return f"{median(values):.0f} / {ninth:.0f} / {max(values)}"


def _share(values: Sequence[bool]) -> str:
    return f"{100 * sum(values) / len(values):.1f} %" if values else "-"


if __name__ == "__main__":
    main()
