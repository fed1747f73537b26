//! `--to chart` and `windrow chart`, through the binary: pictures of real data, results of every form, and inputs that
//! are none.
//!
//! What is expected stands in `testdata/charts/`; `WINDROW_BLESS=1` rewrites it. Then look at the pictures.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::cases::words;

const BINARY: &str = env!("CARGO_BIN_EXE_windrow");
const FLIGHTS: &str = "-w 1d@America/New_York -d 1d -t sched_dep -b origin -a 'count(*) AS flights' \
                       nyc-departures-2013-01.csv";

/// Runs windrow in the directory of the test data, with this locale and standard input.
fn run(args: &[String], locale: &str, input: &[u8]) -> Output {
    let mut command = Command::new(BINARY);
    command.args(args).current_dir(testdata()).env("LC_ALL", locale).env_remove("CLICOLOR_FORCE");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().expect("the binary is there");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that does not read it may have ended already.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// What a good command line prints.
fn printed(line: &str, locale: &str, input: &[u8]) -> String {
    let output = run(&words(line), locale, input);
    assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
    String::from_utf8(output.stdout).expect("it is UTF-8")
}

/// The rows of a job.
fn rows(line: &str) -> Vec<u8> {
    printed(line, "C", b"").into_bytes()
}

/// Compares with a file of `testdata/charts/`.
fn check_golden(name: &str, found: &str) {
    let path = testdata().join("charts").join(name);
    if std::env::var_os("WINDROW_BLESS").is_some() {
        fs::create_dir_all(testdata().join("charts")).expect("there is room");
        fs::write(&path, found).expect("it is ours");
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    assert!(want == found, "{}: WINDROW_BLESS=1 rewrites it; found\n{found}", path.display());
}

/// The picture that `windrow chart` makes of a result.
fn picture(dir: &TempDir, options: &str, input: &[u8], kind: &str) -> String {
    let file = dir.path().join(format!("chart.{kind}"));
    let line = format!("chart {options} -o {}", file.display());
    assert_eq!(printed(&line, "C", input), "");
    fs::read_to_string(&file).expect("it was written")
}

#[test]
fn jobs_are_drawn() {
    let draw = |line: &str, locale| printed(&format!("{line} --to chart"), locale, b"");
    let quakes = "-d 7d -t time earthquakes-2018w05.ndjson";
    let commits = "-d 2000d -t committed_at --time-format rfc2822 bokeh-commits.csv";
    check_golden("flights.txt", &draw(FLIGHTS, "C.UTF-8"));
    check_golden("flights-ascii.txt", &draw(FLIGHTS, "C"));
    let two = format!("{quakes} -w 6h -a 'count(*), max(mag), arg_max(place, mag) AS place'");
    check_golden("two-aggregates.txt", &draw(&two, "C.UTF-8"));
    check_golden("hopping.txt", &draw(&format!("{quakes} -w 1d/3h"), "C.UTF-8"));
    check_golden("growing.txt", &draw(&format!("{quakes} -w cumulate:1d/1h"), "C.UTF-8"));
    check_golden("none.txt", &draw(&format!("{quakes} -w none -b net"), "C.UTF-8"));
    check_golden("sessions.txt", &draw(&format!("{commits} -w session:8h"), "C.UTF-8"));
    let coloured = draw(&format!("{FLIGHTS} --color always"), "C.UTF-8");
    check_golden("flights-colour.txt", &coloured);
}

#[test]
fn results_are_drawn() {
    let dir = tempfile::tempdir().expect("there is room");
    let flights = rows(&format!("{FLIGHTS} -a 'avg(dep_delay_min) AS delay'"));
    check_golden("flights.svg", &picture(&dir, "", &flights, "svg"));
    check_golden(
        "flights.html",
        &picture(&dir, "--title 'Flights & delays' --time-zone UTC", &flights, "html"),
    );
    let net = rows("-w none -t time -b net earthquakes-2018w05.ndjson");
    check_golden("none.svg", &picture(&dir, "--top 4", &net, "svg"));
}

/// NDJSON, CSV, TSV and semicolons; by name, by what is in it, by an option; from a file and a pipe: one picture.
#[test]
fn forms_of_results_make_no_difference() {
    let dir = tempfile::tempdir().expect("there is room");
    let job = "-w 6h -d 7d -t time -b net,type -a 'count(*), max(mag)' earthquakes-2018w05.ndjson";
    let want = picture(&dir, "", &rows(job), "svg");
    for (extension, options) in [("ndjson", ""), ("csv", "--to csv"), ("tsv", "--to tsv")] {
        let rows = rows(&format!("{job} {options}"));
        assert_eq!(picture(&dir, "-", &rows, "svg"), want, "{extension} from a pipe");
        assert_eq!(picture(&dir, &format!("-f {extension}"), &rows, "svg"), want, "{extension} by option");
        for name in [format!("rows.{extension}"), "rows".to_owned()] {
            let file = dir.path().join(&name);
            fs::write(&file, &rows).expect("there is room");
            let found = picture(&dir, &file.display().to_string(), b"", "svg");
            let shown = format!(", {}", file.display());
            let found = found.replacen(&shown, ", (standard input)", 1);
            assert_eq!(found, want, "{name}");
        }
    }
    let semicolons = String::from_utf8(rows(&format!("{job} --to csv"))).expect("UTF-8").replace(',', ";");
    assert_eq!(picture(&dir, "", semicolons.as_bytes(), "svg"), want);
    assert_eq!(picture(&dir, "--delimiter ';'", semicolons.as_bytes(), "svg"), want);
    // A job's rows as they are drawn at once, and as they are drawn of its result.
    let at_once = printed(&format!("{job} --to chart"), "C.UTF-8", b"");
    let later = printed("chart", "C.UTF-8", &rows(job));
    let plots = |text: &str| {
        text.lines().filter(|line| line.contains(['┤', '│', '└'])).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(plots(&at_once), plots(&later));
}

/// Rows of several windows in one result: of each kind the picture that a job with it alone has.
#[test]
fn one_kind_of_several_is_drawn() {
    let dir = tempfile::tempdir().expect("there is room");
    let quakes = "-d 7d -t time -b net -a 'count(*), max(mag)' earthquakes-2018w05.ndjson";
    let windows = "-w 6h -w 1d -w session:1h";
    for options in
        ["", "--to csv", "--to csv --row-id", "--row-id", "--to tsv --allowed-lateness 1d --emit-every 3h"]
    {
        let several = rows(&format!("{windows} {quakes} {options}"));
        for kind in ["6h", "1d", "session:1h"] {
            let alone = rows(&format!("-w {kind} {quakes} {options}"));
            let found = picture(&dir, &format!("--window {kind}"), &several, "svg");
            assert_eq!(found, picture(&dir, "", &alone, "svg"), "{kind}, {options}");
        }
    }
    let csv = String::from_utf8(rows(&format!("{windows} {quakes} --to csv"))).expect("it is UTF-8");
    let is_daily = |line: &&str| line.starts_with("window,") || line.starts_with("1d,");
    let daily: String = csv.lines().filter(is_daily).map(|line| format!("{line}\n")).collect();
    let want = picture(&dir, "", &rows(&format!("-w 1d {quakes}")), "svg");
    assert_eq!(picture(&dir, "", daily.as_bytes(), "svg"), want, "of one kind it need not be said");
}

/// Numbers in every unit and RFC 3339 mean the same times.
#[test]
fn times_in_every_form() {
    let result = |unit: i64, quote: &str| {
        (0..5i64)
            .map(|n| {
                let time = |n: i64| (1_517_356_800 + n * 3600) * unit;
                format!(
                    "{{\"window_start\":{quote}{}{quote},\"window_end\":{}, \"n\":{n}}}\n",
                    time(n),
                    time(n + 1)
                )
            })
            .collect::<String>()
    };
    let want = printed("chart", "C.UTF-8", result(1, "").as_bytes());
    assert!(want.contains("2018-01-31 to 2018-01-31 05:00, UTC"), "{want}");
    for unit in [1000, 1_000_000, 1_000_000_000] {
        assert_eq!(printed("chart", "C.UTF-8", result(unit, "").as_bytes()), want);
    }
    let text: String =
        (0..5).map(|n| format!("2018-01-31T0{n}:00:00Z,2018-01-31T0{}:00:00Z,{n}\n", n + 1)).collect();
    assert_eq!(printed("chart", "C.UTF-8", format!("window_start,window_end,n\n{text}").as_bytes()), want);
}

#[test]
fn the_highest_revision_is_drawn() {
    let text = "window_start,window_end,k,n,pane,revision\n\
                0,60,a,1,early,0\n0,60,b,1,early,0\n0,60,a,5,final,1\n0,60,b,2,final,1\n60,120,a,3,final,0\n\
                0,60,a,9,revised,2\n60,120,b,4,final,0\n";
    let plain = "window_start,window_end,k,n\n0,60,a,9\n0,60,b,2\n60,120,a,3\n60,120,b,4\n";
    assert_eq!(printed("chart", "C.UTF-8", text.as_bytes()), printed("chart", "C.UTF-8", plain.as_bytes()));
}

/// Real results of jobs that write windows more than once are drawn as those of jobs that do not.
#[test]
fn early_and_revised_rows_are_drawn_as_final_ones() {
    let check = |job: &str, more: &str| {
        let (once, again) = (rows(job), rows(&format!("{job} {more}")));
        let early = String::from_utf8_lossy(&again).matches("early").count();
        assert!(early > 10, "{job} {more} writes {early} early rows");
        let found = printed("chart --top 100", "C.UTF-8", &again);
        assert_eq!(found, printed("chart --top 100", "C.UTF-8", &once), "{job} {more}");
    };
    let flights = "-q -d 1h -t sched_dep -b origin nyc-departures-2013-01.csv";
    let quakes = "-q -d 1h -t time -b net earthquakes-2018w05.ndjson";
    check(&format!("{flights} -w session:1h"), "--emit-every 1h");
    check(&format!("{flights} -w session:15m"), "--emit-every 30m");
    check(&format!("{quakes} -w session:3h"), "--emit-every 1h");
    check(&format!("{quakes} -w 6h"), "--emit-every 1h");
    check(&format!("{quakes} -w 1d/6h"), "--emit-every 5h");
    check(&format!("{quakes} -w cumulate:1d/6h"), "--emit-every 5h");
    check(&format!("{quakes} -w 6h --top 2 --order-by count"), "--emit-every 1h");
    check(&format!("{quakes} -w 6h --having 'count < 12'"), "--emit-every 1h");
}

/// Without windows there is no time to draw over: what was written last is drawn, and that is said.
#[test]
fn early_rows_without_windows_are_bars() {
    let job = "-q -w none -d 1h -t time -b net earthquakes-2018w05.ndjson";
    let found = printed("chart", "C.UTF-8", &rows(&format!("{job} --emit-every 1d")));
    let plain = printed("chart", "C.UTF-8", &rows(job));
    assert_eq!(found, format!("{plain}drawn is what was written last: rows without windows have no time\n"));
}

/// A picture that cannot be written leaves the one that was there.
#[test]
fn a_failure_leaves_the_old_picture() {
    let dir = tempfile::tempdir().expect("there is room");
    let file = dir.path().join("a.svg");
    fs::write(&file, "old").expect("there is room");
    let flights = dir.path().join("rows.csv");
    fs::write(&flights, rows(FLIGHTS)).expect("there is room");
    let limited = format!("ulimit -f 1; exec {BINARY} chart {} -o {}", flights.display(), file.display());
    let output = Command::new("sh").args(["-c", &limited]).output().expect("there is a shell");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "old");
    assert_eq!(fs::read_dir(dir.path()).expect("it is ours").count(), 2, "nothing is left beside");
}

#[test]
fn what_is_not_drawn_is_told() {
    let text = "window_start,window_end,n,m,note\n0,60,1,NaN,x\n60,120,2,inf,y\n120,180,,3,z\n";
    let found = printed("chart", "C.UTF-8", text.as_bytes());
    assert!(found.contains("not numbers, and not drawn: note"), "{found}");
    assert!(found.contains("2 values are no numbers and not drawn, the first on line 2"), "{found}");
    for empty in ["", "window_start,window_end,n\n", "\n\n"] {
        let found = printed("chart", "C.UTF-8", empty.as_bytes());
        assert!(found.contains("nothing to draw"), "{empty:?}: {found}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let check = |line: &str, input: &str, code, want: &str| {
        let output = run(&words(line), "C", input.as_bytes());
        let stderr = String::from_utf8(output.stderr).expect("it is UTF-8");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{line}: {stderr}");
        assert_eq!(stderr, format!("windrow: {want}\n"), "{line}");
    };
    let head = "window_start,window_end,k,n\n";
    let out = "windrow chart draws what windrow has written; --from, --by and --y say how to take it";
    check(
        "chart --y m",
        &format!("{head}0,1,a,5\n"),
        2,
        "(standard input): --y: there is no column `m`; the columns are window_start, window_end, k, n",
    );
    check(
        "chart",
        &format!("{head}0,60,a,5\nx,60,b,6\n"),
        1,
        &format!(
            "(standard input):3: `x` is no bound of a window, which is a number or a time like 2021-07-01T12:00:00Z; the \
             record begins x,60,b,6; {out}"
        ),
    );
    check(
        "chart --by k",
        &format!("{head}0,60,a,5\n60,120,a,6\n60,120,a,7\n"),
        1,
        &format!(
            "(standard input):4: its window is that of a row before, and the key (k) is the same too; --by names all \
             columns of the key; the record begins 60,120,a,7; {out}"
        ),
    );
    check(
        "chart",
        &format!("{head}0,60,a\n"),
        1,
        &format!(
            "(standard input):2: the record has 3 fields where 4 are expected; the record begins 0,60,a; {out}"
        ),
    );
    check(
        "chart",
        &format!("{head}60,0,a,1\n"),
        1,
        &format!("(standard input):2: its window ends before it starts; the record begins 60,0,a,1; {out}"),
    );
    let several = "window,window_start,window_end,n\n1d,0,86400,7\n1h,0,3600,5\n1h,3600,7200,2\n";
    check(
        "chart",
        several,
        2,
        "(standard input): it has windows of several kinds (1d, 1h), and a chart draws one; name it, as in --window 1d",
    );
    check(
        "chart --window 60m",
        several,
        2,
        "(standard input): --window: there are no windows of the kind `60m`; there are 1d, 1h",
    );
    check(
        "chart --window 1h --by window",
        several,
        2,
        "(standard input): --by: there is no column `window`; the columns are window_start, window_end, n",
    );
    check(
        "chart --window 1h",
        &format!("{head}0,60,a,5\n"),
        2,
        "(standard input): --window: it has no first column `window`, as rows of several -w have; leave --window out",
    );
    check("chart none.csv", "", 1, "none.csv: no such file or directory");
    check(
        "chart -o x.png",
        "",
        2,
        "--output: `x.png` is no name of a picture; NAME.svg or NAME.html says what to write, and without --output the \
         chart is drawn here",
    );
    check("chart -o x.svg --width 1", "", 2, "--width: a picture has 200 to 20000 pixels");
    for width in [39, 401] {
        check(
            &format!("chart --width {width}"),
            &format!("{head}0,1,a,5\n"),
            2,
            "--width: a chart in the terminal has 40 to 400 characters",
        );
    }
    check(
        "chart earthquakes-2018w05.ndjson",
        "",
        2,
        "earthquakes-2018w05.ndjson: it has no window_start and window_end, and `time` looks like the time of an event: \
         windrow chart draws results, so make one first, as with windrow -w 1h -t 'time' FILE --to csv | windrow chart; \
         of a result of -w none, --by and --y name the columns",
    );
    check(
        &format!("{FLIGHTS} --to chart -s state"),
        "",
        2,
        "--to: a chart is written whole, at the end, and cannot be continued; with --state-dir take csv, tsv or ndjson",
    );
    check(&format!("{FLIGHTS} --to chart --row-id"), "", 2, "--row-id numbers rows, and a chart has none");
}

/// Bytes that are no result end with a message or a chart, never with a panic.
#[test]
fn no_input_makes_it_panic() {
    let good = rows("-w 6h -d 7d -t time -b net -a 'count(*), max(mag)' earthquakes-2018w05.ndjson --to csv");
    let json = rows("-w 6h -d 7d -t time -b net -a 'count(*), max(mag)' earthquakes-2018w05.ndjson");
    let mut random = fastrand::Rng::with_seed(4);
    for round in 0..60 {
        let mut bytes = if round % 2 == 0 { good.clone() } else { json.clone() };
        bytes.truncate(random.usize(1..4000));
        for _ in 0..random.usize(1..6) {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.choice(*b"\"\n,{}[]-9e\xff\0 ").unwrap_or(0);
        }
        let output = run(&words("chart --top 100"), "C.UTF-8", &bytes);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0..=2)) && !stderr.contains("panicked"),
            "{round}: {stderr}"
        );
    }
}
