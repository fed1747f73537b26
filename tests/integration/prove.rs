//! `windrow verify`: that it proves what holds on real data, and finds what does not hold.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use windrow::error::Error;
use windrow::verify::Proof;
use windrow::verify::child::Stop;
use windrow::verify::job::Job;
use windrow::verify::scratch::Scratch;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Proves a job twice over, with temporary files in a directory that must be empty afterwards.
fn verify(job: &[&str], stdin: Option<&Path>) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windrow"))
        .args(["verify", "--kills", "2", "--seed", "7", "--"])
        .args(job)
        .current_dir(ROOT)
        .env("TMPDIR", temporary.path())
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("windrow can be started");
    let mut to = child.stdin.take().unwrap();
    if let Some(path) = stdin {
        to.write_all(&fs::read(path).unwrap()).unwrap();
    }
    drop(to);
    let output = child.wait_with_output().unwrap();
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "files are left");
    output
}

#[track_caller]
fn proves(job: &[&str], stdin: Option<&Path>, through_pipe: bool) {
    let output = verify(job, stdin);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()),
        (Some(0), ""),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("2 rounds equal, ") && last.ends_with(" 0 differences (--seed 7)"), "{text}");
    assert_eq!(text.contains("through a pipe: equal; killed and continued at "), through_pipe, "{text}");
}

#[test]
fn jobs_on_real_data() {
    proves(
        &[
            "-w",
            "1d@America/New_York",
            "-d",
            "1d",
            "-t",
            "sched_dep",
            "-b",
            "origin",
            "-a",
            "count(*), median(dep_delay_min)",
            "testdata/nyc-departures-2013-01.csv",
        ],
        None,
        true,
    );
    proves(
        &["order", "-d", "7d", "-t", "time", "-i", "id", "testdata/earthquakes-2018w05.ndjson"],
        None,
        false,
    );
}

#[test]
fn standard_input_is_kept() {
    let path = Path::new(ROOT).join("testdata/earthquakes-2018w05.ndjson");
    proves(
        &["-w", "6h", "-d", "1h", "-t", "time", "--late", "late", "--to", "csv", "-s", "state"],
        Some(&path),
        true,
    );
    assert!(!Path::new(ROOT).join("late").exists() && !Path::new(ROOT).join("state").exists());
}

#[test]
fn what_cannot_be_proved() {
    let check = |job: &[&str], code: i32, want: &str| {
        let output = verify(job, None);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{job:?}: {message}");
        assert!(message.starts_with("windrow: ") && message.contains(want), "{message}");
    };
    check(&["-w", "1q", "x"], 2, "--window");
    check(&["--widow"], 2, "--window");
    check(&["completions", "bash"], 2, "is not a job");
    check(&["-w", "1m", "--to", "table", "testdata/bokeh-commits.csv"], 2, "--to table");
    check(&["-w", "1m", "/dev/null"], 2, "no regular file");
    check(&["-w", "1m", "none.csv"], 1, "the job fails undisturbed, exit status: 1: windrow: none.csv: ");
    check(&["-w", "1m", "-t", "none", "testdata/bokeh-commits.csv"], 2, "the job fails undisturbed");
    // Nothing is read, so nothing is on record between a first and a last checkpoint.
    check(&["-w", "1m"], 1, "nothing is proved");
}

/// Proves a job of a program that is not quite windrow.
fn prove(script: &str) -> (Result<(), Error>, Vec<String>, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("not-windrow");
    let windrow = env!("CARGO_BIN_EXE_windrow");
    fs::write(&program, format!("#!/bin/sh\nrun() {{ {windrow} \"$@\" || exit; }}\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let input = Path::new(ROOT).join("testdata/earthquakes-2018w05.ndjson");
    let (mut scratch, mut lines) = (Scratch::new().unwrap(), Vec::new());
    let path = scratch.path().to_owned();
    let job = Job {
        program,
        order: true,
        options: ["--delay=7d", "--time=time"].map(OsString::from).into(),
        inputs: vec![input.clone().into()],
        stdin: None,
        hold: false,
        keeps_bad: false,
        row_id: false,
        csv: false,
    };
    let proof = Proof {
        job,
        inputs: vec![input],
        scratch: &mut scratch,
        rounds: 1,
        seed: 1,
        cores: 2,
        stop: &Stop::default(),
        say: &mut |line| {
            lines.push(line.to_owned());
            Ok(())
        },
    }
    .prove();
    (proof, lines, path)
}

/// A row that is changed in every run with a state directory; a run that fails when it is continued.
#[test]
fn a_difference_is_found() {
    let changes = "run \"$@\"; for arg; do case $arg in --state-dir=*) \
                   sed -i '3s/mag_type/mag_tyqe/' \"${arg#--state-dir=}/../rows\";; esac; done";
    let (proof, lines, path) = prove(changes);
    let message = proof.unwrap_err().to_string();
    assert!(message.starts_with("the run with a state directory: rows differ, line 3, byte "), "{message}");
    assert!(message.contains("mag_tyqe") && message.ends_with("(--seed 1)"), "{message}");
    assert_eq!(lines.len(), 0);
    // Both are there to be looked at.
    assert!(path.join("undisturbed/rows").exists() && path.join("kept/rows").exists());
    fs::remove_dir_all(path).unwrap();

    let fails = "for arg; do case $arg in --state-dir=*/round/*) echo 'windrow: no more' >&2; exit 1;; esac; done; run \"$@\"";
    let (proof, lines, path) = prove(fails);
    let message = proof.unwrap_err().to_string();
    assert!(
        message.starts_with("round 1 of 1: a continued run failed, exit status: 1: windrow: no more; "),
        "{message}"
    );
    assert_eq!(lines.len(), 1);
    fs::remove_dir_all(path).unwrap();
}
