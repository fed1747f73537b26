//! Surroundings in which a job with a state directory must not go on, or must stop without harm: two runs at once,
//! files that others have planted, places that cannot be written to or are full.

use std::fs;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::events::{Form, events};
use crate::jobs::{self, Job};
use crate::place::{Place, Way, program, scratch};
use crate::run::Disturbance;
use crate::shim::{Mode, Plan};

/// A directory with an input, in which a shell runs; `$W` is the program, and `$J` a job without an output.
struct Shell {
    dir: TempDir,
}

impl Shell {
    fn new() -> Shell {
        let shell = Shell { dir: scratch() };
        fs::write(shell.dir.path().join("in.ndjson"), events(Form::Ndjson, 1, 400)).expect("a file");
        shell.runs("$W $J -o wanted in.ndjson");
        shell
    }

    fn run(&self, script: &str) -> Output {
        Command::new("bash")
            .args(["-c", &format!("umask 022; {script}")])
            .current_dir(self.dir.path())
            .env("W", program())
            .env("J", "-q -w 10s -b k -i id --bad skip --max-jump 1h")
            .env("S", "-s state --checkpoint-interval 0s --chunk-bytes 900")
            .output()
            .expect("bash starts")
    }

    #[track_caller]
    fn ends(&self, script: &str, code: i32, says: &str) {
        let ended = self.run(script);
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(code), "{script}: {stderr}");
        assert!(stderr.contains(says), "{script}: expected {says:?} in: {stderr}");
    }

    #[track_caller]
    fn runs(&self, script: &str) {
        self.ends(script, 0, "");
    }

    /// The job can be done now, and comes to what it should.
    #[track_caller]
    fn goes_on(&self) {
        self.runs("$W $J $S -o out in.ndjson && cmp out wanted");
    }
}

/// Has a run that reads from a pipe hold the state directory while the script in its place runs.
fn held(script: &str) -> String {
    format!(
        "mkfifo pipe; $W $J $S -o out pipe & exec 3> pipe; head -200 in.ndjson >&3; \
         until [ -s state/LOCK ] && ls state/checkpoint-* >/dev/null 2>&1; do sleep 0.01; done; \
         {script}; code=$?; exec 3>&-; wait $! || exit 99; exit $code"
    )
}

#[test]
fn two_runs_at_once() {
    let shell = Shell::new();
    shell.ends(&held("timeout 20 $W $J $S -o out pipe <&-"), 2, "another run (process ");
    // The one that was there has not been disturbed, and its lock went with it.
    shell.runs("head -200 in.ndjson > first; $W $J -o half first; cmp out half");
    let shell = Shell::new();
    shell.ends(&held("timeout 20 $W $J $S -o other --replay in.ndjson"), 2, "another run (process ");
    shell.runs("test ! -e other");
    // A lock whose owner was killed holds nobody up.
    let shell = Shell::new();
    shell.runs("mkdir -m 700 state; echo 1 > state/LOCK");
    shell.goes_on();
    println!("matrix, two runs: refused");
}

/// A job that a kill has ended behind a write to the pipe, before it was counted.
fn in_doubt(job: &Job) -> Place<'_> {
    for at in 20..300 {
        let mut place = Place::new(job, Way::Pipe, 2);
        let ended = place.run(Disturbance::Shim(&Plan { mode: Mode::Torn, at })).expect("it is killed");
        if ended.fired.is_some_and(|fired| fired.name == "stdout") {
            return place;
        }
    }
    panic!("no kill hit a write to the pipe");
}

#[test]
fn a_write_in_doubt_is_dealt_with_as_asked() {
    let jobs = jobs::all(110);
    let repeat = jobs.iter().find(|job| job.name == "tumbling").expect("it is there");
    let [skip, fail] = [&["--in-doubt", "skip"], &["--in-doubt", "fail"]]
        .map(|kept_with| Job { kept_with, ..repeat.clone() });
    let next = |place: &mut Place, code: i32, says: &str| {
        let ended = place.run(Disturbance::None).expect("nothing came twice that was not named");
        assert!(
            ended.code == code && ended.stderr.contains(says),
            "{says:?}: {} {}",
            ended.code,
            ended.stderr
        );
    };
    // The reader has the rows of that write: skipped, they come once.
    let mut place = in_doubt(repeat);
    place.job = &skip;
    next(&mut place, 0, "may not have been delivered at all");
    place.finish().expect("all rows came");
    let mut place = in_doubt(repeat);
    place.job = &fail;
    next(&mut place, 1, "may have been delivered or not");
    // It is still in doubt.
    next(&mut place, 1, "may have been delivered or not");
    place.job = repeat;
    next(&mut place, 0, "may have been delivered twice");
    place.finish().expect("all rows came");
    println!("matrix, in doubt: repeated, skipped, failed as asked");
}

