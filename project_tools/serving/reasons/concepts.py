"""The concepts under which a decision is explained, as rows: code, lineage and the facts to say.

A concept's code is persisted: it stands in answers, records and artefacts. The words are in
``english`` and ``french``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from project_tools.errors import FeatureError
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.features.wording.english import BUILDING

#: What a concept does to the estimated risk of a client.
Direction = Literal["raises", "lowers"]
#: How a value is said: ``age``, ``ago`` and ``since`` are days before the application, negative in the
#: tables; ``share`` is a share of events ("one in six"); ``flag`` is 0 or 1, said without a number.
Spoken = Literal[
    "points", "share", "percent", "money", "count", "age", "ago", "since", "years", "days", "hour",
    "rating", "flag", "level", "band",
]  # fmt: skip
#: The side of the usual value on which a value, as it is said, raises the risk; ``either`` claims
#: no side. What was three days ago is higher than what was three years ago.
Riskier = Literal["high", "low", "either"]


@dataclass(frozen=True, slots=True)
class Source:
    """Features of a table that come from any of ``columns`` (none: from any column) and all of ``also``.

    ``starts``: of these, only those whose name starts so.
    """

    table: str
    columns: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()

    def holds(self, name: str, table: str, columns: frozenset[str]) -> bool:
        """Whether a feature of this table, computed from these columns, belongs to the source."""
        return (
            table == self.table
            and (not self.columns or not columns.isdisjoint(self.columns))
            and columns.issuperset(self.also)
            and (not self.starts or name.startswith(self.starts))
        )


@dataclass(frozen=True, slots=True)
class Sayable:
    """A feature whose value a sentence may say. ``zero``: the value 0 has a sentence of its own."""

    spoken: Spoken
    riskier: Riskier = "either"
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept: its code, the features that belong to it, and those that may be said."""

    code: str
    sources: tuple[Source, ...]
    sayable: Mapping[str, Sayable]


#: The code of the protected features' concept.
PROTECTED = "protected"
_APPLICATION, _BUREAU, _PREVIOUS = "application", "bureau", "previous_application"
_POS, _PAYMENTS, _CARDS = "POS_CASH_balance", "installments_payments", "credit_card_balance"
_LOW_SCORE = Sayable("points", "low")
_MORE_MONEY = Sayable("money", "high", zero=True)
_MONEY, _LEVEL, _RECENT = Sayable("money"), Sayable("level"), Sayable("ago", "high")
_YES = Sayable("flag", "high", zero=True)
_LATE_SHARE, _LATE_DAYS = Sayable("share", "high", zero=True), Sayable("days", "high", zero=True)
_MORE = Sayable("count", "high", zero=True)
_SHARE = Sayable("share", zero=True)
#: The subsets of the loans elsewhere, by the start of their features' names.
KINDS_ELSEWHERE = ("CONSUMER_", "CREDIT_", "MORTGAGE_", "CAR_", "MICROLOAN_")
RECENT_ELSEWHERE = ("LAST6M_", "LAST12M_", "LAST36M_")
RECENT_APPLICATIONS = ("LAST6M_", "LAST12M_")
RECENT_PAYMENTS = ("18M_", "36M_")

