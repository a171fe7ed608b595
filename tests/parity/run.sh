#!/usr/bin/env bash
# Behind "./run parity": installs the reference implementations once and runs the comparison. README.md says what it compares.
set -euo pipefail

readonly here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
readonly program=$1 cache=$2
shift 2

references=$cache/python-$(sha256sum <"$here/requirements.txt" | cut -c1-16)
if [ ! -d "$references" ]; then
  printf 'parity: installing transformers and open_clip with pip, once ...\n' >&2
  rm -rf "$references.tmp"
  python3 -m pip install --quiet --no-deps --no-compile --disable-pip-version-check --target "$references.tmp" -r "$here/requirements.txt"
  mv -T "$references.tmp" "$references"
fi

# Nothing is looked up on a hub: every model is made here.
export PYTHONPATH=$references:$here PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
script=compare.py
case ${1:-} in
  fixtures) script=make_fixtures.py; shift ;;
  training-fixtures) script=make_training_fixtures.py; shift ;;
esac
exec python3 "$here/$script" --program "$program" --work "$cache" "$@"
