#!/usr/bin/env bash
# Installs what the build needs, builds, and runs the embedded models: a digit, a sentence, a house.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/packages.sh
swift build -c release --disable-sandbox --product zoo-tool 2>&1 | tail -n 1
tool=$(swift build -c release --disable-sandbox --show-bin-path)/zoo-tool

show() {
  printf '\n$ zoo-tool'
  printf ' %q' "$@"
  printf '\n'
  "$tool" "$@"
}
show list
show run digits --image Examples/Data/digit-7.png
show run sentiment --text "A wonderful, funny and moving film."
show run sentiment --text "Broke after two days; a complete waste of money!"
show run house-price --csv Examples/Data/house.csv
