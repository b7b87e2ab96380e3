"""The words for the features in French.

The templates put the statistic behind the noun, so that no article and no adjective has to agree.
"""

import re

from project_tools.features.definitions.bands import AGE, DURATION, Bands
from project_tools.features.wording.english import CONCEPTS
from project_tools.features.wording.wording import (
    Display,
    Kind,
    Noun,
    Template,
    ValueWords,
    Wording,
)


def spaces(text: str) -> str:
    """No line breaks at a sign: a thin space before ; ! ?, a full one before : and % and in « ».

    >>> spaces("Un score bas : 23 %").replace("\N{NO-BREAK SPACE}", "_")
    'Un score bas_: 23_%'
    """
    text = re.sub(r" ([;!?])", "\N{NARROW NO-BREAK SPACE}\\1", text)
    return re.sub(r"« ", "«\N{NO-BREAK SPACE}", re.sub(r" ([:%»])", "\N{NO-BREAK SPACE}\\1", text))


def _noun(short: str, long: str, kind: Kind = "quantity") -> Noun:
    return Noun(spaces(short), spaces(long), kind)


def _date(short: str, long: str) -> Noun:
    return _noun(short, long, "date")


def _event(short: str, long: str) -> Noun:
    return _noun(short, long, "event")


def _template(label: str, sentence: str) -> Template:
    return Template(spaces(label), spaces(sentence))


def _numbered(bands: Bands) -> str:
    """The bands and their numbers, the lowest first.

    >>> _numbered(Bands((6, 12), "months"))[-9:]
    '3 au-delà'
    """
    upper = [f"{number} jusqu’à {bound}" for number, bound in enumerate(bands.bounds, 1)]
    last = f"jusqu’à {bands.highest}" if bands.highest else "au-delà"
    return ", ".join([*upper, f"{len(upper) + 1} {last}"])


