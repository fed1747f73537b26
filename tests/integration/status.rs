//! What a run says on SIGUSR1, and that it goes on as if nobody had asked.

use std::fs::{self, File};
use std::io::Read;

use rustix::process::{Pid, Signal, kill_process};

use crate::watched::{ended, events, job, run, signal_to, text, wait_until, windrow};

/// A signal that is sent as fast as it goes leaves the rows as they are, over a pipe and with a state directory, where
/// writes that are interrupted would show.
#[test]
fn a_storm_of_status_requests_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), events(0..150_000)).unwrap();
    let undisturbed = run(dir.path(), &job(&["-w", "1s", "-q", "a"]));
    let args = job(&["-w", "1s", "-q", "-s", "state", "--checkpoint-interval", "5ms", "a"]);
    let mut child =
        windrow(dir.path(), &args).stderr(File::create(dir.path().join("err")).unwrap()).spawn().unwrap();
    let mut rows = child.stdout.take().expect("it is a pipe");
    let told = || fs::read_to_string(dir.path().join("err")).unwrap();
    let process = Pid::from_raw(child.id() as i32).unwrap();
    let reader = std::thread::spawn(move || {
        let mut read = String::new();
        rows.read_to_string(&mut read).map(|_| read)
    });
    // A process that has not taken over the signal yet is ended by it: it has to have come as far as its output.
    wait_until("it does not begin", || dir.path().join("state/LOCK").exists() || reader.is_finished());
    let mut sent = 0;
    while child.try_wait().unwrap().is_none() {
        kill_process(process, Signal::USR1).unwrap();
        sent += 1;
    }
    assert_eq!(child.wait().unwrap().code(), Some(0), "{}", told());
    assert!(sent > 10, "{sent}");
    assert_eq!(reader.join().unwrap().unwrap(), text(&undisturbed.stdout));
    let lines = told();
    assert!(lines.lines().count() > 0);
    for line in lines.lines() {
        assert!(line.starts_with("windrow: ") && line.contains(" s: "), "{line}");
    }
}

/// Before there is anything to tell, too: here the run waits for an input that nobody has opened for writing.
#[test]
fn a_run_that_has_not_begun_answers() {
    for (options, want) in
        [(&[][..], "starting, nothing has been read yet"), (&["--stats=json"], "\"status\":\"starting\"")]
    {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let args = [&["-w", "1s", "-q", "--metrics-listen", "127.0.0.1:0"], options, &["fifo"]].concat();
        let err = dir.path().join("err");
        let mut child = windrow(dir.path(), &args).stderr(File::create(&err).unwrap()).spawn().unwrap();
        let told = || fs::read_to_string(&err).unwrap();
        // The address is told when signals have been taken over.
        wait_until("it does not begin", || told().contains("/metrics"));
        signal_to(&child, Signal::USR1);
        wait_until("there is no answer", || told().contains(want));
        assert_eq!(child.try_wait().unwrap(), None, "it goes on");
        drop(fs::OpenOptions::new().write(true).open(&fifo).unwrap());
        ended(&mut child);
    }
}
