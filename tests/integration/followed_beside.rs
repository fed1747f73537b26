//! What stands beside a followed file, and what becomes of it: each case is a few lines for a shell, as a user has them.
//! `ev A B` writes an event for each second, `job` runs with a state directory, `behind` without, in the
//! background.

use std::process::Command;

const PRELUDE: &str = r#"
ev() { i=$1; while [ $i -le $2 ]; do echo "{\"ts\":$((1700000000 + i)),\"n\":$i}"; i=$((i + 1)); done; }
at() { touch -d "@$((1800000000 + $1))" "$2"; }
behind() { exec timeout 60 "$WINDROW" -F a.log -t ts -w 1s -d 0s --to csv --stats -o rows "$@"; }
job() { timeout 60 "$WINDROW" -F a.log -t ts -w 1s -d 0s --to csv --stats -s st -o out "$@"; }
first() { job --stop-after 300ms --at-eof hold >first 2>&1 || cat first; }
sums() { timeout 60 "$WINDROW" -F a.log -t ts -w 10s --to csv -a 'sum(n)' -s st -o sums "$@"; }
last() { job --stop-after 1500ms "$@"; }
"#;

/// Runs a script; returns its exit code, and what it said on stdout and stderr.
fn run(script: &str) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().expect("there is room");
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{PRELUDE}{script}")).current_dir(dir.path());
    let output = command.env("WINDROW", env!("CARGO_BIN_EXE_windrow")).output().expect("it runs");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

/// The script ends well, and says this.
#[track_caller]
fn says(script: &str, wanted: &str) {
    let (code, said) = run(script);
    assert!(code == Some(0) && said.contains(wanted), "{wanted:?}: exit {code:?}, {said}");
}

/// The script fails so, and says this.
#[track_caller]
fn fails(script: &str, exit: i32, wanted: &str) {
    let (code, said) = run(script);
    assert!(code == Some(exit) && said.contains(wanted), "{wanted:?}: exit {code:?}, {said}");
}

/// Killed before the first checkpoint that has read anything, and compressed since.
#[test]
fn a_stream_that_was_not_begun_is_found() {
    let begin = "ev 1 5 >a.log; timeout -s KILL 0.8 \"$WINDROW\" -F a.log -t ts -w 1h -s st -o out -q; mv a.log a.log.1";
    let last = "timeout 60 \"$WINDROW\" -F a.log -t ts -w 1h -s st -o out --stats --stop-after 1500ms";
    says(&format!("{begin}; gzip a.log.1; ev 6 10 >a.log; {last}"), "10 read = 10 accepted");
    says(
        &format!("{begin}; gzip a.log.1; ev 6 10 >a.log; mv a.log a.log.0; ev 11 15 >a.log; {last}"),
        "15 read",
    );
    fails(&format!("{begin}; rm a.log.1; ev 6 10 >a.log; {last}"), 2, "begins as the one did");
}

/// log4j2 numbers upwards, logrotate downwards.
#[test]
fn numbers_may_grow() {
    says(
        "ev 1 5 >a.log; first; mv a.log a.log.1; at 1 a.log.1; ev 6 10 >a.log; mv a.log a.log.2; at 2 a.log.2
         ev 11 15 >a.log; mv a.log a.log.3; at 3 a.log.3; ev 16 20 >a.log; last",
        "20 read = 20 accepted",
    );
}

/// logback puts a number behind the date.
#[test]
fn a_date_may_have_a_number() {
    says(
        "ev 1 5 >a.log; first; mv a.log a.2026-11-26.10.log; ev 6 10 >a.2026-11-27.0.log; ev 11 15 >a.log; last",
        "15 read = 15 accepted",
    );
}

