//! `--to live`, on a pseudo terminal: it follows what comes, fits the terminal, and leaves it as it was.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::terminal::Terminal;
use crate::watched::{run, text, windrow};

/// Events of one minute, one for each of these keys.
fn events(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("{{\"t\":1600000020,\"k\":\"{key}\"}}\n")).collect()
}

fn dir_with(log: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("log"), log).unwrap();
    dir
}

fn append(dir: &Path, text: &str) {
    OpenOptions::new().append(true).open(dir.join("log")).unwrap().write_all(text.as_bytes()).unwrap();
}

const VIEW: [&str; 9] = ["-w", "1m", "-t", "t", "-b", "k", "--to", "live", "log"];

/// Whether a line has these words.
fn has(lines: &[String], words: &[&str]) -> bool {
    lines.iter().any(|line| line.split_whitespace().take(words.len()).eq(words.iter().copied()))
}

/// Every frame leaves the terminal as others want it.
#[track_caller]
fn is_left_alone(terminal: &Terminal) {
    let written = terminal.written();
    for mode in ["?25", "?7", "?2026"] {
        let (on, off) = (written.rfind(&format!("{mode}h")), written.rfind(&format!("{mode}l")));
        assert!(if mode == "?2026" { off > on } else { on > off }, "{mode}: {written:?}");
    }
}

#[test]
fn the_last_table_stays() {
    let log = events(&["a", "b", "a"])
        + "{\"t\":1600000090,\"k\":\"a\\u001b[2J漢\"}\n{\"t\":1600000091,\"k\":\"b\"}\n";
    let dir = dir_with(&log);
    let mut terminal = Terminal::start(dir.path(), &VIEW, (100, 30));
    let (status, lines) = terminal.end();
    assert!(status.success(), "{lines:?}");
    let want = [
        "2020-09-13T12:28:00Z to 12:29:00Z has closed, with the input   by count, largest first",
        "k             count  last windows",
        "a\\u{1b}[2J漢      1                ·█",
        "b                 1                ██",
    ];
    let at = lines.iter().position(|line| line == want[0]).unwrap_or_else(|| panic!("{lines:?}"));
    assert_eq!(lines[at..at + 4], want);
    assert!(lines[0].starts_with("5 events, "), "{lines:?}");
    assert!(has(&lines[at + 4..], &["windrow:", "5", "read"]), "the account comes below: {lines:?}");
    is_left_alone(&terminal);
}

#[test]
fn it_follows_what_comes_and_fits_the_terminal() {
    let dir = dir_with(&events(&["a"]));
    let mut terminal = Terminal::start(dir.path(), &[&VIEW[..], &["-F"]].concat(), (100, 30));
    terminal.wait_for(|lines| has(lines, &["a", "1"]));
    append(dir.path(), &events(&["b", "b", "c", "d", "e"]));
    let lines = terminal.wait_for(|lines| has(lines, &["e", "1"]));
    let of = |key: &str| lines.iter().position(|line| line.starts_with(key)).unwrap();
    assert!(of("b ") < of("a ") && of("a ") < of("c "), "{lines:?}");
    // A late one, and one that is bad, are counted; a window that has closed is the past.
    append(dir.path(), "{\"t\":1600000090,\"k\":\"b\"}\n");
    append(dir.path(), &events(&["late"]));
    // Both: a frame may be seen when only its first lines have been drawn.
    terminal.wait_for(|lines| lines.concat().contains("late 1") && has(lines, &["b", "1", "█▅"]));
    // Of a lower terminal nothing is lost but rows, which are counted; a narrower one has shorter lines.
    append(dir.path(), &events(&["x"]).replace("20,", "91,"));
    append(dir.path(), &events(&["y", "z"]).replace("20,", "92,"));
    terminal.wait_for(|lines| has(lines, &["z", "1"]));
    terminal.resize((100, 7));
    terminal.wait_for(|lines| has(lines, &["and", "3", "more"]));
    terminal.resize((30, 30));
    let lines = terminal.wait_for(|lines| has(lines, &["k", "count"]) && has(lines, &["z", "1"]));
    let start = lines.iter().rposition(|line| line.contains("events, ")).unwrap();
    assert!(lines[start..].iter().all(|line| line.chars().count() <= 30), "{lines:?}");
    terminal.type_in("\x03");
    let (status, lines) = terminal.end();
    assert_eq!(status.signal(), Some(2), "{lines:?}");
    assert!(has(&lines, &["b", "1"]) && has(&lines, &["z", "1"]), "the table stays: {lines:?}");
    is_left_alone(&terminal);
}

#[test]
fn what_is_said_stands_above() {
    let dir = dir_with(&events(&["a"]));
    let args = [&VIEW[..], &["-F", "--metrics", "m.prom"]].concat();
    let mut terminal = Terminal::start(dir.path(), &args, (100, 30));
    terminal.wait_for(|lines| has(lines, &["a", "1"]));
    let pid = terminal.child.id().to_string();
    assert!(Command::new("kill").args(["-USR1", &pid]).status().unwrap().success());
    let lines = terminal.wait_for(|lines| lines.concat().contains("at work:"));
    let said = lines.iter().position(|line| line.starts_with("windrow: ")).unwrap();
    let table = lines.iter().position(|line| line.contains("events, ")).unwrap();
    assert!(said < table, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("closes next")).count(), 1, "{lines:?}");
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let (status, _) = terminal.end();
    assert_eq!(status.signal(), Some(15));
    is_left_alone(&terminal);
}

#[test]
fn an_error_comes_below_the_last_table() {
    let dir = dir_with(&(events(&["a"]) + "nonsense\n"));
    let mut terminal = Terminal::start(dir.path(), &VIEW, (100, 30));
    let (status, lines) = terminal.end();
    assert_eq!(status.code(), Some(1), "{lines:?}");
    let at = |what: &str| lines.iter().position(|line| line.starts_with(what));
    assert!(at("a ").is_some() && at("a ") < at("windrow: log:2: "), "{lines:?}");
    is_left_alone(&terminal);
}

#[test]
fn where_nobody_would_see_it_it_is_refused() {
    let dir = dir_with(&events(&["a"]));
    let output = run(dir.path(), &VIEW);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    assert!(text(&output.stderr).contains("--to table has the rows"), "{output:?}");
    let output = windrow(dir.path(), &[&VIEW[..], &["--state-dir", "st"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!dir.path().join("st").exists());
}
