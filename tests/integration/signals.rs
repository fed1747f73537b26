//! What ends a run that is kept, and what does not: signals, and a writer that gets stuck. Through the binary.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use windrow::checkpoint::inspect;

/// A run takes milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// Starts a run that reads from a pipe which stays open, by the shell, which does `before` first.
fn start(dir: &Path, before: &str, options: &str) -> Child {
    let script =
        format!("{before}exec \"$0\" -w 1s -t t -d 0s -q -s state --checkpoint-interval 1ms {options}");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_windrow"))
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("there is a shell")
}

/// Sends the events of these seconds.
fn send(child: &mut Child, seconds: std::ops::Range<u32>) {
    let events: String = seconds.map(|second| format!("{{\"t\":{second}}}\n")).collect();
    child.stdin.as_mut().expect("it is a pipe").write_all(events.as_bytes()).expect("it reads");
}

fn signal(child: &Child, signal: Signal) {
    let process = Pid::from_raw(child.id() as i32).expect("it has a number");
    kill_process(process, signal).expect("it runs");
}

/// Whether whoever started the tests has signals of this kind ignored, and so those whom they start.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("there is one");
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("it is told");
    u64::from_str_radix(mask.trim(), 16).expect("a mask") >> (signal.as_raw() - 1) & 1 == 1
}

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < HANGS_AFTER, "{what}");
        std::thread::yield_now();
    }
}

/// Waits until a checkpoint covers so many records.
#[track_caller]
fn covered(dir: &Path, records: u64) {
    let state = dir.join("state");
    let read = || Some(inspect::look(&state).ok()?.checkpoint.sources[0].records);
    wait_until("no checkpoint covers what was read", || read() == Some(records));
}

#[track_caller]
fn ended(child: &mut Child) -> ExitStatus {
    let mut status = None;
    wait_until("it goes on", || {
        status = child.try_wait().expect("it is ours");
        status.is_some()
    });
    status.expect("it has ended")
}

/// As `nohup` and shells for background jobs have it.
#[test]
fn ignored_signals_stay_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path(), "trap '' INT HUP; ", "-o out");
    send(&mut child, 0..3);
    covered(dir.path(), 3);
    signal(&child, Signal::INT);
    signal(&child, Signal::HUP);
    // What comes behind them is read and covered.
    send(&mut child, 3..6);
    covered(dir.path(), 6);
    signal(&child, Signal::TERM);
    assert_eq!(ended(&mut child).code(), Some(143));
}

/// The same signals where nobody ignores them.
#[test]
fn signals_end_a_run_behind_a_checkpoint() {
    for (sent, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        // Under nohup nobody hears of a hangup.
        if is_ignored(sent) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut child = start(dir.path(), "", "-o out");
        send(&mut child, 0..3);
        covered(dir.path(), 3);
        signal(&child, sent);
        assert_eq!(ended(&mut child).code(), Some(code));
    }
}

/// A writer that cannot go on ends the run, although more may come of the input.
#[test]
fn a_writer_that_fails_ends_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let mut child = start(dir.path(), "", "-o out");
    send(&mut child, 0..3);
    covered(dir.path(), 3);
    // Somebody else writes to the output.
    OpenOptions::new().append(true).open(&out).and_then(|mut file| file.write_all(b"mine\n")).unwrap();
    send(&mut child, 3..6);
    assert_eq!(ended(&mut child).code(), Some(1));
    assert!(fs::read_to_string(&out).unwrap().ends_with("mine\n"));
}

/// A named output whose reader has stopped reading holds up the last checkpoint, but not the end.
#[test]
fn a_writer_that_is_stuck_does_not_outlive_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("there is mkfifo").success());
    // Opened for both, so that nobody waits for the other end; and never read.
    let reader = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    let mut child = start(dir.path(), "", "-o fifo");
    // More rows than a pipe takes.
    send(&mut child, 0..20_000);
    let delivered = || Some(inspect::look(&dir.path().join("state")).ok()?.delivery?.counted);
    let size = rustix::pipe::fcntl_getpipe_size(&reader).expect("it is a pipe") as u64;
    wait_until("the pipe is not full", || delivered() >= Some(size - size / 8));
    signal(&child, Signal::TERM);
    assert_eq!(ended(&mut child).code(), Some(143));
    drop(reader);
    // Nothing is lost, so a quiet run is quiet.
    let output = child.wait_with_output().expect("it has ended");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// What has been taken from a pipe that brings only what is new does not come again: it counts before a run stops.
