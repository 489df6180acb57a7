#!/usr/bin/env bash
# Builds the examples, a package that depends on this one as a user's would, and compares what they print with what
# they must. zoo-tool has been built before.
set -euo pipefail
cd "$(dirname "$0")/../Examples"
swift build -c release --disable-sandbox 2>&1 | tail -n 3
programs=$(swift build -c release --disable-sandbox --show-bin-path)
tool=$(cd .. && swift build -c release --disable-sandbox --show-bin-path)/zoo-tool
library=$(find "$programs" -maxdepth 1 -name 'libplugin.so' -o -maxdepth 1 -name 'libplugin.dylib')

expect() {
  local wanted=$1 found
  shift
  found=$("$@")
  printf -- '-- %s\n%s\n' "$(basename "$1")" "$found"
  if [[ $found != $wanted ]]; then
    printf 'expected: %s\n' "$wanted" >&2
    exit 1
  fi
}

expect $'*positive*\n*negative*' "$programs/embed" "What a film!" "A waste of time."
expect '*27.0*125.0*' \
  "$tool" run Data/cube.onnx --plugin "$library" --task text-lengths --text abc --text fghij --json
