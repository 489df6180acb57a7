#!/usr/bin/env bash
# Checks that Swift code is formatted as .swift-format says.
set -euo pipefail
cd "$(dirname "$0")/.."
folders=(Package.swift Sources Tests)
for folder in Examples Benchmarks Fuzz; do [ -d "$folder" ] && folders+=("$folder"); done
git ls-files --cached --others --exclude-standard -z -- "${folders[@]}" \
  | grep -z '\.swift$' | xargs -0 swift format lint --strict
echo "Formatted."
