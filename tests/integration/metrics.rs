//! What is told of a run to those who watch it: files for the textfile collector, HTTP, SIGUSR1. Through the binary.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::exposition::Metrics;

/// A run takes milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(60);

/// What standard input is called.
const STDIN: &str = "(standard input)";

/// What becomes of records, by the name that `--stats=json` has for it.
const OUTCOMES: [&str; 5] = ["accepted", "filtered", "late", "duplicate", "bad"];

fn windrow(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn run(dir: &Path, args: &[&str]) -> Output {
    windrow(dir, args).output().expect("windrow can be started")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("windrow writes UTF-8")
}

#[track_caller]
fn file(path: &Path) -> Metrics {
    Metrics::of(&fs::read_to_string(path).expect("the file is there"))
}

/// A job that reads a pipe which the test writes to, and the address where its metrics are.
struct Watched {
    child: Child,
    input: Option<ChildStdin>,
    address: String,
}

impl Watched {
    fn start(dir: &Path, args: &[&str]) -> Watched {
        let listen = [args, &["--metrics-listen", "127.0.0.1:0"]].concat();
        let mut command = windrow(dir, &listen);
        let err = dir.join("err");
        let mut child = command
            .stdin(Stdio::piped())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .expect("windrow can be started");
        let mut address = String::new();
        wait_until("no address is told", || {
            let told = fs::read_to_string(&err).unwrap();
            let found = told.lines().find_map(|line| line.strip_prefix("windrow: metrics at http://"));
            found
                .and_then(|url| url.strip_suffix("/metrics"))
                .map(|found| address = found.to_owned())
                .is_some()
        });
        Watched { input: child.stdin.take(), child, address }
    }

    fn send(&mut self, events: &str) {
        let input = self.input.as_mut().expect("the input goes on");
        input.write_all(events.as_bytes()).expect("it is read");
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("somebody listens");
        stream.set_read_timeout(Some(HANGS_AFTER)).unwrap();
        stream
    }

    /// The whole answer to what is sent.
    #[track_caller]
    fn answer(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(request).expect("it is read");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("there is an answer");
        String::from_utf8(answer).expect("answers are UTF-8")
    }

    #[track_caller]
    fn scrape(&self) -> Metrics {
        let answer = self.answer(b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("there is a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        Metrics::of(body)
    }

    /// Waits until so many records have been read.
    #[track_caller]
    fn wait_for(&self, records: f64) -> Metrics {
        let mut found = None;
        wait_until("records are not read", || {
            let now = self.scrape();
            let read = now.get("windrow_input_records_total", &[("input", STDIN)]);
            found = Some(now);
            read == Some(records)
        });
        found.expect("it was scraped")
    }

    fn signal(&self, signal: Signal) {
        signal_to(&self.child, signal);
    }

    /// Ends the input, and waits for the end of the run: its exit code and its rows.
    #[track_caller]
    fn finish(mut self) -> (Option<i32>, String) {
        self.input = None;
        let mut rows = String::new();
        self.child.stdout.take().expect("it is a pipe").read_to_string(&mut rows).expect("rows are UTF-8");
        (ended(&mut self.child), rows)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // A test that has failed leaves nothing behind.
        let _ = self.child.kill();
    }
}

fn signal_to(child: &Child, signal: Signal) {
    let process = Pid::from_raw(child.id() as i32).expect("it has a number");
    kill_process(process, signal).expect("it runs");
}

#[track_caller]
fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < HANGS_AFTER, "{what}");
        std::thread::yield_now();
    }
}

#[track_caller]
fn ended(child: &mut Child) -> Option<i32> {
    let mut status = None;
    wait_until("it goes on", || {
        status = child.try_wait().expect("it is ours");
        status.is_some()
    });
    status.and_then(|status| status.code())
}

/// Events of these seconds: one in seven without a time, one in five filtered, one in eleven a repeat, some late.
fn events(seconds: std::ops::Range<u64>) -> String {
    let event = |n: u64| {
        let id = if n % 11 == 10 { n - 1 } else { n };
        let second = if n % 13 == 12 { n.saturating_sub(1000) } else { n };
        match n % 7 {
            6 => format!("{{\"id\":{id},\"k\":{}}}\n", n % 5),
            _ => format!("{{\"t\":{second},\"id\":{id},\"k\":{}}}\n", n % 5),
        }
    };
    seconds.map(event).collect()
}

