"""The words of a decision's printable sheet in English, around the reasons."""

SHEET = {
    "title": "Decision on a loan",
    "client": "Client {client}",
    "applicant": "Applicant without a client number",
    "decided": "Decided on {day} {month} {year} at {hour}:{minute} UTC",
    "months": (
        "January February March April May June July August September October November December"
    ),
    "points_note": (
        "Each reason raises (+) or lowers (\N{MINUS SIGN}) the estimated risk by so many percentage "
        "points, beside the clients next to the limit."
    ),
    "average_note": (
        "Each reason raises (+) or lowers (\N{MINUS SIGN}) the estimated risk by so many percentage "
        "points, beside the average client."
    ),
    "against": "What speaks against the loan",
    "for": "What speaks for the loan",
    "offers": "What would have been accepted",
    "review": "You may ask for a person",
    "rights": (
        "A computer model assessed this application. Under article 18 of Directive (EU) 2023/2225 you "
        "have the right to:"
    ),
    "explanation": "obtain a clear explanation of the assessment: its logic, its risks, its effect on the decision;",
    "view": "say what you think of it, and be heard by a person;",
    "reassessment": "have a person review the assessment and the decision.",
    "how": (
        "Tell whoever gave you this sheet, by word or in writing, and name the decision number below. "
        "A reason in your own words is enough."
    ),
    "number": "Decision number",
    "model": "Model",
    "version": "{name}, version {version}",
    "digest": "Digest of the model",
    "seal": "Seal",
    "seal_note": "With the seal the lender can show that the recorded decision was not changed.",
}  # fmt: skip
