#!/bin/sh
# Makes Sources/CSchemas again from schemas/. Needs protoc-c (Debian: protobuf-c-compiler).
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
protoc-c --proto_path=schemas --c_out="$out" schemas/zoo.proto
mkdir -p Sources/CSchemas/include
cp "$out/zoo.pb-c.c" Sources/CSchemas/zoo.pb-c.c
cp "$out/zoo.pb-c.h" Sources/CSchemas/include/zoo.pb-c.h
