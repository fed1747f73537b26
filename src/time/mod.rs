//! Event times: signed microseconds since the Unix epoch, how they are read and written.
//!
//! It reads one value at a time and keeps nothing: which form a source has is decided once, by whoever
//! holds the source, and passed in. It knows neither the clock nor the machine's zone.

use std::borrow::Cow;
use std::fmt;

use crate::error::Escaped;
use crate::number::Number;
use crate::value::Value;

pub(crate) mod civil;
mod decimal;
pub mod duration;
mod pattern;
mod rfc3339;
mod write;
pub(crate) mod zone;

use decimal::Fault;
use pattern::Pattern;
pub use write::{short_number, shown_time, write_time};

/// Usable event times lie strictly between `-LIMIT` and `LIMIT` microseconds (146,000 years either way),
/// so that window arithmetic can never overflow.
pub const LIMIT: i64 = 1 << 62;
/// Durations (window sizes, gaps, delays) are at most this long, in microseconds (36,000 years).
pub const DURATION_LIMIT: i64 = 1 << 60;

/// The unit of numeric times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// How a field is written that may hold a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// A JSON number.
    Number,
    /// A JSON string.
    Text,
    /// A CSV field.
    Untyped,
    /// Something that is no time.
    Other,
}

/// The form a source's times have, which the output takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Numbers in this unit.
    Number(Unit),
    /// RFC 3339 strings (also where the input has another textual form).
    Text,
}

/// The years 1990 to 2099, in microseconds.
const OUR_DAYS: std::ops::Range<i64> = 631_152_000_000_000..4_102_444_800_000_000;

/// How whole numbers of a unit become microseconds: without the last digits, if any, times a factor.
#[derive(Debug, Clone, Copy)]
pub struct UnitScale {
    /// How many of the last digits are left out: what is finer is floored.
    pub dropped: usize,
    factor: u64,
    /// The least number that is beyond the usable times.
    below: u64,
}

impl Unit {
    /// How whole numbers of it become microseconds.
    pub fn scale(self) -> UnitScale {
        let (dropped, factor) = match self {
            Unit::Seconds => (0, 1_000_000),
            Unit::Millis => (0, 1000),
            Unit::Micros => (0, 1),
            Unit::Nanos => (3, 1),
        };
        UnitScale { dropped, factor, below: (LIMIT as u64).div_ceil(factor) }
    }

    /// How many nanoseconds it has.
    fn nanos(self) -> i128 {
        match self {
            Unit::Seconds => 1_000_000_000,
            Unit::Millis => 1_000_000,
            Unit::Micros => 1_000,
            Unit::Nanos => 1,
        }
    }

    /// What people call it, and `--time-format`.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Unit::Seconds => ("seconds", "s"),
            Unit::Millis => ("milliseconds", "ms"),
            Unit::Micros => ("microseconds", "us"),
            Unit::Nanos => ("nanoseconds", "ns"),
        }
    }
}

impl UnitScale {
    /// The number without its last digits in microseconds; `None` says nothing.
    #[inline(always)]
    pub fn micros(self, number: u64) -> Option<i64> {
        (number < self.below).then(|| (number * self.factor) as i64)
    }
}

/// How times are to be read: `--time-format` with `--time-zone`.
#[derive(Debug, Clone)]
pub struct TimeFormat {
    kind: Kind,
}

/// The formats there are.
#[derive(Debug, Clone)]
enum Kind {
    Auto,
    Unit(Unit),
    Rfc3339,
    Rfc2822,
    Pattern(Pattern),
}

/// The names of the formats that are not patterns.
const NAMES: [&str; 7] = ["auto", "s", "ms", "us", "ns", "rfc3339", "rfc2822"];

