#!/usr/bin/env bash
# Make or update the environment: setup.sh PYTHON VENV. It does nothing if nothing has changed. With an
# empty PYTHON an existing environment keeps its Python, and a new one is made with python3.
set -euo pipefail
asked=$1 python=${1:-python3} venv=$2
stamp=$venv/.made-from

fail() { echo "setup: $*" >&2; exit 1; }

# The path is part of the stamp: in a clone that was moved or copied, the environment points to the old path.
digest=$({ cat requirements.txt pyproject.toml scripts/setup.sh scripts/pyenv_stand_in.sh; pwd; } | sha256sum | cut -d' ' -f1)
release() { "$1" -c 'import sys; print(*sys.version_info[:3], sep=".")' 2>/dev/null; }
same_python() { [[ -z $asked || $(release "$venv/bin/python") == "$(release "$asked")" ]]; }
[[ -x $venv/bin/python && -f $stamp && $(<"$stamp") == "$digest" ]] && same_python && exit 0

# Print a sign of life every five seconds, also while pip, uv or the disk are slow. The sleep writes to
# /dev/null: with our outputs open, a program that reads them would wait until it ends.
alive() { while sleep 5 >/dev/null 2>&1; do echo "setup: … ${SECONDS} s"; done; }
alive & alive=$!
trap 'kill "$alive" 2>/dev/null' EXIT

echo "setup: making the environment in $venv (about half a minute where downloads are quick)"
command -v "$python" >/dev/null || fail "no $python here; install Python 3.11 or later, or name one: make setup PYTHON=/path/to/python"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$python is $("$python" -V 2>&1); Python 3.11 or later is needed: make setup PYTHON=python3.12"
if [[ ! -x $venv/bin/python || $(cat "$venv/.made-in" 2>/dev/null) != "$PWD" ]] || ! same_python; then
    rm -f "$stamp"
    "$python" -m venv --clear "$venv" || fail "could not make $venv; on Debian and Ubuntu: apt-get install python3-venv"
    echo "$PWD" >"$venv/.made-in"
fi
uv_pin=$(grep -oE '^uv==[0-9.]+' requirements.txt)
if [[ $("$venv/bin/uv" --version 2>/dev/null | cut -d' ' -f2) != "${uv_pin#uv==}" ]]; then
    echo "setup: installing $uv_pin, which installs the rest"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$uv_pin"
fi
echo "setup: installing the locked packages"
export VIRTUAL_ENV=$PWD/$venv
"$venv/bin/uv" pip sync --require-hashes requirements.txt
"$venv/bin/uv" pip install --no-deps --no-build-isolation --editable .
# What `mlflow run PROJECT` needs beside MLflow: a pyenv, and a look at the environment that it will take.
install -m 755 scripts/pyenv_stand_in.sh "$venv/bin/pyenv"
rm -f "$venv/bin/mlflow" # a link into uv's cache, perhaps: what it leads to must not be written to
printf '#!/bin/sh\nexec "%s" -P "%s" "$@"\n' "$PWD/$venv/bin/python" "$PWD/scripts/mlflow_command.py" >"$venv/bin/mlflow"
chmod 755 "$venv/bin/mlflow"

"$venv/bin/python" -c 'import lightgbm; lightgbm.Booster' 2>/dev/null ||
    fail "LightGBM does not load; it needs OpenMP. On Debian and Ubuntu: apt-get install libgomp1; on macOS: brew install libomp"
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    echo "setup: no Chromium here, so the browser test will be skipped. On Debian: apt-get install chromium"
echo "$digest" >"$stamp"
echo "setup: done"
