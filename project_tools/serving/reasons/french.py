"""The words for reasons in French, as one says them to a client on the telephone.

A share is said as "une fois sur six"; ``{value:%}`` says it in percent, where a noun follows.
"""

import re

from project_tools.features.wording.french import VALUES, spaces
from project_tools.serving.reasons.sheet_french import SHEET
from project_tools.serving.reasons.spoken import Quantity, two_figures
from project_tools.serving.reasons.words import ConceptWords, Said, Words

_NUMBERS = (
    "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze",
    "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf", "vingt",
)  # fmt: skip
#: Up to this number a number of things is said in letters; the n of "une fois sur n" always is.
_LETTERS = 10
_CURRENCIES = {
    "CHF": "francs suisses", "EUR": "euros", "GBP": "livres", "KZT": "tenges", "USD": "dollars",
}  # fmt: skip
_TIMES = {
    "day": ("jour", "jours"), "week": ("semaine", "semaines"), "month": ("mois", "mois"),
    "year": ("an", "ans"),
}  # fmt: skip
_NO_BREAK, _THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"
_HALF = 2


def _about(label: str, subject: str, *, plural: bool = False) -> ConceptWords:
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
        "Prêts ailleurs", "Le nombre, le genre et le montant de vos prêts ailleurs", plural=True
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
        "Genres de prêts demandés", "Les genres de prêts que vous nous avez demandés", plural=True
    ),
    "earlier_applications": _about(
        "Demandes précédentes", "Vos demandes précédentes chez nous", plural=True
    ),
    "amounts_paid": _about("Sommes versées", "Ce que vous nous avez versé jusqu’ici"),
    "credit_cards": _about(
        "Carte de crédit chez nous", "Votre façon d’utiliser votre carte de crédit"
    ),
    "car": _about("Voiture", "Ce que vous nous avez dit à propos d’une voiture"),
    "papers_and_phone": _about(
        "Papiers et téléphone",
        "L’ancienneté de votre pièce d’identité, de votre adresse et de votre numéro de téléphone",
    ),
    "burden": _about("Prêt et revenus", "Le poids de ce prêt dans vos revenus"),
    "loan": _about("Prêt demandé", "Le montant et les conditions de ce prêt", plural=True),
    "income": _about("Revenus", "Vos revenus", plural=True),
    "employment": _about("Travail", "Votre situation professionnelle"),
    "age": _about("Âge", "Votre âge"),
    "education": _about("Études", "Vos études", plural=True),
    "enquiries": _about(
        "Consultations du dossier", "Le nombre de consultations de votre dossier de crédit"
    ),
    "social_circle": _about("Entourage", "La façon dont votre entourage rembourse ses prêts"),
    "documents": _about("Documents", "Les documents que vous avez remis", plural=True),
    "time_of_application": _about("Moment de la demande", "Le moment de votre demande"),
    "home": _about("Domicile et région", "Votre domicile et votre région", plural=True),
}


def _two(
    raises: str, lowers: str, missing: str, zero: str = "", usual: str = "{usual:bare}"
) -> Said:
    """Sentences for either side of the usual value, which is named unless it is 0."""
    clause = f"[, contre {usual} habituellement]."
    return Said(raises + clause, lowers + clause, missing, zero)


def _same(text: str, missing: str, zero: str = "", usual: str = "{usual:bare}") -> Said:
    """One sentence for both sides of the usual value."""
    return _two(text, text, missing, zero, usual)


def _only(
    before: str, after: str, missing: str, zero: str = "", usual: str = "{usual:bare}"
) -> Said:
    """``before`` the value and ``after`` it; a value that lowers the risk is said to be only so much."""
    return _two(
        f"{before}{{value}}{after}", f"{before}seulement {{value}}{after}", missing, zero, usual
    )


def _at_least(before: str, after: str, missing: str, zero: str = "") -> Said:
    """As ``_only``, for what lowers the risk by being much."""
    return _two(f"{before}seulement {{value}}{after}", f"{before}{{value}}{after}", missing, zero)


def _ago(text: str, missing: str) -> Said:
    """A day before the application; the usual one is said as a length of time."""
    return _same(f"{text} {{value}}", missing)


def _share(before: str, after: str, missing: str, zero: str, *, riskier: str = "either") -> Said:
    """A share in percent; ``riskier`` is the side on which it raises the risk."""
    more, less = f"{before}{{value:%}}{after}", f"{before}seulement {{value:%}}{after}"
    raises = {"high": more, "low": less}.get(riskier, more)
    lowers = {"high": less, "low": more}.get(riskier, more)
    return _two(raises, lowers, missing, zero, "{usual:%}")


def _level(subject: str, missing: str, *, plural: bool = False) -> Said:
    counts = "jouent" if plural else "joue"
    return Said(
        f"{subject}, {{value}}, {counts} contre vous.",
        f"{subject}, {{value}}, {counts} en votre faveur.",
        missing,
    )


