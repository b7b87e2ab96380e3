"""The words for reasons in English, as one says them to a client on the telephone."""

from project_tools.features.wording.english import VALUES
from project_tools.serving.reasons.sheet_english import SHEET
from project_tools.serving.reasons.spoken import Quantity
from project_tools.serving.reasons.words import ConceptWords, Said, Words

_NUMBERS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
#: Up to this number a number of things is said in letters; the n of "one in n" always is.
_LETTERS = 10
_CURRENCIES = {
    "CHF": "Swiss francs", "EUR": "euros", "GBP": "pounds", "KZT": "tenge", "USD": "dollars",
}  # fmt: skip
_NO_BREAK = "\N{NO-BREAK SPACE}"


def _about(label: str, subject: str, *, plural: bool = False) -> ConceptWords:
    """A concept whose sentences only name the subject."""
    counts = "count" if plural else "counts"
    return ConceptWords(
        label, f"{subject} {counts} against you.", f"{subject} {counts} in your favour."
    )


CONCEPTS = {
    "protected": _about("Gender and family", "Your gender or your family situation"),
    "external_scores": _about(
        "External scores", "What the credit bureaus say about you as a whole"
    ),
    "late_payments": _about(
        "Punctuality with us", "The way you have kept to payment dates with us"
    ),
    "overdue_elsewhere": _about(
        "Punctuality elsewhere", "The way you have kept to payment dates with other lenders"
    ),
    "debt_elsewhere": _about("Debt elsewhere", "What you still owe to other lenders"),
    "loans_elsewhere": _about(
        "Loans elsewhere", "The number, kind and size of your loans with other lenders"
    ),
    "dates_elsewhere": _about(
        "Dates of loans elsewhere", "The dates of your loans with other lenders", plural=True
    ),
    "earlier_decisions": _about(
        "Earlier decisions", "The answers we gave to your earlier applications", plural=True
    ),
    "running_loans": _about(
        "Running loans with us", "The loans you are still paying back to us", plural=True
    ),
    "earlier_loans": _about("Earlier loans with us", "The loans you have had with us", plural=True),
    "kinds_of_earlier_loans": _about(
        "Kinds of earlier loans", "The kinds of loan you have asked us for", plural=True
    ),
    "earlier_applications": _about(
        "Earlier applications", "Your earlier applications with us", plural=True
    ),
    "amounts_paid": _about("Amounts paid to us", "What you have paid to us so far"),
    "credit_cards": _about("Credit card with us", "The way you use your credit card with us"),
    "car": _about("Car", "What you told us about a car"),
    "papers_and_phone": _about(
        "Papers and telephone",
        "How long you have kept your identity card, your address and your telephone number",
    ),
    "burden": _about("Loan against income", "The size of this loan against your income"),
    "loan": _about("Loan applied for", "The amount and the terms of this loan", plural=True),
    "income": _about("Income", "Your income"),
    "employment": _about("Work", "Your situation at work"),
    "age": _about("Age", "Your age"),
    "education": _about("Education", "Your education"),
    "enquiries": _about(
        "Enquiries at the bureau", "The number of enquiries about you at the credit bureau"
    ),
    "social_circle": _about("Acquaintances", "The way people around you pay their loans"),
    "documents": _about("Documents", "The documents you handed in", plural=True),
    "time_of_application": _about("Time of the application", "The time at which you applied"),
    "home": _about("Home and region", "Where and how you live"),
}


def _two(
    raises: str, lowers: str, missing: str, zero: str = "", usual: str = "{usual:bare}"
) -> Said:
    """Sentences for either side of the usual value, which is named unless it is 0."""
    clause = f"[; {usual} is usual]."
    return Said(raises + clause, lowers + clause, missing, zero)


def _same(text: str, missing: str, zero: str = "", usual: str = "{usual:bare}") -> Said:
    """One sentence for both sides of the usual value."""
    return _two(text, text, missing, zero, usual)


def _only(
    before: str, after: str, missing: str, zero: str = "", usual: str = "{usual:bare}"
) -> Said:
    """``before`` the value and ``after`` it; a value that lowers the risk is said to be only so much."""
    return _two(f"{before}{{value}}{after}", f"{before}only {{value}}{after}", missing, zero, usual)


def _at_least(before: str, after: str, missing: str, zero: str = "") -> Said:
    """As ``_only``, for what lowers the risk by being much."""
    return _two(f"{before}only {{value}}{after}", f"{before}{{value}}{after}", missing, zero)


def _level(subject: str, missing: str) -> Said:
    return Said(
        f"{subject}, {{value}}, counts against you.",
        f"{subject}, {{value}}, counts in your favour.",
        missing,
    )


