"""The words for the features in English."""

from project_tools.features.definitions.bands import AGE, DURATION, Bands
from project_tools.features.wording.wording import (
    Display,
    Kind,
    Noun,
    Template,
    ValueWords,
    Wording,
)


def _date(short: str, long: str) -> Noun:
    return Noun(short, long, "date")


def _event(short: str, long: str) -> Noun:
    return Noun(short, long, "event")


def _numbered(bands: Bands) -> str:
    """The bands and their numbers, the lowest first.

    >>> _numbered(Bands((6, 12), "months")), _numbered(Bands((27, 40), "years", highest=99))
    ('1 up to 6, 2 up to 12, 3 above 12', '1 up to 27, 2 up to 40, 3 up to 99')
    """
    upper = [f"{number} up to {bound}" for number, bound in enumerate(bands.bounds, 1)]
    last = f"up to {bands.highest}" if bands.highest else f"above {bands.bounds[-1]}"
    return ", ".join([*upper, f"{len(upper) + 1} {last}"])


FEATURES = {
    # columns of the application
    "NAME_CONTRACT_TYPE": Noun("kind of loan applied for", "Whether a cash or a revolving loan is applied for"),
    "CODE_GENDER": Noun("gender", "Whether the client is a woman or a man"),
    "FLAG_OWN_CAR": Noun("owns a car", "Whether the client owns a car"),
    "CNT_CHILDREN": Noun("number of children", "How many children the client has"),
    "AMT_INCOME_TOTAL": Noun("yearly income", "The client's income in a year"),
    "AMT_CREDIT": Noun("credit applied for", "The amount of the loan applied for"),
    "AMT_ANNUITY": Noun("annuity of the loan", "What is to be paid regularly for the loan applied for"),
    "AMT_GOODS_PRICE": Noun("price of the goods", "The price of the goods that the loan is for"),
    "NAME_INCOME_TYPE": Noun("source of income", "What the client lives on, such as work or a pension"),
    "NAME_EDUCATION_TYPE": Noun("education", "The client's highest education"),
    "NAME_FAMILY_STATUS": Noun("family status", "Whether the client is single, married and so on"),
    "NAME_HOUSING_TYPE": Noun("housing", "How the client lives: own flat, rented, with parents and so on"),
    "REGION_POPULATION_RELATIVE": Noun("relative population of the region", "How populous the region is where the client lives; a larger number means a more populous region"),
    "DAYS_BIRTH": Noun("age", "The client's age"),
    "DAYS_EMPLOYED": _date("start of the present employment", "When the present employment began"),
    "DAYS_REGISTRATION": _date("last change of the registration", "When the client last changed the registration"),
    "DAYS_ID_PUBLISH": _date("last change of the identity document", "When the client last changed the identity document"),
    "OWN_CAR_AGE": Noun("age of the car", "How old the client's car is"),
    "FLAG_WORK_PHONE": Noun("gave a work phone", "Whether the client gave a telephone number at work"),
    "OCCUPATION_TYPE": Noun("occupation", "What the client does for a living"),
    "CNT_FAM_MEMBERS": Noun("number of family members", "How many members the client's family has"),
    "REGION_RATING_CLIENT": Noun("our rating of the region", "Our rating of the region where the client lives, 1 to 3"),
    "REGION_RATING_CLIENT_W_CITY": Noun("our rating of the region and city", "Our rating of the region where the client lives, with the city taken into account, 1 to 3"),
    "WEEKDAY_APPR_PROCESS_START": Noun("weekday of the application", "On which weekday the client applied"),
    "HOUR_APPR_PROCESS_START": Noun("hour of the application", "At about which hour of the day the client applied"),
    "REG_REGION_NOT_LIVE_REGION": Noun("registered in another region than lived in", "Whether the registered address is in another region than the home"),
    "REG_REGION_NOT_WORK_REGION": Noun("registered in another region than worked in", "Whether the registered address is in another region than the workplace"),
    "REG_CITY_NOT_LIVE_CITY": Noun("registered in another city than lived in", "Whether the registered address is in another city than the home"),
    "REG_CITY_NOT_WORK_CITY": Noun("registered in another city than worked in", "Whether the registered address is in another city than the workplace"),
    "LIVE_CITY_NOT_WORK_CITY": Noun("lives in another city than works in", "Whether the home is in another city than the workplace"),
    "ORGANIZATION_TYPE": Noun("kind of employer", "What kind of organisation the client works for"),
    "EXT_SOURCE_1": Noun("external score 1", "The first score that another company gave the client; a higher score means less risk"),
    "EXT_SOURCE_2": Noun("external score 2", "The second score that another company gave the client; a higher score means less risk"),
    "EXT_SOURCE_3": Noun("external score 3", "The third score that another company gave the client; a higher score means less risk"),
    "OBS_30_CNT_SOCIAL_CIRCLE": Noun("acquaintances observed for delays of 30 days", "How many of the client's acquaintances were observed for payments 30 days behind"),
    "DEF_30_CNT_SOCIAL_CIRCLE": Noun("acquaintances 30 days behind with payments", "How many of the client's acquaintances defaulted, being 30 days behind with payments"),
    "OBS_60_CNT_SOCIAL_CIRCLE": Noun("acquaintances observed for delays of 60 days", "How many of the client's acquaintances were observed for payments 60 days behind"),
    "DEF_60_CNT_SOCIAL_CIRCLE": Noun("acquaintances 60 days behind with payments", "How many of the client's acquaintances defaulted, being 60 days behind with payments"),
    "DAYS_LAST_PHONE_CHANGE": _date("last change of the phone", "When the client last changed the telephone number"),
    "FLAG_DOCUMENT_3": Noun("handed in document 3", "Whether the client handed in document number 3"),
    "FLAG_DOCUMENT_8": Noun("handed in document 8", "Whether the client handed in document number 8"),
    "FLAG_DOCUMENT_18": Noun("handed in document 18", "Whether the client handed in document number 18"),
    "AMT_REQ_CREDIT_BUREAU_DAY": Noun("enquiries at the credit bureau on the day before, without the last hour", "How often the credit bureau was asked about the client on the day before the application, without the last hour"),
    "AMT_REQ_CREDIT_BUREAU_MON": Noun("enquiries at the credit bureau in the month before, without the last week", "How often the credit bureau was asked about the client in the month before, without the last week"),
    "AMT_REQ_CREDIT_BUREAU_QRT": Noun("enquiries at the credit bureau in the quarter before, without the last month", "How often the credit bureau was asked about the client in the quarter before, without the last month"),
    "AMT_REQ_CREDIT_BUREAU_YEAR": Noun("enquiries at the credit bureau in the year before, without the last quarter", "How often the credit bureau was asked about the client in the year before, without the last quarter"),
    # computed from the application
    "DOCUMENT_COUNT": Noun("number of documents handed in", "How many of the twenty documents the client handed in"),
    "NEW_DOC_KURT": Noun("unevenness of the documents handed in", "How unevenly the twenty documents are handed in or not; large where only one is handed in, 0 where all or none are (kurtosis)"),
    "AGE_RANGE": Noun("age range", f"The client's age in years, in ranges: {_numbered(AGE)}; 0 where it is higher or missing"),
    "CREDIT_TO_ANNUITY_GROUP": Noun("duration range of the loan", f"How many months the loan would run without interest (credit over annuity), in ranges: {_numbered(DURATION)}; 0 where it is missing"),
    "CREDIT_TO_ANNUITY_RATIO": Noun("credit over annuity", "The loan applied for divided by its annuity (how many annuities it takes without interest)"),
    "CREDIT_TO_GOODS_RATIO": Noun("credit over price of the goods", "The loan applied for divided by the price of the goods"),
    "ANNUITY_TO_INCOME_RATIO": Noun("annuity as a share of the yearly income", "The annuity of the loan applied for as a share of the yearly income"),
    "CREDIT_TO_INCOME_RATIO": Noun("credit over income", "The loan applied for divided by the yearly income"),
    "INCOME_TO_EMPLOYED_RATIO": Noun("yearly income over days in the present employment", "The yearly income divided by the days in the present employment"),
    "INCOME_TO_BIRTH_RATIO": Noun("yearly income over age in days", "The yearly income divided by the client's age in days"),
    "EMPLOYED_TO_BIRTH_RATIO": Noun("share of life in the present employment", "The share of the client's life that was spent in the present employment"),
    "ID_TO_BIRTH_RATIO": Noun("age of the identity document as a share of the client's age", "The time since the last change of the identity document as a share of the client's age"),
    "CAR_TO_BIRTH_RATIO": Noun("age of the car as a share of the client's age", "The age of the car as a share of the client's age"),
    "CAR_TO_EMPLOYED_RATIO": Noun("age of the car over the time in the present employment", "The age of the car divided by the time in the present employment"),
    "EXT_SOURCES_PROD": Noun("product of the external scores", "The three external scores multiplied; missing unless the client has all three"),
    "EXT_SOURCES_WEIGHTED": Noun("weighted sum of the external scores", "The three external scores added up with the weights 2, 1 and 3; missing unless the client has all three"),
    "EXT_SOURCES_MIN": Noun("lowest external score", "The lowest of the external scores that the client has"),
    "EXT_SOURCES_MAX": Noun("highest external score", "The highest of the external scores that the client has"),
    "EXT_SOURCES_MEAN": Noun("average external score", "The average of the external scores that the client has"),
    "EXT_SOURCES_NANMEDIAN": Noun("middle external score", "The middle one of the external scores that the client has, or the average of two (median)"),
    "EXT_SOURCES_VAR": Noun("disagreement of the external scores", "How far the external scores that the client has differ from each other (variance)"),
    # one feature of the client over another
    "BUREAU_DEBT_OVER_CREDIT": Noun("share still owed of all loans elsewhere together", "What is still owed on all loans elsewhere, as a share of what was granted on them"),
    "BUREAU_ACTIVE_DEBT_OVER_CREDIT": Noun("share still owed of the running loans elsewhere together", "What is still owed on the running loans elsewhere, as a share of what was granted on them"),
    "TOTAL_REPAYMENT_RATIO": Noun("share repaid of the running loans with us together", "What is already paid on the running loans with us, as a share of what was granted on them (payments include interest, so it can pass 100 %)"),
    "BUREAU_INCOME_CREDIT_RATIO": Noun("average loan elsewhere over income", "The average amount of the loans elsewhere, divided by the yearly income"),
    "BUREAU_ACTIVE_CREDIT_TO_INCOME_RATIO": Noun("running loans elsewhere over income", "The amounts of all running loans elsewhere together, divided by the yearly income"),
    "CURRENT_TO_APPROVED_CREDIT_MIN_RATIO": Noun("smallest approved credit over the credit applied for", "The smallest credit that we approved before, divided by the credit now applied for"),
    "CURRENT_TO_APPROVED_CREDIT_MAX_RATIO": Noun("largest approved credit over the credit applied for", "The largest credit that we approved before, divided by the credit now applied for"),
    "CURRENT_TO_APPROVED_CREDIT_MEAN_RATIO": Noun("average approved credit over the credit applied for", "The average credit that we approved before, divided by the credit now applied for"),
    "CURRENT_TO_APPROVED_ANNUITY_MAX_RATIO": Noun("largest approved annuity over the annuity applied for", "The largest annuity of the loans that we approved before, divided by the annuity of the loan applied for"),
    "CURRENT_TO_APPROVED_ANNUITY_MEAN_RATIO": Noun("average approved annuity over the annuity applied for", "The average annuity of the loans that we approved before, divided by the annuity of the loan applied for"),
    "PAYMENT_MIN_TO_ANNUITY_RATIO": Noun("smallest earlier payment over the annuity applied for", "The smallest payment on earlier loans with us, divided by the annuity of the loan applied for"),
    "PAYMENT_MAX_TO_ANNUITY_RATIO": Noun("largest earlier payment over the annuity applied for", "The largest payment on earlier loans with us, divided by the annuity of the loan applied for"),
    "PAYMENT_MEAN_TO_ANNUITY_RATIO": Noun("average earlier payment over the annuity applied for", "The average payment on earlier loans with us, divided by the annuity of the loan applied for"),
    "CURRENT_TO_BUREAU_ANNUITY_MEAN_RATIO": Noun("average annuity elsewhere over the annuity applied for", "The average annuity of the loans elsewhere, divided by the annuity of the loan applied for"),
    "CTA_CREDIT_TO_ANNUITY_MAX_RATIO": Noun("longest approved duration over the duration applied for", "The largest credit over annuity of the loans that we approved before, divided by that of the loan applied for"),
    "CTA_CREDIT_TO_ANNUITY_MEAN_RATIO": Noun("average approved duration over the duration applied for", "The average credit over annuity of the loans that we approved before, divided by that of the loan applied for"),
    "DAYS_DECISION_MEAN_TO_BIRTH": Noun("time since approved loans as a share of the client's age", "How long ago we approved the earlier loans on average, as a share of the client's age"),
    "DAYS_CREDIT_MEAN_TO_BIRTH": Noun("time since loans elsewhere as a share of the client's age", "How long ago the loans elsewhere began on average, as a share of the client's age"),
    "DAYS_DECISION_MEAN_TO_EMPLOYED": Noun("time since approved loans over the time in the present employment", "How long ago we approved the earlier loans on average, divided by the time in the present employment"),
    "DAYS_CREDIT_MEAN_TO_EMPLOYED": Noun("time since loans elsewhere over the time in the present employment", "How long ago the loans elsewhere began on average, divided by the time in the present employment"),
    "HOUR_APPR_RATIO": Noun("hour of this application over that of earlier ones", "The hour of the day of this application divided by the average hour of the earlier ones"),
    "HOUR_APPR_DIFFERENCE": Noun("how much later in the day this application is than earlier ones", "How much later or earlier in the day this application is than the earlier ones on average"),
    "BUREAU_LAST_LOAN_MAX_OVERDUE": Noun("peak of the overdue amount on the last loan elsewhere", "The highest amount that was ever overdue on the latest of the loans elsewhere for which the credit bureau reports it"),
    # features of the client that are averaged over groups of clients
    "BUREAU_ACTIVE_DAYS_CREDIT_MEAN": _date("start of the running loans elsewhere", "When the running loans elsewhere began on average"),
    "APPROVED_CNT_PAYMENT_MEAN": Noun("term of the approved loans with us", "How many instalments the loans had that we approved before, on average"),
    "INS_DAYS_ENTRY_PAYMENT_MAX": _date("day of the last payment to us", "When the last payment to us was made"),
}  # fmt: skip

