//! Durations and shares as people take them in at a glance.

use crate::time::duration::DAY;

/// Microseconds.
pub const SECOND: i64 = 1_000_000;
/// Microseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// Microseconds.
pub const HOUR: i64 = 60 * MINUTE;

/// The units of durations in microseconds, from the largest down.
const UNITS: [(&str, i64); 7] =
    [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1000), ("us", 1), ("", 0)];

/// Durations that come easily, in microseconds.
const ROUND: [i64; 33] = [
    1000,
    2000,
    5000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    60 * DAY,
];

/// The next duration that comes easily, at least as long; in microseconds.
pub fn round_up(micros: i64) -> i64 {
    if let Some(round) = ROUND.iter().find(|round| **round >= micros) {
        return *round;
    }
    let days = up(micros, DAY) / DAY;
    // Two digits.
    let unit = 10i64.pow(days.ilog10().saturating_sub(1));
    up(days, unit).saturating_mul(DAY)
}

/// The next multiple of `unit`, both positive.
fn up(number: i64, unit: i64) -> i64 {
    (number / unit + i64::from(number % unit != 0)).saturating_mul(unit)
}

/// A duration in two units, the second rounded up, as windrow reads it: `6d23h`, `1m30s`, `250ms`.
pub fn brief(micros: i64) -> String {
    let Some(at) = UNITS.iter().position(|(_, length)| *length > 0 && micros >= *length) else {
        return "0s".to_owned();
    };
    let (_, second) = UNITS[at + 1];
    let micros = match second {
        0 => micros,
        second => up(micros, second),
    };
    crate::time::duration::format(micros)
}

/// A share in percent, which says 0 and 100 only of none and all.
pub fn percent(part: u64, whole: u64) -> String {
    let share = 100.0 * part as f64 / whole.max(1) as f64;
    match share {
        _ if part == 0 => "0 %".to_owned(),
        _ if part >= whole => "100 %".to_owned(),
        share if share < 0.01 => "<0.01 %".to_owned(),
        share if share < 1.0 => format!("{share:.2} %"),
        share if share < 10.0 => format!("{share:.1} %"),
        share if share > 99.9 => ">99.9 %".to_owned(),
        share if share > 99.0 => format!("{share:.1} %"),
        share => format!("{share:.0} %"),
    }
}

/// A number of things.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::duration::parse;

    #[test]
    fn durations() {
        let check = |text: &str, want_brief: &str, want_round: &str| {
            let micros = parse(text).expect("a duration");
            assert_eq!(brief(micros), want_brief, "{text}");
            assert!(parse(&brief(micros)).expect("a duration") >= micros);
            let round = round_up(micros);
            assert_eq!(round, parse(want_round).expect("a duration"), "{text}");
        };
        check("0", "0s", "1ms");
        check("1us", "1us", "1ms");
        check("1500us", "1ms500us", "2ms");
        check("90s", "1m30s", "2m");
        check("90.5s", "1m31s", "2m");
        check("59m59.9s", "1h", "1h");
        check("6d22h1m", "6d23h", "7d");
        check("61d", "61d", "61d");
        check("1612d7h", "1612d7h", "1700d");
        check("36000d", "36000d", "36000d");
    }

    #[test]
    fn shares() {
        for (part, whole, want) in [
            (0, 0, "0 %"),
            (0, 9, "0 %"),
            (9, 9, "100 %"),
            (1, 1_000_000, "<0.01 %"),
            (1, 1000, "0.10 %"),
            (25, 1000, "2.5 %"),
            (1, 3, "33 %"),
            (995, 1000, "99.5 %"),
            (999_999, 1_000_000, ">99.9 %"),
        ] {
            assert_eq!(percent(part, whole), want);
        }
    }
}
