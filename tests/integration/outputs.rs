//! Outputs by names of what is open already, and of what was forgotten. Through the binary, by the shell.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a command line of the shell in a directory with bad and late events; windrow is `$0`.
fn shell(dir: &Path, line: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", line, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir).stdin(Stdio::null());
    command.output().expect("there is a shell")
}

#[test]
fn what_is_open_already_is_written_to_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let events = "{\"t\":100}\nx\n{\"t\":1}\n{\"t\":2}\n";
    fs::write(dir.path().join("in.ndjson"), events).unwrap();
    let job = "\"$0\" -w 1s -t t -d 0s in.ndjson";
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let check = |line: &str, log: &str, wanted: &[&str]| {
        fs::write(dir.path().join(log), "before\n").unwrap();
        let output = shell(dir.path(), line);
        assert!(output.status.success(), "{line}: {output:?}");
        let found = read(log);
        let kinds: Vec<&str> = found
            .lines()
            .map(|line| match line {
                "before" => "before",
                line if line.starts_with("{\"window_start\"") => "row",
                line if line.contains("\"reason\":\"not a JSON") => "bad",
                line if line.contains("\"reason\":\"late") => "late",
                line if line.starts_with("windrow: ") => "said",
                line => panic!("{line}"),
            })
            .collect();
        assert_eq!(kinds, wanted, "{line}: {found}");
    };
    check(&format!("{job} --bad /dev/stderr -q 2>> log >/dev/null"), "log", &["before", "bad"]);
    // What is said at the end stands behind the records, not over them.
    check(&format!("{job} --bad /dev/stderr --stats 2> log >/dev/null"), "log", &["bad", "said", "said"]);
    check(
        &format!("{job} --bad skip --late /dev/fd/3 -q 3>> log >/dev/null"),
        "log",
        &["before", "late", "late"],
    );
    check(&format!("{job} --bad skip -o /dev/stdout -q >> log"), "log", &["before", "row"]);
    check(&format!("{job} --bad skip -o /dev/fd/3 -q 3>> log"), "log", &["before", "row"]);
    // The same with a state directory, whose outputs are opened in another way.
    for (number, (options, wanted)) in [
        ("--bad /dev/stderr 2>> log >/dev/null", &["before", "bad"][..]),
        ("--bad skip -o /dev/stdout >> log", &["before", "row"]),
        ("--bad skip -o /dev/fd/3 3>> log", &["before", "row"]),
    ]
    .iter()
    .enumerate()
    {
        check(&format!("{job} -q -s state{number} {options}"), "log", wanted);
        // The job is done: the same again changes nothing.
        fs::rename(dir.path().join("log"), dir.path().join("kept")).unwrap();
        fs::copy(dir.path().join("kept"), dir.path().join("log")).unwrap();
        let output = shell(dir.path(), &format!("{job} -q -s state{number} {options}"));
        assert!(output.status.success(), "{options}: {output:?}");
        assert_eq!(read("log"), read("kept"), "{options}");
    }
}

#[test]
fn an_input_that_was_forgotten_is_mentioned() {
    let dir = tempfile::tempdir().unwrap();
    let output = shell(dir.path(), "\"$0\" -w 1h --late late.ndjson");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "windrow: warning: standard input was empty, and no FILE is named\n"
    );
    for quiet in ["\"$0\" -w 1h --late late.ndjson -q", "\"$0\" -w 1h"] {
        assert_eq!(shell(dir.path(), quiet).stderr, b"", "{quiet}");
    }
}
