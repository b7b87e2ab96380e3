"""A description of an artefact, made without loading its model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from project_tools.serving.folder import read_parts
from project_tools.serving.manifest import Manifest

_WIDTH = 16
_MOST_IMPORTANT = 10


@dataclass(frozen=True, slots=True)
class Inspection:
    """The manifest of a folder whose digests agree, and figures from its other files."""

    directory: str
    digest: str
    manifest: Manifest
    features: Mapping[str, int]
    concepts: Mapping[str, int]
    importance: Mapping[str, float]
    golden_rows: int
    sizes: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--json``."""
        return asdict(self)

    def as_text(self) -> str:
        """For people, a line for each fact."""
        m = self.manifest
        curve = [f"{name} {n:.4f}" for name, n in m.calibration.items() if name != "method"]
        ranked = sorted(self.importance.items(), key=lambda pair: -pair[1])[:_MOST_IMPORTANT]
        lines = [
            ("artefact", self.directory),
            ("digest", self.digest),
            ("model", f"{m.name}, version {m.version}" + (f" ({m.alias})" if m.alias else "")),
            ("family", f"{m.family}, stored as {m.model_format}"),
            ("run", m.run_id),
            ("trained", f"{m.created}, commit {m.commit[:12] or 'unknown'}"),
            ("explains", f"contributions in {m.explains}, before calibration"),
            ("calibration", f"{m.calibration['method']} ({', '.join(curve)})"),
            ("threshold", f"{m.threshold:.4f} (probability of default; above it is a risk)"),
            ("cost weight", f"{m.fn_cost:g} (a missed default against a refused good client)"),
            ("chosen by", m.metric),
            (
                "features",
                f"{self.features['number']} numbers, {self.features['category']} categories",
            ),
            ("concepts", ", ".join(f"{name} ({n})" for name, n in self.concepts.items())),
            ("most important", ", ".join(f"{name} {share:.1%}" for name, share in ranked)),
            ("golden rows", str(self.golden_rows)),
            ("data digest", m.data_digest),
            ("versions", ", ".join(f"{name} {number}" for name, number in m.versions.items())),
        ]
        text = [f"{name:<{_WIDTH}}{value}" for name, value in lines]
        return "\n".join([*text, "", *self._metrics(), "", *self._files()])

    def _metrics(self) -> list[str]:
        rows = [
            f"{name:<36}{row['value']:>10.4f} {error:<10} {row['on']}"
            for name, row in self.manifest.metrics.items()
            for error in ["" if row["se"] is None else f"± {row['se']:.4f}"]
        ]
        return [f"{'metric':<36}{'value':>10} {'± s.e.':<10} measured on", *rows]

    def _files(self) -> list[str]:
        rows = [
            f"{name:<36}{size:>12,}  {self.manifest.files[name][:12]}…"
            for name, size in self.sizes.items()
        ]
        return [f"{'file (SHA-256 agrees)':<36}{'bytes':>12}  SHA-256", *rows]


def inspect(directory: Path) -> Inspection:
    """The description of a served folder; ``ArtefactError`` for a damaged or incomplete one.

    Digests are compared; no model is read and no model library is imported. ``verify_artefact``
    also checks that the model gives the scores of its golden rows.
    """
    parts = read_parts(directory)
    features = parts.features()
    catalogue = parts.catalogue(features)
    kinds = Counter(feature.kind for feature in features)
    concepts = Counter(catalogue[feature.name]["concept"] for feature in features)
    return Inspection(
        directory=str(directory),
        digest=parts.digest,
        manifest=parts.manifest,
        features={"number": kinds["number"], "category": kinds["category"]},
        concepts=dict(concepts.most_common()),
        importance=parts.overview(features).shares(),
        golden_rows=len(parts.golden().rows),
        sizes=parts.sizes,
    )
