//! NDJSON by serde_json: what each line is, and whether the rows of a reader say the same. For comparisons only:
//! it reads everything and knows nothing of how the product does it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use windrow::expr::{FieldPath, Step};
use windrow::parse::batch::{Cell, field_value};
use windrow::parse::json::Fault;
use windrow::parse::rows::Flaw;
use windrow::value::Value;

/// JSON as the reference reads it, every member kept in its place.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'t> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'t, str>),
    List(Vec<Json<'t>>),
    Members(Vec<(Cow<'t, str>, Json<'t>)>),
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json<'de>, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E: Error>(self, bool: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(bool))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = list.next_element()? {
            all.push(element);
        }
        Ok(Json::List(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        // As many as most records have.
        let mut all = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(Name)? {
            all.push((name, map.next_value()?));
        }
        Ok(Json::Members(all))
    }
}

/// A member's name, which is not copied unless it holds an escape.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}

impl Json<'_> {
    /// What stands at a path; of repeated members the first counts.
    fn at(&self, steps: &[Step]) -> &Self {
        let Some((step, rest)) = steps.split_first() else { return self };
        let inner = match (self, step) {
            (Json::Members(all), Step::Member(name)) => all.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            (Json::List(all), Step::Index(index)) => all.get(*index),
            _ => None,
        };
        inner.map_or(&Json::Null, |inner| inner.at(rest))
    }
}

/// What the reference says of a line.
#[derive(Debug)]
pub enum Line<'t> {
    Record(Json<'t>),
    /// It is no record, for this flaw.
    Flawed(Flaw),
    /// The reference has limits that we do not have, or others: numbers beyond a double are text to us, and it
    /// counts depth otherwise.
    Unlike,
}

/// All lines of a chunk that are not blank, and where each stands, white space before it and a CR left out.
pub fn lines(chunk: &[u8]) -> Vec<((u32, u32), Line<'_>)> {
    let mut next = 0;
    let mut all = Vec::new();
    for line in chunk.split(|byte| *byte == b'\n') {
        let space = line.iter().take_while(|byte| b" \t\r".contains(byte)).count();
        let (start, end) = (next + space, next + line.len());
        next = end + 1;
        if start < end {
            let cr = usize::from(chunk[end - 1] == b'\r');
            all.push(((start as u32, (end - cr) as u32), read(&chunk[start..end])));
        }
    }
    all
}

fn read(line: &[u8]) -> Line<'_> {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return Line::Flawed(Flaw::Utf8(error.valid_up_to())),
    };
    match serde_json::from_str(text) {
        Ok(record @ Json::Members(_)) => Line::Record(record),
        Err(error) if !error.is_eof() && is_unlike(&error.to_string()) => Line::Unlike,
        _ => Line::Flawed(Flaw::Json(Fault::Malformed)),
    }
}

fn is_unlike(error: &str) -> bool {
    error.contains("out of range") || error.contains("recursion limit")
}

/// Whether what a reader found in a line (cells that point into the chunk and the arena, or a flaw) is what the
/// reference finds there.
pub fn agrees(
    line: &Line<'_>,
    found: Result<&[Cell], Flaw>,
    fields: &[FieldPath],
    chunk: &[u8],
    arena: &[u8],
) -> bool {
    match (line, found) {
        (Line::Record(record), Ok(cells)) => fields
            .iter()
            .zip(cells)
            .all(|(field, cell)| is_same(&field_value(chunk, arena, *cell), record.at(&field.steps), chunk)),
        (Line::Flawed(theirs), Err(ours)) => *theirs == ours,
        (Line::Unlike, _) => true,
        _ => false,
    }
}

fn is_same(ours: &Value<'_>, theirs: &Json<'_>, chunk: &[u8]) -> bool {
    match (ours, theirs) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(a), Json::Bool(b)) => a == b,
        (Value::Written(text), Json::Number(b)) => {
            is_whole(text, chunk) && text.parse().is_ok_and(|a| is_near(a, *b))
        }
        (Value::Text(a), Json::Text(b)) => a == b,
        (Value::Json(raw), Json::List(_) | Json::Members(_)) => {
            serde_json::from_str::<Json<'_>>(raw).is_ok_and(|raw| raw == *theirs)
        }
        _ => false,
    }
}

/// The reference may be off by a few in the last place of numbers that are long or near the ends of the range.
fn is_near(a: f64, b: f64) -> bool {
    a == b || (a.is_sign_negative() == b.is_sign_negative() && a.to_bits().abs_diff(b.to_bits()) <= 4)
}

/// Whether a number that stands in the chunk goes on neither before nor behind what was taken of it.
fn is_whole(number: &str, chunk: &[u8]) -> bool {
    let Some(start) = (number.as_ptr() as usize).checked_sub(chunk.as_ptr() as usize) else { return false };
    let goes_on = |byte: Option<&u8>| byte.is_some_and(|byte| b"+-.0123456789Ee".contains(byte));
    !goes_on(start.checked_sub(1).and_then(|before| chunk.get(before)))
        && !goes_on(chunk.get(start + number.len()))
}
