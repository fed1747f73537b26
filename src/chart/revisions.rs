//! Of the rows that a result has for one window and key, early, final and revised, the one with the highest revision.
//!
//! Rows wait here until so many others have come that no revision of theirs is to be expected; memory is bounded by
//! [`WAITING_MAX`].

use std::collections::BTreeMap;

use super::cells::Span;
use super::collect::Collector;
use super::label;

/// The most rows that wait.
const WAITING_MAX: usize = 1 << 18;

/// End and start of a window, and an encoded key: rows are handed on in this order.
type Place = (i64, i64, Box<[u8]>);

/// What counts of a row so far.
struct Row {
    revision: f64,
    values: Vec<Option<f64>>,
}

/// Rows by window and key.
#[derive(Default)]
pub struct Revisions {
    waiting: BTreeMap<Place, Row>,
    /// Up to this end windows have been handed on.
    handed_on: Option<i64>,
    /// Rows that came for windows which had been handed on.
    late: u64,
}

impl Revisions {
    /// Takes a row, and hands on those that have waited longest where there are too many. Of two with the same revision
    /// the later one counts.
    pub fn add(&mut self, span: Span, revision: f64, key: &[u8], values: &[Option<f64>], to: &mut Collector) {
        if self.handed_on.is_some_and(|end| span.end <= end) {
            self.late += 1;
            return;
        }
        let place = (span.end, span.start, key.into());
        let none = || Row { revision: f64::NEG_INFINITY, values: Vec::new() };
        let row = self.waiting.entry(place).or_insert_with(none);
        if revision >= row.revision {
            *row = Row { revision, values: values.to_vec() };
        }
        if self.waiting.len() > WAITING_MAX {
            self.hand_on(WAITING_MAX / 2, to);
        }
    }

    /// Hands on all rows. How many came too late to count.
    pub fn finish(mut self, to: &mut Collector) -> u64 {
        self.hand_on(0, to);
        self.late
    }

    /// Hands on rows until at most so many wait, and then all others with the end of the last one.
    fn hand_on(&mut self, rows_max: usize, to: &mut Collector) {
        loop {
            let Some(((first, ..), _)) = self.waiting.first_key_value() else { return };
            let is_begun = self.handed_on.is_some_and(|end| *first <= end);
            if !is_begun && self.waiting.len() <= rows_max {
                return;
            }
            let Some(((end, start, key), Row { values, .. })) = self.waiting.pop_first() else { return };
            self.handed_on = Some(end);
            // A row for each window and key is all that is here.
            let added = to.add(Some(Span { start, end }), &key, || label::of_key(&key), &values);
            debug_assert!(added.is_ok(), "rows that wait differ in window or key");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::clock::Clock;

    #[test]
    fn the_highest_revision_counts() {
        let mut all = Collector::new(vec!["n".to_owned()], false);
        let mut revisions = Revisions::default();
        let rows = [(0, 0.0, 1.0), (0, 2.0, 3.0), (1, 0.0, 10.0), (0, 1.0, 2.0), (1, 0.0, 11.0)];
        for (start, revision, value) in rows {
            revisions.add(Span { start, end: start + 1 }, revision, b"", &[Some(value)], &mut all);
        }
        assert_eq!(revisions.finish(&mut all), 0);
        let chart = all.finish(1, Clock::utc(), "");
        let values: Vec<f64> = chart.panels[0].series[0].cells.iter().map(|cell| cell.last).collect();
        assert_eq!(values, [3.0, 11.0]);
    }

    #[test]
    fn memory_is_bounded_and_late_rows_are_counted() {
        let mut all = Collector::new(vec!["n".to_owned()], false);
        let mut revisions = Revisions::default();
        for start in 0..WAITING_MAX as i64 + 10 {
            revisions.add(Span { start, end: start + 1 }, 0.0, b"", &[Some(1.0)], &mut all);
        }
        assert!(revisions.waiting.len() <= WAITING_MAX / 2 + 10);
        revisions.add(Span { start: 0, end: 1 }, 1.0, b"", &[Some(1.0)], &mut all);
        assert_eq!(revisions.finish(&mut all), 1);
    }
}
