"""The application's own features: one row per client, labelled or not."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID, TARGET
from project_tools.features.definitions.bands import AGE, DURATION, Bands
from project_tools.features.expressions import divide, flag, unless
from project_tools.features.rows import Derived, GroupStatistics, ratio
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import NO_DATE

_RAW = TABLES["application_train"].columns
#: Larger incomes are capped: they are errors, or too rare to learn from.
INCOME_CAP = 20_000_000.0

DOCUMENTS = tuple(c.name for c in _RAW if c.name.startswith("FLAG_DOCUMENT_"))
EXTERNAL = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")
OUTCOME = (ID, TARGET)

#: Raw columns that are read but are no features: the published set omits them.
DROPPED = frozenset(
    (
        "FLAG_OWN_REALTY", "NAME_TYPE_SUITE", "FLAG_MOBIL", "FLAG_EMP_PHONE", "FLAG_CONT_MOBILE",
        "FLAG_PHONE", "FLAG_EMAIL", "LIVE_REGION_NOT_WORK_REGION", "COMMONAREA_MODE",
        "FLOORSMAX_MODE", "FLOORSMIN_MODE", "LIVINGAPARTMENTS_MODE", "LIVINGAREA_MODE",
        "NONLIVINGAPARTMENTS_MODE", "NONLIVINGAREA_MODE", "ELEVATORS_MEDI", "FONDKAPREMONT_MODE",
        "HOUSETYPE_MODE", "WALLSMATERIAL_MODE", "EMERGENCYSTATE_MODE",
        "AMT_REQ_CREDIT_BUREAU_HOUR", "AMT_REQ_CREDIT_BUREAU_WEEK",
        *(name for name in DOCUMENTS if name not in
          ("FLAG_DOCUMENT_3", "FLAG_DOCUMENT_8", "FLAG_DOCUMENT_18")),
    )
)  # fmt: skip

#: Text columns that come before all numbers in the published order.
_FIRST = frozenset(
    (
        "NAME_CONTRACT_TYPE", "CODE_GENDER", "FLAG_OWN_CAR", "NAME_INCOME_TYPE",
        "NAME_EDUCATION_TYPE", "NAME_FAMILY_STATUS", "NAME_HOUSING_TYPE",
    )
)  # fmt: skip
#: Raw columns that are features themselves, after ``MENDED``.
KEPT = tuple(
    sorted(
        (c for c in _RAW if c.name not in DROPPED and c.name not in OUTCOME),
        key=lambda column: column.name not in _FIRST,
    )
)
CATEGORIES = tuple(c.name for c in KEPT if c.kind == "text")
#: Levels that ``MENDED`` turns into null.
GONE_LEVELS = {"CODE_GENDER": ("XNA",)}
LEVELS = {
    c.name: tuple(level for level in c.levels if level not in GONE_LEVELS.get(c.name, ()))
    for c in KEPT
    if c.kind == "text"
}


_income = nw.col("AMT_INCOME_TOTAL")

#: Corrections of raw columns.
MENDED = (
    Derived("DAYS_EMPLOYED", ("DAYS_EMPLOYED",), unless("DAYS_EMPLOYED", NO_DATE), "days"),
    Derived(
        "DAYS_LAST_PHONE_CHANGE",
        ("DAYS_LAST_PHONE_CHANGE",),
        unless("DAYS_LAST_PHONE_CHANGE", 0),
        "days",
    ),
    Derived(
        "AMT_INCOME_TOTAL",
        ("AMT_INCOME_TOTAL",),
        nw.when(_income > INCOME_CAP).then(nw.lit(INCOME_CAP)).otherwise(_income),
        "currency",
    ),
    Derived("CODE_GENDER", ("CODE_GENDER",), unless("CODE_GENDER", "XNA")),
)


def _power(value: nw.Expr, power: int) -> nw.Expr:
    return value if power == 1 else value * _power(value, power - 1)


#: Σ flag, Σ flag², … of each application. They are columns because one expression would repeat each
#: sum of twenty flags a dozen times.
POWER_SUMS = tuple(
    Derived(
        f"DOCUMENTS POWER {power}",
        DOCUMENTS,
        nw.sum_horizontal(*(_power(nw.col(name), power) for name in DOCUMENTS)),
    )
    for power in (1, 2, 3, 4)
)


def document_kurtosis() -> nw.Expr:
    """Bias-corrected sample excess kurtosis over the document flags, from power sums of the row;
    0 where all are equal.

    G₂ = n(n+1)(n−1)·Σd⁴ / ((n−2)(n−3)·(Σd²)²) − 3(n−1)² / ((n−2)(n−3)), d = flag − mean.
    Source: D. Joanes and C. Gill, The Statistician 47 (1998), their G₂.
    """
    n = float(len(DOCUMENTS))
    s1, s2, s3, s4 = (nw.col(column.name) for column in POWER_SUMS)
    mean = s1 / n
    squares = s2 - s1 * mean
    fourths = s4 - mean * s3 * 4 + mean * mean * s2 * 6 - mean * mean * mean * s1 * 3
    scale, shift = n * (n + 1) * (n - 1) / ((n - 2) * (n - 3)), 3 * (n - 1) ** 2
    kurtosis = divide(fourths * scale, squares * squares) - shift / ((n - 2) * (n - 3))
    return nw.when(squares > 0).then(kurtosis).otherwise(nw.lit(0.0))


def band(value: nw.Expr, bands: Bands) -> nw.Expr:
    """The number of the value's band, as a double."""
    last, bounds = float(len(bands.bounds) + 1), bands.bounds
    inside = value > bounds[-1] if bands.highest is None else value <= bands.highest
    number = nw.when(inside).then(nw.lit(last)).otherwise(nw.lit(0.0))
    # From the last bound to the first: the smallest bound that the value does not exceed decides.
    for place in range(len(bounds), 0, -1):
        within = value <= bounds[place - 1]
        number = nw.when(within).then(nw.lit(float(place))).otherwise(number)
    return number