_NO_LOANS_ELSEWHERE = "Nous n’avons trace d’aucun prêt chez d’autres prêteurs."
_NO_RUNNING_ELSEWHERE = "Nous n’avons trace d’aucun prêt en cours ailleurs."
_NO_CLOSED_ELSEWHERE = "Nous n’avons trace d’aucun prêt soldé ailleurs."
_NO_INSTALMENTS = "Vous ne nous avez encore payé aucune échéance."
_NO_RECORD = "Nous n’avons trace d’aucun prêt passé chez nous."
_NO_DEBT_FIGURE = "Nous n’avons pas le montant de vos dettes ailleurs."
_NO_INSTALMENT_RECORD = "Nous n’avons trace d’aucune échéance que vous auriez demandée."
_NO_PLAN = "Nous n’avons trace d’aucun plan de remboursement chez nous."
_NO_CASH_RECORD = "Nous n’avons trace d’aucun retrait d’espèces par carte."
_NO_LIMIT_RECORD = "Nous n’avons pas l’utilisation du plafond d’une carte."
_NO_CARD = "Vous n’avez pas eu de carte de crédit chez nous."
_NO_APPLICATION = "Vous ne nous avez encore fait aucune demande."
_NO_RUNNING_LOAN = "Vous n’avez aucun prêt en cours chez nous."
_NO_GRANTED_LOAN = "Nous ne vous avons encore accordé aucun prêt."
_NEVER_REFUSED = "Nous n’avons jamais refusé de demande de votre part."
#: A kind of loan: with its article, without, and "your last" in its gender.
_KINDS = {
    "CONSUMER_": ("un prêt à la consommation", "prêt à la consommation", "Votre dernier"),
    "CREDIT_": ("une carte de crédit", "carte de crédit", "Votre dernière"),
    "MORTGAGE_": ("un prêt immobilier", "prêt immobilier", "Votre dernier"),
    "CAR_": ("un prêt automobile", "prêt automobile", "Votre dernier"),
    "MICROLOAN_": ("un microcrédit", "microcrédit", "Votre dernier"),
}
_LAST = {
    "6M": "ces derniers mois",
    "12M": "depuis un an",
    "18M": "récemment",
    "36M": "ces dernières années",
}
#: Where an amount was overdue, by the part of a feature's name that names the loans.
_OVERDUE_ON = {
    "": "chez d’autres prêteurs",
    "ACTIVE_": "sur un prêt en cours ailleurs",
    "CLOSED_": "sur un prêt soldé ailleurs",
    **{part: f"sur {kind} ailleurs" for part, (kind, _, _) in _KINDS.items()},
    **{f"LAST{span}_": f"ailleurs sur un prêt pris {_LAST[span]}" for span in ("6M", "12M", "36M")},
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_LATE_PAYMENTS = {
    "INS_LATE_PAYMENT_MEAN": _only(
        "Vous nous avez payé en retard ", "", _NO_INSTALMENTS,
        "Vous nous avez toujours payé à temps.",
    ),
    "INS_LATE_PAYMENT_SUM": _only(
        "Vous nous avez payé en retard ", "", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé en retard.",
    ),
    "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": _only(
        "Vous nous avez payé avec un retard notable ", "", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé avec un retard notable.",
    ),
    "INS_SIGNIFICANT_LATE_PAYMENT_SUM": _only(
        "Vous nous avez payé avec un retard notable ", "", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé avec un retard notable.",
    ),
    "INS_DPD_7_MEAN": _only(
        "Vous nous avez payé plus d’une semaine en retard ", "", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé plus d’une semaine en retard.",
    ),
    "INS_DPD_15_MEAN": _only(
        "Vous nous avez payé très en retard ", "", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé très en retard.",
    ),
    "INS_DPD_MAX": _only(
        "Au pire, vous nous avez payé avec ", " de retard", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé en retard.",
    ),
    "INS_DBD_MAX": _at_least(
        "Au mieux, vous nous avez payé avec ", " d’avance", _NO_INSTALMENTS,
        "Vous ne nous avez jamais payé en avance.",
    ),
    "INS_DAYS_ENTRY_PAYMENT_MAX": _ago("Vous nous avez payé pour la dernière fois", _NO_INSTALMENTS),
    **{
        f"INS_{span}_{name}": said
        for span in ("18M", "36M")
        for since in (_capital(_LAST[span]),)
        for missing in (f"{since}, vous n’aviez aucune échéance à nous payer.",)
        for name, said in {
            "LATE_PAYMENT_MEAN": _only(
                f"{since}, vous avez payé en retard ", "", missing,
                f"{since}, vous nous avez toujours payé à temps.",
            ),
            "SIGNIFICANT_LATE_PAYMENT_MEAN": _only(
                f"{since}, vous avez payé avec un retard notable ", "", missing,
                f"{since}, vous n’avez jamais payé avec un retard notable.",
            ),
            "DPD_7_MEAN": _only(
                f"{since}, vous avez payé une semaine trop tard ", "", missing,
                f"{since}, vous n’avez jamais payé une semaine trop tard.",
            ),
            "DPD_15_MEAN": _only(
                f"{since}, vous avez payé très en retard ", "", missing,
                f"{since}, vous n’avez jamais payé très en retard.",
            ),
            "DPD_MAX": _only(
                f"{since}, votre plus grand retard a été de ", "", missing,
                f"{since}, vous nous avez toujours payé à temps.",
            ),
        }.items()
    },
    "LAST_LOAN_LATE_PAYMENT_mean": _only(
        "Sur votre dernier prêt, vous avez payé en retard ", "", _NO_INSTALMENTS,
        "Sur votre dernier prêt, vous avez toujours payé à temps.",
    ),
    "LAST_LOAN_DPD_max": _only(
        "Sur votre dernier prêt, votre plus grand retard a été de ", "", _NO_INSTALMENTS,
        "Sur votre dernier prêt, vous avez toujours payé à temps.",
    ),
    "POS_LATE_PAYMENT_MEAN": _share(
        "Vous étiez en retard sur vos prêts pendant ", " des mois", _NO_RECORD,
        "Vous n’avez jamais été en retard sur vos prêts chez nous.", riskier="high",
    ),
    "POS_SK_DPD_MAX": _only(
        "Votre plus grand retard sur un prêt chez nous a été de ", "", _NO_RECORD,
        "Vous n’avez jamais été en retard sur vos prêts chez nous.",
    ),
    "CC_LATE_PAYMENT_SUM": _only(
        "Votre carte de crédit a été en retard pendant ", "", _NO_CARD,
        "Votre carte de crédit n’a jamais été en retard.",
    ),
    "CC_SK_DPD_MAX": _only(
        "Le plus grand retard sur votre carte de crédit a été de ", "", _NO_CARD,
        "Votre carte de crédit n’a jamais été en retard.",
    ),
    "CC_12M_SK_DPD_MAX": _only(
        f"{_capital(_LAST['12M'])}, le plus grand retard sur votre carte a été de ", "",
        "Depuis un an, vous n’avez pas eu de carte de crédit chez nous.",
        f"{_capital(_LAST['12M'])}, votre carte n’a jamais été en retard.",
    ),
    "PREV_LATE_DAYS_DECISION_MAX": _ago(
        "Votre dernier prêt payé en retard vous a été accordé",
        "Nous n’avons trace d’aucun prêt que vous auriez payé en retard.",
    ),
}  # fmt: skip


def _times(said: Said, forms: str) -> Said:
    """The same sentences about a number of things."""

    def counted(text: str) -> str:
        return text.replace("{value}", f"{{value:{forms}}}").replace(
            "{usual:bare}", f"{{usual:{forms}}}"
        )

    return Said(counted(said.raises), counted(said.lowers), said.missing, said.zero)


_LATE_PAYMENTS |= {
    name: _times(_LATE_PAYMENTS[name], forms)
    for name, forms in {
        "INS_LATE_PAYMENT_SUM": "fois|fois|f",
        "INS_SIGNIFICANT_LATE_PAYMENT_SUM": "fois|fois|f",
        "CC_LATE_PAYMENT_SUM": "mois|mois",
    }.items()
}

_ELSEWHERE = {
    "BUREAU_AMT_CREDIT_SUM_OVERDUE_SUM": _only(
        "Vous avez actuellement ", " d’impayés chez d’autres prêteurs", _NO_LOANS_ELSEWHERE,
        "Aucun impayé actuel chez d’autres prêteurs n’est enregistré.",
    ),
    "BUREAU_LAST_LOAN_MAX_OVERDUE": _only(
        "Sur votre dernier prêt ailleurs, l’impayé a atteint ", "",
        "L’organisme de crédit ne donne aucun chiffre d’impayé sur votre dernier prêt ailleurs.",
        "Sur votre dernier prêt ailleurs, il n’y a jamais eu d’impayé.",
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_MAX_OVERDUE_MAX": _only(
            f"Votre pire impayé {where} était de ", "",
            f"L’organisme de crédit ne donne aucun chiffre d’impayé {where}.",
            f"Vous n’avez jamais eu d’impayé {where}.",
        )
        for part, where in _OVERDUE_ON.items()
    },
    "BUREAU_DEBT_OVER_CREDIT": _only(
        "Vous devez encore ", " de ce que vous avez emprunté ailleurs",
        "Nous n’avons pas le montant de vos dettes ailleurs.",
        "Vous avez remboursé tout ce que vous aviez emprunté ailleurs.",
    ),
    "BUREAU_ACTIVE_DEBT_OVER_CREDIT": _only(
        "Vous devez encore ", " de vos prêts en cours ailleurs",
        "Nous n’avons pas le montant de vos prêts en cours ailleurs.",
        "Vous ne devez plus rien sur vos prêts en cours ailleurs.",
    ),
    "BUREAU_AMT_CREDIT_SUM_DEBT_SUM": _only(
        "Vous devez ", " à d’autres prêteurs", _NO_LOANS_ELSEWHERE,
        "Aucune dette envers d’autres prêteurs n’est enregistrée.",
    ),
    "BUREAU_AMT_CREDIT_SUM_DEBT_MAX": _only(
        "Votre plus grosse dette ailleurs est de ", "", _NO_DEBT_FIGURE,
        "Aucune dette envers d’autres prêteurs n’est enregistrée.",
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_DEBT_SUM": _only(
        "Vous devez ", " sur vos prêts en cours ailleurs", _NO_RUNNING_ELSEWHERE,
        "Aucune dette sur des prêts en cours ailleurs n’est enregistrée.",
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_SUM_DEBT_MAX": _only(
            "Vous devez ", f" sur {kind} ailleurs",
            f"Nous n’avons trace d’aucune dette sur {kind} ailleurs.",
            f"Vous ne devez rien sur {kind} ailleurs.",
        )
        for part, (kind, _, _) in _KINDS.items()
    },
    **{
        f"BUREAU_LAST{span}_AMT_CREDIT_SUM_DEBT_SUM": _only(
            "Vous devez ", f" sur des prêts pris ailleurs {_LAST[span]}",
            f"Nous n’avons trace d’aucune dette prise ailleurs {_LAST[span]}.",
            f"Aucune dette sur des prêts pris ailleurs {_LAST[span]} n’est enregistrée.",
        )
        for span in ("6M", "12M", "36M")
    },
    "BUREAU_SK_ID_BUREAU_NUNIQUE": _same(
        "Vous avez eu {value:prêt|prêts} chez d’autres prêteurs", _NO_LOANS_ELSEWHERE,
    ),
    "BUREAU_CREDIT_ACTIVE_Active_MEAN": _share(
        "Parmi vos prêts ailleurs, ", " sont encore en cours", _NO_LOANS_ELSEWHERE,
        "Aucun de vos prêts ailleurs n’est encore en cours.", riskier="high",
    ),
    "BUREAU_CREDIT_ACTIVE_Closed_MEAN": _share(
        "Parmi vos prêts ailleurs, ", " sont soldés", _NO_LOANS_ELSEWHERE,
        "Aucun de vos prêts ailleurs n’est encore soldé.", riskier="low",
    ),
    "BUREAU_CREDIT_ACTIVE_Sold_MEAN": _share(
        "Parmi vos prêts ailleurs, ", " ont été cédés à un autre prêteur", _NO_LOANS_ELSEWHERE,
        "Aucun de vos prêts ailleurs n’a été cédé à un autre prêteur.", riskier="high",
    ),
    **{
        f"BUREAU_CREDIT_TYPE_{level}_MEAN": _share(
            "Parmi vos prêts ailleurs, ", f" sont des {kinds}", _NO_LOANS_ELSEWHERE,
            f"Aucun de vos prêts ailleurs n’est {kind}.",
            riskier="high" if level == "Microloan" else "either",
        )
        for level, kind, kinds in (
            ("Consumer credit", "un prêt à la consommation", "prêts à la consommation"),
            ("Credit card", "une carte de crédit", "cartes de crédit"),
            ("Car loan", "un prêt automobile", "prêts automobiles"),
            ("Mortgage", "un prêt immobilier", "prêts immobiliers"),
            ("Microloan", "un microcrédit", "microcrédits"),
        )
    },
    "BUREAU_AMT_CREDIT_SUM_SUM": _same(
        "Vous avez emprunté en tout {value} à d’autres prêteurs", _NO_LOANS_ELSEWHERE
    ),
    "BUREAU_AMT_CREDIT_SUM_MAX": _same(
        "Votre plus gros prêt ailleurs était de {value}", _NO_LOANS_ELSEWHERE
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM": _same(
        "Vos prêts en cours ailleurs s’élèvent à {value}", _NO_RUNNING_ELSEWHERE
    ),
    "BUREAU_ACTIVE_AMT_CREDIT_SUM_MAX": _same(
        "Votre plus gros prêt en cours ailleurs est de {value}", _NO_RUNNING_ELSEWHERE
    ),
    "BUREAU_CLOSED_AMT_CREDIT_SUM_SUM": _same(
        "Vos prêts soldés ailleurs s’élevaient à {value}", _NO_CLOSED_ELSEWHERE
    ),
    **{
        f"BUREAU_{part}AMT_CREDIT_SUM_MAX": _same(
            f"Le plus gros montant sur {kind} ailleurs était de {{value}}",
            f"Nous n’avons trace d’{kind.replace('un ', 'aucun ').replace('une ', 'aucune ')} ailleurs.",
        )
        for part, (kind, _, _) in _KINDS.items()
    },
    **{
        f"BUREAU_LAST{span}_AMT_CREDIT_SUM_SUM": _same(
            f"{_capital(_LAST[span])}, vous avez emprunté {{value}} ailleurs",
            f"Nous n’avons trace d’aucun prêt pris ailleurs {_LAST[span]}.",
        )
        for span in ("6M", "12M", "36M")
    },
    "BUREAU_DAYS_CREDIT_MIN": _ago("Votre premier prêt ailleurs a commencé", _NO_LOANS_ELSEWHERE),
    "BUREAU_DAYS_CREDIT_MAX": _ago("Votre dernier prêt ailleurs a commencé", _NO_LOANS_ELSEWHERE),
    "BUREAU_ACTIVE_DAYS_CREDIT_MAX": _ago(
        "Votre dernier prêt en cours ailleurs a commencé", _NO_RUNNING_ELSEWHERE
    ),
    "BUREAU_CLOSED_DAYS_CREDIT_MAX": _ago(
        "Votre dernier prêt soldé ailleurs avait commencé", _NO_CLOSED_ELSEWHERE
    ),
    **{
        f"BUREAU_{part}DAYS_CREDIT_MAX": _ago(
            f"{last} {noun} ailleurs a commencé",
            f"Nous n’avons trace d’{kind.replace('un ', 'aucun ').replace('une ', 'aucune ')} ailleurs.",
        )
        for part, (kind, noun, last) in _KINDS.items()
    },
}  # fmt: skip

