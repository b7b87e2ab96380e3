"""A registered version becomes the champion or is refused, with a record.

The command ``promote`` weighs a challenger; the first version of a name is weighed when it is registered.
"""

import getpass
import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from project_tools.errors import SettingError, TrackingError
from project_tools.evaluation.judgement import DECIDING
from project_tools.evaluation.metrics import get_metric
from project_tools.features.columns import ID, TARGET
from project_tools.governance.candidate import Candidate, unusable
from project_tools.governance.card import Card
from project_tools.governance.challenge import BETTER_BY, Promotion, Weighed, decide, weigh
from project_tools.governance.limits import Limits
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
from project_tools.runs.store import (
    LEVEL,
    Client,
    RunLog,
    connect,
    find_runs,
    project_run,
    run_or_none,
)
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.folder import CARD_JSON
from project_tools.serving.formats.table import model_format
from project_tools.serving.golden import GOLDEN
from project_tools.serving.inputs import Value
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
    answer: str | None = None,
    metric: str = BETTER_BY,
    allowed: Limits | None = None,
    quiet: bool = False,
) -> Promoted:
    """Weigh a registered version against its model's champion; it takes that place if it may.

    Without a champion it is weighed as the first version is. Every weighing is recorded, a refusal
    too. ``force`` is a person's reason to overrule what bars the version, ``answer`` the person's
    answer to the objections. Raises ``TrackingError`` for a model, version, alias or run that does
    not exist, for a version without held-out probabilities or card, for one whose probabilities are
    constant or inverted, and, unless forced, for one that cannot be compared.
    """
    for name, text, what in (("force", force, "reason"), ("answer", answer, "answer")):
        if text is not None and not text.strip():
            raise SettingError(f"--{name} is empty; it takes the {what}, which the record keeps")
    metric, reason = get_metric(metric).name, (force or "").strip()
    allowed, client = allowed or Limits(), connect()
    version = find_version(client, model)
    former = alias_or_none(client, version.name, CHAMPION)
    if former is not None and former.version == version.version:
        raise TrackingError(
            f"{version.name} version {version.version} is the champion already; "
            "name another by NAME/VERSION or NAME@ALIAS"
        )
    with working(f"weighing {version.name} version {version.version}", quiet=quiet):
        challenger = _candidate(client, version)
        if why := unusable(challenger):
            raise TrackingError(f"{version.name} version {version.version}: {why}; train it again")
        champion = None if former is None else _candidate(client, former)
        before = _weighed_before(client, challenger, version)
        weighed = weigh(challenger, champion, metric, allowed, weighed_before=before)
    if not weighed.compared and not reason:
        raise TrackingError(
            f"{version.name} version {version.version}: {weighed.bars[0]}; train both on one "
            'feature file and judge them alike, or overrule it with --force "REASON"'
        )
    record = _record(
        version, challenger, champion, weighed, metric=metric, allowed=allowed, reason=reason,
        answer=(answer or "").strip(),
    )  # fmt: skip
    with project_run(EXPERIMENT) as run:
        run.tags(
            {LEVEL: "promotion", "model": record.model, "outcome": record.outcome}
            | {"by": record.by, "from": record.from_version or "none", "to": record.to_version}
            | ({"reason": record.reason} if record.reason else {})
            | ({"answer": record.answer} if record.answer else {})
        )
        run.metrics({f"difference.{row.metric}": row.difference for row in weighed.compared})
        run.metrics({f"difference.{row.metric}.se": row.se for row in weighed.compared})
        _keep(run, record, version, challenger)
    return Promoted(record, run.run_id)


def answer_as_champion(model: str, answer: str) -> str | None:
    """Record a person's answer to the objections to a version that is the champion already.

    Returns a line that says so; None if the version is no champion. Raises ``TrackingError`` for a
    version that does not exist, and ``SettingError`` for an empty answer.
    """
    if not answer.strip():
        raise SettingError("--answer is empty; it takes the answer, which the record keeps")
    client = connect()
    version = find_version(client, model)
    champion = alias_or_none(client, version.name, CHAMPION)
    if champion is None or champion.version != version.version:
        return None
    with project_run(EXPERIMENT) as run:
        told = {"promotion_answer": answer.strip(), "promotion_answer_by": _person()}
        run.tags({LEVEL: "promotion", "model": version.name, "outcome": "answered"} | told)
        run.tags({"to": version.version, "answers": version.tags.get("promotion_run", "")})
        for key, value in told.items():
            client.set_model_version_tag(version.name, version.version, key, value)
    return (
        f"recorded the answer of {told['promotion_answer_by']} on {_name_of(version)}, the champion"
    )


def weigh_first(run: RunLog, version: Registered) -> Promotion | None:
    """Weigh a version that was registered by ``run`` if its name has no champion yet.

    It becomes the champion, or stays the challenger and its tag ``promotion_why`` says why. The
    record is a file of the run. None if there is a champion: then a person weighs the version.
    """
    client, allowed = run.client, Limits()
    if alias_or_none(client, version.name, CHAMPION) is not None:
        return None
    challenger = _candidate(client, version, child=False)  # this process has just written it
    weighed = weigh(challenger, None, DECIDING, allowed)
    if why := unusable(challenger):
        weighed = replace(weighed, bars=(why, *weighed.bars))
    record = _record(version, challenger, None, weighed, metric=DECIDING, allowed=allowed)
    _keep(run, record, version, challenger)
    return record


