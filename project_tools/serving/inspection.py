"""What an artefact is, told without loading its model."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from project_tools.serving.folder import Parts, read_parts
from project_tools.serving.manifest import Manifest

_WIDTH = 16
_MOST_IMPORTANT = 10


@dataclass(frozen=True, slots=True)
class Inspection:
    """The manifest of a folder whose digests agree, and what its other files say."""

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
        """For people, a line for each thing."""
        m = self.manifest
        lines = [
            ("artefact", self.directory),
            ("digest", self.digest),
            ("model", f"{m.name}, version {m.version}" + (f" ({m.alias})" if m.alias else "")),
            ("family", f"{m.family}, stored as {m.model_format}"),
            ("run", m.run_id),
            ("trained", f"{m.created}, commit {m.commit[:12] or 'unknown'}"),
            ("explains", f"contributions in {m.explains}, before calibration"),
            ("calibration", _calibration(m.calibration)),
            ("threshold", f"{m.threshold:.4f} (probability of default; above it is a risk)"),
            ("cost weight", f"{m.fn_cost:g} (a missed default against a refused good client)"),
            ("chosen by", m.metric),
            (
                "features",
                f"{self.features['number']} numbers, {self.features['category']} categories",
            ),
            ("concepts", ", ".join(f"{name} ({n})" for name, n in self.concepts.items())),
            ("most important", ", ".join(self._first())),
            ("golden rows", str(self.golden_rows)),
            ("data digest", m.data_digest),
            ("versions", ", ".join(f"{name} {number}" for name, number in m.versions.items())),
        ]
        text = [f"{name:<{_WIDTH}}{value}" for name, value in lines]
        return "\n".join([*text, "", *self._metrics(), "", *self._files()])

    def _first(self) -> list[str]:
        ranked = sorted(self.importance.items(), key=lambda pair: -pair[1])
        return [f"{name} {share:.1%}" for name, share in ranked[:_MOST_IMPORTANT]]

    def _metrics(self) -> list[str]:
        rows = [
            f"{name:<36}{row['value']:>10.4f} {_error(row['se']):<10} {row['on']}"
            for name, row in self.manifest.metrics.items()
        ]
        return [f"{'metric':<36}{'value':>10} {'± s.e.':<10} measured on", *rows]

    def _files(self) -> list[str]:
        rows = [
            f"{name:<36}{size:>12,}  {self.manifest.files[name][:12]}…"
            for name, size in self.sizes.items()
        ]
        return [f"{'file (SHA-256 agrees)':<36}{'bytes':>12}  SHA-256", *rows]


def inspect(directory: Path) -> Inspection:
    """What a served folder holds; ``ArtefactError`` for one that is damaged or incomplete.

    Digests are compared, no model library is imported and no model is read: whether the model
    gives its golden rows is for ``verify_artefact`` to say.
    """
    parts = read_parts(directory)
    features, catalogue = parts.features(), parts.catalogue()
    kinds = Counter(feature.kind for feature in features)
    concepts = Counter(catalogue[feature.name]["concept"] for feature in features)
    return Inspection(
        directory=str(directory),
        digest=parts.digest,
        manifest=parts.manifest,
        features={"number": kinds["number"], "category": kinds["category"]},
        concepts=dict(concepts.most_common()),
        importance=parts.overview().shares(),
        golden_rows=_rows(parts),
        sizes=parts.sizes,
    )


def _rows(parts: Parts) -> int:
    golden = parts.json("golden.json")
    rows = golden.get("rows") if isinstance(golden, dict) else None
    return len(rows) if isinstance(rows, list) else 0


def _calibration(plain: Mapping[str, Any]) -> str:
    numbers = [f"{name} {value:.4f}" for name, value in plain.items() if name != "method"]
    return f"{plain.get('method')} ({', '.join(numbers)})"


def _error(se: float | None) -> str:
    return "" if se is None else f"± {se:.4f}"
