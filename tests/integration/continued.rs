//! What a continued job takes for its inputs and outputs, and what it must leave alone: through the binary.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::Path;

use assert_cmd::Command;
use tempfile::TempDir;
use windrow::checkpoint::inspect;
use windrow::output::ledger::{Delivery, Ledger};

/// Runs windrow with these arguments, split at blanks, in a directory; returns the exit code and standard error.
fn windrow(dir: &TempDir, line: &str) -> (Option<i32>, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("windrow"));
    let output = command.current_dir(dir.path()).args(line.split(' ')).env_clear().output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn done(dir: &TempDir, line: &str) {
    assert_eq!(windrow(dir, line), (Some(0), String::new()), "{line}");
}

#[track_caller]
fn refused(dir: &TempDir, line: &str, why: &str) {
    let (code, message) = windrow(dir, line);
    assert_eq!(code, Some(2), "{line}: {message}");
    assert!(message.contains(why), "{line}: {message}");
}

fn put(dir: &TempDir, name: &str, text: &str) {
    fs::write(dir.path().join(name), text).expect("there is room");
}

fn text(dir: &TempDir, name: impl AsRef<Path>) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap_or_default()
}

const HOLD: &str = "-w 1h -t t -d 0s -q -s st --at-eof hold -o out --to csv";

