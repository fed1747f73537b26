//! The text format of Prometheus, version 0.0.4, in which samples are written: one family after the other, each with
//! its help and type first.
//!
//! No timestamps: the textfile collector takes none. Definition: "Exposition formats" of the Prometheus
//! documentation.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::distribution::Distribution;

/// What a family's values mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// They only grow, from 0 when the process starts.
    Counter,
    /// They go up and down.
    Gauge,
}

/// A sample's own labels.
pub type Labels<'l> = &'l [(&'l str, &'l str)];

/// A text in the making.
pub struct Exposition<'l> {
    text: String,
    /// On every sample, behind its own.
    common: &'l [(String, String)],
}

/// The samples of one family.
pub struct Family<'e, 'l> {
    exposition: &'e mut Exposition<'l>,
    name: &'static str,
}

impl<'l> Exposition<'l> {
    /// No families yet; all samples will have these labels.
    pub fn new(common: &'l [(String, String)]) -> Exposition<'l> {
        Exposition { text: String::with_capacity(16 << 10), common }
    }

    /// Begins a family. No name may come twice.
    pub fn family(&mut self, name: &'static str, kind: Type, help: &str) -> Family<'_, 'l> {
        debug_assert_eq!(name.ends_with("_total"), kind == Type::Counter, "{name}");
        let kind = match kind {
            Type::Counter => "counter",
            Type::Gauge => "gauge",
        };
        self.head(name, kind, help);
        Family { exposition: self, name }
    }

    /// A whole family of one histogram, in seconds.
    pub fn histogram(&mut self, name: &'static str, help: &str, distribution: &Distribution) {
        self.head(name, "histogram", help);
        let mut count = 0;
        let bounds = distribution.bounds.map(|micros| Seconds(Duration::from_micros(micros)).to_string());
        let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
        for (bound, observed) in bounds.zip(distribution.counts) {
            count += observed;
            self.sample(name, "_bucket", &[("le", bound)], &count);
        }
        self.sample(name, "_sum", &[], &Seconds(distribution.sum));
        self.sample(name, "_count", &[], &count);
    }

    /// The text, which ends with a line feed.
    pub fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        debug_assert!(!help.contains(['\\', '\n']), "{help}");
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, suffix: &str, labels: Labels<'_>, value: &dyn fmt::Display) {
        let text = &mut self.text;
        let _ = write!(text, "{name}{suffix}");
        let common = self.common.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(common) {
            let _ = write!(text, "{before}{name}=\"{}\"", Value(value));
            before = ',';
        }
        let close = if before == ',' { "}" } else { "" };
        let _ = writeln!(text, "{close} {value}");
    }
}

impl Family<'_, '_> {
    /// Writes a sample. No two of a family may have the same labels.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl fmt::Display) -> &mut Self {
        self.exposition.sample(self.name, "", labels, &value);
        self
    }
}

/// A length of time in seconds, without an exponent and without zeros at its end.
pub struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        match nanos {
            0 => write!(f, "{seconds}"),
            _ => f.write_str(format!("{seconds}.{nanos:09}").trim_end_matches('0')),
        }
    }
}

/// A signed number of microseconds in seconds, in the same form: an instant since the Unix epoch, or a difference.
pub struct Micros(pub i64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", Seconds(Duration::from_micros(self.0.unsigned_abs())))
    }
}

/// The value of a label, escaped.
struct Value<'v>(&'v str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let common = [("job".to_owned(), "a\\b\"c\nd é".to_owned())];
        let mut exposition = Exposition::new(&common);
        exposition.family("a_total", Type::Counter, "A.").sample(&[], 1).sample(&[("x", "y")], 2);
        assert_eq!(
            exposition.into_text(),
            "# HELP a_total A.\n# TYPE a_total counter\n\
             a_total{job=\"a\\\\b\\\"c\\nd é\"} 1\na_total{x=\"y\",job=\"a\\\\b\\\"c\\nd é\"} 2\n"
        );
        let mut exposition = Exposition::new(&[]);
        exposition.family("b", Type::Gauge, "B.").sample(&[], 0);
        assert_eq!(exposition.into_text(), "# HELP b B.\n# TYPE b gauge\nb 0\n");
    }

    #[test]
    fn histograms() {
        let mut distribution = Distribution::default();
        distribution.observe(Duration::from_micros(1_500), 2);
        distribution.observe(Duration::from_secs(3600), 1);
        let mut exposition = Exposition::new(&[]);
        exposition.histogram("a_seconds", "A.", &distribution);
        let text = exposition.into_text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["# HELP a_seconds A.", "# TYPE a_seconds histogram"]);
        assert_eq!(lines[2], "a_seconds_bucket{le=\"0.001\"} 0");
        assert_eq!(lines[3], "a_seconds_bucket{le=\"0.0025\"} 2");
        assert_eq!(lines[16], "a_seconds_bucket{le=\"60\"} 2");
        assert_eq!(
            lines[17..],
            ["a_seconds_bucket{le=\"+Inf\"} 3", "a_seconds_sum 3600.003", "a_seconds_count 3"]
        );
    }

    #[test]
    fn numbers() {
        assert_eq!(Seconds(Duration::ZERO).to_string(), "0");
        assert_eq!(Seconds(Duration::from_nanos(1)).to_string(), "0.000000001");
        assert_eq!(Seconds(Duration::from_millis(12_500)).to_string(), "12.5");
        assert_eq!(Micros(-1).to_string(), "-0.000001");
        assert_eq!(Micros(i64::MIN).to_string(), "-9223372036854.775808");
        assert_eq!(Micros(1_700_000_000_000_000).to_string(), "1700000000");
    }
}
