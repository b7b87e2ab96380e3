"""Oddities of the applications: people with two applications, and values that nobody expects."""

import numpy as np

from project_tools.demo.application import numbers, text
from project_tools.demo.figures import Whole
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People

#: Share of applications that are the second one of a person.
TWICE = 0.002
#: Least and greatest number of days between the two applications of a person.
BETWEEN = (30, 900)
#: Income of one client in the real tables, for an unknown reason.
STRANGE_INCOME = 117_000_000.0
#: A rating outside its scale that one client has in the real test table.
STRANGE_RATING = -1
#: A level that no labelled client has, as if the lender had added it later.
UNSEEN_HOUSING = "Dormitory"
#: Least number of labelled (or unlabelled) clients for the oddities that occur once in them.
ENOUGH = 40
#: Columns that are the same in both applications of a person.
_SAME = (
    "CODE_GENDER", "NAME_EDUCATION_TYPE", "FLAG_OWN_REALTY", "REGION_POPULATION_RELATIVE",
    "REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY", "NAME_INCOME_TYPE",
    "ORGANIZATION_TYPE", "OCCUPATION_TYPE", "FLAG_EMP_PHONE",
)  # fmt: skip
#: Columns of days, which change by the days between the two applications.
_AGEING = ("DAYS_BIRTH", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH", "DAYS_EMPLOYED")


def with_oddities(
    random: np.random.Generator, people: People, columns: Columns, first: int
) -> dict[str, Values]:
    """The applications with their oddities; those that occur once are in the first chunk."""
    odd = _second_applications(random, dict(columns), len(people))
    if first:
        return odd
    labelled, others = np.flatnonzero(people.labelled), np.flatnonzero(~people.labelled)
    if len(labelled) >= ENOUGH:
        bad = labelled[people.target[labelled] == 1]
        odd["AMT_INCOME_TOTAL"] = _put(odd["AMT_INCOME_TOTAL"], bad[:1], STRANGE_INCOME)
    if len(others) >= ENOUGH:
        rating = "REGION_RATING_CLIENT_W_CITY"
        odd[rating] = _put(odd[rating], others[:1], STRANGE_RATING)
        housing = text(odd["NAME_HOUSING_TYPE"])
        codes = housing.codes.copy()
        codes[others[1:2]] = len(housing.levels)
        odd["NAME_HOUSING_TYPE"] = Text((*housing.levels, UNSEEN_HOUSING), codes)
    return odd


def _put(values: Values, rows: Whole, value: float) -> Values:
    changed = numbers(values).copy()
    changed[rows] = value
    return changed


def _second_applications(
    random: np.random.Generator, columns: dict[str, Values], rows: int
) -> dict[str, Values]:
    """Turn some applications into the second one of another client, from some days before or after."""
    second = np.flatnonzero(random.random(rows) < TWICE)
    first = (second + 1 + random.integers(0, max(rows - 1, 1), len(second))) % rows
    kept = ~np.isin(first, second)
    first, second = first[kept], second[kept]
    days = random.integers(*BETWEEN, len(second))
    for name in _SAME:
        columns[name] = _copied(columns[name], first, second)
    for name in _AGEING:
        values = numbers(columns[name]).copy()
        former = values[first]
        values[second] = np.where(former < -BETWEEN[1], former + days, former)
        columns[name] = values.astype(np.int64)
    return columns


def _copied(values: Values, first: Whole, second: Whole) -> Values:
    """The column with the values of the rows ``first`` in the rows ``second``."""
    if isinstance(values, Text):
        codes = values.codes.copy()
        codes[second] = codes[first]
        return Text(values.levels, codes)
    changed = values.copy()
    changed[second] = changed[first]
    return changed