FEATURES = {
    "NAME_CONTRACT_TYPE": _noun("genre de prêt demandé", "Si un prêt en espèces ou un crédit renouvelable est demandé"),
    "CODE_GENDER": _noun("sexe", "Si le client est une femme ou un homme"),
    "FLAG_OWN_CAR": _noun("possède une voiture", "Si le client possède une voiture"),
    "CNT_CHILDREN": _noun("nombre d’enfants", "Combien d’enfants a le client"),
    "AMT_INCOME_TOTAL": _noun("revenu annuel", "Le revenu du client en un an"),
    "AMT_CREDIT": _noun("crédit demandé", "Le montant du prêt demandé"),
    "AMT_ANNUITY": _noun("annuité du prêt", "Ce qui est à payer régulièrement pour le prêt demandé"),
    "AMT_GOODS_PRICE": _noun("prix des biens", "Le prix des biens pour lesquels le prêt est demandé"),
    "NAME_INCOME_TYPE": _noun("source de revenu", "De quoi vit le client, par exemple d’un travail ou d’une retraite"),
    "NAME_EDUCATION_TYPE": _noun("niveau d’études", "Le plus haut niveau d’études du client"),
    "NAME_FAMILY_STATUS": _noun("situation de famille", "Si le client est célibataire, marié, veuf ou autre"),
    "NAME_HOUSING_TYPE": _noun("habitation", "Comment le client habite : chez lui, en location, chez ses parents ou autrement"),
    "REGION_POPULATION_RELATIVE": _noun("population relative de la région", "Combien est peuplée la région où habite le client ; un plus grand nombre indique une région plus peuplée"),
    "DAYS_BIRTH": _noun("âge", "L’âge du client"),
    "DAYS_EMPLOYED": _date("début de l’emploi actuel", "Quand l’emploi actuel a commencé"),
    "DAYS_REGISTRATION": _date("dernier changement d’adresse officielle", "Quand le client a changé pour la dernière fois d’adresse officielle"),
    "DAYS_ID_PUBLISH": _date("dernier changement de la pièce d’identité", "Quand le client a changé pour la dernière fois de pièce d’identité"),
    "OWN_CAR_AGE": _noun("âge de la voiture", "Quel âge a la voiture du client"),
    "FLAG_WORK_PHONE": _noun("a donné un téléphone au travail", "Si le client a donné un numéro de téléphone au travail"),
    "OCCUPATION_TYPE": _noun("profession", "Quel métier exerce le client"),
    "CNT_FAM_MEMBERS": _noun("nombre de membres de la famille", "Combien de membres compte la famille du client"),
    "REGION_RATING_CLIENT": _noun("notre note de la région", "Notre note, de 1 à 3, de la région où habite le client"),
    "REGION_RATING_CLIENT_W_CITY": _noun("notre note de la région et de la ville", "Notre note, de 1 à 3, de la région où habite le client, compte tenu de la ville"),
    "WEEKDAY_APPR_PROCESS_START": _noun("jour de la semaine de la demande", "Quel jour de la semaine le client a fait sa demande"),
    "HOUR_APPR_PROCESS_START": _noun("heure de la demande", "Vers quelle heure de la journée le client a fait sa demande"),
    "REG_REGION_NOT_LIVE_REGION": _noun("adresse officielle dans une autre région que le domicile", "Si l’adresse officielle est dans une autre région que le domicile"),
    "REG_REGION_NOT_WORK_REGION": _noun("adresse officielle dans une autre région que le travail", "Si l’adresse officielle est dans une autre région que le lieu de travail"),
    "REG_CITY_NOT_LIVE_CITY": _noun("adresse officielle dans une autre ville que le domicile", "Si l’adresse officielle est dans une autre ville que le domicile"),
    "REG_CITY_NOT_WORK_CITY": _noun("adresse officielle dans une autre ville que le travail", "Si l’adresse officielle est dans une autre ville que le lieu de travail"),
    "LIVE_CITY_NOT_WORK_CITY": _noun("habite dans une autre ville que celle du travail", "Si le domicile est dans une autre ville que le lieu de travail"),
    "ORGANIZATION_TYPE": _noun("genre d’employeur", "Pour quel genre d’organisation travaille le client"),
    "EXT_SOURCE_1": _noun("score externe 1", "Le premier score qu’une autre société a donné au client ; un score plus élevé indique moins de risque"),
    "EXT_SOURCE_2": _noun("score externe 2", "Le deuxième score qu’une autre société a donné au client ; un score plus élevé indique moins de risque"),
    "EXT_SOURCE_3": _noun("score externe 3", "Le troisième score qu’une autre société a donné au client ; un score plus élevé indique moins de risque"),
    "OBS_30_CNT_SOCIAL_CIRCLE": _noun("proches observés pour des retards de 30 jours", "Combien de proches du client ont été observés pour des paiements en retard de 30 jours"),
    "DEF_30_CNT_SOCIAL_CIRCLE": _noun("proches en retard de 30 jours", "Combien de proches du client ont fait défaut, avec des paiements en retard de 30 jours"),
    "OBS_60_CNT_SOCIAL_CIRCLE": _noun("proches observés pour des retards de 60 jours", "Combien de proches du client ont été observés pour des paiements en retard de 60 jours"),
    "DEF_60_CNT_SOCIAL_CIRCLE": _noun("proches en retard de 60 jours", "Combien de proches du client ont fait défaut, avec des paiements en retard de 60 jours"),
    "DAYS_LAST_PHONE_CHANGE": _date("dernier changement de téléphone", "Quand le client a changé pour la dernière fois de numéro de téléphone"),
    "FLAG_DOCUMENT_3": _noun("a remis le document 3", "Si le client a remis le document numéro 3"),
    "FLAG_DOCUMENT_8": _noun("a remis le document 8", "Si le client a remis le document numéro 8"),
    "FLAG_DOCUMENT_18": _noun("a remis le document 18", "Si le client a remis le document numéro 18"),
    "AMT_REQ_CREDIT_BUREAU_DAY": _noun("consultations du dossier de crédit la veille, sans la dernière heure", "Combien de fois le dossier de crédit du client a été consulté la veille de la demande, sans la dernière heure"),
    "AMT_REQ_CREDIT_BUREAU_MON": _noun("consultations du dossier de crédit le mois d’avant, sans la dernière semaine", "Combien de fois le dossier de crédit du client a été consulté le mois d’avant, sans la dernière semaine"),
    "AMT_REQ_CREDIT_BUREAU_QRT": _noun("consultations du dossier de crédit le trimestre d’avant, sans le dernier mois", "Combien de fois le dossier de crédit du client a été consulté le trimestre d’avant, sans le dernier mois"),
    "AMT_REQ_CREDIT_BUREAU_YEAR": _noun("consultations du dossier de crédit l’année d’avant, sans le dernier trimestre", "Combien de fois le dossier de crédit du client a été consulté l’année d’avant, sans le dernier trimestre"),
    "DOCUMENT_COUNT": _noun("nombre de documents remis", "Combien des vingt documents le client a remis"),
    "NEW_DOC_KURT": _noun("inégalité des documents remis", "À quel point les vingt documents sont remis inégalement ; grand si un seul est remis, 0 si tous le sont ou aucun (kurtosis)"),
    "AGE_RANGE": _noun("tranche d’âge", f"L’âge du client en années, par tranches : {_numbered(AGE)} ; 0 s’il est plus élevé ou absent"),
    "CREDIT_TO_ANNUITY_GROUP": _noun("tranche de durée du prêt", f"Combien de mois durerait le prêt sans intérêts (crédit par annuité), par tranches : {_numbered(DURATION)} ; 0 si c’est absent"),
    "CREDIT_TO_ANNUITY_RATIO": _noun("crédit rapporté à l’annuité", "Le prêt demandé divisé par son annuité (combien d’annuités il faut, sans intérêts)"),
    "CREDIT_TO_GOODS_RATIO": _noun("crédit rapporté au prix des biens", "Le prêt demandé divisé par le prix des biens"),
    "ANNUITY_TO_INCOME_RATIO": _noun("annuité en part du revenu annuel", "L’annuité du prêt demandé, en part du revenu annuel"),
    "CREDIT_TO_INCOME_RATIO": _noun("crédit rapporté au revenu", "Le prêt demandé divisé par le revenu annuel"),
    "INCOME_TO_EMPLOYED_RATIO": _noun("revenu annuel rapporté aux jours dans l’emploi actuel", "Le revenu annuel divisé par le nombre de jours dans l’emploi actuel"),
    "INCOME_TO_BIRTH_RATIO": _noun("revenu annuel rapporté à l’âge en jours", "Le revenu annuel divisé par l’âge du client en jours"),
    "EMPLOYED_TO_BIRTH_RATIO": _noun("part de la vie passée dans l’emploi actuel", "La part de sa vie que le client a passée dans l’emploi actuel"),
    "ID_TO_BIRTH_RATIO": _noun("âge de la pièce d’identité en part de l’âge du client", "Le temps depuis le dernier changement de pièce d’identité, en part de l’âge du client"),
    "CAR_TO_BIRTH_RATIO": _noun("âge de la voiture en part de l’âge du client", "L’âge de la voiture, en part de l’âge du client"),
    "CAR_TO_EMPLOYED_RATIO": _noun("âge de la voiture rapporté au temps dans l’emploi actuel", "L’âge de la voiture divisé par le temps dans l’emploi actuel"),
    "EXT_SOURCES_PROD": _noun("produit des scores externes", "Les trois scores externes multipliés entre eux ; absent si le client n’a pas les trois"),
    "EXT_SOURCES_WEIGHTED": _noun("somme pondérée des scores externes", "Les trois scores externes additionnés avec les poids 2, 1 et 3 ; absent si le client n’a pas les trois"),
    "EXT_SOURCES_MIN": _noun("score externe le plus bas", "Le plus bas des scores externes que possède le client"),
    "EXT_SOURCES_MAX": _noun("score externe le plus haut", "Le plus haut des scores externes que possède le client"),
    "EXT_SOURCES_MEAN": _noun("moyenne des scores externes", "La moyenne des scores externes que possède le client"),
    "EXT_SOURCES_NANMEDIAN": _noun("score externe du milieu", "Celui du milieu des scores externes que possède le client, ou la moyenne de deux d’entre eux (médiane)"),
    "EXT_SOURCES_VAR": _noun("désaccord des scores externes", "À quel point les scores externes que possède le client diffèrent entre eux (variance)"),
    "BUREAU_DEBT_OVER_CREDIT": _noun("part encore due de tous les prêts ailleurs réunis", "Ce qui est encore dû sur tous les prêts ailleurs, en part de ce qui a été accordé"),
    "BUREAU_ACTIVE_DEBT_OVER_CREDIT": _noun("part encore due des prêts en cours ailleurs réunis", "Ce qui est encore dû sur les prêts en cours ailleurs, en part de ce qui a été accordé"),
    "TOTAL_REPAYMENT_RATIO": _noun("part remboursée des prêts en cours chez nous réunis", "Ce qui est déjà payé sur les prêts en cours chez nous, en part de ce qui a été accordé (les intérêts comptent, d’où des parts de plus de 100 %)"),
    "BUREAU_INCOME_CREDIT_RATIO": _noun("prêt moyen ailleurs rapporté au revenu", "Le montant moyen des prêts ailleurs, divisé par le revenu annuel"),
    "BUREAU_ACTIVE_CREDIT_TO_INCOME_RATIO": _noun("prêts en cours ailleurs rapportés au revenu", "Les montants de tous les prêts en cours ailleurs, divisés ensemble par le revenu annuel"),
    "CURRENT_TO_APPROVED_CREDIT_MIN_RATIO": _noun("plus petit crédit accepté rapporté au crédit demandé", "Le plus petit crédit que nous avons accepté auparavant, divisé par le crédit demandé maintenant"),
    "CURRENT_TO_APPROVED_CREDIT_MAX_RATIO": _noun("plus grand crédit accepté rapporté au crédit demandé", "Le plus grand crédit que nous avons accepté auparavant, divisé par le crédit demandé maintenant"),
    "CURRENT_TO_APPROVED_CREDIT_MEAN_RATIO": _noun("crédit accepté moyen rapporté au crédit demandé", "Le crédit moyen que nous avons accepté auparavant, divisé par le crédit demandé maintenant"),
    "CURRENT_TO_APPROVED_ANNUITY_MAX_RATIO": _noun("plus grande annuité acceptée rapportée à l’annuité demandée", "La plus grande annuité des prêts que nous avons acceptés auparavant, divisée par l’annuité du prêt demandé"),
    "CURRENT_TO_APPROVED_ANNUITY_MEAN_RATIO": _noun("annuité acceptée moyenne rapportée à l’annuité demandée", "L’annuité moyenne des prêts que nous avons acceptés auparavant, divisée par l’annuité du prêt demandé"),
    "PAYMENT_MIN_TO_ANNUITY_RATIO": _noun("plus petit versement passé rapporté à l’annuité demandée", "Le plus petit versement sur les prêts passés chez nous, divisé par l’annuité du prêt demandé"),
    "PAYMENT_MAX_TO_ANNUITY_RATIO": _noun("plus grand versement passé rapporté à l’annuité demandée", "Le plus grand versement sur les prêts passés chez nous, divisé par l’annuité du prêt demandé"),
    "PAYMENT_MEAN_TO_ANNUITY_RATIO": _noun("versement passé moyen rapporté à l’annuité demandée", "Le versement moyen sur les prêts passés chez nous, divisé par l’annuité du prêt demandé"),
    "CURRENT_TO_BUREAU_ANNUITY_MEAN_RATIO": _noun("annuité moyenne ailleurs rapportée à l’annuité demandée", "L’annuité moyenne des prêts ailleurs, divisée par l’annuité du prêt demandé"),
    "CTA_CREDIT_TO_ANNUITY_MAX_RATIO": _noun("plus longue durée acceptée rapportée à la durée demandée", "Le plus grand quotient du crédit par l’annuité des prêts que nous avons acceptés, divisé par celui du prêt demandé"),
    "CTA_CREDIT_TO_ANNUITY_MEAN_RATIO": _noun("durée acceptée moyenne rapportée à la durée demandée", "Le quotient moyen du crédit par l’annuité des prêts que nous avons acceptés, divisé par celui du prêt demandé"),
    "DAYS_DECISION_MEAN_TO_BIRTH": _noun("temps depuis les prêts acceptés en part de l’âge du client", "Depuis combien de temps en moyenne nous avons accepté les prêts passés, en part de l’âge du client"),
    "DAYS_CREDIT_MEAN_TO_BIRTH": _noun("temps depuis les prêts ailleurs en part de l’âge du client", "Depuis combien de temps en moyenne les prêts ailleurs ont commencé, en part de l’âge du client"),
    "DAYS_DECISION_MEAN_TO_EMPLOYED": _noun("temps depuis les prêts acceptés rapporté au temps dans l’emploi actuel", "Depuis combien de temps en moyenne nous avons accepté les prêts passés, divisé par le temps dans l’emploi actuel"),
    "DAYS_CREDIT_MEAN_TO_EMPLOYED": _noun("temps depuis les prêts ailleurs rapporté au temps dans l’emploi actuel", "Depuis combien de temps en moyenne les prêts ailleurs ont commencé, divisé par le temps dans l’emploi actuel"),
    "HOUR_APPR_RATIO": _noun("heure de cette demande rapportée à celle des précédentes", "L’heure de cette demande divisée par l’heure moyenne des demandes précédentes"),
    "HOUR_APPR_DIFFERENCE": _noun("décalage de l’heure de cette demande sur les précédentes", "De combien cette demande est plus tard ou plus tôt dans la journée que les précédentes en moyenne"),
    "BUREAU_LAST_LOAN_MAX_OVERDUE": _noun("pire impayé sur le dernier prêt ailleurs", "Le plus grand montant qui ait été impayé sur le dernier des prêts ailleurs pour lequel l’organisme de crédit l’indique"),
    "BUREAU_ACTIVE_DAYS_CREDIT_MEAN": _date("début des prêts en cours ailleurs", "Quand les prêts en cours ailleurs ont commencé en moyenne"),
    "APPROVED_CNT_PAYMENT_MEAN": _noun("durée des prêts acceptés chez nous", "Combien d’échéances comptaient en moyenne les prêts que nous avons acceptés auparavant"),
    "INS_DAYS_ENTRY_PAYMENT_MAX": _date("jour du dernier paiement chez nous", "Quand le dernier paiement nous a été fait"),
}  # fmt: skip