impl TimeFormat {
    /// Parses `--time-format` (`auto`, `s`, `ms`, `us`, `ns`, `rfc3339`, `rfc2822`, a strptime pattern)
    /// and `--time-zone` (an IANA name or `UTC` or a fixed offset such as `+02:00`).
    ///
    /// The zone is that of texts without one, which only patterns allow; without it they are in UTC.
    pub fn new(format: &str, zone: Option<&str>) -> Result<TimeFormat, String> {
        let zone = match zone {
            Some(name) => zone::parse(name).map_err(|error| format!("{}; {}", error.message, error.help))?,
            None => jiff::tz::TimeZone::UTC,
        };
        let kind = match format {
            "auto" => Kind::Auto,
            "s" => Kind::Unit(Unit::Seconds),
            "ms" => Kind::Unit(Unit::Millis),
            "us" => Kind::Unit(Unit::Micros),
            "ns" => Kind::Unit(Unit::Nanos),
            "rfc3339" => Kind::Rfc3339,
            "rfc2822" => Kind::Rfc2822,
            pattern if pattern.contains('%') => Kind::Pattern(Pattern::new(pattern, zone)?),
            other => return Err(unknown_format(other)),
        };
        Ok(TimeFormat { kind })
    }

    /// The form that this format fixes by itself; `None` for `auto`.
    pub fn form(&self) -> Option<Form> {
        match self.kind {
            Kind::Auto => None,
            Kind::Unit(unit) => Some(Form::Number(unit)),
            Kind::Rfc3339 | Kind::Rfc2822 | Kind::Pattern(_) => Some(Form::Text),
        }
    }

    /// The form shown by a value, if it is a usable time: numbers get their unit from the magnitude,
    /// strings are RFC 3339. The first value that shows one fixes the form of its source (for `auto`;
    /// other formats know theirs already).
    pub fn detect(&self, value: &Value<'_>) -> Option<Form> {
        let by_number = || {
            let text = match value {
                Value::Written(text) | Value::Untyped(text) => Cow::Borrowed(*text),
                Value::Number(number) => number_text(number),
                _ => return None,
            };
            decimal::unit_by_magnitude(&text).map(Form::Number)
        };
        let form = self.form().or_else(by_number).unwrap_or(Form::Text);
        self.parse(value, form).ok().map(|_| form)
    }

    /// Reads a time in one of the usual spellings, as [`TimeFormat::parse`] does. `None` says nothing.
    #[inline(always)]
    pub fn quick(&self, spelling: Spelling, text: &[u8], form: Form) -> Option<i64> {
        use Spelling::{Number, Text, Untyped};
        match (&self.kind, spelling, form) {
            (Kind::Auto, Number | Untyped, Form::Number(unit)) => decimal::quick(text, unit),
            (Kind::Unit(unit), Number | Text | Untyped, _) => decimal::quick(text, *unit),
            (Kind::Auto | Kind::Rfc3339, Text, _)
            | (Kind::Auto, Untyped, Form::Text)
            | (Kind::Rfc3339, Untyped, _) => rfc3339::read(text),
            _ => None,
        }
    }

    /// The unit of numbers in a source of this form, if they are times.
    pub fn unit(&self, form: Form) -> Option<Unit> {
        match (&self.kind, form) {
            (Kind::Auto, Form::Number(unit)) => Some(unit),
            (Kind::Unit(unit), _) => Some(*unit),
            _ => None,
        }
    }

    /// If this format names a unit in which `time` is not of our days, but in another it would be: that unit and the
    /// other one, each with the year.
    pub fn likelier_unit(&self, time: i64) -> Option<((Unit, i64), (Unit, i64))> {
        let Kind::Unit(own) = self.kind else { return None };
        if OUR_DAYS.contains(&time) {
            return None;
        }
        let year = |time: i64| civil::civil_from_days(time.div_euclid(duration::DAY)).0;
        let number = i128::from(time) * 1000 / own.nanos();
        [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos].into_iter().find_map(|unit| {
            let other = i64::try_from(number * unit.nanos() / 1000).ok()?;
            OUR_DAYS.contains(&other).then(|| ((own, year(time)), (unit, year(other))))
        })
    }