_WITH_US = {
    "PREV_NAME_CONTRACT_STATUS_Refused_MEAN": _share(
        "Nous avons refusé ", " de vos demandes précédentes", _NO_APPLICATION, _NEVER_REFUSED,
        riskier="high",
    ),
    "PREV_NAME_CONTRACT_STATUS_Approved_MEAN": _share(
        "Nous avons accepté ", " de vos demandes précédentes", _NO_APPLICATION,
        "Nous n’avons accepté aucune de vos demandes précédentes.", riskier="low",
    ),
    "PREV_NAME_CONTRACT_STATUS_Canceled_MEAN": _share(
        "Parmi vos demandes précédentes, ", " ont été annulées", _NO_APPLICATION,
        "Aucune de vos demandes précédentes n’a été annulée.", riskier="high",
    ),
    "PREV_NAME_CONTRACT_STATUS_Unused offer_MEAN": _share(
        "Vous avez laissé sans suite notre accord pour ", " de vos demandes", _NO_APPLICATION,
        "Vous avez donné suite à toutes nos offres.", riskier="high",
    ),
    "REFUSED_DAYS_DECISION_MAX": _ago(
        "Nous vous avons refusé un prêt pour la dernière fois", _NEVER_REFUSED
    ),
    "REFUSED_AMT_CREDIT_MAX": _same(
        "Le plus gros prêt que nous vous avons refusé était de {value}", _NEVER_REFUSED
    ),
    "PREV_ACTIVE_SK_ID_PREV_NUNIQUE": _same(
        "Vous nous remboursez {value:prêt|prêts} en ce moment", _NO_RUNNING_LOAN
    ),
    "TOTAL_REPAYMENT_RATIO": _at_least(
        "Vous avez remboursé ", " de vos prêts en cours chez nous", _NO_RUNNING_LOAN,
        "Vous n’avez encore rien remboursé de vos prêts en cours chez nous.",
    ),
    "PREV_ACTIVE_AMT_CREDIT_SUM": _same(
        "Vos prêts en cours chez nous s’élèvent à {value}", _NO_RUNNING_LOAN
    ),
    "PREV_ACTIVE_AMT_ANNUITY_SUM": _same(
        "Les échéances de vos prêts en cours chez nous s’élèvent à {value}", _NO_RUNNING_LOAN
    ),
    "PREV_ACTIVE_AMT_PAYMENT_SUM": _at_least(
        "Vous nous avez versé ", " sur vos prêts en cours", _NO_RUNNING_LOAN,
        "Vous ne nous avez encore rien versé sur vos prêts en cours.",
    ),
    "PREV_ACTIVE_DAYS_DECISION_MIN": _ago(
        "Votre plus ancien prêt en cours chez nous a été accordé", _NO_RUNNING_LOAN
    ),
    "APPROVED_SK_ID_PREV_NUNIQUE": _two(
        "Nous vous avons accordé seulement {value:prêt|prêts} jusqu’ici",
        "Nous vous avons accordé {value:prêt|prêts} jusqu’ici",
        _NO_GRANTED_LOAN,
    ),
    "APPROVED_AMT_ANNUITY_MAX": _same(
        "La plus grosse échéance de vos prêts chez nous était de {value}", _NO_PLAN
    ),
    "APPROVED_AMT_CREDIT_MAX": _same(
        "Le plus gros prêt que nous vous avons accordé était de {value}", _NO_GRANTED_LOAN
    ),
    "APPROVED_AMT_GOODS_PRICE_MAX": _same(
        "L’achat le plus cher que nous avons financé pour vous coûtait {value}",
        "Nous n’avons encore financé aucun achat pour vous.",
    ),
    "APPROVED_AMT_DOWN_PAYMENT_MAX": _at_least(
        "Votre plus gros apport chez nous était de ", "", "Nous n’avons trace d’aucun apport.",
        "Vous n’avez versé aucun apport chez nous.",
    ),
    "APPROVED_DAYS_DECISION_MIN": _ago(
        "Nous vous avons accordé le premier prêt", _NO_GRANTED_LOAN
    ),
    "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MIN": _ago(
        "Votre premier prêt chez nous devait finir", _NO_PLAN
    ),
    "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MAX": _ago(
        "Votre dernier prêt chez nous devait finir", _NO_PLAN
    ),
    "APPROVED_DAYS_LAST_DUE_MAX": _ago(
        "La dernière échéance de vos prêts chez nous tombait",
        "Nous n’avons pas de dernière échéance d’un prêt chez nous.",
    ),
    "APPROVED_CNT_PAYMENT_MAX": _same(
        "Votre prêt le plus long chez nous comptait {value:échéance|échéances|f}", _NO_PLAN
    ),
    "POS_REMAINING_INSTALMENTS": _two(
        "Il vous reste {value:échéance|échéances|f} à nous payer",
        "Il vous reste seulement {value:échéance|échéances|f} à nous payer",
        _NO_RECORD,
        "Il ne vous reste aucune échéance à nous payer.",
    ),
    "POS_COMPLETED_BEFORE_MEAN": _share(
        "Vous avez soldé en avance ", " de vos prêts chez nous", _NO_RECORD,
        "Vous n’avez soldé aucun prêt en avance chez nous.", riskier="low",
    ),
    **{
        f"PREV_{level}_MEAN": _share(
            "Parmi vos demandes précédentes, ", f" {text}", _NO_APPLICATION,
            f"Aucune de vos demandes précédentes {none}.",
        )
        for level, text, none in (
            (
                "NAME_CONTRACT_TYPE_Cash loans",
                "portaient sur un prêt en espèces", "ne portait sur un prêt en espèces",
            ),
            (
                "NAME_CONTRACT_TYPE_Consumer loans",
                "portaient sur un prêt à la consommation",
                "ne portait sur un prêt à la consommation",
            ),
            (
                "NAME_CONTRACT_TYPE_Revolving loans",
                "portaient sur un crédit renouvelable", "ne portait sur un crédit renouvelable",
            ),
            ("NAME_YIELD_GROUP_middle", "étaient à un taux moyen", "n’était à un taux moyen"),
            (
                "NAME_CLIENT_TYPE_New",
                "datent d’avant votre premier prêt", "ne date d’avant votre premier prêt",
            ),
            (
                "NAME_CLIENT_TYPE_Repeater",
                "venaient quand vous étiez déjà client", "ne venait quand vous étiez déjà client",
            ),
            (
                "NAME_CLIENT_TYPE_Refreshed",
                "venaient après une interruption", "ne venait après une interruption",
            ),
            (
                "NAME_PRODUCT_TYPE_walk-in",
                "venaient de votre propre initiative", "ne venait de votre propre initiative",
            ),
            (
                "NAME_PRODUCT_TYPE_x-sell",
                "faisaient suite à une offre", "ne faisait suite à une offre",
            ),
            (
                "CHANNEL_TYPE_Car dealer",
                "passaient par un concessionnaire", "ne passait par un concessionnaire",
            ),
            (
                "CHANNEL_TYPE_Contact center",
                "passaient par notre centre d’appels", "ne passait par notre centre d’appels",
            ),
            (
                "CHANNEL_TYPE_Country-wide",
                "passaient par nos vendeurs", "ne passait par nos vendeurs",
            ),
            (
                "CHANNEL_TYPE_Stone",
                "ont été faites en magasin", "n’a été faite en magasin",
            ),
            (
                "CHANNEL_TYPE_Credit and cash offices",
                "ont été faites en agence", "n’a été faite en agence",
            ),
        )
    },
    "PREV_NAME_YIELD_GROUP_high_MEAN": _share(
        "Parmi vos demandes précédentes, ", " étaient à un taux cher", _NO_APPLICATION,
        "Aucune de vos demandes précédentes n’était à un taux cher.", riskier="high",
    ),
    "PREV_NAME_YIELD_GROUP_low_action_MEAN": _share(
        "Parmi vos demandes précédentes, ", " étaient à un taux promotionnel", _NO_APPLICATION,
        "Aucune de vos demandes précédentes n’était à un taux promotionnel.", riskier="low",
    ),
    "PREV_NAME_YIELD_GROUP_low_normal_MEAN": _share(
        "Parmi vos demandes précédentes, ", " étaient à un taux avantageux", _NO_APPLICATION,
        "Aucune de vos demandes précédentes n’était à un taux avantageux.", riskier="low",
    ),
    "PREV_SK_ID_PREV_NUNIQUE": _same(
        "Vous nous avez fait {value:demande|demandes|f} jusqu’ici", _NO_APPLICATION,
    ),
    "PREV_AMT_ANNUITY_MAX": _same(
        "La plus grosse échéance que vous avez demandée était de {value}", _NO_INSTALMENT_RECORD
    ),
    "PREV_AMT_DOWN_PAYMENT_MAX": _at_least(
        "Le plus gros apport que vous nous avez proposé était de ", "",
        "Nous n’avons trace d’aucun apport.", "Vous ne nous avez proposé aucun apport.",
    ),
    "PREV_DAYS_DECISION_MIN": _ago("Vous nous avez fait votre première demande", _NO_APPLICATION),
    "PREV_DAYS_DECISION_MAX": _ago("Vous nous avez fait votre dernière demande", _NO_APPLICATION),
    "PREV_CNT_PAYMENT_MAX": _same(
        "Le prêt le plus long que vous avez demandé comptait {value:échéance|échéances|f}",
        _NO_INSTALMENT_RECORD,
    ),
    **{
        f"PREV_{part}_{name}": said
        for part, kind in {"Consumer": "prêt à la consommation", "Cash": "prêt en espèces"}.items()
        for missing in (f"Vous ne nous avez encore demandé aucun {kind}.",)
        for name, said in {
            "AMT_CREDIT_SUM": _same(
                f"Vous nous avez demandé {{value}} en {kind.replace('prêt', 'prêts', 1)}", missing
            ),
            "AMT_ANNUITY_MAX": _same(
                f"La plus grosse échéance demandée pour un {kind} était de {{value}}", _NO_INSTALMENT_RECORD
            ),
            "DAYS_DECISION_MAX": _ago(f"Vous nous avez demandé un {kind}", missing),
        }.items()
    },
    **{
        f"PREV_LAST{span}_{name}": said
        for span in ("6M", "12M")
        for since in (_capital(_LAST[span]),)
        for missing in (f"Vous ne nous avez fait aucune demande {_LAST[span]}.",)
        for name, said in {
            "AMT_CREDIT_SUM": _same(f"{since}, vous nous avez demandé {{value}}", missing),
            "AMT_ANNUITY_MAX": _same(
                f"{since}, la plus grosse échéance demandée était de {{value}}", _NO_INSTALMENT_RECORD
            ),
        }.items()
    },
    "INS_PAID_OVER_MEAN": _same(
        "Vous nous avez versé plus que l’échéance {value}", _NO_INSTALMENTS,
        "Vous ne nous avez jamais versé plus que l’échéance.",
    ),
    "LAST_LOAN_PAID_OVER_mean": _same(
        "Sur votre dernier prêt, vous avez versé plus que prévu {value}", _NO_INSTALMENTS,
        "Sur votre dernier prêt, vous n’avez jamais versé plus que prévu.",
    ),
    "INS_SK_ID_PREV_SIZE": _two(
        "Vous nous avez fait seulement {value:versement|versements} jusqu’ici",
        "Vous nous avez fait {value:versement|versements} jusqu’ici",
        _NO_INSTALMENTS,
    ),
    "INS_AMT_PAYMENT_SUM": _same("Vous nous avez versé {value} en tout", _NO_INSTALMENTS),
    "INS_AMT_PAYMENT_MAX": _same("Votre plus gros versement était de {value}", _NO_INSTALMENTS),
    "INS_AMT_INSTALMENT_MAX": _same(
        "La plus grosse échéance à nous payer était de {value}", _NO_INSTALMENTS
    ),
    **{
        f"INS_{span}_{name}": _same(f"{since}, {text} {{value}}", missing)
        for span in ("18M", "36M")
        for since in (_capital(_LAST[span]),)
        for missing in (f"{since}, vous n’aviez aucune échéance à nous payer.",)
        for name, text in {
            "AMT_PAYMENT_SUM": "vous nous avez versé",
            "AMT_PAYMENT_MAX": "votre plus gros versement a été de",
            "AMT_INSTALMENT_MAX": "la plus grosse échéance à payer a été de",
        }.items()
    },
    "CC_LIMIT_USE_MAX": _two(
        "Vous avez utilisé jusqu’à {value} du plafond de votre carte",
        "Vous avez utilisé au plus {value} du plafond de votre carte",
        _NO_LIMIT_RECORD, "Vous n’avez rien utilisé du plafond de votre carte.",
    ),
    "CC_AMT_BALANCE_MAX": _two(
        "Vous avez dû jusqu’à {value} sur votre carte de crédit",
        "Vous avez dû au plus {value} sur votre carte de crédit",
        _NO_CARD, "Vous n’avez jamais rien dû sur votre carte de crédit.",
    ),
    "CC_LAST_AMT_BALANCE_MAX": _only(
        "Vous devez ", " sur votre carte de crédit", _NO_CARD,
        "Vous ne devez rien sur votre carte de crédit.",
    ),
    "CC_12M_LIMIT_USE_MAX": _two(
        f"{_capital(_LAST['12M'])}, vous avez utilisé jusqu’à {{value}} du plafond de votre carte",
        f"{_capital(_LAST['12M'])}, vous avez utilisé au plus {{value}} du plafond de votre carte",
        _NO_LIMIT_RECORD,
        f"{_capital(_LAST['12M'])}, vous n’avez rien utilisé du plafond de votre carte.",
    ),
    "CC_12M_AMT_BALANCE_MAX": _two(
        f"{_capital(_LAST['12M'])}, vous avez dû jusqu’à {{value}} sur votre carte",
        f"{_capital(_LAST['12M'])}, vous avez dû au plus {{value}} sur votre carte",
        "Depuis un an, vous n’avez pas eu de carte de crédit chez nous.",
        f"{_capital(_LAST['12M'])}, vous n’avez rien dû sur votre carte.",
    ),
    "CC_AMT_CREDIT_LIMIT_ACTUAL_MAX": _at_least(
        "Le plafond de votre carte chez nous est de ", "", _NO_CARD,
        "Votre carte chez nous n’a aucun plafond à utiliser.",
    ),
    "CC_AMT_DRAWINGS_ATM_CURRENT_SUM": _only(
        "Vous avez retiré ", " en espèces avec votre carte", _NO_CARD,
        "Aucun retrait d’espèces avec votre carte n’est enregistré.",
    ),
    "CC_AMT_DRAWINGS_CURRENT_SUM": _only(
        "Vous avez dépensé ", " avec votre carte de crédit", _NO_CARD,
        "Vous n’avez jamais rien dépensé avec votre carte de crédit.",
    ),
    "CC_CNT_DRAWINGS_ATM_CURRENT_MAX": _times(
        _only(
            "En un seul mois, vous avez retiré des espèces ", " avec votre carte", _NO_CASH_RECORD,
            "Vous n’avez jamais retiré d’espèces avec votre carte.",
        ),
        "fois|fois|f",
    ),
    "CC_CNT_DRAWINGS_CURRENT_MAX": _times(
        _only(
            "En un seul mois, vous avez utilisé votre carte ", "", _NO_CARD,
            "Vous n’avez jamais utilisé votre carte de crédit.",
        ),
        "fois|fois|f",
    ),
}  # fmt: skip

