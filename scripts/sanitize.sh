#!/usr/bin/env bash
# Runs the tests, the backend suite and random cases of every operator under AddressSanitizer, C kernels included.
# COUNT says how many random cases (default 5000). Takes half an hour; its build lies in .build-sanitize.
# With the argument "threads": sessions, thread pool and kernels in parallel under ThreadSanitizer instead.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = threads ]; then
  exec swift test --sanitize=thread --scratch-path .build-tsan --disable-sandbox -Xcc -O2 \
    --filter 'Session|Thread|Parallel|Pool'
fi
export ZOO_FIXTURES=${ZOO_FIXTURES:-$PWD/.build-fixtures}
# The test runner itself leaks. A stop at an error gives the case in which it happened.
export ASAN_OPTIONS=detect_leaks=0:halt_on_error=1
build=(--sanitize=address --scratch-path .build-sanitize --disable-sandbox -Xcc -O1)
python=$(scripts/oracle.sh)
failed=()
swift build "${build[@]}" --product zoo-tool
export ZOO_TOOL=$PWD/.build-sanitize/debug/zoo-tool
"$python" tools/differential.py --seed sanitize --count "${COUNT:-5000}" || failed+=("random cases")
"$python" tools/backend_suite.py || failed+=("backend suite")
swift test "${build[@]}" || failed+=("tests")
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