#: A feature belongs to the first concept with a source that holds it.
CONCEPTS = (
    Concept(
        PROTECTED,
        (Source(_APPLICATION, PROTECTED_COLUMNS),),
        {
            "CODE_GENDER": _LEVEL, "NAME_FAMILY_STATUS": _LEVEL, "CNT_CHILDREN": Sayable("count", zero=True),
            "CNT_FAM_MEMBERS": Sayable("count"),
        },
    ),
    Concept(
        "external_scores",
        (Source(_APPLICATION, ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")),),
        {
            "EXT_SOURCE_1": _LOW_SCORE, "EXT_SOURCE_2": _LOW_SCORE, "EXT_SOURCE_3": _LOW_SCORE,
            "EXT_SOURCES_MIN": _LOW_SCORE, "EXT_SOURCES_MAX": _LOW_SCORE,
        },
    ),
    Concept(
        "late_payments",
        (
            Source(_PREVIOUS, starts=("PREV_LATE_",)),
            Source(_POS, ("SK_DPD", "SK_DPD_DEF")),
            Source(_PAYMENTS, ("DAYS_ENTRY_PAYMENT",)),
            Source(_CARDS, ("SK_DPD", "SK_DPD_DEF")),
        ),
        {
            "INS_LATE_PAYMENT_MEAN": _LATE_SHARE,
            "INS_LATE_PAYMENT_SUM": _MORE,
            "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": _LATE_SHARE,
            "INS_SIGNIFICANT_LATE_PAYMENT_SUM": _MORE,
            "INS_DPD_7_MEAN": _LATE_SHARE,
            "INS_DPD_15_MEAN": _LATE_SHARE,
            "INS_DPD_MAX": _LATE_DAYS,
            "INS_DBD_MAX": Sayable("days", "low", zero=True),
            "INS_DAYS_ENTRY_PAYMENT_MAX": Sayable("ago"),
            **{
                f"INS_{period}{name}": said
                for period in RECENT_PAYMENTS
                for name, said in {
                    "LATE_PAYMENT_MEAN": _LATE_SHARE,
                    "SIGNIFICANT_LATE_PAYMENT_MEAN": _LATE_SHARE,
                    "DPD_7_MEAN": _LATE_SHARE,
                    "DPD_15_MEAN": _LATE_SHARE,
                    "DPD_MAX": _LATE_DAYS,
                }.items()
            },
            "LAST_LOAN_LATE_PAYMENT_mean": _LATE_SHARE,
            "LAST_LOAN_DPD_max": _LATE_DAYS,
            "POS_LATE_PAYMENT_MEAN": _LATE_SHARE,
            "POS_SK_DPD_MAX": _LATE_DAYS,
            "CC_LATE_PAYMENT_SUM": _MORE,
            "CC_SK_DPD_MAX": _LATE_DAYS,
            "CC_12M_SK_DPD_MAX": _LATE_DAYS,
            "PREV_LATE_DAYS_DECISION_MAX": _RECENT,
        },
    ),
    Concept(
        "overdue_elsewhere",
        (Source(_BUREAU, ("AMT_CREDIT_MAX_OVERDUE", "AMT_CREDIT_SUM_OVERDUE", "STATUS")),),
        {
            "BUREAU_AMT_CREDIT_SUM_OVERDUE_SUM": _MORE_MONEY,
            "BUREAU_LAST_LOAN_MAX_OVERDUE": _MORE_MONEY,
            **{
                f"BUREAU_{part}AMT_CREDIT_MAX_OVERDUE_MAX": _MORE_MONEY
                for part in ("", "ACTIVE_", "CLOSED_", *KINDS_ELSEWHERE, *RECENT_ELSEWHERE)
            },
        },
    ),
    Concept(
        "debt_elsewhere",
        (Source(_BUREAU, ("AMT_CREDIT_SUM_DEBT",)),),
        {
            "BUREAU_DEBT_OVER_CREDIT": Sayable("percent", "high", zero=True),
            "BUREAU_ACTIVE_DEBT_OVER_CREDIT": Sayable("percent", "high", zero=True),
            "BUREAU_AMT_CREDIT_SUM_DEBT_SUM": _MORE_MONEY,
            "BUREAU_AMT_CREDIT_SUM_DEBT_MAX": _MORE_MONEY,
            "BUREAU_ACTIVE_AMT_CREDIT_SUM_DEBT_SUM": _MORE_MONEY,
            **{
                f"BUREAU_{kind}AMT_CREDIT_SUM_DEBT_MAX": _MORE_MONEY for kind in KINDS_ELSEWHERE
            },
            **{
                f"BUREAU_{period}AMT_CREDIT_SUM_DEBT_SUM": _MORE_MONEY
                for period in RECENT_ELSEWHERE
            },
        },
    ),
    Concept(
        "loans_elsewhere",
        (
            Source(_BUREAU, ("AMT_CREDIT_SUM", "AMT_ANNUITY")),
            Source(
                _BUREAU, starts=("BUREAU_SK_ID_", "BUREAU_CREDIT_ACTIVE_", "BUREAU_CREDIT_TYPE_")
            ),
        ),
        {
            "BUREAU_SK_ID_BUREAU_NUNIQUE": Sayable("count"),
            "BUREAU_CREDIT_ACTIVE_Active_MEAN": Sayable("share", "high", zero=True),
            "BUREAU_CREDIT_ACTIVE_Closed_MEAN": Sayable("share", "low", zero=True),
            "BUREAU_CREDIT_ACTIVE_Sold_MEAN": _LATE_SHARE,
            "BUREAU_CREDIT_TYPE_Consumer credit_MEAN": _SHARE,
            "BUREAU_CREDIT_TYPE_Credit card_MEAN": _SHARE,
            "BUREAU_CREDIT_TYPE_Car loan_MEAN": _SHARE,
            "BUREAU_CREDIT_TYPE_Mortgage_MEAN": _SHARE,
            "BUREAU_CREDIT_TYPE_Microloan_MEAN": Sayable("share", "high", zero=True),
            "BUREAU_AMT_CREDIT_SUM_SUM": _MONEY,
            "BUREAU_AMT_CREDIT_SUM_MAX": _MONEY,
            "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM": _MONEY,
            "BUREAU_ACTIVE_AMT_CREDIT_SUM_MAX": _MONEY,
            "BUREAU_CLOSED_AMT_CREDIT_SUM_SUM": _MONEY,
            **{f"BUREAU_{kind}AMT_CREDIT_SUM_MAX": _MONEY for kind in KINDS_ELSEWHERE},
            **{f"BUREAU_{period}AMT_CREDIT_SUM_SUM": _MONEY for period in RECENT_ELSEWHERE},
        },
    ),
    Concept(
        "dates_elsewhere",
        (Source(_BUREAU),),
        {
            "BUREAU_DAYS_CREDIT_MIN": _RECENT,
            "BUREAU_DAYS_CREDIT_MAX": _RECENT,
            "BUREAU_ACTIVE_DAYS_CREDIT_MAX": _RECENT,
            "BUREAU_CLOSED_DAYS_CREDIT_MAX": _RECENT,
            **{f"BUREAU_{kind}DAYS_CREDIT_MAX": _RECENT for kind in KINDS_ELSEWHERE},
        },
    ),
    Concept(
        "earlier_decisions",
        (Source(_PREVIOUS, starts=("REFUSED_", "PREV_NAME_CONTRACT_STATUS_")),),
        {
            "PREV_NAME_CONTRACT_STATUS_Refused_MEAN": _LATE_SHARE,
            "PREV_NAME_CONTRACT_STATUS_Approved_MEAN": Sayable("share", "low", zero=True),
            "PREV_NAME_CONTRACT_STATUS_Canceled_MEAN": _LATE_SHARE,
            "PREV_NAME_CONTRACT_STATUS_Unused offer_MEAN": _LATE_SHARE,
            "REFUSED_DAYS_DECISION_MAX": _RECENT,
            "REFUSED_AMT_CREDIT_MAX": _MONEY,
        },
    ),
    Concept(
        "running_loans",
        (Source(_PREVIOUS, starts=("PREV_ACTIVE_", "TOTAL_REPAYMENT_")),),
        {
            "PREV_ACTIVE_SK_ID_PREV_NUNIQUE": Sayable("count"),
            "TOTAL_REPAYMENT_RATIO": Sayable("percent", "low", zero=True),
            "PREV_ACTIVE_AMT_CREDIT_SUM": _MONEY,
            "PREV_ACTIVE_AMT_ANNUITY_SUM": _MONEY,
            "PREV_ACTIVE_AMT_PAYMENT_SUM": Sayable("money", "low", zero=True),
            "PREV_ACTIVE_DAYS_DECISION_MIN": _RECENT,
        },
    ),
    Concept(
        "earlier_loans",
        (
            Source(_PREVIOUS, starts=("APPROVED_", "CURRENT_TO_", "CTA_", "DAYS_DECISION_MEAN_TO_")),
            Source(_POS),
        ),
        {
            "APPROVED_SK_ID_PREV_NUNIQUE": Sayable("count", "low"),
            "APPROVED_AMT_ANNUITY_MAX": _MONEY,
            "APPROVED_AMT_CREDIT_MAX": _MONEY,
            "APPROVED_AMT_GOODS_PRICE_MAX": _MONEY,
            "APPROVED_AMT_DOWN_PAYMENT_MAX": Sayable("money", "low", zero=True),
            "APPROVED_DAYS_DECISION_MIN": _RECENT,
            "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MIN": Sayable("ago"),
            "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MAX": Sayable("ago"),
            "APPROVED_DAYS_LAST_DUE_MAX": Sayable("ago"),
            "APPROVED_CNT_PAYMENT_MAX": Sayable("count"),
            "POS_REMAINING_INSTALMENTS": _MORE,
            "POS_COMPLETED_BEFORE_MEAN": Sayable("share", "low", zero=True),
        },
    ),
    Concept(
        "kinds_of_earlier_loans",
        (
            Source(
                _PREVIOUS,
                (
                    "NAME_CONTRACT_TYPE", "CHANNEL_TYPE", "NAME_TYPE_SUITE", "NAME_YIELD_GROUP",
                    "PRODUCT_COMBINATION", "NAME_PRODUCT_TYPE", "NAME_CLIENT_TYPE",
                ),
                starts=(
                    "PREV_NAME_", "PREV_CHANNEL_", "PREV_PRODUCT_",
                ),
            ),
        ),
        {
            "PREV_NAME_YIELD_GROUP_high_MEAN": Sayable("share", "high", zero=True),
            "PREV_NAME_YIELD_GROUP_low_action_MEAN": Sayable("share", "low", zero=True),
            "PREV_NAME_YIELD_GROUP_low_normal_MEAN": Sayable("share", "low", zero=True),
            "PREV_NAME_YIELD_GROUP_middle_MEAN": _SHARE,
            "PREV_NAME_CONTRACT_TYPE_Cash loans_MEAN": _SHARE,
            "PREV_NAME_CONTRACT_TYPE_Consumer loans_MEAN": _SHARE,
            "PREV_NAME_CONTRACT_TYPE_Revolving loans_MEAN": _SHARE,
            "PREV_NAME_CLIENT_TYPE_New_MEAN": _SHARE,
            "PREV_NAME_CLIENT_TYPE_Repeater_MEAN": _SHARE,
            "PREV_NAME_CLIENT_TYPE_Refreshed_MEAN": _SHARE,
            "PREV_NAME_PRODUCT_TYPE_walk-in_MEAN": _SHARE,
            "PREV_NAME_PRODUCT_TYPE_x-sell_MEAN": _SHARE,
            "PREV_CHANNEL_TYPE_Car dealer_MEAN": _SHARE,
            "PREV_CHANNEL_TYPE_Contact center_MEAN": _SHARE,
            "PREV_CHANNEL_TYPE_Country-wide_MEAN": _SHARE,
            "PREV_CHANNEL_TYPE_Stone_MEAN": _SHARE,
            "PREV_CHANNEL_TYPE_Credit and cash offices_MEAN": _SHARE,
        },
    ),
    Concept(
        "earlier_applications",
        (Source(_PREVIOUS),),
        {
            "PREV_SK_ID_PREV_NUNIQUE": Sayable("count"),
            "PREV_AMT_ANNUITY_MAX": _MONEY,
            "PREV_AMT_DOWN_PAYMENT_MAX": Sayable("money", "low", zero=True),
            "PREV_DAYS_DECISION_MIN": _RECENT,
            "PREV_DAYS_DECISION_MAX": _RECENT,
            "PREV_CNT_PAYMENT_MAX": Sayable("count"),
            "PREV_Consumer_AMT_CREDIT_SUM": _MONEY,
            "PREV_Consumer_AMT_ANNUITY_MAX": _MONEY,
            "PREV_Consumer_DAYS_DECISION_MAX": Sayable("ago"),
            "PREV_Cash_AMT_CREDIT_SUM": _MONEY,
            "PREV_Cash_AMT_ANNUITY_MAX": _MONEY,
            "PREV_Cash_DAYS_DECISION_MAX": Sayable("ago"),
            **{f"PREV_{period}AMT_CREDIT_SUM": _MONEY for period in RECENT_APPLICATIONS},
            **{f"PREV_{period}AMT_ANNUITY_MAX": _MONEY for period in RECENT_APPLICATIONS},
        },
    ),
    Concept(
        "amounts_paid",
        (Source(_PAYMENTS),),
        {
            "INS_PAID_OVER_MEAN": _SHARE,
            "LAST_LOAN_PAID_OVER_mean": _SHARE,
            "INS_SK_ID_PREV_SIZE": Sayable("count", "low"),
            **{
                f"INS_{period}{name}": _MONEY
                for period in ("", *RECENT_PAYMENTS)
                for name in ("AMT_PAYMENT_SUM", "AMT_PAYMENT_MAX", "AMT_INSTALMENT_MAX")
            },
        },
    ),
    Concept(
        "credit_cards",
        (Source(_CARDS),),
        {
            "CC_LIMIT_USE_MAX": Sayable("percent", "high", zero=True),
            "CC_AMT_BALANCE_MAX": _MORE_MONEY,
            "CC_LAST_AMT_BALANCE_MAX": _MORE_MONEY,
            "CC_12M_LIMIT_USE_MAX": Sayable("percent", "high", zero=True),
            "CC_12M_AMT_BALANCE_MAX": _MORE_MONEY,
            "CC_AMT_CREDIT_LIMIT_ACTUAL_MAX": Sayable("money", "low", zero=True),
            "CC_AMT_DRAWINGS_ATM_CURRENT_SUM": _MORE_MONEY,
            "CC_AMT_DRAWINGS_CURRENT_SUM": _MORE_MONEY,
            "CC_CNT_DRAWINGS_ATM_CURRENT_MAX": _MORE,
            "CC_CNT_DRAWINGS_CURRENT_MAX": _MORE,
        },
    ),
    Concept(
        "car",
        (Source(_APPLICATION, ("OWN_CAR_AGE", "FLAG_OWN_CAR")),),
        {"FLAG_OWN_CAR": _LEVEL, "OWN_CAR_AGE": Sayable("years", "high", zero=True)},
    ),
    Concept(
        "papers_and_phone",
        (
            Source(
                _APPLICATION, ("DAYS_ID_PUBLISH", "DAYS_REGISTRATION", "DAYS_LAST_PHONE_CHANGE")
            ),
        ),
        {
            "DAYS_LAST_PHONE_CHANGE": _RECENT,
            "DAYS_ID_PUBLISH": _RECENT,
            "DAYS_REGISTRATION": _RECENT,
        },
    ),
    Concept(
        "burden",
        (Source(_APPLICATION, ("AMT_ANNUITY", "AMT_CREDIT"), also=("AMT_INCOME_TOTAL",)),),
        {"ANNUITY_TO_INCOME_RATIO": Sayable("percent", "high")},
    ),
    Concept(
        "loan",
        (
            Source(
                _APPLICATION, ("AMT_CREDIT", "AMT_ANNUITY", "AMT_GOODS_PRICE", "NAME_CONTRACT_TYPE")
            ),
        ),
        {
            "AMT_CREDIT": _MONEY, "AMT_ANNUITY": _MONEY, "AMT_GOODS_PRICE": _MONEY,
            "NAME_CONTRACT_TYPE": _LEVEL, "CREDIT_TO_ANNUITY_GROUP": Sayable("band"),
        },
    ),
    Concept(
        "income",
        (Source(_APPLICATION, ("AMT_INCOME_TOTAL",)),),
        {"AMT_INCOME_TOTAL": Sayable("money", "low")},
    ),
    Concept(
        "employment",
        (
            Source(
                _APPLICATION,
                (
                    "DAYS_EMPLOYED", "NAME_INCOME_TYPE", "OCCUPATION_TYPE", "ORGANIZATION_TYPE",
                    "FLAG_WORK_PHONE",
                ),
            ),
        ),
        {
            "DAYS_EMPLOYED": Sayable("since", "low"),
            "EMPLOYED_TO_BIRTH_RATIO": Sayable("percent", "low"),
            "OCCUPATION_TYPE": _LEVEL, "ORGANIZATION_TYPE": _LEVEL, "NAME_INCOME_TYPE": _LEVEL,
            "FLAG_WORK_PHONE": Sayable("flag", zero=True),
        },
    ),
    Concept("age", (Source(_APPLICATION, ("DAYS_BIRTH",)),), {"DAYS_BIRTH": Sayable("age", "low")}),
    Concept(
        "education",
        (Source(_APPLICATION, ("NAME_EDUCATION_TYPE",)),),
        {"NAME_EDUCATION_TYPE": _LEVEL},
    ),
    Concept(
        "enquiries",
        (
            Source(
                _APPLICATION,
                tuple(f"AMT_REQ_CREDIT_BUREAU_{span}" for span in ("DAY", "MON", "QRT", "YEAR")),
            ),
        ),
        {
            f"AMT_REQ_CREDIT_BUREAU_{span}": _MORE for span in ("DAY", "MON", "QRT", "YEAR")
        },
    ),
    Concept(
        "social_circle",
        (
            Source(
                _APPLICATION,
                tuple(f"{of}_{days}_CNT_SOCIAL_CIRCLE" for of in ("OBS", "DEF") for days in (30, 60)),
            ),
        ),
        {f"DEF_{days}_CNT_SOCIAL_CIRCLE": _MORE for days in (30, 60)},
    ),
    Concept(
        "documents",
        (Source(_APPLICATION, tuple(f"FLAG_DOCUMENT_{number}" for number in range(2, 22))),),
        {
            "DOCUMENT_COUNT": Sayable("count", zero=True),
            **{f"FLAG_DOCUMENT_{number}": Sayable("flag", zero=True) for number in (3, 8, 18)},
        },
    ),
    Concept(
        "time_of_application",
        (Source(_APPLICATION, ("WEEKDAY_APPR_PROCESS_START", "HOUR_APPR_PROCESS_START")),),
        {"WEEKDAY_APPR_PROCESS_START": _LEVEL, "HOUR_APPR_PROCESS_START": Sayable("hour")},
    ),
    Concept(
        "home",
        (
            Source(
                _APPLICATION,
                (
                    "NAME_HOUSING_TYPE", "REGION_POPULATION_RELATIVE", "REGION_RATING_CLIENT",
                    "REGION_RATING_CLIENT_W_CITY", "REG_REGION_NOT_LIVE_REGION",
                    "REG_REGION_NOT_WORK_REGION", "REG_CITY_NOT_LIVE_CITY",
                    "REG_CITY_NOT_WORK_CITY", "LIVE_CITY_NOT_WORK_CITY",
                    *(f"{part}_{end}" for part in BUILDING for end in ("AVG", "MODE", "MEDI")),
                ),
            ),
        ),
        {
            "NAME_HOUSING_TYPE": _LEVEL,
            "REGION_RATING_CLIENT": Sayable("rating", "high"),
            "REGION_RATING_CLIENT_W_CITY": Sayable("rating", "high"),
            "REG_REGION_NOT_LIVE_REGION": _YES, "REG_REGION_NOT_WORK_REGION": _YES,
            "REG_CITY_NOT_LIVE_CITY": _YES, "REG_CITY_NOT_WORK_CITY": _YES,
            "LIVE_CITY_NOT_WORK_CITY": _YES,
        },
    ),
)  # fmt: skip
BY_CODE: Mapping[str, Concept] = {concept.code: concept for concept in CONCEPTS}

#: Statistics of similar clients: the start of their names, and the features behind short names.
_GROUPS = ("GROUP1_", "GROUP2_", "CTAR_")
_MEMBERS = {
    "EXT_SOURCES": "EXT_SOURCES_MEAN",
    "INCOME": "AMT_INCOME_TOTAL",
    "CREDIT_TO_ANNUITY": "CREDIT_TO_ANNUITY_RATIO",
    "CREDIT": "AMT_CREDIT",
    "ANNUITY": "AMT_ANNUITY",
}


def member_of(name: str) -> str:
    """The feature of which a feature is a statistic among similar clients; itself if it is none.

    >>> member_of("GROUP1_INCOME_MEDIAN"), member_of("CTAR_DAYS_BIRTH_STD"), member_of("DAYS_BIRTH")
    ('AMT_INCOME_TOTAL', 'DAYS_BIRTH', 'DAYS_BIRTH')
    """
    start = next((start for start in _GROUPS if name.startswith(start)), "")
    if not start:
        return name
    member = name.removeprefix(start).rpartition("_")[0]
    return _MEMBERS.get(member, member)


def concepts_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The code of each feature's concept; ``rows`` is a whole catalogue, as JSON.

    A statistic of similar clients belongs to the concept of its feature. What is computed from a
    protected column belongs to ``PROTECTED``. Raises ``FeatureError`` for a feature without concept.
    """
    by_name = {row["name"]: row for row in rows}
    return {name: concept_of(name, by_name) for name in by_name}


def concept_of(name: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The code of the concept of one feature; ``rows``: the rows of a catalogue by name."""
    if not set(rows[name]["columns"]).isdisjoint(PROTECTED_COLUMNS):
        return PROTECTED
    member = member_of(name)
    table, columns = rows[member]["tables"][0], frozenset(rows[member]["columns"])
    for concept in CONCEPTS:
        if any(source.holds(member, table, columns) for source in concept.sources):
            return concept.code
    raise FeatureError(f"{name!r} belongs to no concept; add it to a row of CONCEPTS")
