//! Numbers the fields of a job on demand: the scope of all expressions over events.

use crate::expr::{FieldPath, Scope};

/// The fields asked for so far, by number. No field stands twice, however it was written.
#[derive(Debug, Default)]
pub struct Fields {
    paths: Vec<FieldPath>,
    /// Whether fields have numbers for names.
    numbered: bool,
}

impl Fields {
    /// No fields yet; with `numbered` they are called 1, 2, 3, ...
    pub fn new(numbered: bool) -> Fields {
        Fields { paths: Vec::new(), numbered }
    }

    /// The number of a field.
    pub fn number(&mut self, path: &FieldPath) -> usize {
        // The text is how the user wrote the path; only the steps say which field it is.
        if let Some(known) = self.paths.iter().position(|known| known.steps == path.steps) {
            return known;
        }
        self.paths.push(path.clone());
        self.paths.len() - 1
    }

    /// The fields, in the order of their numbers.
    pub fn into_paths(self) -> Vec<FieldPath> {
        self.paths
    }
}

impl Scope for Fields {
    /// Any field may be in some event, so none is refused.
    fn field(&mut self, path: &FieldPath) -> Result<usize, (String, Option<String>)> {
        Ok(self.number(path))
    }

    fn has_event_time(&self) -> bool {
        true
    }

    fn takes_any_name(&self) -> bool {
        true
    }

    fn numbers_are_fields(&self) -> bool {
        self.numbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Step;

    #[test]
    fn no_field_twice() {
        let path = |name: &str, text: &str| FieldPath {
            steps: vec![Step::Member(name.to_owned())],
            text: text.to_owned(),
        };
        let mut fields = Fields::default();
        assert_eq!(fields.number(&path("a", "a")), 0);
        assert_eq!(fields.number(&path("b", "b")), 1);
        assert_eq!(fields.number(&path("a", "\"a\"")), 0);
        assert_eq!(fields.field(&path("c", "c")), Ok(2));
        let texts: Vec<_> = fields.into_paths().into_iter().map(|path| path.text).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