_NO_LOANS_ELSEWHERE = "We know of no loans with other lenders."
_NO_INSTALMENTS = "You have not paid us any instalments yet."
_NO_DEBT_FIGURE = "We have no figures on what you owe elsewhere."
_NO_INSTALMENT_RECORD = "We have no record of an instalment you applied for."
_NO_PLAN = "We have no record of a plan to pay back a loan of ours."
_NO_CASH_RECORD = "We have no record of cash drawn with a credit card of ours."
_NO_LIMIT_RECORD = "We have no record of how much of a credit card's limit you used."
_NO_CARD = "You have had no credit card with us."
_NO_APPLICATION = "You have not applied to us before."
_NO_RUNNING_LOAN = "You have no running loan with us."
_NO_GRANTED_LOAN = "We have not granted you a loan before."
_NEVER_REFUSED = "We have never refused an application of yours."
_KINDS = {
    "CONSUMER_": "consumer loan",
    "CREDIT_": "credit card",
    "MORTGAGE_": "mortgage",
    "CAR_": "car loan",
    "MICROLOAN_": "microloan",
}
_LAST = {
    "6M": "the last half-year",
    "12M": "the last year",
    "36M": "the last few years",
}
_LATELY = {"18M": "Recently", "36M": "In recent years"}
#: Where an amount was overdue, by the part of a feature's name that names the loans.
_OVERDUE_ON = {
    "": "with other lenders",
    "ACTIVE_": "on a running loan elsewhere",
    "CLOSED_": "on a closed loan elsewhere",
    **{part: f"on a {kind} elsewhere" for part, kind in _KINDS.items()},
    **{f"LAST{span}_": f"on a loan elsewhere of {_LAST[span]}" for span in ("6M", "12M", "36M")},
}

_LATE_PAYMENTS = {
    "INS_LATE_PAYMENT_MEAN": _two(
        "{value} of your payments to us came late",
        "Only {value} of your payments to us came late",
        _NO_INSTALMENTS,
        "All your payments to us came on time.",
    ),
    "INS_LATE_PAYMENT_SUM": _two(
        "You have paid us late {value:time|times}",
        "You have paid us late only {value:time|times}",
        _NO_INSTALMENTS,
        "You have never paid us late.",
        "{usual:time|times}",
    ),
    "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": _two(
        "Small remainders aside, {value} of your payments to us came late",
        "Small remainders aside, only {value} of your payments to us came late",
        _NO_INSTALMENTS,
        "Small remainders aside, all your payments to us came on time.",
    ),
    "INS_SIGNIFICANT_LATE_PAYMENT_SUM": _two(
        "Small remainders aside, you have paid us late {value:time|times}",
        "Small remainders aside, you have paid us late only {value:time|times}",
        _NO_INSTALMENTS,
        "Small remainders aside, you have never paid us late.",
        "{usual:time|times}",
    ),
    "INS_DPD_7_MEAN": _two(
        "{value} of your payments to us came over a week late",
        "Only {value} of your payments to us came over a week late",
        _NO_INSTALMENTS,
        "None of your payments to us came over a week late.",
    ),
    "INS_DPD_15_MEAN": _two(
        "{value} of your payments to us came over half a month late",
        "Only {value} of your payments to us came over half a month late",
        _NO_INSTALMENTS,
        "None of your payments to us came over half a month late.",
    ),
    "INS_DPD_MAX": _two(
        "At the worst, you paid us {value} late",
        "Even at the worst, you paid us only {value} late",
        _NO_INSTALMENTS,
        "You have never paid us late.",
    ),
    "INS_DBD_MAX": _two(
        "At the best, you paid us only {value} early",
        "At the best, you paid us {value} early",
        _NO_INSTALMENTS,
        "You have never paid us early.",
    ),
    "INS_DAYS_ENTRY_PAYMENT_MAX": _same("Your last payment to us came {value}", _NO_INSTALMENTS),
    **{
        f"INS_{span}_{name}": said
        for span in ("18M", "36M")
        for missing in (f"{_LATELY[span]}, no instalment was due to us.",)
        for name, said in {
            "LATE_PAYMENT_MEAN": _two(
                f"{_LATELY[span]}, {{value}} of your payments came late",
                f"{_LATELY[span]}, only {{value}} of your payments came late",
                missing,
                f"{_LATELY[span]}, all your payments to us came on time.",
            ),
            "SIGNIFICANT_LATE_PAYMENT_MEAN": _two(
                f"{_LATELY[span]}, small remainders aside, {{value}} of your payments came late",
                f"{_LATELY[span]}, small remainders aside, only {{value}} of your payments came late",
                missing,
                f"{_LATELY[span]}, small remainders aside, all your payments came on time.",
            ),
            "DPD_7_MEAN": _two(
                f"{_LATELY[span]}, {{value}} of your payments came over a week late",
                f"{_LATELY[span]}, only {{value}} of your payments came over a week late",
                missing,
                f"{_LATELY[span]}, none of your payments came over a week late.",
            ),
            "DPD_15_MEAN": _two(
                f"{_LATELY[span]}, {{value}} of your payments came weeks late",
                f"{_LATELY[span]}, only {{value}} of your payments came weeks late",
                missing,
                f"{_LATELY[span]}, none of your payments came weeks late.",
            ),
            "DPD_MAX": _two(
                f"{_LATELY[span]}, you once paid us {{value}} late",
                f"{_LATELY[span]}, you paid us only {{value}} late at the worst",
                missing,
                f"{_LATELY[span]}, you have always paid us on time.",
            ),
        }.items()
    },
    "LAST_LOAN_LATE_PAYMENT_mean": _two(
        "On your last loan with us, {value} of the payments came late",
        "On your last loan with us, only {value} of the payments came late",
        _NO_INSTALMENTS,
        "On your last loan with us, all payments came on time.",
    ),
    "LAST_LOAN_DPD_max": _two(
        "On your last loan with us, you once paid {value} late",
        "On your last loan with us, you paid only {value} late at the worst",
        _NO_INSTALMENTS,
        "On your last loan with us, you have always paid on time.",
    ),
    "POS_LATE_PAYMENT_MEAN": _two(
        "In {value} of the months, you were behind with loans with us",
        "In only {value} of the months, you were behind with loans with us",
        "We have no record of earlier loans with you.",
        "You were never behind with your loans with us.",
    ),
    "POS_SK_DPD_MAX": _two(
        "You were once {value} behind with a loan with us",
        "You were only {value} behind with a loan with us at the worst",
        "We have no record of earlier loans with you.",
        "You were never behind with your loans with us.",
    ),
    "CC_LATE_PAYMENT_SUM": _two(
        "You were behind with your credit card for {value:month|months}",
        "You were behind with your credit card for only {value:month|months}",
        _NO_CARD,
        "You were never behind with your credit card.",
        "{usual:month|months}",
    ),
    "CC_SK_DPD_MAX": _two(
        "You were once {value} behind with your credit card",
        "You were only {value} behind with your credit card at the worst",
        _NO_CARD,
        "You were never behind with your credit card.",
    ),
    "CC_12M_SK_DPD_MAX": _two(
        "Over the last year, you were once {value} behind with your credit card",
        "Over the last year, you were at most {value} behind with your credit card",
        "You have had no credit card with us over the last year.",
        "Over the last year, you were never behind with your credit card.",
    ),
    "PREV_LATE_DAYS_DECISION_MAX": _same(
        "The latest loan on which you paid us late was granted {value}",
        "We know of no loan on which you paid us late.",
    ),
}

