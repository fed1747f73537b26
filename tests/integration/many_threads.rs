//! Jobs whose inputs are long enough that several threads look for ids: the outputs are those of one thread.

use std::fs;

use serde_json::Value;

use crate::program::{put, windrow};

/// Events of 100 keys with two seconds of disorder and now and then three minutes, of which one in ten repeats the id of
/// another, one in five hundred is late by far, and some are no events at all.
fn events(seed: u64, count: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = String::new();
    for n in 0..count {
        let id = if random.u8(..10) == 0 { n.saturating_sub(random.u64(1..4_000)) } else { n };
        let back = match random.u16(..10_000) {
            0..20 => 4_000_000,
            20..25 => random.u64(..180_000),
            _ => random.u64(..2_000),
        };
        let time = 1_700_000_000_000 + (n * 40).saturating_sub(back);
        text += &match random.u16(..5_000) {
            0 => format!("{{\"t\":\"soon\",\"id\":{id}}}\n"),
            1 => "not a record\n".to_owned(),
            _ => format!("{{\"t\":{time},\"id\":{id},\"k\":\"k{}\",\"x\":{}}}\n", id % 100, id % 1000),
        };
    }
    text
}

#[test]
fn several_threads_find_the_repeats_that_one_finds() {
    let dir = tempfile::tempdir().unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    put(&dir, "one.ndjson", &events(seed, 60_000));
    put(&dir, "other.ndjson", &events(seed ^ 1, 20_000));
    let jobs: [&[&str]; 8] = [
        &["-w", "1m", "-b", "k"],
        &["-w", "5m/1m", "-b", "k", "--emit-every", "5m"],
        &["-w", "1m", "--allowed-lateness", "2m", "-b", "k"],
        &["-w", "session:3s", "-b", "k"],
        &["-w", "session:3s", "--allowed-lateness", "1m", "-b", "k"],
        &["-w", "1m", "-w", "session:10s", "-b", "k"],
        &["-w", "none", "-b", "k"],
        &["-w", "1m", "--where", "x<900", "--remember", "1h"],
    ];
    for (n, job) in jobs.into_iter().enumerate() {
        let run = |threads: &str, inputs: &str| {
            let usual = "-t t -d 90s -i id -a count(*),sum(x) --bad skip -q --late late --stats=json";
            let (code, rows, told) =
                windrow(&dir, &format!("{} {usual} -j {threads} {inputs}", job.join(" ")));
            let told: Value = serde_json::from_str(told.lines().last().expect("the account")).unwrap();
            let counts = ["read", "accepted", "filtered", "late", "duplicate", "bad", "rows"];
            let counts = counts.map(|count| told[count].as_u64().expect("a count"));
            (code, rows, fs::read(dir.path().join("late")).unwrap(), counts)
        };
        let inputs = if n % 2 == 0 { "one.ndjson" } else { "one.ndjson other.ndjson" };
        let wanted = run("1", inputs);
        let [.., duplicate, bad, rows] = wanted.3;
        assert!(wanted.0 == Some(0) && duplicate > 1_000 && bad > 5 && rows > 30, "{job:?}: {:?}", wanted.3);
        for threads in ["4", "7", "16"] {
            assert!(run(threads, inputs) == wanted, "{job:?} with {threads} threads");
        }
    }
}
