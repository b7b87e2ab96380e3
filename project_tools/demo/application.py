# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""The applications: columns drawn from the clients' characters, then made consistent."""

import numpy as np
from scipy.special import ndtr, ndtri

from project_tools.demo.figures import (
    Applications,
    Flags,
    Numbers,
    Side,
    applications,
    text_of,
)  # fmt: skip
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import NO_DATE

TABLE = "application_train"
#: Weight of age in who is at work, beyond the latent correlation.
PENSION_BY_AGE = 0.6
#: Endings of a building's further figures; each figure is close to the one before.
_BUILDING = ("_MEDI", "_MODE")
#: Columns of numbers that are drawn without a look at other columns.
_NUMBERS = (
    "CNT_CHILDREN", "REGION_POPULATION_RELATIVE", "DAYS_BIRTH", "DAYS_REGISTRATION",
    "DAYS_ID_PUBLISH", "FLAG_WORK_PHONE", "FLAG_CONT_MOBILE", "FLAG_PHONE", "FLAG_EMAIL",
    "REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY", "HOUR_APPR_PROCESS_START",
    "REG_REGION_NOT_LIVE_REGION", "LIVE_REGION_NOT_WORK_REGION", "REG_CITY_NOT_LIVE_CITY",
    "LIVE_CITY_NOT_WORK_CITY",
    "EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "DAYS_LAST_PHONE_CHANGE",
)  # fmt: skip
#: Columns of texts that are drawn without a look at other columns.
_TEXTS = (
    "NAME_CONTRACT_TYPE", "CODE_GENDER", "FLAG_OWN_CAR", "FLAG_OWN_REALTY", "NAME_TYPE_SUITE",
    "NAME_EDUCATION_TYPE", "NAME_FAMILY_STATUS", "NAME_HOUSING_TYPE",
    "WEEKDAY_APPR_PROCESS_START",
)  # fmt: skip
_BUILDING_TEXTS = (
    "FONDKAPREMONT_MODE", "HOUSETYPE_MODE", "WALLSMATERIAL_MODE", "EMERGENCYSTATE_MODE",
)  # fmt: skip
REQUESTS = tuple(
    f"AMT_REQ_CREDIT_BUREAU_{p}" for p in ("HOUR", "DAY", "WEEK", "MON", "QRT", "YEAR")
)
#: Documents that few clients hand in, each independent of the others.
RARE_DOCUMENTS = tuple(f"FLAG_DOCUMENT_{n}" for n in (2, 4, 5, 7, *range(9, 22)))
BUILDINGS = tuple(
    c.name.removesuffix("_AVG")
    for c in TABLES[TABLE].columns
    if c.name.endswith("_AVG")
)  # fmt: skip


class _Drawing:
    """The columns of one chunk; each value follows its distribution in the client's table."""

    def __init__(self, random: np.random.Generator, people: People, figures: Applications) -> None:
        self.random, self.people, self.figures = random, people, figures
        self.rows = len(people)
        self.columns: dict[str, Values] = {}

    def sides(self) -> tuple[tuple[Side, Flags], ...]:
        labelled = self.people.labelled
        return ("train", labelled), ("test", ~labelled)

    def uniform(self, name: str, gap: str = "") -> Numbers:
        """The clients' probabilities in a column, independent of the character ``gap`` for nulls."""
        return self.people.uniform(name, gap, self.figures.correlation)

    def number(self, name: str, u: Numbers, *, heavy: bool = False) -> Numbers:
        """The values of a column of numbers at the probabilities ``u``."""
        values = np.empty(self.rows)
        for side, rows in self.sides():
            values[rows] = self.figures.of(name, side).quantile(u[rows], heavy=heavy)
        return values

    def nulls(self, name: str, u: Numbers) -> Flags:
        """Whether each client has a null in a column: the clients with the lowest ``u`` have one."""
        labelled = self.people.labelled
        train, test = (self.figures.of(name, side).null for side, _ in self.sides())
        return u < np.where(labelled, train, test)

    def text(self, name: str, u: Numbers) -> Text:
        """The levels of a column of texts at the probabilities ``u``."""
        codes = np.empty(self.rows, dtype=np.int32)
        for side, rows in self.sides():
            marginal = self.figures.of(name, side)
            side_text = text_of(TABLE, name, marginal.values, marginal.position(u[rows]))
            codes[rows], levels = side_text.codes, side_text.levels
        return Text(levels, codes)

    def conditional(self, name: str, parent: Text, u: Numbers) -> Text:
        """The levels of a column whose shares depend on the text ``parent``, ordered by risk."""
        figures = self.figures.conditionals[name]
        edges = np.cumsum([figures["shares"][level] for level in parent.levels], axis=1)
        at = (u[:, None] > (edges / edges[:, -1:])[parent.codes]).sum(axis=1)
        return text_of(TABLE, name, tuple(figures["levels"]), at)


