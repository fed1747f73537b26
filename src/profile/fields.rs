//! The fields of all records: of which types, how often, with how many different values.
//!
//! A tree of members, and of the first elements of arrays: what the options of a job can name. It is bounded; beyond
//! that it is only noted that there are more.

use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::formats::{Formats, Votes};
use crate::aggregate::Distinct;
use crate::expr::{FieldPath, Step};
use crate::parse::near;
use crate::value::Value;

/// The most fields that are told apart.
pub(super) const FIELDS_MAX: usize = 1000;
/// The most members of an inner object that are: more are most likely data in the place of names.
const MEMBERS_MAX: usize = 200;
/// How many examples of a field are kept, and how many characters of each.
const EXAMPLES_MAX: usize = 3;
const EXAMPLE_CHARS: usize = 40;
/// Hashes that were just met need not be looked at again.
const RECENT: usize = 64;
/// What is approximate comes out the same every time.
const SEED: u64 = 0x7072_6f66_696c_6500;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A number without fraction and exponent.
    Integer,
    /// Another number.
    Number,
    /// Text.
    Text,
    /// A JSON object.
    Object,
    /// A JSON array.
    Array,
}

impl Kind {
    /// All kinds, as they are listed.
    pub const ALL: [Kind; 6] =
        [Kind::Boolean, Kind::Integer, Kind::Number, Kind::Text, Kind::Object, Kind::Array];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Text => "text",
            Kind::Object => "object",
            Kind::Array => "array",
        }
    }
}

/// A field.
#[derive(Debug)]
pub struct Field {
    /// Where it stands.
    pub steps: Vec<Step>,
    /// Whether a CSV header has its name twice, so that a job cannot use it.
    pub repeated: bool,
    /// How many records have it as null.
    pub nulls: u64,
    /// How many have it, by [`Kind::ALL`].
    pub kinds: [u64; Kind::ALL.len()],
    /// Its first different values, cut.
    pub examples: Vec<String>,
    /// Which time formats its values fit, while a sample is looked at.
    pub votes: Option<Box<Votes>>,
    /// The record that had it last: only the first member of a name counts.
    pub(super) record: u64,
    pub(super) members: Vec<u32>,
    /// The name of its last step.
    pub(super) name: Box<[u8]>,
    distinct: Distinct,
    recent: Box<[u64; RECENT]>,
}

/// All fields met so far.
#[derive(Debug, Default)]
pub struct Fields {
    /// The fields; the first stands for the record itself.
    pub(super) all: Vec<Field>,
    by_name: HashMap<(u32, Box<[u8]>), u32>,
    /// How many records were looked at.
    pub records: u64,
    /// Whether there are more fields than are told apart.
    pub more: bool,
    /// The time formats to try, while a sample is looked at.
    formats: Option<Formats>,
}

/// The record itself.
pub(super) const ROOT: u32 = 0;

impl Fields {
    /// No fields yet. With formats, it is noted which values may be times.
    pub fn new(formats: Option<Formats>) -> Fields {
        let mut fields = Fields { formats, ..Fields::default() };
        fields.all.push(Field::new(Vec::new(), Box::default(), false));
        fields
    }

    /// All fields, in the order in which they were met, but members behind the object that has them.
    pub fn listed(&self) -> Vec<&Field> {
        let (mut open, mut listed) = (vec![ROOT], Vec::new());
        while let Some(at) = open.pop() {
            let field = &self.all[at as usize];
            open.extend(field.members.iter().rev());
            if at != ROOT {
                listed.push(field);
            }
        }
        listed
    }

    /// The time formats that are tried.
    pub fn formats(&self) -> Option<&Formats> {
        self.formats.as_ref()
    }

    /// The records that come next are of another input.
    pub fn next_input(&mut self) {
        self.formats.iter_mut().for_each(Formats::next_input);
    }

    /// A member or element of a field; `None` if there are too many.
    pub fn child(&mut self, parent: u32, name: &[u8], is_element: bool) -> Option<u32> {
        if let Some(&known) = self.by_name.get(&(parent, Box::from(name))) {
            return Some(known);
        }
        let number = self.all.len();
        let is_crowded = parent != ROOT && self.all[parent as usize].members.len() >= MEMBERS_MAX;
        if number > FIELDS_MAX || is_crowded {
            self.more = true;
            return None;
        }
        let mut steps = self.all[parent as usize].steps.clone();
        steps.push(match is_element {
            true => Step::Index(0),
            false => Step::Member(String::from_utf8_lossy(name).into_owned()),
        });
        let number = number as u32;
        self.all.push(Field::new(steps, name.into(), self.formats.is_some()));
        self.all[parent as usize].members.push(number);
        self.by_name.insert((parent, name.into()), number);
        Some(number)
    }

