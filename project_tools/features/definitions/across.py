"""Features across tables: ratios of a client's histories to the application.

Several published names say the reverse of their content: ``CURRENT_TO_APPROVED_…`` is the amount
of the approved loans divided by the amount applied for.
"""

import narwhals as nw

from project_tools.features.rows import Derived, GroupStatistics, Ratio

_STATISTICS = ("MIN", "MAX", "MEAN")

RATIOS: tuple[Ratio | Derived, ...] = (
    Ratio("BUREAU_INCOME_CREDIT_RATIO", "BUREAU_AMT_CREDIT_SUM_MEAN", "AMT_INCOME_TOTAL"),
    Ratio(
        "BUREAU_ACTIVE_CREDIT_TO_INCOME_RATIO",
        "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM",
        "AMT_INCOME_TOTAL",
    ),
    *(
        Ratio(
            f"CURRENT_TO_APPROVED_CREDIT_{which}_RATIO",
            f"APPROVED_AMT_CREDIT_{which}",
            "AMT_CREDIT",
        )
        for which in _STATISTICS
    ),
    *(
        Ratio(
            f"CURRENT_TO_APPROVED_ANNUITY_{which}_RATIO",
            f"APPROVED_AMT_ANNUITY_{which}",
            "AMT_ANNUITY",
        )
        for which in _STATISTICS[1:]
    ),
    *(
        Ratio(f"PAYMENT_{which}_TO_ANNUITY_RATIO", f"INS_AMT_PAYMENT_{which}", "AMT_ANNUITY")
        for which in _STATISTICS
    ),
    Ratio("CURRENT_TO_BUREAU_ANNUITY_MEAN_RATIO", "BUREAU_AMT_ANNUITY_MEAN", "AMT_ANNUITY"),
    *(
        Ratio(
            f"CTA_CREDIT_TO_ANNUITY_{which}_RATIO",
            f"APPROVED_CREDIT_TO_ANNUITY_RATIO_{which}",
            "CREDIT_TO_ANNUITY_RATIO",
        )
        for which in _STATISTICS[1:]
    ),
    *(
        Ratio(f"{start}_TO_{end}", numerator, f"DAYS_{end}")
        for end in ("BIRTH", "EMPLOYED")
        for start, numerator in (
            ("DAYS_DECISION_MEAN", "APPROVED_DAYS_DECISION_MEAN"),
            ("DAYS_CREDIT_MEAN", "BUREAU_DAYS_CREDIT_MEAN"),
        )
    ),
    Ratio("HOUR_APPR_RATIO", "HOUR_APPR_PROCESS_START", "PREV_HOUR_APPR_PROCESS_START_MEAN"),
    Derived(
        "HOUR_APPR_DIFFERENCE",
        ("HOUR_APPR_PROCESS_START", "PREV_HOUR_APPR_PROCESS_START_MEAN"),
        nw.col("HOUR_APPR_PROCESS_START") - nw.col("PREV_HOUR_APPR_PROCESS_START_MEAN"),
        "hours",
    ),
)

_MEMBERS = (
    "EXT_SOURCE_1",
    "EXT_SOURCE_2",
    "EXT_SOURCE_3",
    "BUREAU_ACTIVE_DAYS_CREDIT_MEAN",
    "APPROVED_CNT_PAYMENT_MEAN",
    "EXT_SOURCES_PROD",
    "CREDIT_TO_GOODS_RATIO",
    "INS_DAYS_ENTRY_PAYMENT_MAX",
    "EMPLOYED_TO_BIRTH_RATIO",
    "EXT_SOURCES_MEAN",
    "DAYS_REGISTRATION",
    "DAYS_EMPLOYED",
    "DAYS_BIRTH",
)
#: Clients with exactly the same duration (compared as doubles): in effect, the same loan product.
SAME_DURATION = GroupStatistics(
    name="same_duration",
    prefix="CTAR_",
    by=("CREDIT_TO_ANNUITY_RATIO",),
    members={name: name for name in _MEMBERS},
    statistics=("mean", "median", "std"),
)

NAMES = (*(name for row in RATIOS for name in row.names), *SAME_DURATION.names)
