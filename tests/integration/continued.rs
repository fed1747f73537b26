//! What a continued job takes for its inputs and outputs, and what it must leave alone: through the binary.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;

/// Runs windrow with these arguments, split at blanks, in a directory; returns the exit code and standard error.
fn windrow(dir: &TempDir, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("windrow"));
    let output = command.current_dir(dir.path()).args(line.split(' ')).env_clear().output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn done(dir: &TempDir, line: &str) {
    assert_eq!(windrow(dir, line), (Some(0), String::new()), "{line}");
}

#[track_caller]
fn refused(dir: &TempDir, line: &str, why: &str) {
    let (code, message) = windrow(dir, line);
    assert_eq!(code, Some(2), "{line}: {message}");
    assert!(message.contains(why), "{line}: {message}");
}

fn put(dir: &TempDir, name: &str, text: &str) {
    fs::write(dir.path().join(name), text).expect("there is room");
}

fn text(dir: &TempDir, name: impl AsRef<Path>) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap_or_default()
}

const HOLD: &str = "-w 1h -t t -d 0s -q -s st --at-eof hold -o out --to csv";

/// Only the header of a file was read, which stands in others too: they are not that file.
#[test]
fn a_header_is_no_content() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a.csv", "t\n");
    put(&dir, "b.csv", "t\n1\n2\n");
    done(&dir, &format!("{HOLD} a.csv b.csv"));
    done(&dir, &format!("{HOLD} b.csv"));
    // A new file with the header of one that is gone.
    put(&dir, "c.csv", "t\n3\n4\n");
    done(&dir, &format!("{HOLD} b.csv c.csv"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv b.csv c.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,4\n");
}

/// A file that begins like another one that is no longer named is not taken for it.
#[test]
fn a_beginning_is_no_content_either() {
    let dir = tempfile::tempdir().expect("there is room");
    let hold = HOLD.replace("--to csv", "--to ndjson");
    put(&dir, "a", "{\"t\":1}\n");
    put(&dir, "b", "{\"t\":1}\n{\"t\":2}\n");
    done(&dir, &format!("{hold} a b"));
    done(&dir, &format!("{hold} b"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson b");
    assert_eq!(text(&dir, "out"), "{\"window_start\":0,\"window_end\":3600,\"count\":3}\n");
}

/// Rotated by renaming, and by copying and truncating.
#[test]
fn rotated_files_are_found() {
    let dir = tempfile::tempdir().expect("there is room");
    let hold = HOLD.replace("--to csv", "--to ndjson");
    put(&dir, "log", "{\"t\":1}\n{\"t\":2}\n");
    done(&dir, &format!("{hold} log"));
    fs::rename(dir.path().join("log"), dir.path().join("log.1")).expect("it can be renamed");
    put(&dir, "log", "{\"t\":3}\n");
    done(&dir, &format!("{hold} log.1 log"));
    fs::copy(dir.path().join("log"), dir.path().join("log.0")).expect("there is room");
    put(&dir, "log", "{\"t\":4}\n{\"t\":5}\n");
    done(&dir, &format!("{hold} log.1 log.0 log"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson log.1 log.0 log");
    assert_eq!(text(&dir, "out"), "{\"window_start\":0,\"window_end\":3600,\"count\":5}\n");
    put(&dir, "log", "{\"t\":9}\n");
    refused(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson log.1 log.0 log", "log");
}

/// The file of bad records may have another name, and another file must not be emptied for it.
#[test]
fn bad_records_stay() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log", "{\"t\":1}\nx\n");
    done(&dir, &format!("{HOLD} --bad bad log"));
    let kept = text(&dir, "bad");
    assert_eq!(kept.lines().count(), 1);
    done(&dir, &format!("{HOLD} --bad ./bad log"));
    done(&dir, &format!("{HOLD} --bad skip log"));
    done(&dir, &format!("{HOLD} --bad bad log"));
    assert_eq!(text(&dir, "bad"), kept);
    put(&dir, "precious", "data\n");
    refused(&dir, &format!("{HOLD} --bad precious log"), "precious");
    let close = "-w 1h -t t -d 0s -q -s st -o out --to csv log";
    done(&dir, &format!("{close} --bad bad"));
    // The job is done: nothing is written any more.
    refused(&dir, &format!("{close} --bad precious"), "precious");
    done(&dir, &format!("{close} --bad new"));
    assert_eq!((text(&dir, "precious"), dir.path().join("new").exists()), ("data\n".to_owned(), false));
}

/// A job that does not fit its input leaves the state of another alone, also with --replay.
#[test]
fn replay_destroys_nothing_before_it_runs() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log.csv", "t\n1\n2\n");
    done(&dir, &format!("{HOLD} log.csv"));
    refused(&dir, &format!("{HOLD} log.csv --replay -b nothing"), "nothing");
    put(&dir, "log.csv", "t\n1\n2\n3\n");
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv log.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,3\n");
}
