"""The command ``promote``: a registered version becomes the champion or is refused, with a record."""

import getpass
import platform
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from project_tools.errors import SettingError, TrackingError
from project_tools.evaluation.judgement import DECIDING
from project_tools.evaluation.metrics import get_metric
from project_tools.features.columns import ID, TARGET
from project_tools.governance.card import Card
from project_tools.governance.challenge import Candidate, Floors, Promotion, decide, weigh
from project_tools.runs.history import held_out_of
from project_tools.runs.provenance import HELD_OUT
from project_tools.runs.registry import (
    CHAMPION,
    MODEL_NAME,
    Registered,
    alias_or_none,
    download,
    find_version,
    set_champion,
)
from project_tools.runs.store import LEVEL, Client, connect, project_run
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.folder import CARD_JSON
from project_tools.serving.golden import GOLDEN
from project_tools.serving.json_files import strict_json
from project_tools.serving.scoring import Scorer
from project_tools.system.progress import working

#: The record in its own run, of the experiment of this name.
RECORD, EXPERIMENT = "promotion.json", "promotion"
#: Exit status of a refusal; 1 and 2 are errors, as everywhere.
REFUSED = 3
#: Times that each golden row is scored for the latency.
_REPEATS = 10
#: How far a figure computed anew may lie from the card's.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Promoted:
    """The record, and the run that keeps it."""

    record: Promotion
    run_id: str


def promote(
    model: str = f"{MODEL_NAME}@challenger",
    *,
    force: str | None = None,
    metric: str = DECIDING,
    allowed: Floors | None = None,
    quiet: bool = False,
) -> Promoted:
    """Weigh a registered version against its model's champion; it takes that place if it may.

    Every weighing is recorded, a refusal too. ``force`` is a person's reason to overrule the
    objections. Raises ``TrackingError`` for a model, version, alias or run that does not exist, for
    a version without held-out probabilities or card, and, unless forced, for one that cannot be
    compared.
    """
    if force is not None and not force.strip():
        raise SettingError("--force is empty; it takes the reason, which the record keeps")
    metric, reason = get_metric(metric).name, (force or "").strip()
    allowed, client = allowed or Floors(), connect()
    version = find_version(client, model)
    former = alias_or_none(client, version.name, CHAMPION)
    if former is not None and former.version == version.version:
        raise TrackingError(
            f"{version.name} version {version.version} is the champion already; "
            "name another by NAME/VERSION or NAME@ALIAS"
        )
    with working(f"weighing {version.name} version {version.version}", quiet=quiet):
        challenger = _candidate(client, version)
        champion = None if former is None else _candidate(client, former)
        weighed = weigh(challenger, champion, metric, allowed)
    if not weighed.compared and not reason:
        raise TrackingError(
            f"{version.name} version {version.version}: {weighed.objections[0]}; train both on one "
            'feature file and judge them alike, or overrule it with --force "REASON"'
        )
    record = Promotion(
        when=datetime.now(UTC).isoformat(timespec="seconds"), by=_person(), model=version.name,
        from_version=None if former is None else str(former.version),
        to_version=str(version.version), outcome=decide(weighed.objections, reason), reason=reason,
        metric=metric, allowed=allowed, weighed=weighed,
        champion={} if champion is None else _identity(champion),
        challenger=_identity(challenger),
    )  # fmt: skip
    return Promoted(record, _keep(record, version))


def _keep(record: Promotion, version: Registered) -> str:
    """Write the record, and only then move the alias; the id of the record's run."""
    with project_run(EXPERIMENT) as run:
        run.tags(
            {LEVEL: "promotion", "model": record.model, "outcome": record.outcome}
            | {"by": record.by, "from": record.from_version or "none", "to": record.to_version}
            | ({"reason": record.reason} if record.reason else {})
        )
        run.metrics({f"difference.{row.metric}": row.difference for row in record.weighed.compared})
        run.metrics({f"difference.{row.metric}.se": row.se for row in record.weighed.compared})
        run.text(record.to_json(), RECORD)
        if record.done:
            set_champion(run.client, version, record.from_version)
        tags = {"promotion": record.outcome, "promotion_run": run.run_id, "promotion_by": record.by}
        for key, value in tags.items():
            run.client.set_model_version_tag(version.name, version.version, key, value)
    return run.run_id


def _candidate(client: Client, version: Registered) -> Candidate:
    name = f"{version.name} version {version.version}"
    with tempfile.TemporaryDirectory() as into:
        folder = download(version, Path(into))
        artefact = load_artefact(folder)
        if not (folder / CARD_JSON).is_file():
            raise TrackingError(f"{name} was registered without a model card; train it again")
        card = Card.from_json((folder / CARD_JSON).read_text(encoding="utf-8"))
        latency = latency_ms(artefact, strict_json(GOLDEN, (folder / GOLDEN).read_bytes())["rows"])
    rows = held_out_of(client, version.run_id or "")
    if rows is None:
        raise TrackingError(f"{name}: its run holds no {HELD_OUT} to compare it by; train it again")
    manifest = artefact.manifest
    candidate = Candidate(
        version=str(version.version), run_id=version.run_id or "", artefact_digest=artefact.digest,
        data_digest=manifest.data_digest, split_digest=manifest.split_digest,
        threshold=manifest.threshold, fn_cost=manifest.fn_cost,
        ids=rows[ID].to_numpy(dtype=np.int64), y=rows[TARGET].to_numpy(dtype=np.int8),
        p=rows["probability"].to_numpy(dtype=np.float64), card=card, latency_ms=latency,
    )  # fmt: skip
    if abs(candidate.score(DECIDING).value - card.result(DECIDING).test) > _SAME:
        raise TrackingError(
            f"{name}: the held-out probabilities of its run give another {DECIDING} than its model "
            "card says; train it again"
        )
    return candidate


def latency_ms(artefact: Artefact, golden: list[list[float | str | None]]) -> float:
    """The median time to score one client, in milliseconds, over the golden rows."""
    score, names = Scorer(artefact).score, [feature.name for feature in artefact.features]
    rows = [dict(zip(names, values, strict=True)) for values in golden]
    score(rows[0])  # the first call is slower
    times = []
    for row in rows * _REPEATS:
        start = perf_counter()
        score(row)
        times.append(1000 * (perf_counter() - start))
    return median(times)


def _identity(candidate: Candidate) -> Mapping[str, str]:
    names = ("version", "run_id", "artefact_digest", "data_digest", "split_digest")
    return {name: getattr(candidate, name) for name in names}


def _person() -> str:
    """The user's name and the machine's."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user need not have a name
        user = "unknown"
    return f"{user}@{platform.node()}"
