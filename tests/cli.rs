//! The command line from outside: help, exit codes, the form of errors, the plan. No test here runs a job.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs windrow with no input and an environment that does not ask for colour.
fn windrow(args: &[&str]) -> Output {
    windrow_in(Path::new("."), args)
}

fn windrow_in(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_windrow"))
        .args(args)
        .current_dir(directory)
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .expect("windrow can be started")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("windrow writes UTF-8")
}

#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let output = windrow(args);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{args:?}");
    text(&output.stdout).to_owned()
}

#[track_caller]
fn fails(args: &[&str], message: &str) {
    let output = windrow(args);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{args:?}");
    assert_eq!(text(&output.stderr), message, "{args:?}");
}

#[test]
fn the_short_help_fits_on_a_screen() {
    let others = [
        "profile -h",
        "verify -h",
        "why -h",
        "chart -h",
        "state -h",
        "state show -h",
        "state dump -h",
        "state verify -h",
    ];
    let others: Vec<Vec<&str>> = others.iter().map(|line| line.split(' ').collect()).collect();
    let jobs = [&["-h"][..], &["order", "-h"], &["explain", "-h"], &["explain", "order", "-h"]];
    for args in jobs.into_iter().chain(others.iter().map(Vec::as_slice)) {
        let help = succeeds(args);
        assert!(help.lines().count() <= 24, "{args:?}: {} lines", help.lines().count());
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{args:?}: {help}");
    }
}

#[test]
fn the_long_help_ends_with_examples() {
    let help = succeeds(&["--help"]);
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    let (_, examples) = help.split_once("\nExamples:\n").expect("there are examples");
    assert_eq!(examples.split("\n\n").count(), 7, "{examples}");
    assert!(!help.contains("chunk-bytes"), "{help}");
}

#[test]
fn the_long_help_of_every_command_fits_in_width() {
    for line in
        ["verify --help", "state --help", "state show --help", "state dump --help", "state verify --help"]
    {
        let help = succeeds(&line.split(' ').collect::<Vec<_>>());
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}

#[test]
fn version() {
    assert_eq!(succeeds(&["--version"]), concat!("windrow ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(succeeds(&["-V"]), succeeds(&["--version"]));
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = succeeds(&["completions", shell]);
        assert!(script.contains("windrow") && script.contains("max-jump"), "{shell}: {script}");
    }
}

#[test]
fn errors_have_one_form() {
    fails(
        &["--widow"],
        "windrow: unexpected argument '--widow' found; a similar argument exists: '--window'\n",
    );
    fails(&["-w1m", "--top=3"], "windrow: --top needs --order-by, which says what the rows are ranked by\n");
    fails(
        &["-w1m", "--top=3", "--color=always"],
        "\x1b[1mwindrow:\x1b[0m --top needs --order-by, which says what the rows are ranked by\n",
    );
    fails(
        &["--job=/no/such"],
        "windrow: --job: cannot read /no/such: No such file or directory (os error 2)\n",
    );
}

#[test]
fn the_place_in_a_text_is_marked() {
    fails(
        &["-w1m", "-b", "page", "--having", "count > 1 AND pag = 'x'"],
        "windrow: --having: no column `pag`; did you mean `page`? \
         columns: window_start, window_end, page, count\n  \
         | count > 1 AND pag = 'x'\n  \
         |               ^^^\n",
    );
}

#[test]
fn standard_output_that_is_an_input_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("a.json");
    let file = std::fs::File::create(&path).expect("is created");
    let output = Command::new(env!("CARGO_BIN_EXE_windrow"))
        .args(["-w1m", "a.json"])
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("is open"))
        .output()
        .expect("windrow can be started");
    let message = "windrow: standard output is the same file as the input a.json; name another file\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), message));

    let output = Command::new(env!("CARGO_BIN_EXE_windrow"))
        .args(["-w1m", "-oa.json"])
        .current_dir(directory.path())
        .stdin(std::fs::File::open(&path).expect("is there"))
        .output()
        .expect("windrow can be started");
    let message = "windrow: --output is the same file as the input (standard input); name another file\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), message));
}

#[test]
fn a_plan() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let job = "window = \"5m/1m\"\nby = [\"page\", \"d.x\"]\ndelay = \"1m\"\nthreads = 2\n";
    std::fs::write(directory.path().join("job.toml"), job).expect("is written");
    let args = [
        "explain",
        "--job=job.toml",
        "-d",
        "2s",
        "-a",
        "count(*), sum(bytes) AS b",
        "-i",
        "id",
        "--where",
        "bytes > 0",
        "--having=b > 1",
        "--top=2",
        "--order-by=b",
        "--ties",
        "none.csv",
    ];
    let output = windrow_in(directory.path(), &args);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    let plan = text(&output.stdout);
    let has = |line: &str| {
        // Columns are padded; what is in them counts.
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plan.lines().any(|found| squeezed(found) == line), "{line:?} is missing in\n{plan}");
    };
    has("window 5m/1m (job.toml:1)");
    has("by page, d.x (job.toml:2)");
    has("delay 2s (command line)");
    has("threads 2 (job.toml:4)");
    has("buffer 4 (default)");
    has("late drop (default)");
    has("max-record 64MiB (default)");
    has("time by the first record (default)");
    has("none.csv csv");
    has("time field the first of timestamp, @timestamp, time, ts, event_time that the first record has");
    has("time format auto");
    has("id id");
    has("where bytes > 0");
    has("kind hopping windows of 5m every 1m");
    has("key page");
    has("columns window_start, window_end, page, d.x, count, b");
    has("format csv");
    has("having b > 1");
    has("top 2 by b, greatest first, and what ties with the last");
    assert!(plan.lines().all(|line| line.trim_end() == line), "{plan}");
}

#[test]
fn the_plan_of_windows_of_several_kinds() {
    let plan = succeeds(&["explain", "-w", "60s", "-w", "session:10s,1d", "--fill", "zero"]);
    for line in [
        "  kind            60s: tumbling windows of 1m\n",
        "  kind            session:10s: sessions with a gap of 10s\n",
        "  kind            1d: tumbling windows of 1d\n",
        "  gaps            windows without events between two of a key have rows: zero (not for session:10s)\n",
    ] {
        assert!(plan.contains(line), "{line:?} is missing in\n{plan}");
    }
    assert!(!succeeds(&["explain", "-w60s,1d", "--fill=zero"]).contains("not for"));
}

#[test]
fn the_plan_of_order() {
    let plan = succeeds(&["explain", "order", "-t", "at", "-i", "host,seq"]);
    assert!(plan.contains("the events as they were read, in event-time order"), "{plan}");
    assert!(plan.contains("time field      at\n") && !plan.contains("window"), "{plan}");
}

#[test]
fn a_plan_of_a_wrong_job_is_refused() {
    fails(&["explain", "-w1m", "--ties"], "windrow: --ties needs --top, which says how many rows are kept\n");
}