#[test]
fn a_header_is_no_place() {
    says(
        "(echo ts,n; for i in 1 2 3 4 5; do echo $((1700000000 + i)),$i; done) >a.csv
         run() { timeout 60 \"$WINDROW\" -F a.csv b.csv -t ts -w 1s -d 0s -s st -o out --stats \"$@\"; }
         timeout 0.6 \"$WINDROW\" -F a.csv b.csv -t ts -w 1s -d 0s -s st -o out -q || :
         cp a.csv a.csv.1; : >a.csv
         (echo ts,n; echo 1700000006,6; echo 1700000007,7) >a.csv; (echo ts,n; echo 1700000008,8) >b.csv
         run --stop-after 1500ms",
        "8 read = 8 accepted",
    );
}

/// An older file is no copy of one that was emptied before it had a record.
#[test]
fn what_was_read_is_no_copy() {
    says(
        "ev 1 5 >a.log; behind --stop-after 2500ms & sleep 0.4; mv a.log a.log.1; printf '{\"ts\"' >a.log
         sleep 1.6; : >a.log; sleep 0.2; ev 20 21 >a.log; wait $!",
        "7 read = 7 accepted",
    );
}

#[test]
fn files_may_begin_alike() {
    says(
        "banner() { printf '{\"ts\":1700000000,\"x\":\"%05000d\"}\\n' 0; }
         (banner; ev 1 4) >a.log; first; mv a.log a.log.1; (banner; ev 5 8) >a.log; mv a.log.1 a.log.2
         mv a.log a.log.1; (banner; ev 9 12) >a.log; last",
        "15 read",
    );
}

#[test]
fn half_a_line_is_held() {
    let more = "printf '23}\\n{\"ts\":1700000003,\"n\":5}\\n' >>a.log; sums --stop-after 1500ms; cat sums";
    says(
        &format!(
            "printf '{{\"ts\":1700000001,\"n\":1}}\\n{{\"ts\":1700000002,\"n\":1' >a.log
         sums --stop-after 300ms --at-eof hold; {more}"
        ),
        ",129",
    );
}

#[test]
fn a_job_that_is_done_takes_nothing_from_a_successor() {
    fails(
        "ev 1 5 >a.log; job --stop-after 300ms >/dev/null 2>&1; mv a.log a.log.1; ev 6 10 >a.log; last",
        2,
        "has grown since the job closed all windows",
    );
}

/// What cannot be read comes before what can.
#[test]
fn nothing_is_passed_over_by_a_run_that_is_kept() {
    fails(
        "ev 1 5 >a.log; first; mv a.log a.log.2; ev 6 10 | gzip | head -c 60 >a.log.1.gz; ev 11 15 >a.log
         job --stop-after 20s",
        1,
        "and is to be read before what follows",
    );
}

#[test]
fn one_of_several_files_may_be_ahead() {
    says(
        "ev 1 5 >a.log; ev 40 41 >b.log; timeout 20 \"$WINDROW\" -F a.log b.log c.log -t ts -w 10s --stats \\
         --stop-after 300ms",
        "7 read = 7 accepted",
    );
}

#[test]
fn nothing_at_all_ends_too() {
    says(": >a.log; timeout 20 \"$WINDROW\" -F a.log -w 10s --stop-after 300ms; echo over", "over");
}

#[test]
fn a_link_is_followed_to_what_it_points_at() {
    says(
        "ev 1 5 >x-1; ln -s x-1 a.log; first; ev 6 10 >x-2; ln -sfn x-2 a.log; ev 11 15 >x-3; ln -sfn x-3 a.log; last",
        "15 read = 15 accepted",
    );
}

/// While the run stands still, what it has not read is deleted.
#[test]
fn deleted_files_are_missed() {
    says(
        "ev 1 5 >a.log; behind --stop-after 2500ms & sleep 0.5; pkill -STOP -P $!
         for n in 1 2 3 4; do rm -f a.log.2; [ -e a.log.1 ] && mv a.log.1 a.log.2; mv a.log a.log.1
         ev $((n * 5 + 1)) $((n * 5 + 5)) >a.log; done; pkill -CONT -P $!; wait $!",
        "others may have gone with it before they were read",
    );
}

#[test]
fn what_is_added_too_late_is_told_in_full() {
    says(
        "ev 1 5 >a.log; behind --stop-after 3s & exec 3>>a.log; sleep 0.4; mv a.log a.log.1; ev 6 10 >a.log; sleep 1.5
         ev 20 20 >&3; sleep 0.3; ev 21 220 >&3; exec 3>&-; wait $!",
        ": 5146 bytes were added",
    );
}

/// Pipes that are silent in the middle of a line, or before their header, hold nobody up.
#[test]
fn silent_pipes_are_not_waited_for() {
    says(
        "mkfifo p q; (printf 'ts'; sleep 4) >p & (echo ts,n; for i in 1 2 3 4 5 6 7 8 9; do echo $((1700000000 + i)),1
         done; sleep 4) >q &
         timeout 3 \"$WINDROW\" p q --from csv -t ts -w 1s -d 0s --idle-timeout 300ms >rows || :; wc -l <rows",
        "10",
    );
}
