//! A strict reader of Prometheus' text format 0.0.4, by its definition: what it does not take is a mistake of whoever
//! wrote the text. It knows nothing of windrow's own code.

use std::collections::{BTreeMap, BTreeSet};

/// The labels of a sample.
pub type Labels = BTreeMap<String, String>;

/// A family of samples.
#[derive(Debug)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// Names, labels and values, in the order of the text.
    pub samples: Vec<(String, Labels, f64)>,
}

/// All families of a text.
#[derive(Debug)]
pub struct Metrics(pub BTreeMap<String, Family>);

impl Metrics {
    /// Reads a text, and fails the test if it breaks a rule.
    #[track_caller]
    pub fn of(text: &str) -> Metrics {
        assert!(text.ends_with('\n'), "the last line has an end: {text:?}");
        assert!(!text.contains('\r'));
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let help = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("a family begins: {line}"));
            let (name, help) = help.split_once(' ').expect("there is a help text");
            assert!(!help.is_empty() && is_name(name), "{line}");
            let kind =
                lines.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} "))).expect(name);
            let mut family = Family { kind: kind.to_owned(), samples: Vec::new() };
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                family.samples.push(sample(line));
            }
            family.check(name);
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} stands twice");
        }
        Metrics(families)
    }

    /// The value of a sample with these labels of its own, if it is there: others are not looked at but `input`.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = self.0.get(name).or_else(|| self.0.get(stem?))?;
        let fits = |found: &Labels| {
            let has = |(name, value): &(&str, &str)| found.get(*name).is_some_and(|found| found == value);
            labels.iter().all(has)
                && (found.contains_key("input") == labels.iter().any(|(name, _)| *name == "input"))
        };
        let mut found = family.samples.iter().filter(|(own, labels, _)| own == name && fits(labels));
        let value = found.next()?.2;
        assert!(found.next().is_none(), "{name} {labels:?} is not one sample");
        Some(value)
    }

    /// The same where it must be there.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).unwrap_or_else(|| panic!("there is no {name} {labels:?}"))
    }

    /// All samples of a family together that have this label, or all if it has no name.
    #[track_caller]
    pub fn sum(&self, name: &str, (label, value): (&str, &str)) -> f64 {
        let family = self.0.get(name).unwrap_or_else(|| panic!("there is no {name}"));
        let counts =
            |labels: &Labels| label.is_empty() || labels.get(label).is_some_and(|found| found == value);
        family.samples.iter().filter(|(_, labels, _)| counts(labels)).map(|(.., value)| value).sum()
    }

    /// All values that must never go back while a process lives, by name and labels.
    pub fn counters(&self) -> BTreeMap<(String, Labels), f64> {
        let counts = |family: &&Family| family.kind != "gauge";
        let samples = self.0.values().filter(counts).flat_map(|family| family.samples.iter().cloned());
        samples.map(|(name, labels, value)| ((name, labels), value)).collect()
    }
}

impl Family {
    #[track_caller]
    fn check(&self, name: &str) {
        assert!(!self.samples.is_empty(), "{name} has no samples");
        assert!(name.starts_with("windrow_"), "{name}");
        for unit in
            ["milli", "micro", "nano", "_ms", "minutes", "hours", "kilo", "mega", "_kb", "_mb", "percent"]
        {
            assert!(!name.contains(unit), "{name} is in no base unit");
        }
        let mut known = BTreeSet::new();
        for (own, labels, _) in &self.samples {
            assert!(known.insert((own, labels)), "{own} {labels:?} stands twice");
        }
        match self.kind.as_str() {
            "counter" => {
                assert!(name.ends_with("_total"), "{name}");
                assert!(self.samples.iter().all(|(own, _, value)| own == name && *value >= 0.0), "{name}");
            }
            "gauge" => {
                let taken = ["_total", "_bucket", "_sum", "_count"];
                assert!(!taken.iter().any(|end| name.ends_with(end)), "{name}");
                assert!(self.samples.iter().all(|(own, ..)| own == name), "{name}");
            }
            "histogram" => self.check_histogram(name),
            other => panic!("{name} is a {other}"),
        }
    }

