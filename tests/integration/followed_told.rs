//! What a run says of inputs that are followed, and what is written down of them: names, places, what is waited for.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use windrow::input::follow::Follow;
use windrow::input::{Format, Origin, ReadOptions, SourceSpec};

use crate::watched::{Watched, ended, file, run, signal_to, text, wait_until, windrow};

/// Events at these seconds, in keys `a` and `b` by turns.
fn events(seconds: std::ops::Range<u64>) -> String {
    let event =
        |n: u64| format!("{{\"ts\":{},\"k\":\"{}\"}}\n", 1_700_000_000 + n, ["a", "b"][n as usize % 2]);
    seconds.map(event).collect()
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("there is room");
}

/// A name that is mistyped would be waited for without a word; and twice as long as was said.
#[test]
fn missing_files_are_waited_for_aloud() {
    let dir = tempfile::tempdir().unwrap();
    let check = |args: &[&str], want: &str| {
        let output = run(dir.path(), &[&["-F", "-w", "1s"], args].concat());
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), want), "{args:?}");
    };
    let short = ["--stop-after", "100ms"];
    check(&[&["a.log"], &short[..]].concat(), "windrow: waiting for a.log to appear\n");
    check(
        &[&["-t", "ts", "a.log", "b.log"], &short[..]].concat(),
        "windrow: waiting for a.log and b.log to appear\n",
    );
    let many = ["1.log", "2.log", "3.log", "4.log", "5.log"];
    check(
        &[&many[..], &short].concat(),
        "windrow: waiting for 1.log, 2.log, 3.log and 2 more files to appear\n",
    );
    check(&[&["x*.log"], &short[..]].concat(), "windrow: waiting for a file that fits x*.log to appear\n");
    write(dir.path(), "e.log", "");
    check(
        &[&["e.log"], &short[..]].concat(),
        "windrow: waiting for the first record of e.log, which tells its time field\n",
    );
    check(&[&["-t", "ts", "e.log"], &short[..]].concat(), "");
    check(&[&["-q", "a.log", "x*.log"], &short[..]].concat(), "");
    let begun = Instant::now();
    check(&["a.log", "--stop-after", "3s"], "windrow: waiting for a.log to appear\n");
    assert!(begun.elapsed() < Duration::from_millis(5_500), "{:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

/// A file that joins is named, once; and the directory knows that files are followed, and by which pattern.
#[test]
fn a_file_that_joins_is_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.log", &events(0..20));
    let args = ["-F", "*.log", "-w", "1s", "-s", "st", "-o", "out", "--at-eof", "hold", "--stop-after", "4s"];
    let mut child = windrow(dir.path(), &args).spawn().unwrap();
    wait_until("nothing is written", || fs::metadata(dir.path().join("out")).is_ok_and(|out| out.len() > 0));
    write(dir.path(), "b.log", &events(15..40));
    ended(&mut child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), "windrow: b.log has come to be there, and joins\n")
    );
    let shown = run(dir.path(), &["state", "show", "st"]);
    let command = text(&shown.stdout).lines().nth(1).expect("the command stands there").trim();
    assert_eq!(command, "windrow --window 1s --follow --output out --state-dir st --at-eof hold '*.log'");
    // It goes on with the job; without --follow too, since no file has been rotated.
    let go_on = |command: &str| {
        let line = format!("exec \"$0\" {} --stop-after 100ms", &command["windrow".len()..]);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &line, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir.path());
        shell.output().expect("there is a shell")
    };
    let output = go_on(command);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let plain = ["-w", "1s", "-s", "st", "-o", "out", "--at-eof", "hold", "a.log", "b.log"];
    let output = run(dir.path(), &plain);
    assert!(output.status.success(), "{output:?}");
    let shown = run(dir.path(), &["state", "show", "st"]);
    assert!(!text(&shown.stdout).contains("--follow"), "{}", text(&shown.stdout));
}

