//! Walks over a JSON record for all of its fields.
//!
//! The record has been accepted by the reader of the job, so nothing is checked once more: this only finds names and
//! values, and of a record that had not been checked it would make nonsense, or stop early, and no harm.

use std::borrow::Cow;

use super::fields::{Fields, ROOT};
use crate::parse::json;
use crate::value::Value;

/// Notes all fields of a record, of valid JSON.
pub fn record(fields: &mut Fields, record: &str) {
    fields.records += 1;
    Walk { fields, text: record, at: 0 }.object(ROOT);
}

struct Walk<'f, 't> {
    fields: &'f mut Fields,
    text: &'t str,
    at: usize,
}

impl<'t> Walk<'_, 't> {
    fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space, which is passed over; 0 at the end.
    #[inline(always)]
    fn next(&mut self) -> u8 {
        while let Some(&byte) = self.bytes().get(self.at) {
            self.at += 1;
            if byte > b' ' {
                return byte;
            }
        }
        0
    }

    /// The inside of the string behind whose quote this stands, and whether it has escapes.
    #[inline(always)]
    fn string(&mut self) -> (&'t str, bool) {
        let (bytes, start) = (self.bytes(), self.at);
        let mut escapes = false;
        loop {
            let stop = bytes[self.at..].iter().position(|byte| matches!(byte, b'"' | b'\\'));
            let Some(stop) = stop.map(|stop| self.at + stop) else {
                self.at = bytes.len();
                return ("", false);
            };
            if bytes[stop] == b'"' {
                self.at = stop + 1;
                return (&self.text[start..stop], escapes);
            }
            escapes = true;
            self.at = (stop + 2).min(bytes.len());
        }
    }

    /// The members of the object at whose bracket this stands.
    fn object(&mut self, node: u32) {
        if self.next() != b'{' {
            return;
        }
        // Members mostly stand in the order in which they did before.
        let mut place = 0;
        loop {
            match self.next() {
                b',' => continue,
                b'"' => {}
                _ => return,
            }
            let (name, escapes) = self.string();
            let child = match escapes {
                false => self.member(node, name.as_bytes(), place),
                true => self.fields.child(node, unescaped(name).as_bytes(), false),
            };
            self.next();
            match child {
                Some(child) => {
                    place += 1;
                    self.value(child);
                }
                None => self.skip(),
            }
        }
    }

    /// The member of this name, which most likely is the one at this place.
    #[inline(always)]
    fn member(&mut self, node: u32, name: &[u8], place: usize) -> Option<u32> {
        let likely = self.fields.all[node as usize].members.get(place).copied();
        match likely {
            Some(likely) if *self.fields.all[likely as usize].name == *name => Some(likely),
            _ => self.fields.child(node, name, false),
        }
    }

    /// Notes the value that comes next.
    fn value(&mut self, node: u32) {
        let field = &mut self.fields.all[node as usize];
        if field.record == self.fields.records {
            // Of a repeated member the first counts.
            return self.skip();
        }
        field.record = self.fields.records;
        match self.next() {
            b'"' => {
                let (text, escapes) = self.string();
                let text = if escapes { unescaped(text) } else { Cow::Borrowed(text) };
                self.fields.value(node, &Value::Text(text));
            }
            b'{' => {
                self.at -= 1;
                self.fields.value(node, &Value::Json(Cow::Borrowed("{")));
                self.object(node);
            }
            b'[' => {
                self.fields.value(node, &Value::Json(Cow::Borrowed("[")));
                self.array(node);
            }
            b't' => self.word(node, "true", &Value::Bool(true)),
            b'f' => self.word(node, "false", &Value::Bool(false)),
            b'n' => self.word(node, "null", &Value::Null),
            0 => {}
            _ => {
                let start = self.at - 1;
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']') || *byte <= b' ';
                let bytes = self.bytes();
                let len = bytes[start..].iter().position(is_end).unwrap_or(bytes.len() - start);
                self.at = start + len;
                if let Some(number) = self.text.get(start..start + len) {
                    self.fields.value(node, &Value::Written(number));
                }
            }
        }
    }

    fn word(&mut self, node: u32, word: &str, value: &Value<'_>) {
        self.at += word.len() - 1;
        self.fields.value(node, value);
    }

    /// The first element of the array behind whose bracket this stands; the others are passed over.
    fn array(&mut self, node: u32) {
        if self.next() == b']' {
            return;
        }
        self.at -= 1;
        match self.fields.child(node, b"[0]", true) {
            Some(element) => self.value(element),
            None => self.skip(),
        }
        self.close(1);
    }

    /// Passes over the value that comes next.
    fn skip(&mut self) {
        match self.next() {
            b'"' => {
                self.string();
            }
            b'{' | b'[' => self.close(1),
            _ => {
                let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']');
                let rest = &self.bytes()[self.at.min(self.text.len())..];
                self.at += rest.iter().position(is_end).unwrap_or(rest.len());
            }
        }
    }

    /// Passes over all up to the end of so many objects and arrays.
    fn close(&mut self, mut open: usize) {
        while open > 0 {
            match self.next() {
                b'"' => {
                    self.string();
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                0 => return,
                _ => {}
            }
        }
    }
}