_APPLICATION = {
    **{
        f"EXT_SOURCE_{number}": _two(
            f"Votre score auprès du {ordinal} organisme de crédit est bas : {{value}}",
            f"Votre score auprès du {ordinal} organisme de crédit est élevé : {{value}}",
            f"Nous n’avons aucun score du {ordinal} organisme de crédit.",
        )
        for number, ordinal in enumerate(("premier", "deuxième", "troisième"), 1)
    },
    "EXT_SOURCES_MIN": _two(
        "Votre moins bon score de crédit est de seulement {value}",
        "Même votre moins bon score de crédit est de {value}",
        "Aucun organisme de crédit ne nous donne de score pour vous.",
    ),
    "EXT_SOURCES_MAX": _two(
        "Même votre meilleur score de crédit est de seulement {value}",
        "Votre meilleur score de crédit est de {value}",
        "Aucun organisme de crédit ne nous donne de score pour vous.",
    ),
    "CODE_GENDER": _level("Votre sexe", "Vous ne nous avez pas indiqué votre sexe."),
    "NAME_FAMILY_STATUS": _level(
        "Votre situation de famille", "Vous ne nous avez pas indiqué votre situation de famille."
    ),
    "CNT_CHILDREN": _same(
        "Vous avez {value:enfant|enfants}", "Vous ne nous avez rien dit de vos enfants.",
        "Vous n’avez pas d’enfant.",
    ),
    "CNT_FAM_MEMBERS": _same(
        "Votre famille compte {value:personne|personnes|f}",
        "Vous ne nous avez rien dit de votre famille.",
    ),
    "FLAG_OWN_CAR": Said("{value}.", "{value}.", "Vous ne nous avez rien dit d’une voiture."),
    "OWN_CAR_AGE": _only(
        "Votre voiture a ", "", "Nous n’avons pas l’âge de votre voiture.",
        "Votre voiture est de cette année.",
    ),
    "DAYS_LAST_PHONE_CHANGE": _ago(
        "Vous avez changé de numéro de téléphone",
        "Nous n’avons pas la date de votre dernier changement de téléphone.",
    ),
    "DAYS_ID_PUBLISH": _ago(
        "Vous avez renouvelé votre pièce d’identité", "Nous n’avons pas la date de votre pièce d’identité."
    ),
    "DAYS_REGISTRATION": _ago(
        "Vous avez changé d’adresse officielle",
        "Nous n’avons pas la date de votre adresse officielle.",
    ),
    "ANNUITY_TO_INCOME_RATIO": _only(
        "Chaque échéance prendrait ", " de vos revenus annuels",
        "Nous ne pouvons pas comparer l’échéance à vos revenus.",
    ),
    "AMT_CREDIT": _same(
        "Vous demandez {value}", "Vous n’avez indiqué aucun montant pour ce prêt."
    ),
    "AMT_ANNUITY": _same(
        "Chaque échéance de ce prêt serait de {value}", "Nous n’avons pas l’échéance de ce prêt."
    ),
    "AMT_GOODS_PRICE": _same(
        "Ce que vous voulez acheter coûte {value}",
        "Vous n’avez indiqué aucun achat pour ce prêt.",
    ),
    "NAME_CONTRACT_TYPE": _level(
        "Le genre de prêt que vous voulez", "Vous n’avez indiqué aucun genre de prêt."
    ),
    "CREDIT_TO_ANNUITY_GROUP": _level(
        "La durée de ce prêt", "Nous ne pouvons pas calculer la durée de ce prêt."
    ),
    "AMT_INCOME_TOTAL": _at_least(
        "Vos revenus sont de ", " par an", "Vous ne nous avez indiqué aucun revenu."
    ),
    "DAYS_EMPLOYED": _two(
        "Vous occupez votre emploi depuis seulement {value}",
        "Vous occupez votre emploi depuis {value}",
        "Vous ne nous avez indiqué aucun emploi actuel.",
    ),
    "EMPLOYED_TO_BIRTH_RATIO": _at_least(
        "Vous avez passé ", " de votre vie dans votre emploi actuel",
        "Vous ne nous avez indiqué aucun emploi actuel.",
    ),
    "OCCUPATION_TYPE": _level(
        "Votre profession", "Vous ne nous avez pas indiqué votre profession."
    ),
    "ORGANIZATION_TYPE": _level(
        "Le secteur de votre employeur", "Vous ne nous avez indiqué aucun employeur."
    ),
    "NAME_INCOME_TYPE": _level(
        "L’origine de vos revenus", "Vous ne nous avez pas indiqué l’origine de vos revenus."
    ),
    "FLAG_WORK_PHONE": Said(
        "Vous nous avez donné un numéro de téléphone au travail.",
        "Vous nous avez donné un numéro de téléphone au travail.",
        "Nous n’avons pas votre réponse sur un téléphone au travail.",
        "Vous ne nous avez pas donné de numéro de téléphone au travail.",
    ),
    "DAYS_BIRTH": _same("Vous avez {value}", "Nous n’avons pas votre date de naissance."),
    "NAME_EDUCATION_TYPE": _level(
        "Votre niveau d’études", "Vous ne nous avez rien dit de vos études."
    ),
    **{
        f"AMT_REQ_CREDIT_BUREAU_{part}": _times(
            _only(
                "Votre dossier de crédit a été consulté ", f" {when}",
                f"Aucune consultation de votre dossier de crédit n’est signalée {when}.",
                f"Personne n’a consulté votre dossier de crédit {when}.",
            ),
            "fois|fois|f",
        )
        for part, when in {
            "DAY": "la veille de votre demande",
            "MON": "le mois d’avant",
            "QRT": "le trimestre d’avant",
            "YEAR": "l’année d’avant",
        }.items()
    },
    **{
        f"DEF_{days}_CNT_SOCIAL_CIRCLE": _times(
            _only(
                "Nous comptons ", f" de paiement {late} dans votre entourage",
                "Nous n’avons rien sur les paiements de votre entourage.",
                f"Nous ne comptons aucun retard de paiement {late} dans votre entourage.",
            ),
            "retard|retards",
        )
        for days, late in {30: "d’un mois", 60: "de plusieurs semaines"}.items()
    },
    "DOCUMENT_COUNT": _same(
        "Vous avez remis {value:document|documents}", "Nous n’avons pas la liste de vos documents.",
        "Vous n’avez remis aucun document.",
    ),
    **{
        f"FLAG_DOCUMENT_{number}": Said(
            f"Vous avez remis le document numéro {word}.",
            f"Vous avez remis le document numéro {word}.",
            f"Nous n’avons pas trace du document numéro {word}.",
            f"Vous n’avez pas remis le document numéro {word}.",
        )
        for number, word in {3: "trois", 8: "huit", 18: "dix-huit"}.items()
    },
    "WEEKDAY_APPR_PROCESS_START": _level(
        "Le jour de votre demande", "Nous n’avons pas le jour de votre demande."
    ),
    "HOUR_APPR_PROCESS_START": _level(
        "L’heure de votre demande", "Nous n’avons pas l’heure de votre demande."
    ),
    "NAME_HOUSING_TYPE": _level("Votre domicile", "Vous ne nous avez rien dit de votre domicile."),
    "REGION_RATING_CLIENT": _same(
        "Notre note de risque pour votre région est de {value}",
        "Nous n’avons pas de note de risque pour votre région.",
    ),
    "REGION_RATING_CLIENT_W_CITY": _same(
        "Notre note de risque pour votre ville est de {value}",
        "Nous n’avons pas de note de risque pour votre ville.",
    ),
    "REG_REGION_NOT_LIVE_REGION": Said.flag(
        "Votre adresse officielle n’est pas dans la région où vous habitez.",
        "Votre adresse officielle est dans la région où vous habitez.",
        "Nous n’avons pas votre adresse officielle.",
    ),
    "REG_REGION_NOT_WORK_REGION": Said.flag(
        "Votre adresse officielle n’est pas dans la région où vous travaillez.",
        "Votre adresse officielle est dans la région où vous travaillez.",
        "Nous n’avons pas l’adresse de votre travail.",
    ),
    "REG_CITY_NOT_LIVE_CITY": Said.flag(
        "Votre adresse officielle n’est pas dans la ville où vous habitez.",
        "Votre adresse officielle est dans la ville où vous habitez.",
        "Nous n’avons pas votre adresse officielle.",
    ),
    "REG_CITY_NOT_WORK_CITY": Said.flag(
        "Votre adresse officielle n’est pas dans la ville où vous travaillez.",
        "Votre adresse officielle est dans la ville où vous travaillez.",
        "Nous n’avons pas l’adresse de votre travail.",
    ),
    "LIVE_CITY_NOT_WORK_CITY": Said.flag(
        "Vous n’habitez pas dans la ville où vous travaillez.",
        "Vous habitez dans la ville où vous travaillez.",
        "Nous n’avons pas l’adresse de votre travail.",
    ),
}  # fmt: skip

