//! The unit of work after parsing: one chunk of records of one source, as columns.
//!
//! A batch never changes after the parse stage; later stages share it by reference.

use std::borrow::Cow;

use crate::number::Number;
use crate::value::Value;

/// Where a field's value stands: a kind and a range of the batch's bytes or arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// First byte.
    pub start: u32,
    /// Length in bytes.
    pub len: u32,
    /// What stands there.
    pub kind: CellKind,
}

/// What a [`Cell`] points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// Nothing: the field is absent or null.
    Null,
    /// JSON `false`.
    False,
    /// JSON `true`.
    True,
    /// A JSON number, in the batch's bytes.
    Number,
    /// A JSON string without escapes (quotes not included), in the batch's bytes.
    Text,
    /// A JSON string unescaped into the arena, or computed text.
    ArenaText,
    /// A CSV field in the batch's bytes.
    Untyped,
    /// A CSV field unquoted into the arena.
    ArenaUntyped,
    /// A JSON object or array, raw, in the batch's bytes.
    Json,
    /// A computed number: its canonical text stands in the arena.
    ArenaNumber,
}

impl Cell {
    /// The cell of an absent field.
    pub const NULL: Cell = Cell { start: 0, len: 0, kind: CellKind::Null };
}

/// The texts that cells point into.
#[derive(Debug, Default)]
pub struct Texts {
    /// The chunk as read; valid UTF-8 wherever a cell points.
    pub bytes: Vec<u8>,
    /// Text that does not stand in the input as such.
    pub arena: Vec<u8>,
}

impl Texts {
    /// The value of a cell.
    pub fn value(&self, cell: Cell) -> Value<'_> {
        let range = cell.start as usize..(cell.start + cell.len) as usize;
        let input = |range| std::str::from_utf8(&self.bytes[range]).expect("cells point at checked UTF-8");
        match cell.kind {
            CellKind::Null => Value::Null,
            CellKind::False => Value::Bool(false),
            CellKind::True => Value::Bool(true),
            CellKind::Number => Value::Written(input(range)),
            CellKind::Text => Value::Text(Cow::Borrowed(input(range))),
            CellKind::Untyped => Value::Untyped(input(range)),
            CellKind::Json => Value::Json(Cow::Borrowed(input(range))),
            CellKind::ArenaText | CellKind::ArenaUntyped | CellKind::ArenaNumber => {
                let text = std::str::from_utf8(&self.arena[range]).expect("the arena holds UTF-8");
                match cell.kind {
                    CellKind::ArenaText => Value::Text(Cow::Borrowed(text)),
                    CellKind::ArenaUntyped => Value::Untyped(text),
                    _ => Value::Written(text),
                }
            }
        }
    }
}

/// A number in 16 bytes, as aggregates take it from a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// The digits, signed; for [`Packed::WIDE`] an index into [`NumberColumn::wide`].
    pub mantissa: i64,
    /// Digits behind the point (0 to 18), or one of the two marks below.
    pub scale: i8,
}

impl Packed {
    /// The mark of an absent number (null, or the aggregate's filter does not hold).
    pub const NULL: i8 = -1;
    /// The mark of a number that does not fit.
    pub const WIDE: i8 = -2;
}

/// A column of numbers.
#[derive(Debug, Default)]
pub struct NumberColumn {
    /// One entry per row.
    pub packed: Vec<Packed>,
    /// The texts of numbers that do not fit in [`Packed`] (JSON's number grammar; within a double's range).
    pub wide: Vec<Box<str>>,
}

/// The argument of one aggregate, per row.
#[derive(Debug)]
pub enum ArgColumn {
    /// Every row counts: `count(*)` without a filter.
    Every,
    /// Whether the row counts: `count(x)`, or `count(*)` with a filter.
    Present(Vec<bool>),
    /// A number per row.
    Numbers(NumberColumn),
    /// A value per row; null where the filter does not hold.
    Values(Vec<Cell>),
    /// `arg_min(x, by)`: x and by per row; by is null where the row does not count.
    Pairs(Vec<Cell>, Vec<Cell>),
}

/// What an aggregate sees of a batch.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The argument column of this aggregate.
    pub arg: &'a ArgColumn,
    /// The texts its cells point into.
    pub texts: &'a Texts,
    /// The event times, in microseconds since the Unix epoch.
    pub time: &'a [i64],
    /// The rank of the source, in the order given.
    pub source: u32,
    /// The position of row 0 in its source, counted in records.
    pub first_record: u64,
}

/// Where an event stands for ties: by event time, then source, then position in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Event time in microseconds since the Unix epoch.
    pub time: i64,
    /// Rank of the source in the order given.
    pub source: u32,
    /// Position in the source, in records.
    pub record: u64,
}

impl<'a> Input<'a> {
    /// Where the event of `row` stands.
    pub fn place(&self, row: u32) -> Place {
        Place {
            time: self.time[row as usize],
            source: self.source,
            record: self.first_record + u64::from(row),
        }
    }

    /// The value of `row` for aggregates over values (null for every other kind of column).
    pub fn value(&self, row: u32) -> Value<'a> {
        match self.arg {
            ArgColumn::Values(cells) | ArgColumn::Pairs(cells, _) => self.texts.value(cells[row as usize]),
            _ => Value::Null,
        }
    }

    /// The second value of `row` for `arg_min` and `arg_max`.
    pub fn by(&self, row: u32) -> Value<'a> {
        match self.arg {
            ArgColumn::Pairs(_, cells) => self.texts.value(cells[row as usize]),
            _ => Value::Null,
        }
    }
}

/// How a number goes into a column.
impl NumberColumn {
    /// Appends a number by its text; `false` (and null appended) when it is not a number in a double's range.
    pub fn push_text(&mut self, _text: &str) -> bool {
        todo!()
    }
    /// Appends a null.
    pub fn push_null(&mut self) {
        self.packed.push(Packed { mantissa: 0, scale: Packed::NULL });
    }
    /// Appends a computed number.
    pub fn push(&mut self, _number: &Number) {
        todo!()
    }
}