_LATE_MONTH = _event("late months", "Months in which a payment was overdue")

COLUMNS = {
    "loans elsewhere": {
        "SK_ID_BUREAU": Noun("loans", "Loans elsewhere", "key"),
        "DAYS_CREDIT": _date("start of the loan", "Day on which the loan began"),
        "DAYS_CREDIT_ENDDATE": _date("planned end of the loan", "Day on which the loan is to end"),
        "AMT_CREDIT_MAX_OVERDUE": Noun("peak of the overdue amount", "What was overdue on a loan when most of it was overdue"),
        "AMT_CREDIT_SUM": Noun("credit granted", "Amount of the loan"),
        "AMT_CREDIT_SUM_DEBT": Noun("debt still owed", "What is still owed on the loan (negative: too much was paid)"),
        "AMT_CREDIT_SUM_OVERDUE": Noun("amount now overdue", "What is overdue on the loan now"),
        "AMT_ANNUITY": Noun("annuity", "What is to be paid regularly for the loan"),
        "DAYS_CREDIT_UPDATE": _date("day of the credit bureau's news", "Day on which the credit bureau had its newest information on a loan"),
        "DEBT_CREDIT_DIFF": Noun("credit less the debt still owed", "Amount of the loan less what is still owed (negative: more is owed than was granted)"),
        "DEBT_PERCENTAGE": Noun("debt as a share of the credit", "What is still owed as a share of the amount of the loan"),
        "CREDIT_TO_ANNUITY_RATIO": Noun("credit over its annuity", "Amount of the loan divided by its annuity"),
        "ENDDATE_DIF": Noun("time by which a loan ended before the planned day", "Time by which the loan ended earlier or later than planned"),
        "MONTHS_BALANCE_MEAN": _date("midpoint of the loan's record", "Midpoint of the months that the credit bureau has recorded of a loan"),
        "MONTHS_BALANCE_SIZE": Noun("length of the loan's record", "How many months the credit bureau has recorded of a loan"),
        "STATUS_0": Noun("share of months without delay", "Share of a loan's recorded months without any delay"),
        "STATUS_1": Noun("share of months up to 30 days late", "Share of a loan's recorded months with a delay of up to 30 days"),
        "STATUS_12345": Noun("share of late months", "Share of a loan's recorded months with any delay"),
        "STATUS_C": Noun("share of closed months", "Share of a loan's recorded months in which it was already closed"),
        "STATUS_X": Noun("share of months of unknown state", "Share of a loan's recorded months whose state the credit bureau does not know"),
        "CREDIT_ACTIVE": Noun("{level}", "Loans {level}"),
        "CREDIT_TYPE": Noun("that are {level}", "Loans that are {level}"),
        "LL_AMT_CREDIT_SUM_OVERDUE": Noun("amount now overdue of comparable loans", "What is overdue now, as it is usual for loans with an equally long record"),
        "LL_DEBT_CREDIT_DIFF": Noun("credit less the debt of comparable loans", "Amount of the loan less what is still owed, as it is usual for loans with an equally long record"),
        "LL_STATUS_12345": Noun("share of late months of comparable loans", "Share of months with any delay, as it is usual for loans with an equally long record"),
    },
    "earlier applications": {
        "SK_ID_PREV": Noun("applications", "Earlier applications with us", "key"),
        "AMT_ANNUITY": Noun("annuity", "What was to be paid regularly for the loan"),
        "AMT_APPLICATION": Noun("amount asked for", "The amount that the client asked for"),
        "AMT_CREDIT": Noun("loan amount", "The amount of the loan, granted or not"),
        "AMT_DOWN_PAYMENT": Noun("down payment", "What was paid at once as a down payment"),
        "AMT_GOODS_PRICE": Noun("price of the goods", "The price of the goods that the loan was for"),
        "RATE_DOWN_PAYMENT": Noun("standardised rate of the down payment", "The down payment as a share of the loan, standardised by the provider of the data"),
        "HOUR_APPR_PROCESS_START": _date("hour of the application", "Hour of the day at which the client applied"),
        "DAYS_DECISION": _date("day of the decision", "Day on which the application was decided"),
        "CNT_PAYMENT": Noun("number of instalments", "In how many instalments the loan was to be paid back"),
        "DAYS_FIRST_DRAWING": _date("day of the first drawing", "Day on which money was first drawn"),
        "DAYS_FIRST_DUE": _date("start of the instalments", "Day on which the first instalment was due"),
        "DAYS_LAST_DUE_1ST_VERSION": _date("end of the instalments by the first plan", "Day on which the last instalment was due by the first plan"),
        "DAYS_LAST_DUE": _date("end of the instalments", "Day on which the last instalment was due"),
        "DAYS_LAST_DUE_DIFF": Noun("time by which the instalments ended before the first plan", "Time by which the last instalment was due earlier or later than first planned"),
        "DAYS_TERMINATION": _date("end of the contract", "Day on which the contract was to end"),
        "CREDIT_TO_ANNUITY_RATIO": Noun("credit over its annuity", "The amount of the loan divided by its annuity"),
        "APPLICATION_CREDIT_DIFF": Noun("amount asked for less the loan amount", "The amount asked for less the amount of the loan, granted or not (negative: the loan was larger)"),
        "APPLICATION_CREDIT_RATIO": Noun("amount asked for over the loan amount", "The amount asked for divided by the amount of the loan, granted or not"),
        "DOWN_PAYMENT_TO_CREDIT": Noun("down payment as a share of the loan", "The down payment as a share of the amount of the loan"),
        "SIMPLE_INTERESTS": Noun("simple interest per instalment", "What is to be paid in all above the credit, as a share of it, per instalment"),
        "AMT_PAYMENT": Noun("amount already paid", "What is already paid on the loan"),
        "INSTALMENT_PAYMENT_DIFF": Noun("amount due less the amount paid", "What was due so far less what was paid (negative: more was paid than due)"),
        "REMAINING_DEBT": Noun("loan amount less the amount paid", "The amount of the loan less what is already paid (negative: more was paid, since payments include interest)"),
        "REPAYMENT_RATIO": Noun("amount paid as a share of the loan", "What is already paid as a share of the loan (payments include interest, so it can pass 100 %)"),
        "NAME_CONTRACT_STATUS": Noun("that were {level}", "Applications that were {level}"),
        "NAME_CONTRACT_TYPE": Noun("for {level}", "Applications for {level}"),
        "CHANNEL_TYPE": Noun("through {level}", "Applications that came in through {level}"),
        "NAME_TYPE_SUITE": Noun("where the client came {level}", "Applications where the client came {level}"),
        "NAME_YIELD_GROUP": Noun("with {level}", "Applications with {level}"),
        "PRODUCT_COMBINATION": Noun("for the product “{level}”", "Applications for the product “{level}”"),
        "NAME_PRODUCT_TYPE": Noun("{level}", "Applications {level}"),
        "NAME_CLIENT_TYPE": Noun("made by {level}", "Applications made by {level}"),
    },
    "months of earlier loans": {
        "SK_ID_PREV": Noun("loans", "Earlier consumer and cash loans with us", "key"),
        "MONTHS_BALANCE": _date("recorded month", "Month of the record"),
        "SK_DPD": Noun("number of days past due", "Days by which payments were overdue in a month"),
        "SK_DPD_DEF": Noun("number of days past due without small debts", "Days by which payments were overdue in a month, small debts left out"),
        "LATE_PAYMENT": _LATE_MONTH,
        "NAME_CONTRACT_STATUS": Noun("in which the loan was {level}", "Months in which the loan was {level}"),
    },
    "earlier loans by their months": {
        "COMPLETED_SHARE": Noun("share of a loan's months after its completion", "Share of a loan's months in which it was already completed"),
        "COMPLETED_BEFORE": _event("loans completed early", "Loans completed with fewer instalments than first agreed"),
        "REMAINING": Noun("number of instalments still to come", "Instalments that are still to come"),
        "REMAINING_RATIO": Noun("share of instalments still to come", "Instalments still to come as a share of all instalments of the loan"),
        "LATE_MONTHS": Noun("number of late months", "Number of months of a loan in which a payment was overdue"),
    },
    "instalments": {
        "SK_ID_PREV": Noun("loans", "Loans with us on which something was to be paid", "key"),
        "DAYS_ENTRY_PAYMENT": _date("day of payment", "Day on which a payment was made"),
        "AMT_INSTALMENT": Noun("instalment due", "Amount of the instalment that a payment was for (counted for each of its payments)"),
        "AMT_PAYMENT": Noun("amount paid", "Amount of a payment"),
        "DPD": Noun("number of days past due", "Days by which a payment came after its due date"),
        "DBD": Noun("number of days paid before due", "Days by which a payment came before its due date"),
        "PAYMENT_DIFFERENCE": Noun("instalment less all that was paid for it", "What was due of an instalment less all that was paid for it (negative: more was paid)"),
        "PAYMENT_RATIO": Noun("share of the instalment paid", "What was paid for an instalment as a share of what was due"),
        "LATE_PAYMENT": _event("late payments", "Payments that came after the due date or are still owed"),
        "SIGNIFICANT_LATE_PAYMENT": _event("late payments over 5 % of the instalment", "Late payments of more than 5 % of the instalment"),
        "LATE_PAYMENT_RATIO": Noun("late part of the instalment", "The late payment as a share of the instalment, 0 where it was in time"),
        "DPD_7": _event("payments over 7 days late", "Payments that came more than 7 days after the due date or are still owed after that time"),
        "DPD_15": _event("payments over 15 days late", "Payments that came more than 15 days after the due date or are still owed after that time"),
        "PAID_OVER": _event("payments above the instalment", "Payments of more than the instalment"),
        "PAID_OVER_AMOUNT": Noun("payment less its instalment", "What was paid less the instalment that was due (negative: less was paid)"),
    },
    "credit cards": {
        "MONTHS_BALANCE": _date("recorded month", "Month of the record"),
        "AMT_BALANCE": Noun("balance", "What was owed on the card (negative: too much was paid)"),
        "AMT_CREDIT_LIMIT_ACTUAL": Noun("credit limit", "The credit limit of the card"),
        "AMT_DRAWINGS_ATM_CURRENT": Noun("amount of cash drawn in a month", "What was drawn from cash machines in a month"),
        "AMT_DRAWINGS_CURRENT": Noun("amount drawn in a month", "What was drawn with the card in a month"),
        "AMT_DRAWINGS_POS_CURRENT": Noun("amount spent in shops in a month", "What was spent on goods with the card in a month"),
        "AMT_INST_MIN_REGULARITY": Noun("required payment in a month", "What was at least to be paid in a month"),
        "AMT_PAYMENT_TOTAL_CURRENT": Noun("amount paid in a month", "What was paid in a month"),
        "AMT_TOTAL_RECEIVABLE": Noun("amount receivable", "What we could claim on the card in all (negative: too much was paid)"),
        "CNT_DRAWINGS_ATM_CURRENT": Noun("number of cash drawings in a month", "How often cash was drawn in a month"),
        "CNT_DRAWINGS_CURRENT": Noun("number of drawings in a month", "How often the card was used in a month"),
        "CNT_DRAWINGS_POS_CURRENT": Noun("number of purchases in a month", "How often goods were bought with the card in a month"),
        "SK_DPD": Noun("number of days past due", "Days by which payments were overdue in a month"),
        "SK_DPD_DEF": Noun("number of days past due without small debts", "Days by which payments were overdue in a month, small debts left out"),
        "LIMIT_USE": Noun("share of the limit used", "What was owed as a share of the card's limit"),
        "PAYMENT_DIV_MIN": Noun("payment over the required payment", "What was paid divided by what was at least to be paid in a month"),
        "LATE_PAYMENT": _LATE_MONTH,
    },
}  # fmt: skip

