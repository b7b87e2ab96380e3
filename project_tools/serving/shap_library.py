"""shap and pyplot, imported at the first use: the import takes two seconds, and no score needs them."""

import threading
import warnings
from typing import Any

from project_tools.serving.lean import show_training_libraries

_IMPORTING = threading.Lock()


def import_shap() -> tuple[Any, Any]:
    """The two modules, drawing without a screen."""
    show_training_libraries()
    with _IMPORTING:
        import matplotlib as mpl  # noqa: PLC0415  (see above)

        mpl.use("Agg")
        with warnings.catch_warnings():
            # shap 0.51 colours its maps in a way that matplotlib means to drop one day.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            import shap  # noqa: PLC0415
            from matplotlib import pyplot as plt  # noqa: PLC0415
        return shap, plt
