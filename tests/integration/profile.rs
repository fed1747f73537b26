//! `windrow profile`, through the binary: what it says of inputs that are known, and that the job it suggests runs.
//!
//! A case is a directory `testdata/profile/<name>/` with the arguments in `cmd` and the inputs beside it, or those of
//! `testdata/`; what is expected stands in `text` and `json`. `WINDROW_BLESS=1` rewrites both.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::cases::words;

const BINARY: &str = env!("CARGO_BIN_EXE_windrow");

/// Runs `windrow profile` in a directory; its standard input gets these bytes, a few at a time.
fn profile(dir: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(BINARY);
    command.arg("profile").args(args).current_dir(dir);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("the binary is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that does not read it may have ended already.
    input.chunks(1000).take_while(|part| stdin.write_all(part).is_ok()).count();
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// The text that is written, without error.
fn text(dir: &Path, args: &[&str]) -> String {
    let output = profile(dir, args, b"");
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// The object that is written, without error.
fn object(dir: &Path, args: &[&str]) -> Value {
    let text = text(dir, &[&["--to", "json"], args].concat());
    assert_eq!(text.lines().count(), 1);
    serde_json::from_str(&text).expect("it is JSON")
}

/// The command line that a profile ends with.
fn suggested(text: &str) -> Option<&str> {
    let (_, section) = text.split_once("a job to start with\n")?;
    section.rsplit_once("\n\n").map(|(_, command)| command).or(section.strip_prefix('\n'))
}

/// Runs the suggested command as a shell takes it, with the account of the run as JSON.
fn run_suggested(dir: &Path, text: &str) -> Value {
    let command = suggested(text).unwrap_or_else(|| panic!("there is no job in {text}"));
    let path = Path::new(BINARY).parent().expect("it lies somewhere");
    let path = format!("{}:{}", path.display(), std::env::var("PATH").unwrap_or_default());
    let run = |command: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-c", command]).current_dir(dir).env("PATH", &path).stdin(Stdio::null());
        let output = shell.output().expect("there is a bash");
        assert!(output.status.success(), "{command}: {output:?}");
        output
    };
    run(command);
    let counted = run(&format!("{} --stats=json", command.trim_end()));
    serde_json::from_slice(&counted.stderr).expect("it is JSON")
}

/// A directory with these files.
fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("there is room");
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).expect("there is room");
    }
    dir
}

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let entries = fs::read_dir(root.join("profile")).expect("there are cases");
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    cases.sort();
    assert!(cases.len() >= 6);
    for case in cases {
        let dir = tempfile::tempdir().expect("there is room");
        for from in [&root, &case] {
            let files = fs::read_dir(from).expect("it is a directory").flatten().map(|entry| entry.path());
            for file in files.filter(|file| file.is_file()) {
                fs::copy(&file, dir.path().join(file.file_name().expect("a file has a name")))
                    .expect("there is room");
            }
        }
        let args = fs::read_to_string(case.join("cmd")).expect("a case has its arguments");
        let args = words(args.trim_end());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let shown = text(dir.path(), &args);
        assert!(shown.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{shown}");
        let mut json = serde_json::to_string_pretty(&object(dir.path(), &args)).expect("it can be written");
        json.push('\n');
        for (name, found) in [("text", &shown), ("json", &json)] {
            let path = case.join(name);
            if std::env::var_os("WINDROW_BLESS").is_some() {
                fs::write(&path, found).expect("the case is writable");
            }
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(*found, wanted, "{}: WINDROW_BLESS=1 rewrites it", path.display());
        }
        if suggested(&shown).is_some() {
            run_suggested(dir.path(), &shown);
        }
    }
}

/// Events of which everything is known: one in 50 is 90 s late, one in 100 comes again after 40 s with the same time.
fn clicks(events: i64) -> String {
    let (mut lines, mut again) = (String::new(), Vec::new());
    for n in 0..events {
        let time = 1_700_000_000 + n - if n % 50 == 49 { 90 } else { 0 };
        let line = format!("{{\"when\":{time},\"id\":\"event-{n}\",\"user\":{{\"name\":\"u{}\"}}}}\n", n % 7);
        lines += &line;
        if n % 100 == 0 {
            again.push((n + 40, line));
        }
        again.retain(|(at, line)| {
            if *at == n {
                lines += line;
            }
            *at != n
        });
    }
    lines
}

