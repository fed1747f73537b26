//! How many events there are at which time, for a chart of few columns.
//!
//! Events are counted in cells of one width, which grows when there are too many cells. Only cells with events are
//! kept, so that a single event far off does not widen them for all the others. The result depends on the events
//! alone, not on their order.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::time::duration::DAY;

/// The most cells that are kept.
const CELLS_MAX: usize = 4096;
/// The most columns of a chart.
const COLUMNS_MAX: i64 = 60;
const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

/// The widths of cells in microseconds, each a multiple of the one before.
const WIDTHS: [i64; 19] = [
    1,
    10,
    100,
    1000,
    10_000,
    100_000,
    SECOND,
    10 * SECOND,
    60 * SECOND,
    600 * SECOND,
    HOUR,
    6 * HOUR,
    DAY,
    30 * DAY,
    360 * DAY,
    3600 * DAY,
    36_000 * DAY,
    360_000 * DAY,
    53_280_000 * DAY,
];
/// How many seconds a column may last; shorter and longer ones are 1, 2 and 5 times a power of ten, of a microsecond and
/// of 360 days.
const COLUMN_SECONDS: [i64; 28] = {
    const M: i64 = 60;
    const H: i64 = 60 * M;
    const D: i64 = 24 * H;
    [
        1,
        2,
        5,
        10,
        15,
        30,
        M,
        2 * M,
        5 * M,
        10 * M,
        15 * M,
        30 * M,
        H,
        2 * H,
        3 * H,
        6 * H,
        12 * H,
        D,
        2 * D,
        3 * D,
        5 * D,
        7 * D,
        10 * D,
        15 * D,
        30 * D,
        60 * D,
        90 * D,
        180 * D,
    ]
};

/// Counts of events by time.
#[derive(Debug, Default)]
pub struct Rate {
    /// Which of the widths the cells have.
    level: usize,
    /// Per cell with events, by its number: its start divided by the width.
    cells: BTreeMap<i64, u64>,
    /// The bounds of the cell that the last event fell into, and the events that are not in `cells` yet.
    now: Range<i64>,
    pending: u64,
    /// The least and the greatest time.
    bounds: Option<(i64, i64)>,
}

/// A chart of events over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Where the first column starts, in microseconds since the Unix epoch.
    pub start: i64,
    /// How long a column is, in microseconds.
    pub width: i64,
    /// Events per column; the first and the last are not empty.
    pub columns: Vec<u64>,
    /// Events before the first column: few, and far off.
    pub before: u64,
    /// Events behind the last column: few, and far off.
    pub behind: u64,
}

impl Rate {
    /// All events are counted: to be called before a chart is made.
    pub fn end(&mut self) {
        self.settle();
        self.now = 0..0;
    }

    /// Counts an event at this time, in microseconds since the Unix epoch.
    #[inline]
    pub fn add(&mut self, time: i64) {
        if self.now.contains(&time) {
            self.pending += 1;
        } else {
            self.move_to(time);
        }
        self.bounds = match self.bounds {
            None => Some((time, time)),
            Some((first, last)) => Some((first.min(time), last.max(time))),
        };
    }

