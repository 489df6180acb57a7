#!/usr/bin/env bash
# Builds the examples, a package that depends on this one as a user's would, and runs each.
set -euo pipefail
cd "$(dirname "$0")/../Examples"
swift build -c release --disable-sandbox 2>&1 | tail -n 3
programs=$(swift build -c release --disable-sandbox --show-bin-path)
for source in Sources/*/; do
  name=$(basename "$source")
  echo "-- $name"
  "$programs/$name"
done