_LATE_MONTH = _event("mois en retard", "Mois où un paiement était en retard")

COLUMNS = {
    "loans elsewhere": {
        "SK_ID_BUREAU": _noun("prêts", "Prêts ailleurs", "key"),
        "DAYS_CREDIT": _date("début du prêt", "Jour où le prêt a commencé"),
        "DAYS_CREDIT_ENDDATE": _date("fin prévue du prêt", "Jour où le prêt doit finir"),
        "AMT_CREDIT_MAX_OVERDUE": _noun("pire impayé", "Ce qui était impayé sur un prêt quand l’impayé était au plus haut"),
        "AMT_CREDIT_SUM": _noun("crédit accordé", "Montant du prêt"),
        "AMT_CREDIT_SUM_DEBT": _noun("dette restante", "Ce qui est encore dû sur le prêt (négatif : trop a été payé)"),
        "AMT_CREDIT_SUM_OVERDUE": _noun("impayé actuel", "Ce qui est actuellement impayé sur le prêt"),
        "AMT_ANNUITY": _noun("annuité", "Ce qui est à payer régulièrement pour le prêt"),
        "DAYS_CREDIT_UPDATE": _date("jour des nouvelles de l’organisme de crédit", "Jour où l’organisme de crédit a eu ses dernières nouvelles d’un prêt"),
        "DEBT_CREDIT_DIFF": _noun("crédit moins la dette restante", "Montant du prêt moins ce qui est encore dû (négatif : plus est dû que ce qui a été accordé)"),
        "DEBT_PERCENTAGE": _noun("dette en part du crédit", "Ce qui est encore dû, en part du montant du prêt"),
        "CREDIT_TO_ANNUITY_RATIO": _noun("crédit rapporté à son annuité", "Montant du prêt divisé par son annuité"),
        "ENDDATE_DIF": _noun("avance de la fin du prêt sur le jour prévu", "Temps dont le prêt a fini plus tôt ou plus tard que prévu"),
        "MONTHS_BALANCE_MEAN": _date("milieu du relevé du prêt", "Milieu des mois que l’organisme de crédit a relevés d’un prêt"),
        "MONTHS_BALANCE_SIZE": _noun("longueur du relevé du prêt", "Combien de mois l’organisme de crédit a relevés d’un prêt"),
        "STATUS_0": _noun("part des mois sans retard", "Part des mois relevés d’un prêt sans aucun retard"),
        "STATUS_1": _noun("part des mois avec 30 jours de retard au plus", "Part des mois relevés d’un prêt avec un retard de 30 jours au plus"),
        "STATUS_12345": _noun("part des mois en retard", "Part des mois relevés d’un prêt avec un retard quelconque"),
        "STATUS_C": _noun("part des mois après la clôture", "Part des mois relevés d’un prêt où il était déjà soldé"),
        "STATUS_X": _noun("part des mois d’état incertain", "Part des mois relevés d’un prêt dont l’organisme de crédit ignore l’état"),
        "CREDIT_ACTIVE": _noun("de prêts {level}", "Prêts {level}"),
        "CREDIT_TYPE": _noun("de {level}", "Prêts qui sont des {level}"),
        "LL_AMT_CREDIT_SUM_OVERDUE": _noun("impayé actuel de prêts comparables", "Ce qui est actuellement impayé, comme il est habituel pour des prêts au relevé aussi long"),
        "LL_DEBT_CREDIT_DIFF": _noun("crédit moins la dette de prêts comparables", "Montant du prêt moins ce qui est encore dû, comme il est habituel pour des prêts au relevé aussi long"),
        "LL_STATUS_12345": _noun("part des mois en retard de prêts comparables", "Part des mois avec un retard quelconque, comme il est habituel pour des prêts au relevé aussi long"),
    },
    "earlier applications": {
        "SK_ID_PREV": _noun("demandes", "Demandes précédentes chez nous", "key"),
        "AMT_ANNUITY": _noun("annuité", "Ce qui était à payer régulièrement pour le prêt"),
        "AMT_APPLICATION": _noun("montant demandé", "Le montant que le client a demandé"),
        "AMT_CREDIT": _noun("montant du prêt", "Le montant du prêt, accordé ou non"),
        "AMT_DOWN_PAYMENT": _noun("apport", "Ce qui a été payé tout de suite comme apport"),
        "AMT_GOODS_PRICE": _noun("prix des biens", "Le prix des biens pour lesquels le prêt était demandé"),
        "RATE_DOWN_PAYMENT": _noun("taux d’apport normalisé", "L’apport en part du prêt, normalisé par le fournisseur des données"),
        "HOUR_APPR_PROCESS_START": _date("heure de la demande", "Heure de la journée où le client a fait sa demande"),
        "DAYS_DECISION": _date("jour de la décision", "Jour où la demande a été tranchée"),
        "CNT_PAYMENT": _noun("nombre d’échéances", "En combien d’échéances le prêt devait être remboursé"),
        "DAYS_FIRST_DRAWING": _date("jour du premier retrait", "Jour où de l’argent a été retiré pour la première fois"),
        "DAYS_FIRST_DUE": _date("début des échéances", "Jour où la première échéance tombait"),
        "DAYS_LAST_DUE_1ST_VERSION": _date("fin des échéances selon le premier plan", "Jour où la dernière échéance tombait selon le premier plan"),
        "DAYS_LAST_DUE": _date("fin des échéances", "Jour où la dernière échéance tombait"),
        "DAYS_LAST_DUE_DIFF": _noun("avance de la fin des échéances sur le premier plan", "Temps dont la dernière échéance tombait plus tôt ou plus tard que prévu d’abord"),
        "DAYS_TERMINATION": _date("fin du contrat", "Jour où le contrat devait finir"),
        "CREDIT_TO_ANNUITY_RATIO": _noun("crédit rapporté à son annuité", "Le montant du prêt divisé par son annuité"),
        "APPLICATION_CREDIT_DIFF": _noun("montant demandé moins le montant du prêt", "Le montant demandé moins le montant du prêt, accordé ou non (négatif : le prêt était plus grand)"),
        "APPLICATION_CREDIT_RATIO": _noun("montant demandé rapporté au montant du prêt", "Le montant demandé divisé par le montant du prêt, accordé ou non"),
        "DOWN_PAYMENT_TO_CREDIT": _noun("apport en part du prêt", "L’apport en part du montant du prêt"),
        "SIMPLE_INTERESTS": _noun("intérêt simple par échéance", "Ce qui est à payer en tout en plus du crédit, en part de celui-ci, par échéance"),
        "AMT_PAYMENT": _noun("montant déjà payé", "Ce qui est déjà payé sur le prêt"),
        "INSTALMENT_PAYMENT_DIFF": _noun("montant dû moins le montant payé", "Ce qui était dû jusqu’ici moins ce qui a été payé (négatif : plus a été payé que dû)"),
        "REMAINING_DEBT": _noun("montant du prêt moins le montant payé", "Le montant du prêt moins ce qui est déjà payé (négatif : plus a été payé, car les intérêts comptent)"),
        "REPAYMENT_RATIO": _noun("montant payé en part du prêt", "Ce qui est déjà payé, en part du prêt (les intérêts comptent, d’où des parts de plus de 100 %)"),
        "NAME_CONTRACT_STATUS": _noun("de demandes {level}", "Demandes {level}"),
        "NAME_CONTRACT_TYPE": _noun("de demandes pour {level}", "Demandes pour {level}"),
        "CHANNEL_TYPE": _noun("de demandes venues par {level}", "Demandes venues par {level}"),
        "NAME_TYPE_SUITE": _noun("de demandes où le client est venu {level}", "Demandes où le client est venu {level}"),
        "NAME_YIELD_GROUP": _noun("de demandes à {level}", "Demandes à {level}"),
        "PRODUCT_COMBINATION": _noun("de demandes pour le produit « {level} »", "Demandes pour le produit « {level} »"),
        "NAME_PRODUCT_TYPE": _noun("de demandes {level}", "Demandes {level}"),
        "NAME_CLIENT_TYPE": _noun("de demandes faites par {level}", "Demandes faites par {level}"),
    },
    "months of earlier loans": {
        "SK_ID_PREV": _noun("prêts", "Prêts passés à la consommation ou en espèces chez nous", "key"),
        "MONTHS_BALANCE": _date("mois relevé", "Mois du relevé"),
        "SK_DPD": _noun("nombre de jours de retard", "Jours de retard des paiements dans un mois"),
        "SK_DPD_DEF": _noun("nombre de jours de retard sans les petites dettes", "Jours de retard des paiements dans un mois, petites dettes exclues"),
        "LATE_PAYMENT": _LATE_MONTH,
        "NAME_CONTRACT_STATUS": _noun("de mois où le prêt était {level}", "Mois où le prêt était {level}"),
    },
    "earlier loans by their months": {
        "COMPLETED_SHARE": _noun("part des mois d’un prêt après sa fin", "Part des mois d’un prêt où il était déjà terminé"),
        "COMPLETED_BEFORE": _event("prêts terminés en avance", "Prêts terminés en moins d’échéances que convenu d’abord"),
        "REMAINING": _noun("nombre d’échéances restantes", "Échéances qui restent à venir"),
        "REMAINING_RATIO": _noun("part des échéances restantes", "Échéances qui restent à venir, en part de toutes les échéances du prêt"),
        "LATE_MONTHS": _noun("nombre de mois en retard", "Nombre de mois d’un prêt où un paiement était en retard"),
    },
    "instalments": {
        "SK_ID_PREV": _noun("prêts", "Prêts chez nous sur lesquels il y avait à payer", "key"),
        "DAYS_ENTRY_PAYMENT": _date("jour du paiement", "Jour où un paiement a été fait"),
        "AMT_INSTALMENT": _noun("échéance due", "Montant de l’échéance que visait un paiement (compté pour chacun de ses paiements)"),
        "AMT_PAYMENT": _noun("montant payé", "Montant d’un paiement"),
        "DPD": _noun("nombre de jours de retard", "Jours entre l’échéance et un paiement en retard"),
        "DBD": _noun("nombre de jours d’avance", "Jours entre un paiement en avance et l’échéance"),
        "PAYMENT_DIFFERENCE": _noun("échéance moins tout ce qui a été payé pour elle", "Ce qui était dû d’une échéance moins tout ce qui a été payé pour elle (négatif : plus a été payé)"),
        "PAYMENT_RATIO": _noun("part payée de l’échéance", "Ce qui a été payé pour une échéance, en part de ce qui était dû"),
        "LATE_PAYMENT": _event("paiements en retard", "Paiements venus après l’échéance ou encore dus"),
        "SIGNIFICANT_LATE_PAYMENT": _event("paiements en retard de plus de 5 % de l’échéance", "Paiements en retard qui dépassent 5 % de l’échéance"),
        "LATE_PAYMENT_RATIO": _noun("partie en retard de l’échéance", "Le paiement en retard en part de l’échéance, 0 s’il était à temps"),
        "DPD_7": _event("paiements de plus de 7 jours en retard", "Paiements venus plus de 7 jours après l’échéance, ou encore dus après ce temps"),
        "DPD_15": _event("paiements de plus de 15 jours en retard", "Paiements venus plus de 15 jours après l’échéance, ou encore dus après ce temps"),
        "PAID_OVER": _event("paiements au-dessus de l’échéance", "Paiements de plus que l’échéance"),
        "PAID_OVER_AMOUNT": _noun("paiement moins son échéance", "Ce qui a été payé moins l’échéance due (négatif : moins a été payé)"),
    },
    "credit cards": {
        "MONTHS_BALANCE": _date("mois relevé", "Mois du relevé"),
        "AMT_BALANCE": _noun("solde dû", "Ce qui était dû sur la carte (négatif : trop a été payé)"),
        "AMT_CREDIT_LIMIT_ACTUAL": _noun("plafond de crédit", "Le plafond de crédit de la carte"),
        "AMT_DRAWINGS_ATM_CURRENT": _noun("espèces retirées dans un mois", "Ce qui a été retiré aux distributeurs dans un mois"),
        "AMT_DRAWINGS_CURRENT": _noun("montant tiré dans un mois", "Ce qui a été tiré avec la carte dans un mois"),
        "AMT_DRAWINGS_POS_CURRENT": _noun("montant dépensé en magasin dans un mois", "Ce qui a été dépensé en achats avec la carte dans un mois"),
        "AMT_INST_MIN_REGULARITY": _noun("paiement exigé dans un mois", "Ce qui était au moins à payer dans un mois"),
        "AMT_PAYMENT_TOTAL_CURRENT": _noun("montant payé dans un mois", "Ce qui a été payé dans un mois"),
        "AMT_TOTAL_RECEIVABLE": _noun("créance", "Ce que nous pouvions réclamer sur la carte en tout (négatif : trop a été payé)"),
        "CNT_DRAWINGS_ATM_CURRENT": _noun("nombre de retraits d’espèces dans un mois", "Combien de fois des espèces ont été retirées dans un mois"),
        "CNT_DRAWINGS_CURRENT": _noun("nombre d’emplois dans un mois", "Combien de fois la carte a servi dans un mois"),
        "CNT_DRAWINGS_POS_CURRENT": _noun("nombre d’achats dans un mois", "Combien de fois des achats ont été faits avec la carte dans un mois"),
        "SK_DPD": _noun("nombre de jours de retard", "Jours de retard des paiements dans un mois"),
        "SK_DPD_DEF": _noun("nombre de jours de retard sans les petites dettes", "Jours de retard des paiements dans un mois, petites dettes exclues"),
        "LIMIT_USE": _noun("part utilisée du plafond", "Ce qui était dû, en part du plafond de la carte"),
        "PAYMENT_DIV_MIN": _noun("paiement rapporté au paiement exigé", "Ce qui a été payé, divisé par ce qui était au moins à payer dans un mois"),
        "LATE_PAYMENT": _LATE_MONTH,
    },
}  # fmt: skip

