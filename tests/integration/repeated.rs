//! Early and revised rows beyond what the model says of them: what a run without them has in common with it, what the
//! clock does, and what is told of windows that have fired.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

use crate::common;
use crate::generate::Case;
use crate::program::{done, put, windrow};

/// How many random jobs are run.
const CASES: u64 = 600;
/// Nothing here takes long.
const HANGS_AFTER: Duration = Duration::from_secs(20);

/// The final rows, of NDJSON, without the columns that say so.
fn finals(rows: &str) -> String {
    let stripped = |line: &str| line.split_once(",\"pane\":\"final\"").map(|(row, _)| format!("{row}}}\n"));
    rows.lines().filter_map(stripped).collect()
}

/// Without the value of an option, and the option.
fn without(options: &[String], name: &str) -> Vec<String> {
    let at = options.iter().position(|option| option == name);
    let is_kept = |n: &usize| at.is_none_or(|at| *n != at && *n != at + 1);
    (0..options.len()).filter(is_kept).map(|n| options[n].clone()).collect()
}

#[test]
fn final_rows_are_those_of_a_run_without_early_ones() {
    let start = fastrand::u64(..1 << 40) << 20;
    let mut compared = 0;
    for seed in start..start + CASES {
        let case = Case::random(seed);
        let mut options = case.options();
        // No row has several lines there.
        options.extend(["--to", "ndjson"].map(str::to_owned));
        options = without(&options, "--to");
        let repeats = options.iter().any(|name| name == "--allowed-lateness");
        let plain = without(&options, "--emit-every");
        if plain.len() == options.len() {
            continue;
        }
        let rows = |options: &[String]| {
            let options: Vec<&str> = options.iter().map(String::as_str).chain(["-j", "2"]).collect();
            let outcome = common::run_job(common::job(&options, &case.inputs()).expect("a good job"));
            outcome.rows
        };
        let (expected, found) = (rows(&plain), rows(&options));
        let expected = if repeats { finals(&expected) } else { expected };
        assert_eq!(finals(&found), expected, "seed {seed}:\n{}\n{found}", case.script());
        compared += 1;
    }
    assert!(compared > CASES / 10, "few jobs have early rows: {compared}");
}

const EVENTS: &str =
    "{\"t\":1,\"k\":\"a\"}\n{\"t\":12,\"k\":\"b\"}\n{\"t\":3,\"k\":\"c\"}\n{\"t\":4,\"k\":\"a\"}\n";

/// What the state directory was made for is refused by name, with either option, given or not.
#[test]
fn the_options_belong_to_the_job() {
    let held = "-w 10s -t t -d 0s -b k -q -s st --at-eof hold -o out a";
    for (there, here, says) in [
        ("", "--emit-every 5s ", "--emit-every is not given there and `5s` here"),
        ("--emit-every 5s ", "", "--emit-every is `5s` there and not given here"),
        ("--emit-every 5s ", "--emit-every 6s ", "--emit-every is `5s` there and `6s` here"),
        ("", "--allowed-lateness 0s ", "--allowed-lateness is not given there and `0s` here"),
        (
            "--allowed-lateness 9s ",
            "--allowed-lateness 8s ",
            "--allowed-lateness is `9s` there and `8s` here",
        ),
    ] {
        let dir = tempfile::tempdir().expect("there is room");
        put(&dir, "a", EVENTS);
        done(&dir, &format!("{there}{held}"));
        let (code, _, message) = windrow(&dir, &format!("{here}{held}"));
        assert!(code == Some(2) && message.contains(says), "{message}");
        // Another spelling of one duration is none.
        done(&dir, &format!("{}{held}", there.replace("5s", "5000ms")));
    }
}

/// What is pending is held, and written by the run that ends; fired windows are told apart from open ones.
#[test]
fn what_is_pending_is_held() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", EVENTS);
    let job = "-w 10s -t t -d 0s -b k -q -s st -o out --emit-every 1m --allowed-lateness 5s a";
    done(&dir, &format!("{job} --at-eof hold"));
    let rows = || fs::read_to_string(dir.path().join("out")).expect("it was written");
    assert_eq!(rows().lines().count(), 1, "{}", rows());
    let shown = done(&dir, "state show st");
    let squeezed: Vec<String> =
        shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in ["windows 1, keys 1", "fired 1 that take in late events yet"] {
        assert!(squeezed.iter().any(|found| found == line), "{line} is missing in\n{shown}");
    }
    assert!(shown.contains("2 revising"), "{shown}");
    let dumped = done(&dir, "state dump st");
    let lines: Vec<Value> = dumped.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let source = lines.iter().find(|line| line["kind"] == "source").expect("there is one");
    assert_eq!(source["revising"], 2);
    done(&dir, "state verify st");
    let again = done(&dir, job);
    assert_eq!(again, "");
    let expected = "{\"window_start\":0,\"window_end\":10,\"k\":\"a\",\"count\":1,\"pane\":\"final\",\"revision\":0}\n\
        {\"window_start\":10,\"window_end\":20,\"k\":\"b\",\"count\":1,\"pane\":\"final\",\"revision\":0}\n\
        {\"window_start\":0,\"window_end\":10,\"k\":\"a\",\"count\":2,\"pane\":\"revised\",\"revision\":1}\n\
        {\"window_start\":0,\"window_end\":10,\"k\":\"c\",\"count\":1,\"pane\":\"revised\",\"revision\":0}\n";
    assert_eq!(rows(), expected);
}

