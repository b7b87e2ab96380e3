"""What computes a score: the versions of the libraries, and the kind of processor."""

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from project_tools.serving.decisions.record import canonical_json

#: The libraries whose version may change the last digits of a score.
LIBRARIES = ("numpy", "scipy", "lightgbm", "xgboost-cpu", "scikit-learn", "skops")
_FIELDS = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")


@lru_cache
def platform_facts() -> str:
    """The canonical JSON of this process's libraries and processor."""
    return canonical_json({"processor": processor(), **versions()})


def versions() -> dict[str, str]:
    """The installed libraries of ``LIBRARIES``, and their versions."""
    installed = {}
    for name in LIBRARIES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def processor() -> str:
    """The kind of processor: architecture, maker, family and model where the system says so."""
    parts = [platform.machine()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        first = cpuinfo.read_text(errors="replace").partition("\n\n")[0]
        fields = {
            name.strip(): value.strip()
            for name, _, value in (line.partition(":") for line in first.splitlines())
        }
        parts += [fields[name] for name in _FIELDS if name in fields]
    return " ".join(parts)
