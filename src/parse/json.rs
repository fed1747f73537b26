//! The general JSON scanner: checks one record completely and notes where the wanted fields stand.
//!
//! It accepts exactly the objects of RFC 8259 that stand on one line, hold no lone surrogate and nest at
//! most 128 deep, in one pass and without building anything. The caller has checked the UTF-8.
//! Of a repeated member the first counts, at every level.

use super::batch::{Cell, CellKind};
use crate::expr::{FieldPath, Step};

/// The deepest nesting of a usable record.
pub const DEPTH_MAX: u32 = 128;

/// The wanted fields as a tree of members and elements.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Node 0 is the record itself.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    members: Vec<(Box<[u8]>, u32)>,
    elements: Vec<(usize, u32)>,
    /// The number of the field that ends here.
    field: Option<u32>,
}

impl Shape {
    /// The tree of these fields; field i is reported as cell i.
    pub fn new(fields: &[FieldPath]) -> Shape {
        let mut shape = Shape { nodes: vec![Node::default()] };
        for (number, path) in (0u32..).zip(fields) {
            let mut at = 0;
            for step in &path.steps {
                at = shape.child(at, step);
            }
            shape.nodes[at].field = Some(number);
        }
        shape
    }

    fn child(&mut self, at: usize, step: &Step) -> usize {
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[at];
        let known = match step {
            Step::Member(name) => node.members.iter().find(|(n, _)| **n == *name.as_bytes()).map(|m| m.1),
            Step::Index(index) => node.elements.iter().find(|(i, _)| i == index).map(|e| e.1),
        };
        if let Some(known) = known {
            return known as usize;
        }
        match step {
            Step::Member(name) => node.members.push((name.as_bytes().into(), next)),
            Step::Index(index) => node.elements.push((*index, next)),
        }
        self.nodes.push(Node::default());
        next as usize
    }
}

/// What is wrong with a record. Everything that serde_json also refuses is worded by serde_json.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The text is no JSON, or no object, or more than one.
    Malformed,
    /// Nesting beyond [`DEPTH_MAX`].
    TooDeep,
}

/// Scans records of one shape; holds what is reused from record to record.
pub struct Scanner<'s> {
    shape: &'s Shape,
    /// Per node, the record in which it was last seen: only its first appearance counts.
    seen: Vec<u64>,
    record: u64,
    /// An unescaped member name.
    name: Vec<u8>,
}

impl<'s> Scanner<'s> {
    /// A scanner for records of this shape.
    pub fn new(shape: &'s Shape) -> Scanner<'s> {
        Scanner { shape, seen: vec![0; shape.nodes.len()], record: 0, name: Vec::new() }
    }

    /// Whether the record that was scanned last has a field, even if it is null.
    pub fn saw(&self, field: u32) -> bool {
        let node = self.shape.nodes.iter().position(|node| node.field == Some(field));
        node.is_some_and(|node| self.seen[node] == self.record)
    }

    /// Scans the record that starts at `bytes[start]` (its first byte that is no white space).
    ///
    /// Fills `cells` (one per field, all null before) and returns the place behind the record's line:
    /// behind its newline, or the end of `bytes`.
    pub fn scan(
        &mut self,
        bytes: &[u8],
        start: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        self.record += 1;
        let mut walk = Walk { bytes, at: start, scanner: self, cells, arena };
        if walk.peek() != Some(b'{') {
            return Err(Fault::Malformed);
        }
        walk.object(0, 1)?;
        walk.space();
        match walk.peek() {
            None => Ok(walk.at),
            Some(b'\n') => Ok(walk.at + 1),
            Some(_) => Err(Fault::Malformed),
        }
    }
}

/// One pass over one record.
struct Walk<'w, 's> {
    bytes: &'w [u8],
    at: usize,
    scanner: &'w mut Scanner<'s>,
    cells: &'w mut [Cell],
    arena: &'w mut Vec<u8>,
}

type Scan<T> = Result<T, Fault>;

impl Walk<'_, '_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips white space; a newline is the end of the record and no white space here.
    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Steps over `byte`, with white space before it.
    #[inline]
    fn expect(&mut self, byte: u8) -> Scan<()> {
        if self.peek() != Some(byte) {
            self.space();
            if self.peek() != Some(byte) {
                return Err(Fault::Malformed);
            }
        }
        self.at += 1;
        Ok(())
    }

