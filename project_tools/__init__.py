"""Credit scoring, from raw tables to a decision that a person can explain.

raw tables -> features -> dataset, folds -> search -> final model -> run -> artefact -> answer

``system`` what the operating system gives; ``evaluation`` arrays in, figures with errors out;
``tables``, ``demo``, ``features``, ``models``, ``search`` in the order of the work; ``serving`` the
verified model and its answers; ``governance`` what a risk officer signs; ``runs`` what MLflow
keeps; ``cli`` the commands. docs/architecture.md draws it.
"""

#: The release; pyproject.toml reads it here, because MLflow's environments hold no installation of ours.
__version__ = "0.1.0"
