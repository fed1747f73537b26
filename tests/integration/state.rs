//! `windrow state`: what it says of directories that runs have left, whole and damaged, and while a run uses one.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use windrow::checkpoint::inspect;

/// A run takes milliseconds.
const HANGS_AFTER: Duration = Duration::from_secs(60);

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    command.args(args).current_dir(dir).env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

/// Exit code, standard output, standard error.
fn windrow(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let output = command(dir, args).output().expect("windrow can be started");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("windrow writes UTF-8");
    (output.status.code().expect("it exits"), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn succeeds(dir: &Path, args: &[&str]) -> String {
    let (code, text, messages) = windrow(dir, args);
    assert_eq!((code, messages.as_str()), (0, ""), "{args:?}");
    text
}

fn dump(dir: &Path, state: &str) -> Vec<Value> {
    let text = succeeds(dir, &["state", "dump", state]);
    text.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
}

fn of_kind<'d>(dump: &'d [Value], kind: &str) -> Vec<&'d Value> {
    dump.iter().filter(|line| line["kind"] == kind).collect()
}

/// Whether a text has this line, blanks aside.
#[track_caller]
fn has(text: &str, line: &str) {
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.lines().any(|found| squeezed(found) == line), "{line:?} is missing in\n{text}");
}

/// A hundred events, one a second from 2023-11-14T22:13:20Z on, of two pages in turn.
fn events() -> String {
    let event = |n: u32| {
        let page = if n.is_multiple_of(2) { "a" } else { "b" };
        format!(
            "{{\"id\":{n},\"ts\":{},\"page\":\"{page}\",\"ms\":{}.{}}}\n",
            1_700_000_000 + n,
            n / 10,
            n % 10
        )
    };
    (0..100).map(event).collect()
}

/// Starts a run that reads the events from a pipe, and waits until a checkpoint covers them all. The pipe stays open.
fn run_until_all_is_read(dir: &Path, args: &[&str]) -> Child {
    let mut child = command(dir, args).stdin(Stdio::piped()).spawn().expect("windrow can be started");
    let stdin = child.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(events().as_bytes()).expect("it reads");
    let started = Instant::now();
    let covered = || {
        let looked = inspect::look(&dir.join("state")).ok()?;
        Some(looked.checkpoint.sources.iter().map(|source| source.records).sum::<u64>())
    };
    while covered() != Some(100) {
        assert!(started.elapsed() < HANGS_AFTER, "no checkpoint covers what was read");
        std::thread::yield_now();
    }
    child
}

const JOB: [&str; 16] = [
    "-w",
    "1m",
    "-b",
    "page",
    "-a",
    "count(*), sum(ms)",
    "-i",
    "id",
    "-s",
    "state",
    "-o",
    "rows.ndjson",
    "--checkpoint-interval",
    "1ms",
    "--bad",
    "bad it's",
];

#[test]
fn a_run_that_goes_on_and_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut child = run_until_all_is_read(dir, &JOB);
    let text = succeeds(dir, &["state", "show", "state"]);
    has(&text, &format!("run running, process {}", child.id()));
    assert_eq!(of_kind(&dump(dir, "state"), "checkpoint")[0]["process"], child.id());
    // Two checkpoints and ids at least: these have a segment more where a checkpoint fell between the events.
    assert!(succeeds(dir, &["state", "verify", "state"]).matches("ok").count() >= 3);

    child.kill().unwrap();
    child.wait().unwrap();
    let text = succeeds(dir, &["state", "show", "state"]);
    has(
        &text,
        "windrow --id id --window 1m --by page --agg 'count(*), sum(ms)' --bad 'bad it'\\''s' \
         --output rows.ndjson --state-dir state",
    );
    has(&text, "run interrupted: the same command goes on");
    has(&text, "watermark 2023-11-14T22:14:54Z");
    has(&text, "windows 1, keys 2");
    has(&text, "[2023-11-14T22:14:00Z, 2023-11-14T22:15:00Z) keys 2");
    has(
        &text,
        "next the window [2023-11-14T22:14:00Z, 2023-11-14T22:15:00Z) closes when an event at or after \
         2023-11-14T22:15:05Z arrives",
    );
    has(&text, "ids 60");
    has(&text, &format!("position byte {}, line 101, records 100", events().len()));
    has(&text, "records 100 read = 100 accepted + 0 filtered + 0 late + 0 duplicate + 0 bad");
    let rows = fs::read_to_string(dir.join("rows.ndjson")).unwrap();
    has(&text, &format!("rows rows.ndjson: bytes {}, rows 2", rows.len()));

    let dump = dump(dir, "state");
    let checkpoint = of_kind(&dump, "checkpoint")[0];
    assert_eq!((&checkpoint["ending"], &checkpoint["process"]), (&"running".into(), &Value::Null));
    assert_eq!((&checkpoint["watermark"], &checkpoint["time_field"]), (&1_700_000_094.into(), &"ts".into()));
    assert_eq!(of_kind(&dump, "job")[0]["options"]["window"], "1m");
    let source = of_kind(&dump, "source")[0];
    assert_eq!(source["byte"], source["bytes"]);
    assert_eq!((&source["bytes"], &source["accepted"]), (&events().len().into(), &100.into()));
    assert_eq!((&source["watermark"], &source["finished"]), (&1_700_000_094.into(), &false.into()));
    let windows: Vec<String> = of_kind(&dump, "window").iter().map(|window| window.to_string()).collect();
    assert_eq!(
        windows,
        [
            r#"{"end":1700000100,"keys":{"page":"a"},"kind":"window","results":{"count":30,"sum_ms":207},"start":1700000040}"#,
            r#"{"end":1700000100,"keys":{"page":"b"},"kind":"window","results":{"count":30,"sum_ms":210},"start":1700000040}"#,
        ]
    );
    let ids: u64 = of_kind(&dump, "ids").iter().filter_map(|ids| ids["count"].as_u64()).sum();
    assert_eq!(ids, 60);
    assert_eq!(of_kind(&dump, "output").len(), 2);
    // It was only looked at.
    assert!(succeeds(dir, &["state", "verify", "state"]).matches("ok").count() >= 3);
}