def application(
    random: np.random.Generator, people: People, figures: Applications | None = None
) -> Columns:
    """The application of each client, with the columns of a labelled one."""
    drawing = _Drawing(random, people, figures or applications())
    columns = drawing.columns
    columns["SK_ID_CURR"], columns["TARGET"] = people.ids, people.target
    for name in _NUMBERS:
        columns[name] = _number(drawing, name)
    for name in _TEXTS:
        level = drawing.text(name, people.uniform(name))
        columns[name] = level.with_nulls(drawing.nulls(name, random.random(drawing.rows)))
    _places(drawing)
    _work(drawing)
    _household(drawing)
    _loan(drawing)
    _circle(drawing)
    _buildings(drawing)
    _requests(drawing)
    _documents(drawing)
    return columns


def _number(drawing: _Drawing, name: str) -> Values:
    """A column of numbers with its nulls; those of some scores depend on a character."""
    gap = {"EXT_SOURCE_1": "GAP_SOURCE", "EXT_SOURCE_3": "GAP_BUREAU"}.get(name, "")
    values = drawing.number(name, drawing.uniform(name, gap))
    kind = TABLES[TABLE].column(name).kind
    if kind == "days":
        values = np.round(values)
    u = drawing.people.uniform(gap) if gap else drawing.random.random(drawing.rows)
    return np.where(drawing.nulls(name, u), np.nan, values)


def numbers(values: Values) -> Numbers:
    """A column of numbers as floats; ``TypeError`` for a column of texts."""
    if isinstance(values, Text):
        raise TypeError("a text column where numbers are expected")
    return np.asarray(values, dtype=float)


def text(values: Values) -> Text:
    """A column of texts; ``TypeError`` for a column of numbers."""
    if not isinstance(values, Text):
        raise TypeError("a column of numbers where texts are expected")
    return values


def _work(drawing: _Drawing) -> None:
    """Employment: pensioners have the organisation XNA and the sentinel as days employed."""
    people, columns = drawing.people, drawing.columns
    has_phone = drawing.number("FLAG_EMP_PHONE", _at_work(drawing)) > 0
    columns["FLAG_EMP_PHONE"] = has_phone.astype(np.int64)
    columns["FLAG_MOBIL"] = (drawing.random.random(drawing.rows) > 3e-6).astype(np.int64)
    income = drawing.text("NAME_INCOME_TYPE", people.uniform("NAME_INCOME_TYPE"))
    without = np.where(drawing.random.random(drawing.rows) < 4e-4, "Unemployed", "Pensioner")
    idle = np.array([income.levels.index(level) for level in ("Pensioner", "Unemployed")])
    codes = np.where(has_phone, income.codes, idle[(without == "Unemployed").astype(int)])
    income = Text(income.levels, codes.astype(np.int32))
    columns["NAME_INCOME_TYPE"] = income
    organisation = drawing.conditional(
        "ORGANIZATION_TYPE", income, people.uniform("ORGANIZATION_TYPE")
    )
    columns["ORGANIZATION_TYPE"] = organisation
    columns["OCCUPATION_TYPE"] = drawing.conditional(
        "OCCUPATION_TYPE", organisation, people.uniform("OCCUPATION_TYPE")
    )
    birth = numbers(columns["DAYS_BIRTH"])
    employed = np.round(drawing.number("DAYS_EMPLOYED", people.uniform("DAYS_EMPLOYED")))
    grown_up = np.minimum(birth + 6_000, -1)
    columns["DAYS_EMPLOYED"] = np.where(has_phone, np.clip(employed, grown_up, 0), NO_DATE).astype(
        np.int64
    )
    columns["DAYS_BIRTH"] = birth.astype(np.int64)
    columns["DAYS_REGISTRATION"] = np.maximum(numbers(columns["DAYS_REGISTRATION"]), birth)
    columns["DAYS_ID_PUBLISH"] = np.maximum(
        numbers(columns["DAYS_ID_PUBLISH"]), np.minimum(birth + 5_000, 0)
    ).astype(np.int64)


