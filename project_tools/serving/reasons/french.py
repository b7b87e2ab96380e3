"""The words for reasons in French, as one says them to a client on the telephone."""

from project_tools.features.wording.english import VALUES
from project_tools.serving.reasons.spoken import Quantity
from project_tools.serving.reasons.words import ConceptWords, Said, Words


def _about(label: str, subject: str, plural: bool = False) -> ConceptWords:
    """A concept whose sentences only name the subject."""
    counts = "jouent" if plural else "joue"
    return ConceptWords(
        label, f"{subject} {counts} contre vous.", f"{subject} {counts} en votre faveur."
    )


CONCEPTS = {
    "protected": _about("Sexe et famille", "Votre sexe ou votre situation de famille"),
    "external_scores": _about("Scores externes", "Ce que les organismes de crédit disent de vous"),
    "late_payments": _about("Ponctualité chez nous", "Votre façon de respecter nos échéances"),
    "overdue_elsewhere": _about(
        "Ponctualité ailleurs", "Votre façon de respecter les échéances d’autres prêteurs"
    ),
    "debt_elsewhere": _about("Dettes ailleurs", "Ce que vous devez encore à d’autres prêteurs"),
    "loans_elsewhere": _about(
        "Prêts ailleurs",
        "Le nombre, le genre et le montant de vos prêts ailleurs",
        plural=True,
    ),
    "dates_elsewhere": _about(
        "Dates des prêts ailleurs", "Les dates de vos prêts chez d’autres prêteurs", plural=True
    ),
    "earlier_decisions": _about(
        "Décisions passées", "Nos réponses à vos demandes précédentes", plural=True
    ),
    "running_loans": _about(
        "Prêts en cours chez nous", "Les prêts que vous nous remboursez encore", plural=True
    ),
    "earlier_loans": _about(
        "Anciens prêts chez nous", "Les prêts que vous avez eus chez nous", plural=True
    ),
    "kinds_of_earlier_loans": _about(
        "Genres de prêts passés", "Les genres de prêts que vous nous avez demandés", plural=True
    ),
    "earlier_applications": _about(
        "Demandes précédentes", "Vos demandes précédentes chez nous", plural=True
    ),
    "amounts_paid": _about("Sommes versées", "Ce que vous nous avez versé jusqu’ici"),
    "credit_cards": _about(
        "Carte de crédit chez nous", "Votre façon d’utiliser votre carte de crédit"
    ),
    "car": _about("Voiture", "Ce que vous nous avez dit d’une voiture"),
    "papers_and_phone": _about(
        "Papiers et téléphone",
        "Les dates de votre pièce d’identité, de votre adresse et de votre numéro",
        plural=True,
    ),
    "burden": _about("Prêt et revenus", "Le poids de ce prêt dans vos revenus"),
    "loan": _about("Prêt demandé", "Le montant et les conditions de ce prêt", plural=True),
    "income": _about("Revenus", "Vos revenus", plural=True),
    "employment": _about("Travail", "Votre situation professionnelle"),
    "age": _about("Âge", "Votre âge"),
    "education": _about("Études", "Vos études", plural=True),
    "enquiries": _about(
        "Consultations de votre dossier",
        "Le nombre de consultations de votre dossier de crédit",
    ),
    "social_circle": _about("Entourage", "La façon dont votre entourage rembourse ses prêts"),
    "documents": _about("Documents", "Les documents que vous avez remis", plural=True),
    "time_of_application": _about("Moment de la demande", "Le moment de votre demande"),
    "home": _about("Domicile et région", "L’endroit et la façon dont vous habitez", plural=True),
}

FACTS: dict[str, Said] = {}


def say(quantity: Quantity, forms: str, currency: str) -> str:
    """A quantity in French words."""
    raise NotImplementedError


FRENCH = Words(
    concepts=CONCEPTS,
    facts=FACTS,
    levels=VALUES,
    say=say,
    blocked="Cette décision repose sur un élément interdit ; un collègue doit l’examiner.",
)
