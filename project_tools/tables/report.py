"""A report on raw tables: findings, and how a terminal or a program reads them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from project_tools.tables.rules import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in which table and column, in how many rows, what."""

    severity: Severity
    table: str
    column: str
    rows: int
    what: str

    def __str__(self) -> str:
        """One sentence, as an error says it."""
        where = ".".join(name for name in (self.table, self.column) if name)
        rows = f" in {self.rows:,} row{'s' if self.rows != 1 else ''}" if self.rows else ""
        return f"{where}: {self.what}{rows}" if where else self.what


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on a folder of raw tables, and the number of rows of each table."""

    directory: Path
    rows: Mapping[str, int]
    findings: tuple[Finding, ...]

    @property
    def fatal(self) -> bool:
        """Whether something stops the work."""
        return any(finding.severity == "fatal" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for ``--json``."""
        findings = [asdict(finding) for finding in self.findings]
        return {"fatal": self.fatal, "rows": dict(self.rows), "findings": findings}

    def show(self, console: Console) -> None:
        """Print tables and findings, the fatal first, and a last line that says how it stands."""
        if self.rows:
            console.print(self._of_rows())
        if self.findings:
            console.print(self._of_findings())
        console.print(self.verdict, markup=False)

    @property
    def verdict(self) -> str:
        """The last line."""
        fatal = sum(finding.severity == "fatal" for finding in self.findings)
        odd = len(self.findings) - fatal
        if not self.findings:
            return "nothing is wrong with these tables"
        if not fatal:
            return f"{odd} odd, none fatal: features can be made of these tables"
        return f"{fatal} fatal, {odd} odd: mend what is fatal before features are made"

    def _of_rows(self) -> Table:
        table = Table("table", title=f"raw tables in {self.directory.name}", title_justify="left")
        table.add_column("rows", justify="right")
        for name, rows in self.rows.items():
            table.add_row(name, f"{rows:,}")
        return table

    def _of_findings(self) -> Table:
        table = Table("", "table", "column")
        table.add_column("rows", justify="right")
        table.add_column("what is there", overflow="fold")
        for f in self.findings:
            style = "bold red" if f.severity == "fatal" else None
            rows = f"{f.rows:,}" if f.rows else ""
            table.add_row(f.severity, f.table, f.column, rows, _plain(f.what), style=style)
        return table


def _plain(text: str) -> str:
    """Text that rich shows as it is: square brackets are its own marks."""
    return text.replace("[", r"\[")
