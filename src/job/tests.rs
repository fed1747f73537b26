//! From a command line to a job: every default, and every refusal with its message.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cli::parse::{self, Request};
use crate::error::Result;
use crate::input::{Format, Origin};
use crate::window::Windows;

use super::*;

/// The job of a command line, without the program's name.
fn job(line: &[&str]) -> Result<Job> {
    let argv: Vec<OsString> = ["windrow"].iter().chain(line).map(OsString::from).collect();
    match parse::parse(&argv, false)? {
        Request::Run(asked) | Request::Explain(asked) => build::job(&asked.args, &asked.settings),
        other => panic!("{line:?}: {other:?}"),
    }
}

#[track_caller]
fn good(line: &[&str]) -> Job {
    job(line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}

fn aggregation(job: Job) -> Aggregation {
    match job.task {
        Task::Aggregate(aggregation) => aggregation,
        Task::Order => panic!("the main job was asked for"),
    }
}

/// The first line of the message is the one wanted; the mark under a text follows it.
#[track_caller]
fn refused(line: &[&str], want: &str) {
    let Err(error) = job(line) else { panic!("{line:?} is taken") };
    assert_eq!(error.to_string().lines().next(), Some(want), "{line:?}");
    assert_eq!(error.exit_code(), 2, "{line:?}");
}

/// For messages that belong to another module: only the option they are about.
#[track_caller]
fn refused_by(line: &[&str], option: &str) {
    let Err(error) = job(line) else { panic!("{line:?} is taken") };
    assert!(error.to_string().starts_with(&format!("{option}: ")), "{line:?}: {error}");
    assert_eq!(error.exit_code(), 2, "{line:?}");
}

const SECOND: i64 = 1_000_000;

#[test]
fn defaults() {
    let job = good(&["-w", "1m"]);
    assert!(matches!(job.sources[..], [SourceSpec { origin: Origin::Stdin, format: Format::Ndjson, .. }]));
    assert_eq!(job.sources[0].name, "(standard input)");
    assert_eq!(job.read.chunk_bytes, 1 << 20);
    assert_eq!(job.read.record_bytes_max, 64 << 20);
    assert!(job.read.header);
    assert!(job.fields.is_empty());
    assert_eq!(job.time_field, None);
    assert_eq!(job.time_format.form(), None);
    assert!(job.ids.is_empty());
    assert!(job.filter.is_none());
    assert_eq!(job.delay, 5 * SECOND);
    assert_eq!(job.remember, 0);
    assert_eq!(job.max_jump, None);
    assert_eq!(job.late, LatePolicy::Drop);
    assert_eq!(job.bad, BadPolicy::Fail);
    assert_eq!(job.output, None);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    assert_eq!(job.threads, cores);
    assert_eq!(job.buffer, 2 * cores);
    let report =
        Report { quiet: false, verbose: 0, stats: Stats::Auto, progress: When::Auto, color: When::Auto };
    assert_eq!(job.report, report);
    let main = aggregation(job);
    assert!(matches!(main.windows, Windows::Panes(_)));
    assert_eq!(main.columns(), ["window_start", "window_end", "count"]);
    assert_eq!(main.to, OutputFormat::Ndjson);
    assert!(main.having.is_none() && main.top.is_none() && main.keys.is_empty());
}

#[test]
fn everything_given() {
    let job = good(&[
        "-wsession:30s",
        "-bhost,d.x",
        "-b",
        "lower(user) AS u",
        "-a",
        "sum(bytes), count(*)",
        "-a",
        "max(d.x) AS m",
        "-t",
        "d.t",
        "--time-format=ms",
        "-i",
        "host,seq",
        "--where",
        "bytes > 0",
        "-d",
        "1h30m",
        "--max-jump=1d",
        "--remember=1m",
        "--late=late.ndjson",
        "--bad=skip",
        "-o",
        "out.csv",
        "--to=csv",
        "-j3",
        "--buffer=9",
        "--having=count > 1",
        "--top=2",
        "--order-by=m ASC",
        "--ties",
        "--max-record=1M",
        "--stats=json",
        "-qv",
        "--progress=never",
        "--chunk-bytes=64",
        "a.json",
        "-",
    ]);
    assert_eq!(job.sources.len(), 2);
    // No field stands twice, whatever asks for it.
    let fields: Vec<_> = job.fields.iter().map(|field| field.text.as_str()).collect();
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["bytes", "d.x", "host", "seq", "user"]);
    assert_eq!(job.ids.iter().map(|&id| fields[id]).collect::<Vec<_>>(), ["host", "seq"]);
    assert_eq!(job.time_field.as_ref().map(|field| field.text.as_str()), Some("d.t"));
    assert!(job.filter.is_some());
    assert_eq!(job.delay, 5400 * SECOND);
    assert_eq!(job.max_jump, Some(86_400 * SECOND));
    assert_eq!(job.remember, 60 * SECOND);
    assert_eq!(job.late, LatePolicy::File("late.ndjson".into()));
    assert_eq!(job.bad, BadPolicy::Skip);
    assert_eq!(job.output.as_deref(), Some(Path::new("out.csv")));
    assert_eq!((job.threads, job.buffer), (3, 9));
    assert_eq!((job.read.chunk_bytes, job.read.record_bytes_max), (64, 1 << 20));
    let report =
        Report { quiet: true, verbose: 1, stats: Stats::Json, progress: When::Never, color: When::Auto };
    assert_eq!(job.report, report);
    let main = aggregation(job);
    assert!(matches!(main.windows, Windows::Session { gap } if gap == 30 * SECOND));
    let columns = ["window_start", "window_end", "host", "d.x", "u", "sum_bytes", "count", "m"];
    assert_eq!(main.columns(), columns);
    assert_eq!(main.to, OutputFormat::Csv { delimiter: b',' });
    assert!(main.having.is_some());
    let top = main.top.expect("was asked for");
    assert_eq!((top.rows_max, top.descending, top.ties), (2, false, true));
    assert_eq!(top.order_by.as_field(), Some(7));
}

