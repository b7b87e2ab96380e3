"""The tables fit each other in keys, time and amounts, and hold the known oddities."""

import polars as pl
import pytest

from project_tools.demo.oddities import STRANGE_INCOME, STRANGE_RATING, UNSEEN_HOUSING

SENTINEL = 365243
CLIENT, LOAN = "SK_ID_CURR", "SK_ID_PREV"


def applications(demo) -> pl.DataFrame:
    both = [demo["application_train"].drop("TARGET"), demo["application_test"]]
    return pl.concat(both, how="vertical_relaxed")


@pytest.mark.parametrize(
    ("table", "known", "rows"),
    [
        ("bureau", 0.858, 5.61),
        ("previous_application", 0.951, 4.93),
        ("POS_CASH_balance", 0.947, 29.7),
        ("installments_payments", 0.953, 40.1),
        ("credit_card_balance", 0.291, 37.1),
    ],
)
def test_clients_and_rows_per_client_are_as_in_the_real_tables(demo, table, known, rows):
    counts = demo[table].group_by(CLIENT).len()
    assert counts.height / applications(demo).height == pytest.approx(known, abs=0.025)
    assert counts["len"].mean() == pytest.approx(rows, rel=0.12)
    if table != "credit_card_balance":  # a card has at most 96 months
        assert counts["len"].max() > 3 * counts["len"].mean(), "no long tail"


@pytest.mark.parametrize(
    ("table", "key", "parent", "orphans"),
    [
        ("bureau_balance", "SK_ID_BUREAU", "bureau", 0.053),
        ("POS_CASH_balance", LOAN, "previous_application", 0.040),
        ("installments_payments", LOAN, "previous_application", 0.046),
        ("credit_card_balance", LOAN, "previous_application", 0.109),
    ],
)
def test_few_loans_have_no_parent(demo, table, key, parent, orphans):
    loans = demo[table][key].unique()
    found = 1 - loans.is_in(demo[parent][key].implode()).mean()
    assert found == pytest.approx(orphans, abs=0.02)


def test_every_client_of_the_histories_has_an_application(demo):
    known = applications(demo)[CLIENT].implode()
    for table in ("bureau", "previous_application", "installments_payments"):
        assert demo[table][CLIENT].is_in(known).all()


def test_earlier_loans_keep_their_client_through_all_tables(demo):
    earlier = demo["previous_application"].select(LOAN, owner=CLIENT)
    for table in ("POS_CASH_balance", "installments_payments", "credit_card_balance"):
        joined = demo[table].join(earlier, on=LOAN)
        assert joined.height > 0
        assert (joined[CLIENT] == joined["owner"]).all()


def test_price_credit_annuity_and_term_fit_each_other(demo):
    loans = applications(demo)
    cash = loans.filter(NAME_CONTRACT_TYPE="Cash loans")
    term = cash["AMT_CREDIT"] / cash["AMT_ANNUITY"]
    assert term.drop_nulls().is_between(7.5, 46).all()
    factor = cash["AMT_CREDIT"] / cash["AMT_GOODS_PRICE"]
    assert factor.drop_nulls().is_between(0.4, 1.9).all()
    card = loans.filter(NAME_CONTRACT_TYPE="Revolving loans").drop_nulls("AMT_ANNUITY")
    assert (card["AMT_CREDIT"] / card["AMT_ANNUITY"]).is_between(19.9, 20.1).all()


def test_who_does_not_work_has_no_employer(demo):
    idle = pl.col("DAYS_EMPLOYED") == SENTINEL
    for row in (
        pl.col("ORGANIZATION_TYPE") == "XNA",
        pl.col("NAME_INCOME_TYPE").is_in(["Pensioner", "Unemployed"]),
        pl.col("FLAG_EMP_PHONE") == 0,
    ):
        assert applications(demo).select((idle == row).mean()).item() > 0.99
    assert applications(demo).filter(idle)["OCCUPATION_TYPE"].null_count() / idle_rows(demo) > 0.97


def idle_rows(demo) -> int:
    return applications(demo).filter(DAYS_EMPLOYED=SENTINEL).height


def test_nobody_is_employed_or_registered_before_birth(demo):
    rows = applications(demo)
    for column in ("DAYS_EMPLOYED", "DAYS_REGISTRATION", "DAYS_ID_PUBLISH"):
        assert (rows[column] >= rows["DAYS_BIRTH"]).all(), column


