//! The model's own reading of inputs: records with where they stand, and their fields.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A value of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Null,
    False,
    True,
    /// A number as written.
    Number(String),
    Text(String),
    /// A field of CSV: text, yet a number where one is wanted.
    Field(String),
    /// An object or array as written.
    Json(String),
}

impl Value {
    /// The text of a number, or of a CSV field that reads as one.
    pub fn number(&self) -> Option<&str> {
        match self {
            Value::Number(text) | Value::Field(text) if super::number::decimal(text).is_some() => Some(text),
            _ => None,
        }
    }

    /// As it is written in NDJSON rows.
    pub fn json(&self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::False => "false".to_owned(),
            Value::True => "true".to_owned(),
            Value::Number(text) | Value::Json(text) => text.clone(),
            Value::Text(text) | Value::Field(text) => serde_json::to_string(text).expect("text is JSON"),
        }
    }

    /// As it is written in CSV rows.
    pub fn csv(&self) -> String {
        let text = match self {
            Value::Null => String::new(),
            Value::Text(text) | Value::Field(text) | Value::Json(text) => text.clone(),
            other => other.json(),
        };
        match text.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text,
        }
    }
}

/// One record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it starts.
    pub line: u64,
    pub offset: u64,
    /// Its text without the line end; what is not UTF-8 is replaced.
    pub text: String,
    /// Its fields in order, or that it is malformed.
    pub fields: Option<Vec<(String, Value)>>,
}

impl Record {
    /// The value of a field; null if it is absent.
    pub fn field(&self, name: &str) -> Value {
        let fields = self.fields.as_deref().unwrap_or_default();
        fields.iter().find(|(n, _)| n == name).map_or(Value::Null, |(_, value)| value.clone())
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The records of an NDJSON input.
pub fn ndjson(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut offset = 0;
    for (n, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let mut at = offset;
        offset += line.len();
        let mut line = line.strip_suffix(b"\n").unwrap_or(line);
        if n == 0 && line.starts_with(BOM) {
            (line, at) = (&line[3..], 3);
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            let text = String::from_utf8_lossy(line).into_owned();
            let fields = std::str::from_utf8(line).ok().and_then(members);
            records.push(Record { line: n as u64 + 1, offset: at as u64, text, fields });
        }
    }
    records
}

/// The members of an object in order; `None` for text that is no object.
fn members(text: &str) -> Option<Vec<(String, Value)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members).ok()?;
    deserializer.end().ok()?;
    let value = |raw: &RawValue| {
        Some(match raw.get() {
            "null" => Value::Null,
            "false" => Value::False,
            "true" => Value::True,
            text if text.starts_with('"') => Value::Text(serde_json::from_str(text).ok()?),
            text if text.starts_with(['{', '[']) => Value::Json(text.to_owned()),
            text => Value::Number(text.to_owned()),
        })
    };
    members.into_iter().map(|(name, raw)| Some((name, value(raw)?))).collect()
}

/// The records of a CSV input with a header.
pub fn csv(bytes: &[u8]) -> Vec<Record> {
    let skip = if bytes.starts_with(BOM) { 3 } else { 0 };
    let mut rows = csv_rows(bytes, skip).into_iter();
    let Some(header) = rows.next() else { return Vec::new() };
    let names: Vec<String> = header.fields.expect("the model's headers are whole");
    let record = |row: Row| {
        let utf8 = std::str::from_utf8(row.bytes).is_ok();
        let fields = row.fields.filter(|fields| utf8 && fields.len() == names.len());
        let value = |text: String| if text.is_empty() { Value::Null } else { Value::Field(text) };
        Record {
            line: row.line,
            offset: row.offset as u64,
            text: String::from_utf8_lossy(row.bytes).into_owned(),
            fields: fields.map(|fields| names.iter().cloned().zip(fields.into_iter().map(value)).collect()),
        }
    };
    rows.map(record).collect()
}

struct Row<'b> {
    line: u64,
    offset: usize,
    bytes: &'b [u8],
    /// `None`: a quote is left open.
    fields: Option<Vec<String>>,
}

/// RFC 4180, byte by byte.
fn csv_rows(bytes: &[u8], mut at: usize) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut line = 1;
    while at < bytes.len() {
        let (start, start_line) = (at, line);
        let mut fields = vec![Vec::new()];
        let (mut quoted, mut closed, mut end) = (false, false, bytes.len());
        while at < bytes.len() {
            let byte = bytes[at];
            at += 1;
            let field = fields.last_mut().expect("there is one");
            let first = at - 1 == start || (bytes[at - 2] == b',' && field.is_empty() && !closed);
            match byte {
                b'"' if quoted && bytes.get(at) == Some(&b'"') => {
                    field.push(b'"');
                    at += 1;
                }
                b'"' if quoted => (quoted, closed) = (false, true),
                b'"' if first => quoted = true,
                b',' if !quoted => {
                    fields.push(Vec::new());
                    closed = false;
                }
                b'\n' => {
                    line += 1;
                    if !quoted {
                        end = at - 1;
                        break;
                    }
                    field.push(byte);
                }
                _ => field.push(byte),
            }
        }
        if end > start && bytes[end - 1] == b'\r' {
            end -= 1;
            let last = fields.last_mut().expect("there is one");
            if !quoted && last.last() == Some(&b'\r') {
                last.pop();
            }
        }
        if end > start {
            let text = |field: Vec<u8>| String::from_utf8_lossy(&field).into_owned();
            let fields = (!quoted).then(|| fields.into_iter().map(text).collect());
            rows.push(Row { line: start_line, offset: start, bytes: &bytes[start..end], fields });
        }
    }
    rows
}
