#!/usr/bin/env bash
# Lock the versions anew: requirements.txt (all but Spark, with hashes), requirements-spark.txt (what
# the extra "spark" adds to it) and the three MLflow Projects' own requirements (what project_tools needs, the same versions, without hashes: MLflow hands them to pip
# beside other lines), and what the API needs to run alone (api/requirements.txt; for forests and linear
# models api/requirements-sklearn.txt too). No index lines: whoever installs uses the index of their own settings.
set -euo pipefail
bin=$1
common=(--universal --python-version 3.11 --no-emit-index-url --no-annotate --quiet --custom-compile-command "make lock")
"$bin/uv" pip compile pyproject.toml --extra api --extra dashboard --extra dev --generate-hashes "${common[@]}" --output-file requirements.txt
# lock_part FILE NAME…: these extras and groups of pyproject.toml, without the project's own dependencies
lock_part() {
    local file=$1
    shift
    "$bin/python" -c 'import sys, tomllib
file = tomllib.load(open("pyproject.toml", "rb"))
lists = file["project"]["optional-dependencies"] | file["dependency-groups"]
print(*(line for name in sys.argv[1:] for line in lists[name]), sep="\n")' "$@" |
        "$bin/uv" pip compile - --constraint requirements.txt --generate-hashes "${common[@]}" --output-file "$file"
}
lock_part requirements-spark.txt spark
lock_part api/requirements.txt api serving
lock_part api/requirements-sklearn.txt api serving serving-sklearn
for project in hyperparameter_tuning random_forest lightgbm; do
    "$bin/uv" pip compile pyproject.toml --constraint requirements.txt "${common[@]}" --output-file "$project/requirements.txt"
done
