//! Which of a field's values are times, and in which format: by trying those that people use on a sample of values.

use crate::time::duration::DAY;
use crate::time::{Form, TimeFormat, Unit};
use crate::value::Value;

/// The formats that are tried, in the order in which they are preferred.
const PATTERNS: [&str; 21] = [
    "auto",
    "rfc2822",
    "%d/%b/%Y:%H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S,%f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    MONTH_FIRST[0],
    DAY_FIRST[0],
    MONTH_FIRST[1],
    DAY_FIRST[1],
    "%Y%m%d%H%M%S",
    "%a %b %d %H:%M:%S %Y",
];
/// Those that are mistaken for each other.
const MONTH_FIRST: [&str; 2] = ["%m/%d/%Y %H:%M:%S", "%m/%d/%Y"];
const DAY_FIRST: [&str; 2] = ["%d/%m/%Y %H:%M:%S", "%d/%m/%Y"];

/// The units of numbers, as `--time-format` has them.
const UNITS: [(Unit, &str, &str); 4] = [
    (Unit::Seconds, "s", "seconds"),
    (Unit::Millis, "ms", "milliseconds"),
    (Unit::Micros, "us", "microseconds"),
    (Unit::Nanos, "ns", "nanoseconds"),
];

/// Numbers that may be times are of these years, unless the name of their field says that it is one.
const FIRST: i64 = 7305 * DAY;
const LAST: i64 = 47_482 * DAY;

/// So many texts of a field are tried.
const TEXTS_MAX: u32 = 200;
/// Texts of other lengths are no times.
const TEXT_BYTES: std::ops::RangeInclusive<usize> = 8..=48;

/// The formats to try.
#[derive(Debug, Clone)]
pub struct Formats {
    texts: Vec<(String, TimeFormat)>,
    /// What numbers are tried with: `auto`, unless a format was named.
    numbers: TimeFormat,
    /// Whether a format was named: only that one counts then.
    named: bool,
    /// The input that is looked at: each may have a unit of its own.
    input: u32,
}

impl Formats {
    /// Those that people use, or the one that was named with `--time-format`.
    pub fn new(format: &str, zone: Option<&str>) -> Result<Formats, String> {
        let read = |name: &str| TimeFormat::new(name, zone);
        let named = format != "auto";
        let texts = match named {
            true => vec![(format.to_owned(), read(format)?)],
            false => PATTERNS
                .iter()
                .map(|name| Ok(((*name).to_owned(), read(name)?)))
                .collect::<Result<_, String>>()?,
        };
        Ok(Formats { texts, numbers: read(format)?, named, input: 0 })
    }
}

impl Formats {
    /// The values that come next are of another input.
    pub fn next_input(&mut self) {
        self.input += 1;
    }
}

/// Which formats the values of a field fit.
#[derive(Debug, Default)]
pub struct Votes {
    /// Values that are not null.
    values: u32,
    /// Texts that were tried.
    tried: u32,
    /// Per format, how many of those fit.
    hits: Vec<u32>,
    /// Per unit, how many numbers are of its size; and of those, how many make a time of our days.
    units: [u32; UNITS.len()],
    plausible: u32,
    /// How many of the numbers stand in text.
    in_text: u32,
    /// The input of the last number, and the unit of the first one there.
    first: Option<(u32, usize)>,
    /// How many numbers are of another size than the first one of their input.
    unlike: u32,
}

/// What the values of a field have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The format as `--time-format` takes it.
    pub format: String,
    /// The same in words.
    pub words: String,
    /// How many in a hundred of the values that are not null fit.
    pub percent: u32,
    /// Whether they are numbers, which may be anything else.
    pub is_number: bool,
    /// Whether they are of our days, for numbers.
    pub is_plausible: bool,
    /// Another format that they fit as well.
    pub or: Option<String>,
}

impl Verdict {
    /// Whether the texts name no zone, so that one has to be known of.
    pub fn lacks_zone(&self) -> bool {
        let names_one = ["%z", "%:z", "%Q", "%s"].iter().any(|zone| self.format.contains(zone));
        self.format.contains('%') && !names_one
    }
}

