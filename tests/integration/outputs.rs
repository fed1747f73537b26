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
    // Whoever opened it goes on behind what was written there.
    let shared = |options: &str| {
        format!("{{ echo before >&3; {job} -q {options} >/dev/null; echo before >&3; }} 3> log")
    };
    check(&shared("--bad skip --late /dev/fd/3"), "log", &["before", "late", "late", "before"]);
    check(&shared("--late drop --bad /dev/fd/3"), "log", &["before", "bad", "before"]);
    check(&shared("--bad skip -o /dev/fd/3"), "log", &["before", "row", "before"]);
    check(&shared("--bad skip -s shared -o /dev/fd/3"), "log", &["before", "row", "before"]);
    check(
        &shared("--bad skip -s aside --late /proc/self/fd/3"),
        "log",
        &["before", "late", "late", "before"],
    );
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

/// What the program has opened itself is nothing that anybody has named, and what is not open is none either.
#[test]
fn what_is_not_open_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.ndjson"), "{\"t\":1}\n").unwrap();
    for number in 3..10 {
        let line = format!(
            "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; \
             exec \"$0\" -w 1s -t t -s state{number} -o /dev/fd/{number} in.ndjson"
        );
        let output = shell(dir.path(), &line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(&format!("/dev/fd/{number}")), "{output:?}");
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

/// Everything waits for a reader that begins late, with room for one of everything; rows and records are many.
#[test]
fn a_slow_reader_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut events = String::new();
    for n in 0..60_000 {
        // Each window has 3,000 keys, and each second window some late and some bad records.
        let time = n / 3_000;
        events += &format!("{{\"t\":{time},\"k\":\"key {}\",\"x\":{n}}}\n", n * 7 % 3_000);
        if time % 2 == 1 && n % 50 == 0 {
            events += &format!("{{\"t\":{},\"k\":\"late\"}}\n{{\"t\":{n}\n", time - 1);
        }
    }
    fs::write(dir.path().join("in.ndjson"), events).unwrap();
    let run = |options: &str, reader: &str| {
        let job = "\"$0\" -q -w 1s -t t -d 0s -b k -a 'count(*), sum(x)' --late late --bad bad in.ndjson";
        let output = shell(dir.path(), &format!("{job} {options} | {reader} >rows"));
        assert!(output.status.success(), "{output:?}");
        ["rows", "late", "bad"].map(|name| fs::read_to_string(dir.path().join(name)).unwrap())
    };
    let expected = run("-j 1", "cat");
    assert_eq!(expected[0].lines().count(), 60_000);
    assert_eq!([expected[1].lines().count(), expected[2].lines().count()], [600, 600]);
    for threads in [1, 2, 3] {
        let found = run(&format!("-j {threads} --buffer 1 --chunk-bytes 20000"), "(sleep 0.4; cat)");
        assert!(found == expected, "with {threads} threads");
    }
}
