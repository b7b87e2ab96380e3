"""Refuses a pinned action that runs on Node 20, or that cannot be judged: part of ``make check``.

    python scripts/check_actions.py [FOLDER]

GitHub announced that Node 20 leaves its runners on 16 September 2026
(https://github.blog/changelog/2025-09-19-deprecation-of-node-20-on-github-actions-runners/).
A workflow names an action as ``owner/name@<40 hex digits> # vX.Y.Z``; the comment is compared with
the first major version that declares Node 24. Nothing is fetched, so the comment must be true.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

GITHUB = Path(__file__).resolve().parents[1] / ".github"
_SHA = re.compile(r"[0-9a-f]{40}")
_VERSION = re.compile(r"#\s*v?(\d+)\.\d+\.\d+\b")


class Node24(NamedTuple):
    """The first major version of an action whose default runtime is Node 24."""

    major: int
    source: str


#: The actions that a workflow may use.
ACTIONS: Mapping[str, Node24] = {
    "actions/cache": Node24(5, "https://github.com/actions/cache/releases/tag/v5.0.0"),
    "actions/checkout": Node24(5, "https://github.com/actions/checkout/pull/2226"),
    # v6 supports Node 24, but runs on Node 20 by default.
    "actions/download-artifact": Node24(
        7, "https://github.com/actions/download-artifact/releases/tag/v7.0.0"
    ),
    "actions/setup-python": Node24(
        6,
        "https://github.com/actions/setup-python/blob/e797f83bcb11b83ae66e0230d6156d7c80228e7c/action.yml",
    ),
    # v5 supports Node 24, but runs on Node 20 by default.
    "actions/upload-artifact": Node24(
        6, "https://github.com/actions/upload-artifact/releases/tag/v6.0.0"
    ),
    "astral-sh/setup-uv": Node24(7, "https://github.com/astral-sh/setup-uv/releases/tag/v7.0.0"),
}


def used(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Every value of a ``uses`` key, wherever it lies in a document."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "uses" and isinstance(value, yaml.ScalarNode):
                yield value
            yield from used(value)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from used(one)


def refused(action: str, comment: str) -> str | None:
    """Why ``owner/name@ref`` with that comment may not be used; ``None`` if it may.

    An action of this repository (``./…``) has no version of its own and may.

    >>> refused("actions/checkout@" + "0" * 40, "# v4.2.2")
    'actions/checkout v4 runs on Node 20; take v5 or later'
    >>> refused("actions/checkout@v5", "")
    'actions/checkout@v5 is pinned by no full SHA of 40 hex digits'
    """
    if action.startswith("./"):
        return None
    name, _, ref = action.partition("@")
    version = _VERSION.match(comment.strip())
    # github.com takes owners and names in any case, and actions in folders (actions/cache/save).
    row = ACTIONS.get("/".join(name.lower().split("/")[:2]))
    if row is None:
        return (
            f"{name} is in no row of ACTIONS in scripts/check_actions.py; add it with the first "
            "major version on Node 24 and its source"
        )
    if not _SHA.fullmatch(ref):
        return f"{action} is pinned by no full SHA of 40 hex digits"
    if version is None:
        return f"{name} has no version behind its SHA; write it as a comment, such as # v{row.major}.0.0"
    if int(version[1]) < row.major:
        return f"{name} v{version[1]} runs on Node 20; take v{row.major} or later"
    return None


def findings(folder: Path) -> list[str]:
    """``file:line: why`` for each action of a folder's YAML files that may not be used."""
    found = []
    for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for document in yaml.compose_all(text):
            for node in used(document) if document is not None else ():
                mark = node.end_mark
                comment = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
                why = refused(node.value, comment)
                if why:
                    found.append(f"{path.name}:{node.start_mark.line + 1}: {why}")
    return found


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else GITHUB
    found = findings(folder)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
