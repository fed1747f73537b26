//! The output columns: no name may stand twice, and they are the scope of `--having` and `--order-by`.

use crate::error;
use crate::expr::{FieldPath, Scope, Step};
use crate::output::fired::TIMING_COLUMNS;
use crate::output::numbered::COLUMN;
use crate::suggest::closest;

use super::Aggregation;
use super::settings::Settings;

/// The output columns, numbered in their order.
#[derive(Debug)]
pub struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The columns of the rows. Two of one name are refused: a JSON object could not hold both.
    pub fn of(aggregation: &Aggregation, settings: &Settings) -> error::Result<Columns> {
        let names = aggregation.columns();
        let timing = if aggregation.firing.repeats() { TIMING_COLUMNS.len() } else { 0 };
        let calls_start = names.len() - timing - aggregation.calls.len();
        if aggregation.row_id && names.iter().any(|name| name == COLUMN) {
            return Err(
                settings.wrong("row-id", "another output column is called `row`; name that one with AS")
            );
        }
        let (others, timing) = names.split_at(names.len() - timing);
        if let Some(name) = timing.iter().find(|name| others.contains(name)) {
            let option = if aggregation.firing.every.is_some() { "emit-every" } else { "allowed-lateness" };
            let message =
                format!("adds a column `{name}`, and another one is called so; name that one with AS");
            return Err(settings.unfit(option, message));
        }
        for (n, name) in others.iter().enumerate() {
            if names[..n].contains(name) {
                let (option, example) = match n.checked_sub(calls_start) {
                    None => {
                        let key = &aggregation.keys[n + aggregation.keys.len() - calls_start];
                        ("by", format!("'{} AS {}_key'", key.expr, plain(name)))
                    }
                    Some(n) => {
                        let call = &aggregation.calls[n];
                        ("agg", format!("'{} AS {}_2'", call.unnamed(), plain(name)))
                    }
                };
                let message = format!(
                    "two output columns are called `{name}`; name one of them with AS, as in {example}"
                );
                return Err(settings.wrong(option, message));
            }
        }
        Ok(Columns { names })
    }
}

/// The name as an identifier that needs no quotes.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

impl Scope for Columns {
    /// A column by its name; a key `d.x` is found as it was written for `--by`.
    fn field(&mut self, path: &FieldPath) -> Result<usize, (String, Option<String>)> {
        let is = |name: &String| match path.steps.as_slice() {
            [Step::Member(member)] => name == member || *name == path.text,
            _ => *name == path.text,
        };
        if let Some(number) = self.names.iter().position(is) {
            return Ok(number);
        }
        let wanted = match path.steps.as_slice() {
            [Step::Member(member)] => member,
            _ => &path.text,
        };
        let columns = format!("columns: {}", self.names.join(", "));
        let help = match closest(wanted, self.names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`? {columns}"),
            None => columns,
        };
        Err((format!("no column `{wanted}`"), Some(help)))
    }

    /// A row has bounds, not an event time.
    fn has_event_time(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_by_name() {
        let names = ["window_start", "country", "d.x", "\"a.b\".c", "a b"];
        let mut columns = Columns { names: names.map(str::to_owned).to_vec() };
        let mut check = |steps: &[&str], text: &str, want: Result<usize, &str>| {
            let steps = steps.iter().map(|step| Step::Member((*step).to_owned())).collect();
            let found = columns.field(&FieldPath { steps, text: text.to_owned() });
            let found = found.map_err(|(message, help)| format!("{message}; {}", help.unwrap_or_default()));
            assert_eq!(found, want.map_err(str::to_owned), "{text}");
        };
        check(&["country"], "country", Ok(1));
        check(&["country"], "\"country\"", Ok(1));
        check(&["d", "x"], "d.x", Ok(2));
        check(&["d.x"], "\"d.x\"", Ok(2));
        check(&["a.b", "c"], "\"a.b\".c", Ok(3));
        check(&["a b"], "\"a b\"", Ok(4));
        let all = r#"columns: window_start, country, d.x, "a.b".c, a b"#;
        let wrong = format!("no column `contry`; did you mean `country`? {all}");
        check(&["contry"], "contry", Err(&wrong));
        check(&["nothing"], "nothing", Err(&format!("no column `nothing`; {all}")));
    }
}