_ELSEWHERE = {
    "BUREAU_AMT_CREDIT_SUM_OVERDUE_SUM": _only(
        "You are ", " overdue with other lenders now",
        _NO_LOANS_ELSEWHERE, "Nothing overdue with other lenders is on record now.",
    ),
    "BUREAU_LAST_LOAN_MAX_OVERDUE": _two(
        "On your latest loan elsewhere, {value} was overdue at the worst",
        "On your latest loan elsewhere, only {value} was overdue at the worst",
        "The credit bureau gives no figure for overdue payments on your latest loan elsewhere.",
        "On your latest loan elsewhere, nothing was ever overdue.",
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_MAX_OVERDUE_MAX": _two(
            f"As much as {{value}} was once overdue {where}",
            f"Only {{value}} was ever overdue {where}",
            f"The credit bureau gives no figure for overdue payments {where}.",
            f"Nothing was ever overdue {where}.",
        )
        for part, where in _OVERDUE_ON.items()
    },
    "BUREAU_DEBT_OVER_CREDIT": _two(
        "You still owe {value} of all you borrowed elsewhere",
        "You still owe only {value} of all you borrowed elsewhere",
        "We have no figures on what you owe elsewhere.",
        "You have paid back all you borrowed elsewhere.",
    ),
    "BUREAU_ACTIVE_DEBT_OVER_CREDIT": _two(
        "You still owe {value} of your running loans elsewhere",
        "You still owe only {value} of your running loans elsewhere",
        "We have no figures on running loans elsewhere.",
        "You owe nothing on your running loans elsewhere.",
    ),
    "BUREAU_AMT_CREDIT_SUM_DEBT_SUM": _only(
        "You owe ", " to other lenders", _NO_LOANS_ELSEWHERE, "No debt to other lenders is on record.",
    ),
    "BUREAU_AMT_CREDIT_SUM_DEBT_MAX": _only(
        "You owe ", " on your biggest debt elsewhere",
        _NO_DEBT_FIGURE, "No debt to other lenders is on record.",
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_DEBT_SUM": _only(
        "You owe ", " on your running loans elsewhere",
        "We know of no running loans elsewhere.", "No debt on running loans elsewhere is on record.",
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_SUM_DEBT_MAX": _only(
            "You owe ", f" on a {kind} elsewhere",
            f"We know of no debt on a {kind} elsewhere.", f"You owe nothing on a {kind} elsewhere.",
        )
        for part, kind in _KINDS.items()
    },
    **{
        f"BUREAU_LAST{span}_AMT_CREDIT_SUM_DEBT_SUM": _only(
            "You owe ", f" elsewhere on loans of {_LAST[span]}",
            f"We know of no debt elsewhere from {_LAST[span]}.",
            f"No debt elsewhere on loans of {_LAST[span]} is on record.",
        )
        for span in ("6M", "12M", "36M")
    },
    "BUREAU_SK_ID_BUREAU_NUNIQUE": _same(
        "You have had {value:loan|loans} with other lenders", _NO_LOANS_ELSEWHERE,
    ),
    "BUREAU_CREDIT_ACTIVE_Active_MEAN": _two(
        "{value} of your loans elsewhere are still running",
        "Only {value} of your loans elsewhere are still running",
        _NO_LOANS_ELSEWHERE, "None of your loans elsewhere is still running.",
    ),
    "BUREAU_CREDIT_ACTIVE_Closed_MEAN": _two(
        "Only {value} of your loans elsewhere are closed",
        "{value} of your loans elsewhere are closed",
        _NO_LOANS_ELSEWHERE, "None of your loans elsewhere is closed yet.",
    ),
    "BUREAU_CREDIT_ACTIVE_Sold_MEAN": _two(
        "{value} of your loans elsewhere were sold on",
        "Only {value} of your loans elsewhere were sold on",
        _NO_LOANS_ELSEWHERE, "None of your loans elsewhere was sold on.",
    ),
    **{
        f"BUREAU_CREDIT_TYPE_{level}_MEAN": _same(
            f"{{value}} of your loans elsewhere are {kind}s",
            _NO_LOANS_ELSEWHERE, f"None of your loans elsewhere is a {kind}.",
        )
        for level, kind in {
            "Consumer credit": "consumer loan", "Credit card": "credit card",
            "Car loan": "car loan", "Mortgage": "mortgage",
        }.items()
    },
    "BUREAU_CREDIT_TYPE_Microloan_MEAN": _two(
        "{value} of your loans elsewhere are microloans",
        "Only {value} of your loans elsewhere are microloans",
        _NO_LOANS_ELSEWHERE, "None of your loans elsewhere is a microloan.",
    ),
    "BUREAU_AMT_CREDIT_SUM_SUM": _same(
        "You have borrowed {value} from other lenders in all", _NO_LOANS_ELSEWHERE
    ),
    "BUREAU_AMT_CREDIT_SUM_MAX": _same(
        "Your largest loan elsewhere was {value}", _NO_LOANS_ELSEWHERE
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM": _same(
        "Your running loans elsewhere come to {value}", "We know of no running loans elsewhere."
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_MAX": _same(
        "Your largest running loan elsewhere is {value}", "We know of no running loans elsewhere."
    ),
    "BUREAU_CLOSED_AMT_CREDIT_SUM_SUM": _same(
        "Your closed loans elsewhere came to {value}", "We know of no closed loans elsewhere."
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_SUM_MAX": _same(
            f"The largest amount of a {kind} elsewhere was {{value}}",
            f"We know of no {kind} elsewhere.",
        )
        for part, kind in _KINDS.items()
    },
    **{
        f"BUREAU_LAST{span}_AMT_CREDIT_SUM_SUM": _same(
            f"Over {_LAST[span]}, you borrowed {{value}} elsewhere",
            f"We know of no new loan elsewhere over {_LAST[span]}.",
        )
        for span in ("6M", "12M", "36M")
    },
    "BUREAU_DAYS_CREDIT_MIN": _same("Your first loan elsewhere began {value}", _NO_LOANS_ELSEWHERE),
    "BUREAU_DAYS_CREDIT_MAX": _same("Your latest loan elsewhere began {value}", _NO_LOANS_ELSEWHERE),
    "BUREAU_ACTIVE_DAYS_CREDIT_MAX": _same(
        "Your latest running loan elsewhere began {value}", "We know of no running loans elsewhere."
    ),
    "BUREAU_CLOSED_DAYS_CREDIT_MAX": _same(
        "The latest of your closed loans elsewhere began {value}",
        "We know of no closed loans elsewhere.",
    ),
    **{
        f"BUREAU_{part}DAYS_CREDIT_MAX": _same(
            f"Your latest {kind} elsewhere began {{value}}", f"We know of no {kind} elsewhere."
        )
        for part, kind in _KINDS.items()
    },
}  # fmt: skip

