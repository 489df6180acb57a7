#!/usr/bin/env bash
# Latency beside ONNX Runtime, OpenVINO and tract: builds, makes an environment with the peers, and measures.
# Arguments go to Benchmarks/compare.py, e.g. --threads 2 --only MiniLM --out results
set -euo pipefail
cd "$(dirname "$0")/.."
export ZOO_FIXTURES=${ZOO_FIXTURES:-$PWD/.build-fixtures}
environment=.venv-bench

python=$(scripts/oracle.sh)
"$python" tools/fetch_fixtures.py "$ZOO_FIXTURES"
if ! "$environment/bin/python" -c 'import matplotlib, onnx, onnxruntime, openvino, tract' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install -q --disable-pip-version-check -r Benchmarks/requirements.txt
fi
swift build -c release --disable-sandbox 2>&1 | tail -n 1
exec "$environment/bin/python" Benchmarks/compare.py "$@"