FACTS = {**_APPLICATION, **_LATE_PAYMENTS, **_ELSEWHERE, **_WITH_US}

LEVELS = {
    **VALUES,
    "FLAG_OWN_CAR": {"Y": "vous avez une voiture", "N": "vous n’avez pas de voiture"},
    "CREDIT_TO_ANNUITY_GROUP": {
        "1": "au plus six mois",
        "2": "au plus un an",
        "3": "au plus un an et demi",
        "4": "au plus deux ans",
        "5": "au plus deux ans et demi",
        "6": "au plus trois ans",
        "7": "plus de trois ans",
    },
}


PHRASES = {
    "refused": "Nous ne pouvons pas accorder ce prêt aujourd’hui.",
    "granted": "Nous pouvons accorder ce prêt.",
    "risk": "Risque : {risk}, limite : {limit}.",
    "just_accepted": "Les clients acceptés de justesse : {risk}.",
    "just_refused": "Les clients refusés de justesse : {risk}.",
    "average": "Le client moyen : {risk}.",
    "near": "Près de la limite : un collègue devrait l’examiner.",
    "against": "Contre",
    "for": "Pour",
    "none": "rien de notable",
}


def say(quantity: Quantity, forms: str, currency: str) -> str:
    """A quantity in French words.

    >>> say(Quantity(-3, "year", when=True), "", ""), say(Quantity(-3, "year", when=True), "bare", "")
    ('il y a trois ans', 'trois ans')
    >>> say(Quantity(1, "of", of=6), "", ""), say(Quantity(1, "item"), "demande|demandes|f", "")
    ('une fois sur six', 'une demande')
    """
    number, unit = quantity.number, quantity.unit
    match unit:
        case "of":
            text = _percent(100 * number / quantity.of) if forms == "%" else _of(quantity, forms)
        case "percent":
            text = _percent(number)
        case "money":
            text = _digits(number) + ("" if forms == "bare" else _named(currency))
        case "point":
            text = _items(number, "" if forms == "bare" else "point|points")
        case "hour":
            text = _hour(int(number))
        case "item":
            text = _items(number, forms)
        case "grade":
            text = _digits(number)
        case _:
            text = _time(quantity, length=forms == "bare")
    return text


