//! The field that was most likely meant by a path that a record does not have.
//!
//! Only for messages: nothing here decides what a record is worth.

use serde_json::Value;

use crate::expr::{FieldPath, Step};
use crate::suggest::closest;

/// The field of this record that was most likely meant, as a question; `None` if the record has the field, or none
/// that is near.
pub fn in_record(record: &Value, path: &FieldPath) -> Option<String> {
    let mut at = record;
    for (depth, step) in path.steps.iter().enumerate() {
        let next = match step {
            Step::Member(name) => at.get(name),
            Step::Index(index) => at.get(index),
        };
        let Some(next) = next else {
            return among(path, depth, at.as_object()?.keys().map(String::as_str));
        };
        at = next;
    }
    None
}

/// The same where the step at `depth` is missing, and members of these names stand in its place.
pub fn among<'n>(
    path: &FieldPath,
    depth: usize,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Option<String> {
    let (before, rest) = path.steps.split_at(depth);
    let (Step::Member(name), behind) = rest.split_first()? else { return None };
    // `process.name` may be the name of one member, and then takes double quotes.
    let whole = (!behind.is_empty()).then(|| dotted(rest)).flatten();
    let whole = whole.and_then(|whole| closest(&whole, names.clone().filter(|name| name.contains('.'))));
    let (name, behind) = match whole {
        Some(whole) => (whole, &[][..]),
        None => (closest(name, names)?, behind),
    };
    let mut meant = String::new();
    before.iter().for_each(|step| push(&mut meant, step));
    push(&mut meant, &Step::Member(name.to_owned()));
    behind.iter().for_each(|step| push(&mut meant, step));
    // A shell would take double quotes away.
    Some(match meant.contains('"') {
        true => format!("did you mean '{meant}'?"),
        false => format!("did you mean `{meant}`?"),
    })
}

/// Members joined by points, as one name.
fn dotted(steps: &[Step]) -> Option<String> {
    let names: Option<Vec<&str>> = (steps.iter())
        .map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Index(_) => None,
        })
        .collect();
    Some(names?.join("."))
}

/// A path as the options take it; names with anything unusual in them stand in double quotes.
pub fn written(steps: &[Step]) -> String {
    let mut path = String::new();
    let is_usual = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '$');
    for step in steps {
        match step {
            Step::Member(name) if !name.chars().all(is_usual) || name.is_empty() => {
                let point = if path.is_empty() { "" } else { "." };
                path.push_str(&format!("{point}\"{}\"", name.replace('"', "\"\"")));
            }
            step => push(&mut path, step),
        }
    }
    path
}

/// Writes a step as `--by` takes it.
fn push(path: &mut String, step: &Step) {
    match step {
        Step::Index(index) => path.push_str(&format!("[{index}]")),
        Step::Member(name) => {
            if !path.is_empty() {
                path.push('.');
            }
            let quoted = name.is_empty() || name.trim() != name || name.contains(['.', '[', ']', '"', ',']);
            match quoted {
                true => path.push_str(&format!("\"{}\"", name.replace('"', "\"\""))),
                false => path.push_str(name),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse_path;

    #[test]
    fn the_whole_path_is_suggested() {
        let record = r#"{"@timestamp":1,"log":{"syslog":{"facility":{"code":3}},"a.b":[{"sku":1}]},"process.name":"x","null":null}"#;
        let record: Value = serde_json::from_str(record).unwrap();
        let check = |path: &str, want: Option<&str>| {
            let meant = in_record(&record, &parse_path(path).unwrap());
            assert_eq!(meant.as_deref(), want, "{path}");
            // What is suggested is there.
            let Some(meant) = meant else { return };
            let meant = meant.trim_start_matches("did you mean ").trim_end_matches('?');
            assert_eq!(in_record(&record, &parse_path(&meant[1..meant.len() - 1]).unwrap()), None);
        };
        check("timestamp", Some("did you mean `@timestamp`?"));
        check("@timestmp", Some("did you mean `@timestamp`?"));
        check("log.syslog.facility.kode", Some("did you mean `log.syslog.facility.code`?"));
        check("log.sislog.facility.code", Some("did you mean `log.syslog.facility.code`?"));
        check("process.name", Some("did you mean '\"process.name\"'?"));
        check("proces.name", Some("did you mean '\"process.name\"'?"));
        check("log.a.b[0].sku", None);
        check("log.\"a.c\"[0].sku", Some("did you mean 'log.\"a.b\"[0].sku'?"));
        check("log.syslog[0]", None);
        check("null", None);
        check("zzz", None);
    }
}
