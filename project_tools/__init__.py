"""From the raw tables of a consumer lender to a credit decision that a person can explain.

Nothing runs on import. The order of the modules is the order of the work: ``tables``, ``splits``,
``features``, ``preparation``, ``families``, ``search``, ``training``, ``tracking``, ``artefact``, ``scoring``.
"""

#: The release; pyproject.toml reads it here, because MLflow's environments hold no installation of ours.
__version__ = "0.1.0"
