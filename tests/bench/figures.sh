#!/usr/bin/env bash
# Measures what a table of jobs does not show. Each figure is a line, with the command behind it.
#
#   tests/bench/figures.sh [EVENTS [ROUNDS]] [FIGURE]...
#
# 10,000,000 events and 5 rounds by default, in which what is compared takes turns; figures are
#   start      start to first byte, and latency through a slow pipe
#   pipe       standard input through a pipe, against `wc -l`
#   unpack     gzip and zstd input, against the decompressor alone
#   memory     the largest memory of W1 to W6, and of W1 over ten times as many events
#   length     cost of an event, over a tenth of the events, all, and ten times as many
#   keys       cost of an event, from 100 to 1,000,000 keys
#   hopping    windows of 60 min every minute, against 1 min
#   shapes     records of other shapes, per byte, against regular ones
#   threads    one thread against two
#   state      what a state directory costs, every 30 s and every second: nine runs a round, of SECONDS_LONG=100 each
#   pause      the longest time that the flow stands still for a checkpoint, with a million open keys
# Needs GNU time, bc, gzip, zstd. WINDROW and WORK: see common.sh.
. "$(dirname "$0")/common.sh"

all=(start pipe unpack memory length keys hopping shapes threads state pause)
figures=() numbers=()
for word in "$@"; do
  if [[ $word =~ ^[0-9]+$ ]]; then numbers+=("$word")
  elif [[ " ${all[*]} " == *" $word "* ]]; then figures+=("$word")
  else echo "figures.sh: what is $word?" >&2 && exit 2; fi
