//! Times and windows at the ends of what there is: nothing overflows, wraps or hangs.

use crate::common::{Ended, account, feed};

/// The largest and least usable times, in microseconds.
const ENDS: [&str; 2] = ["4611686018427387903", "-4611686018427387903"];

fn run(times: &[&str], options: &[&str]) -> Ended {
    let input: String = times.iter().map(|time| format!("{{\"ts\":{time}}}\n")).collect();
    let args = [&["--time=ts"], options].concat();
    feed(&args, move |out| out.write_all(input.as_bytes()))
}

#[track_caller]
fn bounds(times: &[&str], options: &[&str], want: &[(&str, &str)]) {
    let rows: Vec<String> = want
        .iter()
        .map(|(start, end)| format!("{{\"window_start\":{start},\"window_end\":{end},\"count\":1}}"))
        .collect();
    run(times, options).code(0).silent().rows(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_ends_of_64_bits() {
    let us = ["--time-format=us", "--window=1s"];
    for time in
        ["9223372036854775807", "-9223372036854775808", "4611686018427387904", "-4611686018427387904", "1e30"]
    {
        run(&[time], &us)
            .code(1)
            .says(&format!("(standard input):1: event time `ts`: the event time `{time}`"));
        run(&[time], &us).code(1).says("is out of range, taken as microseconds");
    }
    bounds(&["9223372036854775807"], &["--window=1s"], &[("9223372036000000000", "9223372037000000000")]);
    bounds(&["-9223372036854775808"], &["--window=1s"], &[("-9223372037000000000", "-9223372036000000000")]);
}

#[test]
fn windows_at_the_ends_of_time() {
    let check = |window: &str, want: [(&str, &str); 2]| {
        for (time, want) in ENDS.iter().zip(want) {
            bounds(&[time], &["--time-format=us", "--delay=36000d", "--window", window], &[want]);
        }
    };
    check(
        "1us",
        [("4611686018427387903", "4611686018427387904"), ("-4611686018427387903", "-4611686018427387902")],
    );
    check(
        "36000d",
        [("4609612800000000000", "4612723200000000000"), ("-4612723200000000000", "-4609612800000000000")],
    );
    check(
        "session:13000000d",
        [("4611686018427387903", "5734886018427387903"), ("-4611686018427387903", "-3488486018427387903")],
    );
    check(
        "1w",
        [("4611685622400000000", "4611686227200000000"), ("-4611686140800000000", "-4611685536000000000")],
    );
    for time in ENDS {
        for window in ["36000d/1d", "36000d/1d+13h"] {
            let ended = run(&[time], &["--time-format=us", "--window", window]).code(0).silent();
            assert_eq!(ended.stdout.lines().count(), 36_000, "{window} at {time}");
        }
    }
    for time in ENDS {
        let zone = run(&[time], &["--time-format=us", "--window=1d@Europe/Berlin"]);
        zone.code(1).says("(standard input):1: event time `ts`: time is beyond the calendar");
    }
    run(&["1"], &["--window=1000000000d"]).code(2).says("--window");
    run(&["1"], &["--window=1d", "--delay=99999999999999999999d"]).code(2).says("--delay");
}

#[test]
fn from_one_end_of_time_to_the_other() {
    let [last, first] = ENDS;
    let longest = ["--time-format=us", "--delay=36000d", "--remember=36000d", "--id=ts"];
    for window in ["1us", "session:1us"] {
        let want = [(first, "-4611686018427387902"), (last, "4611686018427387904")];
        bounds(&[first, last], &[&longest[..], &["--window", window]].concat(), &want);
        let back = [&longest[..], &["--window", window, "-q", "--stats=json"]].concat();
        assert_eq!(account(&run(&[last, first, last], &back).code(0)), [3, 1, 1, 0]);
        let doubted = [&back[..], &["--max-jump=36000d", "--bad=skip"]].concat();
        assert_eq!(account(&run(&[first, last, first], &doubted).code(0)), [3, 1, 0, 1]);
        assert_eq!(account(&run(&[first, last], &doubted).code(0)), [2, 1, 0, 1]);
    }
}

#[test]
fn times_as_text() {
    let window = ["--window=1s"];
    let text = |time: &str| format!("\"{time}\"");
    let rows = |time: &str, start: &str, end: &str| {
        bounds(&[&text(time)], &window, &[(&text(start), &text(end))]);
    };
    rows("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", "2017-01-01T00:00:00Z");
    rows("2021-07-01T00:00:00+14:00", "2021-06-30T10:00:00Z", "2021-06-30T10:00:01Z");
    rows("2021-07-01T00:00:00-23:59", "2021-07-01T23:59:00Z", "2021-07-01T23:59:01Z");
    rows("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "0000-01-01T00:00:01Z");
    rows("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z");
    // What comes after the last four-digit year is written as ISO 8601 does.
    rows("9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59Z", "+10000-01-01T00:00:00Z");
    for time in [
        "10000-01-01T00:00:00Z",
        "2021-07-01T00:00:00+24:00",
        "2021-02-30T00:00:00Z",
        "2021-07-01",
        "",
        "\u{202e}",
    ] {
        run(&[&text(time)], &window).code(1).says("(standard input):1: event time `ts`");
    }
}

#[test]
fn one_event_from_the_far_future() {
    let times = ["1", "2", "253402300799", "3", "4"];
    let stats = ["--window=1s", "--delay=0s", "-q", "--stats=json"];
    assert_eq!(account(&run(&times, &stats).code(0)), [5, 3, 2, 0]);
    let doubting = [&stats[..], &["--max-jump=1h", "--bad=skip"]].concat();
    assert_eq!(account(&run(&times, &doubting).code(0)), [5, 4, 0, 1]);
    run(&times, &["--window=1s", "--max-jump=1h"])
        .code(1)
        .says("(standard input):3: its time is further ahead");
}
