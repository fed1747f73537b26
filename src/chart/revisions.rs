//! Of the rows that a result has for one window and key, early, final and revised, those that count in the end.
//!
//! That is the one with the highest revision, where it has not been replaced: a session that has grown replaces those
//! of its key that it covers, and with `--top` or `--having` windows are written as a whole, so that a key which is not
//! in the last revision of its window has left the ranking. Which of that holds a result does not say; its rows show it
//! (see [`Revisions::settle`]).
//!
//! Rows wait here until so many others have come that no revision of theirs is to be expected; memory is bounded by
//! [`WAITING_BYTES_MAX`].

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::cells::Span;
use super::collect::Collector;
use super::label;

/// The most memory that waiting rows take up, about.
const WAITING_BYTES_MAX: usize = 256 << 20;
/// What a row takes up beside its key and values, about, in bytes.
const ROW_BYTES: usize = 160;

/// End and start of a window: rows are handed on in this order, and by their encoded keys.
type Ends = (i64, i64);
type Key = Box<[u8]>;

/// A row as it is read.
#[derive(Debug, Clone, Copy)]
pub struct Written<'r> {
    /// Its window; `None` where the result has none.
    pub span: Option<Span>,
    /// The column `revision`.
    pub revision: f64,
    /// Whether the column `pane` says `early`.
    pub is_early: bool,
    /// The encoded key.
    pub key: &'r [u8],
    /// The values, by measure.
    pub values: &'r [Option<f64>],
}

/// What counts of a row so far.
struct Row {
    /// The highest revision.
    revision: f64,
    /// The lowest one that was there.
    first: f64,
    /// Whether it was written before the window had closed, and not again.
    is_early: bool,
    values: Vec<Option<f64>>,
}

/// What a row takes up while it waits, about.
fn bytes_of(key: &[u8], values: &[Option<f64>]) -> usize {
    key.len() + size_of_val(values) + ROW_BYTES
}

/// Rows by window and key.
pub struct Revisions {
    windows: BTreeMap<Ends, BTreeMap<Key, Row>>,
    /// Up to this end windows have closed.
    closed: i64,
    /// Whether the result has windows.
    has_windows: bool,
    /// What waiting rows take up, and may, in bytes.
    bytes: usize,
    bytes_max: usize,
    /// Up to this end windows have been handed on.
    handed_on: Option<i64>,
    /// Rows that came for windows which had been handed on.
    late: u64,
    /// Whether a window has been found that holds an earlier one of its key and has replaced none: windows grow.
    cumulates: bool,
    /// Whether windows have been found to be written as a whole.
    is_whole: bool,
    /// The shortest and the longest window.
    lengths: (i64, i64),
}

impl Default for Revisions {
    fn default() -> Revisions {
        Revisions::with_room(WAITING_BYTES_MAX)
    }
}

impl Revisions {
    /// No rows yet; so many bytes of them may wait.
    fn with_room(bytes_max: usize) -> Revisions {
        Revisions {
            windows: BTreeMap::new(),
            closed: i64::MIN,
            has_windows: false,
            bytes: 0,
            bytes_max,
            handed_on: None,
            late: 0,
            cumulates: false,
            is_whole: false,
            lengths: (i64::MAX, 0),
        }
    }

    /// Takes a row, and hands on those that have waited longest where there are too many. Of two with the same revision
    /// the later one counts.
    pub fn add(&mut self, row: Written<'_>, to: &mut Collector) {
        self.has_windows |= row.span.is_some();
        let span = row.span.unwrap_or(Span { start: 0, end: 0 });
        if self.handed_on.is_some_and(|end| span.end <= end) {
            self.late += 1;
            return;
        }
        let length = span.end.saturating_sub(span.start);
        self.lengths = (self.lengths.0.min(length), self.lengths.1.max(length));
        if !row.is_early {
            self.closed = self.closed.max(span.end);
        }
        let rows = self.windows.entry((span.end, span.start)).or_default();
        match rows.get_mut(row.key) {
            Some(known) => {
                known.is_early &= row.is_early;
                known.first = known.first.min(row.revision);
                if row.revision >= known.revision {
                    known.revision = row.revision;
                    known.values.copy_from_slice(row.values);
                }
            }
            None => {
                self.bytes += bytes_of(row.key, row.values);
                let Written { revision, is_early, key, values, .. } = row;
                let new = Row { revision, first: revision, is_early, values: values.to_vec() };
                rows.insert(key.into(), new);
            }
        }
        if self.bytes > self.bytes_max {
            self.settle();
            self.bytes = self.windows.values().flatten().map(|(key, row)| bytes_of(key, &row.values)).sum();
            self.hand_on(self.bytes_max / 2, to);
        }
    }