/// Only the header of a file was read, which stands in others too: they are not that file.
#[test]
fn a_header_is_no_content() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a.csv", "t\n");
    put(&dir, "b.csv", "t\n1\n2\n");
    done(&dir, &format!("{HOLD} a.csv b.csv"));
    done(&dir, &format!("{HOLD} b.csv"));
    // A new file with the header of one that is gone.
    put(&dir, "c.csv", "t\n3\n4\n");
    done(&dir, &format!("{HOLD} b.csv c.csv"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv b.csv c.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,4\n");
}

/// A file that begins like another one that is no longer named is not taken for it.
#[test]
fn a_beginning_is_no_content_either() {
    let dir = tempfile::tempdir().expect("there is room");
    let hold = HOLD.replace("--to csv", "--to ndjson");
    put(&dir, "a", "{\"t\":1}\n");
    put(&dir, "b", "{\"t\":1}\n{\"t\":2}\n");
    done(&dir, &format!("{hold} a b"));
    done(&dir, &format!("{hold} b"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson b");
    assert_eq!(text(&dir, "out"), "{\"window_start\":0,\"window_end\":3600,\"count\":3}\n");
}

/// Rotated by renaming, and by copying and truncating.
#[test]
fn rotated_files_are_found() {
    let dir = tempfile::tempdir().expect("there is room");
    let hold = HOLD.replace("--to csv", "--to ndjson");
    put(&dir, "log", "{\"t\":1}\n{\"t\":2}\n");
    done(&dir, &format!("{hold} log"));
    fs::rename(dir.path().join("log"), dir.path().join("log.1")).expect("it can be renamed");
    put(&dir, "log", "{\"t\":3}\n");
    done(&dir, &format!("{hold} log.1 log"));
    fs::copy(dir.path().join("log"), dir.path().join("log.0")).expect("there is room");
    put(&dir, "log", "{\"t\":4}\n{\"t\":5}\n");
    done(&dir, &format!("{hold} log.1 log.0 log"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson log.1 log.0 log");
    assert_eq!(text(&dir, "out"), "{\"window_start\":0,\"window_end\":3600,\"count\":5}\n");
    put(&dir, "log", "{\"t\":9}\n");
    refused(&dir, "-w 1h -t t -d 0s -q -s st -o out --to ndjson log.1 log.0 log", "log");
}

/// The file of bad records may have another name, and another file must not be emptied for it.
#[test]
fn bad_records_stay() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log", "{\"t\":1}\nx\n");
    done(&dir, &format!("{HOLD} --bad bad log"));
    let kept = text(&dir, "bad");
    assert_eq!(kept.lines().count(), 1);
    done(&dir, &format!("{HOLD} --bad ./bad log"));
    done(&dir, &format!("{HOLD} --bad skip log"));
    done(&dir, &format!("{HOLD} --bad bad log"));
    assert_eq!(text(&dir, "bad"), kept);
    put(&dir, "precious", "data\n");
    refused(&dir, &format!("{HOLD} --bad precious log"), "precious");
    let close = "-w 1h -t t -d 0s -q -s st -o out --to csv log";
    done(&dir, &format!("{close} --bad bad"));
    // The job is done: nothing is written any more.
    refused(&dir, &format!("{close} --bad precious"), "precious");
    done(&dir, &format!("{close} --bad new"));
    assert_eq!((text(&dir, "precious"), dir.path().join("new").exists()), ("data\n".to_owned(), false));
}

/// A job that does not fit its input leaves the state of another alone, also with --replay.
#[test]
fn replay_destroys_nothing_before_it_runs() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log.csv", "t\n1\n2\n");
    done(&dir, &format!("{HOLD} log.csv"));
    refused(&dir, &format!("{HOLD} log.csv --replay -b nothing"), "nothing");
    put(&dir, "log.csv", "t\n1\n2\n3\n");
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv log.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,3\n");
}

/// Records that are set aside name a source by its first name: what a killed run has written of them behind its last
/// checkpoint is written again as it was, also if the source is called otherwise now.
#[test]
fn renamed_sources_keep_their_name_in_what_is_set_aside() {
    let dir = tempfile::tempdir().expect("there is room");
    let job = "-w 1s -t t -d 0s -q -s st --at-eof hold -o out --late late --bad bad";
    let path = |name: &str| dir.path().join(name);
    put(&dir, "log", "{\"t\":1}\n{\"t\":9}\n{\"t\":2}\nx\n");
    done(&dir, &format!("{job} log"));
    assert_eq!(text(&dir, "late").lines().count(), 1);
    copy_dir(&path("st"), &path("before"));
    put(&dir, "log", "{\"t\":1}\n{\"t\":9}\n{\"t\":2}\nx\n{\"t\":3}\ny\n{\"t\":11}\n");
    done(&dir, &format!("{job} log"));
    let undisturbed = ["out", "late", "bad"].map(|name| text(&dir, name));
    assert!(undisturbed[1].lines().count() == 2 && undisturbed[2].lines().count() == 2, "{undisturbed:?}");
    // Killed before its last checkpoint, and the log rotated.
    fs::remove_dir_all(path("st")).and_then(|()| fs::rename(path("before"), path("st"))).expect("it can be");
    fs::rename(path("log"), path("log.1")).expect("it can be renamed");
    put(&dir, "log", "");
    done(&dir, &format!("{job} log.1 log"));
    assert_eq!(["out", "late", "bad"].map(|name| text(&dir, name)), undisturbed);
    // It keeps its name for good, also by another way of finding it, and the other file has its own.
    put(&dir, "log", "{\"t\":4}\n");
    fs::rename(path("log.1"), path("log.2")).expect("it can be renamed");
    append(&dir, "log.2", "z\n{\"t\":5}\n");
    done(&dir, &format!("{job} log.2 log"));
    append(&dir, "log", "{\"t\":6}\n");
    append(&dir, "log.2", "{\"t\":12}\n{\"t\":8}\n");
    done(&dir, &format!("{job} log.2 log"));
    let late = text(&dir, "late");
    assert!(late.lines().all(|line| line.starts_with("{\"source\":\"log\",")), "{late}");
    assert_eq!(late.lines().count(), 5, "{late}");
    // For people it is called as it is called now.
    let (code, message) = windrow(&dir, "-w 1s -t t -d 0s -q -s st -o out --late late log");
    assert!(code == Some(0) || message.contains("log.2"), "{message}");
}

fn append(dir: &TempDir, name: &str, text: &str) {
    put(dir, name, &(self::text(dir, name) + text));
}

fn copy_dir(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).expect("there is room");
    for entry in fs::read_dir(from).expect("it is there") {
        let entry = entry.expect("it can be read");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("there is room");
    }
}

/// One job, however its options are spelled; and another one.
#[test]
fn spellings_are_no_difference() {
    let dir = tempfile::tempdir().expect("there is room");
    put(
        &dir,
        "log",
        "{\"t\":1,\"a\":1,\"b\":2,\"x\":1,\"y\":1}\n{\"t\":2,\"a\":1,\"b\":2,\"x\":1,\"y\":1}\n",
    );
    let rest = "-t t -d 0s -q -s st --at-eof hold -o out log";
    done(&dir, &format!("-w 3600s -b a,b -i x,y -a count(*),max(x) {rest}"));
    done(&dir, &format!("-w 1h -b a -b b -i x,y -a count(*) -a max(x) {rest}"));
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("windrow"));
    command.current_dir(dir.path()).args([
        "-w",
        "60m",
        "-b",
        " a , b",
        "-i",
        "x ,y",
        "-a",
        "count(*) , max(x)",
    ]);
    let close = rest.replace("--at-eof hold ", "");
    command.args(close.split(' ')).env_clear().assert().success();
    assert_eq!(
        text(&dir, "out"),
        "{\"window_start\":0,\"window_end\":3600,\"a\":1,\"b\":2,\"count\":1,\"max_x\":1}\n"
    );
    refused(
        &dir,
        &format!("-w 1h -b b,a -i x,y -a count(*),max(x) {rest}"),
        "--by is `a,b` there and `b,a` here",
    );
    refused(&dir, &format!("-w 2h -b a,b -i x,y -a count(*),max(x) {rest}"), "--window is `3600s` there");
}

/// Late events go where they went. What has been written of them to a pipe is not there to be continued.
#[test]
fn late_events_stay_with_their_kind_of_output() {
    let job = "-w 1s -t t -d 0s -q -s st --at-eof hold -o out log";
    let events = "{\"t\":1}\n{\"t\":9}\n{\"t\":2}\n";
    for (first, then, why) in [
        (
            "late",
            "/dev/stdout",
            "the late events went to a file before and would go to a pipe or the like now",
        ),
        (
            "/dev/stdout",
            "late",
            "the late events went to a pipe or the like before and would go to a file now",
        ),
        ("/dev/null", "late", "the late events went to a pipe or the like before"),
    ] {
        let dir = tempfile::tempdir().expect("there is room");
        put(&dir, "log", events);
        done(&dir, &format!("{job} --late {first}"));
        refused(&dir, &format!("{job} --late {then}"), why);
        done(&dir, &format!("{job} --late {first}"));
        assert_eq!(text(&dir, "late").lines().count(), usize::from(first == "late"));
    }
}

/// Bad records may go elsewhere, and begin anew there; what was written before stays as it is.
#[test]
fn bad_records_may_go_to_another_kind_of_output() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log", "{\"t\":1}\nx\n");
    done(&dir, &format!("{HOLD} --bad /dev/null log").replace("csv", "ndjson"));
    append(&dir, "log", "y\n");
    done(&dir, &format!("{HOLD} --bad bad log").replace("csv", "ndjson"));
    assert!(text(&dir, "bad").contains("\"line\":3,") && text(&dir, "bad").lines().count() == 1);
    append(&dir, "log", "z\n");
    done(&dir, &format!("{HOLD} --bad /dev/null log").replace("csv", "ndjson"));
    refused(
        &dir,
        &format!("{HOLD} --bad bad log").replace("csv", "ndjson"),
        "--bad: bad has something in it",
    );
}