BUILDING = {
    "APARTMENTS": "nombre d’appartements",
    "BASEMENTAREA": "surface du sous-sol",
    "YEARS_BEGINEXPLUATATION": "temps depuis la mise en service",
    "YEARS_BUILD": "temps depuis la construction",
    "COMMONAREA": "surface commune",
    "ELEVATORS": "nombre d’ascenseurs",
    "ENTRANCES": "nombre d’entrées",
    "FLOORSMAX": "étage le plus haut",
    "FLOORSMIN": "étage le plus bas",
    "LANDAREA": "surface du terrain",
    "LIVINGAPARTMENTS": "nombre d’appartements habités",
    "LIVINGAREA": "surface habitée",
    "NONLIVINGAPARTMENTS": "nombre d’appartements non habités",
    "NONLIVINGAREA": "surface non habitée",
    "TOTALAREA": "surface totale",
}

_ROWS = _template("nombre : {rows}", "{rows} : combien il y en a")
AGGREGATES: dict[Kind, dict[str, Template]] = {
    "quantity": {
        "min": _template("{short}, minimum sur {rows}", "{long} : le minimum sur {rows}"),
        "max": _template("{short}, maximum sur {rows}", "{long} : le maximum sur {rows}"),
        "mean": _template("{short}, moyenne sur {rows}", "{long} : la moyenne sur {rows}"),
        "sum": _template("{short}, total sur {rows}", "{long} : le total sur {rows}"),
        "var": _template(
            "{short}, variance sur {rows}", "{long} : combien cela varie sur {rows} (variance)"
        ),
        "std": _template(
            "{short}, dispersion sur {rows}", "{long} : combien cela varie sur {rows} (écart type)"
        ),
        "size": _ROWS,
        "count": _ROWS,
    },
    "date": {
        "min": _template("{short}, au plus tôt sur {rows}", "{long} : au plus tôt sur {rows}"),
        "max": _template("{short}, au plus tard sur {rows}", "{long} : au plus tard sur {rows}"),
        "mean": _template("{short}, moyenne sur {rows}", "{long} : la moyenne sur {rows}"),
        "var": _template(
            "{short}, variance sur {rows}", "{long} : combien cela varie sur {rows} (variance)"
        ),
        "size": _ROWS,
    },
    "event": {
        "max": _template("s’il y a des {short}, {rows}", "{long} : s’il y en a sur {rows}"),
        "mean": _template("part de {short}, {rows}", "{long} : leur part parmi {rows}"),
        "sum": _template("nombre de {short}, {rows}", "{long} : combien il y en a sur {rows}"),
        "count": _template(
            "nombre : {rows}, base de la part de {short}",
            "{rows} : combien il y en a ; la part de {short} est prise sur ce nombre, comme les autres "
            "parts de ces lignes",
        ),
    },
    "key": {
        "size": _ROWS,
        "nunique": _template(
            "nombre de {short} sans doublon, {rows}",
            "{long} : combien il y en a sans doublon parmi {rows}",
        ),
    },
}

