#!/bin/sh
# Builds and runs the benchmark of kernels that are bound by memory with the C compiler of the Swift toolchain.
# Usage: Benchmarks/micro/memory_kernels.sh [avx512|avx2|portable]
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
program=$(mktemp)
trap 'rm -f "$program"' EXIT
clang -O2 -I"$root/Sources/CKernels/include" "$root/Benchmarks/micro/memory_kernels.c" \
  "$root"/Sources/CKernels/*.c -o "$program" -lm -lpthread
"$program" "$@"