BUILDING = {
    "APARTMENTS": "number of flats",
    "BASEMENTAREA": "basement area",
    "YEARS_BEGINEXPLUATATION": "time since it came into use",
    "YEARS_BUILD": "time of construction",
    "COMMONAREA": "common area",
    "ELEVATORS": "number of lifts",
    "ENTRANCES": "number of entrances",
    "FLOORSMAX": "highest floor",
    "FLOORSMIN": "lowest floor",
    "LANDAREA": "land area",
    "LIVINGAPARTMENTS": "number of flats lived in",
    "LIVINGAREA": "living area",
    "NONLIVINGAPARTMENTS": "number of flats not lived in",
    "NONLIVINGAREA": "area not lived in",
    "TOTALAREA": "total area",
}

_VARIES = "{long}: how much it varies over {rows} (variance)"
_SPREAD = "{long}: how much it varies over {rows} (standard deviation)"
_ROWS = Template("number of {rows}", "{rows}: how many there are")
AGGREGATES: dict[Kind, dict[str, Template]] = {
    "quantity": {
        "min": Template("smallest {short}, {rows}", "{long}: the smallest among {rows}"),
        "max": Template("largest {short}, {rows}", "{long}: the largest among {rows}"),
        "mean": Template("average {short}, {rows}", "{long}: the average over {rows}"),
        "sum": Template("total {short}, {rows}", "{long}: all added up over {rows}"),
        "var": Template("variance of {short}, {rows}", _VARIES),
        "std": Template("spread of {short}, {rows}", _SPREAD),
        "size": _ROWS,
        "count": _ROWS,
    },
    "date": {
        "min": Template("earliest {short}, {rows}", "{long}: the earliest among {rows}"),
        "max": Template("latest {short}, {rows}", "{long}: the latest among {rows}"),
        "mean": Template("average {short}, {rows}", "{long}: the average over {rows}"),
        "var": Template("variance of {short}, {rows}", _VARIES),
        "size": _ROWS,
    },
    "event": {
        "max": Template(
            "whether there are any {short}, {rows}", "{long}: whether there are any among {rows}"
        ),
        "mean": Template("share of {short}, {rows}", "{long}: their share among {rows}"),
        "sum": Template("number of {short}, {rows}", "{long}: how many there are among {rows}"),
        "count": Template(
            "number of {rows}, base of the share of {short}",
            "{rows}: how many there are; the share of {short} is taken of this number, as are the "
            "other shares of these rows",
        ),
    },
    "key": {
        "size": _ROWS,
        "nunique": Template(
            "number of different {short}, {rows}", "{long}: how many different ones among {rows}"
        ),
    },
}