SUBSETS = {
    "BUREAU_": "tous les prêts ailleurs",
    "BUREAU_ACTIVE_": "les prêts en cours ailleurs",
    "BUREAU_CLOSED_": "les prêts soldés ailleurs",
    "BUREAU_CONSUMER_": "les prêts à la consommation ailleurs",
    "BUREAU_CREDIT_": "les cartes de crédit ailleurs",
    "BUREAU_MORTGAGE_": "les prêts immobiliers ailleurs",
    "BUREAU_CAR_": "les prêts automobiles ailleurs",
    "BUREAU_MICROLOAN_": "les microcrédits ailleurs",
    "BUREAU_LAST6M_": "les prêts ailleurs des 6 derniers mois",
    "BUREAU_LAST12M_": "les prêts ailleurs des 12 derniers mois",
    "BUREAU_LAST24M_": "les prêts ailleurs des 24 derniers mois",
    "BUREAU_LAST36M_": "les prêts ailleurs des 36 derniers mois",
    "PREV_": "toutes les demandes précédentes",
    "PREV_ACTIVE_": "les prêts en cours chez nous",
    "APPROVED_": "les demandes précédentes acceptées",
    "REFUSED_": "les demandes précédentes refusées",
    "PREV_Consumer_": "les demandes précédentes de prêts à la consommation",
    "PREV_Cash_": "les demandes précédentes de prêts en espèces",
    "PREV_LATE_": "les prêts passés avec un paiement en retard",
    "PREV_LAST6M_": "les demandes des 6 derniers mois",
    "PREV_LAST12M_": "les demandes des 12 derniers mois",
    "PREV_LAST24M_": "les demandes des 24 derniers mois",
    "POS_": "tous les mois des prêts passés à la consommation ou en espèces",
    "POS_LOANS_": "les prêts passés à la consommation ou en espèces",
    "POS_LAST3_": "les trois derniers prêts à la consommation ou en espèces",
    "INS_": "tous les paiements chez nous, faits ou encore dus",
    "INS_18M_": "les paiements dus ces 18 derniers mois",
    "INS_36M_": "les paiements dus ces 36 derniers mois",
    "LAST_LOAN_": "les paiements du dernier prêt chez nous",
    "CC_": "tous les mois des cartes de crédit chez nous",
    "CC_LAST_": "le dernier mois de chaque carte de crédit chez nous",
    "CC_12M_": "les mois de carte de crédit des 12 derniers mois",
    "CC_24M_": "les mois de carte de crédit des 24 derniers mois",
    "CC_48M_": "les mois de carte de crédit des 48 derniers mois",
}