    /// Reads a time in a source of this form, in microseconds strictly between -[`LIMIT`] and [`LIMIT`];
    /// what is finer is floored. The error says why it is not one.
    #[inline]
    pub fn parse(&self, value: &Value<'_>, form: Form) -> Result<i64, String> {
        // The two forms that nearly all sources have.
        match (&self.kind, value, form) {
            (Kind::Auto | Kind::Rfc3339, Value::Text(text), _) => {
                rfc3339::parse(text).map_err(|reason| refuse_rfc3339(text, reason))
            }
            (Kind::Auto, Value::Written(text), Form::Number(unit)) => numeric(text, unit),
            _ => self.parse_other(value, form),
        }
    }

    /// All other pairs of a format and a kind of value.
    fn parse_other(&self, value: &Value<'_>, form: Form) -> Result<i64, String> {
        let (text, is_number) = match value {
            Value::Text(text) => (Cow::Borrowed(text.as_ref()), false),
            Value::Untyped(text) => (Cow::Borrowed(*text), false),
            Value::Written(text) => (Cow::Borrowed(*text), true),
            Value::Number(number) => (number_text(number), true),
            Value::Null => return Err("it has no event time".to_owned()),
            Value::Bool(_) | Value::Json(_) => return Err(format!("the event time is {}", value.kind())),
        };
        let text = text.as_ref();
        match &self.kind {
            Kind::Auto => auto(text, is_number, matches!(value, Value::Untyped(_)), form),
            Kind::Unit(unit) => numeric(text, *unit),
            Kind::Rfc3339 if is_number => {
                Err(refuse_rfc3339(text, "it is a number; name its unit with --time-format"))
            }
            Kind::Rfc3339 => rfc3339::parse(text).map_err(|reason| refuse_rfc3339(text, reason)),
            Kind::Rfc2822 => in_range(pattern::parse_rfc2822(text))
                .map_err(|reason| refuse(text, "an RFC 2822 time", &reason)),
            Kind::Pattern(pattern) => in_range(pattern.parse(text))
                .map_err(|reason| refuse(text, "a time in the form of --time-format", &reason)),
        }
    }
}

/// `auto`, for everything that the fast paths leave: numbers by the source's unit, the rest RFC 3339.
fn auto(text: &str, is_number: bool, untyped: bool, form: Form) -> Result<i64, String> {
    let is_number = is_number || (untyped && decimal::is_number(text));
    match form {
        Form::Number(unit) if is_number => numeric(text, unit),
        Form::Text if is_number => {
            let shown = cut(text);
            Err(format!(
                "the event time `{shown}` is a number where the source has RFC 3339 times; name its form with --time-format"
            ))
        }
        _ => rfc3339::parse(text).map_err(|reason| refuse_rfc3339(text, reason)),
    }
}

#[inline]
fn numeric(text: &str, unit: Unit) -> Result<i64, String> {
    decimal::micros(text, unit).map_err(|fault| refuse_number(text, unit, fault))
}

/// The exact text of a computed number.
fn number_text(number: &Number) -> Cow<'static, str> {
    match number {
        Number::Decimal { mantissa, scale } => Cow::Owned(format!("{mantissa}e-{scale}")),
        other => {
            let mut text = Vec::new();
            other.write(&mut text);
            Cow::Owned(String::from_utf8_lossy(&text).into_owned())
        }
    }
}

fn in_range(micros: Result<i64, String>) -> Result<i64, String> {
    micros.and_then(|t| if -LIMIT < t && t < LIMIT { Ok(t) } else { Err("it is out of range".to_owned()) })
}

#[cold]
fn refuse(text: &str, wanted: &str, reason: &str) -> String {
    format!("the event time `{}` is not {wanted}: {}", cut(text), Escaped(reason))
}