def _percent(number: float) -> str:
    return f"{_digits(two_figures(number))} %"


def _of(quantity: Quantity, forms: str) -> str:
    if quantity.of == 1:
        return ("" if forms == "bare" else "à ") + "chaque fois" if quantity.number else "jamais"
    if quantity.of == 100:  # noqa: PLR2004  (percent)
        percent = _percent(quantity.number)
        return percent if forms == "bare" else f"dans {percent} des cas"
    times = "" if forms == "bare" else " fois"
    return f"{'une' if quantity.number == 1 else _NUMBERS[int(quantity.number) - 1]}{times} sur {_n_of(quantity.of)}"


def _n_of(number: int) -> str:
    """The n of "une fois sur n": up to twenty in letters."""
    return _NUMBERS[number - 1] if number <= len(_NUMBERS) else str(number)


def _items(number: float, forms: str) -> str:
    one, _, rest = forms.removesuffix("bare").partition("|")
    several, _, gender = rest.partition("|")
    return f"{_word(number, feminine=gender == 'f')} {one if number < _HALF else several}".strip()


def _time(quantity: Quantity, *, length: bool) -> str:
    number, (one, several) = abs(quantity.number), _TIMES[quantity.unit]
    feminine = quantity.unit == "week"
    when = quantity.when and not length
    if not number:
        less = f"moins d’{'une' if feminine else 'un'} {one}"
        return "le jour de votre demande" if when else less
    text = f"{_word(number, feminine=feminine)} {one if number == 1 else several}"
    return f"il y a {text}" if when else text