    /// The least and the greatest time.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        self.bounds
    }

    fn move_to(&mut self, time: i64) {
        self.settle();
        while self.cells.len() > CELLS_MAX {
            self.level += 1;
            let factor = WIDTHS[self.level] / WIDTHS[self.level - 1];
            let mut wider = BTreeMap::new();
            for (cell, count) in &self.cells {
                *wider.entry(cell.div_euclid(factor)).or_insert(0) += count;
            }
            self.cells = wider;
        }
        let width = WIDTHS[self.level];
        let start = time.div_euclid(width) * width;
        (self.now, self.pending) = (start..start + width, 1);
    }

    fn settle(&mut self) {
        if self.pending > 0 {
            *self.cells.entry(self.now.start.div_euclid(WIDTHS[self.level])).or_insert(0) += self.pending;
            self.pending = 0;
        }
    }

    /// The chart of all events, but for up to one in a thousand at each end that are further off than all others are
    /// from each other.
    pub fn chart(&self) -> Option<Chart> {
        let cells: Vec<(i64, u64)> = self.cells.iter().map(|(cell, count)| (*cell, *count)).collect();
        let total: u64 = cells.iter().map(|(_, count)| count).sum();
        let (first, last) = (cells.first()?.0, cells.last()?.0);
        let few = if total >= 20 { (total / 1000).max(1) } else { 0 };
        let from = skip(cells.iter().map(|(_, count)| *count), few);
        let to = cells.len() - skip(cells.iter().rev().map(|(_, count)| *count), few);
        let inner = cells.get(from..to).and_then(|inner| Some(inner.last()?.0 - inner.first()?.0 + 1));
        let is_far = |pair: &[(i64, u64)]| inner.is_some_and(|inner| pair[1].0 - pair[0].0 > 2 * inner);
        let start = cells[..=from.min(cells.len() - 1)].windows(2).rfind(|pair| is_far(pair));
        let end = cells[to.max(1) - 1..].windows(2).find(|pair| is_far(pair));
        let (start, end) = (start.map_or(first, |pair| pair[1].0), end.map_or(last, |pair| pair[0].0));
        Some(self.columns(&cells, start..end + 1))
    }

    fn columns(&self, cells: &[(i64, u64)], shown: Range<i64>) -> Chart {
        let cell_width = WIDTHS[self.level];
        let columns = |cells: i64| shown.start.div_euclid(cells)..(shown.end - 1).div_euclid(cells) + 1;
        let fits = |width: &i64| {
            let cells = width / cell_width;
            width % cell_width == 0 && columns(cells).end - columns(cells).start <= COLUMNS_MAX
        };
        let per_column =
            column_widths().find(fits).map_or(shown.end - shown.start, |width| width / cell_width);
        let range = columns(per_column);
        let mut counts = vec![0; (range.end - range.start) as usize];
        let (mut before, mut behind) = (0, 0);
        for (cell, count) in cells {
            match cell {
                cell if *cell < shown.start => before += count,
                cell if *cell >= shown.end => behind += count,
                cell => counts[(cell.div_euclid(per_column) - range.start) as usize] += count,
            }
        }
        let width = per_column * cell_width;
        Chart { start: range.start.saturating_mul(width), width, columns: counts, before, behind }
    }
}

/// The widths that a column may have in microseconds, ascending.
fn column_widths() -> impl Iterator<Item = i64> {
    let by_ten = |unit: i64, powers: u32| {
        (0..powers).flat_map(move |power| [1, 2, 5].map(|digit| digit * unit * 10i64.pow(power)))
    };
    by_ten(1, 6).chain(COLUMN_SECONDS.iter().map(|seconds| seconds * SECOND)).chain(by_ten(360 * DAY, 5))
}

/// How many counts from the front add up to no more than `few`.
fn skip(counts: impl Iterator<Item = u64>, few: u64) -> usize {
    let mut sum = 0;
    counts
        .take_while(|count| {
            sum += count;
            sum <= few
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(times: impl IntoIterator<Item = i64>) -> Chart {
        let mut rate = Rate::default();
        times.into_iter().for_each(|time| rate.add(time));
        rate.end();
        rate.chart().expect("there are events")
    }

    #[test]
    fn few_columns_whatever_the_range() {
        let mut random = fastrand::Rng::with_seed(3);
        assert_eq!(Rate::default().chart(), None);
        for shift in 0..60 {
            let times: Vec<i64> = (0..20_000).map(|_| random.i64(-(1 << 60)..1 << 60) >> shift).collect();
            let mut sorted = times.clone();
            let chart = chart(times);
            assert!(chart.columns.len() <= 60, "{shift}");
            assert_eq!(chart.columns.iter().sum::<u64>(), 20_000);
            sorted.sort_unstable();
            assert_eq!(super::tests::chart(sorted), chart, "the order does not matter");
        }
    }

    #[test]
    fn counts_are_exact() {
        let minute = 60 * SECOND;
        let chart = chart((0..600).map(|n| n / 10 * minute + n));
        assert_eq!((chart.start, chart.width), (0, minute));
        assert_eq!(chart.columns, [10; 60]);
    }

    #[test]
    fn what_is_far_off_does_not_flatten_the_rest() {
        let chart = chart((0..3000).map(|n| n * SECOND).chain([4000 * DAY, -90 * DAY]));
        assert_eq!((chart.before, chart.behind, chart.width), (1, 1, 60 * SECOND));
        assert_eq!(chart.columns.iter().sum::<u64>(), 3000);
    }
}
