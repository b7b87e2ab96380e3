"""The child process that computes decisions and their reasons again from an archived artefact.

``python -m project_tools.serving.decisions.recomputation`` reads ``{"folder": …, "rows": [hex, …],
"spoken": [[[language, currency], …], …]}`` from standard input, and prints a line of JSON with the
scores and the reasons, or ``{"error": …}``. A damaged model ends this process, not the one that asked.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from project_tools.errors import CreditError
from project_tools.serving.artefact import load_artefact
from project_tools.serving.decisions.platform import platform_facts
from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput
from project_tools.serving.formats.table import model_format
from project_tools.serving.lean import hide_training_libraries
from project_tools.serving.scoring import Scorer


def recompute(
    folder: Path, rows: Sequence[bytes], spoken: Sequence[Sequence[tuple[str, str]]]
) -> dict[str, Any]:
    """Raw score, probability, class and reasons of each encoded row, by the model in a folder.

    ``spoken`` holds the languages and currencies in which the reasons of each row were said.
    ``packages`` are those whose version counts; ``CreditError`` for a model that cannot be read.
    """
    artefact = load_artefact(folder, child=False)
    scorer = Scorer(artefact)
    scores, reasons = [], []
    for row, words in zip(rows, spoken, strict=True):
        encoded = np.frombuffer(row, np.float32).reshape(1, -1)
        if encoded.shape[1] != len(artefact.features):
            raise CreditError(
                f"the recorded row has {encoded.shape[1]} features, the model takes "
                f"{len(artefact.features)}"
            )
        score = scorer.score_encoded(encoded)
        scores.append([score.raw_score, score.decision.probability, score.decision.label])
        scored = ScoredInput.of(artefact, row) if words else None
        said = [RecordedReasons.of(scored, *one) for one in words if scored is not None]
        reasons.append([one.model_dump(mode="json") for one in said])
    return {
        "digest": artefact.digest,
        "threshold": artefact.threshold,
        "scores": scores,
        "reasons": reasons,
        "packages": list(model_format(artefact.model.format).packages),
        "computed_by": json.loads(platform_facts()),
    }


def _main() -> int:
    hide_training_libraries()
    asked = json.load(sys.stdin)
    try:
        rows = [bytes.fromhex(row) for row in asked["rows"]]
        answer = recompute(Path(asked["folder"]), rows, asked["spoken"])
    except CreditError as why:
        answer = {"error": str(why)}
    except ModuleNotFoundError as why:
        answer = {"error": f"the package {why.name} that the model needs is not installed here"}
    sys.stdout.write(f"{json.dumps(answer)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