SUBSETS = {
    "BUREAU_": "all loans elsewhere",
    "BUREAU_ACTIVE_": "running loans elsewhere",
    "BUREAU_CLOSED_": "closed loans elsewhere",
    "BUREAU_CONSUMER_": "consumer loans elsewhere",
    "BUREAU_CREDIT_": "credit cards elsewhere",
    "BUREAU_MORTGAGE_": "mortgages elsewhere",
    "BUREAU_CAR_": "car loans elsewhere",
    "BUREAU_MICROLOAN_": "microloans elsewhere",
    "BUREAU_LAST6M_": "loans elsewhere of the last 6 months",
    "BUREAU_LAST12M_": "loans elsewhere of the last 12 months",
    "BUREAU_LAST24M_": "loans elsewhere of the last 24 months",
    "BUREAU_LAST36M_": "loans elsewhere of the last 36 months",
    "PREV_": "all earlier applications",
    "PREV_ACTIVE_": "running loans with us",
    "APPROVED_": "approved earlier applications",
    "REFUSED_": "refused earlier applications",
    "PREV_Consumer_": "earlier applications for consumer loans",
    "PREV_Cash_": "earlier applications for cash loans",
    "PREV_LATE_": "earlier loans with a late payment",
    "PREV_LAST6M_": "earlier applications of the last 6 months",
    "PREV_LAST12M_": "earlier applications of the last 12 months",
    "PREV_LAST24M_": "earlier applications of the last 24 months",
    "POS_": "all months of earlier consumer and cash loans",
    "POS_LOANS_": "earlier consumer and cash loans",
    "POS_LAST3_": "the last three consumer and cash loans",
    "INS_": "all payments to us, made or still owed",
    "INS_18M_": "payments due in the last 18 months",
    "INS_36M_": "payments due in the last 36 months",
    "LAST_LOAN_": "payments on the last loan with us",
    "CC_": "all months of credit cards with us",
    "CC_LAST_": "the last month of each credit card with us",
    "CC_12M_": "credit card months of the last 12 months",
    "CC_24M_": "credit card months of the last 24 months",
    "CC_48M_": "credit card months of the last 48 months",
}

