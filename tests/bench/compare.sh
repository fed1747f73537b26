#!/usr/bin/env bash
# Measures windrow against other tools: the same jobs over the same events, run in turn, round after round.
#
#   tests/bench/compare.sh [EVENTS [ROUNDS]] [JOB | FORMAT | TOOL]...
#
# 10,000,000 events and 5 rounds by default; jobs W1 to W6 (compare/events.py says what they are), formats ndjson
# and csv, all tools. Prints a Markdown table a format: windrow's time in seconds and as a multiple of `wc -l`; each
# other tool's as a multiple of windrow's, medians, with that of the least times in brackets; the best of the four
# engines; and the largest memory of windrow and of that engine. Every tool is told the schema, may use two
# threads, and writes its rows as CSV to a file. The rows are counted and their columns summed, and a tool that
# disagrees with windrow (in approximate columns: by more than 3 %) ends the run. What Python takes to start with a
# library is measured in the same rounds, and taken off. Tools that are not installed are left out:
#
#   python3 -m venv target/venv && target/venv/bin/pip install duckdb polars chdb datafusion pyarrow
#   PYTHON=target/venv/bin/python tests/bench/compare.sh
#   apt-get install time bc miller mawk gawk; cargo install ag       (ag is angle-grinder)
. "$(dirname "$0")/common.sh"

python=${PYTHON:-python3} here=tests/bench/compare
export POLARS_MAX_THREADS=$threads GOMAXPROCS=$threads PYTHONDONTWRITEBYTECODE=1

engines=(duckdb chdb polars datafusion)
others=(miller mawk gawk agrind)
jobs=() formats=() tools=() numbers=()
for word in "$@"; do
  case $word in
    W[1-6]) jobs+=("$word") ;;
    ndjson | csv) formats+=("$word") ;;
    duckdb | chdb | polars | datafusion | miller | mawk | gawk | agrind) tools+=("$word") ;;
    [0-9]*) numbers+=("$word") ;;
    *) echo "compare.sh: what is $word?" >&2 && exit 2 ;;
  esac
done
count=${numbers[0]:-10000000} rounds=${numbers[1]:-5}
[ ${#jobs[@]} -gt 0 ] || jobs=(W1 W2 W3 W4 W5 W6)
[ ${#formats[@]} -gt 0 ] || formats=(ndjson csv)
[ ${#tools[@]} -gt 0 ] || tools=("${engines[@]}" "${others[@]}")

is_engine() { [[ " ${engines[*]} " == *" $1 "* ]]; }

available() {
  case $1 in
    miller) command -v mlr >/dev/null ;;
    mawk | gawk | agrind) command -v "$1" >/dev/null ;;
    *) "$python" -c "import $1" 2>/dev/null ;;
  esac
}

# Whether a tool does a job in a format.
can() {
  is_engine "$1" && return
  [[ $2 == W[16] ]] && case $1-$3 in
    miller-* | mawk-csv | gawk-csv | agrind-ndjson) true ;;
    *) false ;;
  esac
}

# Runs a tool once: `run TOOL JOB INPUT OUT`.
run() {
  case $1 in
    wc) timed wc -l "$3" >"$4" ;;
    windrow) job "$2" && timed "$windrow" "${options[@]}" --to csv -o "$4" "$3" ;;
    start-*) timed "$python" -c "import ${1#start-}" ;;
    *) if is_engine "$1"; then
      timed "$python" "$here/peer_$1.py" "$2" "$3" "$4" "$threads"
    else
      timed bash "$here/text.sh" "$1" "$2" "$3" "$4"
    fi ;;
  esac
}

# Rows, and the sums of the first column (a time) and the last ones, which are values; exact ones first.
summary() {
  local values=2
  case $1 in W4) values=3 ;; W6) values=1 ;; esac
  tr -d '"' <"$2" | awk -F, -v values="$values" '$1 ~ /^[0-9]+$/ {
      rows++; times += $1 / 60000
      for (n = 1; n <= values; n++) sums[n] += $(NF - values + n)
    }
    END {
      printf "%d %.9g", rows, times
      for (n = 1; n <= values; n++) printf " %.9g", sums[n]
      print ""
    }'
}

# Whether two summaries agree. Sums of means differ by rounding, approximate values by what the tools state, and, in
# windows of a few events, by whether a quantile is one of the values or lies between two; a short stream has such
# windows mostly.
agree() {
  local within=1e-7
  if [ "$1" = W4 ]; then within=$([ "$count" -lt 1000000 ] && echo 0.1 || echo 0.03); fi
  paste "$2" "$3" | awk -v within=$within '{
      for (n = 1; n <= NF / 2; n++) {
        off = $n - $(n + NF / 2); if (off < 0) off = -off
        if (off > (n < 3 ? 1e-8 : within) * $n) exit 1
      }
    }'
}

