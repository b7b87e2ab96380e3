"""Which setting? hyperopt's TPE over the space of a family. It knows no MLflow.

``search.search``, ``trial.Trial``.
"""
