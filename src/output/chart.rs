//! `--to chart`: the rows of a run drawn when it ends, since only then it is known over which time.
//!
//! It hands rows on to the collector, which keeps what can be drawn of them.

use std::ops::Range;

use super::cells::CELL_END;
use super::fired::Fired;
use crate::chart::cells::Span;
use crate::chart::clock::Clock;
use crate::chart::collect::Collector;
use crate::chart::terminal::{self, Look};
use crate::chart::{self, Chart, label, scale};
use crate::job::{Aggregation, OutputFormat};
use crate::window::Windows;

/// The rows of a run, on their way to a chart.
pub struct Drawing {
    look: Look,
    has_windows: bool,
    /// Where the aggregates begin among the cells of a row.
    first: usize,
    names: Vec<String>,
    by: Vec<String>,
    clock: Clock,
    collector: Collector,
    values: Vec<Option<f64>>,
    /// By aggregate, whether a value was no number.
    texts: Vec<bool>,
    /// Rows for a window and key that had one.
    repeated: u64,
}

impl Drawing {
    /// That of a job, if it is to be drawn.
    pub fn of(task: &Aggregation) -> Option<Drawing> {
        let OutputFormat::Chart(look) = task.to else { return None };
        let names: Vec<String> = task.calls.iter().map(|call| call.name.clone()).collect();
        let zone = task.windows.zone().cloned();
        Some(Drawing {
            look,
            has_windows: !matches!(task.windows, Windows::None),
            first: task.columns().len() - names.len(),
            by: task.keys.iter().map(|key| key.name.clone()).collect(),
            clock: zone.map_or_else(Clock::utc, Clock::zone),
            collector: Collector::new(names.clone(), matches!(task.windows, Windows::Session { .. })),
            values: Vec::with_capacity(names.len()),
            texts: vec![false; names.len()],
            names,
            repeated: 0,
        })
    }

    /// Takes rows.
    pub fn rows(&mut self, fired: &Fired, rows: Range<usize>) {
        let rows = fired.by_window(rows).flat_map(|(place, rows)| rows.map(move |row| (place.window, row)));
        for (window, row) in rows {
            let span = self.has_windows.then_some(Span { start: window.start, end: window.end });
            self.values.clear();
            let cells = fired.row_text(row).split(|&byte| byte == CELL_END).skip(self.first);
            for (cell, is_text) in cells.zip(&mut self.texts) {
                let value = scale::number(cell);
                *is_text |= value.is_none() && !cell.is_empty();
                self.values.push(value);
            }
            let key = fired.row_key(row);
            if self.collector.add(span, key, || label::of_key(key), &self.values).is_err() {
                self.repeated += 1;
            }
        }
    }

    /// Draws.
    pub fn write(self, out: &mut Vec<u8>) {
        let top = chart::TOP;
        let way = "--where narrows it, windrow chart RESULT --top N draws more";
        let mut chart = self.collector.finish(top, self.clock, way);
        chart.by = self.by;
        if self.repeated > 0 {
            chart.notes.push(format!("{} rows are left out: their windows had one already", self.repeated));
        }
        leave_out_texts(&mut chart, &self.names, &self.texts);
        out.extend_from_slice(terminal::draw(&chart, self.look).as_bytes());
    }
}

/// Leaves out the measures that are texts, and says so.
fn leave_out_texts(chart: &mut Chart, names: &[String], texts: &[bool]) {
    let mut is_text = texts.iter();
    chart.panels.retain(|_| !is_text.next().is_some_and(|is_text| *is_text));
    let left_out: Vec<&str> =
        names.iter().zip(texts).filter(|(_, is_text)| **is_text).map(|(name, _)| &name[..]).collect();
    if !left_out.is_empty() {
        chart.notes.push(format!("not numbers, and not drawn: {}", left_out.join(", ")));
    }
}
