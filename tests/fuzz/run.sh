#!/usr/bin/env bash
# Runs every fuzz target for some time (default 60 s each) and says how many inputs it tried.
#   tests/fuzz/run.sh [SECONDS [TARGET...]]
# What a target learns is kept under target/fuzz; a finding ends the script and is left in tests/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The sanitizers need nothing of a nightly compiler but its permission.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$PWD/target/fuzz/build"

seconds=${1:-60}
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(json csv time expr window pipeline)

mkdir -p target/fuzz
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked --quiet
cargo fuzz build --fuzz-dir tests/fuzz --debug-assertions >target/fuzz/build.log 2>&1 || {
  cat target/fuzz/build.log
  exit 1
}
for target in "${targets[@]}"; do
  corpus=target/fuzz/corpus/$target
  mkdir -p "$corpus" tests/fuzz/seeds/"$target"
  log=target/fuzz/$target.log
  # A job's readers may still be ending when it is over, which looks like a leak.
  if ! cargo fuzz run --fuzz-dir tests/fuzz --debug-assertions "$target" "$corpus" tests/fuzz/seeds/"$target" -- \
    -max_total_time="$seconds" -detect_leaks=0 -timeout=20 -rss_limit_mb=4096 -max_len=2048 -print_final_stats=1 >"$log" 2>&1; then
    grep -m 1 -A 4 -E "panicked|ERROR|ALARM" "$log" || tail -n 60 "$log"
    echo "$target: ended early; see $log, and tests/fuzz/artifacts/$target for what it found" >&2
    exit 1
  fi
  done_=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  [ "${done_:-0}" -gt 0 ] || { echo "$target: tried nothing; see $log" >&2; exit 1; }
  echo "$target: $done_ inputs in $seconds s"
done
