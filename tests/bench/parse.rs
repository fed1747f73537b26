//! How fast the parse stage is by itself, on one thread, in memory: `cargo bench --bench parse [-- [portable] [NAME]]`.
//!
//! Every chunk (1 MiB, about 32 of them) is parsed several times; added up are the medians and the best times of
//! all chunks, so that what else the machine does, which comes in longer stretches, hardly counts. `portable` takes
//! the vectors that every machine has; a name restricts it to the inputs whose names contain it.

#[path = "events.rs"]
mod events;

use std::ffi::OsString;
use std::time::Instant;

use windrow::expr::Step;
use windrow::input::Format;
use windrow::job::Job;
use windrow::parse::csv::Columns;
use windrow::parse::project::{ChunkToParse, Layout, Parser, Projection};
use windrow::parse::simd::Level;

const EVENTS: u64 = 250_000;
const CHUNK_BYTES: usize = 1 << 20;
const PASSES: usize = 15;

/// An input and a job over it.
struct Case {
    name: &'static str,
    options: &'static [&'static str],
    csv: bool,
    /// How a benchmark event is written: its number, and its members or fields.
    line: fn(usize, Vec<&str>) -> String,
}

const fn ndjson(
    name: &'static str,
    options: &'static [&'static str],
    line: fn(usize, Vec<&str>) -> String,
) -> Case {
    Case { name, options, csv: false, line }
}

const fn csv(
    name: &'static str,
    options: &'static [&'static str],
    line: fn(usize, Vec<&str>) -> String,
) -> Case {
    Case { name, options, csv: true, line }
}

const BY_PAGE: &[&str] = &["-t", "ts", "-w", "1m", "-b", "page", "-a", "count(*), sum(bytes)"];
const BY_USER: &[&str] = &["-t", "ts", "-w", "5m/1m", "-b", "user", "-a", "count(*), avg(latency_ms)"];
const BY_ID: &[&str] = &["-t", "ts", "-w", "1m", "-b", "user", "-i", "id", "-a", "count(*), avg(latency_ms)"];
const FAILED: &[&str] = &["-t", "ts", "-w", "1m", "-b", "page", "--where", "status >= 500"];
const NESTED: &[&str] = &["-t", "at.ts", "-w", "1m", "-b", "who.page", "-a", "count(*), sum(who.bytes)"];

/// Members are `id ts page user status bytes latency_ms`, in this order.
const CASES: [Case; 22] = [
    ndjson("ndjson W1", BY_PAGE, object),
    ndjson("ndjson W2", BY_USER, object),
    ndjson("ndjson W3", BY_ID, object),
    ndjson("ndjson W6", FAILED, object),
    ndjson("ndjson spaces", BY_PAGE, |_, m| format!("{{{}}}", m.join(", ").replace("\":", "\": "))),
    ndjson("ndjson rfc3339", BY_PAGE, |n, m| {
        let (minute, second, milli) = (n / 600 % 60, n / 10 % 60, n % 1000);
        let time = format!("\"ts\":\"2021-07-01T09:{minute:02}:{second:02}.{milli:03}Z\"");
        format!("{{{},{time},{}}}", m[0], m[2..].join(","))
    }),
    ndjson("ndjson two layouts", BY_PAGE, |n, m| match fastrand::bool() {
        true => object(n, m),
        false => format!("{{\"v\":2,{},{}}}", m[4..].join(","), m[..4].join(",")),
    }),
    ndjson("ndjson shuffled", BY_PAGE, |n, mut m| {
        fastrand::shuffle(&mut m);
        object(n, m)
    }),
    ndjson("ndjson shuffled spaces", BY_PAGE, |n, mut m| {
        let truth = if n % 2 == 0 { "\"ok\":true" } else { "\"ok\":false" };
        m.push(truth);
        fastrand::shuffle(&mut m);
        format!("{{{}}}", m.join(", ").replace("\":", "\": "))
    }),
    ndjson("ndjson nested", NESTED, |_, m| {
        let [id, ts, page, user, status, bytes, _] = m[..] else { panic!("seven members") };
        format!("{{{id},\"at\":{{{ts}}},\"who\":{{{page},{user},{bytes}}},\"and\":[{{{status}}}]}}")
    }),
    ndjson("ndjson arrays", NESTED, |n, m| {
        let [id, ts, page, user, _, bytes, _] = m[..] else { panic!("seven members") };
        let tags = vec!["{\"t\":\"tag\",\"n\":[1,2]}"; n * 7 % 5].join(",");
        format!("{{{id},\"at\":{{{ts}}},\"tags\":[{tags}],\"who\":{{{page},{user},{bytes}}}}}")
    }),
    ndjson("ndjson long text", BY_PAGE, |n, m| {
        let text = "The quick brown fox jumps over the lazy dog; ".repeat(5 + n % 7);
        format!("{{{},\"message\":\"{text}\"}}", m.join(","))
    }),
    ndjson("ndjson escapes", BY_PAGE, |n, m| {
        format!("{{{},\"path\":\"C:\\\\logs\\\\{}\\u00e9.txt\"}}", m.join(","), n % 1000)
    }),
    ndjson("ndjson not ASCII", BY_PAGE, |n, m| {
        let text = "Съешь же ещё этих мягких французских булок. 国破山河在 ".repeat(2 + n % 5);
        format!("{{{},\"message\":\"{text}\"}}", m.join(","))
    }),
    csv("csv W1", BY_PAGE, record),
    csv("csv W2", BY_USER, record),
    csv("csv W3", BY_ID, record),
    csv("csv W6", FAILED, record),
    csv("csv CRLF", BY_PAGE, |n, fields| record(n, fields) + "\r"),
    csv("csv not ASCII", BY_PAGE, |n, fields| record(n, fields).replace(",u", ",ü")),
    csv("csv quoted", BY_PAGE, |n, fields| quoted(n, fields, "")),
    csv("csv doubled quotes", BY_PAGE, |n, fields| quoted(n, fields, " \"\"x\"\", y")),
];

