//! The CSV scanner, case by case and against the csv crate.

use super::*;
use crate::parse::batch::Texts;
use crate::value::Value;

/// All records of a text, by our scanner; `None` for an open quote.
fn ours(text: &str, width: usize) -> Vec<Option<Vec<String>>> {
    let columns = Columns::new(&(0..width).collect::<Vec<_>>());
    let mut texts = Texts { bytes: text.as_bytes().to_vec(), ..Texts::default() };
    let (mut at, mut records) = (0, Vec::new());
    while at < text.len() {
        if text[at..].starts_with('\n') || text[at..].starts_with("\r\n") {
            at += if text[at..].starts_with('\n') { 1 } else { 2 };
            continue;
        }
        let mut cells = vec![Cell::NULL; width];
        let mut arena = std::mem::take(&mut texts.arena);
        let scanned = scan(&texts.bytes, at, b',', &columns, &mut cells, &mut arena);
        texts.arena = arena;
        match scanned {
            Scanned::OpenQuote => {
                records.push(None);
                break;
            }
            Scanned::Record { fields, end } => {
                let shown = cells.iter().take(fields).map(|cell| match texts.value(*cell) {
                    Value::Untyped(text) => text.to_owned(),
                    _ => String::new(),
                });
                records.push(Some(shown.collect()));
                at = end;
            }
        }
    }
    records
}

fn check(text: &str, expected: &[&[&str]]) {
    let expected: Vec<Option<Vec<String>>> =
        expected.iter().map(|r| Some(r.iter().map(|f| (*f).to_owned()).collect())).collect();
    assert_eq!(ours(text, 4), expected, "{text:?}");
}

#[test]
fn reads_fields() {
    check("a,b\n", &[&["a", "b"]]);
    check("a,b\r\nc,d", &[&["a", "b"], &["c", "d"]]);
    check("a,\n,b\n", &[&["a", ""], &["", "b"]]);
    check("\"a,b\",\"c\nd\"\n", &[&["a,b", "c\nd"]]);
    check("\"a\"\"b\",c\n", &[&["a\"b", "c"]]);
    check("a\"b,c\n", &[&["a\"b", "c"]]);
    check("\"a\"b,c\n", &[&["ab", "c"]]);
    check("a,\"b\"\r\n", &[&["a", "b"]]);
    check("a,\"b\r\"\r\n", &[&["a", "b\r"]]);
    check("a,b\rc\n", &[&["a", "b\rc"]]);
    check("\"\"\n", &[&[""]]);
    assert_eq!(ours("a,\"b\nc,d\n", 2), vec![None]);
}

/// The csv crate is the reference: random soup of separators, quotes and text reads the same.
#[test]
fn agrees_with_the_reference() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let pieces = [",", ",", "\n", "\r\n", "\"", "\"\"", "a", "bc", "12345678", "\r", " ", "é"];
    for _ in 0..40_000 {
        let text: String = (0..random.usize(1..14)).map(|_| pieces[random.usize(0..pieces.len())]).collect();
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(text.as_bytes());
        let mut reference = Vec::new();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).expect("valid UTF-8") {
            let end = reader.position().byte() as usize;
            let mut fields: Vec<String> = record.iter().map(str::to_owned).collect();
            // The reference keeps the CR of a CRLF line end.
            if text[..end].ends_with("\r\n") {
                let last = fields.last_mut().expect("a record has fields");
                if last.ends_with('\r') {
                    last.pop();
                }
            }
            // A line that holds nothing but its end is blank to us.
            let from = record.position().map_or(0, |p| p.byte() as usize);
            if text[from..end].trim_start_matches('\n') != "\r\n" {
                reference.push(Some(fields));
            }
        }
        let mut found = ours(&text, 20);
        if found.last() == Some(&None) {
            // The reference closes an open quote at the end of the input by itself.
            found.pop();
            reference.truncate(found.len());
        }
        assert_eq!(found, reference, "{text:?}");
    }
}