    /// One series: buckets that are added up, the last of which holds everything, then sum and count.
    #[track_caller]
    fn check_histogram(&self, name: &str) {
        let [buckets @ .., sum, count] = &self.samples[..] else { panic!("{name}") };
        assert!(sum.0 == format!("{name}_sum") && count.0 == format!("{name}_count"), "{name}");
        assert!(sum.2 >= 0.0 && name.ends_with("_seconds"), "{name}");
        let (mut bound, mut held) = (f64::NEG_INFINITY, 0.0);
        for (own, labels, value) in buckets {
            let next = number(&labels["le"]);
            assert!(own == &format!("{name}_bucket") && next > bound && *value >= held, "{name} {labels:?}");
            (bound, held) = (next, *value);
        }
        assert!(bound == f64::INFINITY && held == count.2, "{name}");
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |(n, b): (usize, u8)| b == b'_' || b.is_ascii_alphabetic() || n > 0 && b.is_ascii_digit();
    !name.is_empty() && name.bytes().enumerate().all(allowed)
}

/// A line as `name{label="value",...} value`, without a timestamp.
#[track_caller]
fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let (value, behind) = unescaped(value, line);
            assert!(is_name(label) && labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = &behind[1..];
            match behind.as_bytes()[0] {
                b',' => {}
                b'}' => break,
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    (name.to_owned(), labels, number(value))
}

/// The value of a label, and what stands behind its quote.
#[track_caller]
fn unescaped<'t>(text: &'t str, line: &str) -> (String, &'t str) {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.push(match chars.next() {
                Some((_, 'n')) => '\n',
                Some((_, c @ ('\\' | '"'))) => c,
                _ => panic!("an escape that is none: {line}"),
            }),
            c => value.push(c),
        }
    }
    panic!("a value without an end: {line}");
}

/// A number without an exponent.
#[track_caller]
fn number(text: &str) -> f64 {
    if text == "+Inf" {
        return f64::INFINITY;
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    assert!(digits.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{text:?} is no plain number");
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

#[test]
fn the_reader_takes_what_is_right() {
    let metrics = Metrics::of(
        "# HELP windrow_a_total A.\n# TYPE windrow_a_total counter\nwindrow_a_total{input=\"a\\\\b\\\"c\\nd,}\",x=\"\"} 12\n\
         # HELP windrow_b B.\n# TYPE windrow_b gauge\nwindrow_b -0.5\n",
    );
    assert_eq!(metrics.value("windrow_a_total", &[("input", "a\\b\"c\nd,}")]), 12.0);
    assert_eq!((metrics.value("windrow_b", &[]), metrics.get("windrow_c", &[])), (-0.5, None));
}

#[test]
fn the_reader_refuses_what_is_wrong() {
    let refused = |text: &str| {
        let read = std::panic::catch_unwind(|| Metrics::of(text));
        assert!(read.is_err(), "{text}");
    };
    let head = "# HELP windrow_a A.\n# TYPE windrow_a gauge\n";
    for lines in [
        "",
        "windrow_a 1",
        "windrow_a 1e9\n",
        "windrow_a 1 1700000000\n",
        "windrow_a  1\n",
        "windrow_b 1\n",
        "windrow_a 1\nwindrow_a 2\n",
        "windrow_a{x=\"\\t\"} 1\n",
        "windrow_a{x=\"1\",x=\"2\"} 1\n",
        "windrow_a{x=\"1\"\n",
        "windrow_a 1\n\n",
        "windrow_a 1\n# EOF\n",
        "windrow_a 1\n# HELP windrow_a A.\n# TYPE windrow_a gauge\nwindrow_a{x=\"1\"} 1\n",
    ] {
        refused(&format!("{head}{lines}"));
    }
    refused("# HELP windrow_a A.\n# TYPE windrow_a counter\nwindrow_a 1\n");
    let histogram = "# HELP windrow_a_seconds A.\n# TYPE windrow_a_seconds histogram\n";
    let bucket = "windrow_a_seconds_bucket{le=\"1\"} 2\n";
    refused(&format!(
        "{histogram}{bucket}windrow_a_seconds_bucket{{le=\"+Inf\"}} 1\nwindrow_a_seconds_sum 1\nwindrow_a_seconds_count 1\n"
    ));
    refused(&format!("{histogram}{bucket}windrow_a_seconds_sum 1\nwindrow_a_seconds_count 2\n"));
}
