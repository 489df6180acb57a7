#!/usr/bin/env bash
# Builds the documentation of every library with DocC into .build-docs; a broken link fails.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.build-docs
rm -rf "$out"
mkdir -p "$out/graphs"
swift build --disable-sandbox -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir \
  -Xswiftc "$PWD/$out/graphs" --scratch-path .build-docs/build 2>&1 | tail -n 1
for module in ModelFormat ZooRuntime Quantize Zoo; do
  mkdir -p "$out/$module.graphs"
  find "$out/graphs" -name "$module.symbols.json" -o -name "$module@*.symbols.json" \
    | xargs -I{} cp {} "$out/$module.graphs/"
  catalog=()
  [ -d "Documentation/$module.docc" ] && catalog=("Documentation/$module.docc")
  docc convert "${catalog[@]}" --warnings-as-errors --fallback-display-name "$module" \
    --fallback-bundle-identifier "modelzoo.$module" --additional-symbol-graph-dir "$out/$module.graphs" \
    --output-dir "$out/$module.doccarchive"
done
echo "Documentation is in $out."
