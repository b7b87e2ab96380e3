#!/usr/bin/env bash
# credit-scoring's stand-in for pyenv: `make setup` copies it to .venv/bin/pyenv.
# `mlflow run PROJECT` asks pyenv for the Python of the project's own environment. Another pyenv on the
# PATH gets every call; without one, this script offers the Python that .venv was made from.
set -euo pipefail
mark="credit-scoring's stand-in for pyenv"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

IFS=: read -ra folders <<<"$PATH"
for folder in "${folders[@]}"; do
    other=${folder:-.}/pyenv
    # A stand-in of another clone would hand over to this one, and this one to that, without end.
    if [[ -f $other && -x $other ]] && ! grep -qsF "$mark" "$other"; then exec "$other" "$@"; fi
done

root=$(dirname "$here")/pyenv
version=${*: -1}
case ${1:-} in
root) echo "$root" ;;
install)
    own=$("$here/python" -c 'import sys; print(*sys.version_info[:3], sep=".")')
    case $version in
    --list | -l) echo "$own" ;;
    [0-9]*.[0-9]*.[0-9]*)
        [[ $version == "$own" ]] ||
            echo "pyenv is not installed: the project's environment gets Python $own in place of $version" >&2
        mkdir -p "$root/versions/$version/bin"
        # Not a link: Python looks for its library beside the path that it was started by.
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$here/python" >"$root/versions/$version/bin/python"
        chmod +x "$root/versions/$version/bin/python"
        ;;
    *) echo "pyenv install: $version is no Python version such as 3.11.7" >&2; exit 1 ;;
    esac
    ;;
*)
    echo "pyenv is not installed; $here/pyenv stands in for it and knows 'root' and 'install VERSION' alone" >&2
    exit 1
    ;;
esac