/// The watermark moves by the clock while the producer is silent, and early rows come with it.
#[test]
fn silence_brings_early_rows() {
    for (window, keys) in [("1h", "-b k"), ("none", "-b k"), ("session:1h", "-b k")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
        let line =
            format!("-w {window} {keys} -t t -d 0s --emit-every 1s --idle-timeout 100ms --from ndjson -");
        let mut child = command
            .args(line.split(' '))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut input = child.stdin.take().expect("it is a pipe");
        input.write_all(b"{\"t\":1000,\"k\":\"a\"}\n").expect("it reads");
        let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)))
        });
        let first = receiver.recv_timeout(HANGS_AFTER).expect("an early row comes, though nobody speaks");
        assert!(first.contains("\"pane\":\"early\",\"revision\":0"), "{window}: {first}");
        drop(input);
        let rest: Vec<String> = receiver.iter().collect();
        assert!(
            rest.last().is_some_and(|last| last.contains("\"pane\":\"final\",\"revision\":1")),
            "{rest:?}"
        );
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn why_tells_what_was_revised() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", EVENTS);
    let job = "-- -w 10s -t t -d 0s --allowed-lateness 5s a";
    let answer = |line: u32, job: &str| -> Value {
        serde_json::from_str(&done(&dir, &format!("why --to json a:{line} {job}"))).expect("JSON")
    };
    let revising = answer(3, job);
    assert_eq!(revising["fate"], "accepted");
    assert_eq!(revising["revised"], serde_json::json!([{ "start": "0", "end": "10" }]));
    assert!(
        revising["why"].to_string().contains("had fired, and --allowed-lateness 5s lets it in"),
        "{revising}"
    );
    assert_eq!(answer(2, job)["revised"], serde_json::json!([]));
    let late = answer(3, &job.replace("5s a", "1s a"));
    assert!(late["fate"] == "late" && late["why"].to_string().contains("--allowed-lateness, 1s"), "{late}");
    // The watermark is 12 then, a second past the end and the lateness.
    assert_eq!(late["delay_wanted"], "1s1ms");
    let session = answer(3, &job.replace("10s", "session:2s").replace("5s a", "9s a"));
    assert!(session["why"].to_string().contains("of that session is written again"), "{session}");
}

/// Both options can stand in a job file, and `explain` says what they do.
#[test]
fn job_files_know_the_options() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", EVENTS);
    put(&dir, "job.toml", "window = \"10s\"\ntime = \"t\"\nemit-every = \"5s\"\nallowed-lateness = \"1m\"\n");
    assert!(Path::new(&dir.path().join("job.toml")).exists());
    let plan = done(&dir, "explain --job job.toml a");
    assert!(plan.contains("a multiple of 5s") && plan.contains("up to 1m after the close"), "{plan}");
    assert!(done(&dir, "--job job.toml -d 0s a").contains("\"pane\":\"revised\""));
}

/// Windows, sessions and keys are let go when their allowed lateness is over: what is held does not grow.
#[test]
fn what_is_over_is_let_go() {
    let dir = tempfile::tempdir().expect("there is room");
    // Ten new keys a second, and in every ten seconds one event that comes late.
    let event = |n: u32| {
        let t = if n % 100 == 99 { (n / 10).saturating_sub(4) } else { n / 10 };
        format!("{{\"t\":{t},\"k\":{n}}}\n")
    };
    put(&dir, "a", &(0..20_000).map(event).collect::<String>());
    for options in [
        "-w 3s --emit-every 2s --allowed-lateness 5s",
        "-w 12s/1s --emit-every 5s --allowed-lateness 5s",
        "-w 12s/1s --allowed-lateness 5s",
        "-w 12s/1s --emit-every 5s --top 3 --order-by count",
        "-w session:2s --emit-every 5s --allowed-lateness 5s",
        "-w session:2s --allowed-lateness 5s",
    ] {
        let job = "-b k -t t -d 0s -q -s st --replay --at-eof hold --metrics m.prom -o out a";
        done(&dir, &format!("{options} {job}"));
        let metrics = fs::read_to_string(dir.path().join("m.prom")).expect("it was written");
        let keys = metrics.lines().find_map(|line| line.strip_prefix("windrow_state_keys"));
        let keys: f64 = keys.and_then(|value| value.rsplit(' ').next()?.parse().ok()).expect("there is one");
        assert!((1.0..400.0).contains(&keys), "{options}: {keys} keys are held");
        fs::remove_file(dir.path().join("out")).expect("it was written");
    }
}
