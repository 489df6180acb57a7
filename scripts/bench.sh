#!/usr/bin/env bash
# Measures beside ONNX Runtime and other peers: builds, makes an environment with them, and runs one benchmark.
#   bench.sh [peers]    latency of all workloads, e.g. --threads 2 --only MiniLM --out results
#   bench.sh quantized  latency of quantized models over f32
#   bench.sh callers    eight callers of one session over one caller with all threads
#   bench.sh growth     what a node costs in chains of 10 to 50,000
#   bench.sh start      a process from start to answer, and a session from file to ready
#   bench.sh memory     peak memory, beside what the model needs
# Arguments after the name go to the benchmark, each of which has --help.
set -euo pipefail
cd "$(dirname "$0")/.."
export ZOO_FIXTURES=${ZOO_FIXTURES:-$PWD/.build-fixtures}
environment=.venv-bench

benchmark=peers
case ${1:-} in
  peers | quantized | callers | growth | start | memory)
    benchmark=$1
    shift
    ;;
esac
[ "$benchmark" = peers ] && benchmark=compare

python=$(scripts/oracle.sh)
"$python" tools/fetch_fixtures.py "$ZOO_FIXTURES"
if ! "$environment/bin/python" -c 'import matplotlib, onnx, onnxruntime, openvino, tract' 2>/dev/null; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install -q --disable-pip-version-check -r Benchmarks/requirements.txt
fi
swift build -c release --disable-sandbox --product zoo-tool 2>&1 | tail -n 1
exec "$environment/bin/python" "Benchmarks/$benchmark.py" "$@"