/// What says no more than that a run goes on is not said under -q.
#[test]
fn quiet_runs_are_quiet() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log", "{\"t\":1}\n{\"t\":9}\n");
    let job = "-w 1s -t t -d 0s -s st --at-eof hold log";
    done(&dir, job);
    let state = dir.path().join("st");
    let run = inspect::look(&state).expect("it is a state directory").checkpoint.run;
    let mut ledger = Ledger::open(&state.join("delivery"), run).expect("rows went to a pipe");
    let now = ledger.now();
    assert!(now.counted > 0 && now.counted_rows == 1);
    ledger.set(Delivery { announced: now.counted + 9, announced_rows: 2, ..now });
    drop(ledger);
    done(&dir, &format!("{job} -q"));
    done(&dir, &format!("{job} -q -v"));
    let says =
        (Some(0), "windrow: warning: standard output: row 2 may have been delivered twice\n".to_owned());
    assert_eq!(windrow(&dir, job), says);
}

/// A source that was left out for a run is finished: named again it adds nothing, and what is new in it is refused.
#[test]
fn a_source_that_was_left_out_is_finished() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a.csv", "t\n1\n2\n");
    put(&dir, "b.csv", "t\n1\n");
    done(&dir, &format!("{HOLD} a.csv b.csv"));
    done(&dir, &format!("{HOLD} b.csv"));
    let looked = inspect::look(&dir.path().join("st")).expect("it is a state directory");
    let left_out = &looked.checkpoint.sources[0];
    assert!(left_out.over && left_out.records > 0 && left_out.columns.is_none(), "{left_out:?}");
    done(&dir, &format!("{HOLD} b.csv a.csv"));
    append(&dir, "a.csv", "3\n");
    refused(&dir, &format!("{HOLD} b.csv a.csv"), "a.csv was finished when a run did not name it any more");
    fs::rename(dir.path().join("a.csv"), dir.path().join("a.old.csv")).expect("it can be renamed");
    refused(&dir, &format!("{HOLD} b.csv a.old.csv"), "a.old.csv was finished");
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv b.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,3\n");
}

