#!/usr/bin/env bash
# Lock the versions anew: requirements.txt (all, with hashes) and the three MLflow Projects' own
# requirements (what project_tools needs, the same versions, without hashes: MLflow hands them to pip
# beside other lines). No index lines: whoever installs uses the index of their own settings.
set -euo pipefail
bin=$1
common=(--universal --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command "make lock")
"$bin/uv" pip compile pyproject.toml --all-extras --generate-hashes "${common[@]}" --output-file requirements.txt
for project in hyperparameter_tuning random_forest lightgbm; do
    "$bin/uv" pip compile pyproject.toml --constraint requirements.txt "${common[@]}" --output-file "$project/requirements.txt"
done