#[test]
fn disorder_repeats_and_gaps_are_those_that_were_made() {
    let dir = directory(&[("clicks.ndjson", clicks(5000).as_bytes())]);
    let found = object(dir.path(), &["clicks.ndjson"]);
    assert_eq!(found["records"], 5050);
    assert_eq!((&found["time"]["field"], &found["time"]["format"]), (&"when".into(), &"auto".into()));
    assert_eq!(found["time"]["first"], "2023-11-14T22:12:39Z");
    // The 100 late ones, 89 s behind the event right before, or more; and the copies.
    assert_eq!((&found["order"]["behind"], &found["order"]["events"]), (&150.into(), &5050.into()));
    assert_eq!(found["order"]["behind_max"], 90_000_000 - 1_000_000);
    let delay = |share: &str| found["order"]["delay"][share].as_i64().expect("a number");
    assert_eq!((delay("0"), delay("0.0001")), (89_000_000, 89_000_000));
    // One percent are 50 of the 100.
    assert!((88_000_000..=89_000_000).contains(&delay("0.01")));
    let id = &found["ids"][0];
    assert_eq!((&id["id"], &id["repeats"], &id["same_time"]), (&"id".into(), &50.into(), &50.into()));
    let gaps = &found["gaps"][1];
    assert_eq!((&gaps["key"], &gaps["keys"]), (&"user.name".into(), &7.into()));
    assert_eq!(gaps["p50"], 7_000_000);
    let field =
        |name: &str| found["fields"].as_array().expect("a list").iter().find(|field| field["name"] == name);
    assert_eq!(field("user.name").expect("it is there")["distinct"], 7);
    let shown = text(dir.path(), &["clicks.ndjson"]);
    let account = run_suggested(dir.path(), &shown);
    let count = |name: &str| account[name].as_i64();
    assert_eq!(
        (count("read"), count("late"), count("duplicate"), count("bad")),
        (Some(5050), Some(0), Some(50), Some(0))
    );
}

/// The delay against the plainest reckoning, and the job that is suggested against what was promised of it.
#[test]
fn what_is_promised_of_the_delay_holds() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let far = 10i64.pow(random.u32(1..6));
        let times: Vec<i64> = (0..2000).map(|n| 1_700_000_000 + n * 60 - random.i64(0..far)).collect();
        let (mut largest, mut behind) = (i64::MIN, Vec::new());
        for time in &times {
            behind.push(largest.saturating_sub(*time).max(0));
            largest = largest.max(*time);
        }
        behind.sort_unstable();
        let lines: String = times.iter().fold(String::new(), |mut lines, time| {
            let _ = writeln!(lines, "{{\"ts\":{time},\"k\":\"{}\"}}", time % 3);
            lines
        });
        let dir = directory(&[("in.ndjson", lines.as_bytes())]);
        let found = object(dir.path(), &["in.ndjson"]);
        for (share, lost) in [("0", 0), ("0.0001", 0), ("0.001", 2), ("0.01", 20)] {
            let delay = found["order"]["delay"][share].as_i64().expect("a number");
            let exact = behind[behind.len() - 1 - lost] * 1_000_000;
            assert!(
                exact <= delay && delay <= exact + exact / 60,
                "seed {seed}, {share}: {delay} for {exact}"
            );
        }
        let shown = text(dir.path(), &["in.ndjson"]);
        let account = run_suggested(dir.path(), &shown);
        let says_none = shown.contains("loses no event") || shown.contains("the delay is");
        assert!(!says_none || account["late"] == 0, "seed {seed}: {shown}{account}");
    }
}

#[test]
fn an_event_far_ahead_is_told_apart() {
    let event = |n: i64| format!("{{\"ts\":\"2026-03-01T{:02}:{:02}:00Z\"}}\n", n / 60, n % 60);
    let mut lines: String = (0..1000).map(event).collect();
    lines.insert_str(event(0).len() * 400, "{\"ts\":\"2096-03-01T00:00:00Z\"}\n");
    let dir = directory(&[("in.ndjson", lines.as_bytes())]);
    let found = object(dir.path(), &["in.ndjson"]);
    let outliers = &found["outliers"];
    assert_eq!((&outliers["count"], &outliers["first"]["line"]), (&1.into(), &401.into()));
    assert_eq!((&outliers["order"]["behind"], &found["time"]["rate"]["behind"]), (&0.into(), &1.into()));
    let account = run_suggested(dir.path(), &text(dir.path(), &["in.ndjson"]));
    assert_eq!(
        (&account["bad"], &account["late"], &account["accepted"]),
        (&1.into(), &0.into(), &1000.into())
    );
}

