//! `--fill`: rows for windows without events, against a model that puts them into the rows of a run without.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::program::{done, windrow};
use fastrand::Rng;

/// How many random streams are run, in several ways each.
const CASES: u64 = 60;

/// The windows of a specification, as `(end, start)`, around these times.
fn windows(spec: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut all: Vec<(i64, i64)> = match spec {
        "10s" => (from..to).filter(|t| t % 10 == 0).map(|t| (t + 10, t)).collect(),
        "12s/5s" => (from..to).filter(|t| t % 5 == 0).map(|t| (t + 12, t)).collect(),
        "cumulate:40s/10s" => {
            let starts = (from..to).filter(|t| t % 40 == 0);
            starts.flat_map(|t| (1..=4).map(move |n| (t + 10 * n, t))).collect()
        }
        other => unreachable!("{other} is not among the cases"),
    };
    all.sort_unstable();
    all
}

/// A row of CSV: its window, its key, and what follows.
fn row(line: &str) -> ((i64, i64), &str, &str) {
    let mut cells = line.splitn(4, ',');
    let mut next = || cells.next().expect("a row has four parts");
    let (start, end) = (next(), next());
    let number = |text: &str| text.parse().expect("a whole number");
    ((number(end), number(start)), next(), next())
}

/// What rows of windows without events hold behind one that holds this.
fn filled(fill: &str, results: &str) -> String {
    let zero = |cell: &str| if cell.is_empty() || cell.parse::<f64>().is_ok() { "0" } else { "" };
    match fill {
        "previous" => results.to_owned(),
        "null" => ",".to_owned(),
        _ => results.split(',').map(zero).collect::<Vec<_>>().join(","),
    }
}

/// The rows of a run without, and those that are missing among them.
fn model(spec: &str, fill: &str, plain: &str) -> String {
    let mut lines = plain.lines();
    let mut text = format!("{}\n", lines.next().expect("there is a header"));
    let rows: Vec<_> = lines.map(row).collect();
    let all = windows(spec, -200, 2000);
    let mut last: HashMap<&str, ((i64, i64), String)> = HashMap::new();
    for block in rows.chunk_by(|a, b| a.0 == b.0) {
        let mut gaps = Vec::new();
        for (place, (window, key, _)) in block.iter().enumerate() {
            if let Some((before, results)) = last.get(key) {
                let between = all.iter().filter(|gap| before < *gap && *gap < window);
                gaps.extend(between.map(|gap| (*gap, place, *key, results.clone())));
            }
        }
        gaps.sort_unstable();
        for ((end, start), _, key, results) in gaps {
            writeln!(text, "{start},{end},{key},{results}").expect("a string takes all");
        }
        for (window, key, results) in block {
            writeln!(text, "{},{},{key},{results}", window.1, window.0).expect("a string takes all");
            last.insert(key, (*window, filled(fill, results)));
        }
    }
    text
}

/// Events somewhat out of order, with pauses of their keys.
fn events(random: &mut Rng) -> Vec<String> {
    let (mut now, count) = (0, random.usize(2..120));
    let mut lines = Vec::new();
    for _ in 0..count {
        now += if random.u8(0..12) == 0 { random.i64(20..90) } else { random.i64(0..6) };
        let time = (now - random.i64(0..9)).max(0);
        let value = if random.u8(0..4) == 0 { "\"x\"".to_owned() } else { random.i64(-9..9).to_string() };
        lines.push(format!("{{\"ts\":{time},\"k\":\"{}\",\"v\":{value}}}\n", random.u8(0..5)));
    }
    lines
}

#[test]
fn missing_rows_are_put_where_they_belong() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = Rng::with_seed(seed);
    let mut added = 0;
    for _ in 0..CASES {
        let dir = tempfile::tempdir().expect("there is room");
        let lines = events(&mut random);
        fs::write(dir.path().join("a"), lines.concat()).expect("there is room");
        let spec = *random.choice(&["10s", "12s/5s", "cumulate:40s/10s"]).expect("there are some");
        let fill = *random.choice(&["zero", "null", "previous"]).expect("there are some");
        let delay = random.choice(&["0s", "4s", "9s"]).expect("there are some");
        let job = format!("-w {spec} -t ts -d {delay} -b k -a count(*),max(v) --to csv -q");
        let expected = model(spec, fill, &done(&dir, &format!("{job} a")));
        let job = format!("{job} --fill {fill}");
        for mode in ["-j 1", "-j 3 --chunk-bytes 40", "-j 2 --chunk-bytes 1 --buffer 1"] {
            assert_eq!(done(&dir, &format!("{job} {mode} a")), expected, "{job} {mode}");
        }
        added += expected.lines().count();
        // In two runs, the second with other threads.
        fs::write(dir.path().join("b"), lines[..lines.len() / 2].concat()).expect("there is room");
        done(&dir, &format!("{job} -j 2 -s st --at-eof hold -o out b"));
        fs::write(dir.path().join("b"), lines.concat()).expect("there is room");
        done(&dir, &format!("{job} -j 3 -s st -o out b"));
        let out = fs::read_to_string(dir.path().join("out")).expect("it was written");
        assert_eq!(out, expected, "{job} in two runs");
        assert!(done(&dir, "state verify st").contains("checkpoint"), "{job}");
    }
    assert!(added > CASES as usize * 10, "few rows were missing: {added}");
}

