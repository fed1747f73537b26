//! From arguments to requests, with and without a job file.

use super::*;
use std::io::Write;

fn request(line: &[&str]) -> Result<Request> {
    let argv: Vec<OsString> = ["windrow"].iter().chain(line).map(OsString::from).collect();
    parse(&argv, false)
}

fn asked(line: &[&str]) -> Asked {
    match request(line) {
        Ok(Request::Run(asked) | Request::Explain(asked)) => *asked,
        other => panic!("{line:?}: {other:?}"),
    }
}

/// A job file in a directory that lives as long as the first result.
fn job_file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("job.toml");
    std::fs::File::create(&path).and_then(|mut file| file.write_all(text.as_bytes())).expect("is written");
    (directory, path.to_str().expect("is UTF-8").to_owned())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn commands() {
    let check = |line: &[&str], want: &str| {
        let kind = match request(line) {
            Ok(Request::Run(asked)) => format!("run {}", kind(&asked)),
            Ok(Request::Explain(asked)) => format!("explain {}", kind(&asked)),
            Ok(Request::Completions(shell)) => format!("completions {shell}"),
            Ok(Request::Profile(args, _)) => format!("profile {:?} {:?}", args.inputs, args.limit),
            Ok(Request::Chart(args, _)) => {
                format!("chart {:?} {:?} {:?}", args.result, args.columns, args.keys)
            }
            Ok(Request::State(command)) => format!("state {command:?}"),
            Ok(Request::Why(args)) => format!("why {} {:?}", args.record, args.words),
            Ok(Request::Verify(args)) => format!("verify {} {:?} {:?}", args.kills, args.seed, args.words),
            Ok(Request::Print(_)) => "print".to_owned(),
            Err(error) => format!("error {}", error.exit_code()),
        };
        assert_eq!(kind, want, "{line:?}");
    };
    fn kind(asked: &Asked) -> String {
        let job = if asked.args.aggregate.is_some() { "main" } else { "order" };
        format!("{job} {:?}", asked.args.input.files)
    }
    check(&[], "run main []");
    check(&["-w", "1m", "a", "-"], r#"run main ["a", "-"]"#);
    check(&["order", "a"], r#"run order ["a"]"#);
    check(&["./order"], r#"run main ["./order"]"#);
    check(&["--", "order"], r#"run main ["order"]"#);
    check(&["-w", "1m", "order"], r#"run main ["order"]"#);
    check(&["--", "-x.json"], r#"run main ["-x.json"]"#);
    check(&["-w1m", "--", "--", "-1"], r#"run main ["--", "-1"]"#);
    check(&["explain", "-w", "1m"], "explain main []");
    check(&["explain", "order", "a"], r#"explain order ["a"]"#);
    check(&["completions", "zsh"], "completions zsh");
    check(&["profile", "a", "-", "--limit=7"], r#"profile ["a", "-"] Some(7)"#);
    check(&["profile", "--limit=0"], "error 2");
    check(&["chart", "a.csv", "--by=k,l", "--top=3"], r#"chart Some("a.csv") ["k", "l"] 3"#);
    check(&["chart", "-b", "k", "-y", "n"], r#"chart None ["k"] 8"#);
    check(&["chart", "--top=101", "a.csv"], "error 2");
    check(&["why", "a:3", "--", "-w", "1m"], r#"why a:3 ["-w", "1m"]"#);
    check(&["why", "a:3"], "error 2");
    check(&["state", "show", "d"], r#"state Show(StateDirArg { dir: "d" })"#);
    check(&["state", "dump", "d"], r#"state Dump(StateDirArg { dir: "d" })"#);
    check(&["state", "verify", "d"], r#"state Verify(StateDirArg { dir: "d" })"#);
    check(&["state"], "error 2");
    check(&["state", "show"], "error 2");
    check(&["verify", "--", "-w", "1m", "a"], r#"verify 20 None ["-w", "1m", "a"]"#);
    check(
        &["verify", "--kills=3", "--seed=7", "--", "order", "--job=j"],
        r#"verify 3 Some(7) ["order", "--job=j"]"#,
    );
    check(&["verify"], "error 2");
    check(&["verify", "--kills=0", "--", "a"], "error 2");
    check(&["-h"], "print");
    check(&["order", "--help"], "print");
    check(&["--version"], "print");
    check(&["order", "-w", "1m"], "error 2");
    check(&["completions", "tcsh"], "error 2");
}

#[test]
fn options() {
    let asked = asked(&[
        "--stats",
        "a.json",
        "-vv",
        "-b",
        "x,y",
        "-b",
        "z",
        "--delimiter",
        "tab",
        "--where",
        "-1 < x",
    ]);
    let aggregate = asked.args.aggregate.expect("is the main job");
    assert_eq!(asked.args.diagnostics.stats, Some(super::super::values::StatsName::Text));
    assert_eq!(asked.args.input.files, ["a.json"].map(std::path::PathBuf::from));
    assert_eq!(asked.args.diagnostics.verbose, 2);
    assert_eq!(aggregate.window.by, ["x,y", "z"]);
    assert_eq!(asked.args.input.delimiter, Some(b'\t'));
    assert_eq!(asked.args.input.filter.as_deref(), Some("-1 < x"));
}

#[test]
fn mistakes_in_one_line() {
    let check = |line: &[&str], want: &str| {
        let error = request(line).expect_err("is a mistake");
        assert_eq!(error.to_string(), want, "{line:?}");
        assert_eq!(error.exit_code(), 2, "{line:?}");
    };
    check(&["--widow", "1m"], "unexpected argument '--widow' found; a similar argument exists: '--window'");
    check(
        &["--top", "0"],
        "invalid value '0' for '--top <N>': a whole number from 1 to 1073741824 is needed",
    );
    check(
        &["--to", "xml"],
        "invalid value 'xml' for '--to <FORMAT>' [possible values: ndjson, csv, tsv, table, chart, live]",
    );
    check(&["--window"], "a value is required for '--window <SPEC>' but none was supplied");
    check(&["-d", "1m", "-d", "2m"], "the argument '--delay <DURATION>' cannot be used multiple times");
    check(&["--zzz"], "unexpected argument '--zzz' found; try windrow --help");
    check(
        &["--delimiter", ";;"],
        "invalid value ';;' for '--delimiter <C>': a delimiter is one byte, or tab",
    );
    check(
        &["--max-record", "x\u{1b}[31m"],
        "invalid value 'x' for '--max-record <SIZE>': a size is a whole number of bytes, or such as 64MiB, 64M or 64MB",
    );
    check(&["--stats=xml"], "invalid value 'xml' for '--stats[=<FORMAT>]' [possible values: text, json]");
    check(&["completions"], "the following required arguments were not provided: <SHELL>");
}

#[test]
fn the_command_line_wins_over_the_file() {
    let (_directory, path) = job_file(
        "window = '1m'\nby = ['page']\ndelay = '1m'\nfiles = ['a.csv']\nties = true\ntop = 3\nverbose = 2\n",
    );
    let asked = asked(&["--job", &path, "--by", "user", "-d2s", "--order-by", "count"]);
    let aggregate = asked.args.aggregate.expect("is the main job");
    assert_eq!(aggregate.window.window, ["1m"]);
    assert_eq!(aggregate.window.by, ["user"]);
    assert_eq!(asked.args.time.delay, "2s");
    assert_eq!(asked.args.input.files, ["a.csv"].map(std::path::PathBuf::from));
    assert!(aggregate.aggregation.ties);
    assert_eq!(aggregate.aggregation.top, Some(3));
    assert_eq!(asked.args.diagnostics.verbose, 2);
    let origin = |name: &str| asked.settings.get(name).map(|setting| setting.origin.clone());
    let line = |line| Some(Origin::File { path: path.clone().into(), line });
    assert_eq!(origin("window"), line(1));
    assert_eq!(origin("by"), Some(Origin::CommandLine));
    assert_eq!(origin("delay"), Some(Origin::CommandLine));
    assert_eq!(origin("files"), line(4));
    assert_eq!(origin("job"), Some(Origin::CommandLine));
    assert_eq!(origin("late"), Some(Origin::Default));
    assert_eq!(asked.settings.option("top"), format!("{path}:6: top"));
}

#[test]
fn files_on_the_command_line_replace_those_of_the_file() {
    let (_directory, path) = job_file("window = '1m'\nfiles = ['a.csv']\n");
    let asked = asked(&["explain", "--job", &path, "--", "-b.json"]);
    assert_eq!(asked.args.input.files, ["-b.json"].map(std::path::PathBuf::from));
    assert_eq!(asked.settings.get("files").map(|files| files.origin.clone()), Some(Origin::CommandLine));
    assert_eq!(asked.args.aggregate.unwrap().window.window, ["1m"]);
}

#[test]
fn mistakes_in_the_file_name_its_line() {
    let check = |text: &str, line: &[&str], want: &str| {
        let (_directory, path) = job_file(text);
        let line: Vec<&str> = line.iter().copied().chain(["--job", &path]).collect();
        let error = request(&line).expect_err(text).to_string();
        assert_eq!(error.replace(&path, "job.toml"), want, "{text}");
    };
    check(
        "window = '1m'\ntop = 0",
        &[],
        "job.toml:2: invalid value '0' for '--top <N>': a whole number from 1 to 1073741824 is needed",
    );
    check(
        "to = 'xml'",
        &[],
        "job.toml:1: invalid value 'xml' for '--to <FORMAT>' [possible values: ndjson, csv, tsv, table, chart, live]",
    );
    check(
        "window = '1m'",
        &["order"],
        "job.toml:1: there is no option `window`; windrow order --help lists them",
    );
    check(
        "top = 0",
        &["--top", "x"],
        "invalid value 'x' for '--top <N>': a whole number from 1 to 1073741824 is needed",
    );
}
