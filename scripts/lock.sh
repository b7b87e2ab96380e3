#!/usr/bin/env bash
# Lock the versions anew: requirements.txt (all but Spark, with hashes), requirements-spark.txt (what
# the extra "spark" adds to it) and the three MLflow Projects' own requirements (what project_tools needs, the same versions, without hashes: MLflow hands them to pip
# beside other lines). No index lines: whoever installs uses the index of their own settings.
set -euo pipefail
bin=$1
common=(--universal --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command "make lock")
"$bin/uv" pip compile pyproject.toml --extra api --extra dashboard --extra dev --generate-hashes "${common[@]}" --output-file requirements.txt
"$bin/python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")' |
    "$bin/uv" pip compile - --constraint requirements.txt --generate-hashes "${common[@]}" --output-file requirements-spark.txt
for project in hyperparameter_tuning random_forest lightgbm; do
    "$bin/uv" pip compile pyproject.toml --constraint requirements.txt "${common[@]}" --output-file "$project/requirements.txt"
done