/// What an aggregate gives says what stands for nothing, whatever the row before holds; text stays text.
#[test]
fn zero_is_by_aggregate() {
    let dir = tempfile::tempdir().expect("there is room");
    let text = "t,v,w\n5,,x\n25,4,y\n26,6,\n45,,z\n";
    fs::write(dir.path().join("a.csv"), text).expect("there is room");
    let aggregates = "count(*),sum(v),avg(v),stddev(v),min(v),first(v),last(w),topk(w,1),rate(*)";
    let rows = done(&dir, &format!("-w 10s -t t -a {aggregates} --fill zero --to csv -q a.csv"));
    let filled: Vec<&str> =
        rows.lines().filter(|row| row.starts_with("10,") || row.starts_with("30,")).collect();
    assert_eq!(filled, ["10,20,0,0,0,0,0,0,,,0", "30,40,0,0,0,0,0,0,,,0"]);
}

/// A key that was away for long brings its rows by the window, and not all at once.
#[test]
fn long_gaps_take_no_memory() {
    let dir = tempfile::tempdir().expect("there is room");
    let text = "{\"ts\":0,\"k\":1}\n{\"ts\":0,\"k\":2}\n{\"ts\":2000000,\"k\":1}\n{\"ts\":2000001,\"k\":2}\n";
    fs::write(dir.path().join("a"), text).expect("there is room");
    let line = "windrow -w 1s -t ts -b k --fill zero --to csv -q -o out a";
    let script = format!(
        "ulimit -v 1000000; exec {} {}",
        env!("CARGO_BIN_EXE_windrow"),
        line.trim_start_matches("windrow ")
    );
    let ended = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).status().expect("it runs");
    assert!(ended.success());
    let out = fs::read_to_string(dir.path().join("out")).expect("it was written");
    let rows: Vec<&str> = out.lines().skip(1).collect();
    assert_eq!(rows.len(), 4 + 1_999_999 + 2_000_000);
    assert_eq!(rows[2..4], ["1,2,1,0", "2,3,1,0"]);
    let of_two = rows.iter().filter(|row| row.split(',').nth(2) == Some("2")).count();
    assert_eq!((of_two, rows.last()), (2_000_002, Some(&"2000001,2000002,2,1")));
}

#[test]
fn where_no_row_can_be_missing_it_is_refused() {
    let dir = tempfile::tempdir().expect("there is room");
    fs::write(dir.path().join("a"), "{\"ts\":0}\n").expect("there is room");
    for (options, says) in [
        ("-w none", "leave no gaps"),
        ("-w session:5s", "leave no gaps"),
        ("-w 1m --emit-every 5s", "--emit-every"),
        ("-w 1m --allowed-lateness 5s", "--allowed-lateness"),
        ("-w 1m --having count>1", "--having"),
        ("-w 1m --top 1 --order-by count", "--top"),
        ("-w 1m --to chart", "a chart"),
    ] {
        let (code, _, message) = windrow(&dir, &format!("{options} --fill zero a"));
        assert!(code == Some(2) && message.contains(says), "{options}: {message}");
    }
    // Beside sessions the others are filled.
    assert_eq!(done(&dir, "-w 1m,session:5s --fill zero --to csv -q a").lines().count(), 3);
    // It belongs to the job.
    done(&dir, "-w 1m --fill zero -q -s st --at-eof hold -o out a");
    let (code, _, message) = windrow(&dir, "-w 1m --fill null -q -s st --at-eof hold -o out a");
    assert!(code == Some(2) && message.contains("--fill is `zero` there and `null` here"), "{message}");
}
