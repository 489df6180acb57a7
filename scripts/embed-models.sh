#!/bin/sh
# Packs Models/NAME (model.onnx with its assets and recorded cases) into Sources/CEmbeddedModels/models/NAME.zoo,
# which the library embeds. Run it after training; the files are committed.
set -eu
cd "$(dirname "$0")/.."
swift build -c release --product zoo-tool
tool="$(swift build -c release --show-bin-path)/zoo-tool"
for folder in Models/*/; do
  name="$(basename "$folder")"
  "$tool" compress "$folder" "Sources/CEmbeddedModels/models/$name.zoo" --level max
done
# Files that are embedded are no sources to the build system: touch what embeds them.
touch Sources/CEmbeddedModels/embedded_models.c
ls -l Sources/CEmbeddedModels/models
