//! Windows of several kinds in one job: each kind's rows are those of a job with it alone.

use std::time::{Duration, Instant};

use crate::common;
use crate::generate::Case;
use crate::program::{put, windrow};

/// How many random jobs are run.
const CASES: u64 = 1000;

/// Windows that are put beside those of a job, from very short to very long.
const OTHERS: [&str; 8] =
    ["7s", "session:9s", "1m", "cumulate:1m/10s", "90s/20s+5s", "1h@Europe/Berlin", "1w", "1mo"];

/// Without an option and its values.
fn without(options: Vec<String>, name: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut options = options.into_iter();
    while let Some(option) = options.next() {
        if option == name {
            options.next();
        } else {
            kept.push(option);
        }
    }
    kept
}

/// The rows of a kind, of NDJSON, without the column that says so.
fn of_kind(rows: &str, kind: &str) -> String {
    let lead_in = format!("{{\"window\":\"{kind}\",");
    rows.lines().filter_map(|row| row.strip_prefix(&lead_in)).map(|row| format!("{{{row}\n")).collect()
}

#[test]
fn the_rows_of_each_kind_are_those_of_a_job_with_it_alone() {
    let start = fastrand::u64(..1 << 40) << 20;
    let (mut compared, mut sessions, mut repeated) = (0, 0, 0);
    for seed in start..start + CASES {
        let case = Case::random(seed);
        let mut random = fastrand::Rng::with_seed(seed);
        // An id is remembered for as long as the longest window is open, so repeats differ.
        let mut options = without(case.options(), "--id");
        options = without(without(options, "--to"), "--remember");
        let Some(at) = options.iter().position(|option| option == "--window") else { continue };
        let own = options[at + 1].clone();
        if own == "none" || options[0] == "order" {
            continue;
        }
        let mut kinds = vec![own.as_str(), random.choice(OTHERS).expect("there are some")];
        kinds.extend(random.bool().then(|| random.choice(OTHERS).expect("there are some")));
        random.shuffle(&mut kinds);
        kinds.dedup();
        let base = without(options, "--window");
        let run = |kinds: &[&str], mode: &str| {
            let windows = kinds.iter().flat_map(|kind| ["-w", *kind]);
            let options: Vec<&str> = base
                .iter()
                .map(String::as_str)
                .chain(["--to", "ndjson"])
                .chain(windows)
                .chain(mode.split(' '))
                .collect();
            common::job(&options, &case.inputs()).ok().map(common::run_job)
        };
        // Of one kind, whatever its name, there is another test; and two may be the same.
        let Some(all) = run(&kinds, "-j 1").filter(|_| kinds.len() > 1) else { continue };
        if all.result.is_err() {
            continue;
        }
        for mode in case.modes() {
            let found = run(&kinds, mode).expect("it was a good job");
            assert_eq!(found.rows, all.rows, "seed {seed} {mode} {kinds:?}\n{}", case.script());
        }
        for kind in &kinds {
            let alone = run(&[*kind], "-j 2").expect("a good job");
            assert_eq!(
                of_kind(&all.rows, kind),
                alone.rows,
                "seed {seed} {kind} of {kinds:?}\n{}",
                case.script()
            );
        }
        compared += 1;
        sessions += u64::from(kinds.iter().any(|kind| kind.starts_with("session")));
        repeated += u64::from(all.rows.contains("\"pane\":"));
    }
    println!("{compared} compared, {sessions} with sessions, {repeated} with rows that are written again");
    assert!(compared > CASES / 5 && sessions > CASES / 20 && repeated > CASES / 50);
}

/// Rows stand in the order in which their windows close, then in the order in which the kinds were given. A session
/// closes behind a window that ends with it.
#[test]
fn rows_stand_in_the_order_in_which_windows_close() {
    let dir = tempfile::tempdir().expect("there is room");
    put(&dir, "a", "{\"ts\":1}\n{\"ts\":5}\n{\"ts\":12}\n{\"ts\":19}\n{\"ts\":20}\n");
    let (code, rows, messages) = windrow(&dir, "-w session:5s,20s,10s --to csv -t ts -q a");
    assert_eq!((code, messages.as_str()), (Some(0), ""));
    let want = "window,window_start,window_end,count\n\
                20s,0,20,4\n10s,0,10,2\nsession:5s,1,10,2\n10s,10,20,2\n\
                session:5s,12,17,1\nsession:5s,19,25,2\n20s,20,40,1\n10s,20,30,1\n";
    // What ends first closes first.
    let mut lines: Vec<&str> = want.lines().skip(1).collect();
    let closes = |line: &&str| {
        let cells: Vec<&str> = line.split(',').collect();
        let kind = ["session:5s", "20s", "10s"].iter().position(|kind| *kind == cells[0]);
        let end: f64 = cells[2].parse().expect("a number");
        (((end + if kind == Some(0) { 1e-6 } else { 0.0 }) * 1e6) as i64, kind)
    };
    lines.sort_by_key(closes);
    assert_eq!(rows.lines().skip(1).collect::<Vec<_>>(), lines);
}

/// Windows that wait for late events are not gone through whenever one of another kind closes.
#[test]
fn windows_that_wait_cost_nothing() {
    let dir = tempfile::tempdir().expect("there is room");
    let events: String = (0..20_000).map(|t| format!("{{\"ts\":{t}}}\n")).collect();
    put(&dir, "a", &events);
    let took = |windows: &str| {
        let started = Instant::now();
        let line = format!("-w {windows} -t ts --time-format s -d 5s -q -o out --allowed-lateness 1d a");
        assert_eq!(windrow(&dir, &line).0, Some(0));
        started.elapsed()
    };
    let (alone, both) = (took("1s"), took("1s,1h"));
    assert!(both < 5 * alone + Duration::from_secs(2), "{both:?} against {alone:?}");
}

/// An event may come too late for short windows and in time for long ones, and its id is known for as long as those
/// are open.
#[test]
fn late_for_some_and_known_to_all() {
    let dir = tempfile::tempdir().expect("there is room");
    let event = |ts: u32, id: &str| format!("{{\"ts\":{ts},\"id\":\"{id}\"}}\n");
    let events =
        [(5, "a"), (200, "b"), (7, "c"), (201, "a"), (8, "c")].map(|(ts, id)| event(ts, id)).concat();
    put(&dir, "a", &events);
    let line = "-w 10s,session:20s,1h --to csv -t ts -d 0s -i id a --stats=json";
    let (code, rows, messages) = windrow(&dir, line);
    assert_eq!(code, Some(0), "{messages}");
    let want = "window,window_start,window_end,count\n10s,0,10,1\nsession:20s,5,25,1\n10s,200,210,1\n\
                session:20s,200,220,1\n1h,0,3600,3\n";
    assert_eq!(rows, want);
    for count in ["\"accepted\":3", "\"duplicate\":2", "\"late\":0", "\"partially_late\":1"] {
        assert!(messages.contains(count), "{count} in {messages}");
    }
}
