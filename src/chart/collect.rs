//! Takes the rows of a result and keeps what can be drawn, in bounded memory.
//!
//! Kept are at most [`CELLS_MAX`] cells. Where there are more windows than [`COLUMNS_MAX`], neighbouring ones share a
//! column of time, whose width doubles as time goes on; where that does not do, the keys with the smallest totals so
//! far lose their lines, and keep their totals. It knows nothing of files, formats and pictures.

use std::collections::{BTreeSet, HashMap};

use super::cells::{Cell, Span, in_columns};
use super::clock::Clock;
use super::shape::Shape;
use super::{Chart, Kind, Panel, Series};

/// The most cells that are kept, of all keys and measures together.
const CELLS_MAX: usize = 1 << 19;
/// The most columns of time; beyond them each becomes twice as wide until at most half of them are left.
const COLUMNS_MAX: usize = 2048;
/// With so few columns lines are given up instead.
const COLUMNS_MIN: usize = 512;
/// The most keys that are told apart.
const KEYS_MAX: usize = 1 << 18;
/// The longest label, in characters; what is longer is cut.
const LABEL_CHARS_MAX: usize = 200;

/// Two rows for the same window and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// Collects rows.
pub struct Collector {
    measures: Vec<String>,
    keys: HashMap<u128, u32>,
    lines: Vec<Line>,
    cells: usize,
    /// How wide a column is, in microseconds; 0: each end of a window is a column of its own.
    width: i64,
    columns: BTreeSet<i64>,
    last_column: Option<i64>,
    shape: Shape,
    lost_lines: bool,
    /// Rows of keys beyond [`KEYS_MAX`].
    rows_beyond: u64,
}

struct Line {
    label: String,
    /// The sum of the sizes of all values, by measure.
    totals: Vec<f64>,
    /// The cells by measure, in order of their ends.
    series: Vec<Vec<Cell>>,
    lost: bool,
}

impl Collector {
    /// For rows with these measures. `sessions`: the windows are known to be sessions.
    pub fn new(measures: Vec<String>, sessions: bool) -> Collector {
        Collector {
            measures,
            keys: HashMap::new(),
            lines: Vec::new(),
            cells: 0,
            width: 0,
            columns: BTreeSet::new(),
            last_column: None,
            shape: Shape::new(sessions),
            lost_lines: false,
            rows_beyond: 0,
        }
    }

    /// Adds a row: its window (`None` where a result has none), what identifies its key, how the key reads, and its
    /// values by measure; `None` draws nothing, nor does what is not finite.
    ///
    /// # Errors
    /// [`Repeated`] if the row before of this key had the same window.
    pub fn add(
        &mut self,
        window: Option<Span>,
        key: &[u8],
        label: impl FnOnce() -> String,
        values: &[Option<f64>],
    ) -> Result<(), Repeated> {
        let span = window.unwrap_or(Span { start: 0, end: 0 });
        if window.is_some() {
            self.shape.see(span);
        }
        let Some(line) = self.line(key, label) else {
            self.rows_beyond += 1;
            return Ok(());
        };
        let column = column_of(span.end, self.width);
        let line = &mut self.lines[line];
        for (measure, value) in values.iter().enumerate() {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            line.totals[measure] += value.abs();
            if line.lost {
                continue;
            }
            let cells = &mut line.series[measure];
            let before = cells.len();
            insert(cells, Cell::new(span, value), self.width, &mut self.shape)?;
            self.cells += cells.len() - before;
        }
        if self.last_column != Some(column) {
            self.columns.insert(column);
            self.last_column = Some(column);
        }
        if self.columns.len() > COLUMNS_MAX {
            self.coarsen(COLUMNS_MAX / 2);
        }
        if self.cells > CELLS_MAX {
            self.make_room();
        }
        Ok(())
    }

    /// The number of a key's line; `None` if there are too many.
    fn line(&mut self, key: &[u8], label: impl FnOnce() -> String) -> Option<usize> {
        let hash = xxhash_rust::xxh3::xxh3_128(key);
        if let Some(&line) = self.keys.get(&hash) {
            return Some(line as usize);
        }
        if self.lines.len() == KEYS_MAX {
            return None;
        }
        let mut label = label();
        if let Some((end, _)) = label.char_indices().nth(LABEL_CHARS_MAX) {
            label.truncate(end);
            label.push('…');
        }
        let measures = self.measures.len();
        let line = self.lines.len();
        self.keys.insert(hash, line as u32);
        self.lines.push(Line {
            label,
            totals: vec![0.0; measures],
            series: vec![Vec::new(); measures],
            lost: false,
        });
        Some(line)
    }

