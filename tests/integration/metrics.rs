//! What is told of a run in the file for the textfile collector: that it is whole, right, and there in the end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::exposition::Metrics;
use crate::watched::{STDIN, Watched, check_identity, ended, events, file, job, run, text, wait_until};

/// What becomes of records, by the name that `--stats=json` has for it.
const OUTCOMES: [&str; 5] = ["accepted", "filtered", "late", "duplicate", "bad"];

fn stats(output: &Output) -> Value {
    let last = text(&output.stderr).lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{output:?}"))
}

/// What the account of a run says, in total and by input, against its metrics.
#[track_caller]
fn check_account(metrics: &Metrics, stats: &Value) {
    let number =
        |object: &Value, name: &str| object[name].as_f64().unwrap_or_else(|| panic!("no {name}: {object}"));
    for outcome in OUTCOMES {
        let told = metrics.value("windrow_job_records", &[("outcome", outcome)]);
        assert_eq!(told, number(stats, outcome), "{outcome}");
    }
    assert_eq!(metrics.value("windrow_job_rows", &[]), number(stats, "rows"));
    for source in stats["sources"].as_array().expect("there are sources") {
        let input = ("input", source["source"].as_str().expect("it has a name"));
        let told = |name: &str, more: &[(&str, &str)]| metrics.value(name, &[&[input], more].concat());
        assert_eq!(told("windrow_input_records_total", &[]), number(source, "read"));
        assert_eq!(told("windrow_accepted_records_total", &[]), number(source, "accepted"));
        assert_eq!(told("windrow_records_skipped_total", &[("reason", "where")]), number(source, "filtered"));
        assert_eq!(told("windrow_records_skipped_total", &[("reason", "bad")]), number(source, "bad"));
        assert_eq!(told("windrow_duplicate_records_total", &[]), number(source, "duplicate"));
        let late = |outcome| told("windrow_late_records_total", &[("outcome", outcome)]);
        assert_eq!(late("dropped") + late("side_output"), number(source, "late"));
        assert_eq!(late("accepted"), number(source, "partially_late"));
    }
}

#[test]
fn the_file_has_what_the_account_says() {
    let check = |options: &[&str], files: &[&str]| {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(dir.path().join(file), events(0..2_000)).unwrap();
        }
        let options = job(&[options, &["--stats=json", "--metrics", "job.prom"]].concat());
        let args = [&options[..], &["--"], files].concat();
        let output = run(dir.path(), &args);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let metrics = file(&dir.path().join("job.prom"));
        check_account(&metrics, &stats(&output));
        check_identity(&metrics);
        assert_eq!((metrics.value("windrow_up", &[]), metrics.value("windrow_exit_status", &[])), (0.0, 0.0));
        assert_eq!(metrics.value("windrow_build_info", &[("job", "job"), ("state_format", "6")]), 1.0);
        let accepted = metrics.sum("windrow_accepted_records_total", ("", ""));
        assert_eq!(metrics.value("windrow_processing_latency_seconds_count", &[]), accepted);
        assert_eq!(metrics.value("windrow_output_bytes_total", &[]), output.stdout.len() as f64);
        let bytes = files.len() as u64 * events(0..2_000).len() as u64;
        assert_eq!(metrics.sum("windrow_input_bytes_total", ("", "")), bytes as f64);
        let late = |outcome| metrics.sum("windrow_late_records_total", ("outcome", outcome));
        let told = metrics.value("windrow_lateness_seconds_count", &[]);
        assert_eq!(told, late("dropped") + late("side_output"));
        let windows: Vec<Value> = text(&output.stdout)
            .lines()
            .map(|row| serde_json::from_str::<Value>(row).expect("rows are JSON"))
            .map(|row| serde_json::json!([row["window_start"], row["window_end"]]))
            .collect();
        // Each key has sessions of its own; of other windows the rows stand together.
        let mut shared = windows.clone();
        shared.dedup();
        let closed = if options.contains(&"session:2s") { windows.len() } else { shared.len() };
        assert_eq!(metrics.value("windrow_windows_closed_total", &[]), closed as f64, "{options:?}");
        metrics
    };
    let metrics = check(&["-w", "10s"], &["a.ndjson"]);
    // From ten seconds behind the watermark, at the start, to a thousand.
    let late = metrics.value("windrow_lateness_seconds_count", &[]);
    let up_to = |bound| metrics.value("windrow_lateness_seconds_bucket", &[("le", bound)]);
    assert!((up_to("1"), up_to("3600")) == (0.0, late) && up_to("900") < late, "{late}");
    assert_eq!(metrics.get("windrow_checkpoints_total", &[("outcome", "ok")]), None);
    check(&["-w", "10s/2s", "--late", "late"], &["a", "b"]);
    check(&["-w", "session:2s"], &["a\\b\"c\nd é", "-x"]);
    check(&["-w", "none", "--metrics-label", "dc=\"x\\"], &["a"]);
    let metrics = check(&["-w", "10s", "-s", "state"], &["a"]);
    assert!(metrics.value("windrow_checkpoints_total", &[("outcome", "ok")]) >= 2.0);
    assert!(metrics.value("windrow_last_checkpoint_size_bytes", &[]) > 0.0);
}

