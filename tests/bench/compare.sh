#!/usr/bin/env bash
# Measures windrow against other tools: the same jobs over the same events, run in turn, round after round.
#
#   tests/bench/compare.sh [EVENTS [RUNS]]        2,000,000 events and 5 rounds by default
#
# Prints a Markdown table a job: the median of the wall times as a multiple of windrow's, the median CPU time
# likewise, and the largest memory. Every tool is told the schema, may use two threads, and writes its rows as
# CSV to a file; the rows are counted and their last column summed, and a tool that disagrees with windrow ends
# the run. What Python takes to start with a library is measured too, and taken off that library's times. Tools
# that are not installed are left out. What it uses:
#   - GNU time as /usr/bin/time (Debian: time), awk, cargo
#   - python3 with duckdb and polars (PYTHON=venv/bin/python: python3 -m venv venv; venv/bin/pip install duckdb polars)
#   - mlr, mawk, gawk (Debian: miller, mawk, gawk)
set -euo pipefail
cd "$(dirname "$0")/../.."

events=${1:-2000000} runs=${2:-5} threads=2
windrow=${WINDROW:-target/release/windrow} python=${PYTHON:-python3}
work=target/compare
export LC_ALL=C POLARS_MAX_THREADS=$threads GOMAXPROCS=$threads

# What a job is in each tool. $1 is the job, $2 the input; rows go to standard output or, where a tool writes
# files only, to $3.

run_windrow() {
  local job=$1 input=$2
  local common=(-j $threads -q --to csv -t ts -d 3m)
  local page=(-w 1m -b page -a 'count(*), sum(bytes)')
  case $job in
    count) "$windrow" "${common[@]}" "${page[@]}" "$input" ;;
    where) "$windrow" "${common[@]}" "${page[@]}" --where 'status >= 500' "$input" ;;
    dedup) "$windrow" "${common[@]}" "${page[@]}" -i id "$input" ;;
    hop) "$windrow" "${common[@]}" -w 5m/1m -b user -a 'avg(latency_ms)' "$input" ;;
  esac
}

run_duckdb() {
  "$python" - "$1" "$2" "$3" $threads <<'PY'
import sys, duckdb
job, path, out, threads = sys.argv[1:]
types = {"id": "VARCHAR", "ts": "BIGINT", "page": "VARCHAR", "user": "VARCHAR", "status": "BIGINT",
         "bytes": "BIGINT", "latency_ms": "DOUBLE"}
columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in types.items()) + "}"
if path.endswith(".csv"):
    events = f"read_csv('{path}', header=true, auto_detect=false, delim=',', quote='', escape='', columns={columns})"
else:
    used = {"count": "ts page bytes", "where": "ts page bytes status", "dedup": "id ts page bytes",
            "hop": "ts user latency_ms"}[job].split()
    columns = "{" + ", ".join(f"'{name}': '{types[name]}'" for name in used) + "}"
    events = f"read_json('{path}', format='newline_delimited', columns={columns})"
page = "SELECT ts // 60000 * 60000 AS w, page, count(*), sum(bytes) FROM {} GROUP BY ALL ORDER BY w, page"
query = {
    "count": page.format(events),
    "where": page.format(f"{events} WHERE status >= 500"),
    "dedup": page.format(f"(SELECT DISTINCT id, ts, page, bytes FROM {events})"),
    # Five windows an event; an average is merged from five one-minute panes, which is what windrow does too.
    "hop": f"""
        WITH panes AS (SELECT ts // 60000 * 60000 AS pane, "user", count(*) AS n, sum(latency_ms) AS total
                       FROM {events} GROUP BY ALL)
        SELECT pane - back * 60000 AS w, "user", sum(total) / sum(n)
        FROM panes, range(5) AS r(back) GROUP BY ALL ORDER BY w, "user" """,
}[job]
db = duckdb.connect()
db.execute(f"SET threads = {threads}")
db.execute(f"COPY ({query}) TO '{out}' (FORMAT csv, HEADER false)")
PY
}

run_polars() {
  "$python" - "$1" "$2" "$3" <<'PY'
import sys, polars as pl
job, path, out = sys.argv[1:]
types = {"id": pl.String, "ts": pl.Int64, "page": pl.String, "user": pl.String, "status": pl.Int64,
         "bytes": pl.Int64, "latency_ms": pl.Float64}
if path.endswith(".csv"):
    events = pl.scan_csv(path, schema=types)
else:
    events = pl.scan_ndjson(path, schema=types)
pane = (pl.col("ts") // 60000 * 60000).alias("w")
if job == "hop":
    # Five windows an event, merged from panes as for DuckDB.
    panes = events.group_by(pane, "user").agg(pl.len().alias("n"), pl.col("latency_ms").sum().alias("total"))
    backs = pl.lit(pl.Series([[b * 60000 for b in range(5)]]))
    rows = (panes.with_columns(back=backs).explode("back").with_columns(w=pl.col("w") - pl.col("back"))
            .group_by("w", "user").agg(mean=pl.col("total").sum() / pl.col("n").sum()).sort("w", "user"))
else:
    if job == "where":
        events = events.filter(pl.col("status") >= 500)
    if job == "dedup":
        events = events.unique(subset="id", keep="any")
    rows = events.group_by(pane, "page").agg(pl.len().alias("n"), pl.col("bytes").sum()).sort("w", "page")
rows.sink_csv(out, include_header=False, engine="streaming")
PY
}

run_miller() {
  local input=$2
  local flags=(--ijsonl --ocsv --headerless-csv-output)
  [[ $input == *.csv ]] && flags=(--icsv --ocsv --headerless-csv-output)
  mlr "${flags[@]}" put '$w = $ts // 60000 * 60000' \
    then stats1 -a count,sum -f bytes -g w,page then sort -n w -f page "$input"
}

# Minutes as keys: a double above 2^31 is written with an exponent when mawk makes text of it.
run_awk() {
  "$1" -F, 'NR > 1 { k = int($2 / 60000) SUBSEP $3; n[k]++; s[k] += $6 }
    END { for (k in n) { split(k, p, SUBSEP); printf "%d000,%s,%d,%.0f\n", p[1] * 60, p[2], n[k], s[k] } }' "$2" |
    sort -t, -k1,1n -k2,2
}
run_mawk() { run_awk mawk "$2"; }
run_gawk() { run_awk gawk "$2"; }

# What a library takes before it does anything.
run_start() { "$python" -c "import $1"; }

# GNU time cannot time a function, so the script calls itself: `compare.sh TOOL JOB INPUT OUT`.
if [ "${COMPARE_ONE:-}" = 1 ]; then
  "run_$1" "${@:2}"
  exit
fi

available() {
  case $1 in
    windrow) [ -x "$windrow" ] ;;
    duckdb | polars) "$python" -c "import $1" 2>/dev/null ;;
    miller) command -v mlr >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

median() { sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }

# Runs a function of the above as a process of its own, and appends `wall cpu memory` to a list.
timed() {
  local list=$1
  shift
  COMPARE_ONE=1 WINDROW=$windrow PYTHON=$python /usr/bin/time -o "$work/time" -f '%e %U %S %M' \
    bash tests/bench/compare.sh "$@" >"$work/stdout"
  awk '{ print $1, $2 + $3, $4 / 1024 }' "$work/time" >>"$list"
}

# One run, whose rows are checked against those of the first tool.
measure() {
  local tool=$1 job=$2 input=$3 name=$4 out=$work/rows.csv
  rm -f "$out"
  case $tool in
    duckdb | polars) timed "$work/$name.start.$tool" start "$tool" ;;
    *) echo 0 0 0 >>"$work/$name.start.$tool" ;;
  esac
  timed "$work/$name.$tool" "$tool" "$job" "$input" "$out"
  [ -s "$out" ] || mv "$work/stdout" "$out"
  # Rows, and the sum of the last column: exact for whole numbers, to seven digits for means.
  awk -F, '$1 ~ /^[0-9]+$/ { n++; s += $NF } END { printf "%d rows, last column %.7g\n", n, s }' "$out" >"$work/check"
  [ -e "$work/$name.check" ] || cp "$work/check" "$work/$name.check"
  cmp -s "$work/check" "$work/$name.check" || {
    echo "$tool disagrees on $name: $(cat "$work/check") against $(cat "$work/$name.check")" >&2
    exit 1
  }
}

# The median of a column of a tool's runs, without the start.
typical() {
  local name=$1 tool=$2 column=$3
  echo "$(cut -d' ' -f"$column" "$work/$name.$tool" | median) $(cut -d' ' -f"$column" "$work/$name.start.$tool" | median)" |
    awk '{ print $1 - $2 }'
}

compare() {
  local job=$1 format=$2 tools=() tool round
  shift 2
  local input=$work/clicks-$events.$format name=$job-$format
  for tool in "$@"; do available "$tool" && tools+=("$tool"); done
  rm -f "$work/$name".*
  # The first round fills the page cache and is not counted.
  for round in $(seq 0 "$runs"); do
    for tool in "${tools[@]}"; do
      measure "$tool" "$job" "$input" "$name"
      [ "$round" != 0 ] || rm "$work/$name.$tool" "$work/$name.start.$tool"
    done
  done
  local column base=()
  for column in 1 2; do base[column]=$(typical "$name" windrow "$column"); done
  printf '\n%s, %s (%s)\n\n| tool | time | CPU time | memory |\n|---|---:|---:|---:|\n' \
    "$job" "$format" "$(cat "$work/$name.check")"
  for tool in "${tools[@]}"; do
    printf '| %s |' "$tool"
    for column in 1 2; do
      printf ' %s |' "$(typical "$name" "$tool" "$column" |
        awk -v b="${base[column]}" -v own="$([ "$tool" = windrow ] && echo 1)" \
          '{ if (own) printf "1 (%.2f s)", $1; else printf "%.1f", $1 / b }')"
    done
    printf ' %.0f MiB |\n' "$(cut -d' ' -f3 "$work/$name.$tool" | sort -g | tail -1)"
  done
}

[ -n "${WINDROW:-}" ] || cargo build --release --quiet
mkdir -p "$work"
for format in ndjson csv; do
  [ -s "$work/clicks-$events.$format" ] ||
    cargo bench --quiet --bench generate -- "$events" "$format" >"$work/clicks-$events.$format"
done

echo "$events events, $runs rounds, $threads threads; $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(date +%F)"
"$windrow" --version
for tool in duckdb polars; do available $tool && "$python" -c "import $tool; print('$tool', $tool.__version__)"; done
available miller && mlr --version
available mawk && mawk -W version 2>&1 | head -1
available gawk && gawk --version | head -1

compare count ndjson windrow duckdb polars miller
compare where ndjson windrow duckdb polars
compare dedup ndjson windrow duckdb polars
compare hop ndjson windrow duckdb polars
compare count csv windrow duckdb polars miller mawk gawk
