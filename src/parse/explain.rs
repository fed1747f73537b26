//! What is said of records that the scanners refuse.

use super::json;
use super::rows::Flaw;

/// Why the record, which has this flaw, cannot be used; `width` is the number of fields that it should have (CSV).
#[cold]
pub fn explain(flaw: Flaw, record: &[u8], width: usize) -> String {
    match flaw {
        Flaw::Utf8(at) => format!("the record is not valid UTF-8 at byte {}", at + 1),
        Flaw::Json(fault) => explain_json(fault, record),
        Flaw::OpenQuote => "a quote is left open up to the end of the input".to_owned(),
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

const NO_OBJECT: &str = "not a JSON object";
