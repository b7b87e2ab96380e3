"""The words for reasons in English, as one says them to a client on the telephone."""

from project_tools.features.wording.english import VALUES
from project_tools.serving.reasons.spoken import Quantity
from project_tools.serving.reasons.words import ConceptWords, Said, Words


def _about(label: str, subject: str, plural: bool = False) -> ConceptWords:
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
        "The dates of your identity card, your address and your telephone number",
        plural=True,
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

FACTS: dict[str, Said] = {}


def say(quantity: Quantity, forms: str, currency: str) -> str:
    """A quantity in English words."""
    raise NotImplementedError


ENGLISH = Words(
    concepts=CONCEPTS,
    facts=FACTS,
    levels=VALUES,
    say=say,
    blocked="This decision rests on something that it must not rest on; a colleague must look at it.",
)
