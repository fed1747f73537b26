//! Which rows are drawn of a result with windows of several kinds: those of one.
//!
//! It compares names as they were written, and knows nothing of what they mean.

use std::ffi::OsStr;

use crate::error::{Error, Escaped};
use crate::outline;
use crate::parse::hints;
use crate::suggest;
use crate::value::Value;

/// As many kinds are listed in messages; a job has a few.
const KINDS_MAX: usize = 20;

/// The kinds of windows that have been seen, and the one that is drawn.
#[derive(Debug)]
pub struct Kinds {
    /// `--window`; without it the first that is seen.
    drawn: Option<String>,
    is_asked: bool,
    /// In the order in which they came, at most one more than are listed.
    seen: Vec<String>,
    /// Where the kind of the row before is among them: mostly the next one is of the same.
    last: usize,
    /// Whether there was a row to draw.
    found: bool,
}

impl Kinds {
    /// None seen; `asked` is `--window`.
    pub fn new(asked: Option<&str>) -> Kinds {
        Kinds {
            drawn: asked.map(str::to_owned),
            is_asked: asked.is_some(),
            seen: Vec::new(),
            last: 0,
            found: false,
        }
    }

    /// Notes the kind of a row: whether the row is to be drawn.
    pub fn is_drawn(&mut self, value: &Value<'_>) -> bool {
        let name = match value {
            Value::Text(text) | Value::Json(text) => text.as_ref(),
            Value::Untyped(text) | Value::Written(text) => text,
            other => other.kind(),
        };
        if self.seen.get(self.last).is_none_or(|last| last != name) {
            match self.seen.iter().position(|seen| seen == name) {
                Some(at) => self.last = at,
                None if self.seen.len() <= KINDS_MAX => {
                    self.last = self.seen.len();
                    self.seen.push(name.to_owned());
                }
                None => {}
            }
        }
        let is_drawn = self.drawn.get_or_insert_with(|| name.to_owned()) == name;
        self.found |= is_drawn;
        is_drawn
    }

    /// Whether what has been seen makes one chart.
    ///
    /// # Errors
    /// [`Error::Usage`] if there were several kinds and none was asked for, or rows, but none of the kind asked for.
    pub fn check(&self) -> Result<(), Error> {
        let names = hints::listed(&self.seen, KINDS_MAX);
        match (&self.drawn, &self.seen[..]) {
            (Some(asked), [_, ..]) if !self.found => {
                let meant = suggest::did_you_mean(asked, self.seen.iter().map(String::as_str));
                let meant = meant.map_or_else(String::new, |meant| format!(" {meant}"));
                Err(Error::usage(format!(
                    "--window: there are no windows of the kind `{}`;{meant} there are {names}",
                    Escaped(asked)
                )))
            }
            (_, [first, _, ..]) if !self.is_asked => Err(Error::usage(format!(
                "it has windows of several kinds ({names}), and a chart draws one; name it, as in --window {}",
                outline::word(OsStr::new(first))
            ))),
            _ => Ok(()),
        }
    }
}

/// That `--window` was given for a result with windows of one kind.
pub fn without_column() -> Error {
    Error::usage("--window: it has no first column `window`, as rows of several -w have; leave --window out")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many rows of these kinds are drawn, or why none are.
    fn check(asked: Option<&str>, rows: &[&str], want: Result<usize, &str>) {
        let mut kinds = Kinds::new(asked);
        let drawn = rows.iter().filter(|name| kinds.is_drawn(&Value::Untyped(name))).count();
        let found = kinds.check().map(|()| drawn).map_err(|error| error.to_string());
        assert_eq!(found, want.map_err(str::to_owned), "{asked:?} of {rows:?}");
    }

    #[test]
    fn one_kind_is_drawn() {
        check(None, &[], Ok(0));
        check(Some("1h"), &[], Ok(0));
        check(None, &["1h", "1h"], Ok(2));
        check(Some("1h"), &["1h", "1d", "1h", "1d"], Ok(2));
        check(Some("1d"), &["1h", "1d", "1h"], Ok(1));
        let several = "it has windows of several kinds (1d, session:30s), and a chart draws one; \
                       name it, as in --window 1d";
        check(None, &["1d", "session:30s", "1d"], Err(several));
        check(
            Some("sesion:30s"),
            &["1d", "session:30s"],
            Err("--window: there are no windows of the kind `sesion:30s`; did you mean \
                 `session:30s`? there are 1d, session:30s"),
        );
    }

    #[test]
    fn of_very_many_kinds_one_is_drawn_all_the_same() {
        let names: Vec<String> = (0..100).map(|n| format!("{n}s")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        check(Some("77s"), &names, Ok(1));
        let mut kinds = Kinds::new(None);
        names.iter().for_each(|name| assert_eq!(kinds.is_drawn(&Value::Untyped(name)), *name == "0s"));
        assert!(kinds.check().is_err() && kinds.seen.len() == KINDS_MAX + 1);
    }
}
