//! Odd files and surroundings: what is no plain file, changes while it is read, or cannot be written.

use std::fs;

use tempfile::TempDir;

use crate::common::{Ended, feed, shell};

/// A directory with `in.ndjson`, three seconds with one event each.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("in.ndjson"), INPUT).expect("a file");
    directory
}

const INPUT: &str = "{\"ts\":1}\n{\"ts\":2}\n{\"ts\":3}\n";
const ROWS: [&str; 3] = [
    r#"{"window_start":1,"window_end":2,"count":1}"#,
    r#"{"window_start":2,"window_end":3,"count":1}"#,
    r#"{"window_start":3,"window_end":4,"count":1}"#,
];

#[track_caller]
fn check(script: &str) -> Ended {
    shell(script, directory().path())
}

#[test]
fn inputs_that_are_no_plain_files() {
    check("mkfifo f; cat in.ndjson > f & $W -w 1s f").code(0).silent().rows(&ROWS);
    check("$W -w 1s <(cat in.ndjson)").code(0).silent().rows(&ROWS);
    check("$W -w 1s /dev/null").code(0).silent().rows(&[]);
    check("$W -w 1s < /dev/null").code(0).silent().rows(&[]);
    check("$W -w 1s . ").code(1).says("windrow: .: is a directory; name the files in it");
    check("$W -w 1s < . ").code(1).says("(standard input): is a directory");
    check("$W -w 1s missing").code(1).says("windrow: missing: no such file or directory");
    check("$W -w 1s in.ndjson/x").code(1).says("windrow: in.ndjson/x: not a directory");
    check("ln -s a b; ln -s b a; $W -w 1s a").code(1).says("windrow: a: too many levels of symbolic links");
    check("$W -w 1s /proc/self/status").code(1).says("windrow: /proc/self/status:1: not a JSON object");
    check("$W -w 1s -t 1 -f csv --no-header --bad skip -q /proc/self/maps").code(0).silent();
    check("$W -w 1s <&-").code(1).says("windrow: (standard input): it is closed");
    check("$W -w 1s - - < in.ndjson").code(2).says("standard input can be read only once");
    // Endless and without a line end: a bad record like any other once it is too long, and it never ends.
    let zero = check("timeout 2 $W -w 1s /dev/zero; exit $?").within_mib(160);
    assert_eq!(zero.code, 124, "{}", zero.stderr);
}

#[test]
fn files_that_change_while_they_are_read() {
    // The reader waits for a pipe named first, so that it is in the middle of the file meanwhile.
    let prepare = "mkfifo f; for i in $(seq 200000); do echo '{\"ts\":2}'; done > g;
        (exec 3> f; echo '{\"ts\":1}' >&3; sleep 0.3; CHANGE; sleep 0.2; echo '{\"ts\":9}' >&3) & ";
    let run = |change: &str, rest: &str| check(&(prepare.replace("CHANGE", change) + rest));
    let window = "$W -w 1s -d 0s --chunk-bytes 4096 -q f g";
    run("truncate -s 100 g", window).code(1).says("windrow: g: the file was truncated while being read");
    run("echo '{\"ts\":2}' >> g", window).code(0).silent().rows(&[
        ROWS[0],
        r#"{"window_start":2,"window_end":3,"count":200001}"#,
        r#"{"window_start":9,"window_end":10,"count":1}"#,
    ]);
    // An open file that loses its name is read on.
    run("rm g", window).code(0).silent();
}

#[test]
fn outputs_that_are_inputs_are_refused() {
    let refused = |script: &str, option: &str| {
        let directory = directory();
        shell(
            "ln -s in.ndjson soft; ln in.ndjson hard; mkdir sub; ln -s ../in.ndjson sub/soft",
            directory.path(),
        );
        let ended = shell(script, directory.path()).code(2);
        ended.says(option).says(" is the same file as the input ").rows(&[]);
        assert_eq!(
            fs::read_to_string(directory.path().join("in.ndjson")).expect("it is there"),
            INPUT,
            "{script}"
        );
    };
    for name in [
        "in.ndjson",
        "./in.ndjson",
        "soft",
        "hard",
        "sub/soft",
        "sub/../in.ndjson",
        "/proc/self/cwd/in.ndjson",
    ] {
        for option in ["--output", "--late", "--bad"] {
            refused(&format!("$W -w 1s in.ndjson {option} {name}"), option);
            refused(&format!("$W -w 1s {option} {name} < in.ndjson"), option);
        }
        refused(&format!("$W -w 1s {name} --output in.ndjson"), "--output");
        refused(&format!("$W -w 1s {name} >> in.ndjson"), "standard output");
    }
    let same = |script: &str| check(script).code(2).says(" is the same file as ").rows(&[]);
    same("$W -w 1s in.ndjson --output x --late x");
    same("$W -w 1s in.ndjson --output x --bad ./x");
    same("ln -s y x; $W -w 1s in.ndjson --late x --bad y");
    same("touch x; ln x y; $W -w 1s in.ndjson --late x --bad y");
    same("$W -w 1s in.ndjson --late x >> x");
}