#[test]
fn order() {
    let job = good(&["order", "a.csv", "-t", "x", "-i", "id", "--where", "y = 1"]);
    assert!(matches!(job.task, Task::Order));
    assert_eq!(job.fields.len(), 2);
    refused(
        &["order", "a.csv", "b.json"],
        "all inputs of windrow order must have one format, since it writes records as they were read: \
         a.csv is csv, b.json is ndjson",
    );
}

#[test]
fn formats() {
    const CSV: Format = Format::Csv { delimiter: b',' };
    const TSV: Format = Format::Csv { delimiter: b'\t' };
    const SEMICOLON: Format = Format::Csv { delimiter: b';' };
    let check = |line: &[&str], formats: &[Format], to: OutputFormat| {
        let line: Vec<&str> = ["-wnone"].iter().chain(line).copied().collect();
        let job = good(&line);
        let found: Vec<_> = job.sources.iter().map(|source| source.format).collect();
        assert_eq!(found, formats, "{line:?}");
        assert_eq!(aggregation(job).to, to, "{line:?}");
    };
    let csv = |delimiter| OutputFormat::Csv { delimiter };
    check(&["a.csv", "b.ndjson", "c"], &[CSV, Format::Ndjson, Format::Ndjson], csv(b','));
    check(&["a.jsonl.gz", "b.tsv.zst"], &[Format::Ndjson, TSV], OutputFormat::Ndjson);
    check(&["--from=csv", "a.json", "-"], &[CSV, CSV], csv(b','));
    check(&["--from=tsv"], &[TSV], csv(b'\t'));
    check(&["--from=ndjson", "a.csv"], &[Format::Ndjson], OutputFormat::Ndjson);
    check(&["--delimiter=;", "a.csv", "b.tsv"], &[SEMICOLON, TSV], csv(b';'));
    check(&["--delimiter=;", "a.csv", "--to=csv"], &[SEMICOLON], csv(b','));
    check(&["--delimiter=tab", "a.tsv"], &[TSV], csv(b'\t'));
    check(&["--to=tsv"], &[Format::Ndjson], csv(b'\t'));
    check(&["--to=table"], &[Format::Ndjson], OutputFormat::Table);
}

#[test]
fn options_for_csv_only() {
    let need = "is for CSV, and no input is CSV; --from csv takes all inputs as CSV";
    refused(&["-w1m", "--no-header", "a.json", "-t1"], &format!("--no-header {need}"));
    refused(&["-w1m", "--delimiter=;", "a.json"], &format!("--delimiter {need}"));
    refused(
        &["-w1m", "--delimiter=;", "a.tsv"],
        "--delimiter is for CSV, and the delimiter of TSV is a tab; --from csv takes all inputs as CSV",
    );
    refused(
        &["-w1m", "--no-header", "a.csv"],
        "--no-header calls the fields 1, 2, ...; --time must say which one is the event time",
    );
    assert!(!good(&["-w1m", "--no-header", "a.json", "b.csv", "-t", "\"1\""]).read.header);
}

#[test]
fn windows_are_required() {
    refused(
        &["a.json"],
        "--window is missing; give 1m (tumbling), 5m/1m (hopping), session:30s, cumulate:1h/1m, \
         or none (one row per key at the end)",
    );
}

