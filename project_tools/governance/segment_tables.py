"""The audit of groups as Markdown tables, in full and as the model card shows it."""

from collections.abc import Sequence

from project_tools.governance.segments import (
    FOUR_FIFTHS,
    LEAST_CLIENTS,
    LEAST_FOR_SLOPE,
    LEAST_OF_CLASS,
    Segment,
    SegmentReport,
    figure_text,
)

#: Head and field of each column of figures, with its digits.
Columns = Sequence[tuple[str, str, int]]
COLUMNS: Columns = (
    ("defaulted", "default_rate", 3),
    ("predicted", "predicted", 3),
    ("predicted - defaulted", "gap", 3),
    ("granted", "acceptance_rate", 3),
    ("ratio to best", "acceptance_ratio", 2),
    ("granted of repaid", "acceptance_of_repaid", 3),
    ("loss", "loss", 3),
    ("AUC", "auc", 3),
    ("slope", "slope", 2),
)
#: The columns that fit the width of the model card.
COMPACT: Columns = (
    ("defaulted", "default_rate", 3),
    ("predicted - defaulted", "gap", 3),
    ("granted", "acceptance_rate", 3),
    ("ratio to best", "acceptance_ratio", 2),
    ("granted of repaid", "acceptance_of_repaid", 3),
    ("loss", "loss", 3),
)
#: How to read the tables. The four-fifths rule is named, because it is not the law everywhere.
NOTES = (
    "Each figure has its 95 % interval. The loss is in refused good clients per client.",
    f"A group of fewer than {LEAST_CLIENTS} clients shows only its size. An AUC needs "
    f"{LEAST_OF_CLASS} clients of each outcome, a slope {LEAST_FOR_SLOPE}.",
    f"A ratio below {FOUR_FIFTHS:g} is marked *. The four-fifths rule calls for an examination of "
    "such a group; it is a screening rule of United States employment practice (29 CFR 1607.4 D) "
    "that is often used for lending. It is not a law of lending everywhere, and a ratio above it "
    "does not prove that the model is fair.",
    "A thin file is a client without a loan at the credit bureau and without an earlier loan or "
    "application here.",
)


def markdown(report: SegmentReport) -> str:
    """A table for all clients, one for each characteristic, and how to read them."""
    parts = [("all clients", [report.overall])]
    parts += [(name, report.groups(name)) for name in report.characteristics]
    tables = [markdown_table([_heads(name), *map(_cells, groups)]) for name, groups in parts]
    return "\n\n".join([*tables, "\n".join(f"- {note}" for note in NOTES)]) + "\n"


def compact_markdown(report: SegmentReport) -> str:
    """One table of all groups, for the model card; a row in bold begins each characteristic."""
    rows = [_heads("", COMPACT), _cells(report.overall, COMPACT)]
    for name in report.characteristics:
        rows.append([f"**{name}**", *[""] * (len(COMPACT) + 1)])
        rows += [_cells(one, COMPACT) for one in report.groups(name)]
    return markdown_table(rows)


def markdown_table(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    r"""A Markdown table whose first row is its head; all columns but the first hold ``numbers``.

    >>> print(markdown_table([["a", "b"], ["x|y", "1"]]))
    | a | b |
    | --- | ---: |
    | x\|y | 1 |
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(rows[0]) - 1)]
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in (rows[0], rule, *rows[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _heads(name: str, columns: Columns = COLUMNS) -> list[str]:
    return [name, "clients", *(head for head, _, _ in columns)]


def _cells(segment: Segment, columns: Columns = COLUMNS) -> list[str]:
    figures = [figure_text(getattr(segment, field), digits) for _, field, digits in columns]
    if segment.below_four_fifths:
        place = [field for _, field, _ in columns].index("acceptance_ratio")
        figures[place] += " *"
    return [segment.group, f"{segment.clients:,}", *figures]
