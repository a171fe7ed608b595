#!/usr/bin/env bash
# clang-format and clang-tidy over the tree; exits 1 if either finds something. Arguments: PROJECT_DIR [FILE...]
set -euo pipefail
cd "$1"
shift
mapfile -t files < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else
  find datasets encoder index storage engine http cli demo tests benchmarks -name '*.cpp' -o -name '*.h' | sort; fi)
status=0
clang-format --dry-run -Werror "${files[@]}" || status=1

# A build of its own, never built but for what it generates: clang cannot read g++'s precompiled headers.
cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >/dev/null
cmake --build build/lint --target clipdex_web >/dev/null
# clang brings no omp.h without its own OpenMP, which the build does not use; g++'s serves, but for an attribute that clang does not know.
mkdir -p build/lint/openmp
rm -f build/lint/openmp/omp.h
sed 's/__malloc__ (omp_free)/__malloc__/' "$(g++ -print-file-name=include/omp.h)" >build/lint/openmp/omp.h
mapfile -t sources < <(printf '%s\n' "${files[@]}" | grep -E '^(datasets|encoder|index|storage|engine|http|cli|demo)/.*\.cpp$' |
  grep -vE '^(encoder/cuda|index/gpu)/' || true)  # Debian has not the headers of these
if [ ${#sources[@]} -gt 0 ]; then
  printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy -p build/lint --extra-arg="-idirafter$PWD/build/lint/openmp" --quiet 2>/dev/null || status=1
fi
[ "$status" = 0 ] && echo "lint: clean (${#files[@]} files)"
exit "$status"