/// Of a source that nothing was read of nothing can be lost by leaving it out: it begins when it has something.
#[test]
fn a_source_that_was_left_out_empty_begins_later() {
    for (name, head) in [("a", ""), ("a.csv", "t\n")] {
        let dir = tempfile::tempdir().expect("there is room");
        let hold = HOLD.replace("--to csv", "--to ndjson");
        put(&dir, name, head);
        put(&dir, "b", "{\"t\":1}\n");
        done(&dir, &format!("{hold} {name} b"));
        done(&dir, &format!("{hold} b"));
        put(
            &dir,
            name,
            &format!("{head}{}", if head.is_empty() { "{\"t\":2}\n{\"t\":3}\n" } else { "2\n3\n" }),
        );
        done(&dir, &format!("{hold} {name} b"));
        done(&dir, &format!("-w 1h -t t -d 0s -q -s st -o out --to ndjson {name} b"));
        assert_eq!(text(&dir, "out"), "{\"window_start\":0,\"window_end\":3600,\"count\":3}\n", "{name}");
    }
}

/// It begins at the watermark as it is then, also if its first event had been seen before it was left out.
#[test]
fn a_source_that_was_left_out_unread_begins_at_the_watermark() {
    let dir = tempfile::tempdir().expect("there is room");
    let hold = "-w 1s -t t -d 0s -q -s st --at-eof hold -o out --late late";
    put(&dir, "a", "{\"t\":100}\n{\"t\":101}\n");
    put(&dir, "b", "{\"t\":1}\n");
    done(&dir, &format!("{hold} a b"));
    let looked = inspect::look(&dir.path().join("st")).expect("it is a state directory");
    assert_eq!(
        (looked.checkpoint.sources[0].records, looked.checkpoint.sources[0].largest.is_some()),
        (0, true)
    );
    append(&dir, "b", "{\"t\":100}\n{\"t\":5000}\n");
    done(&dir, &format!("{hold} b"));
    append(&dir, "b", "{\"t\":5001}\n");
    append(&dir, "a", "{\"t\":5001}\n");
    done(&dir, &format!("{hold} a b"));
    done(&dir, "-w 1s -t t -d 0s -q -s st -o out --late late a b");
    let starts: Vec<String> =
        text(&dir, "out").lines().map(|row| row.replace("{\"window_start\":", "")).collect();
    let want = [(1, 1), (100, 1), (5000, 1), (5001, 2)];
    let want = want.map(|(start, count)| format!("{start},\"window_end\":{},\"count\":{count}}}", start + 1));
    assert_eq!(starts, want);
    assert_eq!(text(&dir, "late").lines().count(), 2);
}

