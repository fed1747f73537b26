//! Rows of windows without events: `--fill`.
//!
//! All that such a row holds besides its bounds and its key is known when the row before it of the same key is written:
//! so it is kept as the text that follows the key.

use std::ops::ControlFlow;

use super::{
    CELL_END, HandOn, Place, RowBuilder, RowPlan, Timing, finish_csv_row, write_key, write_table_value,
};
use crate::aggregate::{Accumulators, Span};
use crate::job::{Fill, OutputFormat};
use crate::value::Value;
use crate::window::Window;

impl RowBuilder {
    /// What the rows of windows without events that follow the row written last hold behind their keys, in place of
    /// what is in `text`. Slot and states are those of that row.
    pub fn fill_text(&self, columns: &[Box<dyn Accumulators>], slot: u32, text: &mut Vec<u8>) {
        text.clear();
        let span = Span { bounds: self.window.map(|window| (window.start, window.end)) };
        match self.plan.fill {
            Some(Fill::Previous) => text.extend_from_slice(&self.fired.text[self.results_at..]),
            Some(Fill::Zero) => {
                let is_number = columns.iter().map(|column| column.finish(slot, span).as_number().is_some());
                write_results(&self.plan, is_number, text);
            }
            Some(Fill::Null) | None => write_results(&self.plan, columns.iter().map(|_| false), text),
        }
    }

    /// The rows that follow are those of a window without events, which are written when `closing` closes.
    pub fn begin_filled(
        &mut self,
        window: Window,
        closing: Window,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        (self.window, self.timing) = (Some(window), Timing::Final);
        let place = Place { closes: self.closes(closing), ..self.place() };
        self.begin_place(place, hand_on)
    }

    /// Writes a row with what [`RowBuilder::fill_text`] has given.
    pub fn filled_row(&mut self, key: &[u8], head: u64, results: &[u8]) {
        self.fired.text.extend_from_slice(&self.bounds);
        write_key(&self.plan, key, &mut self.fired.text);
        self.fired.text.extend_from_slice(results);
        self.end_row(key, head);
    }
}

/// Writes the results of a row: those that are numbers are 0, the others null.
fn write_results(plan: &RowPlan, is_number: impl Iterator<Item = bool>, text: &mut Vec<u8>) {
    let zero = |is_number: bool| if is_number { Value::Written("0") } else { Value::Null };
    match plan.to {
        OutputFormat::Ndjson => {
            for (lead_in, is_number) in plan.lead_ins[plan.results..].iter().zip(is_number) {
                text.extend_from_slice(lead_in);
                text.extend_from_slice(if is_number { b"0" } else { b"null" });
            }
            text.extend_from_slice(b"}\n");
        }
        OutputFormat::Csv { delimiter } => {
            for is_number in is_number {
                if is_number {
                    text.push(b'0');
                }
                text.push(delimiter);
            }
            text.pop();
            // There are bounds before it.
            finish_csv_row(text, 0, plan.columns.len());
        }
        OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
            for is_number in is_number {
                write_table_value(&zero(is_number), text);
                text.push(CELL_END);
            }
        }
    }
}
