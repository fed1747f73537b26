//! What all shards need to know to write rows: columns, kinds of windows, conditions, ranks.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::cells::csv_header;
use super::json::write_json_string;
use crate::aggregate::Gives;
use crate::expr::Expr;
use crate::job::{Aggregation, Fill, OutputFormat, Top};
use crate::parse::key;
use crate::value::Value;
use crate::window::Windows;

/// What all shards need to know to write rows.
pub struct RowPlan {
    pub(super) to: OutputFormat,
    pub(super) columns: Vec<String>,
    /// NDJSON: per column, what stands before its value.
    pub(super) lead_ins: Vec<Vec<u8>>,
    /// The kinds of windows, in the order given.
    pub(super) kinds: Vec<KindPlan>,
    /// How many columns say which window a row is of: the first ones.
    pub(super) leading: usize,
    /// Where the columns of the aggregates begin.
    pub(super) results: usize,
    /// What rows of windows without events hold, where there are such.
    pub(super) fill: Option<Fill>,
    /// By aggregate, what it gives.
    pub(super) gives: Vec<Gives>,
    /// Whether rows say when they were written: the last two columns.
    pub(super) has_timing: bool,
    pub(super) having: Option<Expr>,
    pub(super) top: Option<TopPlan>,
    /// Whether text may be a CSV field, which counts as a number in conditions if it reads as one.
    pub(super) untyped: bool,
}

/// What rows need to know of their kind of windows.
pub(super) struct KindPlan {
    /// What rows say of it, where there are several.
    pub(super) name: Option<String>,
    pub(super) zone: Option<jiff::tz::TimeZone>,
    /// Whether its windows close when the watermark is beyond their ends, and not at them.
    pub(super) closes_beyond: bool,
}

impl KindPlan {
    /// Those of these windows.
    fn all(windows: &Windows) -> Vec<KindPlan> {
        let plan = |windows: &Windows, name| KindPlan {
            name,
            zone: windows.zone().cloned(),
            closes_beyond: matches!(windows, Windows::Session { .. }),
        };
        match windows {
            Windows::Several(resolutions) => {
                resolutions.iter().map(|one| plan(&one.windows, Some(one.name.clone()))).collect()
            }
            one => vec![plan(one, None)],
        }
    }
}

pub(super) struct TopPlan {
    pub(super) rows_max: usize,
    pub(super) order_by: Expr,
    pub(super) descending: bool,
    pub(super) ties: bool,
}

impl RowPlan {
    /// The plan of a job; `untyped` says that it reads CSV.
    pub fn new(task: &Aggregation, untyped: bool) -> RowPlan {
        let columns = task.columns();
        let lead_in = |(n, name): (usize, &String)| {
            let mut text = vec![if n == 0 { b'{' } else { b',' }];
            write_json_string(name, &mut text);
            text.push(b':');
            text
        };
        RowPlan {
            to: task.to,
            lead_ins: columns.iter().enumerate().map(lead_in).collect(),
            columns,
            kinds: KindPlan::all(&task.windows),
            leading: task.leading().len(),
            results: task.leading().len() + task.keys.len(),
            fill: task.fill,
            gives: task.calls.iter().map(|call| call.definition.gives).collect(),
            has_timing: task.firing.repeats(),
            having: task.having.clone(),
            untyped,
            top: task.top.as_ref().map(|top: &Top| TopPlan {
                rows_max: top.rows_max,
                order_by: top.order_by.clone(),
                descending: top.descending,
                ties: top.ties,
            }),
        }
    }

    /// The output columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How rows are written.
    pub fn format(&self) -> OutputFormat {
        self.to
    }

    /// How many rows of a window are kept, and whether ties with the last are too; `None`: all. A live view gets all: it
    /// remembers of the keys that are on top now what they were before.
    pub fn top(&self) -> Option<(usize, bool)> {
        let top = self.top.as_ref().filter(|_| self.to != OutputFormat::Live);
        top.map(|top| (top.rows_max, top.ties))
    }

    /// Whether windows may be written more than once.
    pub fn repeats(&self) -> bool {
        self.has_timing
    }

    /// Whether windows without events have rows, too.
    pub fn fills(&self) -> bool {
        self.fill.is_some()
    }

    /// How many fields a key has.
    pub fn key_fields(&self) -> usize {
        self.results - self.leading
    }

    /// The header line, for formats that have one in the stream.
    pub fn header(&self) -> Vec<u8> {
        match self.to {
            OutputFormat::Csv { delimiter } => csv_header(&self.columns, delimiter),
            _ => Vec::new(),
        }
    }
}

impl RowPlan {
    /// Whether it depends on its values if and where a row is written.
    pub(super) fn has_conditions(&self) -> bool {
        self.having.is_some() || self.top.is_some()
    }

    /// Whether rows are made of bounds, keys and numbers, and of nothing else.
    pub(super) fn is_plain(&self) -> bool {
        let numbers = self.gives.iter().all(|gives| *gives == Gives::Number);
        // A single column may have to be quoted for the sake of its row.
        numbers && !self.has_conditions() && !self.has_timing && self.columns.len() > 1
    }

    /// A value as conditions see it.
    pub fn as_column<'v>(&self, value: Value<'v>) -> Value<'v> {
        match value {
            Value::Text(Cow::Borrowed(text)) if self.untyped => Value::Untyped(text),
            value => value,
        }
    }

    /// If rows are ranked by a call by itself, and none is left out: which of so many calls that is.
    pub fn rank_call(&self, calls: usize) -> Option<usize> {
        let top = self.top.as_ref().filter(|_| self.having.is_none())?;
        top.order_by.as_field()?.checked_sub(self.results).filter(|call| *call < calls)
    }

    /// Whether the greatest rank comes first.
    pub fn is_descending(&self) -> bool {
        self.top.as_ref().is_some_and(|top| top.descending)
    }

    /// The order of two ranks within a window.
    pub fn compare_ranks(&self, a: &[u8], b: &[u8]) -> Ordering {
        let order = key::compare_values(a, b);
        if self.is_descending() { order.reverse() } else { order }
    }
}
