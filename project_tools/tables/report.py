"""The report on raw tables: its findings, for a terminal and for a program."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from project_tools.tables.codes import Code
from project_tools.tables.rules import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in the raw tables: where it is, in how many rows (0: not in rows), and what."""

    severity: Severity
    table: str
    column: str
    rows: int
    what: str
    #: Kind of the problem, one of ``codes.CODES``.
    code: Code

    def __str__(self) -> str:
        """The finding as one sentence for an error message.

        >>> print(Finding("odd", "bureau", "DAYS_CREDIT", 2, "above 0 days", "outside-limits"))
        bureau.DAYS_CREDIT: above 0 days in 2 rows
        """
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
        """Whether a finding prevents the features from being built."""
        return any(finding.severity == "fatal" for finding in self.findings)

    @property
    def verdict(self) -> str:
        """The report's last line: how many findings there are, and whether features can be built."""
        fatal = sum(finding.severity == "fatal" for finding in self.findings)
        odd = len(self.findings) - fatal
        if not self.findings:
            return "nothing is wrong with these tables"
        if not fatal:
            return f"{odd} odd, none fatal: features can be built from these tables"
        return f"{fatal} fatal, {odd} odd: correct the fatal ones before you build features"

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data for ``check --json``."""
        findings = [asdict(finding) for finding in self.findings]
        return {"fatal": self.fatal, "rows": dict(self.rows), "findings": findings}

    def show(self, console: Console) -> None:
        """Print the tables' numbers of rows, the findings in their order, and the verdict."""
        if self.rows:
            title = f"raw tables in {self.directory.name}"
            tables = Table("table", title=title, title_justify="left")
            tables.add_column("rows", justify="right")
            for name, rows in self.rows.items():
                tables.add_row(name, f"{rows:,}")
            console.print(tables)
        if self.findings:
            findings = Table("", "table", "column")
            findings.add_column("rows", justify="right")
            findings.add_column("finding", overflow="fold")
            for f in self.findings:
                style = "bold red" if f.severity == "fatal" else None
                count = f"{f.rows:,}" if f.rows else ""
                findings.add_row(f.severity, f.table, f.column, count, escape(f.what), style=style)
            console.print(findings)
        console.print(self.verdict, markup=False)