def test_only_cars_have_an_age(demo):
    rows = applications(demo)
    assert ((rows["FLAG_OWN_CAR"] == "Y") == rows["OWN_CAR_AGE"].is_not_null()).all()


def test_a_buildings_figures_are_null_together_and_nearly_agree(demo):
    rows = applications(demo)
    for name in ("APARTMENTS", "FLOORSMAX", "COMMONAREA"):
        three = rows.select(f"{name}_AVG", f"{name}_MODE", f"{name}_MEDI")
        assert three.select(pl.all().is_null()).unique().height == 2
        known = three.drop_nulls()
        assert (known[:, 0] - known[:, 2]).abs().median() < 0.02


def instalments(demo) -> pl.DataFrame:
    """One row per instalment of a loan for goods or cash."""
    rows = demo["installments_payments"].filter(pl.col("NUM_INSTALMENT_VERSION") > 0)
    return (
        rows.group_by(LOAN, number="NUM_INSTALMENT_NUMBER")
        .agg(
            due=pl.col("DAYS_INSTALMENT").first(),
            amount=pl.col("AMT_INSTALMENT").first(),
            paid=pl.col("AMT_PAYMENT").sum(),
            parts=pl.len(),
            nulls=pl.col("AMT_PAYMENT").null_count(),
        )
        .sort(LOAN, "number")
    )


def test_instalments_are_due_every_month(demo):
    step = instalments(demo).with_columns(
        days=pl.col("due").diff().over(LOAN), numbers=pl.col("number").diff().over(LOAN)
    )
    assert set(step["days"].drop_nulls()) <= {30, 31}
    assert (step["numbers"].drop_nulls() == 1).all()


def test_the_parts_of_an_instalment_add_up(demo):
    rows = instalments(demo)
    paid = rows.filter(pl.col("nulls") == 0)
    assert (paid["paid"] - paid["amount"]).abs().max() < 0.01
    assert 0.02 < (rows["parts"] > 1).mean() < 0.08


def test_a_loan_ends_with_its_last_instalment(demo):
    last = instalments(demo).group_by(LOAN).agg(due=pl.col("due").max())
    ended = demo["previous_application"].filter(pl.col("DAYS_LAST_DUE") < 0)
    joined = ended.join(last, on=LOAN)
    assert joined.height > 1_000
    assert (joined["due"] == joined["DAYS_LAST_DUE"]).all()
    assert (joined["DAYS_FIRST_DUE"] > joined["DAYS_DECISION"]).all()


def test_annuity_and_instalment_agree(demo):
    first = instalments(demo).filter(number=1)
    joined = first.join(demo["previous_application"], on=LOAN).filter(pl.col("CNT_PAYMENT") > 2)
    assert ((joined["amount"] / joined["AMT_ANNUITY"]).is_between(0.99, 1.01)).mean() > 0.98


def test_instalments_to_come_run_down(demo):
    months = demo["POS_CASH_balance"].sort(LOAN, "MONTHS_BALANCE")
    change = months.select(pl.col("CNT_INSTALMENT_FUTURE").diff().over(LOAN))
    assert (change.to_series().drop_nulls() <= 0).all()
    completed = months.filter(NAME_CONTRACT_STATUS="Completed")
    assert (completed["CNT_INSTALMENT_FUTURE"].drop_nulls() == 0).all()


def test_days_past_due_follow_late_payments(demo):
    """A month's end past due lies between an instalment's due date and its payment."""
    months = demo["POS_CASH_balance"].group_by(LOAN).agg(dpd=pl.col("SK_DPD").max())
    rows = demo["installments_payments"].filter(pl.col("NUM_INSTALMENT_VERSION") > 0)
    days = pl.col("DAYS_ENTRY_PAYMENT") - pl.col("DAYS_INSTALMENT")
    late = rows.group_by(LOAN).agg(days=days.max())
    joined = months.join(late, on=LOAN)
    past_due = pl.col("dpd") > 0
    long, none = pl.col("days") > 35, pl.col("days") <= 0
    assert joined.filter(long).select(past_due.mean()).item() > 0.95
    assert joined.filter(none).select(past_due.mean()).item() < 0.05


def test_a_closed_loan_stays_closed(demo):
    months = demo["bureau_balance"].sort("SK_ID_BUREAU", "MONTHS_BALANCE")
    closed = (pl.col("STATUS") == "C").cast(pl.Int8)
    assert (months.select(closed.diff().over("SK_ID_BUREAU")).to_series().drop_nulls() >= 0).all()
    active = demo["bureau"].filter(CREDIT_ACTIVE="Active")["SK_ID_BUREAU"].implode()
    of_active = months.filter(pl.col("SK_ID_BUREAU").is_in(active))
    assert of_active.height > 0
    assert (of_active["STATUS"] != "C").all()


