//! Text that somebody else chose: it can neither drive a terminal nor flood it.

use std::fs;

use crate::common::{feed, shell, windrow, windrow_in};

const NASTY: &str = "\u{1b}[31m\u{7}\r\u{7f}\u{9b}2J\u{202e}";

#[test]
fn rows_of_ndjson_escape_control_characters() {
    let input = r#"{"ts":1,"k":"\u001b]52;c;x\u0007\r\u007f\u009b"}"#;
    feed(&["--window=1s", "--by=k"], move |out| out.write_all(input.as_bytes()))
        .code(0)
        .rows(&[r#"{"window_start":1,"window_end":2,"k":"\u001b]52;c;x\u0007\r\u007f\u009b","count":1}"#]);
    let raw = "{\"ts\":1,\"k\":\"\u{7f}\u{9b}\"}\n";
    feed(&["--window=1s", "--by=k"], move |out| out.write_all(raw.as_bytes()))
        .code(0)
        .rows(&[r#"{"window_start":1,"window_end":2,"k":"\u007f\u009b","count":1}"#]);
}

#[test]
fn rows_of_csv_are_raw_in_pipes_and_escaped_on_terminals() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("in.csv"), "ts,k\n1,\u{1b}[31mred\n1,\"a\rb\"\n").expect("a file");
    let row = "1,2,\u{1b}[31mred,1\n";
    let piped = shell("$W -w 1s -b k in.csv", directory.path()).code(0);
    assert!(piped.stdout.contains(row), "{:?}", piped.stdout);
    let seen = shell("script -qec '$W -w 1s -b k -q in.csv' /dev/null < /dev/null", directory.path()).code(0);
    assert!(seen.stdout.contains("1,2,\\u{1b}[31mred,1\r\n"), "{:?}", seen.stdout);
    assert!(seen.stdout.contains("1,2,\"a\\rb\",1\r\n"), "{:?}", seen.stdout);
    let table = shell("$W -w 1s -b k --to table in.csv", directory.path()).code(0);
    assert!(table.stdout.contains("\\u{1b}[31mred"), "{:?}", table.stdout);
}

#[test]
fn messages_escape_file_names_records_and_arguments() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join(format!("{NASTY}.ndjson"));
    windrow(&[file.as_os_str(), "-w1s".as_ref()]).code(1).says("no such file");
    fs::write(&file, format!("{{\"ts\":1,\"{NASTY}\"}}\n")).expect("a file");
    windrow(&[file.as_os_str(), "-w1s".as_ref()])
        .code(1)
        .says(".ndjson:1: not valid JSON")
        .says("\\u{1b}[31m");
    fs::write(&file, format!("{{\"ts\":\"{}\"}}\n", NASTY.escape_default())).expect("a file");
    windrow(&[file.as_os_str(), "-w1s".as_ref()]).code(1);
    fs::rename(&file, directory.path().join(format!("{NASTY}.csv"))).expect("it is there");
    let csv = directory.path().join(format!("{NASTY}.csv"));
    fs::write(&csv, format!("ts,{NASTY}\n1,2\n")).expect("a file");
    windrow(&[csv.as_os_str(), "-w1s".as_ref(), "-bkey".as_ref()]).code(2).says("no column `key`");
    fs::write(&csv, format!("ts,a\n1,{NASTY}\n")).expect("a file");
    windrow(&[csv.as_os_str(), "-w1s".as_ref(), "-asum(a)".as_ref()]).code(1).says("is no number");
    let options = [
        "--where",
        "--by",
        "--agg",
        "--window",
        "--time",
        "--time-format",
        "--time-zone",
        "--delay",
        "--id",
        "--to",
        "--from",
        "--threads",
        "--max-record",
        "--max-jump",
        "--remember",
        "--delimiter",
        "--job",
        "--having",
        "--stats",
        "--color",
        "--progress",
        "--top",
        "--order-by",
        "--output",
        "--late",
        "--bad",
        "--nonsense",
    ];
    let long = "x".repeat(100_000);
    for option in options {
        for value in [NASTY, &long, "", "'", "(((((((("] {
            let arg = format!("{option}={value}");
            let csv = csv.as_os_str();
            let window = if option == "--window" { "-q" } else { "-w1s" };
            let ended = windrow_in(directory.path(), &[csv, window.as_ref(), arg.as_ref()]);
            assert!([1, 2].contains(&ended.code) || ended.code == 0, "{option}: {}", ended.code);
            ended.says("");
        }
    }
}

#[test]
fn arguments_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let directory = tempfile::tempdir().expect("a directory");
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe.ndjson");
    fs::write(directory.path().join(name), "{\"ts\":1}\nx\n").expect("a file");
    windrow(&[directory.path().join(name).as_os_str(), "-w1s".as_ref()])
        .code(1)
        .says(".ndjson:2: not a JSON object");
    let option = std::ffi::OsStr::from_bytes(b"--where=\xff");
    windrow(&[option]).code(2).says("windrow: ");
}

#[test]
fn expressions_nested_without_end() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "-".repeat(100_000),
        format!("a{}", " + a".repeat(100_000)),
        "case when ".repeat(50_000),
    ] {
        for option in ["--where", "--agg", "--by", "--window", "--id", "--time"] {
            // An argument may be 128 KiB long.
            let text: String = text.chars().take(120_000).collect();
            let ended = windrow(&[
                format!("{option}={text}").as_str(),
                if option == "--window" { "-q" } else { "-w1s" },
            ]);
            assert!([0, 2].contains(&ended.code), "{option}: {} {}", ended.code, ended.stderr);
            ended.says("").within_mib(256);
        }
    }
}