#[test]
fn held_and_closed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.ndjson"), events()).unwrap();
    let job = ["-w", "session:10s", "-b", "page", "-s", "state", "-o", "rows", "in.ndjson"];
    let hold: Vec<&str> = job.iter().copied().chain(["--at-eof", "hold"]).collect();
    succeeds(dir, &hold);
    let text = succeeds(dir, &["state", "show", "state"]);
    has(&text, "run held: the input had ended; the same command goes on with what was added to it");
    has(&text, "sessions 2, keys 2");
    has(
        &text,
        "next the session [2023-11-14T22:13:20Z, 2023-11-14T22:15:08Z) closes when an event after \
         2023-11-14T22:15:13Z arrives",
    );
    let sessions = dump(dir, "state");
    let sessions = of_kind(&sessions, "session");
    assert_eq!((sessions.len(), &sessions[1]["end"]), (2, &1_700_000_109.into()));

    succeeds(dir, &job);
    let text = succeeds(dir, &["state", "show", "state"]);
    has(&text, "run done: the input had ended, and every window is written");
    has(&text, "sessions 0, keys 0");
    assert!(!text.contains("closes when"), "{text}");
    assert_eq!(of_kind(&dump(dir, "state"), "checkpoint")[0]["ending"], "closed");
}

/// Events that wait, windows of many panes, and one table for all time.
#[test]
fn other_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.ndjson"), events()).unwrap();
    let run = |options: &[&str]| {
        let job = ["-s", "state", "-o", "rows", "in.ndjson", "--at-eof", "hold", "--replay"];
        succeeds(dir, &options.iter().copied().chain(job).collect::<Vec<_>>());
        assert!(succeeds(dir, &["state", "verify", "state"]).lines().all(|line| line.contains(" ok ")));
        succeeds(dir, &["state", "show", "state"])
    };
    let text = run(&["order"]);
    has(&text, "waiting 6");
    has(
        &text,
        "next the event of 2023-11-14T22:14:54Z leaves when an event after 2023-11-14T22:14:59Z arrives",
    );
    let waiting = dump(dir, "state");
    let waiting = of_kind(&waiting, "waiting");
    assert_eq!((waiting.len(), &waiting[0]["record"]), (6, &95.into()));
    assert_eq!(
        format!("{}\n", waiting[5]["text"].as_str().unwrap()),
        events().split_inclusive('\n').next_back().unwrap()
    );

    // The windows that are open are those that the closed job writes last.
    run(&["-w", "1m/1s", "-b", "page"]);
    let held = dump(dir, "state");
    let held: Vec<(Value, Value)> = of_kind(&held, "window")
        .iter()
        .map(|window| (window["end"].clone(), window["results"]["count"].clone()))
        .collect();
    let rows = succeeds(dir, &["-w", "1m/1s", "-b", "page", "in.ndjson"]);
    let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<(Value, Value)> =
        rows.iter().map(|row| (row["window_end"].clone(), row["count"].clone())).collect();
    assert!(held.len() > 100 && rows.ends_with(&held), "{held:?}");

    has(&run(&["-w", "none", "-b", "page"]), "next the rows of all keys, at the end of the input");
    let whole = dump(dir, "state");
    let whole = of_kind(&whole, "window");
    assert_eq!(
        (whole.len(), &whole[0]["start"], &whole[0]["results"]["count"]),
        (2, &Value::Null, &50.into())
    );
}

