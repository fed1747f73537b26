//! `--top` leaves groups out before they are rows, each owner of keys for itself: what is kept must not show that.

use crate::program::{put, windrow_of};

/// Events of 60 keys in four windows, whose values are of all kinds that can be ranked, many of them equal.
fn events(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let values = [
        "1",
        "1.0",
        "2",
        "-3",
        "0.5",
        "9007199254740992",
        "9007199254740993",
        "1e22",
        "10000000000000000000000",
        "1e400",
        "-1e400",
        "null",
        "true",
        "false",
        "\"x\"",
        "\"1\"",
        "{\"a\":1}",
        "[1]",
    ];
    let mut text = String::new();
    for n in 0..240 {
        // Few kinds of values in one window, more in another.
        let value = values[random.usize(..4 + 4 * (n / 60)).min(values.len() - 1)];
        text += &format!("{{\"t\":{},\"k\":\"k{}\",\"x\":{value}}}\n", n / 60 * 60_000, random.u8(..60));
    }
    text
}

/// With all rows kept in their ranking, the first of each window are those of `--top N`, whatever the threads.
#[test]
fn the_first_rows_are_the_first_of_all() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..4 {
        put(&dir, "events.ndjson", &events(seed));
        for (call, order) in [("max(x)", "max_x"), ("first(x)", "first_x ASC"), ("count(x)", "count_x")] {
            let run = |more: &str| {
                let usual =
                    format!("-q -w 1m -d 0s -t t -b k --bad skip --to csv -a {call} events.ndjson {more}");
                let (words, order) = (usual.split(' '), ["--order-by", order]);
                let (code, rows, told) = windrow_of(&dir, &words.chain(order).collect::<Vec<_>>());
                assert_eq!(code, Some(0), "{told}");
                rows
            };
            let all = run("--top 1000 -j 1");
            for top in [1, 2, 7] {
                let mut wanted = String::new();
                let lines: Vec<&str> = all.lines().collect();
                for window in lines.chunk_by(|a, b| a.split(',').next() == b.split(',').next()) {
                    window.iter().take(top).for_each(|line| wanted += &format!("{line}\n"));
                }
                for threads in [1, 2, 5] {
                    let found = run(&format!("--top {top} -j {threads}"));
                    assert_eq!(found, wanted, "seed {seed}, {call} by {order}, --top {top}, -j {threads}");
                }
                let ties = [1, 2, 5].map(|threads| run(&format!("--top {top} --ties -j {threads}")));
                assert!(
                    ties.iter().all(|rows| *rows == ties[0]),
                    "seed {seed}, {call} by {order}, --top {top}"
                );
            }
        }
    }
}
