"""What is said of counter-offers and of missing values. No sentence is a promise."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SimulationWords:
    """The sentences in one language; fields in braces are filled.

    ``rounded``: a simulation that is computed from rounded values.
    """

    rounded: str
    offers: str
    no_offer: str
    revolving: str
    unknown_amount: str
    lacking: str
    missing: str
    some_missing: str
    none_missing: str
    complete: str
    no_reference: str


WORDS: Mapping[str, SimulationWords] = {
    "en": SimulationWords(
        rounded="The client store holds rounded values: some features may differ in their last digit "
        "from those of a new application.",
        offers="{offers} of {cells} combinations of amount and term would be accepted now. The largest "
        "amount is {amount}, over {term} months. An application for it is decided anew.",
        no_offer="None of the {cells} combinations of amount and term that were tried would be accepted "
        "now.",
        revolving="A revolving loan has no term, so no other amount or term is tried.",
        unknown_amount="The amount or the annuity of the request is not known, so no other amount or "
        "term is tried.",
        lacking="The client store lacks what a change of the amount needs, so no other amount or term "
        "is tried.",
        missing="Not known: {label}. With {share} of the values of other clients, the decision could "
        "be different.",
        some_missing="What is listed could change the decision, each by itself. Nobody knows the value "
        "that would come in.",
        none_missing="No missing document or score could change the decision by itself.",
        complete="No document or score that the model looks for is missing.",
        no_reference="This model holds no reference of other clients, so nobody can say what a missing "
        "value could change.",
    ),
    "fr": SimulationWords(
        rounded="Le registre des clients contient des valeurs arrondies : certaines variables peuvent "
        "différer, au dernier chiffre, de celles d’une nouvelle demande.",
        offers="{offers} des {cells} combinaisons de montant et de durée seraient acceptées aujourd’hui. "
        "Le plus grand montant est de {amount}, sur {term} mois. Une demande en ce sens est étudiée à "
        "nouveau.",
        no_offer="Aucune des {cells} combinaisons de montant et de durée essayées ne serait acceptée "
        "aujourd’hui.",
        revolving="Un crédit renouvelable n’a pas de durée : aucun autre montant ni aucune autre durée "
        "n’est essayé.",
        unknown_amount="Le montant ou l’annuité de la demande n’est pas connu : aucun autre montant ni "
        "aucune autre durée n’est essayé.",
        lacking="Il manque au registre des clients ce qu’exige un changement du montant : aucun autre "
        "montant ni aucune autre durée n’est essayé.",
        missing="Inconnu : {label}. Avec {share} des valeurs d’autres clients, la décision pourrait être "
        "différente.",
        some_missing="Chaque élément de la liste pourrait, à lui seul, changer la décision. Personne ne "
        "connaît la valeur qui viendrait.",
        none_missing="Aucun document ni score manquant ne pourrait, à lui seul, changer la décision.",
        complete="Aucun document ni score que le modèle attend ne manque.",
        no_reference="Ce modèle n’a pas de référence d’autres clients : personne ne peut dire ce qu’une "
        "valeur manquante changerait.",
    ),
}