#[test]
fn an_input_that_is_named_twice_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), events(0..100)).unwrap();
    let output = run(dir.path(), &job(&["-w", "10s", "--metrics", "job.prom", "a", "a"]));
    assert_eq!(output.status.code(), Some(0));
    let metrics = file(&dir.path().join("job.prom"));
    assert_eq!(metrics.value("windrow_input_records_total", &[("input", "a")]), 200.0);
}

/// Counters begin with the process, as Prometheus wants them; what the job has come to goes on with it.
#[test]
fn a_resumed_run_counts_anew_and_the_job_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let all = events(0..3_000);
    let some = all.lines().take(1_000).map(|line| format!("{line}\n")).collect::<String>();
    let args = job(&[
        "-w",
        "10s",
        "-s",
        "state",
        "--at-eof",
        "hold",
        "-o",
        "rows",
        "--stats=json",
        "--metrics",
        "job.prom",
        "a",
    ]);
    fs::write(path("a"), &some).unwrap();
    let output = run(dir.path(), &args);
    check_account(&file(&path("job.prom")), &stats(&output));
    fs::write(path("a"), &all).unwrap();
    let output = run(dir.path(), &args);
    let (metrics, account) = (file(&path("job.prom")), stats(&output));
    assert_eq!(account["read"], 3_000);
    for outcome in OUTCOMES {
        let told = metrics.value("windrow_job_records", &[("outcome", outcome)]);
        assert_eq!(Some(told), account[outcome].as_f64(), "{outcome}");
    }
    assert_eq!(Some(metrics.value("windrow_job_rows", &[])), account["rows"].as_f64());
    assert_eq!(metrics.value("windrow_input_records_total", &[("input", "a")]), 2_000.0);
    assert_eq!(metrics.value("windrow_restores_total", &[]), 1.0);
    check_identity(&metrics);
    // Nothing is new, so that nothing is counted, and the last checkpoint is that of the run before.
    let before = metrics.value("windrow_last_checkpoint_timestamp_seconds", &[]);
    let output = run(dir.path(), &args);
    let metrics = file(&path("job.prom"));
    assert_eq!(metrics.sum("windrow_input_records_total", ("", "")), 0.0);
    assert_eq!(metrics.value("windrow_output_records_total", &[]), 0.0);
    assert!(metrics.value("windrow_last_checkpoint_timestamp_seconds", &[]) >= before);
    assert_eq!(stats(&output)["read"], 3_000);
    // A job that is done says what it came to.
    let closing: Vec<&str> = args.iter().map(|arg| if *arg == "hold" { "close" } else { arg }).collect();
    run(dir.path(), &closing);
    let output = run(dir.path(), &closing);
    let metrics = file(&path("job.prom"));
    assert_eq!(Some(metrics.value("windrow_job_rows", &[])), stats(&output)["rows"].as_f64());
    assert_eq!(metrics.get("windrow_input_records_total", &[("input", "a")]), None);
}