#[test]
fn windows_of_several_kinds() {
    let list = aggregation(good(&["-w", "1m,1h", "-w", "1d"])).windows;
    assert_eq!(list, aggregation(good(&["-w1m", "-w1h", "-w1d"])).windows);
    let shown = |line: &[&str]| job(line).err().expect("it is refused").to_string();
    let error = shown(&["-w", "1m", "-w", "5x"]);
    assert!(error.ends_with("\n  | 5x\n  | ^^"), "{error}");
    let error = shown(&["-w", "1m", "-w", ""]);
    assert!(error.starts_with("--window: a window is missing; ") && !error.contains('|'), "{error}");
    refused(
        &["-w1h", "-w1d", "--to=chart"],
        "--to chart draws windows of one kind; write the rows to a file, then windrow chart FILE --window 1h",
    );
    refused(
        &["-w", "1h + 5m", "-w1d", "--to=chart"],
        "--to chart draws windows of one kind; write the rows to a file, then windrow chart FILE --window '1h + 5m'",
    );
    refused(
        &["-w1h", "-w1d", "--to=live"],
        "--to live shows windows of one kind; give one -w, as -w 1h, or write the rows without --to live",
    );
}

#[test]
fn filling() {
    let message = "--fill cannot go with --having or --top, which leave rows out; filter the output instead";
    refused(&["-w1m", "--fill=zero", "--having=count > 1"], message);
    refused(&["-w1m", "--fill=zero", "--top=1", "--order-by=count"], message);
}

#[test]
fn ranking() {
    let rank = "needs --order-by, which says what the rows are ranked by";
    let rows = "needs --top, which says how many rows are kept";
    refused(&["-w1m", "--top=1"], &format!("--top {rank}"));
    refused(&["-w1m", "--order-by=count"], &format!("--order-by {rows}"));
    refused(&["-w1m", "--ties"], &format!("--ties {rows}"));
    let top = |order: &str| {
        aggregation(good(&["-w1m", "--top=1", "--order-by", order])).top.expect("was asked for")
    };
    assert!(top("count").descending && top("count desc").descending && !top("count ASC").descending);
    assert!(!top("count").ties);
}

#[test]
fn columns() {
    refused(
        &["-w1m", "-acount(*)", "-acount(*)"],
        "--agg: two output columns are called `count`; name one of them with AS, as in 'count(*) AS count_2'",
    );
    refused(
        &["-w1m", "-bcount"],
        "--agg: two output columns are called `count`; name one of them with AS, as in 'count(*) AS count_2'",
    );
    refused(
        &["-w1m", "-bpage,page"],
        "--by: two output columns are called `page`; name one of them with AS, as in 'page AS page_key'",
    );
    refused(
        &["-w1m", "-bwindow_end"],
        "--by: two output columns are called `window_end`; name one of them with AS, \
         as in 'window_end AS window_end_key'",
    );
    good(&["-wnone", "-bwindow_end"]);
    let columns = "columns: window_start, window_end, country, count";
    refused(
        &["-w1m", "-bcountry", "--having", "contry = 'NO'"],
        &format!("--having: no column `contry`; did you mean `country`? {columns}"),
    );
    refused(
        &["-w1m", "-bcountry", "--top=1", "--order-by=sum_bytes"],
        &format!("--order-by: no column `sum_bytes`; {columns}"),
    );
    good(&["-w1m", "-bd.x,\"a.b\".c", "--having", "d.x > 1 AND \"a.b\".c = 2"]);
}

#[test]
fn texts_in_small_languages() {
    refused_by(&["-w", "1x"], "--window");
    refused_by(&["-w", ""], "--window");
    refused_by(&["-w1m", "-b", ""], "--by");
    refused_by(&["-w1m", "-b", "a,"], "--by");
    refused_by(&["-w1m", "-b", "a", "-b", ""], "--by");
    refused_by(&["-w1m", "-a", ""], "--agg");
    refused_by(&["-w1m", "-a", "summ(x)"], "--agg");
    refused_by(&["-w1m", "-i", ""], "--id");
    refused_by(&["-w1m", "-i", "a,,b"], "--id");
    refused_by(&["-w1m", "-t", ""], "--time");
    refused_by(&["-w1m", "--where", ""], "--where");
    refused_by(&["-w1m", "--where", "a >"], "--where");
    refused_by(&["-w1m", "--having", ""], "--having");
    refused_by(&["-w1m", "--top=1", "--order-by", ""], "--order-by");
    refused_by(&["-w1m", "-d", "5"], "--delay");
    refused_by(&["-w1m", "-d=-5s"], "--delay");
    refused_by(&["-w1m", "--remember", "x"], "--remember");
    refused_by(&["-w1m", "--max-jump", ""], "--max-jump");
    refused_by(&["-w1m", "--time-format", "%"], "--time-format");
    refused_by(&["-w1m", "--time-zone", "Nowhere/City"], "--time-zone");
}