/// Lines and bytes of records that are set aside are those of the file in which they stood; so is the place of an input.
#[test]
fn places_are_of_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (events(0..1), "{\"k\":\"a\"}\n");
    let follow = |more: &[&str]| {
        let args = ["-F", "app.log", "-w", "1s", "-t", "ts", "-s", "st", "-o", "out", "--bad", "bad"];
        let output = run(dir.path(), &[&args, more].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    };
    let hold = ["--at-eof", "hold", "--stop-after", "100ms"];
    write(dir.path(), "app.log", &format!("{good}{good}{bad}"));
    follow(&hold);
    fs::rename(dir.path().join("app.log"), dir.path().join("app.log.1")).unwrap();
    write(dir.path(), "app.log", &format!("{good}{bad}{good}{bad}"));
    follow(&["--at-eof", "hold", "--stop-after", "2500ms"]);
    let aside = fs::read_to_string(dir.path().join("bad")).unwrap();
    let place = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a line of JSON");
        let number = |name: &str| record[name].as_u64().expect("a number") as usize;
        (record["source"].as_str().map(str::to_owned), number("line"), number("offset"))
    };
    let places: Vec<_> = aside.lines().map(place).collect();
    let (good, bad) = (good.len(), bad.len());
    let at = |line, offset| (Some("app.log".to_owned()), line, offset);
    assert_eq!(places, [at(3, 2 * good), at(2, good), at(4, 2 * good + bad)]);
    let shown = run(dir.path(), &["state", "show", "st"]);
    let (read, before) = (2 * good + 2 * bad, 2 * good + bad);
    let want = format!(
        "byte {read}, line 5 of the file that is read now; {before} bytes of files before it, records 7 in all"
    );
    let shown = text(&shown.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(&want), "{want}: {shown}");
}

/// How much is left to read: of the file that is being read, and of the one that has its name.
#[test]
fn what_stands_ahead_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let text = events(0..5_000);
    write(dir.path(), "app.log", &text);
    let path = dir.path().join("app.log");
    let spec =
        SourceSpec { name: "app.log".to_owned(), origin: Origin::Path(path.clone()), format: Format::Ndjson };
    let options = ReadOptions {
        chunk_bytes: 4_096,
        ..windrow::cli::job(&["windrow", "-w", "1s"].map(Into::into)).unwrap().read
    };
    let mut follow = Follow::new(&spec, &path, &options);
    assert_eq!(follow.bytes_ahead(), text.len() as u64);
    let mut last = u64::MAX;
    while follow.next(Vec::new()).unwrap().is_some() {
        assert!(follow.bytes_ahead() <= last.min(text.len() as u64));
        last = follow.bytes_ahead();
    }
    assert_eq!(follow.bytes_ahead(), 0);
    fs::rename(&path, dir.path().join("app.log.1")).unwrap();
    write(dir.path(), "app.log", &text[..text.len() / 2]);
    assert_eq!(follow.bytes_ahead(), text.len() as u64 / 2);
}

/// All bytes count, those too that come first of a file which has taken over the name.
#[test]
fn bytes_of_all_files_count() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (events(0..50), events(50..90));
    write(dir.path(), "app.log", &first);
    let args = [
        "-F",
        "app.log",
        "-w",
        "1s",
        "--stop-after",
        "3s",
        "--metrics",
        "m.prom",
        "--metrics-interval",
        "100ms",
    ];
    let mut child = windrow(dir.path(), &args).stdout(Stdio::null()).spawn().unwrap();
    let path = dir.path().join("m.prom");
    let read = || {
        let records = [("input", "app.log")];
        path.exists().then(|| file(&path).get("windrow_input_records_total", &records)).flatten()
    };
    wait_until("nothing is read", || read() == Some(50.0));
    fs::rename(dir.path().join("app.log"), dir.path().join("app.log.1")).unwrap();
    write(dir.path(), "app.log", &second);
    assert_eq!(ended(&mut child), Some(0));
    assert_eq!(read(), Some(90.0));
    let bytes = file(&path).value("windrow_input_bytes_total", &[("input", "app.log")]);
    assert_eq!(bytes, (first.len() + second.len()) as f64);
}