    /// Hands on all rows. How many came too late to count.
    pub fn finish(mut self, to: &mut Collector) -> u64 {
        self.settle();
        self.hand_on(0, to);
        self.late
    }

    /// Lets go of rows that have been replaced, as far as what waits shows how.
    ///
    /// Windows of one key that hold another are sessions that have grown, unless the greater one was written from
    /// revision 0 on, which only cumulate windows are. An early row is over when its window has closed without one for its
    /// key: it has left the ranking, or its session has grown. Windows are written as a whole if that happens to one, or
    /// if a key begins with a later revision: otherwise each counts its own.
    fn settle(&mut self) {
        let covered = self.covered();
        let closed = self.closed;
        let mut is_whole = false;
        for ((end, _), rows) in &mut self.windows {
            is_whole |= rows.values().any(|row| row.first > 0.0);
            let before = rows.len();
            rows.retain(|_, row| !(row.is_early && *end <= closed));
            is_whole |= rows.len() < before;
        }
        let is_sessions =
            !self.cumulates && (!covered.is_empty() || self.lengths.1 > self.lengths.0.saturating_mul(2));
        if is_sessions {
            covered.iter().for_each(|(ends, key)| self.drop_row(*ends, key));
            return;
        }
        self.is_whole |= is_whole;
        if self.is_whole {
            for rows in self.windows.values_mut() {
                let last = rows.values().map(|row| row.revision).fold(0.0, f64::max);
                rows.retain(|_, row| row.revision >= last);
            }
        }
    }

    /// The rows whose windows lie within another one of their key. Finds out whether windows grow.
    fn covered(&mut self) -> Vec<(Ends, Key)> {
        let mut spans: Vec<(&Key, i64, Reverse<i64>, f64)> = Vec::new();
        for ((end, start), rows) in &self.windows {
            spans.extend(rows.iter().map(|(key, row)| (key, *start, Reverse(*end), row.first)));
        }
        spans.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        let (mut covered, mut cumulates) = (Vec::new(), false);
        let mut outer: Option<(&Key, i64, f64)> = None;
        for (key, start, Reverse(end), first) in spans {
            match outer {
                Some((other, outer_end, outer_first)) if other == key && end <= outer_end => {
                    cumulates |= outer_first <= 0.0;
                    covered.push(((end, start), key.clone()));
                }
                _ => outer = Some((key, end, first)),
            }
        }
        self.cumulates |= cumulates;
        covered
    }

    fn drop_row(&mut self, ends: Ends, key: &Key) {
        if let Some(rows) = self.windows.get_mut(&ends) {
            rows.remove(key);
        }
    }