impl Votes {
    /// Takes a value that is not null.
    pub fn value(&mut self, value: &Value<'_>, formats: &Formats) {
        self.values += 1;
        let (text, is_number) = match value {
            Value::Written(text) => (*text, true),
            Value::Untyped(text) => (*text, is_decimal(text)),
            Value::Text(text) => (text.as_ref(), false),
            _ => return,
        };
        let taken = (is_number || is_decimal(text)) && self.number(text, is_number, formats);
        let may_fit = formats.named || (!is_number || is_date(text)) && TEXT_BYTES.contains(&text.len());
        if !taken && self.tried < TEXTS_MAX && may_fit {
            self.text(value, formats);
        }
    }

    /// Whether a number is taken for a time as a number.
    fn number(&mut self, text: &str, is_number: bool, formats: &Formats) -> bool {
        let written = Value::Written(text);
        let Some(Form::Number(unit)) = formats.numbers.detect(&written) else { return false };
        let Ok(time) = formats.numbers.parse(&written, Form::Number(unit)) else { return false };
        let is_plausible = (FIRST..LAST).contains(&time);
        if !is_plausible && (!is_number || is_date(text)) {
            return false;
        }
        let Some(unit) = UNITS.iter().position(|(known, ..)| *known == unit) else { return false };
        self.units[unit] += 1;
        self.plausible += u32::from(is_plausible);
        self.in_text += u32::from(!is_number);
        match self.first {
            Some((input, first)) if input == formats.input => self.unlike += u32::from(first != unit),
            _ => self.first = Some((formats.input, unit)),
        }
        true
    }

    fn text(&mut self, value: &Value<'_>, formats: &Formats) {
        self.hits.resize(formats.texts.len(), 0);
        for ((_, format), hits) in formats.texts.iter().zip(&mut self.hits) {
            // One that has failed often is not tried again.
            let failed = self.tried - *hits;
            if failed <= 2 + self.tried / 10 && format.parse(value, Form::Text).is_ok() {
                *hits += 1;
            }
        }
        self.tried += 1;
    }

    /// What most of the values have in common, if they are times.
    pub fn verdict(&self, formats: &Formats) -> Option<Verdict> {
        let numbers: u32 = self.units.iter().sum();
        // Of formats that fit as many, the first.
        let best = (0..self.hits.len()).rev().max_by_key(|at| self.hits[*at]);
        let hits = best.map_or(0, |best| self.hits[best]);
        match best {
            _ if numbers == 0 && hits == 0 => None,
            Some(best) if hits > numbers => Some(self.text_verdict(best, formats)),
            _ => Some(self.number_verdict(numbers, formats)),
        }
    }

    fn text_verdict(&self, best: usize, formats: &Formats) -> Verdict {
        let (format, hits) = (formats.texts[best].0.clone(), self.hits[best]);
        let swapped = MONTH_FIRST.iter().position(|month_first| *month_first == format);
        let swapped = swapped.map(|at| DAY_FIRST[at]);
        let or = swapped.filter(|swapped| {
            formats.texts.iter().zip(&self.hits).any(|((name, _), other)| name == swapped && *other == hits)
        });
        let words = match format.as_str() {
            "auto" | "rfc3339" => "RFC 3339",
            "rfc2822" => "RFC 2822",
            pattern => pattern,
        };
        let percent = match self.tried < TEXTS_MAX {
            // What was not tried, for its look, does not fit.
            true => 100 * hits / self.values,
            false => 100 * hits / self.tried,
        };
        let (words, or) = (words.to_owned(), or.map(str::to_owned));
        Verdict { format, words, percent, is_number: false, is_plausible: true, or }
    }

    fn number_verdict(&self, numbers: u32, formats: &Formats) -> Verdict {
        let best = (0..UNITS.len()).rev().max_by_key(|unit| self.units[*unit]).unwrap_or(0);
        let (_, unit, name) = UNITS[best];
        // A job takes the unit of the first number of each input, and no numbers in text.
        let format = match &formats.texts[..] {
            [(named, _)] if formats.named => named,
            _ if self.unlike * 2 < numbers && self.in_text == 0 => "auto",
            _ => unit,
        };
        Verdict {
            format: format.to_owned(),
            words: format!("{name} since 1970"),
            percent: 100 * numbers / self.values,
            is_number: true,
            is_plausible: self.plausible * 10 >= numbers * 9,
            or: None,
        }
    }
}