#[test]
fn inputs() {
    refused(&["-w1m", ""], "a value is required for '[FILE]...' but none was supplied");
    refused(&["-w1m", "-", "a", "-"], "FILE: standard input can be read only once; name - once");
    assert_eq!(good(&["-w1m", "a", "a"]).sources.len(), 2);
    let names: Vec<_> = good(&["-w1m", "./-", "-"]).sources.into_iter().map(|source| source.name).collect();
    assert_eq!(names, ["./-", "(standard input)"]);
}

#[test]
fn words_and_files() {
    let check = |option: &str, late: LatePolicy, bad: BadPolicy| {
        let job = good(&["-w1m", option]);
        assert_eq!((job.late, job.bad), (late, bad), "{option}");
    };
    let file = |name: &str| PathBuf::from(name);
    check("--late=drop", LatePolicy::Drop, BadPolicy::Fail);
    check("--late=./drop", LatePolicy::File(file("./drop")), BadPolicy::Fail);
    check("--late=fail", LatePolicy::File(file("fail")), BadPolicy::Fail);
    check("--bad=fail", LatePolicy::Drop, BadPolicy::Fail);
    check("--bad=skip", LatePolicy::Drop, BadPolicy::Skip);
    check("--bad=drop", LatePolicy::Drop, BadPolicy::File(file("drop")));
    check("--bad=./skip", LatePolicy::Drop, BadPolicy::File(file("./skip")));
    assert_eq!(good(&["-w1m", "-o", "-"]).output, None);
    assert_eq!(good(&["-w1m", "-o", "./-"]).output, Some(file("./-")));
    good(&["-wnone", "--late=late.ndjson"]);
    refused(&["-w1m", "-o", ""], "a value is required for '--output <FILE>' but none was supplied");
    refused(&["-w1m", "--late="], "a value is required for '--late <drop|FILE>' but none was supplied");
    refused(&["-w1m", "--bad="], "a value is required for '--bad <fail|skip|FILE>' but none was supplied");
    let stdout = "- is standard output, which takes the rows; a file called - is ./-";
    refused(&["-w1m", "--late=-"], &format!("--late: {stdout}"));
    refused(&["-w1m", "--bad", "-"], &format!("--bad: {stdout}"));
}

#[test]
fn one_file_for_one_purpose() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("is UTF-8").to_owned();
    std::fs::write(path("in.json"), "").expect("is written");
    let link = |name: &str, to: &str| std::os::unix::fs::symlink(to, path(name)).expect("is made");
    link("in-link", "in.json");
    link("new-link", "new");
    link("loop", "loop");
    std::fs::hard_link(path("in.json"), path("in-hard")).expect("is made");
    let check = |output: &str, late: &str, bad: &str, want: Option<(&str, &str)>| {
        let line = [
            "-w1m".to_owned(),
            path("in.json"),
            format!("--output={}", path(output)),
            format!("--late={}", path(late)),
            format!("--bad={}", path(bad)),
        ];
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let error = job(&line).err().map(|error| error.to_string());
        let want = want.map(|(what, other)| {
            let other =
                if other == "in" { format!("the input {}", path("in.json")) } else { other.to_owned() };
            format!("{what} is the same file as {other}; name another file")
        });
        assert_eq!(error, want, "{line:?}");
    };
    check("a", "b", "c", None);
    check("loop", "b", "c", None);
    check("a", "a", "c", Some(("--late", "--output")));
    check("a", "b", "a", Some(("--bad", "--output")));
    check("a", "b", "./b", Some(("--bad", "--late")));
    check("new", "new-link", "c", Some(("--late", "--output")));
    check("in.json", "b", "c", Some(("--output", "in")));
    check("in-link", "b", "c", Some(("--output", "in")));
    check("in-hard", "b", "c", Some(("--output", "in")));
    check("a", "in-link", "c", Some(("--late", "in")));
    check("a", "b", "in.json", Some(("--bad", "in")));
    check("no-directory/a", "no-directory/a", "c", None);
    good(&["-w1m", "-o/dev/null", "--late=/dev/null", "--bad=/dev/null", "/dev/null"]);
}

#[test]
fn places_in_a_job_file() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("job.toml");
    let path = path.to_str().expect("is UTF-8");
    let check = |text: &str, want: &str| {
        std::fs::write(path, text).expect("is written");
        let Err(error) = job(&["--job", path]) else { panic!("{text} is taken") };
        assert_eq!(
            error.to_string().lines().next().map(|line| line.replace(path, "job.toml")).as_deref(),
            Some(want)
        );
    };
    check("window = '1m'\nties = true", "job.toml:2: ties needs --top, which says how many rows are kept");
    check(
        "window = '1m'\nhaving = 'cont > 1'",
        "job.toml:2: having: no column `cont`; did you mean `count`? columns: window_start, window_end, count",
    );
    check(
        "files = ['-', '-']\nwindow = '1m'",
        "job.toml:1: files: standard input can be read only once; name - once",
    );
}
