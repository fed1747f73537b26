//! The program in a directory of its own, by a command line whose words stand between blanks.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// Runs windrow: exit code, standard output, standard error.
pub fn windrow(dir: &TempDir, line: &str) -> (Option<i32>, String, String) {
    windrow_of(dir, &line.split(' ').collect::<Vec<_>>())
}

/// The same by the words of the command line.
pub fn windrow_of(dir: &TempDir, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
    let output = command.current_dir(dir.path()).args(words).env_clear().output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs windrow, which succeeds and says nothing: standard output.
#[track_caller]
pub fn done(dir: &TempDir, line: &str) -> String {
    let (code, rows, messages) = windrow(dir, line);
    assert_eq!((code, messages.as_str()), (Some(0), ""), "{line}");
    rows
}

/// Writes a file.
pub fn put(dir: &TempDir, name: &str, text: &str) {
    fs::write(dir.path().join(name), text).expect("there is room");
}
