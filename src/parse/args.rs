//! The arguments of aggregates, a column at a time.

use std::borrow::Cow;

use super::batch::{ArgColumn, Cell, CellKind, NumberColumn, Packed};
use super::columns::RecordView;
use super::explain::{decimal_comma, shown};
use super::plain;
use super::project::Arg;
use super::rows::Rows;
use super::simd::Level;
use super::stage::{Stage, Unusable};
use crate::aggregate::Takes;
use crate::expr::{Expr, Row, Simple};
use crate::value::Value;

/// The rows that a column grows by.
pub(super) struct Block<'b> {
    pub rows: &'b Rows,
    pub bytes: &'b [u8],
    pub arena: &'b [u8],
    /// Their event times.
    pub time: &'b [i64],
    /// The number of the first of them in the batch.
    pub base: usize,
}

impl<'b> Block<'b> {
    #[inline(always)]
    fn view(&self, row: usize) -> RecordView<'b> {
        RecordView { bytes: self.bytes, arena: self.arena, cells: self.rows.cells(row), time: self.time[row] }
    }
}

impl Block<'_> {
    /// Whether a simple condition holds for a row; `None` says nothing.
    #[inline(always)]
    fn truth(&self, simple: Simple<'_>, row: usize) -> Option<bool> {
        let cell = self.rows.cell(row, simple.field());
        simple.truth(cell.text(self.bytes, self.arena), cell.is_number(), cell.is_text())
    }
}

/// Appends the argument of each row; rows that are not usable get an empty entry.
pub(super) fn append(
    arg: &Arg,
    column: &mut ArgColumn,
    stage: &mut Stage,
    block: &Block<'_>,
    level: Level,
    computed: &mut Vec<u8>,
) {
    let until = block.base + block.rows.len();
    let bad = |reason: String| Unusable::Bad(format!("{}: {reason}", arg.text));
    let simple = arg.filter.as_ref().and_then(Expr::as_simple);
    let counts = |row: usize| match &arg.filter {
        None => Ok(true),
        Some(filter) => {
            let short = simple.and_then(|simple| block.truth(simple, row));
            match short {
                Some(truth) => Ok(truth),
                None => filter.is_true(&block.view(row)).map_err(|reason| bad(format!("FILTER: {reason}"))),
            }
        }
    };
    match column {
        ArgColumn::Every => {}
        ArgColumn::Present(present) => {
            present.resize(until, false);
            stage.no_short_way();
            stage.long_way(|row| {
                present[block.base + row] = counts(row)?
                    && match arg.exprs.first() {
                        None => true,
                        Some(expr) => !expr.eval(&block.view(row)).map_err(bad)?.is_null(),
                    };
                Ok(())
            });
        }
        ArgColumn::Numbers(numbers) => {
            numbers.packed.resize(until, Packed::NONE);
            let expr = &arg.exprs[0];
            match expr.as_field() {
                Some(field) if arg.filter.is_none() || simple.is_some() => {
                    let Block { rows, bytes, arena, base, .. } = *block;
                    level.run(plain::Numbers {
                        field: plain::Field { rows, number: field, bytes, arena },
                        condition: simple,
                        stage,
                        packed: &mut numbers.packed[base..],
                    });
                }
                _ => stage.no_short_way(),
            }
            stage.long_way(|row| {
                if !counts(row)? {
                    return Ok(());
                }
                let packed = packed(expr, numbers, &block.view(row)).map_err(bad)?;
                numbers.packed[block.base + row] = packed;
                Ok(())
            });
        }
        ArgColumn::Values(cells) => {
            cells.resize(until, Cell::NULL);
            let ordered = arg.takes == Takes::Ordered;
            match arg.exprs[0].as_field() {
                Some(field) if arg.filter.is_none() && !ordered => {
                    let cells = &mut cells[block.base..];
                    stage.short_way(|row| {
                        cells[row] = block.rows.cell(row, field);
                        true
                    });
                }
                _ => stage.no_short_way(),
            }
            stage.long_way(|row| {
                if counts(row)? {
                    cells[block.base + row] =
                        value_cell(&arg.exprs[0], &block.view(row), ordered, computed).map_err(bad)?;
                }
                Ok(())
            });
        }
        ArgColumn::Pairs(cells, by) => {
            cells.resize(until, Cell::NULL);
            by.resize(until, Cell::NULL);
            stage.no_short_way();
            stage.long_way(|row| {
                if counts(row)? {
                    let view = block.view(row);
                    cells[block.base + row] =
                        value_cell(&arg.exprs[0], &view, false, computed).map_err(bad)?;
                    by[block.base + row] = value_cell(&arg.exprs[1], &view, true, computed).map_err(bad)?;
                }
                Ok(())
            });
        }
    }
}

/// The number of a row, by the general way.
#[inline(never)]
fn packed(expr: &Expr, numbers: &mut NumberColumn, view: &RecordView<'_>) -> Result<Packed, String> {
    let value = match expr.as_field() {
        Some(field) => view.field(field),
        None => {
            if let Some((mantissa, scale)) = expr.eval_short(view) {
                return Ok(Packed { mantissa, scale: scale as i8 });
            }
            expr.eval(view)?
        }
    };
    let text = match &value {
        Value::Null => return Ok(Packed::NONE),
        Value::Number(number) => return Ok(numbers.pack(number)),
        Value::Written(text) | Value::Untyped(text) => *text,
        Value::Text(text) => {
            return Err(format!("a number is wanted, not {}{}", value.kind(), decimal_comma(text)));
        }
        other => return Err(format!("a number is wanted, not {}", other.kind())),
    };
    if let Some(packed) = numbers.pack_text(text) {
        return Ok(packed);
    }
    let kind =
        if matches!(value, Value::Written(_)) { "is beyond the range of a double" } else { "is no number" };
    Err(format!("`{}` {kind}{}", shown(text), decimal_comma(text)))
}

/// The cell of a value argument: the field's own where the expression is a field, else what was computed.
#[inline]
fn value_cell(
    expr: &Expr,
    view: &RecordView<'_>,
    ordered: bool,
    computed: &mut Vec<u8>,
) -> Result<Cell, String> {
    if let Some(field) = expr.as_field() {
        let cell = view.cells[field];
        if ordered && matches!(cell.kind, CellKind::False | CellKind::True | CellKind::Json) {
            return Err(format!("a number or text is wanted, not {}", view.field(field).kind()));
        }
        return Ok(cell);
    }
    let value = expr.eval(view)?;
    if ordered && matches!(value, Value::Bool(_) | Value::Json(_)) {
        return Err(format!("a number or text is wanted, not {}", value.kind()));
    }
    let start = computed.len();
    let kind = match value {
        Value::Null => return Ok(Cell::NULL),
        Value::Bool(false) => CellKind::False,
        Value::Bool(true) => CellKind::True,
        Value::Written(text) => put(computed, text, CellKind::ComputedNumber),
        Value::Number(number) => {
            number.write(computed);
            CellKind::ComputedNumber
        }
        Value::Text(Cow::Borrowed(text)) => put(computed, text, CellKind::ComputedText),
        Value::Untyped(text) => put(computed, text, CellKind::ComputedUntyped),
        Value::Text(Cow::Owned(text)) => put(computed, &text, CellKind::ComputedText),
        Value::Json(raw) => put(computed, &raw, CellKind::ComputedJson),
    };
    Ok(Cell { start: start as u32, len: (computed.len() - start) as u32, kind })
}

fn put(computed: &mut Vec<u8>, text: &str, kind: CellKind) -> CellKind {
    computed.extend_from_slice(text.as_bytes());
    kind
}