    /// Makes columns wider until there are at most so many.
    fn coarsen(&mut self, columns_max: usize) {
        while self.columns.len() > columns_max {
            let spread = match (self.columns.first(), self.columns.last(), self.width) {
                // From single microseconds on the way would be long.
                (Some(first), Some(last), 0) => {
                    (last.saturating_sub(*first) / COLUMNS_MAX as i64).max(1).unsigned_abs()
                }
                _ => 1,
            };
            self.width = match self.width {
                0 => i64::try_from(spread.next_power_of_two()).unwrap_or(1 << 62),
                width => width.saturating_mul(2),
            };
            let width = self.width;
            let all = self.lines.iter_mut().flat_map(|line| &mut line.series);
            all.for_each(|cells| *cells = in_columns(cells, |cell| column_of(cell.from.end, width)));
            let cells = self.lines.iter().flat_map(|line| &line.series).flatten();
            self.columns = cells.clone().map(|cell| column_of(cell.to.end, width)).collect();
            self.cells = cells.count();
            self.last_column = None;
        }
    }

    /// Frees a quarter of the cells at least, so that this is seldom.
    fn make_room(&mut self) {
        if self.columns.len() > COLUMNS_MIN {
            self.coarsen(COLUMNS_MIN);
        }
        if self.cells > CELLS_MAX / 4 * 3 {
            self.give_up_lines(CELLS_MAX / 2);
        }
        // The largest line may have a thousand measures.
        while self.cells > CELLS_MAX / 4 * 3 && self.columns.len() > 1 {
            self.coarsen(self.columns.len() / 2);
        }
    }

    /// Keeps the largest lines, as many as have so many cells together, and one at least.
    fn give_up_lines(&mut self, cells_max: usize) {
        self.cells = 0;
        for (rank, line) in self.ranking().into_iter().enumerate() {
            let line = &mut self.lines[line];
            let cells: usize = line.series.iter().map(Vec::len).sum();
            if rank == 0 || self.cells + cells <= cells_max {
                self.cells += cells;
            } else if !line.lost {
                self.lost_lines = true;
                line.lost = true;
                line.series.iter_mut().for_each(|cells| *cells = Vec::new());
            }
        }
    }

    /// The lines, those with the greatest totals of the first measure that has any first.
    fn ranking(&self) -> Vec<usize> {
        let has_values = |measure: &usize| self.lines.iter().any(|line| line.totals[*measure] > 0.0);
        let measure = (0..self.measures.len()).find(has_values).unwrap_or(0);
        let total = |line: usize| self.lines[line].totals.get(measure).copied().unwrap_or(0.0);
        let mut lines: Vec<usize> = (0..self.lines.len()).collect();
        let label = |line: usize| &self.lines[line].label;
        lines.sort_by(|&a, &b| total(b).total_cmp(&total(a)).then_with(|| label(a).cmp(label(b))));
        lines
    }

    /// The chart of the `top` largest keys. `way` says how one gets to see the others.
    pub fn finish(mut self, top: usize, clock: Clock, way: &str) -> Chart {
        let kind = self.shape.kind();
        let ranking = self.ranking();
        let drawn = &ranking[..top.min(ranking.len())];
        let mut notes = Vec::new();
        let beyond = ranking.len() - drawn.len();
        if self.rows_beyond > 0 {
            notes.push(format!("and more than {beyond} others; {way}"));
        } else if beyond > 0 {
            notes.push(format!("and {beyond} more; {way}"));
        }
        if self.lost_lines && drawn.iter().any(|&line| self.lines[line].lost) {
            notes.push(
                "lines of keys that became large late are left out: there are too many keys".to_owned(),
            );
        }
        let labels: Vec<String> =
            drawn.iter().map(|&line| std::mem::take(&mut self.lines[line].label)).collect();
        let measures = std::mem::take(&mut self.measures);
        let panels = measures.into_iter().enumerate().map(|(measure, name)| {
            let series = drawn.iter().zip(&labels).map(|(&line, label)| Series {
                label: label.clone(),
                cells: std::mem::take(&mut self.lines[line].series[measure]),
            });
            Panel { measure: name, series: series.collect() }
        });
        let panels = panels.collect();
        let length = match (kind, self.shape.lengths) {
            (Kind::Lines | Kind::Bars, Some((least, greatest))) if least == greatest => Some(least),
            _ => None,
        };
        let step = self.shape.step;
        let window = self.shape.range();
        Chart { kind, panels, notes, clock, length, step, window, ..Chart::default() }
    }
}

fn column_of(end: i64, width: i64) -> i64 {
    if width == 0 { end } else { end.div_euclid(width) }
}