def external_median() -> nw.Expr:
    """Median of the external scores that are not null: the middle one of three, else their mean."""
    first, second, third = (nw.col(name) for name in EXTERNAL)
    lower, upper = nw.min_horizontal(first, second), nw.max_horizontal(first, second)
    middle = nw.max_horizontal(lower, nw.min_horizontal(upper, third))
    all_three = ~(first + second + third).is_null()
    return nw.when(all_three).then(middle).otherwise(nw.col("EXT_SOURCES_MEAN"))


def external_mean() -> nw.Expr:
    """Mean of the external scores that are not null; null without any."""
    return divide(nw.sum_horizontal(*(nw.col(name) for name in EXTERNAL)), _external_count())


def external_variance() -> nw.Expr:
    """Population variance of the external scores that are not null."""
    deviations = (nw.col(name) - nw.col("EXT_SOURCES_MEAN") for name in EXTERNAL)
    return divide(nw.sum_horizontal(*(d * d for d in deviations)), _external_count())


def _external_count() -> nw.Expr:
    return nw.sum_horizontal(*(flag(~nw.col(name).is_null()) for name in EXTERNAL))


def _external(suffix: str, formula: nw.Expr, *others: str, increasing: bool = True) -> Derived:
    sources = (*EXTERNAL, *others)
    return Derived(f"EXT_SOURCES_{suffix}", sources, formula, increasing=increasing)


_e1, _e2, _e3 = (nw.col(name) for name in EXTERNAL)

