//! The y axis: round ticks among the values, and numbers as people read them.

/// A stretch of values, and the ticks on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The value at the bottom.
    pub low: f64,
    /// The value at the top; greater than `low`.
    pub high: f64,
    /// The ticks, ascending.
    pub ticks: Vec<Tick>,
}

/// A round value and how it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// The value.
    pub value: f64,
    /// Its text.
    pub text: String,
}

/// Where all values lie in so small a part of what reaches from zero to them, a scale from zero would hide how
/// they differ.
const HIDDEN: f64 = 0.2;

/// Where the outermost tick is farther from the values than this part of their range, the room is theirs.
const FAR: f64 = 0.2;

impl Scale {
    /// A scale for values from `least` to `greatest`, both finite, with about so many ticks, 2 at least.
    ///
    /// It holds zero, unless all values lie in the fifth that is farthest from it: then their differences are what
    /// there is to see.
    pub fn new(least: f64, greatest: f64, ticks: usize) -> Scale {
        let (mut low, mut high) = (least.min(greatest), greatest.max(least));
        let farthest = low.abs().max(high.abs());
        let is_hidden = low < high && high / 2.0 - low / 2.0 < farthest / 2.0 * HIDDEN;
        if !is_hidden {
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if low == high {
            high = 1.0;
        }
        // Halves, since the whole may be beyond what a double holds.
        let rough = (high / 2.0 - low / 2.0) / ticks.max(2) as f64 * 2.0;
        // What neighbouring doubles differ by is the finest there is.
        let rough = rough.max(farthest * 1e-14).max(f64::MIN_POSITIVE * 1e16);
        let mut exponent = rough.log10().floor() as i32;
        let mantissa = rough / power(exponent);
        let digit: i64 = match mantissa {
            m if m < 1.42 => 1,
            m if m < 3.17 => 2,
            m if m < 7.08 => 5,
            _ => {
                exponent += 1;
                1
            }
        };
        let step = digit as f64 * power(exponent);
        let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
        // A range below all steps has a tick at its end too.
        let last = last.max(first + 1);
        let tick = |n: i64| {
            let units = i128::from(n) * i128::from(digit);
            // As a text would read, so that 3 * 0.1 is 0.3.
            let value = format!("{units}e{exponent}").parse().unwrap_or(n as f64 * step);
            Tick { value, text: written(units, exponent) }
        };
        let ticks: Vec<Tick> = (first..=last).map(tick).filter(|tick| tick.value.is_finite()).collect();
        Scale::around(low, high, ticks)
    }

    /// A scale that ends with its outermost ticks, or, where one is far beyond the values, without it at them.
    fn around(mut low: f64, mut high: f64, mut ticks: Vec<Tick>) -> Scale {
        let far = (high / 2.0 - low / 2.0) * FAR;
        if let [_, _, .., last] = &ticks[..] {
            match last.value / 2.0 - high / 2.0 > far {
                true => drop(ticks.pop()),
                false => high = high.max(last.value),
            }
        } else if let Some(last) = ticks.last() {
            high = high.max(last.value);
        }
        if let [first, _, _, ..] = &ticks[..] {
            match low / 2.0 - first.value / 2.0 > far {
                true => drop(ticks.remove(0)),
                false => low = low.min(first.value),
            }
        } else if let Some(first) = ticks.first() {
            low = low.min(first.value);
        }
        Scale { low, high, ticks }
    }

    /// Where a value stands: 0 at the bottom, 1 at the top.
    pub fn at(&self, value: f64) -> f64 {
        let whole = self.high / 2.0 - self.low / 2.0;
        ((value / 2.0 - self.low / 2.0) / whole).clamp(0.0, 1.0)
    }

    /// Whether zero is on it.
    pub fn holds_zero(&self) -> bool {
        self.low <= 0.0 && 0.0 <= self.high
    }
}

/// The number that a cell holds, if it is one that a double can hold.
pub fn number(cell: &[u8]) -> Option<f64> {
    // What else Rust reads as a number (inf, nan) begins with a letter.
    if !matches!(cell.first(), Some(b'0'..=b'9' | b'-' | b'+' | b'.')) {
        return None;
    }
    let value: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

fn power(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::MAX)
}

/// A value in four digits, as in `1.234 M`, or all of them where there are no more: for labels.
pub fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    // Whole numbers up to 9999 come out whole too.
    let text = format!("{value:.3e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.replace('.', "");
    let exponent = exponent.parse::<i32>().unwrap_or(0) - 3;
    written(digits.parse().unwrap_or(0), exponent)
}

/// All digits of a value.
pub fn full(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e15).contains(&size) { format!("{value:e}") } else { value.to_string() }
}