/// A job that is done does not pass over what has come to a file that was empty.
#[test]
fn an_empty_file_that_has_grown_is_refused_once_all_is_closed() {
    let dir = tempfile::tempdir().expect("there is room");
    let close = "-w 1h -t t -d 0s -q -o out a b -s";
    put(&dir, "b", "{\"t\":1}\n");
    // A byte order mark and blank lines are nothing, but must stay.
    for (state, empty) in [("s1", ""), ("s2", "\u{feff}"), ("s3", "\n\r\n\n"), ("s4", "\u{feff}\n")] {
        put(&dir, "a", empty);
        done(&dir, &format!("{close} {state}"));
        done(&dir, &format!("{close} {state}"));
        append(&dir, "a", "{\"t\":2}\n");
        refused(&dir, &format!("{close} {state}"), "a has grown since the job closed all windows");
    }
}

/// The command that goes on does not name what is finished and may be gone.
#[test]
fn the_command_that_goes_on_names_what_is_there() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", "{\"t\":1}\n");
    put(&dir, "b", "{\"t\":1}\n");
    done(&dir, &format!("{} a b", HOLD.replace("csv", "ndjson")));
    done(&dir, &format!("{} b", HOLD.replace("csv", "ndjson")));
    let looked = inspect::look(&dir.path().join("st")).expect("it is a state directory");
    let words = windrow::checkpoint::inspect_job::command(&looked.checkpoint, Path::new("st"));
    assert_eq!(words.last().map(String::as_str), Some("b"), "{words:?}");
    assert!(!words.iter().any(|word| word == "a"), "{words:?}");
}

/// A link is no state directory, with a slash behind it or not; nor is one that others can write to or exchange.
#[test]
fn a_state_directory_is_ours_alone() {
    let dir = tempfile::tempdir().expect("there is room");
    let path = |name: &str| dir.path().join(name);
    let mode = |name: &str, mode| {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    put(&dir, "log", "{\"t\":1}\n");
    let run = |state: &str| format!("-w 1h -t t -q -i t --at-eof hold -o out -s {state} log");
    done(&dir, &run("real/"));
    symlink("real", path("link")).expect("it can be linked");
    refused(&dir, &run("link"), "link is a symbolic link; name the directory itself");
    refused(&dir, &run("link/"), "link/ is a symbolic link; name the directory itself");
    // Each kind of file.
    for name in ["LOCK", "ids", "checkpoint-0000000000000002"] {
        let file = match name {
            "ids" => {
                let entries = fs::read_dir(path("real")).expect("it is there");
                let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it can be read").file_name();
                let mut names = entries.map(name).filter_map(|name| name.into_string().ok());
                format!("real/{}", names.find(|name| name.starts_with("ids-")).expect("ids are kept"))
            }
            name => format!("real/{name}"),
        };
        mode(&file, 0o620);
        refused(&dir, &run("real"), &format!("{file} can be written by other users"));
        mode(&file, 0o600);
        fs::hard_link(path(&file), path("other")).expect("it can be linked");
        refused(&dir, &run("real"), &format!("{file} is not a file that windrow made"));
        fs::remove_file(path("other")).expect("it is there");
    }
    // The page of what a pipe has taken.
    done(&dir, "-w 1h -t t -q --at-eof hold -s piped log");
    mode("piped/delivery", 0o620);
    refused(&dir, "-w 1h -t t -q --at-eof hold -s piped log", "piped/delivery can be written by other users");
    // Where it stands.
    fs::create_dir(path("place")).expect("there is room");
    mode("place", 0o777);
    refused(&dir, &run("place/state"), "place/state stands in a directory in which anybody can replace it");
    assert!(!path("place/state").exists(), "nothing was made there");
    mode("place", 0o1777);
    done(&dir, &run("place/state"));
    mode("place", 0o777);
    refused(&dir, &run("place/state"), "anybody can replace it");
}

/// What is called nearly as a checkpoint is none, and is left alone.
#[test]
fn names_that_are_nearly_those_of_checkpoints() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "log.csv", "t\n1\n");
    done(&dir, &format!("{HOLD} log.csv"));
    // Digits of another script, as many as there should be and as many bytes; a sign; too few; too many.
    let arabic = "٣".repeat(16);
    let names =
        ["٣٣٣٣٣٣٣٣", arabic.as_str(), "+000000000000009", "9", "00000000000000009", "000000000000009 "];
    for name in names {
        put(&dir, &format!("st/checkpoint-{name}"), "x");
    }
    append(&dir, "log.csv", "2\n");
    done(&dir, &format!("{HOLD} log.csv"));
    done(&dir, "-w 1h -t t -d 0s -q -s st -o out --to csv log.csv");
    assert_eq!(text(&dir, "out"), "window_start,window_end,count\n0,3600,2\n");
    for name in names {
        assert_eq!(text(&dir, format!("st/checkpoint-{name}")), "x");
    }
}

