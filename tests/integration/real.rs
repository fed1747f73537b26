//! Real data against answers that were computed elsewhere: see `testdata/README.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use windrow::input::Format;

use crate::common::{self, Input, Outcome};

const QUAKES: &str = "earthquakes-2018w05.ndjson";
const FLIGHTS: &str = "nyc-departures-2013-01.csv";
const COMMITS: &str = "bokeh-commits.csv";

/// Runs a job over one of the files, in chunks of some records, and returns its rows as objects.
fn run(file: &str, options: &str) -> (Vec<Value>, Outcome) {
    let bytes =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(file)).expect("it is there");
    let format = if file.ends_with(".csv") { Format::Csv { delimiter: b',' } } else { Format::Ndjson };
    let mut options: Vec<&str> = options.split('|').map(str::trim).collect();
    options.extend(["--to", "ndjson", "--chunk-bytes", "20000"]);
    let job = common::job(&options, &[Input { name: file.to_owned(), format, bytes }]);
    let outcome = common::run_job(job.expect("the job is in order"));
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let rows =
        outcome.rows.lines().map(|line| serde_json::from_str(line).expect("a row is an object")).collect();
    (rows, outcome)
}

fn late(file: &str, options: &str) -> u64 {
    run(file, options).1.summary.total().late
}

#[test]
fn late_earthquakes_by_delay() {
    for (hours, expected) in [(0, 908), (1, 859), (6, 646), (24, 298), (72, 24), (168, 0)] {
        assert_eq!(late(QUAKES, &format!("-w|6h|-d|{hours}h")), expected, "{hours} h");
    }
}

#[test]
fn late_flights_by_delay() {
    for (minutes, expected) in [(0, 1521), (15, 691), (60, 235), (180, 29), (1440, 0)] {
        assert_eq!(late(FLIGHTS, &format!("-w|1h|-t|sched_dep|-d|{minutes}m")), expected, "{minutes} min");
    }
}

#[test]
fn earthquakes_per_six_hours() {
    let options = "-w|6h|-d|168h|--where|type = 'earthquake'|-a|count(*), max(mag)";
    let (rows, outcome) = run(QUAKES, options);
    assert_eq!(rows.len(), 29);
    assert_eq!(outcome.summary.total().accepted, 1679);
    assert_eq!(outcome.summary.total().filtered, 28);
    // 2018-01-31T00:00:00Z in milliseconds.
    let start = 1_517_356_800_000_i64;
    let six_hours = 6 * 3_600_000;
    let check = |n: i64, count: i64, largest: f64| {
        let row = rows.iter().find(|row| row["window_start"] == start + n * six_hours).expect("there is one");
        assert_eq!(row["window_end"], start + (n + 1) * six_hours);
        assert_eq!(
            (row["count"].as_i64(), row["max_mag"].as_f64()),
            (Some(count), Some(largest)),
            "window {n}"
        );
    };
    check(0, 35, 5.3);
    check(1, 61, 6.1);
    check(2, 49, 5.7);
    check(27, 40, 5.6);
    check(28, 14, 3.8);
}

#[test]
fn earthquakes_have_unique_ids() {
    let (_, outcome) = run(QUAKES, "-w|6h|-d|168h|-i|id");
    assert_eq!((outcome.summary.total().duplicate, outcome.summary.total().accepted), (0, 1707));
    let (rows, _) = run(QUAKES, "-w|none|-b|net|-a|count(*)");
    assert!(rows.contains(&serde_json::json!({"net": "ci", "count": 386})), "{rows:?}");
}

#[test]
fn delays_of_flights_by_local_day() {
    let options = "-w|1d@America/New_York|-t|sched_dep|-d|1d|-b|origin|-a|count(*), count(dep_delay_min), avg(dep_delay_min)";
    let (rows, outcome) = run(FLIGHTS, options);
    assert_eq!((rows.len(), outcome.summary.total().accepted), (30, 8832));
    let mut totals = BTreeMap::new();
    for row in &rows {
        let origin = row["origin"].as_str().expect("origins are text");
        *totals.entry(origin).or_insert(0) += row["count"].as_i64().expect("counts are whole");
    }
    assert_eq!(totals, BTreeMap::from([("EWR", 3225), ("JFK", 3052), ("LGA", 2555)]));
    for (row, (origin, flights, departed, mean)) in rows.iter().zip([
        ("EWR", 305, 304, "17.4836"),
        ("JFK", 297, 296, "12.2196"),
        ("LGA", 240, 238, "3.1345"),
    ]) {
        assert_eq!(row["window_start"], "2013-01-01T00:00:00-05:00");
        assert_eq!(row["window_end"], "2013-01-02T00:00:00-05:00");
        assert_eq!((row["origin"].as_str(), row["count"].as_i64()), (Some(origin), Some(flights)));
        assert_eq!(row["count_dep_delay_min"].as_i64(), Some(departed));
        let found = row["avg_dep_delay_min"].as_f64().expect("a mean is a number");
        assert_eq!(format!("{found:.4}"), mean, "{origin}");
    }
}

/// The input runs backwards over more than four years: nothing is late only with a delay beyond that.
const COMMITS_INPUT: &str = "-t|committed_at|--time-format|rfc2822|-d|2000d";

#[test]
fn commits_by_local_month() {
    let (rows, outcome) = run(COMMITS, &format!("-w|1mo@America/Chicago|{COMMITS_INPUT}"));
    assert_eq!((rows.len(), outcome.summary.total().accepted), (53, 4916));
    let count = |month: &str| {
        let start = |row: &&Value| row["window_start"].as_str().is_some_and(|text| text.starts_with(month));
        rows.iter().find(start).map(|row| row["count"].as_i64().expect("counts are whole"))
    };
    for (month, expected) in [("2012-12", 1), ("2013-01", 7), ("2015-12", 491), ("2014-09", 199)] {
        assert_eq!(count(month), Some(expected), "{month}");
    }
}

/// The published rule begins a new session when the gap is 8 h or more, while sessions that touch merge here.
/// Times are whole seconds, so a gap of one second less says the same.
#[test]
fn sessions_of_commits() {
    let (rows, outcome) = run(COMMITS, &format!("-w|session:7h59m59s|{COMMITS_INPUT}"));
    assert_eq!((rows.len(), outcome.summary.total().accepted), (845, 4916));
    let (merged, _) = run(COMMITS, &format!("-w|session:8h|{COMMITS_INPUT}"));
    assert!(merged.len() <= rows.len());
}
