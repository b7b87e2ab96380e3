"""``explain``: what would be said to a client about the decision."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from project_tools.errors import UnknownClientError
from project_tools.settings import Settings

if TYPE_CHECKING:
    from project_tools.serving.explanation import DecisionReasons

MINUS = "\N{MINUS SIGN}"
HELP = "what would be said to a client: the decision, what speaks against it and for it"
EPILOG = (
    "Numbers before the sentences are percentage points of risk. A model without a reference, or "
    "with too few clients next to its threshold, compares with the average client, and says so. The "
    "last line, on standard error, names the model and the clients' file that answered."
)


def words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", type=int, metavar="ID", help="a client of the store")
    parser.add_argument(
        "--language", default="en", metavar="LANGUAGE", help="of the sentences: en or fr (en)"
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="model folder (CREDIT_MODEL, or api/model)"
    )
    parser.add_argument(
        "--clients", type=Path, metavar="FILE",
        help="client store (CREDIT_CLIENTS, or api/clients.parquet)",
    )  # fmt: skip


def run(words: argparse.Namespace) -> None:
    from project_tools.serving.artefact import load_artefact
    from project_tools.serving.clients import ClientStore
    from project_tools.serving.explanation import decision_reasons, scored_parts
    from project_tools.serving.reasons.languages import words_of

    settings = Settings.load()
    words_of(words.language)  # an unknown language is refused before the model is read
    artefact = load_artefact(words.model or settings.model)
    clients = words.clients or settings.clients
    store = ClientStore.open(clients, artefact)
    try:
        row = store.row(words.client)
    except UnknownClientError as why:
        raise UnknownClientError(
            f"no client {words.client} is known in {clients}; --model and --clients name another "
            "model and its clients, as make run leaves them in pickle_files/artefact and "
            "pickle_files/clients.parquet"
        ) from why
    raw_scores, parts = scored_parts(artefact, row, store.encoded(words.client))
    reasons = decision_reasons(
        artefact, row, raw_scores, parts, language=words.language, currency=settings.currency
    )
    near = artefact.reference is not None and artefact.reference.near(reasons.risk / 100)
    print("\n".join(lines(reasons, artefact.threshold, words.language, near=near)))
    about = artefact.manifest
    sys.stderr.write(
        f"model {about.name} version {about.version} ({artefact.digest[:12]}), clients of {clients}\n"
    )


def lines(
    reasons: "DecisionReasons", threshold: float, language: str, *, near: bool
) -> Iterator[str]:
    """The decision, risk and comparison, then both sides with their points, or why there are none."""
    from project_tools.features.wording.languages import VALUE_WORDS
    from project_tools.serving.reasons.languages import words_of

    reference = reasons.reference
    phrases, values = words_of(language).phrases, VALUE_WORDS[language]

    def percent(number: float) -> str:
        return f"{number:.1f}{values.percent}".replace(".", values.point)

    yield phrases["granted" if reasons.granted else "refused"]
    risk = phrases["risk"].format(risk=percent(reasons.risk), limit=percent(100 * threshold))
    yield f"{risk} {phrases[reference.compared_with].format(risk=percent(reference.risk))}"
    if near:
        yield phrases["near"]
    if reference.note:
        yield reference.note
    if reasons.blocked:
        yield reasons.blocked
        return
    own, other = ("for", "against") if reasons.granted else ("against", "for")
    for side, chosen in ((own, reasons.reasons), (other, reasons.other_side)):
        yield phrases[side]
        for reason in chosen:
            points = f"{'+' if reason.points > 0 else MINUS}{abs(reason.points):.1f}"
            yield f"{points.replace('.', values.point):>7}  {reason.text}"
        if not chosen:
            yield f"         {phrases['none']}"
