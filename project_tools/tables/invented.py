"""The mark of invented tables, which follows their clients into feature files and model cards."""

import json
from collections.abc import Sequence
from pathlib import Path

from project_tools.system.files import replacing

#: The file beside invented tables, and the key in the metadata of a feature file made from them.
MARK, INVENTED = "INVENTED.json", "invented"
_NOTE = "Every client in these tables is invented. The sizes say which files this is about."


def mark_invented(directory: Path, tables: Sequence[Path]) -> None:
    """Write the mark beside tables that were invented."""
    sizes = {path.name: path.stat().st_size for path in tables}
    with replacing(directory / MARK) as temporary:
        temporary.write_text(json.dumps({"note": _NOTE, "bytes": sizes}, indent=1) + "\n")


def are_invented(directory: Path) -> bool:
    """Whether a folder's tables are those of its mark: no other file took the place of one."""
    try:
        sizes = json.loads((directory / MARK).read_text(encoding="utf-8"))["bytes"]
        return bool(sizes) and all(
            (directory / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