GROUPS = {
    "GROUP1_": "clients of the same education, occupation and age range",
    "GROUP2_": "clients of the same loan duration, source of income and education",
    "CTAR_": "clients with exactly the same credit over annuity",
}
GROUP = {
    "mean": Template(
        "average among {rows}: {short}", "{long}: the average among {rows} in the training data"
    ),
    "median": Template(
        "median among {rows}: {short}", "{long}: the middle value among {rows} in the training data"
    ),
    "std": Template(
        "spread among {rows}: {short}",
        "{long}: how much it varies among {rows} in the training data (standard deviation)",
    ),
}

#: What a level says in its noun's place ``{level}``, by history and column. "Stone" is taken for a
#: brick-and-mortar shop and "AP+" for a partner: the publisher explains neither.
LEVELS = {
    "loans elsewhere": {
        "CREDIT_ACTIVE": {
            "Active": "still running",
            "Closed": "already closed",
            "Sold": "sold to another lender",
        },
        "CREDIT_TYPE": {
            "Consumer credit": "consumer loans",
            "Credit card": "credit cards",
            "Car loan": "car loans",
            "Mortgage": "mortgages",
            "Microloan": "microloans",
        },
    },
    "earlier applications": {
        "NAME_CONTRACT_STATUS": {
            "Approved": "approved",
            "Canceled": "cancelled",
            "Refused": "refused",
            "Unused offer": "approved but not used",
        },
        "NAME_CONTRACT_TYPE": {
            "Cash loans": "cash loans",
            "Consumer loans": "consumer loans",
            "Revolving loans": "revolving loans",
            "XNA": "a kind of loan that is not recorded",
        },
        "CHANNEL_TYPE": {
            "AP+ (Cash loan)": "partners who sell cash loans",
            "Car dealer": "car dealers",
            "Channel of corporate sales": "corporate sales",
            "Contact center": "the contact centre",
            "Country-wide": "country-wide sales",
            "Credit and cash offices": "credit and cash offices",
            "Regional / Local": "regional and local sales",
            "Stone": "brick-and-mortar shops",
        },
        "NAME_TYPE_SUITE": {
            "Children": "with children",
            "Family": "with family",
            "Group of people": "with a group of people",
            "Other_A": "with others, first kind",
            "Other_B": "with others, second kind",
            "Spouse, partner": "with the spouse or partner",
            "Unaccompanied": "alone",
        },
        "NAME_YIELD_GROUP": {
            "XNA": "an interest rate that is not recorded",
            "high": "high interest",
            "low_action": "low interest by a promotion",
            "low_normal": "low ordinary interest",
            "middle": "middle interest",
        },
        "NAME_PRODUCT_TYPE": {
            "XNA": "whose way of sale is not recorded",
            "x-sell": "made by an offer to an existing client",
            "walk-in": "made by a client who walked in",
        },
        "NAME_CLIENT_TYPE": {
            "XNA": "a client of a kind that is not recorded",
            "New": "a new client",
            "Refreshed": "a former client who came back",
            "Repeater": "a client with earlier loans",
        },
        "PRODUCT_COMBINATION": {
            "Card Street": "card, walked in",
            "Card X-Sell": "card, offered to a client",
            "Cash": "cash, unspecified",
            "Cash Street: high": "cash, walked in, high interest",
            "Cash Street: middle": "cash, walked in, middle interest",
            "Cash Street: low": "cash, walked in, low interest",
            "Cash X-Sell: high": "cash, offered to a client, high interest",
            "Cash X-Sell: middle": "cash, offered to a client, middle interest",
            "Cash X-Sell: low": "cash, offered to a client, low interest",
            "POS household with interest": "household goods with interest",
            "POS household without interest": "household goods without interest",
            "POS industry with interest": "industrial goods with interest",
            "POS industry without interest": "industrial goods without interest",
            "POS mobile with interest": "mobile phones with interest",
            "POS mobile without interest": "mobile phones without interest",
            "POS other with interest": "other goods with interest",
            "POS others without interest": "other goods without interest",
        },
    },
    "months of earlier loans": {
        "NAME_CONTRACT_STATUS": {
            "Active": "running",
            "Approved": "approved but not yet signed",
            "Completed": "completed",
            "Demand": "demanded back",
            "Returned to the store": "ended by returning the goods",
            "Signed": "signed but not yet running",
        },
    },
}