GROUPS = {
    "GROUP1_": "les clients aux mêmes études, profession et tranche d’âge",
    "GROUP2_": "les clients aux mêmes durée de prêt, source de revenu et études",
    "CTAR_": "les clients au même crédit rapporté à l’annuité",
}
GROUP = {
    "mean": _template(
        "{short}, moyenne parmi {rows}",
        "{long} : la moyenne parmi {rows} dans les données d’apprentissage",
    ),
    "median": _template(
        "{short}, médiane parmi {rows}",
        "{long} : la valeur du milieu parmi {rows} dans les données d’apprentissage",
    ),
    "std": _template(
        "{short}, dispersion parmi {rows}",
        "{long} : combien cela varie parmi {rows} dans les données d’apprentissage (écart type)",
    ),
}

#: What a level says in its noun's place ``{level}``, by history and column.
LEVELS = {
    "loans elsewhere": {
        "CREDIT_ACTIVE": {
            "Active": "encore en cours",
            "Closed": "déjà soldés",
            "Sold": "cédés à un autre prêteur",
        },
        "CREDIT_TYPE": {
            "Consumer credit": "prêts à la consommation",
            "Credit card": "cartes de crédit",
            "Car loan": "prêts automobiles",
            "Mortgage": "prêts immobiliers",
            "Microloan": "microcrédits",
        },
    },
    "earlier applications": {
        "NAME_CONTRACT_STATUS": {
            "Approved": "acceptées",
            "Canceled": "annulées",
            "Refused": "refusées",
            "Unused offer": "acceptées mais non utilisées",
        },
        "NAME_CONTRACT_TYPE": {
            "Cash loans": "un prêt en espèces",
            "Consumer loans": "un prêt à la consommation",
            "Revolving loans": "un crédit renouvelable",
            "XNA": "un genre de prêt non enregistré",
        },
        "CHANNEL_TYPE": {
            "AP+ (Cash loan)": "des partenaires qui vendent des prêts en espèces",
            "Car dealer": "des concessionnaires automobiles",
            "Channel of corporate sales": "les ventes aux entreprises",
            "Contact center": "le centre d’appels",
            "Country-wide": "les ventes nationales",
            "Credit and cash offices": "les agences de crédit",
            "Regional / Local": "les ventes régionales et locales",
            "Stone": "les magasins",
        },
        "NAME_TYPE_SUITE": {
            "Children": "avec ses enfants",
            "Family": "avec sa famille",
            "Group of people": "avec un groupe",
            "Other_A": "avec d’autres, premier genre",
            "Other_B": "avec d’autres, second genre",
            "Spouse, partner": "avec son conjoint",
            "Unaccompanied": "seul",
        },
        "NAME_YIELD_GROUP": {
            "XNA": "taux non enregistré",
            "high": "taux élevé",
            "low_action": "taux bas de promotion",
            "low_normal": "taux bas ordinaire",
            "middle": "taux moyen",
        },
        "NAME_PRODUCT_TYPE": {
            "XNA": "dont l’origine n’est pas enregistrée",
            "x-sell": "nées d’une offre à un client",
            "walk-in": "nées de la venue du client",
        },
        "NAME_CLIENT_TYPE": {
            "XNA": "un client de genre non enregistré",
            "New": "un nouveau client",
            "Refreshed": "un ancien client revenu",
            "Repeater": "un client qui a déjà eu des prêts",
        },
        "PRODUCT_COMBINATION": {
            "Card Street": "carte, venue du client",
            "Card X-Sell": "carte, offre à un client",
            "Cash": "espèces, sans précision",
            "Cash Street: high": "espèces, venue du client, taux élevé",
            "Cash Street: middle": "espèces, venue du client, taux moyen",
            "Cash Street: low": "espèces, venue du client, taux bas",
            "Cash X-Sell: high": "espèces, offre à un client, taux élevé",
            "Cash X-Sell: middle": "espèces, offre à un client, taux moyen",
            "Cash X-Sell: low": "espèces, offre à un client, taux bas",
            "POS household with interest": "équipement ménager avec intérêts",
            "POS household without interest": "équipement ménager sans intérêts",
            "POS industry with interest": "biens industriels avec intérêts",
            "POS industry without interest": "biens industriels sans intérêts",
            "POS mobile with interest": "téléphones mobiles avec intérêts",
            "POS mobile without interest": "téléphones mobiles sans intérêts",
            "POS other with interest": "autres biens avec intérêts",
            "POS others without interest": "autres biens sans intérêts",
        },
    },
    "months of earlier loans": {
        "NAME_CONTRACT_STATUS": {
            "Active": "en cours",
            "Approved": "accepté mais pas encore signé",
            "Completed": "terminé",
            "Demand": "exigé en retour",
            "Returned to the store": "terminé par le retour des biens",
            "Signed": "signé mais pas encore en cours",
        },
    },
}