fn insert(cells: &mut Vec<Cell>, cell: Cell, width: i64, shape: &mut Shape) -> Result<(), Repeated> {
    let (span, column) = (cell.to, column_of(cell.to.end, width));
    match cells.last_mut() {
        Some(last) if last.to == span => return Err(Repeated),
        Some(last) if last.to.end <= span.end => {
            shape.cumulates |= last.to.start == span.start;
            match column_of(last.from.end, width) == column && width > 0 {
                true => last.merge(&cell),
                false => cells.push(cell),
            }
        }
        None => cells.push(cell),
        // Rows in another order than windrow writes them.
        Some(_) => {
            let at = cells.partition_point(|other| column_of(other.from.end, width) < column);
            match cells.get_mut(at).filter(|other| column_of(other.from.end, width) == column) {
                Some(other) if other.windows == 1 && other.to == span => return Err(Repeated),
                Some(other) if width > 0 => other.merge(&cell),
                _ => cells.insert(at, cell),
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(rows: impl Iterator<Item = (i64, i64, u64, f64)>) -> Collector {
        let mut all = Collector::new(vec!["count".to_owned()], false);
        for (start, end, key, value) in rows {
            let added =
                all.add(Some(Span { start, end }), &key.to_le_bytes(), || key.to_string(), &[Some(value)]);
            added.expect("no window comes twice");
        }
        all
    }

    fn chart(rows: impl Iterator<Item = (i64, i64, u64, f64)>, top: usize) -> Chart {
        collected(rows).finish(top, Clock::utc(), "--top draws more")
    }

    #[test]
    fn the_largest_keys_are_drawn_and_the_others_named() {
        let rows = (0..5).flat_map(|n| (0..7).map(move |key| (n * 10, n * 10 + 10, key, key as f64)));
        let chart = chart(rows, 3);
        let labels: Vec<&str> = chart.panels[0].series.iter().map(|series| &series.label[..]).collect();
        assert_eq!(labels, ["6", "5", "4"]);
        assert_eq!(chart.notes, ["and 4 more; --top draws more"]);
    }

    #[test]
    fn kinds_of_windows() {
        let check = |rows: &[(i64, i64)], want| {
            let found = chart(rows.iter().map(|&(start, end)| (start, end, 0, 1.0)), 1).kind;
            assert_eq!(found, want, "{rows:?}");
        };
        check(&[(0, 10), (10, 20), (30, 40)], Kind::Lines);
        check(&[(0, 10), (5, 15)], Kind::Lines);
        check(&[(0, 10), (0, 20), (0, 30)], Kind::Cumulating);
        check(&[(0, 10), (15, 90)], Kind::Points);
        check(&[(0, 10)], Kind::Bars);
    }

    #[test]
    fn a_window_that_comes_twice_is_told() {
        let mut all = Collector::new(vec!["n".to_owned()], false);
        let mut add = |start| all.add(Some(Span { start, end: start + 1 }), b"", String::new, &[Some(1.0)]);
        assert_eq!([add(0), add(1), add(1), add(0)], [Ok(()), Ok(()), Err(Repeated), Err(Repeated)]);
    }

    /// A million windows in bounded memory, with the spike of one of them as high as it was.
    #[test]
    fn many_windows_share_columns() {
        let value = |n: i64| if n == 777_777 { 1e6 } else { (n % 10) as f64 };
        let all = collected((0..1_000_000).map(|n| (n * 60, n * 60 + 60, 0, value(n))));
        assert!(all.columns.len() <= COLUMNS_MAX && all.cells <= COLUMNS_MAX);
        let chart = all.finish(1, Clock::utc(), "");
        let cells = &chart.panels[0].series[0].cells;
        assert!(cells.len() > 256);
        assert_eq!(cells.iter().map(|cell| u64::from(cell.windows)).sum::<u64>(), 1_000_000);
        assert_eq!(cells.iter().map(|cell| cell.greatest).fold(0.0, f64::max), 1e6);
        assert!(cells.windows(2).all(|pair| pair[0].to.end < pair[1].from.end));
        assert!(cells.windows(2).all(|pair| chart.joins(&pair[0], &pair[1])));
    }

    #[test]
    fn order_of_rows_makes_no_difference() {
        let mut rows: Vec<_> = (0..5000).map(|n| (n * 10, n * 10 + 10, 0, (n * 7 % 31) as f64)).collect();
        let sorted = chart(rows.iter().copied(), 1).panels.remove(0).series.remove(0).cells;
        fastrand::Rng::with_seed(3).shuffle(&mut rows);
        let shuffled = chart(rows.into_iter(), 1).panels.remove(0).series.remove(0).cells;
        let sum = |cells: &[Cell]| cells.iter().map(|cell| cell.windows).sum::<u32>();
        assert_eq!((sum(&sorted), sum(&shuffled)), (5000, 5000));
        assert!(shuffled.windows(2).all(|pair| pair[0].to.end < pair[1].from.end));
    }

    #[test]
    fn many_measures_stay_within_bounds() {
        let mut all = Collector::new(vec![String::new(); 1500], false);
        for start in 0..600 {
            let span = Span { start, end: start + 1 };
            all.add(Some(span), b"", String::new, &[Some(1.0); 1500]).expect("no window comes twice");
            assert!(all.cells <= CELLS_MAX, "{}", all.cells);
        }
        assert!(!all.lost_lines);
    }

    #[test]
    fn many_keys_stay_within_bounds() {
        let rows = (0..700).flat_map(|n| (0..2000).map(move |key| (n * 10, n * 10 + 10, key, key as f64)));
        let all = collected(rows);
        assert!(all.cells <= CELLS_MAX, "{}", all.cells);
        let chart = all.finish(2, Clock::utc(), "x");
        assert_eq!(chart.panels[0].series[0].label, "1999");
        assert_eq!(chart.panels[0].series[0].cells.iter().map(|cell| cell.windows).sum::<u32>(), 700);
        assert_eq!(chart.notes, ["and 1998 more; x"]);
    }
}