#[test]
fn bad_records_are_counted_by_kind_with_their_first_place() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    let mut bytes = b"\n{\"ts\":1767225600}\nnonsense\n{\"ts\":\n".to_vec();
    bytes.extend_from_slice(deep.as_bytes());
    bytes.extend_from_slice(b"\n{\"ts\":\"\xff\"}\n{\"ts\":null}\n{\"ts\":true}\nagain\n{\"ts\":1767225601}");
    let dir = directory(&[("in.ndjson", &bytes)]);
    let found = object(dir.path(), &["in.ndjson"]);
    let bad = found["bad"].as_array().expect("a list").iter();
    let bad: Vec<_> =
        bad.map(|bad| (bad["kind"].as_str(), bad["count"].as_u64(), bad["line"].as_u64())).collect();
    let want = [
        ("not a JSON object", 2, 3),
        ("not valid JSON", 1, 4),
        ("nested too deep", 1, 5),
        ("not valid UTF-8", 1, 6),
        ("no event time", 1, 7),
        ("not an event time", 1, 8),
    ];
    assert_eq!(bad, want.map(|(kind, count, line)| (Some(kind), Some(count), Some(line))));
    assert_eq!(run_suggested(dir.path(), &text(dir.path(), &["in.ndjson"]))["bad"], 7);
}

#[test]
fn inputs_of_all_sorts() {
    let csv = "\"who, when\";started at;n\r\n\"a;\"\"b\";31.01.2026 10:00:00;1\r\n\"c\nd\";31.01.2026 10:00:05;\r\n";
    let names = "-t,-b\n1767225600,x\n1767225601,y\n";
    let files: [(&str, &[u8]); 7] = [
        ("empty.ndjson", b""),
        ("one.ndjson", b"{\"t\":1767225600}"),
        ("bad.ndjson", b"x\ny\n"),
        ("untimed.ndjson", b"{\"a\":1}\n{\"a\":2}\n"),
        ("it's.csv", csv.as_bytes()),
        ("order", b"{\"ts\":1767225600}\n"),
        ("-x.csv", names.as_bytes()),
    ];
    let dir = directory(&files);
    let check = |args: &[&str], wants: &[&str], runs: bool| {
        let shown = text(dir.path(), args);
        for want in wants {
            assert!(shown.contains(want), "{args:?}: no {want} in {shown}");
        }
        assert_eq!(suggested(&shown).is_some(), runs, "{shown}");
        if runs {
            run_suggested(dir.path(), &shown);
        }
        object(dir.path(), args);
    };
    check(&["empty.ndjson"], &["0 records", "fields of 0 records"], false);
    check(&["one.ndjson"], &["1 record,", "-t t", "windrow -t t -w 1s one.ndjson"], true);
    check(&["bad.ndjson"], &["2, not a JSON object", "bad.ndjson:1"], false);
    check(&["untimed.ndjson"], &["no field holds times"], false);
    check(&["untimed.ndjson", "-t", "a", "--time-format", "s"], &["-t a --time-format s"], true);
    let pattern =
        "-t '\"started at\"' --time-format '%d.%m.%Y %H:%M:%S' --delimiter ';' -w 1s 'it'\\''s.csv'";
    check(&["--delimiter", ";", "it's.csv"], &["\"who, when\"", "a;\"b, c\\nd"], true);
    let shown = text(dir.path(), &["--delimiter", ";", "it's.csv"]).replace(" \\\n   ", "");
    assert!(shown.contains(pattern), "{shown}");
    check(&["order"], &["./order"], true);
    check(&["--", "-x.csv"], &["--time=-t", "./-x.csv"], true);
    check(
        &["--no-header", "--limit", "1", "--", "-x.csv"],
        &["fields of 1 record", "read up to --limit"],
        false,
    );
    // The empty one has no column that could be missing.
    check(&["one.ndjson", "empty.ndjson"], &["one.ndjson empty.ndjson"], true);
}

