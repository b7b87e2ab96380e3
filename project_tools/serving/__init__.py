"""The verified model and every answer made from it. It knows no family, search or run.

``artefact.load_artefact``, ``clients.ClientStore``, ``scoring.Scorer``, ``explanation.explain``,
``peers``, ``decisions.store.open_store``.
"""