/// A run that was killed before its first checkpoint with records in it has written rows all the same: another job does
/// not go to the same place.
#[test]
fn rows_behind_a_first_checkpoint_bind_the_job() {
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};
    for (output, to_pipe) in [(">> out", false), ("-o out", false), ("", true)] {
        let dir = tempfile::tempdir().expect("there is room");
        let run = |window: &str| {
            let script = format!("exec \"$0\" -w {window} -t t -d 0s -q -s st {output}");
            let mut command = Command::new("sh");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir.path());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("there is a shell")
        };
        let events: String = (0..100).map(|t| format!("{{\"t\":{t}}}\n")).collect();
        let mut child = run("1s");
        child.stdin.as_mut().expect("a pipe").write_all(events.as_bytes()).expect("it reads");
        let mut first = [0; 1];
        if to_pipe {
            child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("there are rows");
        }
        while !to_pipe && text(&dir, "out").is_empty() {
            std::thread::yield_now();
        }
        child.kill().and_then(|()| child.wait()).expect("it runs");
        let looked = inspect::look(&dir.path().join("st")).expect("there is a checkpoint");
        assert_eq!((looked.checkpoint.rows.len, looked.checkpoint.sources[0].offset), (0, 0));
        let written = text(&dir, "out");
        let other = run("2s").wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&other.stderr);
        assert!(
            other.status.code() == Some(2) && said.contains("--window is `1s` there"),
            "{output}: {other:?}"
        );
        assert_eq!(text(&dir, "out"), written);
        // The same job goes on.
        let mut child = run("1s");
        child.stdin.take().expect("a pipe").write_all(events.as_bytes()).expect("it reads");
        let last = child.wait_with_output().expect("it ends");
        assert!(last.status.success(), "{last:?}");
        assert!(to_pipe || text(&dir, "out").lines().count() == 100);
    }
}

/// A run that came to nothing binds nobody, also where others had written before.
#[test]
fn nothing_binds_no_job() {
    let dir = tempfile::tempdir().expect("there is room");
    let run = |options: &str| {
        let script = format!("\"$0\" -t t -d 0s -q -s st {options} log >> out");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_windrow")]).current_dir(dir.path());
        command.output().expect("there is a shell").status.code()
    };
    put(&dir, "out", "before\n");
    put(&dir, "log", "x\n{\"t\":1}\n");
    assert_eq!(run("--to csv -w 1s"), Some(1));
    assert_eq!(run("--to csv -w none --bad skip"), Some(0));
    assert_eq!(text(&dir, "out"), "before\ncount\n1\n");
}

/// What a run writes goes by the names of its inputs: those that have joined are on record before the first byte.
#[test]
fn inputs_that_have_joined_are_on_record_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("there is room");
    let job = "-w none -t t -d 0s -q -s st --at-eof hold --checkpoint-interval 1h -o out --bad bad";
    put(&dir, "a", "{\"t\":1}\n");
    done(&dir, &format!("{job} a"));
    // It ends before its last checkpoint: at a record that is neither good nor bad, for it does not come.
    let log: String = (0..1000).map(|n| format!("bad {n}\n")).collect();
    put(&dir, "log", &log);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_windrow"));
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("z"), rustix::fs::Mode::from_raw_mode(0o600))
        .expect("a pipe");
    let keeps =
        fs::OpenOptions::new().read(true).write(true).open(dir.path().join("z")).expect("it is there");
    command.current_dir(dir.path()).args(format!("{job} a log z").split(' '));
    let mut child = command.stdin(std::process::Stdio::null()).spawn().expect("it runs");
    while text(&dir, "bad").is_empty() {
        std::thread::yield_now();
    }
    child.kill().and_then(|()| child.wait()).expect("it runs");
    drop(keeps);
    let looked = inspect::look(&dir.path().join("st")).expect("there is a checkpoint");
    let names: Vec<_> = looked.checkpoint.sources.iter().map(|source| source.name.first.as_str()).collect();
    assert_eq!(names, ["a", "log", "z"]);
    fs::rename(dir.path().join("log"), dir.path().join("log.1")).expect("it can be renamed");
    put(&dir, "log", "{\"t\":5000}\n");
    done(&dir, &format!("{job} a log.1 log"));
    done(&dir, "-w none -t t -d 0s -q -s st -o out --bad bad a log.1 log");
    assert_eq!(text(&dir, "bad").lines().filter(|line| line.contains("\"source\":\"log\"")).count(), 1000);
    assert_eq!(text(&dir, "out"), "{\"count\":2}\n");
}

