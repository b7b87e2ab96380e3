"""The engine for tests that ask nothing about an engine."""

#: DuckDB spends about six seconds of processor time on the plans of a small table, Polars two. Both
#: read the files alike and give the same bits (``tests/features/engines``).
QUICK = "polars"
