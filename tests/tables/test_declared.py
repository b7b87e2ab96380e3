"""The schema in ``columns.csv``: its words are known, and no column is declared twice."""

from typing import get_args

import pytest

from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Kind, Table


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_each_column_is_declared_once_and_of_a_known_kind(table: Table) -> None:
    names = table.column_names
    assert names
    assert len({*names}) == len(names)
    assert {column.kind for column in table.columns} <= {*get_args(Kind)}
    assert {*table.key} <= {column.name for column in table.columns if not column.nullable}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_only_texts_have_levels_and_none_of_them_twice(table: Table) -> None:
    for column in table.columns:
        assert bool(column.levels) == (column.kind == "text"), column.name
        assert len({*column.levels}) == len(column.levels), column.name
