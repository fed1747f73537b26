//! Records that a job could not use: how many of each kind, and the first of each.

use super::place::Place;
use crate::parse::rows::Flaw;
use crate::parse::{explain, json};

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not valid UTF-8.
    Utf8,
    /// No JSON.
    Json,
    /// JSON, but no object, or nothing that is meant as one.
    NoObject,
    /// Nested too deep.
    Deep,
    /// A CSV record with more or fewer fields than the header.
    Fields,
    /// A quote of CSV that is never closed.
    OpenQuote,
    /// Longer than `--max-record`.
    TooLong,
    /// No event time.
    NoTime,
    /// An event time that cannot be read.
    Time,
}

impl Kind {
    /// The kind of a record that the reader refuses.
    pub fn of(flaw: Flaw, record: &[u8]) -> Kind {
        match flaw {
            Flaw::Utf8(_) => Kind::Utf8,
            Flaw::Json(json::Fault::TooDeep) => Kind::Deep,
            Flaw::Json(_) if record.first() == Some(&b'{') => Kind::Json,
            Flaw::Json(_) => Kind::NoObject,
            Flaw::Fields(_) => Kind::Fields,
            Flaw::OpenQuote => Kind::OpenQuote,
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Utf8 => "not valid UTF-8",
            Kind::Json => "not valid JSON",
            Kind::NoObject => explain::NO_OBJECT,
            Kind::Deep => "nested too deep",
            Kind::Fields => "wrong number of fields",
            Kind::OpenQuote => "a quote left open",
            Kind::TooLong => "longer than --max-record",
            Kind::NoTime => "no event time",
            Kind::Time => "not an event time",
        }
    }
}

/// Records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// The kind.
    pub kind: Kind,
    /// How many there are.
    pub count: u64,
    /// Where the first one stands.
    pub first: Place,
    /// What is said of that one.
    pub reason: String,
}

/// Records of all kinds, in the order in which the kinds were met.
#[derive(Debug, Default)]
pub struct BadRecords(pub Vec<Bad>);

impl BadRecords {
    /// Counts one; its place and reason are asked for if it is the first of its kind.
    pub fn add(&mut self, kind: Kind, first: impl FnOnce() -> (Place, String)) {
        if let Some(known) = self.0.iter_mut().find(|bad| bad.kind == kind) {
            known.count += 1;
            return;
        }
        let (first, reason) = first();
        self.0.push(Bad { kind, count: 1, first, reason });
    }
}
