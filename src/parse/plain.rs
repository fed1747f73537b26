//! What most fields of most jobs are: numbers of up to sixteen bytes that stand in the input as they are. They are read
//! by vectors here, a column of a block of rows at a time: times, conditions on them, arguments of aggregates.
//! What is spelt in another way is left to the readers of numbers and times, which say the same of these.

use super::batch::{Cell, Packed};
use super::rows::Rows;
use super::simd::{Lanes, Work};
use super::stage::Stage;
use crate::expr::Simple;
use crate::number;
use crate::time::{Form, TimeFormat, UnitScale};
use crate::window::PaneFinder;

/// A field of a block of rows.
#[derive(Clone, Copy)]
pub(super) struct Field<'b> {
    pub rows: &'b Rows,
    pub number: usize,
    pub bytes: &'b [u8],
    pub arena: &'b [u8],
}

impl<'b> Field<'b> {
    #[inline(always)]
    fn cell(self, row: u32) -> Cell {
        self.rows.cell(row as usize, self.number)
    }

    #[inline(always)]
    fn text(self, cell: Cell) -> &'b [u8] {
        cell.text(self.bytes, self.arena)
    }
}

/// Event times that are numbers of one unit.
pub(super) struct Times<'b> {
    pub field: Field<'b>,
    pub format: &'b TimeFormat,
    pub form: Form,
    pub scale: UnitScale,
    /// Which times there are no panes for, where there may be such.
    pub panes: &'b mut [PaneFinder],
    pub stage: &'b mut Stage,
    /// One for each row; 0 for those that are left.
    pub times: &'b mut [i64],
}

impl Work for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Times { field, format, form, scale, panes, stage, times } = self;
        stage.left.clear();
        for &row in &stage.live {
            let cell = field.cell(row);
            let time = match whole::<L>(field.bytes, cell).and_then(|whole| scale.micros(whole)) {
                Some(time) => Some(time),
                None => time_else(field, cell, format, form),
            };
            let time = time.filter(|time| panes.iter_mut().all(|panes| panes.pane(*time).is_some()));
            times[row as usize] = time.unwrap_or(0);
            if time.is_none() {
                stage.left.push(row);
            }
        }
    }
}

/// A filter that is one condition on a field.
pub(super) struct Filter<'b> {
    pub field: Field<'b>,
    pub condition: Simple<'b>,
    pub stage: &'b mut Stage,
}

impl Work for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Filter { field, condition, stage } = self;
        stage.left.clear();
        let mut kept = 0;
        for at in 0..stage.live.len() {
            let holds = truth::<L>(condition, field, stage.live[at]);
            kept = stage.sift(at, kept, holds);
        }
        stage.live.truncate(kept);
    }
}

/// Numbers that are arguments, of the rows for which a condition holds.
pub(super) struct Numbers<'b> {
    pub field: Field<'b>,
    pub condition: Option<Simple<'b>>,
    pub stage: &'b mut Stage,
    /// One for each row, none before.
    pub packed: &'b mut [Packed],
}

impl Work for Numbers<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Numbers { field, condition, stage, packed } = self;
        stage.left.clear();
        for &row in &stage.live {
            if let Some(condition) = condition {
                match truth::<L>(condition, Field { number: condition.field(), ..field }, row) {
                    Some(true) => {}
                    Some(false) => continue,
                    None => {
                        stage.left.push(row);
                        continue;
                    }
                }
            }
            match short::<L>(field.bytes, field.cell(row)) {
                Some((mantissa, scale)) => {
                    packed[row as usize] = Packed { mantissa, scale: scale as i8 };
                }
                None => stage.left.push(row),
            }
        }
    }
}

/// Whether a condition holds for a row; `None` says nothing.
#[inline(always)]
fn truth<L: Lanes>(condition: Simple<'_>, field: Field<'_>, row: u32) -> Option<bool> {
    let cell = field.cell(row);
    if condition.is_of_numbers()
        && let Some(number) = short::<L>(field.bytes, cell)
    {
        return condition.truth_of(number);
    }
    condition.truth(field.text(cell), cell.is_number(), cell.is_text())
}

/// The sixteen bytes that end where a cell's do, if it is a number and stands in the input.
#[inline(always)]
fn window(bytes: &[u8], cell: Cell) -> Option<&[u8; 16]> {
    if !cell.is_plain_number() {
        return None;
    }
    let (_, end) = cell.place();
    bytes.get(end.checked_sub(16)?..end)?.first_chunk()
}

/// The number of up to sixteen digits that a cell is; `None` says nothing.
#[inline(always)]
fn whole<L: Lanes>(bytes: &[u8], cell: Cell) -> Option<u64> {
    let len = cell.len as usize;
    L::whole(window(bytes, cell)?, if (1..=16).contains(&len) { len } else { return None })
}

/// The number that a cell is, as [`number::short`] reads it; `None` says nothing.
#[inline(always)]
fn short<L: Lanes>(bytes: &[u8], cell: Cell) -> Option<(i64, u8)> {
    let window = window(bytes, cell)?;
    let is_negative = bytes[cell.start as usize] == b'-';
    let len = (cell.len as usize).wrapping_sub(usize::from(is_negative));
    let read = if (1..=16).contains(&len) { L::decimal(window, len) } else { None };
    match read {
        Some((mantissa, scale)) => {
            let mantissa = mantissa as i64;
            Some((if is_negative { -mantissa } else { mantissa }, scale))
        }
        None => short_else(bytes, cell.place()),
    }
}

/// The time that a cell is in all other spellings; `None` says nothing.
#[inline(never)]
fn time_else(field: Field<'_>, cell: Cell, format: &TimeFormat, form: Form) -> Option<i64> {
    format.quick(cell.spelling(), field.text(cell), form)
}

/// [`short`] of all other spellings.
#[inline(never)]
fn short_else(bytes: &[u8], (start, end): (usize, usize)) -> Option<(i64, u8)> {
    number::short(&bytes[start..end])
}
