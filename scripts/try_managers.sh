#!/usr/bin/env bash
# Run the three MLflow Projects under each environment manager, on the features of the last
# make run, with budgets of seconds: that they start, find our code and end well is what is tried.
# virtualenv is MLflow's default and needs pyenv; it is tried where pyenv is.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
managers=(local uv)
if command -v pyenv >/dev/null; then managers+=(virtualenv); fi
features=pickle_files/features.parquet
[[ -f $features ]] || { echo "no $features; make run SERVE=0 makes it" >&2; exit 1; }
store=$(mktemp -d)
trap 'rm -rf "$store"' EXIT
# A store of its own: these runs are no models to choose from.
export MLFLOW_TRACKING_URI=sqlite:///$store/mlflow.db
small=(-P "data=$features" -P profile=demo -P sample=1000 -P folds=2)
for manager in "${managers[@]}"; do
    echo "--- environment manager: $manager"
    mlflow run hyperparameter_tuning --env-manager "$manager" "${small[@]}" -P trials=1
    mlflow run lightgbm --env-manager "$manager" "${small[@]}" -P trials=1
    mlflow run lightgbm -e log_model --env-manager "$manager" "${small[@]}"
    mlflow run random_forest -e random_forest_final_model --env-manager "$manager" "${small[@]}"
done
echo "tried: ${managers[*]}"
