//! `topk(x, n)`: the n most frequent values with their counts, exactly.

use super::slots::{Accumulator, Slots};
use super::stored::Stored;
use super::tally::{Tally, TallyV1};
use super::{Definition, Gives, Span, Takes, params};
use crate::output::json::write_json_value;
use crate::parse::batch::Input;
use crate::value::Value;

/// The entry of `topk`.
pub const TOPK: Definition = Definition {
    name: "topk",
    usage: "topk(x, n)",
    help: "the n most frequent values with their counts; exact, an entry per distinct value",
    takes: Takes::Any,
    gives: Gives::List,
    check: params::check_size,
    family: None,
    make: |calls| Slots::<TopK>::boxed(calls, params::size),
};

#[derive(Default)]
struct TopK(Option<Box<Tally>>);

impl Accumulator for TopK {
    /// How many values are told.
    type Setup = usize;
    type View<'a> = Input<'a>;
    type Written = TallyV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    const LOOKS_FAR: bool = true;

    #[inline(always)]
    fn soon(input: Input<'_>, row: u32) {
        input.prefetch(row);
    }

    fn add(&mut self, _: &usize, input: Input<'_>, row: u32) {
        self.0.get_or_insert_default().add(&input.value(row));
    }

    fn merge(&mut self, _: &usize, other: &Self) {
        if let Some(other) = &other.0 {
            self.0.get_or_insert_default().merge(other);
        }
    }

    fn absorb(&mut self, _: &usize, other: Self) {
        if let Some(other) = other.0 {
            self.0.get_or_insert_default().absorb(*other);
        }
    }

    /// Ranked by count descending, then by value.
    fn finish(&self, size: &usize, _: Span) -> Value<'_> {
        let Some(tally) = self.0.as_ref().filter(|tally| tally.len() > 0) else { return Value::Null };
        let mut entries: Vec<&(Stored, u64)> = tally.iter().collect();
        let order = |a: &&(Stored, u64), b: &&(Stored, u64)| b.1.cmp(&a.1).then_with(|| a.0.compare(&b.0));
        if *size < entries.len() {
            entries.select_nth_unstable_by(*size, order);
            entries.truncate(*size);
        }
        entries.sort_unstable_by(order);
        let mut json = vec![b'['];
        for (n, (stored, count)) in entries.into_iter().enumerate() {
            json.extend_from_slice(if n == 0 { b"{\"value\":" } else { b",{\"value\":" });
            write_json_value(&stored.value(), &mut json);
            json.extend_from_slice(b",\"count\":");
            json.extend_from_slice(itoa::Buffer::new().format(*count).as_bytes());
            json.push(b'}');
        }
        json.push(b']');
        Value::Json(String::from_utf8(json).expect("values are written in UTF-8").into())
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.as_ref().map_or(0, |tally| tally.bytes()))
    }

    fn written(&self) -> TallyV1 {
        Tally::written(self.0.as_deref())
    }

    fn read(_: &usize, written: TallyV1) -> Option<Self> {
        Tally::read(written).map(TopK)
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_csv};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn ranks_by_count_then_value() {
        check("topk", "3", "", "null");
        check("topk", "3", "null", "null");
        check("topk", "1", "\"a\" \"b\" \"b\"", r#"[{"value":"b","count":2}]"#);
        check("topk", "2", "\"b\" \"a\" \"c\"", r#"[{"value":"a","count":1},{"value":"b","count":1}]"#);
        check(
            "topk",
            "9",
            "\"1\" 10 9 1.0 true",
            r#"[{"value":true,"count":1},{"value":1.0,"count":1},{"value":9,"count":1},{"value":10,"count":1},{"value":"1","count":1}]"#,
        );
        check("topk", "1", "\"a\\u0001\"", r#"[{"value":"a\u0001","count":1}]"#);
        check_csv("topk", "1", "5 5 6", r#"[{"value":"5","count":2}]"#);
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "topk",
            "2",
            &[
                (r#"1.50 "b" null 1.5"#, r#"[{"value":1.5,"count":1},{"value":1.50,"count":1}]"#),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline" "é""#,
                    r#"[{"value":"a-text-that-is-too-long-to-stay-inline","count":1},{"value":"é","count":1}]"#,
                ),
                (
                    "-1e400 12345678901234567890.123456789012345678901234567890",
                    r#"[{"value":-1e400,"count":1},{"value":12345678901234567890.123456789012345678901234567890,"count":1}]"#,
                ),
                (
                    r#"true {"k":["v",1e5]}"#,
                    r#"[{"value":true,"count":1},{"value":{"k":["v",1e5]},"count":1}]"#,
                ),
                ("false", r#"[{"value":false,"count":1}]"#),
            ],
            &[("007 x", r#"[{"value":"007","count":1},{"value":"x","count":1}]"#)],
        );
    }
}
