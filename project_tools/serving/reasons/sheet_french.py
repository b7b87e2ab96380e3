"""The words of a decision's printable sheet in French, around the reasons."""

SHEET = {
    "title": "Décision sur un prêt",
    "client": "Client {client}",
    "applicant": "Demandeur sans numéro de client",
    "decided": "Décidé le {day} {month} {year} à {hour} h {minute} UTC",
    "months": (
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
    ),
    "points_note": (
        "Chaque raison augmente (+) ou diminue (\N{MINUS SIGN}) le risque estimé d’autant de points de "
        "pourcentage, par rapport aux clients proches de la limite."
    ),
    "average_note": (
        "Chaque raison augmente (+) ou diminue (\N{MINUS SIGN}) le risque estimé d’autant de points de "
        "pourcentage, par rapport au client moyen."
    ),
    "against": "Ce qui joue contre le prêt",
    "for": "Ce qui joue en faveur du prêt",
    "offers": "Ce qui aurait été accepté",
    "review": "Vous pouvez demander l’avis d’une personne",
    "rights": (
        "Un modèle informatique a évalué cette demande. L’article 18 de la directive (UE) 2023/2225 "
        "vous donne le droit :"
    ),
    "explanation": (
        "d’obtenir une explication claire de l’évaluation : sa logique, ses risques et son effet sur "
        "la décision ;"
    ),
    "view": "de dire ce que vous en pensez et d’être entendu par une personne ;",
    "reassessment": "de faire réexaminer l’évaluation et la décision par une personne.",
    "how": (
        "Dites-le à la personne qui vous a remis cette feuille, de vive voix ou par écrit, avec le "
        "numéro de décision ci-dessous. Une raison dans vos propres mots suffit."
    ),
    "number": "Numéro de décision",
    "model": "Modèle",
    "version": "{name}, version {version}",
    "digest": "Empreinte du modèle",
    "seal": "Sceau",
    "seal_note": (
        "Avec le sceau, le prêteur peut montrer que la décision enregistrée n’a pas été modifiée."
    ),
}  # fmt: skip