def _places(drawing: _Drawing) -> None:
    """Addresses: clients who live where they are registered work as far from both."""
    columns, u = drawing.columns, drawing.random.random(drawing.rows)
    for area in ("REGION", "CITY"):
        apart = numbers(columns[f"REG_{area}_NOT_LIVE_{area}"]) > 0
        works = numbers(columns[f"LIVE_{area}_NOT_WORK_{area}"]) > 0
        share = np.array(drawing.figures.conditionals["ELSEWHERE"][area])[works.astype(int)]
        columns[f"REG_{area}_NOT_WORK_{area}"] = np.where(apart, u < share, works).astype(np.int64)
        for name in (f"REG_{area}_NOT_LIVE_{area}", f"LIVE_{area}_NOT_WORK_{area}"):
            columns[name] = numbers(columns[name]).astype(np.int64)


def _at_work(drawing: _Drawing) -> Numbers:
    """Probabilities in the distribution of being at work, which depends most on age."""
    people, names = drawing.people, drawing.people.names
    rho = drawing.figures.correlation[names.index("FLAG_EMP_PHONE"), names.index("DAYS_BIRTH")]
    mixed = people.normal("FLAG_EMP_PHONE") + PENSION_BY_AGE * people.normal("DAYS_BIRTH")
    return np.asarray(ndtr(mixed / np.sqrt(1 + PENSION_BY_AGE**2 + 2 * PENSION_BY_AGE * rho)))


def _household(drawing: _Drawing) -> None:
    """Children, family, car, income: a couple counts as two, and only a car has an age."""
    columns, random = drawing.columns, drawing.random
    children = numbers(columns["CNT_CHILDREN"])
    couple = text(columns["NAME_FAMILY_STATUS"]).is_in("Married", "Civil marriage")
    apart = random.random(drawing.rows) < 0.001
    columns["CNT_CHILDREN"] = children.astype(np.int64)
    columns["CNT_FAM_MEMBERS"] = np.where(
        random.random(drawing.rows) < 6e-6, np.nan, children + 1 + (couple ^ apart)
    )
    age = drawing.number("OWN_CAR_AGE", drawing.people.uniform("OWN_CAR_AGE"))
    car = text(columns["FLAG_OWN_CAR"]).is_in("Y")
    columns["OWN_CAR_AGE"] = np.where(car, np.round(age), np.nan)
    income = drawing.number(
        "AMT_INCOME_TOTAL", drawing.people.uniform("AMT_INCOME_TOTAL"), heavy=True
    )
    columns["AMT_INCOME_TOTAL"] = np.maximum(np.round(income / 4_500) * 4_500, 25_650.0)


def _loan(drawing: _Drawing) -> None:
    """Price, credit and annuity: linked by the tariff's factor and term; for a card 5 % are due."""
    columns, people, random = drawing.columns, drawing.people, drawing.random
    card = text(columns["NAME_CONTRACT_TYPE"]).is_in("Revolving loans")
    u = people.uniform("AMT_GOODS_PRICE")
    price = drawing.number("AMT_GOODS_PRICE", u, heavy=True)
    grid = np.where(random.random(drawing.rows) < 0.85, 4_500, 450)
    price = np.maximum(np.round(price / grid) * grid, 40_500)
    on_card = np.round(drawing.number("CARD_LIMIT", u) / 22_500) * 22_500
    price = np.where(card, np.maximum(on_card, 135_000), price)
    factor = drawing.number("TARIFF_FACTOR", people.uniform("TARIFF_FACTOR"))
    credit = np.where(card, price, np.maximum(np.round(price * factor / 4.5) * 4.5, 45_000))
    ratio = drawing.number("TARIFF_RATIO", people.uniform("TARIFF_RATIO"))
    annuity = np.round(credit / np.where(card, 20.0, ratio) / 4.5) * 4.5
    columns["AMT_CREDIT"] = credit
    columns["AMT_GOODS_PRICE"] = np.where(
        drawing.nulls("AMT_GOODS_PRICE", random.random(drawing.rows)), np.nan, price
    )
    columns["AMT_ANNUITY"] = np.where(
        drawing.nulls("AMT_ANNUITY", random.random(drawing.rows)), np.nan, annuity
    )


