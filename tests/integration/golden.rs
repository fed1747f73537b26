//! State directories of every format are continued: `testdata/state/vN/jobs/<name>/`.
//!
//! | file | what it is |
//! | --- | --- |
//! | `cmd` | the arguments on one line, quoted as for a shell; the input and the rows' file are added |
//! | `events.ndjson` | the input |
//! | `state/` | what a run over the first half of it left, with `--at-eof hold` |
//! | `left/` | the files that the run had written |
//!
//! The job is continued over all of the input, and must leave what an undisturbed run leaves. The files of a format
//! are never changed: `WINDROW_BLESS=1` makes what is missing, and nothing else.
//!
//! Of what a clock has decided, and of files that are rotated, nobody can say what an undisturbed run writes, so
//! `testdata/state/v2/jobs/<name>/`, and `v4`, have
//!
//! | file | what it is |
//! | --- | --- |
//! | `begin` | the commands, for `sh`, that begin the job and kill it; `$WINDROW` is the program |
//! | `go-on` | those that continue it to its end |
//! | `input/` | the files they read |
//! | `state/`, `left/` | what `begin` left |
//! | `rows` | what the rows are at the end |

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::cases::words;

/// The outputs of a job besides its rows.
const ASIDE: [&str; 2] = ["late", "bad"];

#[test]
fn directories_of_earlier_versions_are_continued() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/state");
    let jobs = ["v1/jobs", "v3/jobs", "v5/jobs", "v6/jobs"].map(|jobs| entries(&root.join(jobs))).concat();
    assert!(jobs.len() >= 11, "there are jobs in {}", root.display());
    for job in jobs {
        if !job.join("state").exists() {
            assert!(
                std::env::var_os("WINDROW_BLESS").is_some(),
                "{}: no state; WINDROW_BLESS=1 makes it",
                job.display()
            );
            begin(&job);
        }
        check(&job);
    }
}

#[test]
fn directories_with_decisions_are_continued() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/state");
    let jobs = ["v2/jobs", "v4/jobs"].map(|jobs| entries(&root.join(jobs))).concat();
    assert!(jobs.len() >= 3, "there are jobs in {}", root.display());
    for job in jobs {
        if !job.join("state").exists() {
            assert!(std::env::var_os("WINDROW_BLESS").is_some(), "{}: no state", job.display());
            let dir = tempfile::tempdir().expect("there is room");
            copy(&job.join("input"), dir.path());
            script(&job.join("begin"), dir.path());
            keep(dir.path(), &job);
        }
        let dir = tempfile::tempdir().expect("there is room");
        copy(&job.join("input"), dir.path());
        put_back(&job, dir.path());
        script(&job.join("go-on"), dir.path());
        let rows = fs::read_to_string(dir.path().join("rows")).expect("there are rows");
        if std::env::var_os("WINDROW_BLESS").is_some() && !job.join("rows").exists() {
            fs::write(job.join("rows"), &rows).expect("there is room");
        }
        let wanted = fs::read_to_string(job.join("rows")).expect("it is known what comes out");
        assert_eq!(rows, wanted, "{}", job.display());
    }
}

/// Runs commands in a directory.
fn script(path: &Path, dir: &Path) {
    let mut command = Command::new("sh");
    command.arg("-eu").arg(path).current_dir(dir).env("WINDROW", assert_cmd::cargo::cargo_bin!("windrow"));
    command.assert().success();
}

fn check(job: &Path) {
    let (undisturbed, continued) = (scratch(job), scratch(job));
    run(job, undisturbed.path(), &[]);
    put_back(job, continued.path());
    run(job, continued.path(), &["-s", "state"]);
    for name in ["rows"].into_iter().chain(ASIDE) {
        let read = |dir: &Path| fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert_eq!(read(undisturbed.path()), read(continued.path()), "{}: {name}", job.display());
    }
}

/// Puts back what a run has left.
fn put_back(job: &Path, dir: &Path) {
    copy(&job.join("left"), dir);
    let state = dir.join("state");
    fs::DirBuilder::new().mode(0o700).create(&state).expect("there is room");
    copy(&job.join("state"), &state);
    fs::write(state.join("LOCK"), "").expect("there is room");
    for file in entries(&state) {
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}

/// Makes the state of a job: what a run over half of its input leaves.
fn begin(job: &Path) {
    let dir = scratch(job);
    let input = fs::read_to_string(job.join("events.ndjson")).expect("it has an input");
    let half: String = input.split_inclusive('\n').take(input.lines().count() / 2).collect();
    fs::write(dir.path().join("events.ndjson"), half).expect("there is room");
    run(job, dir.path(), &["-s", "state", "--at-eof", "hold"]);
    keep(dir.path(), job);
}

/// Keeps what a run has left.
fn keep(dir: &Path, job: &Path) {
    let (state, left) = (job.join("state"), job.join("left"));
    fs::create_dir(&state).and_then(|()| fs::create_dir(&left)).expect("there is room");
    copy(&dir.join("state"), &state);
    fs::remove_file(state.join("LOCK")).expect("it was there");
    for name in ["rows"].into_iter().chain(ASIDE) {
        if dir.join(name).exists() {
            fs::copy(dir.join(name), left.join(name)).expect("there is room");
        }
    }
}

/// A directory with the input of a job.
fn scratch(job: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    fs::copy(job.join("events.ndjson"), dir.path().join("events.ndjson")).expect("it has an input");
    dir
}

fn run(job: &Path, dir: &Path, options: &[&str]) {
    let cmd = fs::read_to_string(job.join("cmd")).expect("it has a command");
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("windrow"));
    command
        .current_dir(dir)
        .args(words(cmd.trim_end()))
        .args(["-q", "-o", "rows", "events.ndjson"])
        .args(options);
    command.env_clear().assert().success();
}

fn copy(from: &Path, to: &Path) {
    for file in entries(from) {
        let name = file.file_name().expect("it has a name");
        fs::copy(&file, to.join(name)).expect("there is room");
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}