    /// Hands on rows until they take up at most so many bytes, and then all others with the end of the last one.
    fn hand_on(&mut self, bytes_max: usize, to: &mut Collector) {
        while let Some(first) = self.windows.first_entry() {
            let (end, start) = *first.key();
            let is_begun = self.handed_on.is_some_and(|handed_on| end <= handed_on);
            if !is_begun && self.bytes <= bytes_max && bytes_max > 0 {
                break;
            }
            self.handed_on = Some(end);
            let span = self.has_windows.then_some(Span { start, end });
            for (key, Row { values, .. }) in first.remove() {
                self.bytes -= bytes_of(&key, &values);
                // A row for each window and key is all that is here.
                let added = to.add(span, &key, || label::of_key(&key), &values);
                debug_assert!(added.is_ok(), "rows that wait differ in window or key");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::clock::Clock;

    /// What is drawn of rows `start end key revision pane value`: start, end, key and value of each.
    #[track_caller]
    fn check(rows: &str, want: &str) {
        let mut all = Collector::new(vec!["n".to_owned()], false);
        let mut revisions = Revisions::default();
        for row in rows.split(", ") {
            let parts: Vec<&str> = row.split(' ').collect();
            let number = |at: usize| parts[at].parse::<f64>().unwrap();
            let mut key = Vec::new();
            crate::parse::key::encode(&crate::value::Value::Text(parts[2].into()), &mut key);
            let written = Written {
                span: Some(Span { start: number(0) as i64, end: number(1) as i64 }),
                revision: number(3),
                is_early: parts[4] == "e",
                key: &key,
                values: &[Some(number(5))],
            };
            revisions.add(written, &mut all);
        }
        assert_eq!(revisions.finish(&mut all), 0);
        let chart = all.finish(9, Clock::utc(), "");
        let mut found: Vec<String> = Vec::new();
        for series in &chart.panels[0].series {
            let shown = |cell: &crate::chart::cells::Cell| {
                format!("{} {} {} {}", cell.to.start, cell.to.end, series.label, cell.last)
            };
            found.extend(series.cells.iter().map(shown));
        }
        found.sort();
        assert_eq!(found.join(", "), want, "{rows}");
    }

    #[test]
    fn the_highest_revision_counts() {
        check("0 1 a 0 e 1, 0 1 a 2 r 3, 1 2 a 0 f 10, 0 1 a 1 f 2, 1 2 a 0 f 11", "0 1 a 3, 1 2 a 11");
        // What has not changed since is not written again.
        check("0 9 a 0 f 1, 0 9 b 0 f 2, 0 9 b 1 r 3", "0 9 a 1, 0 9 b 3");
        check("0 9 a 0 e 1, 0 9 b 0 e 2, 0 9 b 1 e 3", "0 9 a 1, 0 9 b 3");
        // A group that has come late.
        check("0 9 a 0 f 1, 0 9 b 0 r 2, 0 9 b 1 r 3", "0 9 a 1, 0 9 b 3");
    }

    #[test]
    fn sessions_that_have_grown_replace_what_they_cover() {
        check("0 30 a 0 e 1, 0 45 a 1 e 2, 0 45 b 0 f 5, 0 60 a 2 f 3", "0 45 b 5, 0 60 a 3");
        // Two have grown together; one of another key stays.
        check("0 30 a 0 f 1, 40 70 a 0 f 1, 10 40 b 0 f 7, 0 80 a 1 r 3", "0 80 a 3, 10 40 b 7");
        check("10 40 a 0 f 1, 0 40 a 1 r 2, 90 120 a 0 f 1", "0 40 a 2, 90 120 a 1");
    }

    #[test]
    fn windows_that_grow_stay() {
        let rows = "0 10 a 0 e 1, 0 20 a 0 e 1, 0 10 a 1 f 2, 0 20 a 1 f 3, 0 30 a 0 f 4";
        check(rows, "0 10 a 2, 0 20 a 3, 0 30 a 4");
        check("0 10 a 0 f 1, 5 15 a 0 f 2, 5 15 a 1 r 3", "0 10 a 1, 5 15 a 3");
    }

    #[test]
    fn keys_that_have_left_a_ranking_are_gone() {
        // The window has closed without it.
        check("0 9 a 0 e 5, 0 9 b 0 e 4, 0 9 b 1 f 6, 0 9 c 1 f 6", "0 9 b 6, 0 9 c 6");
        // Another has taken its place behind that.
        check("0 9 a 0 f 5, 0 9 b 0 f 4, 0 9 a 1 r 5, 0 9 c 1 r 6", "0 9 a 5, 0 9 c 6");
        // No key is left that is seen.
        check("0 9 a 0 e 5, 9 18 b 0 f 1", "9 18 b 1");
        // What one window shows holds for all.
        check("0 9 a 0 e 5, 0 9 c 1 f 6, 9 18 a 0 e 1, 9 18 b 1 e 2", "0 9 c 6, 9 18 b 2");
    }

    #[test]
    fn memory_is_bounded_and_late_rows_are_counted() {
        let mut all = Collector::new(vec!["n".to_owned()], false);
        let mut revisions = Revisions::with_room(1 << 20);
        let row = |start, revision| Written {
            span: Some(Span { start, end: start + 1 }),
            revision,
            is_early: false,
            key: b"",
            values: &[Some(1.0)],
        };
        for start in 0..100_000 {
            revisions.add(row(start, 0.0), &mut all);
            assert!(revisions.bytes <= 1 << 20 && revisions.windows.len() < (1 << 20) / ROW_BYTES);
        }
        revisions.add(row(0, 1.0), &mut all);
        assert_eq!(revisions.finish(&mut all), 1);
    }
}
