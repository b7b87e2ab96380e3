"""``decisions``: the record of the API's decisions."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from project_tools.cli.common import add_quiet
from project_tools.errors import CreditError
from project_tools.settings import Settings

if TYPE_CHECKING:
    from project_tools.serving.decisions.record import Decision
    from project_tools.serving.decisions.reviews import Review
    from project_tools.serving.decisions.store import DecisionStore

#: Of a review by the open caller, and of a text that was erased.
NOBODY, ERASED = "somebody without a key", "(erased)"
#: The columns of the report on overrides.
_OVERRIDE = (
    "time", "decision", "client", "class", "proba_risk_class", "reviewer", "reason", "status",
    "confirmed_by", "confirmation", "confirmed",
)  # fmt: skip
_STATUS = {
    "agreed": "agreed to", "pending": "overridden, not confirmed yet,", "confirmed": "overridden",
    "rejected": "override rejected, made",
}  # fmt: skip
HELP = "the recorded decisions: look them up, verify, replay, halt, remove"
EPILOG = (
    "The record is the database of CREDIT_DECISIONS, or a SQLite file in CREDIT_STATE. Exit status: "
    "0, or 1 where the record does not hold or a replay gives another decision."
)


def words(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show_all = verbs.add_parser("list", help="the last decisions, newest first")
    show_all.add_argument("--client", type=int, help="those on this client")
    show_all.add_argument("--near", action="store_true", help="those close to the threshold")
    show_all.add_argument(
        "--wanting-review", action="store_true", help="those close to it that nobody has reviewed"
    )
    show_all.add_argument("--limit", type=_whole, default=20, help="how many at most (20)")
    show = verbs.add_parser("show", help="one decision and what was recorded about it")
    show.add_argument("id")
    for parser_ in (show_all, show):
        parser_.add_argument("--json", action="store_true", help="print JSON, one line an entry")
    out = verbs.add_parser("export", help="all decisions as a file")
    out.add_argument("output", type=Path, metavar="OUT", help=".csv, .jsonl or .parquet")
    out.add_argument("--client", type=int, help="those on this client")
    verify = verbs.add_parser("verify", help="whether the record is whole and unchanged")
    verify.add_argument("--seal", help="a seal that an answer, a sheet or the log has shown")
    add_quiet(verify)
    replay = verbs.add_parser("replay", help="compute decisions again from what is archived")
    replay.add_argument("ids", nargs="+", metavar="ID")
    prune = verbs.add_parser("prune", help="remove old decisions")
    prune.add_argument("--older-than", type=_whole, required=True, metavar="DAYS")
    prune.add_argument("--force", action="store_true", help="even younger than 184 days")
    erase = verbs.add_parser("erase", help="remove a person's data; the chain stays whole")
    erase.add_argument("client", nargs="?", type=int)
    erase.add_argument("--decision", metavar="ID", help="of an applicant who was not known")
    reported = verbs.add_parser(
        "overrides", help="who overrode which decision, why, and who confirmed it"
    )
    reported.add_argument(
        "--format", choices=("text", "json", "csv"), default="text", help="how to print them (text)"
    )
    for name, text in (
        ("halt", "let no model decide until resume"),
        ("resume", "let the model decide again"),
    ):
        verbs.add_parser(name, help=text).add_argument("reason", help="why; it is recorded")


def run(words: argparse.Namespace) -> None:
    _VERBS[words.verb](words)


def _list(words: argparse.Namespace) -> None:
    import json

    from project_tools.serving.decisions.export import as_dict
    from project_tools.serving.decisions.reviews import reviews_of

    with opened() as store:
        near = True if words.near or words.wanting_review else None
        reviewed = False if words.wanting_review else None
        found = store.decisions(
            client=words.client, near=near, reviewed=reviewed, before=1 << 62, limit=words.limit
        )  # fmt: skip
        reviews = reviews_of(store, [decision.id for decision in found])
    for decision in found:
        last = reviews.get(decision.id, [None])[-1]
        print(json.dumps(as_dict(decision, last)) if words.json else _line(decision, last))
    if not found and not words.json:
        print("no such decision is recorded")


def _show(words: argparse.Namespace) -> None:
    import json
    from dataclasses import asdict

    from project_tools.serving.decisions.export import as_dict
    from project_tools.serving.decisions.reviews import reviews_of

    with opened() as store:
        decision = store.decision(words.id)
        last = reviews_of(store, [decision.id]).get(decision.id, [None])[-1]
        events = store.events(subject=decision.id)
        said = store.texts([e for e in events if e.kind in ("review", "confirmation")])
        kept = store.row(decision) is not None
        archived = store.archive.has(decision.model)
    if words.json:
        facts = {**as_dict(decision, last), "computed_by": json.loads(decision.computed_by)}
        about = [{**asdict(event), "text": said.get(event.sequence)} for event in events]
        print(
            json.dumps({**facts, "input_kept": kept, "model_archived": archived, "events": about})
        )
        return
    print(_line(decision, last))
    print(f"  model     {decision.model_name} version {decision.model_version}, {decision.model}")
    print(f"  raw score {decision.raw_score!r}, threshold {decision.threshold!r}")
    print(f"  input     {decision.input}{'' if kept else ' (erased)'}")
    print(f"  computed  {decision.computed_by}")
    print(f"  seal      {decision.seal}")
    if not archived:
        print("  the model is not archived on this machine, so that no replay is possible here")
    for event in events:
        text = f": {said[event.sequence]}" if event.sequence in said else ""
        print(f"  {event.time} {event.kind} {json.dumps(dict(event.facts))}{text}")


def _line(decision: "Decision", review: "Review | None" = None) -> str:
    client = "applicant" if decision.client is None else f"client {decision.client}"
    near = " near the threshold" if decision.near else ""
    reviewed = f", {_STATUS[review.status]} by {review.by or NOBODY}" if review else ""
    return (
        f"{decision.time} {decision.id} {client} {decision.label} {decision.probability:.6f}{near}"
        f"{reviewed}"
    )


def _overrides(words: argparse.Namespace) -> None:
    import csv
    import json
    import sys
    from collections import Counter

    from project_tools.serving.decisions.reviews import overrides

    with opened() as store:
        rows = [_override(decision, review) for decision, review in overrides(store)]
    if words.format == "json":
        for row in rows:
            print(json.dumps(row))
    elif words.format == "csv":
        writer = csv.DictWriter(sys.stdout, _OVERRIDE, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif not rows:
        print("no decision was overridden")
    else:
        for (reviewer, status), count in sorted(
            Counter((row["reviewer"], row["status"]) for row in rows).items()
        ):
            print(f"{reviewer or NOBODY}: {count} {status}")
        for row in rows:
            client = "applicant" if row["client"] is None else f"client {row['client']}"
            by = f" by {row['confirmed_by']}: {row['confirmation']}" if row["confirmed_by"] else ""
            print(
                f"{row['time']} {row['decision']} {client} {row['class']} overridden by "
                f"{row['reviewer'] or NOBODY}: {row['reason']}; {row['status']}{by}"
            )


def _override(decision: "Decision", review: "Review") -> dict[str, object]:
    """An override by the names of ``_OVERRIDE``."""
    second = review.confirmation
    values = (
        review.time, review.decision, decision.client, decision.label, decision.probability,
        review.by, review.reason if review.reason is not None else ERASED, review.status,
        second.by if second else "",
        (second.reason if second.reason is not None else ERASED) if second else "",
        second.time if second else "",
    )  # fmt: skip
    return dict(zip(_OVERRIDE, values, strict=True))


def _export(words: argparse.Namespace) -> None:
    from project_tools.serving.decisions.export import export

    with opened() as store:
        count = export(store, words.output, client=words.client)
    print(f"{count:,} decisions written to {words.output}")


def _verify(words: argparse.Namespace) -> None:
    from project_tools.serving.decisions.chain import verify
    from project_tools.serving.decisions.errors import BrokenChainError
    from project_tools.serving.decisions.record import Seal
    from project_tools.system.progress import working

    seal = Seal.parse(words.seal) if words.seal else None
    with opened() as store, working("verifying the record", quiet=words.quiet):
        found = verify(store.database, seal)
    for problem in found.problems:
        print(problem)
    if found.problems:
        raise BrokenChainError(
            f"the record does not hold: {len(found.problems)} problems; keep a copy of it as it is, "
            "and compare it with a backup"
        )
    if found.head is None:
        print("the record holds no event yet")
        return
    since = f" after event {found.start}" if found.start else ""
    print(
        f"the record holds: {found.events:,} events{since}, {found.decisions:,} decisions, "
        f"{found.contents:,} contents, {found.erased:,} erased"
    )
    print(f"head {found.head}" + (", and the seal is its own" if seal else ""))


def _replay(words: argparse.Namespace) -> None:
    from project_tools.serving.decisions.errors import ReplayError
    from project_tools.serving.decisions.replay import replay

    others = 0
    with opened() as store:
        for one in replay(store, words.ids):
            how = {
                "equal": "the same to the bit",
                "close": "the same within 1e-12",
                "different": f"DIFFERENT: {one.probability!r} {one.label} now",
            }[one.outcome]
            also = f" ({'; '.join(one.differences)})" if one.differences else ""
            print(f"{_line(one.decision)}: {how}{also}")
            for language in one.reasons:
                how = {
                    "equal": "the same to the bit",
                    "close": "the same within 1e-12",
                    "different": "DIFFERENT now",
                }[one.outcome_of(language)]
                print(f"  reasons as issued in {language}: {how}")
            others += one.different
    if others:
        raise ReplayError(f"{others} of {len(words.ids)} decisions come out otherwise now")


def _prune(words: argparse.Namespace) -> None:
    from project_tools.serving.decisions.retention import prune

    with opened() as store:
        pruned = prune(store, words.older_than, _who(), force=words.force)
    print(
        f"{pruned.events:,} events removed, up to event {pruned.until}, and {pruned.models} models "
        "that no decision refers to"
        if pruned.events
        else f"no event is older than {words.older_than} days"
    )


def _erase(words: argparse.Namespace) -> None:
    from project_tools.errors import SettingError
    from project_tools.serving.decisions.retention import erase

    if (words.client is None) == (words.decision is None):
        raise SettingError("name a client, or a decision by --decision ID")
    with opened() as store:
        removed = erase(store, _who(), client=words.client, decision=words.decision or "")
    print(
        f"contents removed (inputs, reasons, sheets, notes): {removed}. The decisions stay, with the "
        "digests of what was removed, so the chain holds. They cannot be replayed any more, and "
        "copies in backups remain"
    )


def _halt(words: argparse.Namespace) -> None:
    with opened(new=True) as store:
        event = store.halt(words.reason, _who())
    print(f"halted since {event.time}: no model decides until `credit decisions resume`")


def _resume(words: argparse.Namespace) -> None:
    with opened() as store:
        event = store.resume(words.reason, _who())
    print(f"resumed at {event.time}")


_VERBS = {
    "list": _list, "show": _show, "export": _export, "verify": _verify, "replay": _replay,
    "overrides": _overrides, "prune": _prune, "erase": _erase, "halt": _halt, "resume": _resume,
}  # fmt: skip


@contextmanager
def opened(*, new: bool = False) -> "Iterator[DecisionStore]":
    """The record of the settings; a ``CreditError`` where there is none, unless it may be ``new``."""
    from project_tools.serving.decisions.store import open_store

    settings = Settings.load()
    store = open_store(settings.decisions, settings.state, settings.trace)
    path = store.database.path
    if not new and path is not None and not path.exists():
        raise CreditError(f"no decision is recorded yet: there is no file {path}")
    with store:
        yield store


def _who() -> str:
    """The user of the operating system who runs the command."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)