_YES_NO = {"Y": "oui", "N": "non"}
#: The levels of the application's categories, as the value of a client.
VALUES = {
    "NAME_CONTRACT_TYPE": {
        "Cash loans": "prêt en espèces",
        "Revolving loans": "crédit renouvelable",
    },
    "CODE_GENDER": {"F": "femme", "M": "homme"},
    "FLAG_OWN_CAR": _YES_NO,
    "NAME_INCOME_TYPE": {
        "Working": "travail",
        "Commercial associate": "associé commercial",
        "Pensioner": "retraite",
        "State servant": "travail pour l’État",
        "Unemployed": "chômage",
        "Student": "études",
        "Businessman": "entreprise à soi",
        "Maternity leave": "congé de maternité",
    },
    "NAME_EDUCATION_TYPE": {
        "Secondary / secondary special": "études secondaires",
        "Higher education": "études supérieures",
        "Incomplete higher": "études supérieures inachevées",
        "Lower secondary": "premier cycle du secondaire",
        "Academic degree": "diplôme universitaire",
    },
    "NAME_FAMILY_STATUS": {
        "Married": "marié",
        "Single / not married": "célibataire",
        "Civil marriage": "union libre",
        "Separated": "séparé",
        "Widow": "veuf",
        "Unknown": "sans indication",
    },
    "NAME_HOUSING_TYPE": {
        "House / apartment": "maison ou appartement à soi",
        "With parents": "chez les parents",
        "Municipal apartment": "appartement municipal",
        "Rented apartment": "appartement loué",
        "Office apartment": "appartement de fonction",
        "Co-op apartment": "appartement en coopérative",
    },
    "OCCUPATION_TYPE": {
        "Laborers": "ouvrier",
        "Sales staff": "personnel de vente",
        "Core staff": "personnel principal",
        "Managers": "cadre",
        "Drivers": "chauffeur",
        "High skill tech staff": "technicien très qualifié",
        "Accountants": "comptable",
        "Medicine staff": "personnel médical",
        "Security staff": "personnel de sécurité",
        "Cooking staff": "personnel de cuisine",
        "Cleaning staff": "personnel d’entretien",
        "Private service staff": "personnel de service privé",
        "Low-skill Laborers": "ouvrier peu qualifié",
        "Waiters/barmen staff": "personnel de salle ou de bar",
        "Secretaries": "secrétaire",
        "Realty agents": "agent immobilier",
        "HR staff": "personnel des ressources humaines",
        "IT staff": "personnel informatique",
    },
    "WEEKDAY_APPR_PROCESS_START": {
        "MONDAY": "lundi",
        "TUESDAY": "mardi",
        "WEDNESDAY": "mercredi",
        "THURSDAY": "jeudi",
        "FRIDAY": "vendredi",
        "SATURDAY": "samedi",
        "SUNDAY": "dimanche",
    },
    "ORGANIZATION_TYPE": {
        "XNA": "sans indication",
        "Self-employed": "travail indépendant",
        "Realtor": "agence immobilière",
        "Mobile": "téléphonie mobile",
        "Telecom": "télécommunications",
        "Emergency": "secours",
        "Security Ministries": "ministères de la sécurité",
        "Legal Services": "services juridiques",
        "Other": "autre",
        "Medicine": "médecine",
        "Government": "administration",
        "School": "école",
        "Kindergarten": "école maternelle",
        "Construction": "bâtiment",
        "Security": "sécurité",
        "Housing": "habitat",
        "Military": "armée",
        "Bank": "banque",
        "Agriculture": "agriculture",
        "Police": "police",
        "Postal": "poste",
        "Restaurant": "restauration",
        "Services": "services",
        "University": "université",
        "Hotel": "hôtellerie",
        "Electricity": "électricité",
        "Insurance": "assurances",
        "Advertising": "publicité",
        "Culture": "culture",
        "Cleaning": "nettoyage",
        "Religion": "religion",
        **{f"Business Entity Type {n}": f"entreprise, type {n}" for n in range(1, 4)},
        **{f"Trade: type {n}": f"commerce, type {n}" for n in range(1, 8)},
        **{f"Transport: type {n}": f"transport, type {n}" for n in range(1, 5)},
        **{f"Industry: type {n}": f"industrie, type {n}" for n in range(1, 14)},
    },
}

