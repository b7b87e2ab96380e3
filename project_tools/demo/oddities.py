"""Oddities of the applications: people who stand twice, and values that nobody expects."""

import numpy as np

from project_tools.demo.application import numbers, text
from project_tools.demo.figures import Whole
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People

#: Share of clients who are somebody else's second application.
TWICE = 0.002
#: Days between the two applications of such a person, at least and at most.
BETWEEN = (30, 900)
#: Income of one client of the real tables, nobody knows why.
STRANGE_INCOME = 117_000_000.0
#: A rating that one client of the real test table has.
STRANGE_RATING = -1
#: A level that no labelled client has, as happens when a lender adds one.
UNSEEN_HOUSING = "Dormitory"
#: From how many clients of a kind on the oddities that stand once in the real tables stand here.
ENOUGH = 40
_SAME = (
    "CODE_GENDER", "NAME_EDUCATION_TYPE", "FLAG_OWN_REALTY", "REGION_POPULATION_RELATIVE",
    "REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY", "NAME_INCOME_TYPE",
    "ORGANIZATION_TYPE", "OCCUPATION_TYPE", "FLAG_EMP_PHONE",
)  # fmt: skip
_AGEING = ("DAYS_BIRTH", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH", "DAYS_EMPLOYED")


def added(
    random: np.random.Generator, people: People, columns: Columns, first: int
) -> dict[str, Values]:
    """The applications with their oddities; those that stand once stand in the first chunk."""
    found = _twice(random, dict(columns), len(people))
    if first:
        return found
    labelled, others = np.flatnonzero(people.labelled), np.flatnonzero(~people.labelled)
    if len(labelled) >= ENOUGH:
        bad = labelled[people.target[labelled] == 1]
        found["AMT_INCOME_TOTAL"] = _put(found["AMT_INCOME_TOTAL"], bad[:1], STRANGE_INCOME)
    if len(others) >= ENOUGH:
        rating = "REGION_RATING_CLIENT_W_CITY"
        found[rating] = _put(found[rating], others[:1], STRANGE_RATING)
        housing = text(found["NAME_HOUSING_TYPE"])
        codes = housing.codes.copy()
        codes[others[1:2]] = len(housing.levels)
        found["NAME_HOUSING_TYPE"] = Text((*housing.levels, UNSEEN_HOUSING), codes)
    return found


def _put(values: Values, rows: Whole, value: float) -> Values:
    changed = numbers(values).copy()
    changed[rows] = value
    return changed


def _twice(random: np.random.Generator, columns: dict[str, Values], rows: int) -> dict[str, Values]:
    """Some clients become the person of another one, some time earlier or later."""
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
    if isinstance(values, Text):
        codes = values.codes.copy()
        codes[second] = codes[first]
        return Text(values.levels, codes)
    changed = values.copy()
    changed[second] = changed[first]
    return changed
