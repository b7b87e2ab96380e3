"""The artefact behind MLflow's pyfunc protocol.

A registered version holds this module and what it imports (``runs.standalone``), so it is loaded
where this project is not installed. MLflow finds ``_load_pyfunc`` by the name of this module
(``loader_module``). This module imports nothing of MLflow, and our own modules only when a model
is loaded: a package that is missing there ends in one line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from project_tools.errors import ArtefactError, FeatureError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from project_tools.serving.artefact import Artefact
    from project_tools.serving.inputs import ServedFeature

#: Levels that a refusal names.
SHOWN_LEVELS = 8


class PyfuncModel:
    """A frame of features in, a frame of the same index out.

    With ``strict`` a category outside a feature's levels is refused; otherwise it counts as
    missing, as everywhere else.
    """

    def __init__(self, artefact: "Artefact", *, strict: bool = False) -> None:
        self._artefact, self._strict = artefact, strict

    def predict(
        self, frame: "pd.DataFrame", params: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """``proba_risk_class``, ``class`` and ``raw_score`` of each row.

        Raises ``FeatureError`` that names a feature which is missing or of another kind.
        """
        del params  # MLflow passes them; there are none
        model = self._artefact.model
        if self._strict:
            for feature in model.features:
                check_levels(feature, frame)
        return self.decide(model.encoder.encode_frame(frame), frame.index)

    def decide(self, encoded: "NDArray[np.float32]", index: "pd.Index[Any]") -> "pd.DataFrame":
        """The same of rows as the model takes them."""
        import pandas as pd  # noqa: PLC0415  (the caller has it)

        from project_tools.evaluation.threshold import Decision  # noqa: PLC0415  (see above)
        from project_tools.serving.columns import CLASS, PROBABILITY, RAW_SCORE  # noqa: PLC0415

        model = self._artefact.model
        raw = model.raw_scores(encoded)
        probabilities = model.probabilities(raw)
        labels = [Decision(float(p), self._artefact.threshold).label for p in probabilities]
        columns = {PROBABILITY: probabilities, CLASS: labels, RAW_SCORE: raw}
        return pd.DataFrame(columns, index=index)


def check_levels(feature: "ServedFeature", frame: "pd.DataFrame") -> None:
    """Raise ``FeatureError`` for a text that is none of a category's levels.

    MLflow's schema cannot check it: its type for texts refuses pandas categories.
    """
    if feature.kind != "category" or feature.name not in frame:
        return
    texts = {value for value in frame[feature.name].dropna().unique() if isinstance(value, str)}
    if not texts <= set(feature.levels):
        shown = ", ".join(map(repr, feature.levels[:SHOWN_LEVELS]))
        more = ", …" if len(feature.levels) > SHOWN_LEVELS else ""
        raise FeatureError(
            f"feature {feature.name!r} holds a text that is none of its levels; it takes {shown}{more}, or null"
        )


def _load_pyfunc(path: str) -> PyfuncModel:
    """The verified artefact in a folder, for ``mlflow.pyfunc.load_model``."""
    try:
        from project_tools.serving.artefact import load_artefact  # noqa: PLC0415  (see above)

        return PyfuncModel(load_artefact(Path(path)), strict=True)
    except ModuleNotFoundError as why:
        raise ArtefactError(
            f"the package {why.name} is not installed here; install the requirements.txt that lies "
            "beside the model's MLmodel file"
        ) from why
