#!/usr/bin/env bash
# Makes a Python environment with ONNX Runtime in .venv-oracle and prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
environment=.venv-oracle
if ! "$environment/bin/python" -c 'import onnx, onnxruntime' 2>/dev/null; then
  python3 -m venv "$environment" >&2 2>/dev/null || {
    scripts/packages.sh python3-venv >&2
    python3 -m venv "$environment" >&2
  }
  "$environment/bin/pip" install -q --disable-pip-version-check -r tools/requirements.txt >&2
fi
echo "$environment/bin/python"
