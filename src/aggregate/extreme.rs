//! `min(x)`, `max(x)`: the least or greatest number or text, as written.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::slots::{Accumulator, Slots};
use super::stored::{Kind, Stored, StoredV1, split};
use super::{Definition, Gives, Span, Takes, params};
use crate::number::{compare_short, compare_written, is_json_number, is_number, short};
use crate::parse::batch::Input;
use crate::value::Value;

/// The entry of `min`.
pub const MIN: Definition = Definition {
    name: "min",
    usage: "min(x)",
    help: "least number or text, as written; numbers come before text",
    takes: Takes::Ordered,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Extreme<false>>::boxed(calls, |_| ()),
};

/// The entry of `max`.
pub const MAX: Definition = Definition {
    name: "max",
    usage: "max(x)",
    help: "greatest number or text, as written; numbers come before text",
    takes: Takes::Ordered,
    gives: Gives::AsGiven,
    check: params::check_none,
    family: None,
    make: |calls| Slots::<Extreme<true>>::boxed(calls, |_| ()),
};

/// A number or text, ready to be compared.
pub struct Ranked<'a> {
    number: bool,
    /// The number again, if it is a short one.
    short: Option<(i64, u8)>,
    text: Cow<'a, str>,
}

impl<'a> Ranked<'a> {
    /// `None` for what has no place among numbers and texts.
    pub fn of(value: &'a Value<'_>) -> Option<Ranked<'a>> {
        let (kind, text) = split(value)?;
        let (number, short) = match kind {
            Kind::Number => (true, short(text.as_bytes())),
            Kind::Text if matches!(value, Value::Untyped(_)) => match short(text.as_bytes()) {
                None => (is_number(&text), None),
                short => (true, short),
            },
            Kind::Text => (false, None),
            _ => return None,
        };
        Some(Ranked { number, short, text })
    }

    /// Keeps the value, ready to be compared.
    pub fn hold(&self) -> Held {
        Held::new(self.short, self.store())
    }

    /// Keeps the value.
    pub fn store(&self) -> Stored {
        let kind = match self.number {
            true if is_json_number(&self.text) => Kind::Number,
            // Written `+1` or `007`: no number in JSON, yet one here.
            true => Kind::Untyped,
            false => Kind::Text,
        };
        Stored::new(kind, &self.text)
    }

    /// Compares by value: numbers before texts.
    pub fn compare(&self, held: &Held) -> Ordering {
        match (self.short, held.short()) {
            (Some(a), Some(b)) => compare_short(a, b),
            _ => match (self.number, held.is_number()) {
                (true, true) => compare_written(&self.text, held.stored.text()),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => self.text.as_bytes().cmp(held.stored.bytes()),
            },
        }
    }
}

/// A number or text that outlives its batch.
#[derive(Clone)]
pub struct Held {
    mantissa: i64,
    /// The number's scale if it is a short one, else [`Held::LONG`].
    scale: i8,
    stored: Stored,
}

impl Held {
    const LONG: i8 = -1;

    fn new(short: Option<(i64, u8)>, stored: Stored) -> Held {
        let (mantissa, scale) = short.map_or((0, Held::LONG), |(mantissa, scale)| (mantissa, scale as i8));
        Held { mantissa, scale, stored }
    }

    fn short(&self) -> Option<(i64, u8)> {
        (self.scale != Held::LONG).then_some((self.mantissa, self.scale as u8))
    }

    fn is_number(&self) -> bool {
        self.stored.kind() != Kind::Text
    }

    /// The value as written.
    pub fn value(&self) -> Value<'_> {
        self.stored.value()
    }

    /// Memory taken up beside its own size, in bytes.
    pub fn beside(&self) -> usize {
        self.stored.beside()
    }

    /// For comparing it with another one.
    pub fn ranked(&self) -> Ranked<'_> {
        Ranked { number: self.is_number(), short: self.short(), text: Cow::Borrowed(self.stored.text()) }
    }

    /// The written form.
    pub fn written(&self) -> StoredV1 {
        self.stored.written()
    }

    /// The value again; `None` if it makes no sense or has no place among numbers and texts.
    pub fn read(written: StoredV1) -> Option<Held> {
        let stored = Stored::read(written)?;
        let short = match stored.kind() {
            Kind::Number | Kind::Untyped => short(stored.bytes()),
            Kind::Text => None,
            _ => return None,
        };
        Some(Held::new(short, stored))
    }
}

/// Whether a value that compares so with the best one takes its place.
pub fn wins<const MAX: bool>(order: Ordering) -> bool {
    order == if MAX { Ordering::Greater } else { Ordering::Less }
}

