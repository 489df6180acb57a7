#!/usr/bin/env bash
# Compiles the kernels for 64-bit Arm and compares each NEON kernel with its portable twin, under QEMU.
# Installs a cross compiler's C library and QEMU when they are missing (Debian).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v qemu-aarch64 >/dev/null || [ ! -d /usr/aarch64-linux-gnu/include ]; then
  packages=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user)
  sudo=$([ "$(id -u)" -eq 0 ] || echo sudo)
  $sudo apt-get update -q
  $sudo apt-get install -y -q --no-install-recommends "${packages[@]}"
fi

build=.build-neon
mkdir -p "$build"
flags=(--target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -O2 -std=gnu17 -Wall -Werror
  -ISources/CKernels/include)
objects=()
for source in Sources/CKernels/*.c tools/neon/*.c; do
  object=$build/$(basename "$source" .c)-$(basename "$(dirname "$source")").o
  clang "${flags[@]}" -c "$source" -o "$object"
  objects+=("$object")
done
aarch64-linux-gnu-gcc -static "${objects[@]}" -o "$build/compare" -lm -lpthread
qemu-aarch64 "$build/compare"
