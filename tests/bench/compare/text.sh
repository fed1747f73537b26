#!/usr/bin/env bash
# Tools for text: `text.sh TOOL JOB INPUT OUT`, rows as the other peers write them. They do W1 and W6, mawk and
# gawk on CSV only, and angle-grinder on NDJSON only. They use one thread, or two for reading and working.
set -euo pipefail
tool=$1 job=$2 input=$3 out=$4

miller() {
  local format=--ijsonl keep='true' stats='count,sum -f bytes'
  [[ $input == *.csv ]] && format=--icsv
  [ "$job" = W1 ] || { keep='$status >= 500' stats='count -f bytes'; }
  # shellcheck disable=SC2086 # several words
  mlr "$format" --ocsv --headerless-csv-output filter "$keep" then put '$w = $ts // 60000 * 60000' \
    then stats1 -a $stats -g w,page "$input"
}

# Minutes as keys: a double above 2^31 is written with an exponent when mawk makes text of it.
awk_csv() {
  if [ "$job" = W1 ]; then
    "$1" -F, 'NR > 1 { k = int($2 / 60000) SUBSEP $3; n[k]++; s[k] += $6 }
      END { for (k in n) { split(k, p, SUBSEP); printf "%d0000,%s,%d,%.0f\n", p[1] * 6, p[2], n[k], s[k] } }' "$input"
  else
    "$1" -F, 'NR > 1 && $5 >= 500 { n[int($2 / 60000) SUBSEP $3]++ }
      END { for (k in n) { split(k, p, SUBSEP); printf "%d0000,%s,%d\n", p[1] * 6, p[2], n[k] } }' "$input"
  fi
}

angle_grinder() {
  local keep='' values='count, sum(bytes)' format='{w},{page},{_count},{_sum}'
  [ "$job" = W1 ] || { keep='where status >= 500 |' values=count format='{w},{page},{_count}'; }
  agrind --output "format=$format" --file "$input" \
    "* | json | $keep floor(ts / 60000) * 60000 as w | $values by w, page"
}

case $tool in
  miller) miller ;;
  mawk | gawk) awk_csv "$tool" ;;
  agrind) angle_grinder ;;
esac >"$out"