_WITH_US = {
    "PREV_NAME_CONTRACT_STATUS_Refused_MEAN": _two(
        "We refused {value} of your earlier applications",
        "We refused only {value} of your earlier applications",
        _NO_APPLICATION, _NEVER_REFUSED,
    ),
    "PREV_NAME_CONTRACT_STATUS_Approved_MEAN": _two(
        "We approved only {value} of your earlier applications",
        "We approved {value} of your earlier applications",
        _NO_APPLICATION, "We have approved none of your earlier applications.",
    ),
    "PREV_NAME_CONTRACT_STATUS_Canceled_MEAN": _two(
        "{value} of your earlier applications were cancelled",
        "Only {value} of your earlier applications were cancelled",
        _NO_APPLICATION, "None of your earlier applications was cancelled.",
    ),
    "PREV_NAME_CONTRACT_STATUS_Unused offer_MEAN": _two(
        "You did not take up our offer after {value} of your applications",
        "You did not take up our offer after only {value} of your applications",
        _NO_APPLICATION, "You took up every offer we made you.",
    ),
    "REFUSED_DAYS_DECISION_MAX": _same(
        "We last refused an application of yours {value}", _NEVER_REFUSED
    ),
    "REFUSED_AMT_CREDIT_MAX": _same("The largest loan we refused you was {value}", _NEVER_REFUSED),
    "PREV_ACTIVE_SK_ID_PREV_NUNIQUE": _same(
        "You are paying back {value:loan|loans} to us", _NO_RUNNING_LOAN
    ),
    "TOTAL_REPAYMENT_RATIO": _at_least(
        "You have paid back ", " of your running loans with us",
        _NO_RUNNING_LOAN, "You have paid nothing back on your running loans with us yet.",
    ),
    "PREV_ACTIVE_AMT_CREDIT_SUM": _same(
        "Your running loans with us come to {value}", _NO_RUNNING_LOAN
    ),
    "PREV_ACTIVE_AMT_ANNUITY_SUM": _same(
        "The instalments of your running loans with us come to {value}", _NO_RUNNING_LOAN
    ),
    "PREV_ACTIVE_AMT_PAYMENT_SUM": _at_least(
        "You have paid us ", " on your running loans",
        _NO_RUNNING_LOAN, "You have paid us nothing on your running loans yet.",
    ),
    "PREV_ACTIVE_DAYS_DECISION_MIN": _same(
        "Your oldest running loan with us was granted {value}", _NO_RUNNING_LOAN
    ),
    "APPROVED_SK_ID_PREV_NUNIQUE": _two(
        "We have granted you only {value:loan|loans} before",
        "We have granted you {value:loan|loans} before",
        _NO_GRANTED_LOAN,
    ),
    "APPROVED_AMT_ANNUITY_MAX": _same(
        "The largest instalment of your loans with us was {value}", _NO_PLAN
    ),
    "APPROVED_AMT_CREDIT_MAX": _same(
        "The largest loan we granted you was {value}", _NO_GRANTED_LOAN
    ),
    "APPROVED_AMT_GOODS_PRICE_MAX": _same(
        "The dearest goods you bought with a loan of ours cost {value}",
        "You have bought no goods with a loan of ours.",
    ),
    "APPROVED_AMT_DOWN_PAYMENT_MAX": _at_least(
        "Your largest down payment with us was ", "",
        "We have no record of a down payment of yours.", "You have made no down payment with us.",
    ),
    "APPROVED_DAYS_DECISION_MIN": _same("We granted you your first loan {value}", _NO_GRANTED_LOAN),
    "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MIN": _same(
        "The first of your loans with us was to end {value}", _NO_PLAN
    ),
    "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MAX": _same(
        "The last of your loans with us was to end {value}", _NO_PLAN
    ),
    "APPROVED_DAYS_LAST_DUE_MAX": _same(
        "The last instalment of your loans with us was due {value}",
        "We have no last instalment of a loan with you.",
    ),
    "APPROVED_CNT_PAYMENT_MAX": _same(
        "Your longest loan with us had {value:instalment|instalments}", _NO_PLAN
    ),
    "POS_REMAINING_INSTALMENTS": _two(
        "You still have {value:instalment|instalments} to pay us",
        "You have only {value:instalment|instalments} left to pay us",
        "We have no record of earlier loans with you.",
        "You have no instalments left to pay us.",
    ),
    "POS_COMPLETED_BEFORE_MEAN": _at_least(
        "You paid off ", " of your loans with us early",
        "We have no record of earlier loans with you.",
        "You have paid off no loan with us early.",
    ),
    **{
        f"PREV_{level}_MEAN": _same(
            f"{{value}} of your earlier applications {text}",
            _NO_APPLICATION, f"None of your earlier applications {none}.",
        )
        for level, text, none in (
            ("NAME_CONTRACT_TYPE_Cash loans", "were for cash loans", "was for a cash loan"),
            (
                "NAME_CONTRACT_TYPE_Consumer loans",
                "were for consumer loans", "was for a consumer loan",
            ),
            (
                "NAME_CONTRACT_TYPE_Revolving loans",
                "were for revolving loans", "was for a revolving loan",
            ),
            (
                "NAME_YIELD_GROUP_middle",
                "were at a middling rate of interest", "was at a middling rate of interest",
            ),
            ("NAME_CLIENT_TYPE_New", "came while you were new to us", "came while you were new to us"),
            (
                "NAME_CLIENT_TYPE_Repeater",
                "came when we knew you well", "came when we knew you well",
            ),
            (
                "NAME_CLIENT_TYPE_Refreshed",
                "came after a break with us", "came after a break with us",
            ),
            (
                "NAME_PRODUCT_TYPE_walk-in",
                "were made on your own account", "was made on your own account",
            ),
            ("NAME_PRODUCT_TYPE_x-sell", "followed an offer of ours", "followed an offer of ours"),
            ("CHANNEL_TYPE_Car dealer", "came through a car dealer", "came through a car dealer"),
            (
                "CHANNEL_TYPE_Contact center",
                "came through our call centre", "came through our call centre",
            ),
            (
                "CHANNEL_TYPE_Country-wide",
                "came through our sales staff", "came through our sales staff",
            ),
            ("CHANNEL_TYPE_Stone", "were made in a shop", "was made in a shop"),
            (
                "CHANNEL_TYPE_Credit and cash offices",
                "were made at one of our branches", "was made at one of our branches",
            ),
        )
    },
    "PREV_NAME_YIELD_GROUP_high_MEAN": _two(
        "{value} of your earlier applications were at an expensive rate",
        "Only {value} of your earlier applications were at an expensive rate",
        _NO_APPLICATION, "None of your earlier applications was at an expensive rate.",
    ),
    "PREV_NAME_YIELD_GROUP_low_action_MEAN": _two(
        "Only {value} of your earlier applications were at a special rate",
        "{value} of your earlier applications were at a special rate",
        _NO_APPLICATION, "None of your earlier applications was at a special rate.",
    ),
    "PREV_NAME_YIELD_GROUP_low_normal_MEAN": _two(
        "Only {value} of your earlier applications were at a cheap rate",
        "{value} of your earlier applications were at a cheap rate",
        _NO_APPLICATION, "None of your earlier applications was at a cheap rate.",
    ),
    "PREV_SK_ID_PREV_NUNIQUE": _same(
        "You have applied to us {value:time|times} before", _NO_APPLICATION,
        usual="{usual:time|times}",
    ),
    "PREV_AMT_ANNUITY_MAX": _same(
        "The largest instalment you have applied for was {value}", _NO_INSTALMENT_RECORD
    ),
    "PREV_AMT_DOWN_PAYMENT_MAX": _at_least(
        "The largest down payment you offered us was ", "",
        "We have no record of a down payment of yours.", "You have offered us no down payment.",
    ),
    "PREV_DAYS_DECISION_MIN": _same("You first applied to us {value}", _NO_APPLICATION),
    "PREV_DAYS_DECISION_MAX": _same("You last applied to us {value}", _NO_APPLICATION),
    "PREV_CNT_PAYMENT_MAX": _same(
        "The longest loan you asked us for had {value:instalment|instalments}", _NO_INSTALMENT_RECORD
    ),
    **{
        f"PREV_{part}_{name}": said
        for part, kind in {"Consumer": "consumer loan", "Cash": "cash loan"}.items()
        for missing in (f"You have not asked us for a {kind} before.",)
        for name, said in {
            "AMT_CREDIT_SUM": _same(f"You have asked us for {{value}} in {kind}s", missing),
            "AMT_ANNUITY_MAX": _same(
                f"The largest instalment of a {kind} you asked for was {{value}}", _NO_INSTALMENT_RECORD
            ),
            "DAYS_DECISION_MAX": _same(f"You last asked us for a {kind} {{value}}", missing),
        }.items()
    },
    **{
        f"PREV_LAST{span}_{name}": said
        for span in ("6M", "12M")
        for missing in (f"You have not applied to us over {_LAST[span]}.",)
        for name, said in {
            "AMT_CREDIT_SUM": _same(f"Over {_LAST[span]}, you asked us for {{value}}", missing),
            "AMT_ANNUITY_MAX": _same(
                f"Over {_LAST[span]}, the largest instalment you applied for was {{value}}",
                _NO_INSTALMENT_RECORD,
            ),
        }.items()
    },
    "INS_PAID_OVER_MEAN": _same(
        "You paid more than was due in {value} of your payments to us",
        _NO_INSTALMENTS, "You have never paid us more than was due.",
    ),
    "LAST_LOAN_PAID_OVER_mean": _same(
        "On your last loan with us, you overpaid in {value} of the payments",
        _NO_INSTALMENTS, "On your last loan with us, you never overpaid.",
    ),
    "INS_SK_ID_PREV_SIZE": _two(
        "You have made only {value:payment|payments} to us so far",
        "You have made {value:payment|payments} to us so far",
        _NO_INSTALMENTS,
    ),
    "INS_AMT_PAYMENT_SUM": _same("You have paid us {value} in all", _NO_INSTALMENTS),
    "INS_AMT_PAYMENT_MAX": _same("Your largest payment to us was {value}", _NO_INSTALMENTS),
    "INS_AMT_INSTALMENT_MAX": _same("The largest instalment due to us was {value}", _NO_INSTALMENTS),
    **{
        f"INS_{span}_{name}": _same(f"{_LATELY[span]}, {text} {{value}}", missing)
        for span in ("18M", "36M")
        for missing in (f"{_LATELY[span]}, no instalment was due to us.",)
        for name, text in {
            "AMT_PAYMENT_SUM": "you have paid us",
            "AMT_PAYMENT_MAX": "your largest payment to us was",
            "AMT_INSTALMENT_MAX": "the largest instalment due to us was",
        }.items()
    },
    "CC_LIMIT_USE_MAX": _two(
        "You have used up to {value} of your credit card's limit",
        "You have used {value} of your credit card's limit at most",
        _NO_LIMIT_RECORD, "You have used nothing of your credit card's limit.",
    ),
    "CC_AMT_BALANCE_MAX": _two(
        "You have owed up to {value} on your credit card",
        "You have owed {value} on your credit card at most",
        _NO_CARD, "You have never owed anything on your credit card.",
    ),
    "CC_LAST_AMT_BALANCE_MAX": _only(
        "You owe ", " on your credit card", _NO_CARD, "You owe nothing on your credit card.",
    ),
    "CC_12M_LIMIT_USE_MAX": _two(
        "Over the last year, you used up to {value} of your credit card's limit",
        "Over the last year, you used {value} of your credit card's limit at most",
        _NO_LIMIT_RECORD,
        "Over the last year, you used nothing of your credit card's limit.",
    ),
    "CC_12M_AMT_BALANCE_MAX": _two(
        "Over the last year, you owed up to {value} on your credit card",
        "Over the last year, you owed {value} on your credit card at most",
        "You have had no credit card with us over the last year.",
        "Over the last year, you owed nothing on your credit card.",
    ),
    "CC_AMT_CREDIT_LIMIT_ACTUAL_MAX": _at_least(
        "Your credit card with us has a limit of ", "", _NO_CARD,
        "Your credit card with us has no limit to use.",
    ),
    "CC_AMT_DRAWINGS_ATM_CURRENT_SUM": _only(
        "You have drawn ", " in cash with your credit card",
        _NO_CARD, "No cash drawn with your credit card is on record.",
    ),
    "CC_AMT_DRAWINGS_CURRENT_SUM": _only(
        "You have spent ", " with your credit card",
        _NO_CARD, "You have never spent anything with your credit card.",
    ),
    "CC_CNT_DRAWINGS_ATM_CURRENT_MAX": _two(
        "In a single month, you drew cash {value:time|times} with your credit card",
        "In a single month, you drew cash only {value:time|times} with your credit card",
        _NO_CASH_RECORD, "You have never drawn cash with your credit card.", "{usual:time|times}",
    ),
    "CC_CNT_DRAWINGS_CURRENT_MAX": _two(
        "In a single month, you used your credit card {value:time|times}",
        "In a single month, you used your credit card only {value:time|times}",
        _NO_CARD, "You have never used your credit card.", "{usual:time|times}",
    ),
}  # fmt: skip