_THIN = "\N{NARROW NO-BREAK SPACE}"
FRENCH_VALUES = ValueWords(
    missing="non renseigné",
    yes="oui",
    no="non",
    units={
        "day": ("jour", "jours"),
        "month": ("mois", "mois"),
        "year": ("an", "ans"),
        "hour": ("heure", "heures"),
        "squared day": ("jour carré", "jours carrés"),
        "squared month": ("mois carré", "mois carrés"),
        "squared amount": ("unité monétaire carrée", "unités monétaires carrées"),
    },
    phrases={
        "ago": "il y a {length}",
        "ahead": "dans {length}",
        "same day": "le jour de la demande",
        "same month": "le mois de la demande",
        "earlier": "{length} plus tôt",
        "later": "{length} plus tard",
        "as planned": "comme prévu",
        "same hour": "à la même heure",
        "rises": "augmente de {length} par paiement",
        "falls": "diminue de {length} par paiement",
        "level": "ne change pas",
        "rating": "{number} sur une échelle de 1 à 3",
        "scale": "{number} sur une échelle de 0 à 1",
        "per day": "{number} par jour",
        "tiny": "moins de {number}",
        "nearly all": "plus de {number}",
        "up to": "jusqu’à {high} {unit}",
        "between": "plus de {low}, jusqu’à {high} {unit}",
        "over": "plus de {low} {unit}",
        "over or missing": "plus de {low} {unit}, ou non renseigné",
    },
    levels=VALUES,
    thousands=_THIN,
    point=",",
    percent="\N{NO-BREAK SPACE}%",
    singular_below=2,
)

#: The end of a sentence about a number that is displayed in this way.
ENDINGS: dict[Display, str] = {
    "age": ", en années",
    "years": ", en années",
    "when_days": ", compté depuis le jour de la demande",
    "when_months": ", compté depuis le mois de la demande",
    "days": ", en jours",
    "days_earlier": ", en jours",
    "days_per_payment": ", en jours",
    "months": ", en mois",
    "hours_later": ", en heures",
    "money": ", en argent",
    "money_per_day": ", en argent",
    "money_per_payment": ", en argent",
    "percent": ", en pour cent",
    "share_of_time": ", en pour cent",
}
SQUARES = {
    "currency²": ", en unités monétaires au carré",
    "days²": ", en jours au carré",
    "months²": ", en mois au carré",
}

#: The name of each concept of the English words.
_CONCEPTS = {
    "External scores": "Scores externes",
    "Similar clients": "Clients semblables",
    "Income": "Revenus",
    "Employment": "Emploi",
    "Loan applied for": "Prêt demandé",
    "Age": "Âge",
    "Education": "Études",
    "Gender": "Sexe",
    "Family": "Famille",
    "Home and contact": "Domicile et contact",
    "Car": "Voiture",
    "Time of the application": "Moment de la demande",
    "Social circle": "Entourage",
    "Documents": "Documents",
    "Enquiries at the credit bureau": "Consultations du dossier de crédit",
    "Loans elsewhere": "Prêts ailleurs",
    "Running loans elsewhere": "Prêts en cours ailleurs",
    "Recent loans elsewhere": "Prêts récents ailleurs",
    "Earlier applications": "Demandes précédentes",
    "Recent applications": "Demandes récentes",
    "Running loans with us": "Prêts en cours chez nous",
    "Approved earlier loans": "Prêts passés acceptés",
    "Refused applications": "Demandes refusées",
    "Course of earlier loans": "Déroulement des prêts passés",
    "Repayment of earlier loans": "Remboursement des prêts passés",
    "Recent repayment": "Remboursement récent",
    "Credit cards with us": "Cartes de crédit chez nous",
}

FRENCH = Wording(
    features=FEATURES,
    columns=COLUMNS,
    building=BUILDING,
    building_statistics={"AVG": "moyenne", "MODE": "valeur la plus fréquente", "MEDI": "médiane"},
    building_noun=_template(
        "immeuble habité : {stem}, {statistic}",
        "L’immeuble où habite le client : {stem} ({statistic}), sous forme d’un nombre de 0 à 1 que le "
        "fournisseur des données a mis à l’échelle",
    ),
    aggregates=AGGREGATES,
    trend=_template(
        "{short}, tendance sur les {last} derniers paiements",
        "{long} : de combien cela augmente ou diminue d’un paiement au suivant, sur les {last} "
        "derniers paiements",
    ),
    share=_template("part {short}, {rows}", "{long} : leur part parmi {rows}"),
    group=GROUP,
    subsets=SUBSETS,
    groups=GROUPS,
    levels=LEVELS,
    endings=ENDINGS,
    squares=SQUARES,
    concepts={start: _CONCEPTS[concept] for start, concept in CONCEPTS.items()},
    building_concept="Immeuble habité",
)
