#!/usr/bin/env bash
# Runs the fault suites, and checks that each of them has been run and says how much it did.
#   run.sh [quick|short|long]    default: short, or long with WINDROW_LONG=1
# The long form takes half an hour or so on two cores. Needs cc, strace and git; as root also mkfs.xfs.
set -euo pipefail
cd "$(dirname "$0")/../.."

size=${1:-short}
[ $# -gt 0 ] || [ -z "${WINDROW_LONG:-}" ] || size=long
log=$(mktemp)
trap 'rm -f "$log"' EXIT
WINDROW_FAULTS=$size cargo test --quiet --test faults -- --nocapture 2>&1 | tee "$log"

# A check that was not run is no check.
suites=(
  'sweep: [0-9]* faults ' 'sweep, pairs: ' 'sweep, coverage: ' 'kills: ' 'power: [0-9]* states '
  'mounts, xfs: ' 'mounts, ext4: ' 'flips, checkpoints: ' 'flips, through the program: ' 'flips, ids: ' 'flips, deliveries: ' 'planted, calls: '
  'tamper, inputs: ' 'tamper, same inputs: ' 'tamper, outputs: ' 'tamper, done jobs: '
  'matrix, two runs: ' 'matrix, in doubt: ' 'matrix, planted files: ' 'matrix, privacy: ' 'matrix, what cannot be written: '
  'matrix, file systems: '
)
[ "$size" = quick ] || suites+=('planted: [0-9]* of [0-9]* bugs caught')
for suite in "${suites[@]}"; do
  grep -q -e "$suite" "$log" || { echo "this suite was not run: $suite"; exit 1; }
done
