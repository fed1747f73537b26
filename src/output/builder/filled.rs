//! Rows of windows without events: `--fill`.
//!
//! All that such a row holds besides its bounds and its key is known when the row before it of the same key is written:
//! so it is kept as the text that follows the key.

use std::ops::ControlFlow;

use super::super::cells::{CELL_END, finish_csv_row, write_table_value};
use super::super::fired::{HandOn, Place, Timing};
use super::super::plan::RowPlan;
use super::{RowBuilder, write_key};
use crate::aggregate::Gives;
use crate::aggregate::states::States;
use crate::job::{Fill, OutputFormat};
use crate::value::Value;
use crate::window::Window;

impl RowBuilder {
    /// What the rows of windows without events that follow the row written last hold behind their keys, in place of
    /// what is in `text`. Slot and states are those of that row.
    pub fn fill_text(&self, states: &States, slot: u32, text: &mut Vec<u8>) {
        text.clear();
        let span = self.span();
        match self.plan.fill {
            Some(Fill::Previous) => text.extend_from_slice(&self.fired.text[self.results_at..]),
            Some(Fill::Zero) => {
                let is_zero = self.plan.gives.iter().enumerate().map(|(call, gives)| match gives {
                    Gives::Number => true,
                    Gives::List => false,
                    // What has been nothing so far may become a number; what has been text stays text.
                    Gives::AsGiven => match self.plan.as_column(states.finish(call, slot, span)) {
                        Value::Null => true,
                        value => value.as_number().is_some(),
                    },
                });
                write_results(&self.plan, is_zero, text);
            }
            Some(Fill::Null) | None => write_results(&self.plan, (0..states.width()).map(|_| false), text),
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
        self.write_bounds();
        write_key(&self.plan, key, &mut self.fired.text);
        self.fired.text.extend_from_slice(results);
        self.end_row(key, head);
    }
}

/// Writes the results of a row, which are 0 or null.
fn write_results(plan: &RowPlan, is_zero: impl Iterator<Item = bool>, text: &mut Vec<u8>) {
    let zero = |is_zero: bool| if is_zero { Value::Written("0") } else { Value::Null };
    match plan.to {
        OutputFormat::Ndjson => {
            for (lead_in, is_zero) in plan.lead_ins[plan.results..].iter().zip(is_zero) {
                text.extend_from_slice(lead_in);
                text.extend_from_slice(if is_zero { b"0" } else { b"null" });
            }
            text.extend_from_slice(b"}\n");
        }
        OutputFormat::Csv { delimiter } => {
            for is_zero in is_zero {
                if is_zero {
                    text.push(b'0');
                }
                text.push(delimiter);
            }
            text.pop();
            // There are bounds before it.
            finish_csv_row(text, 0, plan.columns.len());
        }
        OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
            for is_zero in is_zero {
                write_table_value(&zero(is_zero), text);
                text.push(CELL_END);
            }
        }
    }
}
