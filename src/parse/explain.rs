//! What is said of records that cannot be used.

use super::json;
use super::rows::Flaw;

/// Why the record, which has this flaw, cannot be used; `width` is the number of fields that it should have (CSV).
#[cold]
pub fn explain(flaw: Flaw, record: &[u8], width: usize) -> String {
    match flaw {
        Flaw::Utf8(at) => format!("the record is not valid UTF-8 at byte {}", at + 1),
        Flaw::Json(fault) => explain_json(fault, record),
        Flaw::OpenQuote => {
            let lines = 1 + memchr::memchr_iter(b'\n', record.strip_suffix(b"\n").unwrap_or(record)).count();
            match lines {
                1 => "a quote is left open up to the end of the input".to_owned(),
                _ => format!("a quote is left open up to the end of the input, for {lines} lines"),
            }
        }
        Flaw::Fields(fields) => {
            let s = if fields == 1 { "" } else { "s" };
            format!("the record has {fields} field{s} where {width} are expected")
        }
    }
}

fn explain_json(fault: json::Fault, record: &[u8]) -> String {
    if fault == json::Fault::TooDeep {
        return format!("the record nests deeper than {}", json::DEPTH_MAX);
    }
    // Nothing is built: the record may be long, and is known to be useless.
    let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(record) else {
        return match record.first() {
            // What is passed over unread is not checked for this by the reference.
            Some(b'{') => "not valid JSON: a \\u escape is half of a surrogate pair".to_owned(),
            _ => NO_OBJECT.to_owned(),
        };
    };
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match record.first() {
        Some(b'{') => format!("not valid JSON: {what} at column {}", error.column()),
        _ => NO_OBJECT.to_owned(),
    }
}

/// What is said of a record that is JSON of another kind, or no JSON and not meant as an object.
pub const NO_OBJECT: &str = "not a JSON object";

/// What is said of a record without the field that holds its event time or id, which `what` names.
#[cold]
pub fn lacks(what: &str, field: &str) -> String {
    format!("no {what}: field `{field}` is absent or null")
}

/// The field that a record lacks, if that is why it is bad.
pub fn lacking(reason: &str) -> Option<&str> {
    let (_, field) = reason.strip_prefix("no ")?.split_once(": field `")?;
    field.strip_suffix("` is absent or null")
}

/// The end of a reason that is about a text in place of a number: whether it is written with a decimal comma.
#[cold]
pub fn decimal_comma(text: &str) -> String {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.trim_start_matches('-').split_once(',') {
        // Three digits may as well be thousands.
        Some((whole, fraction)) if digits(whole) && digits(fraction) && fraction.len() == 3 => {
            ", numbers have a decimal point and no commas".to_owned()
        }
        Some((whole, fraction)) if digits(whole) && digits(fraction) => {
            format!(", a decimal point is wanted: {}", shown(&text.replace(',', ".")))
        }
        _ => String::new(),
    }
}

/// The start of a text from outside.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_lacks_is_read_back() {
        for field in ["ts", "a.b", "\"odd `name`\"", "x: field `y`"] {
            assert_eq!(lacking(&lacks("event time", field)), Some(field));
        }
        assert_eq!(lacking("not a JSON object"), None);
    }

    #[test]
    fn decimal_commas() {
        assert_eq!(decimal_comma("22,5"), ", a decimal point is wanted: 22.5");
        assert_eq!(decimal_comma("-1,25"), ", a decimal point is wanted: -1.25");
        assert_eq!(decimal_comma("1,000"), ", numbers have a decimal point and no commas");
        for text in ["", ",5", "1,", "1,000,000", "a,b", "22.5"] {
            assert_eq!(decimal_comma(text), "", "{text}");
        }
    }
}