def _score(which: str, ordinal: str) -> Said:
    return _two(
        f"Your score at the {which} is low: {{value}}",
        f"Your score at the {which} is high: {{value}}",
        f"We have no score from the {ordinal}.",
    )


_APPLICATION = {
    **{
        f"EXT_SOURCE_{number}": _score(f"{ordinal} credit bureau", f"{ordinal} bureau")
        for number, ordinal in enumerate(("first", "second", "third"), 1)
    },
    "EXT_SOURCES_MIN": _two(
        "Your weakest score at the credit bureaus is only {value}",
        "Even your weakest score at the credit bureaus is {value}",
        "No credit bureau gives us a score for you.",
    ),
    "EXT_SOURCES_MAX": _two(
        "Even your best score at the credit bureaus is only {value}",
        "Your best score at the credit bureaus is {value}",
        "No credit bureau gives us a score for you.",
    ),
    "CODE_GENDER": _level("Your gender", "You told us no gender."),
    "NAME_FAMILY_STATUS": _level("Your family status", "You told us no family status."),
    "CNT_CHILDREN": _same(
        "You have {value:child|children}",
        "You told us nothing about children.",
        "You have no children.",
    ),
    "CNT_FAM_MEMBERS": _same(
        "Your family has {value:member|members}", "You told us nothing about your family."
    ),
    "FLAG_OWN_CAR": Said("{value}.", "{value}.", "You told us nothing about a car."),
    "OWN_CAR_AGE": _only(
        "Your car is ",
        " old",
        "We have no age of a car of yours.",
        "Your car is less than a year old.",
    ),
    "DAYS_LAST_PHONE_CHANGE": _same(
        "You last changed your telephone number {value}",
        "We have no record of when you changed your telephone number.",
    ),
    "DAYS_ID_PUBLISH": _same(
        "You last changed your identity card {value}", "We have no date of your identity card."
    ),
    "DAYS_REGISTRATION": _same(
        "You last changed your registered address {value}",
        "We have no date of your registered address.",
    ),
    "ANNUITY_TO_INCOME_RATIO": _two(
        "Each instalment would take {value} of your yearly income",
        "Each instalment would take only {value} of your yearly income",
        "We cannot compare the instalment with your income.",
    ),
    "AMT_CREDIT": _same("You are asking for {value}", "You named no amount for this loan."),
    "AMT_ANNUITY": _same(
        "Each instalment of this loan would be {value}", "We have no instalment for this loan."
    ),
    "AMT_GOODS_PRICE": _same(
        "The goods you want to buy cost {value}", "You named no goods that the loan is for."
    ),
    "NAME_CONTRACT_TYPE": _level("The kind of loan you want", "You named no kind of loan."),
    "CREDIT_TO_ANNUITY_GROUP": _level(
        "The time this loan would run", "We cannot tell how long this loan would run."
    ),
    "AMT_INCOME_TOTAL": _at_least("Your income is ", " a year", "You told us no income."),
    "DAYS_EMPLOYED": _two(
        "You have been in your present job for only {value}",
        "You have been in your present job for {value}",
        "You told us of no present job.",
    ),
    "EMPLOYED_TO_BIRTH_RATIO": _at_least(
        "You have spent ", " of your life in your present job", "You told us of no present job."
    ),
    "OCCUPATION_TYPE": _level("Your occupation", "You told us no occupation."),
    "ORGANIZATION_TYPE": _level("Your employer's line of business", "You told us of no employer."),
    "NAME_INCOME_TYPE": _level("What you live on", "You did not tell us what you live on."),
    "FLAG_WORK_PHONE": Said(
        "You gave us a telephone number at work.",
        "You gave us a telephone number at work.",
        "We do not have your answer on a telephone at work.",
        "You gave us no telephone number at work.",
    ),
    "DAYS_BIRTH": _same("You are {value} old", "We have no date of birth for you."),
    "NAME_EDUCATION_TYPE": _level("Your education", "You told us nothing about your education."),
    **{
        f"AMT_REQ_CREDIT_BUREAU_{part}": _two(
            f"The credit bureau was asked about you {{value:time|times}} {when}",
            f"The credit bureau was asked about you only {{value:time|times}} {when}",
            f"The credit bureau reports no enquiries {when}.",
            f"Nobody asked the credit bureau about you {when}.",
            "{usual:time|times}",
        )
        for part, when in {
            "DAY": "on the day before you applied",
            "MON": "in the month before",
            "QRT": "in the quarter before",
            "YEAR": "in the year before",
        }.items()
    },
    **{
        f"DEF_{days}_CNT_SOCIAL_CIRCLE": _two(
            f"{{value:person|people}} around you fell {behind} behind with payments",
            f"Only {{value:person|people}} around you fell {behind} behind with payments",
            "We have nothing on how people around you pay.",
            f"Nobody around you fell {behind} behind with payments.",
        )
        for days, behind in {30: "a month", 60: "several weeks"}.items()
    },
    "DOCUMENT_COUNT": _same(
        "You handed in {value:document|documents}",
        "We have no list of your documents.",
        "You handed in no documents.",
    ),
    **{
        f"FLAG_DOCUMENT_{number}": Said(
            f"You handed in document number {word}.",
            f"You handed in document number {word}.",
            f"We have no record of document number {word}.",
            f"You did not hand in document number {word}.",
        )
        for number, word in {3: "three", 8: "eight", 18: "eighteen"}.items()
    },
    "WEEKDAY_APPR_PROCESS_START": _level(
        "The day on which you applied", "We have no weekday of your application."
    ),
    "HOUR_APPR_PROCESS_START": _level(
        "The hour at which you applied", "We have no hour of your application."
    ),
    "NAME_HOUSING_TYPE": _level("Your housing", "You told us nothing about your housing."),
    "REGION_RATING_CLIENT": _same(
        "Our risk grade for your region is {value}", "We have no risk grade for your region."
    ),
    "REGION_RATING_CLIENT_W_CITY": _same(
        "Our risk grade for your city is {value}", "We have no risk grade for your city."
    ),
    "REG_REGION_NOT_LIVE_REGION": Said.flag(
        "You are registered in another region than you live in.",
        "You are registered in the region you live in.",
        "We have no registered address of yours.",
    ),
    "REG_REGION_NOT_WORK_REGION": Said.flag(
        "You are registered in another region than you work in.",
        "You are registered in the region you work in.",
        "We have no address of your work.",
    ),
    "REG_CITY_NOT_LIVE_CITY": Said.flag(
        "You are registered in another city than you live in.",
        "You are registered in the city you live in.",
        "We have no registered address of yours.",
    ),
    "REG_CITY_NOT_WORK_CITY": Said.flag(
        "You are registered in another city than you work in.",
        "You are registered in the city you work in.",
        "We have no address of your work.",
    ),
    "LIVE_CITY_NOT_WORK_CITY": Said.flag(
        "You live in another city than you work in.",
        "You live in the city you work in.",
        "We have no address of your work.",
    ),
}