fn object(_: usize, members: Vec<&str>) -> String {
    format!("{{{}}}", members.join(","))
}

fn record(_: usize, fields: Vec<&str>) -> String {
    fields.join(",")
}

/// A record whose texts (id, page, user) are in quotes, with something behind them.
fn quoted(_: usize, fields: Vec<&str>, behind: &str) -> String {
    let field = |(n, field): (usize, &&str)| match n {
        0 | 2 | 3 => format!("\"{field}{behind}\""),
        _ => (*field).to_owned(),
    };
    fields.iter().enumerate().map(field).collect::<Vec<_>>().join(",")
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let level = if args.iter().any(|arg| arg == "portable") { Level::PORTABLE } else { Level::detect() };
    let name = args.iter().find(|arg| *arg != "portable").map_or("", String::as_str);
    fastrand::seed(1);
    println!("{:24} {:>8} {:>8} {:>7} {:>7}", "", "ns/rec", "(best)", "B/rec", "GB/s");
    for case in CASES.iter().filter(|case| case.name.contains(name)) {
        measure(case, level);
    }
}

/// The input of a case, without a header, and the names of its columns.
fn input(case: &Case) -> (Vec<u8>, Vec<String>) {
    let format = if case.csv { events::Format::Csv } else { events::Format::Ndjson };
    let mut text = Vec::new();
    events::write(EVENTS, format, 1, &mut text).expect("memory can be written");
    let text = String::from_utf8(text).expect("ASCII");
    let mut lines = text.lines();
    let names = if case.csv { lines.next().expect("a header") } else { "" };
    let line =
        |(n, line): (usize, &str)| (case.line)(n, line.trim_matches(['{', '}']).split(',').collect()) + "\n";
    let changed: String = lines.enumerate().map(line).collect();
    (changed.into_bytes(), names.split(',').map(str::to_owned).collect())
}

fn job(options: &[&str]) -> Job {
    let args = ["windrow"].iter().chain(options).chain(&["-"]).map(OsString::from);
    windrow::cli::job(&args.collect::<Vec<_>>()).unwrap_or_else(|error| panic!("{error}"))
}

fn measure(case: &Case, level: Level) {
    let job = job(case.options);
    let projection = Projection::new(&job, job.time_field.as_ref().expect("the options name it"), 1);
    let (records, names) = input(case);
    let layout = layout(case, names, &projection);
    let mut chunks = chunks(&records);
    let mut parser = Parser::with_level(&projection, level);
    let mut nanos = vec![Vec::new(); chunks.len()];
    let mut rows = 0;
    for _ in 0..PASSES {
        rows = 0;
        for (bytes, nanos) in chunks.iter_mut().zip(&mut nanos) {
            let start = Instant::now();
            let bytes_in = std::mem::take(bytes);
            let chunk = ChunkToParse { source: 0, bytes: bytes_in, offset: 0, layout: &layout, form: None };
            let mut batch = parser.parse(chunk);
            rows += batch.rows();
            *bytes = std::mem::take(&mut batch.texts.bytes);
            drop(batch);
            nanos.push(start.elapsed().as_nanos() as f64);
        }
    }
    nanos.iter_mut().for_each(|passes| passes.sort_by(f64::total_cmp));
    let of_pass = |pass: usize| nanos.iter().map(|passes| passes[pass]).sum::<f64>();
    let (median, best) = (of_pass(PASSES / 2), of_pass(0));
    let (bytes, rows) = (records.len() as f64, rows as f64);
    println!(
        "{:24} {:8.1} {:8.1} {:7.1} {:7.2}",
        case.name,
        median / rows,
        best / rows,
        bytes / rows,
        bytes / best
    );
}

/// Where the fields stand.
fn layout(case: &Case, names: Vec<String>, projection: &Projection) -> Layout {
    if !case.csv {
        let columns = Columns::new(&[]);
        return Layout { format: Format::Ndjson, columns, width: 0, names: Vec::new(), lead: None, part: 0 };
    }
    let place = |steps: &[Step]| match steps {
        [Step::Member(member)] => names.iter().position(|name| name == member).expect("a column"),
        _ => panic!("CSV has columns only"),
    };
    let places: Vec<usize> = projection.fields.iter().map(|field| place(&field.steps)).collect();
    let (columns, width) = (Columns::new(&places), names.len());
    Layout { format: Format::Csv { delimiter: b',' }, columns, width, names, lead: None, part: 0 }
}

/// Chunks that end at line ends.
fn chunks(mut text: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    while !text.is_empty() {
        let most = text.len().min(CHUNK_BYTES);
        let end = text[..most].iter().rposition(|byte| *byte == b'\n').map_or(most, |at| at + 1);
        chunks.push(text[..end].to_vec());
        text = &text[end..];
    }
    chunks
}