/// Whether a text is a time as RFC 3339 has it.
pub fn is_rfc3339(text: &str) -> bool {
    rfc3339::parse(text).is_ok()
}

#[cold]
fn refuse_rfc3339(text: &str, reason: &str) -> String {
    refuse(text, "an RFC 3339 time", reason)
}

#[cold]
fn refuse_number(text: &str, unit: Unit, fault: Fault) -> String {
    let unit = match unit {
        Unit::Seconds => "seconds",
        Unit::Millis => "milliseconds",
        Unit::Micros => "microseconds",
        Unit::Nanos => "nanoseconds",
    };
    match fault {
        Fault::NotANumber => format!("the event time `{}` is not a number of {unit}", cut(text)),
        Fault::OutOfRange => format!("the event time `{}` is out of range, taken as {unit}", cut(text)),
    }
}

fn unknown_format(text: &str) -> String {
    let near =
        NAMES.iter().filter(|name| name.len() > 2).find(|name| strsim::damerau_levenshtein(name, text) <= 2);
    let alias = match text {
        "sec" | "seconds" | "unix" | "epoch" => Some("s"),
        "millis" | "milliseconds" => Some("ms"),
        "micros" | "microseconds" => Some("us"),
        "nanos" | "nanoseconds" => Some("ns"),
        "iso8601" | "iso" => Some("rfc3339"),
        _ => None,
    };
    match near.copied().or(alias) {
        Some(name) => format!("unknown time format `{}`; did you mean `{name}`?", cut(text)),
        None => format!(
            "unknown time format `{}`; it is one of {} or a pattern such as `%Y-%m-%d %H:%M:%S`",
            cut(text),
            NAMES.join(", ")
        ),
    }
}

