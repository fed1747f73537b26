//! One line of NDJSON, member by member.

use std::io::{self, Write};

use crate::output::json::{write_json_string, write_json_value};
use crate::value::Value;

/// A JSON object that is being written.
pub struct Object {
    text: Vec<u8>,
}

impl Object {
    /// An object of a kind, which is its first member.
    pub fn of(kind: &str) -> Object {
        Object { text: b"{".to_vec() }.text("kind", kind)
    }

    fn name(&mut self, name: &str) {
        if self.text.last() != Some(&b'{') {
            self.text.push(b',');
        }
        write_json_string(name, &mut self.text);
        self.text.push(b':');
    }

    /// A member that is a string.
    pub fn text(mut self, name: &str, text: &str) -> Object {
        self.name(name);
        write_json_string(text, &mut self.text);
        self
    }

    /// A member that is JSON already: a number, `null`, `true`, or another object.
    pub fn raw(mut self, name: &str, json: impl std::fmt::Display) -> Object {
        self.name(name);
        let _ = write!(self.text, "{json}");
        self
    }

    /// A member that is an object of values, by name.
    pub fn values<'v>(
        mut self,
        name: &str,
        names: &[String],
        values: impl Iterator<Item = Value<'v>>,
    ) -> Object {
        self.name(name);
        self.text.push(b'{');
        for (name, value) in names.iter().zip(values) {
            self.name(name);
            write_json_value(&value, &mut self.text);
        }
        self.text.push(b'}');
        self
    }

    /// Writes the line.
    pub fn write(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.text.extend_from_slice(b"}\n");
        out.write_all(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        let mut out = Vec::new();
        let names = ["x".to_owned(), "a\"b".to_owned()];
        let object = Object::of("k").values("v", &names, [Value::Null, Value::Bool(true)].into_iter());
        object.raw("n", 7).values("e", &[], [].into_iter()).text("t", "\n").write(&mut out).unwrap();
        let want = "{\"kind\":\"k\",\"v\":{\"x\":null,\"a\\\"b\":true},\"n\":7,\"e\":{},\"t\":\"\\n\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