def _hour(hour: int) -> str:
    special = {0: "minuit", 1: "une heure", 12: "midi", 24: "minuit"}
    return special.get(hour) or f"{_word(hour)} heures"


def _word(number: float, *, feminine: bool = False) -> str:
    """Whole numbers up to ten in letters."""
    if number == 1 and feminine:
        return "une"
    whole = number == int(number) and 1 <= number <= _LETTERS
    return _NUMBERS[int(number) - 1] if whole else _digits(number)


def _digits(number: float) -> str:
    text = f"{number:,.0f}" if number == int(number) else f"{number:,g}"
    return text.replace(",", _THIN).replace(".", ",")


def _named(currency: str) -> str:
    return f"{_NO_BREAK}{_CURRENCIES.get(currency, currency)}" if currency else ""


def finished(text: str) -> str:
    """A sentence with its French spaces, and ``de un`` joined."""
    return spaces(re.sub(r"\bde (une?)\b", r"d’\1", text))


FRENCH = Words(
    concepts=CONCEPTS,
    facts=FACTS,
    levels=LEVELS,
    say=say,
    spaces=finished,
    phrases={name: spaces(text) for name, text in PHRASES.items()},
    blocked=spaces(
        "Cette décision repose sur un élément qu’elle ne doit pas utiliser ; un collègue l’examinera."
    ),
    sheet={name: spaces(text) for name, text in SHEET.items()},
)