const JOB: [&str; 16] = [
    "-t",
    "t",
    "-i",
    "id",
    "-b",
    "k",
    "-d",
    "3s",
    "--bad",
    "skip",
    "--where",
    "k <> 4",
    "--remember",
    "1h",
    "-f",
    "ndjson",
];

fn job<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JOB[..], more].concat()
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

/// `read = accepted + filtered + late + duplicate + bad`, at any moment.
#[track_caller]
fn check_identity(metrics: &Metrics) {
    let any = ("", "");
    let late = |outcome| metrics.sum("windrow_late_records_total", ("outcome", outcome));
    let counted = metrics.sum("windrow_accepted_records_total", any)
        + metrics.sum("windrow_records_skipped_total", any)
        + metrics.sum("windrow_duplicate_records_total", any)
        + late("dropped")
        + late("side_output");
    assert_eq!(metrics.sum("windrow_input_records_total", any), counted);
}

fn stats(output: &Output) -> Value {
    let last = text(&output.stderr).lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{output:?}"))
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
        assert_eq!(metrics.value("windrow_build_info", &[("job", "job"), ("state_format", "1")]), 1.0);
        let accepted = metrics.sum("windrow_accepted_records_total", ("", ""));
        assert_eq!(metrics.value("windrow_processing_latency_seconds_count", &[]), accepted);
        assert_eq!(metrics.value("windrow_output_bytes_total", &[]), output.stdout.len() as f64);
        let bytes = files.len() as u64 * events(0..2_000).len() as u64;
        assert_eq!(metrics.sum("windrow_input_bytes_total", ("", "")), bytes as f64);
        metrics
    };
    let metrics = check(&["-w", "10s"], &["a.ndjson"]);
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

#[test]
fn order_tells_of_waiting_events() {
    let dir = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(dir.path(), &["order", "-t", "t", "-d", "10s"]);
    watched.send("{\"t\":100}\n{\"t\":105}\n{\"t\":107}\n");
    let mut metrics = watched.wait_for(3.0);
    wait_until("nothing waits", || {
        metrics = watched.scrape();
        metrics.get("windrow_waiting_records", &[]) == Some(3.0)
    });
    assert_eq!(metrics.value("windrow_oldest_open_window_timestamp_seconds", &[]), 100.0);
    assert_eq!(metrics.value("windrow_watermark_timestamp_seconds", &[]), 97.0);
    assert_eq!(metrics.value("windrow_event_time_skew_seconds", &[("input", STDIN)]), 10.0);
    assert_eq!(metrics.get("windrow_open_windows", &[]), None);
    assert_eq!(watched.finish().0, Some(0));
}