    /// An object whose members are wanted as `node` says; `at` stands on its brace.
    fn object(&mut self, node: u32, depth: u32) -> Scan<()> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.expect(b'"')?;
            let child = self.member_name(node)?;
            self.expect(b':')?;
            self.space();
            match child {
                Some(child) => self.wanted(child, depth)?,
                None => self.skip(depth)?,
            }
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.space();
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// Reads a member's name (its opening quote is behind us) and finds the node it stands for, unless it
    /// is not wanted or was seen before in this record.
    #[inline]
    fn member_name(&mut self, node: u32) -> Scan<Option<u32>> {
        let start = self.at;
        let plain = self.string()?;
        let raw = &self.bytes[start..self.at - 1];
        let shape = self.scanner.shape;
        let members = &shape.nodes[node as usize].members;
        let name: &[u8] = if plain {
            raw
        } else {
            self.scanner.name.clear();
            unescape(raw, &mut self.scanner.name);
            &self.scanner.name
        };
        let Some(child) = members.iter().find(|(wanted, _)| **wanted == *name).map(|m| m.1) else {
            return Ok(None);
        };
        Ok(self.first_time(child).then_some(child))
    }

    #[inline]
    fn first_time(&mut self, node: u32) -> bool {
        let seen = &mut self.scanner.seen[node as usize];
        let first = *seen != self.scanner.record;
        *seen = self.scanner.record;
        first
    }

    /// A value that is a field, or holds some.
    fn wanted(&mut self, node: u32, depth: u32) -> Scan<()> {
        let start = self.at;
        let shape = self.scanner.shape;
        let here = &shape.nodes[node as usize];
        let cell = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let plain = self.string()?;
                self.text_cell(start + 1, plain)
            }
            Some(b'{') => {
                if depth == DEPTH_MAX {
                    return Err(Fault::TooDeep);
                }
                self.object(node, depth + 1)?;
                self.input_cell(start, CellKind::Json)
            }
            Some(b'[') => {
                if here.elements.is_empty() {
                    self.skip(depth)?;
                } else if depth == DEPTH_MAX {
                    return Err(Fault::TooDeep);
                } else {
                    self.array(node, depth + 1)?;
                }
                self.input_cell(start, CellKind::Json)
            }
            _ => {
                let kind = self.scalar()?;
                self.input_cell(start, kind)
            }
        };
        if let Some(field) = here.field {
            self.cells[field as usize] = cell;
        }
        Ok(())
    }

    /// An array some of whose elements are wanted; `at` stands on its bracket.
    fn array(&mut self, node: u32, depth: u32) -> Scan<()> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        let shape = self.scanner.shape;
        let elements = &shape.nodes[node as usize].elements;
        for index in 0.. {
            self.space();
            match elements.iter().find(|(wanted, _)| *wanted == index) {
                Some(&(_, child)) => self.wanted(child, depth)?,
                None => self.skip(depth)?,
            }
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(Fault::Malformed),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn input_cell(&self, start: usize, kind: CellKind) -> Cell {
        match kind {
            CellKind::Null => Cell::NULL,
            kind => Cell { start: start as u32, len: (self.at - start) as u32, kind },
        }
    }

    /// The cell of the string that started behind its quote at `start` and ends before `at`.
    fn text_cell(&mut self, start: usize, plain: bool) -> Cell {
        let end = self.at - 1;
        if plain {
            return Cell { start: start as u32, len: (end - start) as u32, kind: CellKind::Text };
        }
        let from = self.arena.len();
        unescape(&self.bytes[start..end], self.arena);
        Cell { start: from as u32, len: (self.arena.len() - from) as u32, kind: CellKind::ArenaText }
    }

    /// Steps behind the closing quote of a string whose opening quote is behind us. Says whether the
    /// string is free of escapes.
    #[inline]
    fn string(&mut self) -> Scan<bool> {
        let mut plain = true;
        loop {
            self.at = special(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(plain);
                }
                Some(b'\\') => {
                    plain = false;
                    self.escape()?;
                }
                _ => return Err(Fault::Malformed),
            }
        }
    }

    /// Steps over one escape, the second half of a surrogate pair included.
    fn escape(&mut self) -> Scan<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = hex4(self.bytes, self.at + 2).ok_or(Fault::Malformed)?;
                self.at += 6;
                match unit {
                    0xd800..=0xdbff => {
                        let paired = self.bytes.get(self.at..self.at + 2) == Some(b"\\u")
                            && matches!(hex4(self.bytes, self.at + 2), Some(0xdc00..=0xdfff));
                        if !paired {
                            return Err(Fault::Malformed);
                        }
                        self.at += 6;
                    }
                    0xdc00..=0xdfff => return Err(Fault::Malformed),
                    _ => {}
                }
            }
            _ => return Err(Fault::Malformed),
        }
        Ok(())
    }

    /// Steps over a number or word.
    #[inline]
    fn scalar(&mut self) -> Scan<CellKind> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {
                self.at = number_end(self.bytes, self.at).ok_or(Fault::Malformed)?;
                Ok(CellKind::Number)
            }
            Some(b't') => self.word(b"true", CellKind::True),
            Some(b'f') => self.word(b"false", CellKind::False),
            Some(b'n') => self.word(b"null", CellKind::Null),
            _ => Err(Fault::Malformed),
        }
    }

    fn word(&mut self, word: &[u8], kind: CellKind) -> Scan<CellKind> {
        if self.bytes.get(self.at..self.at + word.len()) != Some(word) {
            return Err(Fault::Malformed);
        }
        self.at += word.len();
        Ok(kind)
    }

    /// Steps over a value that nobody wants, checking all of it. Without recursion: what is open is a bit
    /// per level, set for an object.
    #[inline]
    fn skip(&mut self, depth: u32) -> Scan<()> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(drop)
            }
            Some(b'{' | b'[') => self.skip_nested(depth),
            _ => self.scalar().map(drop),
        }
    }

    fn skip_nested(&mut self, depth: u32) -> Scan<()> {
        let mut objects: u128 = 0;
        let mut open: u32 = 0;
        loop {
            // A value stands here.
            match self.peek() {
                Some(opening @ (b'{' | b'[')) => {
                    if depth + open == DEPTH_MAX {
                        return Err(Fault::TooDeep);
                    }
                    open += 1;
                    let object = opening == b'{';
                    objects = objects << 1 | u128::from(object);
                    self.at += 1;
                    self.space();
                    if self.peek() != Some(if object { b'}' } else { b']' }) {
                        if object {
                            self.name_and_colon()?;
                        }
                        continue;
                    }
                    // An empty one closes at once, below.
                }
                Some(b'"') => {
                    self.at += 1;
                    self.string()?;
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended: close what closes, then on to the next one.
            loop {
                if open == 0 {
                    return Ok(());
                }
                self.space();
                let object = objects & 1 == 1;
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.space();
                        if object {
                            self.name_and_colon()?;
                        }
                        break;
                    }
                    Some(b'}') if object => {}
                    Some(b']') if !object => {}
                    _ => return Err(Fault::Malformed),
                }
                self.at += 1;
                objects >>= 1;
                open -= 1;
            }
        }
    }

    fn name_and_colon(&mut self) -> Scan<()> {
        self.expect(b'"')?;
        self.string()?;
        self.expect(b':')?;
        self.space();
        Ok(())
    }
}