#[test]
fn planted_files_are_refused() {
    let cases = [
        ("ln -s ../victim state/LOCK", "symbolic link"),
        ("ln victim state/LOCK", "another name for a file elsewhere"),
        ("mkfifo state/LOCK", "not a file that windrow made"),
        ("mkdir state/LOCK", "state/LOCK"),
        ("echo hello > state/notes", "files in it that are not windrow's"),
        ("chmod 770 state", "can be written by other users"),
        ("chmod 707 state", "can be written by other users"),
        ("mv state elsewhere; ln -s elsewhere state", "is a symbolic link"),
        ("rmdir state; echo hello > state", "is not a directory"),
        ("chmod 777 .", "in which anybody can replace it"),
    ];
    for (plant, says) in cases {
        let shell = Shell::new();
        shell.runs(&format!("echo mine > victim; mkdir -m 700 state; {plant}"));
        // Nobody waits for ever at a FIFO.
        shell.ends(
            "timeout 20 $W $J $S -o out in.ndjson",
            if plant.contains("mkdir state/LOCK") { 1 } else { 2 },
            says,
        );
        shell.runs("test ! -e out && test $(cat victim) = mine");
    }
    // What a run leaves may be replaced by others: these are not followed either.
    for name in ["checkpoint.new", "delivery", "spool"] {
        let shell = Shell::new();
        shell.runs(&format!(
            "echo mine > victim; mkdir -m 700 state; touch state/LOCK; ln -s ../victim state/{name}"
        ));
        shell.runs("$W $J $S in.ndjson | cmp - wanted");
        shell.runs("test $(cat victim) = mine");
    }
    println!("matrix, planted files: {} refused, 3 not followed", cases.len());
}

#[test]
fn what_is_kept_is_private() {
    let shell = Shell::new();
    shell.runs("umask 000; $W $J $S -o out in.ndjson; $W $J -s piped in.ndjson | cat > /dev/null");
    shell.runs("test $(stat -c %a state) = 700 && test $(stat -c %a piped) = 700");
    shell.runs("! stat -c %a state/* piped/* | grep -v '^600$'");
    println!("matrix, privacy: 0700 and 0600 whatever the umask");
}

#[test]
fn what_cannot_be_written_stops_without_harm() {
    let shell = Shell::new();
    shell.ends("$W $J $S in.ndjson > /dev/full", 1, "standard output: no space left on device");
    shell.ends("$W $J -s none/state -o out in.ndjson", 1, "none/state");
    shell.ends("$W $J $S -o none/out in.ndjson", 2, "");
    let shell = Shell::new();
    shell.ends("$W $J $S -o none/out in.ndjson", 1, "none/out");
    shell.goes_on();
    // A limit to the size of files.
    let shell = Shell::new();
    shell.ends("ulimit -f 1; $W $J $S -o out in.ndjson", 1, "file too large");
    shell.goes_on();
    println!("matrix, what cannot be written: told, and gone on from");
}

/// Places that root alone can make: a full file system, one that is read-only.
#[test]
fn small_and_read_only_file_systems() {
    let shell = Shell::new();
    let mounted = shell.run("mkdir m && mount -t tmpfs -o size=16k tmpfs m");
    if !mounted.status.success() {
        println!(
            "matrix, file systems: skipped, nothing can be mounted here: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        return;
    }
    let (full, same) = (
        "$W $J -s m/state --checkpoint-interval 0s --chunk-bytes 900 -o m/out in.ndjson",
        "cmp m/out wanted",
    );
    let results = [
        shell.run(full),
        shell.run(&format!("mount -o remount,size=4m m && {full} && {same}")),
        shell.run(&format!("mount -o remount,ro m && {full}")),
        shell.run(&format!("mount -o remount,rw m && {full} && {same}")),
        shell.run("umount m"),
    ];
    let codes: Vec<_> = results.iter().map(|output| output.status.code()).collect();
    let stderr = |n: usize| String::from_utf8_lossy(&results[n].stderr).into_owned();
    assert_eq!(
        codes,
        [Some(1), Some(0), Some(1), Some(0), Some(0)],
        "{} {} {}",
        stderr(0),
        stderr(1),
        stderr(2)
    );
    assert!(stderr(0).contains("no space left on device"), "{}", stderr(0));
    assert!(stderr(2).contains("read-only file system"), "{}", stderr(2));
    println!("matrix, file systems: full and read-only ones told, and gone on from");
}