#[test]
fn archives_and_pipes_tell_the_same() {
    let clicks = clicks(3000);
    let dir = directory(&[("clicks.ndjson", clicks.as_bytes())]);
    let gzip = Command::new("gzip").args(["-k", "clicks.ndjson"]).current_dir(dir.path()).status();
    assert!(gzip.expect("there is gzip").success());
    let plain = text(dir.path(), &["clicks.ndjson"]);
    assert_eq!(text(dir.path(), &["clicks.ndjson.gz"]).replace(".gz", ""), plain);
    let piped = profile(dir.path(), &["-"], clicks.as_bytes());
    let piped = String::from_utf8(piped.stdout).expect("it is UTF-8");
    let body =
        |text: &str| text.split_once("\nfields").map(|(_, body)| body.to_owned()).expect("it has fields");
    assert_eq!(body(&piped), body(&plain).replace(" clicks.ndjson\n", " -\n"));
    let archive = fs::read(dir.path().join("clicks.ndjson.gz")).expect("it is there");
    fs::write(dir.path().join("cut.ndjson.gz"), &archive[..archive.len() / 2]).expect("there is room");
    let cut = profile(dir.path(), &["cut.ndjson.gz", "clicks.ndjson"], b"");
    let shown = String::from_utf8(cut.stdout).expect("it is UTF-8");
    assert_eq!(cut.status.code(), Some(1));
    assert!(shown.contains("BREAKS OFF") && shown.contains("left out"), "{shown}");
    assert!(String::from_utf8_lossy(&cut.stderr).starts_with("windrow: cut.ndjson.gz: "), "{:?}", cut.stderr);
    run_suggested(dir.path(), &shown);
}

#[test]
fn several_inputs_keep_their_own_order_and_units() {
    let seconds = "ts,host\n1767225600,a\n1767225610,b\n1767225605,a\n";
    let millis: String =
        (0..30).map(|n| format!("{{\"ts\":{},\"host\":\"c\"}}\n", 1_767_225_600_000i64 + n)).collect();
    let files: [(&str, &[u8]); 3] = [
        ("a.csv", seconds.as_bytes()),
        ("b.ndjson", millis.as_bytes()),
        ("c.csv", b"time,host\n1767225600,a\n"),
    ];
    let dir = directory(&files);
    let found = object(dir.path(), &["a.csv", "b.ndjson", "c.csv"]);
    let inputs = found["inputs"].as_array().expect("a list").iter();
    let orders: Vec<_> = inputs.map(|input| (&input["time_form"], &input["order"]["behind_max"])).collect();
    assert_eq!(
        orders,
        [(&"s".into(), &5_000_000.into()), (&"ms".into(), &0.into()), (&Value::Null, &0.into())]
    );
    let shown = text(dir.path(), &["a.csv", "b.ndjson", "c.csv"]);
    assert!(shown.contains("left out     c.csv"), "{shown}");
    run_suggested(dir.path(), &shown);
}

#[test]
fn long_records_and_many_fields_are_bounded() {
    let many: String = (0..3000).map(|n| format!(",\"m{n}\":{n}")).collect();
    let long = "x".repeat(3 << 20);
    let lines = format!(
        "{{\"ts\":1767225600,\"text\":\"{long}\"}}\n{{\"ts\":1767225601{many}}}\n{{\"ts\":1767225602,\"a\\\"b.\":{{\"c d\":1}}}}\n"
    );
    let dir = directory(&[("in.ndjson", lines.as_bytes())]);
    let found = object(dir.path(), &["in.ndjson"]);
    assert_eq!((&found["more_fields"], found["fields"].as_array().map(Vec::len)), (&true.into(), Some(1000)));
    let shown = text(dir.path(), &["in.ndjson", "--max-record", "1MiB"]);
    assert!(shown.contains("1, longer than --max-record"), "{shown}");
    assert_eq!(run_suggested(dir.path(), &shown)["bad"], 1);
}

#[test]
fn times_at_the_ends_of_the_range() {
    let times = [-4_600_000_000_000i64, 0, 4_600_000_000_000, -4_500_000_000_000, 1_767_225_600];
    let lines: String = times.iter().map(|time| format!("{{\"ts\":{time}}}\n")).collect();
    let dir = directory(&[("in.ndjson", lines.as_bytes())]);
    let args = ["in.ndjson", "--time-format", "s"];
    assert_eq!(object(dir.path(), &args)["order"]["behind"], 2);
    run_suggested(dir.path(), &text(dir.path(), &args));
}

#[test]
fn mistakes_are_named() {
    let dir = directory(&[("in.ndjson", b"{\"ts\":1}\n")]);
    let check = |args: &[&str], code: i32, want: &str| {
        let output = profile(dir.path(), args, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(want), "{args:?}: {output:?}");
    };
    check(&["missing.ndjson"], 1, "windrow: missing.ndjson: ");
    check(&["in.ndjson", "--time-format", "%H"], 2, "--time-format: ");
    check(&["in.ndjson", "--time-zone", "Nowhere"], 2, "--time-zone: ");
    check(&["in.ndjson", "--by", "a b = 1"], 2, "--by: ");
    check(&["in.ndjson", "--delimiter", ";"], 2, "--delimiter is for CSV");
    check(&["in.ndjson", "--window", "1m"], 2, "--window");
}