_YES_NO = {"Y": "yes", "N": "no"}
#: The levels of the application's categories, as the value of a client.
VALUES = {
    "NAME_CONTRACT_TYPE": {"Cash loans": "cash loan", "Revolving loans": "revolving loan"},
    "CODE_GENDER": {"F": "woman", "M": "man"},
    "FLAG_OWN_CAR": _YES_NO,
    "NAME_INCOME_TYPE": {
        "Working": "work",
        "Commercial associate": "commercial associate",
        "Pensioner": "pension",
        "State servant": "work for the state",
        "Unemployed": "unemployed",
        "Student": "student",
        "Businessman": "own business",
        "Maternity leave": "maternity leave",
    },
    "NAME_EDUCATION_TYPE": {
        "Secondary / secondary special": "secondary school",
        "Higher education": "higher education",
        "Incomplete higher": "higher education, not completed",
        "Lower secondary": "lower secondary school",
        "Academic degree": "academic degree",
    },
    "NAME_FAMILY_STATUS": {
        "Married": "married",
        "Single / not married": "single",
        "Civil marriage": "civil marriage",
        "Separated": "separated",
        "Widow": "widowed",
        "Unknown": "not recorded",
    },
    "NAME_HOUSING_TYPE": {
        "House / apartment": "house or own flat",
        "With parents": "with parents",
        "Municipal apartment": "municipal flat",
        "Rented apartment": "rented flat",
        "Office apartment": "flat of the employer",
        "Co-op apartment": "flat of a cooperative",
    },
    "OCCUPATION_TYPE": {
        "Laborers": "labourer",
        "Sales staff": "sales staff",
        "Core staff": "core staff",
        "Managers": "manager",
        "Drivers": "driver",
        "High skill tech staff": "technician with high skills",
        "Accountants": "accountant",
        "Medicine staff": "medical staff",
        "Security staff": "security staff",
        "Cooking staff": "kitchen staff",
        "Cleaning staff": "cleaning staff",
        "Private service staff": "private service staff",
        "Low-skill Laborers": "labourer with low skills",
        "Waiters/barmen staff": "waiter or bar staff",
        "Secretaries": "secretary",
        "Realty agents": "estate agent",
        "HR staff": "personnel staff",
        "IT staff": "computer staff",
    },
    "WEEKDAY_APPR_PROCESS_START": {
        day.upper(): day
        for day in (
            "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
        )
    },
    "ORGANIZATION_TYPE": {
        "XNA": "not recorded",
        "Self-employed": "self-employed",
        "Realtor": "estate agency",
        "Mobile": "mobile telephony",
        "Telecom": "telecommunication",
        "Emergency": "emergency services",
        "Security Ministries": "security ministries",
        "Legal Services": "legal services",
        **{f"Business Entity Type {n}": f"business, type {n}" for n in range(1, 4)},
        **{f"Trade: type {n}": f"trade, type {n}" for n in range(1, 8)},
        **{f"Transport: type {n}": f"transport, type {n}" for n in range(1, 5)},
        **{f"Industry: type {n}": f"industry, type {n}" for n in range(1, 14)},
        **{
            word.capitalize(): word
            for word in (
                "other", "medicine", "government", "school", "kindergarten", "construction",
                "security", "housing", "military", "bank", "agriculture", "police", "postal",
                "restaurant", "services", "university", "hotel", "electricity", "insurance",
                "advertising", "culture", "cleaning", "religion",
            )
        },
    },
}  # fmt: skip

