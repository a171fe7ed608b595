#!/usr/bin/env bash
# What "./run fuzz" runs inside the environment. Usage: fuzz.sh PROJECT_DIR [NAME [SECONDS [LIBFUZZER_OPTION...]]]
set -euo pipefail

readonly project_dir=$1 name=${2:-} seconds=${3:-60}
shift $(($# < 3 ? $# : 3))
names=()
for file in "$project_dir"/tests/fuzz/*_fuzzer.cpp; do names+=("$(basename "$file" _fuzzer.cpp)"); done
if [ -z "$name" ]; then
  printf 'fuzz targets: %s\n' "${names[*]}"
  exit 0
fi
# What was found in earlier runs is kept and built upon.
readonly corpus=$project_dir/build/fuzz-corpus/$name findings=$project_dir/build/fuzz-findings/
mkdir -p "$corpus" "$findings"
export ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=2048
exec "$project_dir/build/fuzz/${name}_fuzzer" "$corpus" "$project_dir/tests/fuzz/seeds/$name" -max_total_time="$seconds" -timeout=10 \
  -rss_limit_mb=2048 -artifact_prefix="$findings$name-" -print_final_stats=1 "$@"