DERIVED = (
    Derived("DOCUMENT_COUNT", DOCUMENTS, nw.sum_horizontal(*(nw.col(name) for name in DOCUMENTS))),
    Derived("NEW_DOC_KURT", DOCUMENTS, document_kurtosis()),
    Derived("AGE_RANGE", ("DAYS_BIRTH",), band(-nw.col("DAYS_BIRTH") / 365, AGE)),
    _external("PROD", _e1 * _e2 * _e3),
    _external("WEIGHTED", _e1 * 2 + _e2 + _e3 * 3),
    _external("MIN", nw.min_horizontal(*EXTERNAL)),
    _external("MAX", nw.max_horizontal(*EXTERNAL)),
    _external("MEAN", external_mean()),
    _external("NANMEDIAN", external_median(), "EXT_SOURCES_MEAN"),
    _external("VAR", external_variance(), "EXT_SOURCES_MEAN", increasing=False),
    ratio("CREDIT_TO_ANNUITY_RATIO", "AMT_CREDIT", "AMT_ANNUITY"),
    ratio("CREDIT_TO_GOODS_RATIO", "AMT_CREDIT", "AMT_GOODS_PRICE"),
    ratio("ANNUITY_TO_INCOME_RATIO", "AMT_ANNUITY", "AMT_INCOME_TOTAL"),
    ratio("CREDIT_TO_INCOME_RATIO", "AMT_CREDIT", "AMT_INCOME_TOTAL"),
    ratio("INCOME_TO_EMPLOYED_RATIO", "AMT_INCOME_TOTAL", "DAYS_EMPLOYED"),
    ratio("INCOME_TO_BIRTH_RATIO", "AMT_INCOME_TOTAL", "DAYS_BIRTH"),
    ratio("EMPLOYED_TO_BIRTH_RATIO", "DAYS_EMPLOYED", "DAYS_BIRTH"),
    ratio("ID_TO_BIRTH_RATIO", "DAYS_ID_PUBLISH", "DAYS_BIRTH"),
    ratio("CAR_TO_BIRTH_RATIO", "OWN_CAR_AGE", "DAYS_BIRTH"),
    ratio("CAR_TO_EMPLOYED_RATIO", "OWN_CAR_AGE", "DAYS_EMPLOYED"),
    Derived(
        "CREDIT_TO_ANNUITY_GROUP",
        ("CREDIT_TO_ANNUITY_RATIO",),
        band(nw.col("CREDIT_TO_ANNUITY_RATIO"), DURATION),
    ),
)

_MEMBERS = {
    "EXT_SOURCES_MEAN": "EXT_SOURCES",
    "AMT_INCOME_TOTAL": "INCOME",
    "CREDIT_TO_ANNUITY_RATIO": "CREDIT_TO_ANNUITY",
    "AMT_CREDIT": "CREDIT",
    "AMT_ANNUITY": "ANNUITY",
}
SIMILAR_PERSON = GroupStatistics(
    name="similar_person",
    prefix="GROUP1_",
    by=("NAME_EDUCATION_TYPE", "OCCUPATION_TYPE", "AGE_RANGE"),
    members=_MEMBERS,
    statistics=("median", "std"),
)
SIMILAR_LOAN = GroupStatistics(
    name="similar_loan",
    prefix="GROUP2_",
    by=("CREDIT_TO_ANNUITY_GROUP", "NAME_INCOME_TYPE", "NAME_EDUCATION_TYPE"),
    members=_MEMBERS,
    statistics=("median", "std"),
)
GROUPS = (SIMILAR_PERSON, SIMILAR_LOAN)

_DURATION_GROUP = "CREDIT_TO_ANNUITY_GROUP"
#: The application's features in the published order.
NAMES = (
    *(column.name for column in KEPT),
    *(derived.name for derived in DERIVED if derived.name != _DURATION_GROUP),
    *SIMILAR_PERSON.names,
    _DURATION_GROUP,
    *SIMILAR_LOAN.names,
)


def stacked(train: nw.LazyFrame[Any], test: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """All applications, one below the other; ``TARGET`` is null for the unlabelled."""
    names = TABLES["application_test"].column_names
    unlabelled = nw.lit(None, dtype=nw.Float64).alias(TARGET)
    return nw.concat(
        [train.select(*names, TARGET), test.select(*names, unlabelled)], how="vertical"
    )