fn unescaped(raw: &str) -> Cow<'static, str> {
    let mut text = Vec::new();
    json::unescape(raw.as_bytes(), &mut text);
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(records: &[&str]) -> Vec<(String, u64, u64)> {
        let mut fields = Fields::new(None);
        records.iter().for_each(|text| record(&mut fields, text));
        fields.listed().iter().map(|field| (field.text(), field.values(), field.nulls)).collect()
    }

    #[test]
    fn every_field_is_found() {
        let records = [
            r#"{"a":1,"b":{"c":"x, }\" y","d":[]},"e":null}"#,
            r#" { "e" : true , "b" : { "d" : [ { "f" : 1.5e3 } , { "f" : 2 } , "]" ] } , "a" : "" } "#,
            r#"{"a":1,"a":null,"\u0062":{"c":"\u0041"},"g h":-1}"#,
            "{}",
        ];
        let want = [
            ("a", 3, 0),
            ("b", 3, 0),
            ("b.c", 2, 0),
            ("b.d", 2, 0),
            ("b.d[0]", 1, 0),
            ("b.d[0].f", 1, 0),
            ("e", 1, 1),
            ("\"g h\"", 1, 0),
        ];
        assert_eq!(walk(&records), want.map(|(name, values, nulls)| (name.to_owned(), values, nulls)));
    }

    /// Against serde_json, on records of any shape: the same members with the same values.
    #[test]
    fn agrees_with_the_reference() {
        fn count(value: &serde_json::Value) -> u64 {
            match value {
                serde_json::Value::Object(members) => members.values().map(|value| 1 + count(value)).sum(),
                serde_json::Value::Array(elements) => elements.first().map_or(0, |value| 1 + count(value)),
                _ => 0,
            }
        }
        let mut random = fastrand::Rng::with_seed(11);
        fn make(random: &mut fastrand::Rng, depth: u32) -> serde_json::Value {
            match random.u32(if depth > 4 { 0..5 } else { 0..7 }) {
                0 => serde_json::Value::Null,
                1 => random.bool().into(),
                2 => random.i64(..).into(),
                3 => (f64::from(random.i32(..)) / 64.0).into(),
                4 => random.choice(["", "a\"b", "\\", "{[,]}", "é\n", "plain"]).unwrap_or("").into(),
                5 => (0..random.usize(0..4)).map(|_| make(random, depth + 1)).collect(),
                _ => {
                    let name = |n: usize| ["a", "b\"", "c.d", "\\e"][n].to_owned();
                    let members = (0..random.usize(0..4)).map(|n| (name(n), make(random, depth + 1)));
                    serde_json::Value::Object(members.collect())
                }
            }
        }
        for _ in 0..2000 {
            let value = make(&mut random, 0);
            let text = serde_json::json!({ "v": value, "w": 1 }).to_string();
            let found: u64 = walk(&[&text]).iter().map(|(_, values, nulls)| values + nulls).sum();
            assert_eq!(found, 2 + count(&value), "{text}");
        }
    }

    #[test]
    fn nonsense_does_no_harm() {
        for text in [
            "",
            "{",
            "{\"a",
            "{\"a\":",
            "{\"a\":[",
            "{\"a\":[1,{",
            "[1]",
            "{\"a\":tr",
            "{\"a\":\"\\",
            "{\"é\\",
        ] {
            walk(&[text]);
        }
    }
}