/// Scraped as fast as it goes while a job runs: what is counted adds up and never goes back, and in the end it is
/// what the account says.
#[test]
fn scrapes_agree_while_a_job_runs() {
    let dir = tempfile::tempdir().unwrap();
    let options =
        job(&["-w", "20s", "-s", "state", "--checkpoint-interval", "20ms", "-o", "rows", "--stats=text"]);
    let mut watched = Watched::start(dir.path(), &[&options[..], &["--metrics", "job.prom"]].concat());
    let (mut last, mut read) = (Default::default(), 0);
    for from in (0..40_000).step_by(2_000) {
        watched.send(&events(from..from + 2_000));
        read += 2_000;
        let mut check = || {
            let now = watched.scrape();
            // Nothing has been opened before the first record has come.
            if !now.0.contains_key("windrow_input_records_total") {
                return false;
            }
            check_identity(&now);
            let counters = now.counters();
            for (series, value) in &last {
                assert!(counters.get(series).is_some_and(|now| now >= value), "{series:?}");
            }
            last = counters;
            now.sum("windrow_input_records_total", ("", "")) == f64::from(read)
        };
        wait_until("records are not read", &mut check);
    }
    let metrics = watched.scrape();
    assert_eq!(metrics.value("windrow_up", &[]), 1.0);
    // 40,000 seconds, the last of which has been read: the windows of the last 3 s and 20 s are open.
    let open = metrics.value("windrow_open_windows", &[]);
    assert!((1.0..=3.0).contains(&open), "{open}");
    let lag = metrics.value("windrow_watermark_lag_seconds", &[]);
    assert!(lag > 1.6e9, "the events are of 1970: {lag}");
    assert_eq!(watched.finish().0, Some(0));
    let told = fs::read_to_string(dir.path().join("err")).unwrap();
    let metrics = file(&dir.path().join("job.prom"));
    let of = |outcome| metrics.value("windrow_job_records", &[("outcome", outcome)]);
    let line = format!(
        "40000 read = {} accepted + {} filtered + {} late + {} duplicate + {} bad",
        of("accepted"),
        of("filtered"),
        of("late"),
        of("duplicate"),
        of("bad")
    );
    assert!(told.contains(&line), "{line}: {told}");
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

/// Whatever clients do, others are answered, and the job ends as if there were none.
#[test]
fn clients_that_misbehave_disturb_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(dir.path(), &job(&["-w", "10s", "-q"]));
    watched.send(&events(0..1_000));
    watched.wait_for(1_000.0);
    // Some say nothing, some begin and do not go on, some go away.
    let silent: Vec<TcpStream> = (0..30).map(|_| watched.connect()).collect();
    let halves: Vec<TcpStream> = (0..10).map(|_| watched.connect()).collect();
    for mut half in &halves {
        half.write_all(b"GET /metrics HTTP/1.1\r\nHost").unwrap();
    }
    for n in (0..34).step_by(2) {
        let mut gone = watched.connect();
        let _ = gone.write_all(&b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"[..n]);
    }
    watched.send(&events(1_000..2_000));
    let started = Instant::now();
    watched.wait_for(2_000.0);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    drop((silent, halves));
    // A line without an end, headers without number, more than one request, none at all.
    let long = [b"GET /".as_slice(), &[b'x'; 100_000]].concat();
    assert!(watched.answer(&long).starts_with("HTTP/1.1 431 "));
    let headers = [b"GET /metrics HTTP/1.1\r\n".as_slice(), &b"A: b\r\n".repeat(10_000)].concat();
    assert!(watched.answer(&headers).starts_with("HTTP/1.1 431 "));
    let answer = watched.answer(&b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    assert!(watched.answer(b"\x16\x03\x01\x02\n\n").starts_with("HTTP/1.1 400 "));
    assert!(watched.answer(b"GET /metrics HTTP/1.1\r\nHo").starts_with("HTTP/1.1 408 "));
    let posted = watched.answer(b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
    // Byte by byte is slow, and right.
    let mut slow = watched.connect();
    for byte in b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n" {
        slow.write_all(&[*byte]).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let disturbed = watched.finish();
    let plain = dir.path().join("a");
    fs::write(&plain, events(0..2_000)).unwrap();
    let undisturbed = run(dir.path(), &job(&["-w", "10s", "-q", "a"]));
    assert_eq!(disturbed, (Some(0), text(&undisturbed.stdout).to_owned()));
}

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

/// The rules that are shipped go by names that are there.
#[test]
fn alerts_speak_of_metrics_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let args = job(&["-w", "10s", "-s", "state", "-o", "rows", "--metrics", "m.prom"]);
    let mut watched = Watched::start(dir.path(), &args);
    watched.send(&events(0..1_000));
    let running = watched.wait_for(1_000.0);
    assert_eq!(watched.finish().0, Some(0));
    let over = file(&dir.path().join("m.prom"));
    let known = |name: &str| running.0.contains_key(name) || over.0.contains_key(name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("testdata/windrow-alerts.yml")).expect("there are rules");
    let names = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_owned);
        words.filter(|word| word.starts_with("windrow_")).collect::<std::collections::BTreeSet<_>>()
    };
    let used = names(&rules);
    assert!(used.len() >= 6 && used.iter().all(|name| known(name)), "{used:?}");
    // And the README names all that there are.
    let readme = fs::read_to_string(root.join("README.md")).expect("there is a README");
    let (told, waiting) = (names(&readme), "windrow_waiting_records");
    for name in running.0.keys().chain(over.0.keys()).map(String::as_str).chain([waiting]) {
        assert!(told.contains(name), "the README does not tell of {name}");
    }
    let there = |name: &String| known(name) || name == waiting;
    assert!(told.iter().all(there), "{:?}", told.iter().find(|name| !there(name)));
}