def _record(
    version: Registered,
    challenger: Candidate,
    champion: Candidate | None,
    weighed: Weighed,
    *,
    metric: str,
    allowed: Limits,
    reason: str = "",
    answer: str = "",
) -> Promotion:
    return Promotion(
        when=datetime.now(UTC).isoformat(timespec="seconds"), by=_person(), model=version.name,
        from_version=None if champion is None else champion.version,
        to_version=str(version.version), outcome=decide(weighed.bars, reason), reason=reason,
        answer=answer, metric=metric, allowed=allowed, weighed=weighed,
        champion={} if champion is None else _identity(champion),
        challenger=_identity(challenger),
    )  # fmt: skip


def _keep(run: RunLog, record: Promotion, version: Registered, challenger: Candidate) -> None:
    """Write the record to the run, and only then move the alias."""
    run.tags({"weighed_on": challenger.clients_digest, "weighed_version": _name_of(version)})
    run.text(record.to_json(), RECORD)
    if record.done:
        set_champion(run.client, version, record.from_version)
    why = next(iter(record.weighed.bars), "") if not record.done else ""
    tags = {"promotion": record.outcome, "promotion_run": run.run_id, "promotion_by": record.by}
    for key, value in (tags | {"promotion_why": why}).items():
        run.client.set_model_version_tag(version.name, version.version, key, value)


def _weighed_before(client: Client, challenger: Candidate, version: Registered) -> int:
    """How many other versions were weighed on the challenger's held-out clients."""
    runs = find_runs(client, f"tags.weighed_on = '{challenger.clients_digest}'")
    return len({run.data.tags["weighed_version"] for run in runs} - {_name_of(version)})


def _name_of(version: Registered) -> str:
    return f"{version.name}/{version.version}"


def _candidate(client: Client, version: Registered, *, child: bool = True) -> Candidate:
    name = f"{version.name} version {version.version}"
    with tempfile.TemporaryDirectory() as into:
        folder = download(version, Path(into))
        artefact = load_artefact(folder) if child else load_artefact(folder, child=False)
        manifest = artefact.manifest
        size = (folder / model_format(manifest.model_format).file).stat().st_size
        if not (folder / CARD_JSON).is_file():
            raise TrackingError(f"{name} was registered without a model card; train it again")
        card = Card.from_json((folder / CARD_JSON).read_text(encoding="utf-8"))
        golden = strict_json(GOLDEN, (folder / GOLDEN).read_bytes())["rows"]
        score = latency_ms(artefact, golden, Scorer(artefact).score)
        explanation = latency_ms(
            artefact, golden,
            lambda row: decision_reasons(artefact, row, *scored_parts(artefact, row)), repeats=3,
        )  # fmt: skip
    rows = held_out_of(client, version.run_id or "")
    if rows is None:
        raise TrackingError(f"{name}: its run holds no {HELD_OUT} to compare it by; train it again")
    run = run_or_none(client, version.run_id or "")
    labelled = None if run is None else run.data.tags.get("labelled")
    candidate = Candidate(
        version=str(version.version), run_id=version.run_id or "", artefact_digest=artefact.digest,
        data_digest=manifest.data_digest, split_digest=manifest.split_digest,
        threshold=manifest.threshold, fn_cost=manifest.fn_cost,
        ids=rows[ID].to_numpy(dtype=np.int64), y=rows[TARGET].to_numpy(dtype=np.int8),
        p=rows["probability"].to_numpy(dtype=np.float64), card=card, latency_ms=score,
        explanation_ms=explanation, size_bytes=size, model_format=manifest.model_format,
        family=manifest.family, labelled=None if labelled is None else int(labelled),
    )  # fmt: skip
    if abs(candidate.score(DECIDING).value - card.result(DECIDING).test) > _SAME:
        raise TrackingError(
            f"{name}: the held-out probabilities of its run give another {DECIDING} than its model "
            "card says; train it again"
        )
    return candidate


def latency_ms(
    artefact: Artefact,
    golden: list[list[Value]],
    answer: Callable[[dict[str, Value]], object],
    repeats: int = _REPEATS,
) -> float:
    """The median time of an answer about one client, in milliseconds, over the golden rows.

    Of each row the fastest of ``repeats`` counts: other work on the machine slows some of them down.
    """
    names = [feature.name for feature in artefact.features]
    rows = [dict(zip(names, values, strict=True)) for values in golden]
    answer(rows[0])  # the first call is slower
    times = []
    for row in rows:
        fastest = float("inf")
        for _ in range(repeats):
            start = perf_counter()
            answer(row)
            fastest = min(fastest, perf_counter() - start)
        times.append(1000 * fastest)
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
