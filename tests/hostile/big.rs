//! Input that is big in one way or another, made while it is read: memory stays within bounds, and time within reason.

use std::io::{self, Write};

use crate::common::{Ended, account, feed, shell};

const MIB: usize = 1 << 20;

/// One record of JSON around a long middle, and a good record behind it.
fn around(
    head: &'static str,
    middle: &'static [u8],
    times: usize,
    tail: &'static str,
) -> impl FnOnce(&mut dyn Write) -> io::Result<()> + Send {
    move |out| {
        out.write_all(head.as_bytes())?;
        repeat(out, middle, times)?;
        out.write_all(tail.as_bytes())?;
        out.write_all(b"\n{\"ts\":1}\n")
    }
}

fn repeat(out: &mut dyn Write, piece: &[u8], times: usize) -> io::Result<()> {
    let at_once = (64 * 1024 / piece.len()).max(1);
    let many = piece.repeat(at_once);
    for _ in 0..times / at_once {
        out.write_all(&many)?;
    }
    out.write_all(&piece.repeat(times % at_once))
}

const SKIP: [&str; 5] = ["--window=1s", "--time=ts", "--bad=skip", "--quiet", "--stats=json"];

#[track_caller]
fn one_bad_one_good(ended: Ended) -> Ended {
    let ended = ended.code(0);
    assert_eq!(account(&ended), [2, 1, 0, 1]);
    ended.rows(&[r#"{"window_start":1,"window_end":2,"count":1}"#])
}

#[test]
fn a_line_of_a_gigabyte() {
    let line = || around("{\"ts\":1,\"a\":\"", b"a", 1022 * MIB, "\"}");
    one_bad_one_good(feed(&SKIP, line())).within_mib(160);
    feed(&["--window=1s"], line())
        .code(1)
        .says(
            "windrow: (standard input):1: the record takes up 1071644688 bytes with its line end, and --max-record is 67108864",
        )
        .within_mib(160);
}

#[test]
fn a_quote_that_stays_open_for_long() {
    let quoted = |out: &mut dyn Write| {
        out.write_all(b"ts,a\n1,x\n1,\"")?;
        repeat(out, b"1,x\n", 32 * MIB)
    };
    let args = ["--from=csv", "--window=1s", "--bad=skip", "--quiet", "--stats=json"];
    let ended = feed(&args, quoted).code(0).within_mib(160);
    assert_eq!(account(&ended), [2, 1, 0, 1]);
}

#[test]
fn nesting() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = move |out: &mut dyn Write| {
            out.write_all(b"{\"ts\":1,\"a\":")?;
            repeat(out, open.as_bytes(), 1_000_000)?;
            out.write_all(b"1")?;
            repeat(out, close.as_bytes(), 1_000_000)?;
            out.write_all(b"}\n{\"ts\":1}\n")
        };
        // Wanted or not.
        one_bad_one_good(feed(&SKIP, deep)).within_mib(64);
        let paths = vec!["a"; 200].join(".");
        feed(&[&SKIP[..], &["--where", &format!("{paths} is null")]].concat(), deep).code(0).within_mib(64);
        feed(&["--window=1s"], deep).code(1).says(":1: the record nests deeper than 128").within_mib(64);
    }
}

