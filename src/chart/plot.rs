//! From cells to points on a plot of some width: what terminal and SVG have in common.

use super::cells::{Cell, Span, in_columns};
use super::{Chart, Kind, Series};

/// The x axis of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// The time at the left end, in microseconds.
    pub from: i64,
    /// The time at the right end.
    pub to: i64,
}

/// Points that one line goes through. One alone is a point of its own.
pub type Run = Vec<Point>;

/// A place on a plot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// From 0 at the left to 1 at the right.
    pub x: f64,
    /// The value.
    pub value: f64,
}

impl Axis {
    /// That of a chart; `None` if it is empty.
    pub fn of(chart: &Chart) -> Option<Axis> {
        chart.x_range().map(|(from, to)| Axis { from, to })
    }

    /// Where a time stands: 0 at the left, 1 at the right; a lone time in the middle.
    pub fn at(&self, time: i64) -> f64 {
        let whole = self.to.abs_diff(self.from);
        if whole == 0 {
            return 0.5;
        }
        (time.saturating_sub(self.from) as f64 / whole as f64).clamp(0.0, 1.0)
    }

    /// The column of a cell where there are so many.
    fn column(&self, time: i64, columns: usize) -> usize {
        ((self.at(time) * columns as f64) as usize).min(columns.saturating_sub(1))
    }
}

/// The cells of a series, those in one of so many columns merged.
pub fn cells(chart: &Chart, series: &Series, axis: Axis, columns: usize) -> Vec<Cell> {
    // The end of one growing window and the start of the next are not one line, however near they are.
    let start = |cell: &Cell| if chart.kind == Kind::Cumulating { cell.from.start } else { 0 };
    in_columns(&series.cells, |cell| (axis.column(chart.x(cell.from), columns), start(cell)))
}

/// The lines of a series on a plot that is so many columns wide.
pub fn runs(chart: &Chart, series: &Series, axis: Axis, columns: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before: Option<Cell> = None;
    for cell in cells(chart, series, axis, columns) {
        let joined = before.is_some_and(|before| chart.joins(&before, &cell));
        let points = points(chart, &cell, axis);
        match runs.last_mut() {
            Some(run) if joined => run.extend(points),
            _ if chart.kind == Kind::Points => runs.extend(points.into_iter().map(|point| vec![point])),
            _ => runs.push(points),
        }
        before = Some(cell);
    }
    runs
}

/// What a line goes through in a cell: between the first and the last value the least and the greatest.
fn points(chart: &Chart, cell: &Cell, axis: Axis) -> Vec<Point> {
    let point = |span: Span, value| Point { x: axis.at(chart.x(span)), value };
    let (first, last) = (point(cell.from, cell.first), point(cell.to, cell.last));
    if cell.windows == 1 {
        return vec![first];
    }
    let x = f64::midpoint(first.x, last.x);
    let mut points = vec![first, Point { x, value: cell.least }, Point { x, value: cell.greatest }, last];
    points.dedup();
    points
}

/// The points at which a series ends, and that its label belongs to.
pub fn end(chart: &Chart, series: &Series, axis: Axis) -> Option<Point> {
    let cell = series.cells.last()?;
    Some(Point { x: axis.at(chart.x(cell.to)), value: cell.last })
}