ENGLISH_VALUES = ValueWords(
    missing="not known",
    yes="yes",
    no="no",
    units={
        "day": ("day", "days"),
        "month": ("month", "months"),
        "year": ("year", "years"),
        "hour": ("hour", "hours"),
        "squared day": ("squared day", "squared days"),
        "squared month": ("squared month", "squared months"),
        "squared amount": ("squared amount of money", "squared amounts of money"),
    },
    phrases={
        "ago": "{length} ago",
        "ahead": "in {length}",
        "same day": "on the day of the application",
        "same month": "in the month of the application",
        "earlier": "{length} earlier",
        "later": "{length} later",
        "as planned": "as planned",
        "same hour": "at the same hour",
        "rises": "rises by {length} per payment",
        "falls": "falls by {length} per payment",
        "level": "does not change",
        "rating": "{number} on a scale from 1 to 3",
        "scale": "{number} on a scale from 0 to 1",
        "per day": "{number} per day",
        "tiny": "under {number}",
        "nearly all": "over {number}",
        "up to": "up to {high} {unit}",
        "between": "over {low}, up to {high} {unit}",
        "over": "over {low} {unit}",
        "over or missing": "over {low} {unit}, or not known",
    },
    levels=VALUES,
)

#: The end of a sentence about a number that is displayed in this way.
ENDINGS: dict[Display, str] = {
    "age": ", in years",
    "years": ", in years",
    "when_days": ", counted from the day of the application",
    "when_months": ", counted from the month of the application",
    "days": ", in days",
    "days_earlier": ", in days",
    "days_per_payment": ", in days",
    "months": ", in months",
    "hours_later": ", in hours",
    "money": ", as an amount of money",
    "money_per_day": ", as an amount of money",
    "money_per_payment": ", as an amount of money",
    "percent": ", in percent",
    "share_of_time": ", in percent",
}
SQUARES = {
    "currency²": ", in squared amounts of money",
    "days²": ", in squared days",
    "months²": ", in squared months",
}