FACTS = {**_APPLICATION, **_LATE_PAYMENTS, **_ELSEWHERE, **_WITH_US}

LEVELS = {
    **VALUES,
    "FLAG_OWN_CAR": {"Y": "you own a car", "N": "you own no car"},
    "CREDIT_TO_ANNUITY_GROUP": {
        "1": "up to half a year",
        "2": "up to one year",
        "3": "up to a year and a half",
        "4": "up to two years",
        "5": "up to two years and a half",
        "6": "up to three years",
        "7": "over three years",
    },
}


PHRASES = {
    "refused": "We cannot grant this loan today.",
    "granted": "We can grant this loan.",
    "risk": "Risk {risk}, limit {limit}.",
    "just_accepted": "The clients just accepted: {risk}.",
    "just_refused": "The clients just refused: {risk}.",
    "average": "The average client: {risk}.",
    "near": "Near the limit: a colleague should look at it.",
    "against": "Against",
    "for": "For",
    "none": "nothing of weight",
}


def say(quantity: Quantity, forms: str, currency: str) -> str:
    """A quantity in English words.

    >>> say(Quantity(-3, "year", when=True), "", ""), say(Quantity(1, "of", of=6), "", "")
    ('three years ago', 'one in six')
    >>> say(Quantity(2, "item"), "loan|loans", ""), say(Quantity(1, "item"), "time|times", "")
    ('two loans', 'once')
    """
    number, unit = quantity.number, quantity.unit
    match unit:
        case "of":
            text = _of(quantity)
        case "percent":
            text = f"{_digits(number)}{_NO_BREAK}%"
        case "money":
            text = _digits(number) + ("" if forms == "bare" else _named(currency))
        case "point":
            text = _items(number, "" if forms == "bare" else "point|points")
        case "hour":
            text = _hour(int(number))
        case "item":
            text = _items(number, forms)
        case "grade":
            text = _word(number)
        case _:
            text = _time(quantity)
    return text