/// Whether a text is digits, perhaps with a sign and a point.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Whether digits may be a date with a time, as in `20260131120000`.
fn is_date(text: &str) -> bool {
    text.len() == 14 && (text.starts_with("19") || text.starts_with("20"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[Value<'_>], want: Option<(&str, u32)>) -> Option<Verdict> {
        let formats = Formats::new("auto", None).expect("all patterns can be used");
        let mut votes = Votes::default();
        values.iter().for_each(|value| votes.value(value, &formats));
        let verdict = votes.verdict(&formats);
        assert_eq!(verdict.as_ref().map(|found| (found.format.as_str(), found.percent)), want, "{values:?}");
        verdict
    }

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn texts() {
        check(&[text("2026-01-31T10:00:00Z"), text("2026-01-31T10:00:00.5+01:00")], Some(("auto", 100)));
        check(&[text("Sat, 22 Apr 2017 15:11:58 -0500")], Some(("rfc2822", 100)));
        check(&[text("10/Oct/2000:13:55:36 -0700")], Some(("%d/%b/%Y:%H:%M:%S %z", 100)));
        check(
            &[text("2026-01-31 10:00:00"), text("2026-01-31 10:00:00.25")],
            Some(("%Y-%m-%d %H:%M:%S%.f", 100)),
        );
        check(&[text("2026-01-31T10:00:00")], Some(("%Y-%m-%dT%H:%M:%S%.f", 100)));
        check(&[text("2026-01-31 10:00:00,250")], Some(("%Y-%m-%d %H:%M:%S,%f", 100)));
        check(&[Value::Untyped("2026-01-31")], Some(("%Y-%m-%d", 100)));
        check(&[Value::Untyped("31.01.2026 10:00")], Some(("%d.%m.%Y %H:%M", 100)));
        check(&[Value::Untyped("20260131100000")], Some(("%Y%m%d%H%M%S", 100)));
        check(&[Value::Written("20260131100000")], Some(("%Y%m%d%H%M%S", 100)));
        check(&[text("Sat Jan 31 10:00:00 2026")], Some(("%a %b %d %H:%M:%S %Y", 100)));
        check(&[text("2026-01-31"), text("never")], Some(("%Y-%m-%d", 50)));
        check(&[text("hello world"), text("192.168.100.200"), Value::Bool(true)], None);
    }

    #[test]
    fn days_and_months_are_told_apart_where_they_can_be() {
        let found = check(&[text("01/02/2026 10:00:00")], Some(("%m/%d/%Y %H:%M:%S", 100)));
        assert_eq!(found.and_then(|found| found.or).as_deref(), Some("%d/%m/%Y %H:%M:%S"));
        let values = [text("01/02/2026 10:00:00"), text("31/01/2026 10:00:00")];
        assert_eq!(check(&values, Some(("%d/%m/%Y %H:%M:%S", 100))).and_then(|found| found.or), None);
    }

    #[test]
    fn numbers() {
        let plausible =
            |values: &[Value<'_>], want| check(values, want).is_some_and(|found| found.is_plausible);
        assert!(plausible(&[Value::Written("1517365101")], Some(("auto", 100))));
        assert!(plausible(&[Value::Untyped("1517365101235.5")], Some(("auto", 100))));
        assert!(plausible(&[text("1517365101235")], Some(("ms", 100))));
        // The first one has the size of seconds.
        assert!(!plausible(&[Value::Written("0"), Value::Written("5")], Some(("auto", 100))));
        let values = ["0", "1517365101235", "1517365101236"].map(Value::Written);
        check(&values, Some(("ms", 100)));
        assert!(!plausible(&[Value::Written("12.5")], Some(("auto", 100))));
        check(&[text("12")], None);
    }

    #[test]
    fn a_named_format_is_the_only_one() {
        let formats = Formats::new("%s", None).expect("it can be used");
        let mut votes = Votes::default();
        votes.value(&Value::Written("1517365101"), &formats);
        votes.value(&text("2026-01-31T10:00:00Z"), &formats);
        let found = votes.verdict(&formats).expect("one fits");
        assert_eq!((found.format.as_str(), found.percent), ("%s", 50));
        let formats = Formats::new("ms", None).expect("it can be used");
        let mut votes = Votes::default();
        votes.value(&Value::Written("5"), &formats);
        assert_eq!(votes.verdict(&formats).map(|found| found.format), Some("ms".to_owned()));
        assert!(Formats::new("%H", None).is_err() && Formats::new("auto", Some("Nowhere")).is_err());
    }
}
