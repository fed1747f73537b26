//! What is said of a bad record beyond its reason: the field that was most likely meant, the format that it has.
//!
//! A run asks once for each source at most, where a bad record ends it or is the first of its source, so that time is
//! of no account here. The reason itself, which every bad record has, is made by `explain` and `columns`.

use serde_json::{Map, Value};

use super::{explain, near};
use crate::{expr, time};

/// A record longer than this is not taken apart a second time.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// What is said of a bad record beyond its reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// What goes behind the reason: which field may have been meant.
    pub meant: Option<String>,
    /// The way out, where another than `--bad` is better.
    pub way_out: Option<String>,
}

impl Hint {
    /// What there is to say of a record that is bad for this reason; `first` if it is the first of its source.
    pub fn of(reason: &str, record: &[u8], first: bool) -> Hint {
        let way_out = if first { format(reason, record) } else { None };
        Hint { meant: meant(reason, record), way_out }
    }
}

fn meant(reason: &str, record: &[u8]) -> Option<String> {
    let path = expr::parse_path(explain::lacking(reason)?).ok()?;
    if record.len() > RECORD_BYTES_MAX {
        return None;
    }
    near::in_record(&serde_json::from_slice(record).ok()?, &path)
}

/// How to read an input whose first record shows that it is no NDJSON.
fn format(reason: &str, record: &[u8]) -> Option<String> {
    let cut_short = || reason.starts_with("not valid JSON: EOF");
    match record.trim_ascii_start().first()? {
        b'[' if reason == explain::NO_OBJECT => {
            Some("it begins an array; jq -c '.[]' makes one object a line of that".to_owned())
        }
        b'{' if cut_short() => {
            Some("an object stands on one line; jq -c . makes such lines of others".to_owned())
        }
        _ if reason == explain::NO_OBJECT => delimited(std::str::from_utf8(record).ok()?),
        _ => None,
    }
}

/// How to read what looks like the header or a record of CSV: short pieces of a few words between delimiters.
fn delimited(record: &str) -> Option<String> {
    let count = |delimiter: char| record.matches(delimiter).count();
    // A tab hardly stands in anything else; of the others the most frequent counts.
    let delimiter = match count('\t') {
        0 => [';', '|', ','].into_iter().max_by_key(|delimiter| count(*delimiter))?,
        _ => '\t',
    };
    let is_short = |piece: &str| piece.len() <= 100 && piece.split_whitespace().count() <= 3;
    if count(delimiter) == 0 || !record.split(delimiter).all(is_short) {
        return None;
    }
    Some(match delimiter {
        ',' => "--from csv reads CSV".to_owned(),
        '\t' => "--from tsv reads TSV".to_owned(),
        other => format!("--from csv --delimiter '{other}' reads CSV of that kind"),
    })
}

/// The members of a JSON record that is not too long to be taken apart again.
pub fn members(record: &[u8]) -> Vec<String> {
    let record = (record.len() <= RECORD_BYTES_MAX).then(|| serde_json::from_slice::<Map<_, Value>>(record));
    record
        .and_then(Result::ok)
        .map_or(Vec::new(), |record| record.into_iter().map(|(name, _)| name).collect())
}

/// The first `max` names of a list, each of them cut if it is long, and in quotes, as options
/// and expressions take it, if it would not end where it does.
pub fn listed(names: &[String], max: usize) -> String {
    let shown = |name: &String| match time::cut(name).to_string() {
        name if name.is_empty() || name.contains(',') || name.trim() != name => format!("\"{name}\""),
        name => name,
    };
    let shown: Vec<String> = names.iter().take(max).map(shown).collect();
    match (shown.is_empty(), names.len() > max) {
        (true, _) => "no fields".to_owned(),
        (_, false) => shown.join(", "),
        (_, true) => format!("{}, ...", shown.join(", ")),
    }
}

/// What is said of a first line that is no header of columns as they were cut: a record of NDJSON, or one column that
/// another delimiter would cut.
pub fn mistaken_header(names: &[String]) -> Option<String> {
    if names.first().is_some_and(|name| name.starts_with('{')) {
        return Some("the first line looks like JSON; --from ndjson reads that".to_owned());
    }
    uncut_header(names)
}