def test_no_month_lies_before_its_loan(demo):
    months = demo["bureau_balance"].join(demo["bureau"], on="SK_ID_BUREAU")
    assert (-months["MONTHS_BALANCE"] * 30 <= -months["DAYS_CREDIT"] + 31).all()


def test_a_cards_balance_follows_drawings_and_payments(demo):
    months = demo["credit_card_balance"].sort(LOAN, "MONTHS_BALANCE")
    before = pl.col("AMT_BALANCE").shift(1).over(LOAN)
    flow = pl.col("AMT_DRAWINGS_CURRENT") - pl.col("AMT_PAYMENT_TOTAL_CURRENT")
    off = (pl.col("AMT_BALANCE") - before * 1.02 - flow).abs()
    assert months.select((off < 301).mean()).item() > 0.999
    for kind in ("AMT", "CNT"):
        parts = [months[f"{kind}_DRAWINGS_{way}_CURRENT"] for way in ("ATM", "POS", "OTHER")]
        total = months[f"{kind}_DRAWINGS_CURRENT"]
        assert (sum(parts[1:], parts[0]) - total).abs().max() < 0.01
    within = months["AMT_BALANCE"] <= 1.1 * months["AMT_CREDIT_LIMIT_ACTUAL"] + 1_000
    assert within.mean() > 0.97


ODDITIES = {
    "income of 117 million": lambda d: d["application_train"].filter(
        AMT_INCOME_TOTAL=STRANGE_INCOME
    ),
    "rating of -1": lambda d: d["application_test"].filter(
        REGION_RATING_CLIENT_W_CITY=STRANGE_RATING
    ),
    "unseen level": lambda d: d["application_test"].filter(NAME_HOUSING_TYPE=UNSEEN_HOUSING),
    "365243 of pensioners": lambda d: d["application_train"].filter(DAYS_EMPLOYED=SENTINEL),
    "365243 of running loans": lambda d: d["previous_application"].filter(DAYS_LAST_DUE=SENTINEL),
    "XAP": lambda d: d["previous_application"].filter(CODE_REJECT_REASON="XAP"),
    "XNA": lambda d: d["previous_application"].filter(NAME_CONTRACT_TYPE="XNA"),
    "never paid": lambda d: d["installments_payments"].filter(
        pl.col("DAYS_ENTRY_PAYMENT").is_null()
    ),
    "two loans due on one day": lambda d: (
        d["installments_payments"]
        .group_by(CLIENT, "DAYS_INSTALMENT")
        .agg(loans=pl.col(LOAN).n_unique())
        .filter(pl.col("loans") > 1)
    ),
    "negative card balance": lambda d: d["credit_card_balance"].filter(pl.col("AMT_BALANCE") < 0),
    "negative debt": lambda d: d["bureau"].filter(pl.col("AMT_CREDIT_SUM_DEBT") < 0),
    "client without bureau": lambda d: d["application_train"].join(
        d["bureau"], on=CLIENT, how="anti"
    ),
    "client without any history": lambda d: (
        d["application_train"]
        .join(d["bureau"], on=CLIENT, how="anti")
        .join(d["previous_application"], on=CLIENT, how="anti")
    ),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_oddities_of_the_real_tables_stand_here_too(demo, oddity):
    assert ODDITIES[oddity](demo).height > 0


def test_no_labelled_client_has_the_unseen_level(demo):
    assert demo["application_train"].filter(NAME_HOUSING_TYPE=UNSEEN_HOUSING).is_empty()


def test_a_few_people_stand_twice(demo):
    """The same birth, registration and document, moved by the same number of days."""
    rows = applications(demo).filter(pl.col("DAYS_REGISTRATION") < -2_000)
    person = (
        pl.col("CODE_GENDER"),
        pl.col("REGION_POPULATION_RELATIVE"),
        (pl.col("DAYS_BIRTH") - pl.col("DAYS_REGISTRATION")).alias("registered"),
    )
    pairs = rows.group_by(person).agg(pl.len(), days=pl.col("DAYS_BIRTH").n_unique())
    twice = pairs.filter((pl.col("len") == 2) & (pl.col("days") == 2))
    assert 2 <= twice.height <= 60
