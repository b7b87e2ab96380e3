"""How the features of each column are displayed, and which of them a spoken sentence may state.

The same in every language: it follows from the column, the statistic and the unit.
"""

from collections.abc import Mapping

from project_tools.features.wording.display import SPOKEN
from project_tools.features.wording.wording import Display, Kind

#: How a column is displayed where its unit does not say it. A number that is not listed and has no
#: unit is a ratio.
_COLUMNS: Mapping[Display, tuple[str, ...]] = {
    "age": ("DAYS_BIRTH",),
    "band": ("AGE_RANGE", "CREDIT_TO_ANNUITY_GROUP"),
    "rating": ("REGION_RATING_CLIENT", "REGION_RATING_CLIENT_W_CITY"),
    "yes_no": (
        "FLAG_WORK_PHONE", "FLAG_DOCUMENT_3", "FLAG_DOCUMENT_8", "FLAG_DOCUMENT_18",
        "REG_REGION_NOT_LIVE_REGION", "REG_REGION_NOT_WORK_REGION", "REG_CITY_NOT_LIVE_CITY",
        "REG_CITY_NOT_WORK_CITY", "LIVE_CITY_NOT_WORK_CITY",
    ),
    "score": (
        "EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "EXT_SOURCES_MIN", "EXT_SOURCES_MAX",
        "EXT_SOURCES_MEAN", "EXT_SOURCES_NANMEDIAN",
    ),
    "count": (
        "CNT_CHILDREN", "CNT_FAM_MEMBERS", "OBS_30_CNT_SOCIAL_CIRCLE", "DEF_30_CNT_SOCIAL_CIRCLE",
        "OBS_60_CNT_SOCIAL_CIRCLE", "DEF_60_CNT_SOCIAL_CIRCLE", "AMT_REQ_CREDIT_BUREAU_DAY",
        "AMT_REQ_CREDIT_BUREAU_MON", "AMT_REQ_CREDIT_BUREAU_QRT", "AMT_REQ_CREDIT_BUREAU_YEAR",
        "DOCUMENT_COUNT", "CNT_PAYMENT", "APPROVED_CNT_PAYMENT_MEAN", "REMAINING",
        "CNT_DRAWINGS_ATM_CURRENT", "CNT_DRAWINGS_CURRENT", "CNT_DRAWINGS_POS_CURRENT",
    ),
    "percent": (
        "STATUS_0", "STATUS_1", "STATUS_12345", "STATUS_C", "STATUS_X", "LL_STATUS_12345",
        "DEBT_PERCENTAGE", "BUREAU_DEBT_OVER_CREDIT", "BUREAU_ACTIVE_DEBT_OVER_CREDIT",
        "DOWN_PAYMENT_TO_CREDIT", "SIMPLE_INTERESTS", "REPAYMENT_RATIO", "TOTAL_REPAYMENT_RATIO",
        "COMPLETED_SHARE", "REMAINING_RATIO", "PAYMENT_RATIO", "LATE_PAYMENT_RATIO", "LIMIT_USE",
        "ANNUITY_TO_INCOME_RATIO", "EMPLOYED_TO_BIRTH_RATIO", "ID_TO_BIRTH_RATIO",
        "DAYS_DECISION_MEAN_TO_BIRTH", "DAYS_CREDIT_MEAN_TO_BIRTH",
    ),
    "days_earlier": ("ENDDATE_DIF", "DAYS_LAST_DUE_DIFF"),
    "money_per_day": ("INCOME_TO_EMPLOYED_RATIO", "INCOME_TO_BIRTH_RATIO"),
    "share_of_time": ("CAR_TO_BIRTH_RATIO", "CAR_TO_EMPLOYED_RATIO"),
    "number": (
        "REGION_POPULATION_RELATIVE", "RATE_DOWN_PAYMENT", "NEW_DOC_KURT", "EXT_SOURCES_PROD",
        "EXT_SOURCES_WEIGHTED", "EXT_SOURCES_VAR",
    ),
}  # fmt: skip
_OF_COLUMN = {column: display for display, columns in _COLUMNS.items() for column in columns}
_OF_UNIT: Mapping[str, Display] = {
    "": "ratio",
    "currency": "money",
    "currency per payment": "money_per_payment",
    "days": "days",
    "days per payment": "days_per_payment",
    "months": "months",
    "years": "years",
    "hour": "hour",
    "hours": "hours_later",
}
_OF_DATE: Mapping[str, Display] = {"days": "when_days", "months": "when_months", "hour": "hour"}
#: The building's columns end so; their publisher scaled them to between 0 and 1.
_BUILDING = ("_AVG", "_MODE", "_MEDI")
#: Averages, quotients of two facts, and differences that can be negative: none is a plain fact.
_UNSAYABLE = frozenset((
    "EXT_SOURCES_MEAN", "EXT_SOURCES_NANMEDIAN", "ID_TO_BIRTH_RATIO", "HOUR_APPR_DIFFERENCE",
    "DAYS_DECISION_MEAN_TO_BIRTH", "DAYS_CREDIT_MEAN_TO_BIRTH", "DOWN_PAYMENT_TO_CREDIT",
    "SIMPLE_INTERESTS", "MONTHS_BALANCE_MEAN", "DEBT_CREDIT_DIFF", "APPLICATION_CREDIT_DIFF",
    "INSTALMENT_PAYMENT_DIFF", "REMAINING_DEBT", "PAYMENT_DIFFERENCE", "PAID_OVER_AMOUNT",
    "REMAINING_RATIO", "CREDIT_TO_ANNUITY_RATIO",
))  # fmt: skip
_COUNTS: Mapping[str, Display] = dict.fromkeys(("size", "count", "nunique"), "count")
_OF_STATISTIC: Mapping[str, Display] = {**_COUNTS, "share": "percent", "var": "number"}
_OF_EVENT: Mapping[str, Display] = {**_COUNTS, "max": "yes_no", "mean": "percent", "sum": "count"}


def display_of(column: str, statistic: str, kind: Kind, unit: str) -> Display:
    """How a statistic of a column is displayed; an empty statistic is the column itself.

    Raises ``KeyError`` for a unit without a display.

    >>> display_of("DAYS_BIRTH", "", "quantity", "days"), display_of("DPD", "max", "quantity", "days")
    ('age', 'days')
    """
    fixed = _OF_EVENT if kind == "event" else _OF_STATISTIC
    if statistic in fixed:
        return fixed[statistic]
    own = _OF_COLUMN.get(column)
    if statistic == "std":  # a spread of dates is a number of days, a spread of shares a share
        return _OF_UNIT[unit] if unit else "percent" if own == "percent" else "number"
    if statistic == "trend":
        return _OF_UNIT[unit]
    if kind == "date":
        return _OF_DATE[unit]
    return "scale" if column.endswith(_BUILDING) else own or _OF_UNIT[unit]


def is_sayable(column: str, statistic: str, kind: Kind, display: Display) -> bool:
    """Whether the value is a single plain fact: a count, a sum, an extreme, a date, a level, a share.

    The share of an event or of a level is one; an average, a median or a spread is none.
    """
    if statistic in _COUNTS:
        return True
    average = statistic == "mean" and kind != "event"
    unsaid = average or statistic in {"median", "std", "var", "trend"}
    return display in SPOKEN and not unsaid and column not in _UNSAYABLE
