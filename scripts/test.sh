#!/usr/bin/env bash
# Everything that has to hold: format, build, tests, examples, and the same answers as ONNX Runtime.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

step "System packages"
scripts/packages.sh

step "Format"
scripts/lint.sh

step "Build"
swift build -c release --disable-sandbox 2>&1 | tail -n 3

step "Tests"
swift test -c release --disable-sandbox --disable-testable-imports