#[test]
fn rows_that_went_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.ndjson"), events()).unwrap();
    let rows = succeeds(dir, &["-w", "10s", "-s", "state", "in.ndjson"]);
    let text = succeeds(dir, &["state", "show", "state"]);
    let (bytes, lines) = (rows.len(), rows.lines().count());
    has(
        &text,
        &format!(
            "rows standard output: bytes {bytes}, rows {lines}; delivered since: bytes {bytes}, rows {lines}"
        ),
    );
    let output = dump(dir, "state");
    let output = of_kind(&output, "output")[0];
    assert_eq!((&output["path"], &output["stream"]), (&Value::Null, &true.into()));
    assert_eq!((&output["delivered_bytes"], &output["in_doubt_bytes"]), (&bytes.into(), &0.into()));
    has(
        &succeeds(dir, &["state", "verify", "state"]),
        &format!("delivery ok bytes {bytes}, rows {lines}, in doubt 0"),
    );

    damage(&dir.join("state/delivery"));
    let (code, text, message) = windrow(dir, &["state", "verify", "state"]);
    assert!(code == 1 && text.contains("delivery                     DAMAGED"), "{text}");
    assert!(
        message.starts_with("windrow: state: delivery damaged; ") && message.contains("--replay"),
        "{message}"
    );
}

/// Changes a byte of a file, where every byte counts.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[40] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn damaged_directories() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut child = run_until_all_is_read(dir, &JOB);
    child.kill().unwrap();
    child.wait().unwrap();
    let state = dir.join("state");
    let newest = inspect::newest_epoch(&state).unwrap();
    let file = |epoch: u64| state.join(format!("checkpoint-{epoch:016}"));

    // One that was being written does no harm, nor does what somebody else has put there.
    fs::write(state.join("checkpoint.new"), "half").unwrap();
    fs::write(state.join("note"), "mine").unwrap();
    assert_eq!(windrow(dir, &["state", "verify", "state"]).0, 0);

    damage(&file(newest));
    let text = succeeds(dir, &["state", "show", "state"]);
    has(&text, &format!("number {}", newest - 1));
    assert!(text.contains("WARNING") && text.contains("its checksum does not fit"), "{text}");
    let dumped = dump(dir, "state");
    let checkpoint = of_kind(&dumped, "checkpoint")[0];
    assert_eq!(checkpoint["number"], newest - 1);
    assert_eq!(checkpoint["damaged"].as_array().map(Vec::len), Some(1));
    let (code, text, message) = windrow(dir, &["state", "verify", "state"]);
    assert_eq!((code, text.matches("DAMAGED").count()), (1, 1), "{text}");
    assert_eq!(
        message,
        format!(
            "windrow: state: checkpoint-{newest:016} damaged; the next run goes on from the checkpoint before it\n"
        )
    );

    fs::write(file(newest - 1), "").unwrap();
    for what in ["show", "dump"] {
        let (code, text, message) = windrow(dir, &["state", what, "state"]);
        assert_eq!((code, text.as_str()), (1, ""), "{what}");
        assert!(
            message.contains("no checkpoint in state can be used: running the job with --replay"),
            "{message}"
        );
    }
    let (code, _, message) = windrow(dir, &["state", "verify", "state"]);
    assert!(code == 1 && message.contains("and 1 more damaged; running the job with --replay"), "{message}");
}

#[test]
fn ids_that_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.ndjson"), events()).unwrap();
    succeeds(dir, &["-w", "1h", "-i", "id", "-s", "state", "-o", "rows", "--at-eof", "hold", "in.ndjson"]);
    let state = dir.join("state");
    let looked = inspect::look(&state).unwrap();
    let (bucket, len) = *looked.checkpoint.ids.iter().find(|(_, len)| *len > 0).expect("ids are remembered");
    let file = fs::OpenOptions::new().write(true).open(state.join(format!("ids-{bucket}"))).unwrap();
    file.set_len(len - 1).unwrap();
    let (code, text, message) = windrow(dir, &["state", "verify", "state"]);
    assert!(code == 1 && text.contains("DAMAGED  it is cut off"), "{text}");
    assert!(message.starts_with(&format!("windrow: state: ids-{bucket} damaged; ")), "{message}");
    let text = succeeds(dir, &["state", "show", "state"]);
    assert!(text.contains("some that cannot be read"), "{text}");
    assert!(of_kind(&dump(dir, "state"), "ids").iter().any(|ids| ids["count"].is_null()));
    fs::remove_file(state.join(format!("ids-{bucket}"))).unwrap();
    assert_eq!(windrow(dir, &["state", "verify", "state"]).0, 1);
}

#[test]
fn no_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("other")).unwrap();
    fs::write(dir.join("file"), "x").unwrap();
    for what in ["show", "dump", "verify"] {
        let check = |name: &str, want: &str| {
            let (code, text, message) = windrow(dir, &["state", what, name]);
            assert_eq!((code, text.as_str()), (2, ""), "{what} {name}: {message}");
            assert!(message.contains(want), "{message}");
        };
        check("none", "there is no state directory none");
        check("file/none", "there is no state directory file/none");
        check("other", "other is no state directory");
        check("file", "file is not a directory");
    }
}