/// After a run that held its windows and was killed, a file that is gone ends the job that closes them, and
/// there is a way out.
#[test]
fn a_file_that_is_gone_can_be_taken_for_finished() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", "{\"t\":1}\n");
    put(&dir, "b", "{\"t\":9}\n");
    let job = "-w none -t t -d 0s -q -s st -o out --to csv --bad fail";
    let hold = format!("{job} --at-eof hold");
    put(&dir, "c", "");
    done(&dir, &format!("{hold} a b"));
    // As a run leaves it that was interrupted.
    let state = windrow::checkpoint::directory::StateDir::open(&dir.path().join("st")).expect("it is ours");
    let newest = state.epochs().expect("it can be read")[0];
    let mut checkpoint = state.read(newest).expect("it can be read").expect("it is whole");
    checkpoint.ending = windrow::checkpoint::written::EndingV1::Running;
    checkpoint.epoch += 1;
    state.commit(&checkpoint).expect("there is room");
    drop(state);
    fs::remove_file(dir.path().join("a")).expect("it is there");
    refused(&dir, &format!("{job} b"), "run once with --at-eof hold, which takes it for finished as it is");
    done(&dir, &format!("{hold} b"));
    done(&dir, &format!("{job} b"));
    assert_eq!(text(&dir, "out"), "count\n2\n");
}

/// Decisions that a stopped run has not come to again are still to come for the next one.
#[test]
fn decisions_outlive_a_run_that_does_not_get_to_them() {
    let dir = tempfile::tempdir().expect("there is room");
    let path = |name: &str| dir.path().join(name);
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    let open =
        |name: &str| fs::OpenOptions::new().read(true).write(true).open(path(name)).expect("it is there");
    let pipes = ["a", "b"].map(|name| {
        rustix::fs::mkfifoat(rustix::fs::CWD, path(name), mode).expect("a pipe");
        open(name)
    });
    let run = || {
        let job = "-w 1s -t t -d 0s -q -s st --checkpoint-interval 1h --idle-timeout 20ms -o out a b";
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_windrow"));
        command.current_dir(dir.path()).args(job.split(' ')).stdin(std::process::Stdio::null());
        command.spawn().expect("it runs")
    };
    let send = |to: usize, text: &str| {
        std::io::Write::write_all(&mut &pipes[to], text.as_bytes()).expect("there is room");
    };
    let decided = || {
        let files = fs::read_dir(path("st")).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("decisions-")).count()
    };
    send(0, "{\"t\":1}\n");
    send(1, "{\"t\":1}\n{\"t\":5}\n");
    let mut child = run();
    // One input says no more: rows come all the same.
    while text(&dir, "out").is_empty() {
        std::thread::yield_now();
    }
    child.kill().and_then(|()| child.wait()).expect("it runs");
    assert!(decided() > 0);
    // Nothing comes before this one is stopped.
    let mut child = run();
    let catches = |signal: u32| {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).is_ok_and(|caught| caught >> (signal - 1) & 1 == 1)
    };
    while !catches(15) {
        std::thread::yield_now();
    }
    let process = rustix::process::Pid::from_raw(child.id() as i32).expect("it has a number");
    rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
    assert_eq!(child.wait().expect("it is ours").code(), Some(143));
    let looked = inspect::look(&path("st")).expect("there is a checkpoint");
    assert_eq!((looked.checkpoint.sources[1].records, looked.checkpoint.live.decisions), (0, 0));
}