def _circle(drawing: _Drawing) -> None:
    """Acquaintances with loans, and those of them in default, who are never more."""
    people, random, rows = drawing.people, drawing.random, drawing.rows
    gaps = drawing.nulls("OBS_30_CNT_SOCIAL_CIRCLE", random.random(rows))
    late = drawing.number("DEF_30_CNT_SOCIAL_CIRCLE", people.uniform("DEF_30_CNT_SOCIAL_CIRCLE"))
    seen = drawing.number(
        "OBS_30_CNT_SOCIAL_CIRCLE", people.uniform("OBS_30_CNT_SOCIAL_CIRCLE"), heavy=True
    )
    seen = np.maximum(np.round(seen), late)
    later = random.binomial(late.astype(int), 0.715).astype(float)
    counts = {
        "OBS_30": seen,
        "DEF_30": late,
        "OBS_60": np.maximum(seen - (random.random(rows) < 0.012) * (seen > 0), later),
        "DEF_60": later,
    }
    for name, values in counts.items():
        drawing.columns[f"{name}_CNT_SOCIAL_CIRCLE"] = np.where(gaps, np.nan, values)


def _buildings(drawing: _Drawing) -> None:
    """The client's building: average, median and mode are close to each other and null together."""
    people, columns, random = drawing.people, drawing.columns, drawing.random
    gap = people.uniform("GAP_BUILDING")
    for name in BUILDINGS:
        latent = ndtri(drawing.uniform(f"{name}_AVG", "GAP_BUILDING"))
        nulls = drawing.nulls(f"{name}_AVG", gap)
        for suffix in ("_AVG", *_BUILDING):
            if suffix != "_AVG":
                near = drawing.figures.conditionals["BUILDING_TWINS"][name + suffix]
                noise = random.standard_normal(drawing.rows)
                latent = near * latent + np.sqrt(1 - near**2) * noise
            values = np.round(drawing.number(name + suffix, ndtr(latent)), 4)
            columns[name + suffix] = np.where(nulls, np.nan, values)
    total = np.round(
        drawing.number("TOTALAREA_MODE", drawing.uniform("TOTALAREA_MODE", "GAP_BUILDING")), 4
    )
    columns["TOTALAREA_MODE"] = np.where(drawing.nulls("TOTALAREA_MODE", gap), np.nan, total)
    for name in _BUILDING_TEXTS:
        level = drawing.text(name, drawing.uniform(name, "GAP_BUILDING"))
        columns[name] = level.with_nulls(drawing.nulls(name, gap))


def _requests(drawing: _Drawing) -> None:
    """Enquiries at the bureau: null together, for clients about whom the bureau knows little."""
    gap = drawing.people.uniform("GAP_BUREAU")
    for name in REQUESTS:
        values = drawing.number(name, drawing.uniform(name, "GAP_BUREAU"))
        drawing.columns[name] = np.where(drawing.nulls(name, gap), np.nan, values)


def _documents(drawing: _Drawing) -> None:
    """Documents handed in: nearly always one, which depends on the contract and on employment."""
    columns, random, people = drawing.columns, drawing.random, drawing.people
    card = text(columns["NAME_CONTRACT_TYPE"]).is_in("Revolving loans")
    group = 2 * card + (numbers(columns["FLAG_EMP_PHONE"]) > 0)
    figures = drawing.figures.conditionals["DOCUMENTS"]
    third = people.uniform("FLAG_DOCUMENT_3") > 1 - np.array(figures["third"])[group]
    columns["FLAG_DOCUMENT_3"] = third.astype(np.int64)
    young = people.latent[:, people.names.index("DAYS_BIRTH")]
    u = ndtr(0.35 * young + np.sqrt(1 - 0.35**2) * random.standard_normal(drawing.rows))
    sixth = np.array(figures["sixth"])[group]
    columns["FLAG_DOCUMENT_6"] = (~third & (u < sixth)).astype(np.int64)
    eighth = (u >= sixth) & (u < sixth + np.array(figures["eighth"])[group])
    also = third & (random.random(drawing.rows) < figures["also"])
    columns["FLAG_DOCUMENT_8"] = ((~third & eighth) | also).astype(np.int64)
    for name in RARE_DOCUMENTS:
        share = np.where(
            people.labelled, *(drawing.figures.of(name, side).null for side in ("train", "test"))
        )
        columns[name] = (random.random(drawing.rows) < share).astype(np.int64)
