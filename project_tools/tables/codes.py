"""Stable codes of the findings on raw tables, for programs that read ``check --json``.

A code is never renamed and never gets another meaning; docs/data.md lists them.
"""

from collections.abc import Mapping
from typing import Literal

Code = Literal[
    "folder", "table-missing", "table-twice", "unreadable", "format", "separator", "encoding",
    "column-missing", "column-twice", "type", "not-a-number", "values-per-row", "key-not-whole",
    "key-too-large", "changed", "resources",
    "key-missing", "key-duplicate", "client-duplicate", "outcome-none", "outcome-single",
    "fraction", "not-finite", "out-of-range", "outside-limits", "value-missing", "level-unknown",
    "flag", "orphan", "loan-of-two-clients", "month-duplicate", "row-duplicate", "column-extra",
    "file-empty",
]  # fmt: skip

#: What each code means, in the order of docs/data.md: first what prevents a table from being read.
CODES: Mapping[Code, str] = {
    "folder": "the folder is missing, or an argument does not fit its tables",
    "table-missing": "no file of a table",
    "table-twice": "two files of one table",
    "unreadable": "a file that is damaged, cut short, or not readable for this user",
    "format": "another format than the name says (a zip archive, UTF-16, a spreadsheet's `sep=` line)",
    "separator": "values separated by something else than commas",
    "encoding": "a byte that is not UTF-8",
    "column-missing": "a column of the schema is missing",
    "column-twice": "one column name twice",
    "type": "a Parquet column of another type",
    "not-a-number": "a text where a number is expected, or a number with an underscore",
    "values-per-row": "a row with another number of values than the header",
    "key-not-whole": "a key with a fraction",
    "key-too-large": "a key of 2⁵³ or more",
    "changed": "a file that changed while it was read",
    "resources": "the memory or the disk is too small",
    "key-missing": "a row without a key",
    "key-duplicate": "another row for the same bureau loan or earlier application",
    "client-duplicate": "another application of the same client",
    "outcome-none": "no client with an outcome",
    "outcome-single": "all outcomes are the same",
    "fraction": "a fraction among days, months or counts",
    "not-finite": "an infinity, or NaN; it is treated as missing",
    "out-of-range": "a number beyond the range that can be computed with; it is treated as missing",
    "outside-limits": "a number outside the limits that are expected of its column",
    "value-missing": "a missing value where the published tables hold none",
    "level-unknown": "a level that the published tables do not hold",
    "flag": "a flag that is neither 0 nor 1",
    "orphan": "a row without a row in its parent table",
    "loan-of-two-clients": "a row that names another client than the owner of its loan",
    "month-duplicate": "another row for the same month of a loan",
    "row-duplicate": "a row that repeats another one in every column",
    "column-extra": "a column that is not in the schema; it is ignored",
    "file-empty": "a file without even a header: a table without rows",
}
