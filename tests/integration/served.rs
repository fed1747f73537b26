//! What is told of a run over HTTP while it goes on, and that clients cannot disturb it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::exposition::Metrics;
use crate::watched::{STDIN, Watched, check_identity, events, file, job, run, text, wait_until};

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

/// What is open takes up memory, part by part, and less of it once it has closed.
#[test]
fn memory_is_told_by_its_parts() {
    let dir = tempfile::tempdir().unwrap();
    let args = job(&["-w", "1h", "-a", "count(*), topk(id, 3)", "-j", "2"]);
    let mut watched = Watched::start(dir.path(), &args);
    let mut told = [0.0; 3];
    let mut look = |watched: &Watched| {
        let metrics = watched.scrape();
        told = ["windows", "sketches", "dedup"]
            .map(|part| metrics.get("windrow_state_bytes", &[("part", part)]).unwrap_or(0.0));
        told
    };
    watched.send(&events(0..2_000));
    // Some 900 distinct values of 32 bytes and more, and as many ids.
    wait_until("no memory is told of", || {
        let [windows, sketches, ids] = look(&watched);
        windows > 500.0 && sketches > 20_000.0 && ids > 5_000.0
    });
    let [before_windows, before_sketches, _] = look(&watched);
    watched.send(&events(2_000..3_500));
    wait_until("memory does not grow", || look(&watched)[1] > before_sketches);
    watched.send("{\"t\":8000,\"id\":8000,\"k\":1}\n");
    wait_until("memory is not given back", || look(&watched)[1] < before_sketches / 2.0);
    assert!(before_windows < 1_000_000.0, "{before_windows}");
    assert_eq!(watched.finish().0, Some(0));
}

/// An input that says nothing is told of, and whether the others still wait for it.
#[test]
fn silent_inputs_are_told() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a"), "{\"t\":1}\n").unwrap();
    let silence = |metrics: &Metrics, input| metrics.get("windrow_input_idle_seconds", &[("input", input)]);
    let idle = |metrics: &Metrics, input| metrics.get("windrow_input_idle", &[("input", input)]);
    // Nobody decides that it is idle; how long it is silent is known all the same. A file has its end, and no silence.
    let mut watched = Watched::start(dir.path(), &["-w", "1s", "-t", "t", "-f", "ndjson", "-", "a"]);
    watched.send("{\"t\":5}\n");
    wait_until("silence is not told", || {
        let now = watched.scrape();
        let lasts = silence(&now, STDIN).is_some_and(|lasts| lasts > 0.2);
        lasts && (idle(&now, STDIN), silence(&now, "a"), idle(&now, "a")) == (Some(0.0), None, None)
    });
    watched.send("{\"t\":6}\n");
    wait_until("it is not heard", || silence(&watched.scrape(), STDIN).is_some_and(|lasts| lasts < 0.1));
    assert_eq!(watched.finish().0, Some(0));
    // With a limit it is idle behind that, until it says something.
    let args = ["-w", "1s", "-t", "t", "-f", "ndjson", "-d", "0s", "--idle-timeout", "300ms"];
    let mut watched = Watched::start(dir.path(), &args);
    watched.send("{\"t\":5}\n");
    // Alone it holds nobody up: time goes on by the clock.
    wait_until("silence is not told", || silence(&watched.scrape(), STDIN).is_some_and(|lasts| lasts > 0.3));
    assert_eq!(watched.finish().0, Some(0));
    let followed =
        ["-w", "1s", "-t", "t", "-f", "ndjson", "-d", "0s", "-F", "b", "c", "--idle-timeout", "300ms"];
    fs::write(dir.path().join("b"), "{\"t\":1}\n").unwrap();
    fs::write(dir.path().join("c"), "{\"t\":2}\n").unwrap();
    let watched = Watched::start(dir.path(), &followed);
    wait_until("nobody is idle", || idle(&watched.scrape(), "b") == Some(1.0));
    assert!(silence(&watched.scrape(), "b").is_some_and(|lasts| lasts >= 0.3));
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

/// The rules that are shipped go by names that are there.
#[test]
fn alerts_speak_of_metrics_that_are_there() {
    let dir = tempfile::tempdir().unwrap();
    // Every kind of job has metrics of its own: this one has most.
    let mut args = job(&["-w", "10s", "-s", "state", "-o", "rows", "--metrics", "m.prom"]);
    args.extend(["--allowed-lateness", "1s"]);
    let mut watched = Watched::start(dir.path(), &args);
    watched.send(&events(0..1_000));
    let mut running = watched.wait_for(1_000.0);
    // Windows are open a moment after events have been read.
    wait_until("nothing is open", || {
        running = watched.scrape();
        running.get("windrow_oldest_open_window_timestamp_seconds", &[]).is_some()
    });
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
