//! Values that outlive their batch: what `first`, `min`, `topk` and the like keep.
//!
//! A stored value is a kind and a text, held in place when short. Numbers stay as written.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::{compare_written, is_json_number, is_number};
use crate::value::Value;

/// The longest text held in place.
const INLINE: usize = 22;

/// A text of any length, in 24 bytes when short.
#[derive(Debug, Clone)]
enum Text {
    Inline(u8, [u8; INLINE]),
    Heap(Box<[u8]>),
}

impl Text {
    fn new(bytes: &[u8]) -> Text {
        match bytes.len() {
            len @ 0..=INLINE => {
                let mut held = [0; INLINE];
                held[..len].copy_from_slice(bytes);
                Text::Inline(len as u8, held)
            }
            _ => Text::Heap(bytes.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Text::Inline(len, held) => &held[..usize::from(*len)],
            Text::Heap(bytes) => bytes,
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.bytes())
    }
}

/// As a sequence: see [`super::written`].
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(|bytes| Text::new(&bytes))
    }
}

/// What kind of value is stored, in the order in which kinds sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// JSON `false`.
    False,
    /// JSON `true`.
    True,
    /// A number, by its text.
    Number,
    /// Text, and CSV fields where they count as text.
    Text,
    /// A JSON object or array, raw.
    Json,
    /// A CSV field where it counts as a number though its text is not one in JSON (`+1`, `007`).
    Untyped,
}

/// A value that outlives its batch; never null.
#[derive(Debug, Clone)]
pub struct Stored {
    kind: Kind,
    text: Text,
}

/// The written form: the kind by its place in [`KINDS_V1`], and the text, in UTF-8.
#[derive(Serialize, Deserialize)]
pub struct StoredV1 {
    kind: u8,
    text: Text,
}

/// The kinds by the number they are written with.
const KINDS_V1: [Kind; 6] = [Kind::False, Kind::True, Kind::Number, Kind::Text, Kind::Json, Kind::Untyped];

impl StoredV1 {
    /// Sorts as a plain list of bytes does; the same for the same value only.
    pub fn key(&self) -> (u8, &[u8]) {
        (self.kind, self.text.bytes())
    }
}

impl Stored {
    /// Keeps a text of this kind.
    pub fn new(kind: Kind, text: &str) -> Stored {
        Stored { kind, text: Text::new(text.as_bytes()) }
    }

    /// Keeps a value, a CSV field as text; `None` for null.
    pub fn of(value: &Value<'_>) -> Option<Stored> {
        split(value).map(|(kind, text)| Stored::new(kind, &text))
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Memory taken up beside its own size, in bytes.
    pub fn beside(&self) -> usize {
        match &self.text {
            Text::Inline(..) => 0,
            Text::Heap(bytes) => bytes.len(),
        }
    }

    /// The text: of numbers as written, of text unescaped.
    pub fn bytes(&self) -> &[u8] {
        self.text.bytes()
    }

    /// The text: of numbers as written, of text unescaped.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).expect("stored texts were text")
    }

    /// The value again.
    pub fn value(&self) -> Value<'_> {
        match self.kind {
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Number => Value::Written(self.text()),
            Kind::Text => Value::Text(Cow::Borrowed(self.text())),
            Kind::Json => Value::Json(Cow::Borrowed(self.text())),
            Kind::Untyped => Value::Untyped(self.text()),
        }
    }

    /// The order of keys: false, true, numbers by value and then by text, texts by bytes.
    pub fn compare(&self, other: &Stored) -> Ordering {
        self.kind.cmp(&other.kind).then_with(|| {
            let by_value = match self.kind {
                Kind::Number => compare_written(self.text(), other.text()),
                _ => Ordering::Equal,
            };
            by_value.then_with(|| self.bytes().cmp(other.bytes()))
        })
    }
}

/// Between the live and the written form.
impl Stored {
    /// The written form.
    pub fn written(&self) -> StoredV1 {
        let kind = KINDS_V1.iter().position(|kind| *kind == self.kind).expect("all kinds have a number");
        StoredV1 { kind: kind as u8, text: self.text.clone() }
    }

    /// The value again; `None` if its text is none that its kind has.
    pub fn read(StoredV1 { kind, text }: StoredV1) -> Option<Stored> {
        let stored = Stored { kind: *KINDS_V1.get(usize::from(kind))?, text };
        let text = std::str::from_utf8(stored.bytes()).ok()?;
        let makes_sense = match stored.kind {
            Kind::False | Kind::True => text.is_empty(),
            Kind::Number => is_json_number(text),
            Kind::Untyped => is_number(text) && !is_json_number(text),
            Kind::Json => text.starts_with(['{', '[']),
            Kind::Text => true,
        };
        makes_sense.then_some(stored)
    }
}

/// A value's kind and text, a CSV field as text; `None` for null.
pub fn split<'a>(value: &'a Value<'_>) -> Option<(Kind, Cow<'a, str>)> {
    let (kind, text) = match value {
        Value::Null => return None,
        Value::Bool(false) => (Kind::False, ""),
        Value::Bool(true) => (Kind::True, ""),
        Value::Written(text) => (Kind::Number, *text),
        Value::Text(text) => (Kind::Text, text.as_ref()),
        Value::Untyped(text) => (Kind::Text, *text),
        Value::Json(raw) => (Kind::Json, raw.as_ref()),
        Value::Number(number) => {
            let mut text = Vec::new();
            number.write(&mut text);
            return Some((Kind::Number, String::from_utf8(text).expect("numbers are ASCII").into()));
        }
    };
    Some((kind, Cow::Borrowed(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were() {
        let long = "x".repeat(100);
        for value in [
            Value::Bool(false),
            Value::Bool(true),
            Value::Written("1.50"),
            Value::Text("".into()),
            Value::Text("a23456789012345678901x".into()),
            Value::Text("a23456789012345678901xy".into()),
            Value::Text(long.as_str().into()),
            Value::Json("[1, 2]".into()),
        ] {
            assert_eq!(format!("{:?}", Stored::of(&value).unwrap().value()), format!("{value:?}"));
        }
        assert!(Stored::of(&Value::Null).is_none());
        assert!(
            matches!(Stored::of(&Value::Untyped("5")).unwrap().value(), Value::Text(text) if text == "5")
        );
        assert_eq!(size_of::<Stored>(), 32);
    }

    #[test]
    fn values_sort_as_keys_do() {
        let order = [
            Value::Bool(false),
            Value::Bool(true),
            Value::Written("-1e400"),
            Value::Written("-1"),
            Value::Written("1"),
            Value::Written("1.0"),
            Value::Written("10"),
            Value::Text("".into()),
            Value::Text("1".into()),
            Value::Text("é".into()),
            Value::Json("[]".into()),
        ];
        let stored: Vec<Stored> = order.iter().filter_map(Stored::of).collect();
        for (n, a) in stored.iter().enumerate() {
            for (m, b) in stored.iter().enumerate() {
                assert_eq!(a.compare(b), n.cmp(&m), "{a:?} {b:?}");
            }
        }
    }
}
