#!/usr/bin/env bash
# What "./run bench [NAME]" runs inside the environment. Usage: run.sh BUILD_DIR [NAME [ARGS...]]
set -euo pipefail

readonly build_dir=$1
shift
source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
readonly source_dir
names=()
# The programs; other sources there are parts of them.
for file in "$source_dir"/*.cpp; do
  if grep -q '^int main' "$file" && [ -e "$build_dir/$(basename "$file" .cpp)" ]; then names+=("$(basename "$file" .cpp)"); fi
done

if [ $# -gt 0 ]; then
  name=$1
  shift
  case " ${names[*]} " in
    *" $name "*) exec "$build_dir/$name" "$@" ;;
    *) printf 'bench: there is no benchmark "%s"; there are: %s\n' "$name" "${names[*]}" >&2; exit 2 ;;
  esac
fi
for name in "${names[@]}"; do
  printf '== %s\n' "$name"
  "$build_dir/$name"
done
