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