/// Read as fast as it goes while it is replaced again and again.
#[test]
fn the_file_is_never_seen_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("job.prom");
    let args = job(&["-w", "10s", "--metrics", "job.prom", "--metrics-interval", "100ms"]);
    let mut watched = Watched::start(dir.path(), &args);
    watched.send(&events(0..100));
    wait_until("there is no file", || path.exists());
    let (over, mut states) = (AtomicBool::new(false), 0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut states, mut last) = (0, 0, String::new());
            while !over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).expect("it is always there");
                if text != last {
                    Metrics::of(&text);
                    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
                    (states, last) = (states + 1, text);
                }
                reads += 1;
            }
            (reads, states)
        });
        let started = Instant::now();
        let mut second = 100;
        while started.elapsed() < Duration::from_millis(1_200) {
            watched.send(&events(second..second + 50));
            second += 50;
            std::thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::Relaxed);
        let (reads, seen) = reader.join().expect("every text can be read");
        assert!(reads > seen, "{reads} reads");
        states = seen;
    });
    assert!(states >= 4, "{states} states");
    assert_eq!(watched.finish().0, Some(0));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn places_that_do_not_work_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.prom"), "{\"t\":1}\n").unwrap();
    let check = |args: &[&str], want: &str| {
        let output = run(dir.path(), &[&["-w", "1s", "-t", "t"], args].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{args:?}");
        assert_eq!(text(&output.stderr), want, "{args:?}");
    };
    check(
        &["--metrics", "none/m.prom", "a.prom"],
        "windrow: --metrics: none/m.prom cannot be written: no such file or directory\n",
    );
    check(
        &["--metrics", "a.prom", "a.prom"],
        "windrow: --metrics is the same file as the input a.prom; name another file\n",
    );
    check(
        &["--metrics", "o.prom", "-o", "o.prom", "a.prom"],
        "windrow: --metrics is the same file as --output; name another file\n",
    );
    let output =
        run(dir.path(), &["-w", "1s", "-s", "state", "-t", "t", "--metrics", "state/m.prom", "a.prom"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(
        &["--metrics-listen", &address, "--metrics", "m.prom", "a.prom"],
        &format!("windrow: --metrics-listen: {address}: address already in use; name another port, or 0\n"),
    );
    assert!(!dir.path().join("m.prom").exists());
}

/// A failure says so too, with its exit code; and one that comes before anything has been read.
#[test]
fn a_failed_run_leaves_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "{\"t\":1}\n{\"t\":\n").unwrap();
    fs::write(dir.path().join("a.csv"), "x,y\n1,2\n").unwrap();
    let check = |args: &[&str], code: i32| {
        let output = run(dir.path(), &[&["-w", "1s", "-t", "t", "--metrics", "m.prom"], args].concat());
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let metrics = file(&dir.path().join("m.prom"));
        assert_eq!(metrics.value("windrow_exit_status", &[]), f64::from(code));
        assert_eq!(metrics.value("windrow_up", &[]), 0.0);
    };
    check(&["a"], 1);
    check(&["none"], 1);
    check(&["a.csv"], 2);
}

#[test]
fn a_file_that_cannot_be_written_any_more_is_warned_of_once() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let args = [
        "-w",
        "1s",
        "-t",
        "t",
        "-f",
        "ndjson",
        "-d",
        "0s",
        "--metrics",
        "inner/m.prom",
        "--metrics-interval",
        "100ms",
    ];
    let mut watched = Watched::start(dir.path(), &args);
    watched.send("{\"t\":1}\n");
    wait_until("there is no file", || inner.join("m.prom").exists());
    fs::remove_dir_all(&inner).unwrap();
    let told = || fs::read_to_string(dir.path().join("err")).unwrap();
    wait_until("nobody is warned", || told().contains("warning"));
    std::thread::sleep(Duration::from_millis(250));
    let rows = "{\"window_start\":1,\"window_end\":2,\"count\":1}\n";
    assert_eq!(watched.finish(), (Some(0), rows.to_owned()));
    let warnings: Vec<String> = told().lines().skip(1).map(str::to_owned).collect();
    let want = "windrow: warning: --metrics: inner/m.prom cannot be written: no such file or directory; the job goes on, \
                and it is tried again";
    assert_eq!(warnings, [want]);
}

/// Without a state directory too: a run that is ended by a signal says so, and ends as it would have.
#[test]
fn a_run_that_is_ended_by_a_signal_says_so() {
    use std::os::unix::process::ExitStatusExt;
    for kept in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let state: &[&str] = if kept { &["-s", "state", "-o", "rows"] } else { &[] };
        let args = [&["-w", "1s", "-t", "t", "-f", "ndjson", "--metrics", "m.prom"], state].concat();
        let mut watched = Watched::start(dir.path(), &args);
        watched.send("{\"t\":1}\n");
        watched.wait_for(1.0);
        watched.signal(Signal::TERM);
        ended(&mut watched.child);
        let status = watched.child.wait().unwrap();
        match kept {
            true => assert_eq!(status.code(), Some(143)),
            false => assert_eq!(status.signal(), Some(15)),
        }
        let metrics = file(&dir.path().join("m.prom"));
        assert_eq!(metrics.value("windrow_exit_status", &[]), 143.0);
        assert_eq!(metrics.value("windrow_input_records_total", &[("input", STDIN)]), 1.0);
    }
}

/// A second run that was started by mistake does not write over what the first one says.
#[test]
fn a_run_that_is_locked_out_leaves_the_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["-w", "1s", "-t", "t", "-f", "ndjson", "-s", "state", "-o", "rows", "--metrics", "m.prom"];
    let mut watched = Watched::start(dir.path(), &args);
    watched.send("{\"t\":1}\n");
    let path = dir.path().join("m.prom");
    wait_until("there is no file", || path.exists());
    let before = fs::read_to_string(&path).unwrap();
    let output = run(dir.path(), &args);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert_eq!(watched.finish().0, Some(0));
}