/// The exact text of `units * 10^exponent`, with k, M, G or T; `1.2e20` beyond them.
fn written(units: i128, exponent: i32) -> String {
    if units == 0 {
        return "0".to_owned();
    }
    let sign = if units < 0 { "-" } else { "" };
    let all = units.unsigned_abs().to_string();
    let digits = all.trim_end_matches('0');
    // The place of the first digit: 0 is that of the ones.
    let place = exponent + all.len() as i32 - 1;
    let (shift, suffix) = match place {
        -6..=2 => (0, String::new()),
        3..=5 => (3, " k".to_owned()),
        6..=8 => (6, " M".to_owned()),
        9..=11 => (9, " G".to_owned()),
        12..=14 => (12, " T".to_owned()),
        other => (other, format!("e{other}")),
    };
    let whole = place - shift + 1;
    let number = match usize::try_from(whole) {
        Ok(0) | Err(_) => format!("0.{}{digits}", "0".repeat(whole.unsigned_abs() as usize)),
        Ok(whole) if whole >= digits.len() => format!("{digits}{}", "0".repeat(whole - digits.len())),
        Ok(whole) => format!("{}.{}", &digits[..whole], &digits[whole..]),
    };
    format!("{sign}{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(least: f64, greatest: f64, ticks: usize) -> String {
        let scale = Scale::new(least, greatest, ticks);
        scale.ticks.iter().map(|tick| &tick.text[..]).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn ticks_are_round() {
        let check = |least, greatest, want| assert_eq!(texts(least, greatest, 4), want, "{least} {greatest}");
        check(0.0, 10.0, "0, 2, 4, 6, 8, 10");
        check(3.0, 42.0, "0, 10, 20, 30, 40, 50");
        check(120.0, 1900.0, "0, 500, 1 k, 1.5 k, 2 k");
        check(0.0, 0.3, "0, 0.1, 0.2, 0.3");
        check(-7.0, 12.0, "-10, -5, 0, 5, 10, 15");
        check(-90.0, -10.0, "-100, -80, -60, -40, -20, 0");
        check(0.0, 0.0, "0, 0.2, 0.4, 0.6, 0.8, 1");
        check(5.0, 5.0, "0, 1, 2, 3, 4, 5");
        check(1000.0, 1010.0, "1 k, 1.002 k, 1.004 k, 1.006 k, 1.008 k, 1.01 k");
        check(1e300, 2e300, "0, 5e299, 1e300, 1.5e300, 2e300");
        check(0.0, 1.2e6, "0, 200 k, 400 k, 600 k, 800 k, 1 M, 1.2 M");
    }

    #[test]
    fn short_numbers() {
        let check = |value, want: &str| assert_eq!(short(value), want);
        check(0.0, "0");
        check(12.0, "12");
        check(999.0, "999");
        check(9_999.0, "9.999 k");
        check(1_234_567.0, "1.235 M");
        check(-0.012_34, "-0.01234");
        check(1e300, "1e300");
        check(f64::MIN, "-1.798e308");
        check(1e-9, "1e-9");
        check(999_999.0, "1 M");
    }

    /// Round, ascending, within reach of each other, around all values, whatever the values are.
    #[test]
    fn scales_hold_for_all_values() {
        let mut random = fastrand::Rng::with_seed(5);
        let edges =
            [0.0, 1.0, -1.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1e300, -1e300, 1e15 + 1.0];
        for round in 0..20_000 {
            let mut value = || match random.u32(0..4) {
                0 => edges[random.usize(0..edges.len())],
                1 => f64::from(random.i32(-1000..1000)),
                2 => random.f64() - 0.5,
                _ => Some(f64::from_bits(random.u64(..))).filter(|value| value.is_finite()).unwrap_or(7.0),
            };
            let (a, b) = (value(), value());
            let wanted = 2 + round % 9;
            let scale = Scale::new(a, b, wanted);
            let said = format!("{a:e} {b:e} {wanted}: {scale:?}");
            assert!(scale.low <= a.min(b) && a.max(b) <= scale.high && scale.low < scale.high, "{said}");
            assert!((1..=2 * wanted + 2).contains(&scale.ticks.len()), "{said}");
            assert!(scale.ticks.windows(2).all(|pair| pair[0].value < pair[1].value), "{said}");
            assert!(scale.ticks.windows(2).all(|pair| pair[0].text != pair[1].text), "{said}");
            assert!([a, b].into_iter().all(|v| (0.0..=1.0).contains(&scale.at(v))), "{said}");
        }
    }

    #[test]
    fn cells_that_are_numbers() {
        let check = |text: &str, want| assert_eq!(number(text.as_bytes()), want, "{text}");
        check("12", Some(12.0));
        check("-1.5e3", Some(-1500.0));
        check(".5", Some(0.5));
        ["", "inf", "-inf", "nan", "NaN", "1e999", "-infinity", "x", "1x"]
            .iter()
            .for_each(|text| check(text, None));
    }
}
