# What the benchmark scripts share; to be sourced. Needs GNU time as /usr/bin/time (Debian: time), bc, cargo.
#   WINDROW=FILE   measure this binary instead of a new release build
#   WORK=DIR       where the data goes (default target/bench): some GB for the larger runs
# Both are seen from the root of the repository.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

threads=2
work=${WORK:-target/bench}
windrow=${WINDROW:-target/release/windrow}
export LC_ALL=C
mkdir -p "$work"

build() {
  [ -n "${WINDROW:-}" ] || cargo build --release --quiet
  generator=$(cargo bench --quiet --no-run --bench generate --message-format=json |
    sed -n 's/.*"executable":"\([^"]*generate-[^"]*\)".*/\1/p')
}

# Writes events: see generate.rs.
generate() { "$generator" "$@"; }

# Makes a file of events, unless it is there, and prints its name: `events COUNT FORMAT [OPTION...]`.
events() {
  local file
  file=$(IFS=- && echo "$work/events-${*//=/}.$2")
  if [ ! -s "$file" ]; then
    generate "$@" >"$file.part"
    mv "$file.part" "$file"
  fi
  echo "$file"
}

# The options of a job for windrow: `job W1` fills the array `options`.
job() {
  options=(-j "$threads" -q -t ts -d 3m)
  case $1 in
    W1) options+=(-w 1m -b page -a 'count(*), sum(bytes)') ;;
    W2) options+=(-w 5m/1m -b user -a 'count(*), avg(latency_ms)') ;;
    W3) options+=(-w 1m -b user -i id -a 'count(*), avg(latency_ms)') ;;
    W4)
      options+=(-w 1m -b page -a 'approx_percentile(latency_ms, 0.5) AS p50')
      options+=(-a 'approx_percentile(latency_ms, 0.99) AS p99, approx_distinct(user)')
      ;;
    W5) options+=(-w session:30s -b user -a 'count(*), sum(bytes)') ;;
    W6) options+=(-w 1m -b page --where 'status >= 500') ;;
    *) echo "no such job: $1" >&2 && return 2 ;;
  esac
}

# Runs a command and sets `wall` (seconds, from before the process is made until it is gone), `cpu` (seconds) and
# `memory` (the largest, in MiB). What it writes to standard output is the caller's affair.
timed() {
  local start=$EPOCHREALTIME
  /usr/bin/time -q -o "$work/time" -f '%U %S %M' "$@" || {
    echo "failed: $*" >&2
    return 1
  }
  wall=$(bc <<<"$EPOCHREALTIME - $start")
  read -r cpu memory < <(awk '{ print $1 + $2, int($3 / 1024) }' "$work/time")
}

median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
least() { sort -g | head -n 1; }
largest() { sort -g | tail -n 1; }

machine() {
  echo "$(nproc) cores ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)), load" \
    "$(cut -d' ' -f1 /proc/loadavg), $(date +%F); $("$windrow" --version)"
}
