#!/bin/sh
# Builds and runs int8_kernels.c against the sources of CKernels. Needs clang only.
set -eu
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
kernels=../../Sources/CKernels
${CC:-clang} -std=gnu17 -O2 -w -I "$kernels/include" -o "$folder/bench" int8_kernels.c \
  $(find "$kernels" -name '*.c') -lm -lpthread
"$folder/bench"
