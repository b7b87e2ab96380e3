"""Scripts of the repository, which are in no package, as modules."""

import importlib.util
from types import ModuleType

from project_tools.settings import ROOT


def load(path: str) -> ModuleType:
    """The module of a script, by its path from the root."""
    spec = importlib.util.spec_from_file_location(
        path.replace("/", "_").removesuffix(".py"), ROOT / path
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
