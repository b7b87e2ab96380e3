"""The mark of invented tables: a file beside them that holds their digest.

It holds for these bytes only: a real table in the same folder has another digest.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from project_tools.system.files import replacing, sha256_of_files

MARK = "demonstration.json"


def mark_demonstration(tables: Iterable[Path]) -> None:
    """Write beside these tables that they are invented."""
    files = list(tables)
    with replacing(files[0].with_name(MARK)) as temporary:
        temporary.write_text(json.dumps({"raw_digest": sha256_of_files(files)}) + "\n")


def is_demonstration(tables: Iterable[Path], raw_digest: str) -> bool:
    """Whether the mark beside the tables says that tables of this digest are invented."""
    files = list(tables)
    try:
        mark = json.loads(files[0].with_name(MARK).read_text())
    except (IndexError, OSError, ValueError):
        return False
    return bool(mark == {"raw_digest": raw_digest})