#[test]
fn a_million_fields() {
    let wide = |out: &mut dyn Write| {
        out.write_all(b"{\"ts\":1")?;
        (0..1_000_000).try_for_each(|n| write!(out, ",\"f{n}\":{n}"))?;
        out.write_all(b"}\n")
    };
    feed(&["--window=1s", "--agg=max(f999999)"], wide)
        .code(0)
        .silent()
        .rows(&[r#"{"window_start":1,"window_end":2,"max_f999999":999999}"#])
        .within_mib(96);
    // A fault at its very end is told without taking all of it in.
    let broken = |out: &mut dyn Write| {
        out.write_all(b"{\"ts\":1,\"a\":[")?;
        repeat(out, b"[],", 8 * MIB)?;
        out.write_all(b"]}\n")
    };
    feed(&["--window=1s"], broken)
        .code(1)
        .says(":1: not valid JSON: expected value at column")
        .within_mib(160);
    let commas = |out: &mut dyn Write| {
        out.write_all(b"ts\n")?;
        repeat(out, b",", 32 * MIB)
    };
    feed(&["--from=csv", "--window=1s"], commas)
        .code(1)
        .says(":2: the record has 33554433 fields where 1 are expected")
        .within_mib(160);
}

#[test]
fn nothing_but_line_ends_and_rubbish() {
    let lines = |out: &mut dyn Write| repeat(out, b"\n", 256 * MIB);
    feed(&["--window=1s"], lines).code(0).silent().rows(&[]).within_mib(48);
    // A megabyte of these is half a million bad records.
    let rubbish = |out: &mut dyn Write| {
        repeat(out, b"x\n", 2 * MIB)?;
        out.write_all(b"{\"ts\":1}\n")
    };
    for bad in ["--bad=skip", "--bad=/dev/null"] {
        let args = ["--window=1s", "--time=ts", bad, "--quiet", "--stats=json"];
        let ended = feed(&args, rubbish).code(0).within_mib(320);
        assert_eq!(account(&ended), [2 * MIB as u64 + 1, 1, 0, 2 * MIB as u64]);
    }
}

#[test]
fn rubbish_behind_an_event_set_aside() {
    let rubbish = |next: &'static [u8]| {
        move |out: &mut dyn Write| {
            out.write_all(b"{\"ts\":1}\n{\"ts\":1000}\n")?;
            repeat(out, b"x\n", 4 * MIB)?;
            out.write_all(next)
        }
    };
    let job = ["--window=1s", "--time=ts", "--max-jump=1m", "--chunk-bytes=65536"];
    let skip = [&job[..], &["--bad=skip", "--quiet", "--stats=json"]].concat();
    let many = 4 * MIB as u64;
    let ended = feed(&skip, rubbish(b"{\"ts\":1001}\n")).code(0).within_mib(48);
    assert_eq!(account(&ended), [many + 3, 3, 0, many]);
    let ended = feed(&skip, rubbish(b"")).code(0).within_mib(48);
    assert_eq!(account(&ended), [many + 2, 1, 0, many + 1]);
    // What ends the run is the event or the first record behind it, whichever comes next.
    feed(&job, rubbish(b"{\"ts\":1001}\n")).code(1).says("windrow: (standard input):3: ").within_mib(48);
    feed(&job, rubbish(b"")).code(1).says("windrow: (standard input):2: ").within_mib(48);
}

#[test]
fn ids_of_a_mebibyte() {
    let ids = |out: &mut dyn Write| {
        for n in 0..100 {
            write!(out, "{{\"ts\":1,\"id\":\"{}", n % 50)?;
            repeat(out, b"i", MIB)?;
            out.write_all(b"\"}\n")?;
        }
        Ok(())
    };
    let ended = feed(&["--window=1s", "--id=id", "--quiet", "--stats=json"], ids).code(0).within_mib(96);
    assert_eq!(account(&ended), [100, 50, 0, 0]);
}

#[test]
fn records_near_the_limit() {
    let lines = |out: &mut dyn Write| {
        for _ in 0..8 {
            out.write_all(b"{\"ts\":1,\"a\":\"")?;
            repeat(out, b"a", 60 * MIB)?;
            out.write_all(b"\"}\n")?;
        }
        Ok(())
    };
    // A handful are on their way at a time.
    feed(&["--window=1s", "--time=ts"], lines)
        .code(0)
        .rows(&[r#"{"window_start":1,"window_end":2,"count":8}"#])
        .within_mib(768);
}

/// The n-th of 2^20 texts of 40 characters that all have one hash where a hash is a sum of powers of 31 (or
/// any multiple of it): `Aa` and `BB` are worth the same.
fn colliding(n: u32, out: &mut dyn Write) -> io::Result<()> {
    let key: String = (0..20).map(|bit| if n >> bit & 1 == 0 { "Aa" } else { "BB" }).collect();
    out.write_all(key.as_bytes())
}

/// Texts of the same length with nothing in common.
fn ordinary(n: u32, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{:040}", u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[test]
fn keys_made_to_collide() {
    let took = |name: fn(u32, &mut dyn Write) -> io::Result<()>| {
        let keys = move |out: &mut dyn Write| {
            for n in 0..1_000_000 {
                out.write_all(b"{\"ts\":1,\"k\":\"")?;
                name(n, out)?;
                out.write_all(b"\"}\n")?;
            }
            Ok(())
        };
        let args = ["--window=1s", "--by=k", "--id=k", "--having=count > 1"];
        feed(&args, keys).code(0).rows(&[]).within_mib(512).took
    };
    // Other tests run meanwhile, so a slow run counts only if it is slow again.
    let fine = (0..3).any(|_| took(colliding) < took(ordinary) * 3);
    assert!(fine, "keys made to collide take three times as long as others");
}

/// More windows over one event than memory can hold rows: they are written as they fire.
#[test]
fn one_event_in_many_windows() {
    let event = |out: &mut dyn Write| out.write_all(b"{\"ts\":1,\"k\":\"a\"}\n");
    for more in [&[][..], &["--by=k"], &["--by=k", "--having=count > 1"], &["--top=1", "--order-by=count"]] {
        let args = [&["--window=1d/50ms", "--output=/dev/null", "--quiet", "--stats=json"], more].concat();
        let ended = feed(&args, event).code(0).within_mib(64);
        let stats: serde_json::Value = serde_json::from_str(&ended.stderr).expect("the account is JSON");
        let rows = if more.len() > 1 && more[0] == "--by=k" { 0 } else { 20 * 86_400 };
        assert_eq!(stats["rows"], rows, "{more:?}");
    }
    // 3e15 windows: there is no end to wait for, but rows come, and whoever asks it to end is heard.
    let endless = "ulimit -v 1500000; echo '{\"ts\":1}' | $W --window=36000d/1us";
    let directory = std::env::temp_dir();
    shell(&format!("{endless} | head -c 30000000 | wc -c"), &directory).code(0).silent().rows(&["30000000"]);
    let interrupted = endless.replace("$W", "timeout -k 60 -s INT 1 $W --output=/dev/null");
    shell(&interrupted, &directory).code(124);
}