# One round of a cell: all tools in turn. Round 0 fills the page cache and is not counted; the answers are compared.
round() {
  local number=$1 job=$2 input=$3 cell=$4 tool out=$work/rows.csv
  shift 4
  for tool in wc windrow "$@"; do
    rm -f "$out"
    run "$tool" "$job" "$input" "$out"
    if [ "$number" != 0 ]; then
      echo "$wall $cpu $memory" >>"$cell.$tool"
    elif [[ $tool != wc && $tool != start-* ]]; then
      summary "$job" "$out" >"$cell.sum.$tool"
      agree "$job" "$cell.sum.windrow" "$cell.sum.$tool" || {
        echo "$tool disagrees on $job: $(cat "$cell.sum.$tool"), windrow has $(cat "$cell.sum.windrow")" >&2
        exit 1
      }
    fi
  done
}

# What a tool took, without the start: `typical CELL TOOL median|least`.
typical() {
  local all start=0
  all=$(cut -d' ' -f1 "$1.$2" | "$3")
  [ ! -e "$1.start-$2" ] || start=$(cut -d' ' -f1 "$1.start-$2" | "$3")
  bc -l <<<"$all - $start"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf (a / b < 10 ? "%.1f" : "%.0f"), a / b }'; }
memory_of() { cut -d' ' -f3 "$1.$2" | largest; }

# The row of a cell.
row() {
  local job=$1 cell=$2 tool own own_least best='' best_time time
  own=$(typical "$cell" windrow median) own_least=$(typical "$cell" windrow least)
  printf '| %s | %.3f (%.3f) | %s |' "$job" "$own" "$own_least" "$(ratio "$own" "$(typical "$cell" wc median)")"
  for tool in "${shown[@]}"; do
    if [ ! -e "$cell.$tool" ]; then
      printf ' |'
      continue
    fi
    time=$(typical "$cell" "$tool" median)
    printf ' %s (%s) |' "$(ratio "$time" "$own")" "$(ratio "$(typical "$cell" "$tool" least)" "$own_least")"
    if is_engine "$tool" && { [ -z "$best" ] || [ "$(bc <<<"$time < $best_time")" = 1 ]; }; then
      best=$tool best_time=$time
    fi
  done
  printf ' %s | %s | %s |\n' "${best:+$best $(ratio "$best_time" "$own")}" "$(memory_of "$cell" windrow)" \
    "${best:+$(memory_of "$cell" "$best")}"
}

table() {
  local format=$1 input job cell tool number cells
  input=$(events "$count" "$format")
  for job in "${jobs[@]}"; do
    cells=() cell=$work/cell-$job-$format
    rm -f "$cell".*
    for tool in "${shown[@]}"; do
      can "$tool" "$job" "$format" || continue
      is_engine "$tool" && cells+=("start-$tool")
      cells+=("$tool")
    done
    for number in $(seq 0 "$rounds"); do round "$number" "$job" "$input" "$cell" "${cells[@]}"; done
  done
  printf '\n%s, %d MB\n\n| | windrow, s | x `wc -l` |' "$format" $(($(stat -c %s "$input") / 1000000))
  printf ' %s |' "${shown[@]}" 'best engine' 'windrow, MiB' 'best engine, MiB'
  printf '\n|---|---:|---:|%s---|---:|---:|\n' "$(printf -- '---:|%.0s' "${shown[@]}")"
  for job in "${jobs[@]}"; do row "$job" "$work/cell-$job-$format"; done
}

build
shown=()
for tool in "${tools[@]}"; do
  if available "$tool"; then shown+=("$tool"); else echo "not installed, left out: $tool" >&2; fi
done
[ ${#shown[@]} -gt 0 ] || { echo "compare.sh: nothing to compare with; see its head" >&2 && exit 1; }
echo "$count events, $rounds rounds, $threads threads; $(machine)"
for tool in "${shown[@]}"; do
  case $tool in
    miller) mlr --version ;;
    mawk) mawk -W version 2>&1 | head -n 1 ;;
    gawk) gawk --version | head -n 1 ;;
    agrind) agrind --version ;;
    chdb) "$python" -c "import chdb; print('chdb', chdb.__version__, '(ClickHouse', chdb.engine_version + ')')" ;;
    *) "$python" -c "import $tool; print('$tool', $tool.__version__)" ;;
  esac
done
for format in "${formats[@]}"; do table "$format"; done