#: The beginnings of the names of each concept's features.
_CONCEPTS = {
    "External scores": ("EXT_SOURCE",),
    "Similar clients": ("GROUP1_", "GROUP2_", "CTAR_"),
    "Income": ("AMT_INCOME", "INCOME_TO"),
    "Employment": (
        "NAME_INCOME", "DAYS_EMPLOYED", "EMPLOYED_TO", "OCCUPATION", "ORGANIZATION",
        "FLAG_WORK_PHONE",
    ),
    "Loan applied for": ("AMT_", "CREDIT_TO", "ANNUITY_TO", "NAME_CONTRACT"),
    "Age": ("DAYS_BIRTH", "AGE_RANGE"),
    "Education": ("NAME_EDUCATION",),
    "Gender": ("CODE_GENDER",),
    "Family": ("NAME_FAMILY", "CNT_"),
    "Home and contact": (
        "NAME_HOUSING", "REG_", "LIVE_", "REGION", "DAYS_REGISTRATION", "DAYS_ID", "ID_TO",
        "DAYS_LAST_PHONE",
    ),
    "Car": ("OWN_CAR", "FLAG_OWN_CAR", "CAR_TO"),
    "Time of the application": ("WEEKDAY", "HOUR"),
    "Social circle": ("OBS_", "DEF_"),
    "Documents": ("FLAG_DOCUMENT", "DOCUMENT", "NEW_DOC"),
    "Enquiries at the credit bureau": ("AMT_REQ",),
    "Loans elsewhere": ("BUREAU_", "DAYS_CREDIT_MEAN_TO", "CURRENT_TO_BUREAU"),
    "Running loans elsewhere": ("BUREAU_ACTIVE",),
    "Recent loans elsewhere": ("BUREAU_LAST",),
    "Earlier applications": ("PREV_",),
    "Recent applications": ("PREV_LAST",),
    "Running loans with us": ("PREV_ACTIVE", "TOTAL_REPAYMENT"),
    "Approved earlier loans": ("APPROVED_", "CURRENT_TO_APPROVED", "CTA_", "DAYS_DECISION_MEAN_TO"),
    "Refused applications": ("REFUSED_",),
    "Course of earlier loans": ("POS_", "LATE_PAYMENT_SUM"),
    "Repayment of earlier loans": ("INS_", "PREV_LATE", "PAYMENT_"),
    "Recent repayment": (
        "INS_18M", "INS_36M", "LAST_LOAN", "12_TREND", "24_TREND", "60_TREND", "120_TREND",
    ),
    "Credit cards with us": ("CC_",),
}  # fmt: skip
CONCEPTS = {start: concept for concept, starts in _CONCEPTS.items() for start in starts}

ENGLISH = Wording(
    features=FEATURES,
    columns=COLUMNS,
    building=BUILDING,
    building_statistics={"AVG": "average", "MODE": "most frequent value", "MEDI": "median"},
    building_noun=Template(
        "building lived in: {stem}, {statistic}",
        "The building that the client lives in: its {stem} ({statistic}), as a number from 0 to 1 "
        "that the provider of the data scaled",
    ),
    aggregates=AGGREGATES,
    trend=Template(
        "trend of {short}, last {last} payments",
        "{long}: by how much it rises or falls from one payment to the next, over the last {last} "
        "payments",
    ),
    share=Template("share {short}, {rows}", "{long}: their share among {rows}"),
    group=GROUP,
    subsets=SUBSETS,
    groups=GROUPS,
    levels=LEVELS,
    endings=ENDINGS,
    squares=SQUARES,
    concepts=CONCEPTS,
    building_concept="Building lived in",
)