done
count=${numbers[0]:-10000000} rounds=${numbers[1]:-5}
[ ${#figures[@]} -gt 0 ] || figures=("${all[@]}")
rows=$work/rows.csv

# A command as one may type it.
typed() {
  local word words=()
  for word in "$@"; do
    if [[ $word =~ ^[A-Za-z0-9_./:=,-]+$ ]]; then words+=("$word"); else words+=("'$word'"); fi
  done
  echo "${words[*]}"
}

figure() { printf '\n## %s\n' "$*"; }
line() { printf '%-58s %s\n' "$1" "$2"; }
behind() { printf '    %s\n' "$*"; }

# Forgets what was measured under these names.
fresh() { rm -f "${@/#/$work/sample-}"; }

# Runs a command, whose standard input is the caller's, and keeps its measures under a name.
sample() {
  local name=$1
  shift
  timed "$@" >"$work/stdout"
  echo "$wall $cpu $memory" >>"$work/sample-$name"
}

# The median wall or cpu time, or the largest memory, of a name.
wall_of() { cut -d' ' -f1 "$work/sample-$1" | median | xargs printf '%.3f'; }
cpu_of() { cut -d' ' -f2 "$work/sample-$1" | median | xargs printf '%.3f'; }
memory_of() { cut -d' ' -f3 "$work/sample-$1" | largest; }
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

start() {
  figure "start and latency"
  cargo bench --quiet --bench latency -- "$windrow"
  behind "cargo bench --bench latency -- $windrow"
}

pipe() {
  figure "a pipe, W1"
  local file round
  file=$(events "$count" ndjson)
  job W1
  fresh pipe wc
  for round in $(seq "$rounds"); do
    sample pipe "$windrow" "${options[@]}" -o "$rows" - < <(cat "$file")
    sample wc wc -l < <(cat "$file")
  done
  line "through a pipe" "$(wall_of pipe) s, $(calc '%.0f %% of the speed of wc -l' "100 * $(wall_of wc) / $(wall_of pipe)")"
  behind "cat $file | windrow $(typed "${options[@]}" -)   against   cat $file | wc -l ($(wall_of wc) s)"
}

unpack() {
  figure "compressed input, W1"
  local file packed round tool
  file=$(events "$count" ndjson)
  job W1
  for tool in gzip zstd; do
    packed=$file.${tool:0:2} packed=${packed/%.zs/.zst} packed=${packed/%.gz*/.gz}
    [ -s "$packed" ] || { "$tool" -c "$file" >"$packed.part" && mv "$packed.part" "$packed"; }
    fresh packed alone
    for round in $(seq "$rounds"); do
      sample packed "$windrow" "${options[@]}" -o "$rows" "$packed"
      sample alone "$tool" -dc "$packed"
    done
    line "$tool" "$(wall_of packed) s, $(calc '%.2f times the decompressor' "$(wall_of packed) / $(wall_of alone)")"
    behind "windrow $(typed "${options[@]}" "$packed")  against   $tool -dc $packed >/dev/null ($(wall_of alone) s)"
  done
}

memory() {
  figure "largest memory"
  local file name
  file=$(events "$count" ndjson)
  for name in W1 W2 W3 W4 W5 W6; do
    job $name
    fresh memory
    sample memory "$windrow" "${options[@]}" --to csv -o "$rows" "$file"
    line "$name, $count events" "$(memory_of memory) MiB"
    behind "windrow $(typed "${options[@]}" "$file")"
  done
  job W1
  fresh memory
  sample memory "$windrow" "${options[@]}" --to csv -o "$rows" - < <(generate "$count" ndjson times=10)
  line "W1, ten times as many, through a pipe" "$(memory_of memory) MiB"
  behind "generate $count ndjson times=10 | windrow $(typed "${options[@]}" -)"
}

# Cost of an event of a name, over so many events.
cost() { calc '%.0f ns wall, %.0f ns CPU an event' "1e9 * $(wall_of "$1") / $2, 1e9 * $(cpu_of "$1") / $2"; }

length() {
  figure "length of the input, W1; the generator's speed limits the wall time"
  local round times part=$((count / 10))
  job W1
  fresh times-1 times-10 times-100
  for round in $(seq "$rounds"); do
    for times in 1 10 100; do
      sample times-$times "$windrow" "${options[@]}" -o "$rows" - < <(generate "$part" ndjson times=$times)
    done
  done
  for times in 1 10 100; do
    line "$((part * times)) events" "$(cost times-$times $((part * times)))"
    behind "generate $part ndjson times=$times | windrow $(typed "${options[@]}" -)"
  done
}

keys() {
  figure "number of keys: count(*), sum(bytes) by user"
  local users window round file
  for window in none 1m; do
    fresh keys-{100,1000,10000,100000,1000000}
    local options=(-j "$threads" -q -t ts -d 3m -w $window -b user -a 'count(*), sum(bytes)')
    for round in $(seq "$rounds"); do
      for users in 100 1000 10000 100000 1000000; do
        file=$(events "$count" ndjson users=$users)
        sample keys-$users "$windrow" "${options[@]}" -o "$rows" "$file"
      done
    done
    for users in 100 1000 10000 100000 1000000; do
      file=$(events "$count" ndjson users=$users)
      line "-w $window, $users keys" "$(cost keys-$users "$count"), $(memory_of keys-$users) MiB"
      behind "windrow $(typed "${options[@]}" "$file")"
    done
  done
}

hopping() {
  figure "hopping windows"
  local file round window
  file=$(events "$count" ndjson)
  local common=(-j "$threads" -q -t ts -d 3m -b page -a 'count(*), sum(bytes)')
  fresh 1m 60m
  for round in $(seq "$rounds"); do
    sample 1m "$windrow" "${common[@]}" -w 1m -o "$rows" "$file"
    sample 60m "$windrow" "${common[@]}" -w 60m/1m -o "$rows" "$file"
  done
  line "60m/1m against 1m" "$(calc '%.2f times the wall, %.2f times the CPU time' \
    "$(wall_of 60m) / $(wall_of 1m), $(cpu_of 60m) / $(cpu_of 1m)")"
  behind "windrow $(typed "${common[@]}" -w 60m/1m "$file")"
}

# Per byte, against the regular file.
shapes() {
  figure "shapes of records, W1"
  local shape round file part=$((count / 2)) base time
  fresh shape-{regular,shuffled,nested,long,mixed}
  for round in $(seq "$rounds"); do
    for shape in regular shuffled nested long mixed; do
      shape_options $shape
      sample shape-$shape "$windrow" "${options[@]}" -o "$rows" "$(events "$part" ndjson shape=$shape)"
    done
  done
  for shape in regular shuffled nested long mixed; do
    shape_options $shape
    file=$(events "$part" ndjson shape=$shape)
    time=$(calc %.3f "1e9 * $(wall_of shape-$shape) / $(stat -c %s "$file")")
    base=${base:-$time}
    line "$shape" "$time ns a byte, $(calc '%.2f times the regular file' "$time / $base")"
    behind "windrow $(typed "${options[@]}" "$file")"
  done
}

shape_options() {
  if [ "$1" = nested ]; then
    options=(-j "$threads" -q -t at.ts -d 3m -w 1m -b who.page -a 'count(*), sum(who.bytes)')
  else
    job W1
  fi
}

threads() {
  figure "threads"
  local file name threads round
  file=$(events "$count" ndjson)
  for name in W1 W2 W3 W4 W5 W6; do
    fresh threads-1 threads-2
    for round in $(seq "$rounds"); do
      for threads in 1 2; do
        job $name
        sample threads-$threads "$windrow" "${options[@]}" --to csv -o "$rows" "$file"
      done
    done
    line "$name, one and two threads" "$(wall_of threads-1) and $(wall_of threads-2) s, CPU $(cpu_of threads-1) and $(cpu_of threads-2) s"
    behind "windrow $(typed "${options[@]}" --to csv "$file")"
    # How busy each stage is: the busiest says what more threads would give.
    "$windrow" "${options[@]/-q/--progress=never}" -v --to csv -o "$rows" "$file" 2>"$work/account"
    behind "$(grep 'at work' "$work/account")"
  done
}

# Runs a job over a stream of so many times a million events, with a state directory if an interval is given.
long_run() {
  local name=$1 times=$2 interval=${3:-} state=$work/state
  rm -rf "$state" "$rows"
  local more=()
  [ -z "$interval" ] || more=(-s "$state" --checkpoint-interval "$interval" -v)
  sample "$name" "$windrow" "${options[@]}" "${more[@]}" --to csv -o "$rows" - \
    < <(generate 1000000 ndjson times="$times") 2>"$work/account"
}

state() {
  figure "cost of a state directory, events through a pipe, digests and final sync included"
  local name round times interval seconds=${SECONDS_LONG:-100}
  for name in W1 W3 W5; do
    job $name
    options=("${options[@]/-q/--progress=never}")
    fresh probe
    long_run probe 10
    times=$(calc %d "10 * $seconds / $(wall_of probe) + 1")
    fresh none 30s 1s
    for round in $(seq "$rounds"); do
      for interval in none 30s 1s; do
        if [ $interval = none ]; then long_run none "$times"; else long_run $interval "$times" $interval; fi
      done
    done
    for interval in 30s 1s; do
      line "$name every $interval, against $(wall_of none) s" "$(calc '%+.1f %% wall, %+.1f %% CPU' \
        "100 * ($(wall_of $interval) / $(wall_of none) - 1), 100 * ($(cpu_of $interval) / $(cpu_of none) - 1)")"
      behind "generate 1000000 ndjson times=$times | windrow $(typed "${options[@]}" -s DIR --checkpoint-interval $interval -)"
    done
    behind "$(grep checkpoint "$work/account")"
  done
}

pause() {
  figure "longest pause for a checkpoint, a million open keys"
  options=(-j "$threads" --progress=never -t ts -d 3m -w 1h -b user -a 'count(*), sum(bytes)')
  rm -rf "$work/state" "$rows"
  fresh pause
  sample pause "$windrow" "${options[@]}" -s "$work/state" --checkpoint-interval 1s -v -o "$rows" - \
    < <(generate 1000000 ndjson users=1000000 times=100) 2>"$work/account"
  line "100,000,000 events" "$(sed -n 's/^windrow: \(.*checkpoint.*\)/\1/p' "$work/account")"
  behind "generate 1000000 ndjson users=1000000 times=100 | windrow $(typed "${options[@]}" -s DIR --checkpoint-interval 1s -v -)"
}

build
echo "$count events, $rounds rounds, $threads threads; $(machine)"
for figure in "${figures[@]}"; do "$figure"; done