fn uncut_header(names: &[String]) -> Option<String> {
    let [name] = names else { return None };
    let delimiter = [';', '|', ',', '\t'].into_iter().find(|delimiter| name.contains(*delimiter))?;
    let shown = if delimiter == '\t' { "tab".to_owned() } else { format!("'{delimiter}'") };
    Some(format!("that is one column; --delimiter {shown} cuts it into several"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |reason: &str, record: &str, want: Option<&str>| {
            let hint = Hint::of(reason, record.as_bytes(), true);
            assert_eq!(hint.way_out.as_deref(), want, "{record}");
            assert_eq!(Hint::of(reason, record.as_bytes(), false), Hint::default(), "{record}");
        };
        let no_object = explain::NO_OBJECT;
        check(no_object, "order_id,ts,amount", Some("--from csv reads CSV"));
        check(no_object, "\"order id\",\"time of order\"", Some("--from csv reads CSV"));
        check(no_object, "order_id\tts, in UTC", Some("--from tsv reads TSV"));
        check(no_object, "a;b;c", Some("--from csv --delimiter ';' reads CSV of that kind"));
        check(no_object, "a|b", Some("--from csv --delimiter '|' reads CSV of that kind"));
        check(no_object, "Jan 1 00:00:00 host sshd[1]: failed, twice", None);
        check(no_object, "7", None);
        let array = "it begins an array; jq -c '.[]' makes one object a line of that";
        check(no_object, "[{\"ts\":1},", Some(array));
        check(no_object, "[", Some(array));
        check(
            "not valid JSON: EOF while parsing an object at column 1",
            "{",
            Some("an object stands on one line; jq -c . makes such lines of others"),
        );
        check("not valid JSON: expected value at column 6", "{\"a\":x,b}", None);
    }

    #[test]
    fn fields() {
        let check = |what: &str, field: &str, record: &str, want: Option<&str>| {
            let hint = Hint::of(&explain::lacks(what, field), record.as_bytes(), false);
            assert_eq!(hint.meant.as_deref(), want, "{field}");
            assert_eq!(hint.way_out, None);
        };
        let record = r#"{"@timestamp":1,"user":{"id":2}}"#;
        check("event time", "timestamp", record, Some("did you mean `@timestamp`?"));
        check("id", "user.idd", record, Some("did you mean `user.id`?"));
        check("id", "when", record, None);
        check("id", "timestamp", "@timestamp,id", None);
        let long = format!("{{\"@timestamp\":\"{}\"}}", "x".repeat(RECORD_BYTES_MAX));
        check("id", "timestamp", &long, None);
    }

    #[test]
    fn lists() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(members(br#"{"b":1,"a":{"c":2}}"#), names(&["a", "b"]));
        assert_eq!(members(b"[1]"), names(&[]));
        assert_eq!(listed(&names(&["a", "b", "c"]), 2), "a, b, ...");
        assert_eq!(listed(&names(&["a", "b"]), 2), "a, b");
        assert_eq!(listed(&names(&["Name, first", "b,c", " d", ""]), 9), r#""Name, first", "b,c", " d", """#);
        assert_eq!(listed(&[], 2), "no fields");
        let uncut = |name: &str| uncut_header(&names(&[name]));
        assert_eq!(uncut("a;b").as_deref(), Some("that is one column; --delimiter ';' cuts it into several"));
        assert_eq!(
            uncut("a\tb").as_deref(),
            Some("that is one column; --delimiter tab cuts it into several")
        );
        assert_eq!(uncut("a b"), None);
        assert_eq!(uncut_header(&names(&["a;b", "c"])), None);
        assert_eq!(mistaken_header(&names(&["a", "{b"])), None);
        let json = Some("the first line looks like JSON; --from ndjson reads that".to_owned());
        assert_eq!(mistaken_header(&names(&["{\"a\":1", "\"b\":2}"])), json);
        assert_eq!(mistaken_header(&names(&["a;b"])), uncut("a;b"));
    }
}