#[derive(Default)]
struct Extreme<const MAX: bool>(Option<Held>);

/// The written form; the value is a number or text.
#[derive(Serialize, Deserialize)]
struct ExtremeV1(Option<StoredV1>);

impl<const MAX: bool> Extreme<MAX> {
    fn offer(&mut self, ranked: &Ranked<'_>) {
        let wins = self.0.as_ref().is_none_or(|held| match ranked.compare(held) {
            // Equal numbers written differently: the least text, whichever is wanted.
            Ordering::Equal => ranked.text.as_bytes() < held.stored.bytes(),
            order => wins::<MAX>(order),
        });
        if wins {
            self.0 = Some(ranked.hold());
        }
    }
}

impl<const MAX: bool> Accumulator for Extreme<MAX> {
    type Setup = ();
    type View<'a> = Input<'a>;
    type Written = ExtremeV1;

    fn view(input: Input<'_>) -> Input<'_> {
        input
    }

    const LOOKS_FAR: bool = true;

    #[inline(always)]
    fn soon(input: Input<'_>, row: u32) {
        input.prefetch(row);
    }

    fn add(&mut self, _: &(), input: Input<'_>, row: u32) {
        if let Some(ranked) = Ranked::of(&input.value(row)) {
            self.offer(&ranked);
        }
    }

    fn merge(&mut self, _: &(), other: &Self) {
        if let Some(held) = &other.0 {
            self.offer(&held.ranked());
        }
    }

    fn finish(&self, _: &(), _: Span) -> Value<'_> {
        self.0.as_ref().map_or(Value::Null, Held::value)
    }

    fn beside(&self) -> Option<usize> {
        Some(self.0.as_ref().map_or(0, Held::beside))
    }

    fn written(&self) -> ExtremeV1 {
        ExtremeV1(self.0.as_ref().map(Held::written))
    }

    fn read(_: &(), ExtremeV1(value): ExtremeV1) -> Option<Self> {
        Some(Extreme(match value {
            Some(value) => Some(Held::read(value)?),
            None => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::aggregate::model_tests::{check, check_csv};
    use crate::aggregate::save_tests::check_golden;

    #[test]
    fn finds_the_ends_of_the_order() {
        check("min", "", "", "null");
        check("min", "", "null", "null");
        check("min", "", "3 1.50 2", "1.50");
        check("max", "", "3 10 2", "10");
        check("max", "", "1e2 99", "1e2");
        check("min", "", "-1e400 -1e399", "-1e400");
        check("max", "", "1 \"0\"", "\"0\"");
        check("min", "", "1 \"0\"", "1");
        check("min", "", "\"b\" \"a\" \"é\"", "\"a\"");
        check("max", "", "\"b\" \"a\" \"é\"", "\"é\"");
        check("max", "", "12345678901234567890 12345678901234567891", "12345678901234567891");
    }

    #[test]
    fn equal_numbers_give_the_least_text() {
        check("min", "", "1.0 1 1e0", "1");
        check("max", "", "1.00 1.0 1e0", "1.0");
        check("max", "", "100 1e2 10e1", "100");
        check("max", "", "-0 0", "-0");
    }

    #[test]
    fn csv_fields_are_numbers_where_they_read_as_such() {
        check_csv("min", "", "10 9 x", "9");
        check_csv("max", "", "10 9", "10");
        check_csv("max", "", "10 9 x", "\"x\"");
        check_csv("max", "", "+7 007", "\"+7\"");
        check_csv("max", "", "1e400 1", "1e400");
        check_csv("min", "", "NaN 5", "5");
    }

    #[test]
    fn saved_states_stay_readable() {
        check_golden(
            "min",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, "1.5"),
                ("", "null"),
                (
                    r#""a-text-that-is-too-long-to-stay-inline" "é""#,
                    r#""a-text-that-is-too-long-to-stay-inline""#,
                ),
                ("-1e400 12345678901234567890.123456789012345678901234567890", "-1e400"),
            ],
            &[("+7 007 x", r#""+7""#), ("10 9", "9")],
        );
        check_golden(
            "max",
            "",
            &[
                (r#"1.50 "b" null 1.5"#, r#""b""#),
                ("", "null"),
                (r#""a-text-that-is-too-long-to-stay-inline" "é""#, r#""é""#),
                (
                    "-1e400 12345678901234567890.123456789012345678901234567890",
                    "12345678901234567890.123456789012345678901234567890",
                ),
            ],
            &[("+7 007 x", r#""x""#), ("10 9", "10")],
        );
    }
}