#[test]
fn outputs_that_cannot_be_written() {
    check("$W -w 1s in.ndjson >&-").code(1).says("windrow: standard output: it is closed");
    check("$W --help >&-").code(1).says("windrow: standard output: it is closed");
    check("$W -w 1s in.ndjson 2>&-").code(0).rows(&ROWS);
    check("$W -w 1s in.ndjson > /dev/full").code(1).says("windrow: standard output: no space left on device");
    check("$W -w 1s in.ndjson -o /dev/full").code(1).says("windrow: /dev/full: no space left on device");
    check("$W --help > /dev/full").code(1).says("windrow: standard output: no space left on device");
    check("echo x >> in.ndjson; $W -w 1s in.ndjson --bad /dev/full")
        .code(1)
        .says("windrow: /dev/full: no space left");
    check("$W -w 1s in.ndjson -o .").code(1).says("windrow: .: is a directory");
    check("$W -w 1s in.ndjson -o no/where").code(1).says("windrow: no/where: no such file or directory");
    // Nobody hears the message, but the exit code is right.
    check("$W -w 1s missing 2> /dev/full").code(1).silent();
    check("$W -w 1s missing 2>&-").code(1).silent();
}

#[test]
fn readers_that_go_away() {
    for options in ["", "--to csv", "--to table", "--by ts --agg 'count(*), sum(ts)'"] {
        let script = format!(
            "seq 100000 | sed 's/.*/{{\"ts\":&}}/' | $W -w 1s {options} | head -n 1 > /dev/null; echo ${{PIPESTATUS[2]}}"
        );
        let ended = check(&script).code(0).silent();
        assert!(["0", "141"].contains(&ended.stdout.trim()), "{options}: {}", ended.stdout);
    }
    check("$W --help | true; $W completions bash | true").code(0).silent();
    // The late file is no standard output: that its reader went away is an error.
    let late =
        "mkfifo f; head -c 1 f > /dev/null & (echo '{\"ts\":90}'; seq 1 80000 | sed 's/.*/{\"ts\":1}/') |
        $W -w 1s --late f";
    check(late).code(1).says("windrow: f: broken pipe");
}

#[test]
fn limits_of_the_process() {
    let many = "for i in $(seq 200); do echo '{\"ts\":'$i'}' > f$i.ndjson; done; ulimit -n 16; ";
    let ended = check(&format!("{many} $W -w none f*.ndjson"));
    ended.code(0).silent().rows(&[r#"{"count":200}"#]);
    let ended = check(&format!("{many} ulimit -n 4; $W -w none f*.ndjson"));
    assert!(ended.code == 0 || ended.code == 1, "{}", ended.code);
    ended.says("");
    let rows = "seq 20000 | sed 's/.*/{\"ts\":&}/' > big; ulimit -f 8; ";
    check(&format!("{rows} $W -w 1s big -o out; echo $?")).says("windrow: out: file too large").rows(&["1"]);
    check(&format!("{rows} $W -w 1s big > out; echo $?"))
        .says("windrow: standard output: file too large")
        .rows(&["1"]);
}

#[test]
fn bytes_in_any_pieces() {
    let whole = feed(&["--window=1s"], |out| out.write_all(INPUT.as_bytes())).code(0).silent().rows(&ROWS);
    assert!(whole.took.as_secs() < 10);
    let pieces = |out: &mut dyn std::io::Write| {
        INPUT.bytes().try_for_each(|byte| {
            out.write_all(&[byte])?;
            out.flush()
        })
    };
    feed(&["--window=1s"], pieces).code(0).silent().rows(&ROWS);
}
