#!/usr/bin/env bash
# Runs each fuzz target for a while: scripts/fuzz.sh [SECONDS, default 60] [TARGET…]
# A failing input stays in Fuzz/Failures/TARGET, which the tests replay.
set -euo pipefail
cd "$(dirname "$0")/../Fuzz"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=($(cd Sources && ls -d */ | tr -d / | grep -v Support))
flags=(-c release --disable-sandbox --sanitize=address --scratch-path ../.build-fuzz
  -Xswiftc -sanitize=fuzzer -Xswiftc -DFUZZING -Xcc -fsanitize=fuzzer-no-link -Xswiftc -use-ld=lld)
for target in "${targets[@]}"; do
  swift build "${flags[@]}" --product "$target" 2>&1 | tail -n 1
  mkdir -p "Failures/$target" "../.build-fuzz/corpus/$target"
  seeds=()
  [ -d "Seeds/$target" ] && seeds=("Seeds/$target")
  echo "== $target for $seconds s"
  SWIFT_BACKTRACE=enable=no "$(swift build "${flags[@]}" --show-bin-path)/$target" \
    "../.build-fuzz/corpus/$target" "${seeds[@]}" -max_total_time="$seconds" -rss_limit_mb=2048 \
    -timeout=10 -artifact_prefix="Failures/$target/" -print_final_stats=1
done