/// A run that cannot be continued says what a signal costs, and one that may be does not.
#[test]
fn a_signal_says_what_is_not_written() {
    let check = |options: &[&str], want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let args = [&["-f", "ndjson", "-t", "ts", "-d", "0s"], options].concat();
        let mut child = windrow(dir.path(), &args).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(events(0..3).as_bytes()).unwrap();
        let mut rows = BufReader::new(child.stdout.take().unwrap());
        rows.read_line(&mut String::new()).unwrap();
        // The row is written while the owners of keys say what they hold.
        thread::sleep(Duration::from_millis(200));
        signal_to(&child, Signal::TERM);
        ended(&mut child);
        let output = child.wait_with_output().unwrap();
        let told = text(&output.stderr);
        assert!(told.starts_with(want) && told.is_empty() == want.is_empty(), "{told}");
        told.to_owned()
    };
    // The first window has closed.
    check(&["-w", "1s"], "windrow: stopped, and not written: 1 open window with 1 event");
    check(
        &["-w", "1s", "-b", "k", "-j", "2"],
        "windrow: stopped, and not written: 1 open window with 1 event",
    );
    check(&["-w", "2s/1s"], "windrow: stopped, and not written: 2 open windows with 2 events");
    check(&["-w", "1s", "-q"], "");
    // The account that was asked for comes all the same.
    let ledger = "3 read = 3 accepted + 0 filtered + 0 late + 0 duplicate + 0 bad; ";
    let told = check(&["-w", "1s", "--stats"], &format!("windrow: {ledger}"));
    assert!(told.contains("\nwindrow: stopped, and not written: 1 open window"), "{told}");
    let told = check(&["-w", "1s", "--stats=json"], "{\"accepted\":3,");
    assert_eq!(told.lines().count(), 1, "{told}");
    check(
        &["-w", "1s", "--to", "csv", "--allowed-lateness", "1h"],
        "windrow: stopped, and not written: what has changed",
    );
    // With metrics as well.
    let dir = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(dir.path(), &["-w", "1h", "-f", "ndjson", "-t", "ts", "-b", "k"]);
    watched.send(&events(0..4));
    wait_until("nothing is open", || watched.scrape().get("windrow_open_windows", &[]) == Some(1.0));
    // Whoever runs the tests in the background ignores SIGINT, and so does what they start.
    watched.signal(Signal::TERM);
    ended(&mut watched.child);
    let told = fs::read_to_string(dir.path().join("err")).unwrap();
    assert!(told.contains("not written: 1 open window with 4 events; with --state-dir"), "{told}");
}

/// What a window waits for: an event, or with `--idle-timeout` a silence that lasts as long as the window would.
#[test]
fn the_silence_that_closes_a_window_is_told() {
    let check = |timeout: &str, want: &str| {
        let dir = tempfile::tempdir().unwrap();
        let args = ["-w", "1m", "-d", "0s", "-f", "ndjson", "-t", "ts", "--idle-timeout", timeout];
        let mut watched = Watched::start(dir.path(), &args);
        watched.send("{\"ts\":5}\n");
        watched.wait_for(1.0);
        let want = format!(
            "the next window closes when an event at or after 1970-01-01T00:01:00Z arrives, or after {want};"
        );
        wait_until("it is not told", || {
            watched.signal(Signal::USR1);
            thread::sleep(Duration::from_millis(100));
            fs::read_to_string(dir.path().join("err")).unwrap().contains(&want)
        });
    };
    // The clock has to go from second 5 to 60.
    check("20s", "55s of silence");
    check("90s", "1m30s of silence");
}
