"""The audit of groups as tables: for the terminal, and as Markdown for the model card."""

from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from project_tools.governance.segments import (
    FOUR_FIFTHS,
    LEAST_CLIENTS,
    LEAST_FOR_SLOPE,
    LEAST_OF_CLASS,
    Figure,
    Segment,
    SegmentReport,
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
#: Those of the model card, which has a page's width.
COMPACT: Columns = (
    ("defaulted", "default_rate", 3),
    ("predicted - defaulted", "gap", 3),
    ("granted", "acceptance_rate", 3),
    ("ratio to best", "acceptance_ratio", 2),
    ("granted of repaid", "acceptance_of_repaid", 3),
    ("loss", "loss", 3),
)
#: How to read the tables; the four-fifths rule is named and not passed off as everybody's law.
NOTES = (
    "Each figure with its 95 % interval; the loss is in good clients refused, per client.",
    f"A group of fewer than {LEAST_CLIENTS} clients is shown by its size alone; an AUC needs "
    f"{LEAST_OF_CLASS} clients of each outcome, a slope {LEAST_FOR_SLOPE}.",
    f"A ratio below {FOUR_FIFTHS:g} is marked *: the four-fifths rule, a screening rule of United "
    "States employment practice (29 CFR 1607.4 D) that is often borrowed for lending, would look "
    "into it. It is no law of lending everywhere, and above it nothing is proven fair.",
    "A thin file is a client without a loan at the credit bureau and without an earlier loan or "
    "application here.",
)


def markdown(report: SegmentReport) -> str:
    """A table for all clients, one for each characteristic, and how to read them."""
    parts = [_markdown_table("all clients", [report.overall])]
    parts += [_markdown_table(name, report.groups(name)) for name in report.characteristics]
    return "\n\n".join([*parts, "\n".join(f"- {note}" for note in NOTES)]) + "\n"


def compact_markdown(report: SegmentReport) -> str:
    """One table of all groups, for the model card; a row in bold begins each characteristic."""
    lines = [_heads("", COMPACT), _cells(report.overall, COMPACT)]
    for name in report.characteristics:
        lines.append([f"**{name}**", *[""] * (len(COMPACT) + 1)])
        lines += [_cells(one, COMPACT) for one in report.groups(name)]
    return _markdown(lines)


def terminal(report: SegmentReport) -> Group:
    """The same for ``rich``, one table over another."""
    tables = [_rich_table("all clients", [report.overall])]
    tables += [_rich_table(name, report.groups(name)) for name in report.characteristics]
    return Group(*tables, *(Text(note) for note in NOTES))


def _markdown_table(name: str, segments: list[Segment]) -> str:
    return _markdown([_heads(name), *map(_cells, segments)])


def _heads(name: str, columns: Columns = COLUMNS) -> list[str]:
    return [name, "clients", *(head for head, _, _ in columns)]


def _markdown(lines: Sequence[list[str]]) -> str:
    ruled = [lines[0], ["---", *["---:"] * (len(lines[0]) - 1)], *lines[1:]]
    return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in ruled)


def _rich_table(name: str, segments: list[Segment]) -> Table:
    table = Table()
    table.add_column(name)
    for head in _heads(name)[1:]:
        table.add_column(head, justify="right")
    for segment in segments:
        table.add_row(*map(Text, _cells(segment)))
    return table


def _cells(segment: Segment, columns: Columns = COLUMNS) -> list[str]:
    figures = [_cell(getattr(segment, field), digits) for _, field, digits in columns]
    if segment.below_four_fifths:
        place = [field for _, field, _ in columns].index("acceptance_ratio")
        figures[place] += " *"
    return [segment.group, f"{segment.clients:,}", *figures]


def _cell(figure: Figure | None, digits: int) -> str:
    """A figure with its interval; a dash where the group is too small.

    >>> _cell(Figure(0.5, 0.4, 0.6), 2), _cell(None, 2)
    ('0.50 (0.40 to 0.60)', '-')
    """
    if figure is None:
        return "-"
    value = f"{figure.value:.{digits}f}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")