/// The first place from `at` on of a quote, a backslash or a control character; the end if there is none.
/// Eight bytes at a time; of the marks that subtraction leaves, the lowest is always a true one.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    while let Some(eight) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let quote = word ^ (ONES * b'"' as u64);
        let slash = word ^ (ONES * b'\\' as u64);
        let marks = ((quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word))
            & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            break;
        }
        at += 1;
    }
    at
}

/// The end of the JSON number that starts at `at`; `None` if there is none.
#[inline]
pub fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let digits = |mut at: usize| {
        let start = at;
        while matches!(bytes.get(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        (at > start).then_some(at)
    };
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = digits(at)?;
    }
    Some(at)
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, &byte| Some(unit << 4 | (byte as char).to_digit(16)?))
}

/// Unescapes the inside of a JSON string that the scanner has accepted.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let mut taken = 2;
        match rest[at + 1] {
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                taken = 6;
                let mut code = hex4(rest, at + 2).unwrap_or(0xfffd);
                if let 0xd800..=0xdbff = code {
                    let low = hex4(rest, at + 8).unwrap_or(0xdc00);
                    code = 0x10000 + ((code - 0xd800) << 10) + (low & 0x3ff);
                    taken = 12;
                }
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            quoted => out.push(quoted),
        }
        rest = &rest[at + taken..];
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::batch::Texts;

    fn path(text: &str) -> FieldPath {
        let steps = text.split('.').map(|step| match step.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Member(step.to_owned()),
        });
        FieldPath { steps: steps.collect(), text: text.to_owned() }
    }

    /// Scans one record for the fields and shows what they hold.
    fn scan(record: &str, fields: &[&str]) -> Result<Vec<String>, Fault> {
        let fields: Vec<FieldPath> = fields.iter().map(|f| path(f)).collect();
        let shape = Shape::new(&fields);
        let mut cells = vec![Cell::NULL; fields.len()];
        let mut texts = Texts { bytes: record.as_bytes().to_vec(), ..Texts::default() };
        let mut arena = Vec::new();
        let end = Scanner::new(&shape).scan(&texts.bytes, 0, &mut cells, &mut arena)?;
        assert_eq!(end, record.len());
        texts.arena = arena;
        Ok(cells.iter().map(|cell| format!("{:?}", texts.value(*cell))).collect())
    }

    fn check(record: &str, field: &str, expected: &str) {
        assert_eq!(scan(record, &[field]).map(|cells| cells[0].clone()), Ok(expected.to_owned()), "{record}");
    }

    #[test]
    fn finds_fields() {
        check(r#"{"a":1}"#, "a", r#"Written("1")"#);
        check("{ \"a\" :\t-1.5e+3 , \"b\":{}}\r\n", "a", r#"Written("-1.5e+3")"#);
        check(r#"{"b":[1,{"a":2}],"a":"x"}"#, "a", r#"Text("x")"#);
        check(r#"{"a":"q\"\u0062\ud83d\ude00\n"}"#, "a", r#"Text("q\"b😀\n")"#);
        check(r#"{"\u0061":true}"#, "a", "Bool(true)");
        check(r#"{"a":null,"a":1}"#, "a", "Null");
        check(r#"{"a":1,"a":2}"#, "a", r#"Written("1")"#);
        check(r#"{}"#, "a", "Null");
        check(r#"{"a":{"b":[10,{"c":7}]}}"#, "a.b.1.c", r#"Written("7")"#);
        check(r#"{"a":{"b":1},"a":{"c":2}}"#, "a.c", "Null");
        check(r#"{"a":{"b":1, "x": [] }}"#, "a", r#"Json("{\"b\":1, \"x\": [] }")"#);
        check(r#"{"a":5}"#, "a.b", "Null");
        check(r#"{"a":[]}"#, "a.0", "Null");
        check(r#"{"":3}"#, "", r#"Written("3")"#);
        let both = scan(r#"{"a":{"b":1}}"#, &["a", "a.b"]);
        assert_eq!(both, Ok(vec![r#"Json("{\"b\":1}")"#.into(), r#"Written("1")"#.into()]));
    }

    #[test]
    fn refuses_what_is_no_record() {
        let bad = [
            "",
            "[]",
            "1",
            "{",
            "{}}",
            "{}{}",
            "{} x",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{,}"#,
            r#"{"a":01}"#,
            r#"{"a":+1}"#,
            r#"{"a":1.}"#,
            r#"{"a":.5}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
            r#"{"a":NaN}"#,
            r#"{"a":tru}"#,
            r#"{"a":"x}"#,
            "{\"a\":\"\t\"}",
            r#"{"a":"\x"}"#,
            r#"{a:1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00"}"#,
            r#"{"a":"\ud800\u0041"}"#,
            r#"{"a":"\u12g4"}"#,
            "{\"a\":\n1}",
            r#"{"b":[1,2}"#,
            r#"{"b":[1 2]}"#,
            r#"{"b":{"c" 1}}"#,
            r#"{"b":[,]}"#,
            r#"{"b":[1,]}"#,
            r#"{'a':1}"#,
            "{\"a\":1\u{0}}",
            "\u{feff}{}",
        ];
        for record in bad {
            assert_eq!(scan(record, &["a"]), Err(Fault::Malformed), "{record}");
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(scan(&nested(128), &["a"]).is_ok());
        assert_eq!(scan(&nested(129), &["a"]), Err(Fault::TooDeep));
        assert_eq!(scan(&nested(1_000_000), &["x"]), Err(Fault::TooDeep));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(129), "}".repeat(129));
        assert_eq!(scan(&objects, &["a.a.a"]), Err(Fault::TooDeep));
    }

    /// serde_json is the reference: the same texts are refused, whatever one byte is changed.
    #[test]
    fn agrees_with_the_reference_on_mutations() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let samples = [
            r#"{"id":"c-1","ts":1625097600123,"page":"/a","n":[1,-2.5e3,{"k":null}],"ok":true}"#,
            r#"{"a":"x\"y\u00e9\\","b":{"c":{"d":[[],{}]}},"e":0.1,"a":false}"#,
        ];
        let alphabet = b"{}[]\",:\\u0123456789eE+-.truefalsnx \t\r/\x00\x1f";
        for round in 0..60_000 {
            let mut text = samples[round % samples.len()].as_bytes().to_vec();
            for _ in 0..random.usize(1..3) {
                let at = random.usize(0..text.len());
                let byte = alphabet[random.usize(0..alphabet.len())];
                match random.u8(0..3) {
                    0 => text[at] = byte,
                    1 => text.insert(at, byte),
                    _ => drop(text.remove(at)),
                }
            }
            let text = String::from_utf8(text).expect("the alphabet is ASCII");
            let text = text.trim_start_matches([' ', '\t', '\r']);
            let reference = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
            let ours = scan(text, &["a", "b.c", "n.1"]);
            let beyond_double = matches!(&reference, Err(e) if e.to_string().contains("out of range"));
            assert!(ours.is_ok() == reference.is_ok() || beyond_double, "{text}: {ours:?} {reference:?}");
        }
    }
}