/// Shows text from outside in a message: at most 40 characters, nothing that could drive a terminal.
pub(crate) fn cut(text: &str) -> impl fmt::Display {
    let short: String = text.chars().take(40).collect();
    let more = if short.len() < text.len() { "..." } else { "" };
    format!("{}{more}", Escaped(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Form = Form::Number(Unit::Seconds);

    #[track_caller]
    fn check(format: &str, value: Value<'_>, form: Form, expected: Result<i64, &str>) {
        let format = TimeFormat::new(format, None).expect("a known format");
        match (format.parse(&value, form), expected) {
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (got, expected) => assert_eq!(got, expected.map_err(str::to_owned)),
        }
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    /// As the reader of all spellings reads them.
    #[test]
    fn whole_numbers_are_scaled() {
        for unit in [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos] {
            let scale = unit.scale();
            let limit = scale.below;
            for number in [0, 1, 1_625_097_727_017, limit - 1, limit, limit + 1] {
                let text = format!("{number}{}", &"789"[..scale.dropped]);
                assert_eq!(scale.micros(number), decimal::micros(&text, unit).ok(), "{text} {unit:?}");
            }
        }
    }

    #[test]
    fn auto_reads_by_kind_and_form() {
        use Value::{Untyped, Written};
        check("auto", Written("1517365101.2350019"), SECONDS, Ok(1_517_365_101_235_001));
        check("auto", Written("5"), Form::Number(Unit::Millis), Ok(5000));
        check("auto", Untyped("5"), Form::Number(Unit::Millis), Ok(5000));
        check("auto", Untyped("1970-01-01T00:00:01Z"), Form::Number(Unit::Millis), Ok(1_000_000));
        check("auto", Untyped("1970-01-01T00:00:01Z"), Form::Text, Ok(1_000_000));
        check("auto", text("1970-01-01T00:00:01Z"), SECONDS, Ok(1_000_000));
        check("auto", Value::Number(Number::Decimal { mantissa: -15, scale: 1 }), SECONDS, Ok(-1_500_000));
        check(
            "auto",
            Written("5"),
            Form::Text,
            Err("`5` is a number where the source has RFC 3339 times; name its form with --time-format"),
        );
        check("auto", Untyped("5"), Form::Text, Err("--time-format"));
        check("auto", text("5"), SECONDS, Err("number in quotes"));
        check(
            "auto",
            text("2021-07-01"),
            Form::Text,
            Err("`2021-07-01` is not an RFC 3339 time: it has a date only"),
        );
        check("auto", Value::Null, SECONDS, Err("no event time"));
        check("auto", Value::Bool(true), SECONDS, Err("the event time is true"));
        check("auto", Value::Json(Cow::Borrowed("{}")), SECONDS, Err("the event time is an object"));
        check("auto", Written("1e30"), SECONDS, Err("out of range"));
        check("auto", text("\u{1b}[31m"), SECONDS, Err("`\\u{1b}[31m`"));
        check("auto", text(&"x".repeat(100)), SECONDS, Err(&format!("`{}...`", "x".repeat(40))));
    }

    #[test]
    fn other_formats() {
        use Value::{Untyped, Written};
        check("s", text("1.5"), SECONDS, Ok(1_500_000));
        check("ms", Written("1.5"), Form::Number(Unit::Millis), Ok(1500));
        check("us", Untyped("-1.5"), Form::Number(Unit::Micros), Ok(-2));
        check("ns", Written("1500"), Form::Number(Unit::Nanos), Ok(1));
        check("s", text("yesterday"), SECONDS, Err("`yesterday` is not a number of seconds"));
        check("rfc3339", Untyped("1970-01-01T00:00:01Z"), Form::Text, Ok(1_000_000));
        check("rfc3339", Written("5"), Form::Text, Err("name its unit"));
        check("rfc2822", text("Thu, 1 Jan 1970 00:00:01 +0000"), Form::Text, Ok(1_000_000));
        check("rfc2822", text("Thu"), Form::Text, Err("`Thu` is not an RFC 2822 time"));
        check("%Y%m%d", Written("19700102"), Form::Text, Ok(86_400_000_000));
        check("%s", Written("5"), Form::Text, Ok(5_000_000));
        check("%Y%m%d", text("x"), Form::Text, Err("in the form of --time-format"));
    }

    #[test]
    fn detects_the_form() {
        let auto = TimeFormat::new("auto", None).expect("a known format");
        for (value, form) in [
            (Value::Written("1517365101"), Some(SECONDS)),
            (Value::Written("1517365101235"), Some(Form::Number(Unit::Millis))),
            (Value::Untyped("1517365101235001"), Some(Form::Number(Unit::Micros))),
            (Value::Written("1517365101235001999"), Some(Form::Number(Unit::Nanos))),
            (Value::Written("1e40"), None),
            (Value::Untyped("2021-07-01T00:00:00Z"), Some(Form::Text)),
            (text("2021-07-01T00:00:00Z"), Some(Form::Text)),
            (text("1517365101"), None),
            (Value::Null, None),
        ] {
            assert_eq!(auto.detect(&value), form, "{value:?}");
        }
        let millis = TimeFormat::new("ms", None).expect("a known format");
        assert_eq!((auto.form(), millis.form()), (None, Some(Form::Number(Unit::Millis))));
        assert_eq!(millis.detect(&Value::Written("5")), Some(Form::Number(Unit::Millis)));
    }

    #[test]
    fn bad_formats_say_what_may_be_meant() {
        for (format, zone, part) in [
            ("rfc3393", None, "did you mean `rfc3339`?"),
            ("epoch", None, "did you mean `s`?"),
            ("foo bar", None, "it is one of auto, s"),
            ("%Y-%m-%d", Some("Berlin"), "did you mean `Europe/Berlin`?"),
            ("%H", None, "cannot be used"),
        ] {
            let error = TimeFormat::new(format, zone).expect_err(format);
            assert!(error.contains(part), "{error}");
        }
    }
}