    /// Notes a value of a field.
    #[inline]
    pub fn value(&mut self, field: u32, value: &Value<'_>) {
        let field = &mut self.all[field as usize];
        let text: &str = match value {
            Value::Null => {
                field.nulls += 1;
                return;
            }
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Written(text) | Value::Untyped(text) => text,
            Value::Text(text) | Value::Json(text) => text,
            // Only expressions compute numbers.
            Value::Number(_) => return,
        };
        let kind = kind(value, text);
        field.kinds[kind as usize] += 1;
        if matches!(kind, Kind::Object | Kind::Array) {
            return;
        }
        field.distinct(kind, text);
        if let (Some(votes), Some(formats)) = (&mut field.votes, &self.formats) {
            votes.value(value, formats);
        }
    }
}

/// What a value is; text of CSV that reads as a number is one.
#[inline]
fn kind(value: &Value<'_>, text: &str) -> Kind {
    match value {
        Value::Bool(_) => Kind::Boolean,
        Value::Json(_) if text.starts_with('{') => Kind::Object,
        Value::Json(_) => Kind::Array,
        Value::Untyped(_) if !reads_as_number(value, text) => Kind::Text,
        Value::Written(_) | Value::Untyped(_) => {
            let is_whole = |byte: u8| byte.is_ascii_digit() || byte == b'-' || byte == b'+';
            if text.bytes().all(is_whole) { Kind::Integer } else { Kind::Number }
        }
        _ => Kind::Text,
    }
}

fn reads_as_number(value: &Value<'_>, text: &str) -> bool {
    let begins_so = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.');
    text.as_bytes().first().is_some_and(begins_so) && value.as_number().is_some()
}

impl Field {
    fn new(steps: Vec<Step>, name: Box<[u8]>, votes: bool) -> Field {
        Field {
            steps,
            repeated: false,
            nulls: 0,
            kinds: [0; Kind::ALL.len()],
            examples: Vec::new(),
            votes: votes.then(Box::default),
            record: 0,
            members: Vec::new(),
            name,
            distinct: Distinct::default(),
            recent: Box::new([0; RECENT]),
        }
    }

    #[inline]
    fn distinct(&mut self, kind: Kind, text: &str) {
        let hash = xxh3_64_with_seed(text.as_bytes(), SEED + kind as u64);
        let recent = &mut self.recent[hash as usize % RECENT];
        if *recent == hash {
            return;
        }
        *recent = hash;
        self.distinct.insert(hash);
        if self.examples.len() < EXAMPLES_MAX {
            self.example(text);
        }
    }

    #[inline(never)]
    fn example(&mut self, text: &str) {
        let mut example: String = text.chars().take(EXAMPLE_CHARS).collect();
        if example.len() < text.len() {
            example += "...";
        }
        if !self.examples.contains(&example) {
            self.examples.push(example);
        }
    }

    /// How many records have a value of it that is not null.
    pub fn values(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// How many different values there are: exact up to 512, then with a standard error of 1.6 %.
    pub fn distinct_values(&self) -> u64 {
        self.distinct.estimate().min(self.values())
    }

    /// Whether that is exact.
    pub fn is_distinct_exact(&self) -> bool {
        self.distinct.is_exact()
    }

    /// The kind of most of its values.
    pub fn kind(&self) -> Option<Kind> {
        let most = *self.kinds.iter().max()?;
        Kind::ALL.into_iter().find(|kind| most > 0 && self.kinds[*kind as usize] == most)
    }

    /// The path as the options of a job take it; `None` for a name that they cannot take.
    pub fn path(&self) -> Option<FieldPath> {
        let is_named = |step: &Step| !matches!(step, Step::Member(name) if name.is_empty());
        self.steps.iter().all(is_named).then(|| FieldPath { steps: self.steps.clone(), text: self.text() })
    }

    /// The path as text.
    pub fn text(&self) -> String {
        near::written(&self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_values() {
        let mut fields = Fields::new(None);
        let field = fields.child(ROOT, b"a.b", false).expect("there is room");
        let csv = ["1", "-2", "1.5", "1e3", "abc", "12:30", "+7", ".5", "1"].map(Value::Untyped);
        let json = [Value::Bool(true), Value::Null, Value::Written("3"), Value::Json("[1]".into())];
        csv.iter().chain(&json).for_each(|value| fields.value(field, value));
        let field = fields.listed()[0];
        assert_eq!((field.kinds, field.nulls), ([1, 5, 3, 2, 0, 1], 1));
        assert_eq!((field.distinct_values(), field.kind()), (10, Some(Kind::Integer)));
        assert_eq!((field.text().as_str(), field.examples.len()), ("\"a.b\"", 3));
    }

    #[test]
    fn names_in_any_number_are_bounded() {
        let mut fields = Fields::new(None);
        for parent in ["a", "b", "c", "d", "e", "f"] {
            let Some(parent) = fields.child(ROOT, parent.as_bytes(), false) else { continue };
            for name in 0..300 {
                fields.child(parent, format!("{name}").as_bytes(), false);
            }
        }
        assert!(fields.more && fields.all.len() <= FIELDS_MAX + 1);
        assert_eq!(fields.all[1].members.len(), MEMBERS_MAX);
    }
}