def _of(quantity: Quantity) -> str:
    if quantity.of == 1:
        return "all" if quantity.number else "none"
    if quantity.of == 2:  # noqa: PLR2004  (one in two)
        return "half"
    if quantity.of == 100:  # noqa: PLR2004  (percent)
        return f"{_digits(quantity.number)}{_NO_BREAK}%"
    return f"{_NUMBERS[int(quantity.number) - 1]} in {_n_of(quantity.of)}"


def _n_of(number: int) -> str:
    """The n of "one in n": up to twenty in letters."""
    return _NUMBERS[number - 1] if number <= len(_NUMBERS) else str(number)


def _items(number: float, forms: str) -> str:
    if forms == "time|times" and number in {1, 2}:
        return "once" if number == 1 else "twice"
    one, _, several = forms.removesuffix("bare").partition("|")
    noun = one if number == 1 else several
    return f"{_word(number)} {noun}".strip()


def _time(quantity: Quantity) -> str:
    number, unit = abs(quantity.number), quantity.unit
    if quantity.when and not number:
        return "on the day you applied"
    ago = " ago" if quantity.when else ""
    return (
        f"{_word(number)} {unit}{'' if number == 1 else 's'}{ago}"
        if number
        else f"less than a {unit}"
    )


def _hour(hour: int) -> str:
    if hour % 12 == 0:
        return "noon" if hour == 12 else "midnight"  # noqa: PLR2004  (of 24 hours)
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"  # noqa: PLR2004
    return f"{_word(hour % 12)} in the {part}"


def _word(number: float) -> str:
    """Whole numbers up to ten in letters."""
    whole = number == int(number) and 1 <= number <= _LETTERS
    return _NUMBERS[int(number) - 1] if whole else _digits(number)


def _digits(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,g}"


def _named(currency: str) -> str:
    return f"{_NO_BREAK}{_CURRENCIES.get(currency, currency)}" if currency else ""


ENGLISH = Words(
    concepts=CONCEPTS,
    facts=FACTS,
    levels=LEVELS,
    say=say,
    spaces=lambda text: text,
    phrases=PHRASES,
    blocked="This decision rests on something it must not rest on; a colleague will look at it.",
    sheet=SHEET,
)
