#!/usr/bin/env bash
# Run the three MLflow Projects under each environment manager, on the features of the last
# make run, with budgets of seconds: that they start, find our code and end well is what is tried.
# virtualenv is MLflow's default. It asks for pyenv, and gets the stand-in of .venv/bin where there is none.
set -euo pipefail
cd "$(dirname "$0")/.."
bare=$PATH
PATH=$PWD/.venv/bin:$PATH
features=pickle_files/features.parquet
[[ -f $features ]] || { echo "no $features; make run SERVE=0 makes it" >&2; exit 1; }
store=$(mktemp -d)
trap 'rm -rf "$store"' EXIT
# A store of its own: these runs are no models to choose from. Environments of its own: none is there yet.
export MLFLOW_TRACKING_URI=sqlite:///$store/mlflow.db MLFLOW_ENV_ROOT=$store/envs
small=(-P "data=$features" -P profile=demo -P sample=1000 -P folds=2)
search=("${small[@]}" -P trials=1 -P families=logistic_l2)
fail() { echo "try_managers: $*" >&2; exit 1; }

# The PATH without its folders that hold a pyenv: $1 in front.
without_pyenv() {
    local folders folder kept=$1
    IFS=: read -ra folders <<<"$bare"
    for folder in "${folders[@]}"; do
        [[ -e $folder/pyenv ]] || kept+=:$folder
    done
    echo "$kept"
}

echo "--- not active: one line"
status=0
PATH=$(without_pyenv "$store") .venv/bin/mlflow run hyperparameter_tuning 2>"$store/said" || status=$?
[[ $status == 1 && $(grep -c '^error: .* is not active' "$store/said") == 1 ]] || fail "said: $(<"$store/said")"
! grep -q Traceback "$store/said" || fail "a traceback: $(<"$store/said")"

echo "--- as typed, without pyenv"
PATH=$(without_pyenv "$PWD/.venv/bin") mlflow run hyperparameter_tuning "${search[@]}"
if [[ $(PATH=$bare command -v pyenv) ]]; then
    echo "--- as typed, with pyenv"
    mlflow run hyperparameter_tuning "${search[@]}"
fi

echo "--- a half-built environment is made anew"
rm -rf "$store"/envs/*/lib/python*/site-packages/rich*
mlflow run hyperparameter_tuning --env-manager uv "${search[@]}"

managers=(local uv)
for manager in "${managers[@]}"; do
    echo "--- environment manager: $manager"
    mlflow run hyperparameter_tuning --env-manager "$manager" "${small[@]}" -P trials=1
    mlflow run lightgbm --env-manager "$manager" "${small[@]}" -P trials=1
    mlflow run lightgbm -e log_model --env-manager "$manager" "${small[@]}"
    mlflow run random_forest -e random_forest_final_model --env-manager "$manager" "${small[@]}"
done
echo "tried: virtualenv as typed, ${managers[*]}"