#[test]
fn what_was_taken_from_a_pipe_counts_before_a_run_stops() {
    let dir = tempfile::tempdir().expect("there is room");
    let path = |name: &str| dir.path().join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::from_raw_mode(0o600))
        .expect("a pipe");
    // It stays open when a run ends.
    let keeps = OpenOptions::new().read(true).write(true).open(path("fifo")).expect("it is there");
    let events = 400_000;
    let mut producer = Command::new("sh")
        .args(["-c", "i=0; while [ $i -lt 400 ]; do seq -f '{\"t\":%.0f}' $((i * 1000)) $((i * 1000 + 999)); i=$((i + 1)); done > fifo"])
        .current_dir(dir.path())
        .spawn()
        .expect("there is a shell");
    let run = |ending: &str| {
        let script = format!(
            "exec \"$0\" -w none -t t -d 0s -q -s state --checkpoint-interval 1h --stdin-resume continue \
             --at-eof {ending} -o out --to csv < fifo"
        );
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir.path());
        command.stderr(Stdio::piped()).spawn().expect("there is a shell")
    };
    for pause in [40, 10, 70, 25] {
        let child = run("hold");
        std::thread::sleep(Duration::from_millis(pause));
        signal(&child, Signal::TERM);
        let output = child.wait_with_output().expect("it ends");
        // One that comes before the program has taken over signals ends it at once, and nothing has been taken.
        assert!(output.status.code().is_none_or(|code| code == 143), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let last = run("close");
    assert!(producer.wait().expect("it ends").success());
    drop(keeps);
    assert!(last.wait_with_output().expect("it ends").status.success());
    assert_eq!(fs::read_to_string(path("out")).expect("it was written"), format!("count\n{events}\n"));
}

/// Starts a run over what the shell passes on from its standard input.
fn pipe_into(dir: &Path, options: &str) -> Child {
    let script = format!("exec \"$0\" -w none -t t -d 0s -s state --stdin-resume continue -o out {options}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir);
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("there is a shell")
}

/// Sends this text, and waits until a checkpoint covers so many records.
fn feed(child: &mut Child, text: &str, dir: &Path, records: u64) {
    child.stdin.as_mut().expect("it is a pipe").write_all(text.as_bytes()).expect("it reads");
    covered(dir, records);
}

/// Waits for the end of a run whose standard input is closed, or not; what it says.
#[track_caller]
fn said(mut child: Child, closed: bool, code: i32) -> String {
    let keeps = if closed {
        drop(child.stdin.take());
        None
    } else {
        child.stdin.take()
    };
    let output = child.wait_with_output().expect("it ends");
    drop(keeps);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// What was taken from a pipe that brings only what is new counts up to a bad record, and what is lost behind it is
/// named.
#[test]
fn a_failed_run_says_what_it_has_taken_and_lost() {
    let dir = tempfile::tempdir().expect("there is room");
    let good: String = (0..5000).map(|t| format!("{{\"t\":{t}}}\n")).collect();
    let mut child = pipe_into(dir.path(), "-q --checkpoint-interval 1h --to csv");
    let text = format!("{good}bad\n{{\"t\":5000}}\n{{\"t\":5001}}\n{{\"t\"");
    child.stdin.as_mut().expect("it is a pipe").write_all(text.as_bytes()).expect("it reads");
    assert_eq!(
        said(child, false, 1).lines().collect::<Vec<_>>(),
        [
            "windrow: warning: 3 records and 4 bytes of another one taken from standard input, from line 5001 on, \
             could not be counted before the run ended: the next run does not get them again",
            "windrow: (standard input):5001: not a JSON object; the record begins bad; --bad skip counts such records, \
             --bad FILE keeps them",
        ]
    );
    let mut child = pipe_into(dir.path(), "-q --to csv");
    send(&mut child, 6000..6001);
    assert_eq!(said(child, true, 0), "");
    assert_eq!(fs::read_to_string(dir.path().join("out")).expect("it was written"), "count\n5001\n");
}

/// A bad record in a file ends each run that comes to it, also one that goes on right before it.
#[test]
fn a_bad_record_in_a_file_is_not_passed_over() {
    let dir = tempfile::tempdir().expect("there is room");
    fs::write(dir.path().join("file"), "{\"t\":1}\n{\"t\":2}\n{\"t\":\"x\"}\n{\"t\":4}\n")
        .expect("there is room");
    let run = |text: &str, code: i32| {
        let mut child = pipe_into(dir.path(), "-q --checkpoint-interval 1h --to csv - file");
        child.stdin.as_mut().expect("it is a pipe").write_all(text.as_bytes()).expect("it reads");
        said(child, true, code)
    };
    let bad = "windrow: file:3: ";
    let first = run("{\"t\":0}\n{\"t\":9}\n{\"t\":10}\n", 1);
    assert!(
        first.contains("1 record taken from standard input, from line 3 on") && first.contains(bad),
        "{first}"
    );
    let second = run("{\"t\":10}\n", 1);
    assert!(
        second.contains("1 record taken from standard input, from line 3 on") && second.contains(bad),
        "{second}"
    );
    // What stands behind it has not been read: it may be mended.
    fs::write(dir.path().join("file"), "{\"t\":1}\n{\"t\":2}\n{\"t\":3}\n{\"t\":4}\n")
        .expect("there is room");
    assert_eq!(run("{\"t\":11}\n", 0), "");
    assert_eq!(fs::read_to_string(dir.path().join("out")).expect("it was written"), "count\n7\n");
}

/// A record that has begun when a run is stopped, and does not end.
#[test]
fn the_beginning_of_a_record_is_lost_and_said() {
    let dir = tempfile::tempdir().expect("there is room");
    let mut child = pipe_into(dir.path(), "-q --checkpoint-interval 1ms");
    feed(&mut child, "{\"t\":1}\n{\"t\":2}\n{\"t\":", dir.path(), 2);
    signal(&child, Signal::TERM);
    let said = said(child, false, 143);
    assert_eq!(
        said,
        "windrow: warning: 5 bytes of a record taken from standard input, from line 3 on, could not be counted before \
         the run ended: the next run does not get them again\n"
    );
}

/// What waits for another input cannot count before the end of a run that is stopped; nor for one that holds.
#[test]
fn what_waits_for_another_input_is_lost_and_said() {
    let dir = tempfile::tempdir().expect("there is room");
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("other"), rustix::fs::Mode::from_raw_mode(0o600))
        .expect("a pipe");
    let mut other =
        OpenOptions::new().read(true).write(true).open(dir.path().join("other")).expect("it is there");
    other.write_all(b"{\"t\":3}\n").expect("there is room");
    let mut child = pipe_into(dir.path(), "-q --checkpoint-interval 1ms - other");
    send(&mut child, 0..10);
    let state = dir.path().join("state");
    let read =
        || Some(inspect::look(&state).ok()?.checkpoint.sources.iter().map(|source| source.records).sum());
    wait_until("no checkpoint covers what can be read", || read() == Some(6u64));
    signal(&child, Signal::TERM);
    let text = said(child, false, 143);
    assert!(text.contains("warning: 5 records taken from standard input, from line 6 on"), "{text}");

    let child = pipe_into(dir.path(), "-q --at-eof hold - other");
    let text = said(child, false, 2);
    assert!(text.contains("standard input must be the only input"), "{text}");
    // A file brings the same again: nothing is lost of it.
    fs::write(dir.path().join("a"), "{\"t\":1}\n{\"t\":9}\n").expect("there is room");
    fs::write(dir.path().join("b"), "{\"t\":2}\n").expect("there is room");
    let script = "exec \"$0\" -w none -t t -d 0s -q -s st --stdin-resume continue -o held --to csv --at-eof";
    let run = |ending: &str| {
        let script = format!("{script} {ending} - b < a");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir.path());
        assert!(command.status().expect("there is a shell").success());
    };
    run("hold");
    run("close");
    assert_eq!(fs::read_to_string(dir.path().join("held")).expect("it was written"), "count\n3\n");
}

/// `--max-jump` waits for a record that does not come in this run: it is not lost without a word.
#[test]
fn what_waits_for_the_next_record_is_lost_and_said() {
    let dir = tempfile::tempdir().expect("there is room");
    let mut child = pipe_into(dir.path(), "-q --at-eof hold --max-jump 10s");
    send(&mut child, 0..3);
    send(&mut child, 500..501);
    let text = said(child, true, 1);
    assert!(text.starts_with("windrow: 1 record taken from standard input, from line 4 on"), "{text}");
}

/// A run that is stopped before it has made a checkpoint does not say that it has.
#[test]
fn what_a_stopped_run_says() {
    let dir = tempfile::tempdir().expect("there is room");
    let mut child = pipe_into(dir.path(), "-v --from csv");
    child.stdin.as_mut().expect("it is a pipe").write_all(b"t,").expect("it reads");
    // It has taken over its signals when it reads.
    let taken = |child: &Child| {
        rustix::io::ioctl_fionread(child.stdin.as_ref().expect("it is a pipe")).is_ok_and(|left| left == 0)
    };
    wait_until("nothing is read", || taken(&child));
    signal(&child, Signal::TERM);
    let text = said(child, false, 143);
    assert!(
        text.contains("windrow: stopped before the first checkpoint; the same command starts anew\n"),
        "{text}"
    );
    assert!(
        text.contains("warning: 2 bytes of a record taken from standard input, from line 1 on"),
        "{text}"
    );
    assert!(!text.contains("with a checkpoint"), "{text}");

    let mut child = pipe_into(dir.path(), "-v --checkpoint-interval 1ms");
    feed(&mut child, "{\"t\":1}\n", dir.path(), 1);
    signal(&child, Signal::TERM);
    let text = said(child, false, 143);
    assert!(
        text.contains("windrow: stopped, with a checkpoint; the same command goes on from there\n"),
        "{text}"
    );
}
