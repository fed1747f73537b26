//! Charts: a result over time, in a terminal, as SVG and as HTML.
//!
//! `collect` takes rows and keeps what can be drawn (`cells`), `read`, with `open`, `columns`, `kinds` and `revisions`,
//! gets them from a file, `output::chart` from a run.
//! A [`Chart`] is what is to be drawn; `plot` says where: scales (`scale`), ticks (`calendar`), places for labels
//! (`label`). `layout` does that in pixels. `terminal`, with `canvas`, and `svg`, which `html` wraps, draw it. Everything that comes from outside is
//! text to be escaped, and a chart depends on nothing but the rows and the size that it is given.

pub mod calendar;
pub mod canvas;
pub mod cells;
pub mod clock;
pub mod collect;
pub mod columns;
pub mod html;
mod kinds;
pub mod label;
pub mod layout;
mod open;
pub mod plot;
pub mod read;
pub mod revisions;
pub mod scale;
mod shape;
pub mod svg;
mod svg_bars;
pub mod terminal;

#[cfg(test)]
mod tests;

use cells::{Cell, Span};
use clock::Clock;

/// How many keys a chart draws when nobody says otherwise: as many as there are colours that can be told apart.
pub const TOP: usize = 8;

/// What is drawn.
#[derive(Debug, Clone)]
pub struct Chart {
    /// What stands above it; empty: only what it says itself.
    pub title: String,
    /// The name of the result; empty: nobody needs it.
    pub source: String,
    /// How values are drawn.
    pub kind: Kind,
    /// One for each measure; they share the x axis. All have the same keys in the same order.
    pub panels: Vec<Panel>,
    /// The columns that make up the key; empty: there is one line without a name.
    pub by: Vec<String>,
    /// What is not drawn, and what to do about it.
    pub notes: Vec<String>,
    /// By which clock times are shown.
    pub clock: Clock,
    /// How long every window is, in microseconds, if all are equally long.
    pub length: Option<i64>,
    /// The least distance between two ends of windows, in microseconds.
    pub step: i64,
    /// From the start of the first window to the end of the last; `None` where rows have no windows.
    pub window: Option<Span>,
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A line through the starts of windows, which follow or overlap each other.
    Lines,
    /// A line through the ends of windows that grow from one start, and another for the next start.
    Cumulating,
    /// A point at the start of each window: sessions, which have no neighbours.
    Points,
    /// A bar for each key: there is one window, or none.
    Bars,
}

/// One measure.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The name of its column.
    pub measure: String,
    /// The keys, the largest first.
    pub series: Vec<Series>,
}

/// One key.
#[derive(Debug, Clone)]
pub struct Series {
    /// How the key reads: text from outside.
    pub label: String,
    /// What there is of it, in order of time.
    pub cells: Vec<Cell>,
}

impl Default for Chart {
    fn default() -> Chart {
        Chart {
            title: String::new(),
            source: String::new(),
            kind: Kind::Bars,
            panels: Vec::new(),
            by: Vec::new(),
            notes: Vec::new(),
            clock: Clock::utc(),
            length: None,
            step: i64::MAX,
            window: None,
        }
    }
}

impl Chart {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.panels.iter().flat_map(|panel| &panel.series).all(|series| series.cells.is_empty())
    }

    /// The time at which a window is drawn.
    pub fn x(&self, span: Span) -> i64 {
        if self.kind == Kind::Cumulating { span.end } else { span.start }
    }

    /// Whether a line goes from one to the next: no window is missing between them.
    pub fn joins(&self, before: &Cell, next: &Cell) -> bool {
        let (a, b) = (before.to, next.from);
        match self.kind {
            Kind::Points | Kind::Bars => false,
            Kind::Cumulating => a.start == b.start,
            Kind::Lines if b.start < a.end => b.end.saturating_sub(a.end) <= self.step.saturating_mul(3) / 2,
            Kind::Lines => b.start == a.end,
        }
    }

    /// The first and the last time at which something is drawn.
    pub fn x_range(&self) -> Option<(i64, i64)> {
        let cells = || self.panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.cells);
        let first = cells().map(|cell| self.x(cell.from)).min()?;
        let last = cells().map(|cell| self.x(cell.to)).max()?;
        Some((first, last))
    }

    /// The title, and what stands below it: `count by origin, 1d windows`; `2013-01-01 to 2013-02-01, UTC, file.csv`.
    pub fn captions(&self) -> (String, String) {
        let measures: Vec<&str> = self.panels.iter().map(|panel| &panel.measure[..]).collect();
        let mut what = measures.join(", ");
        if !self.by.is_empty() {
            what += &format!(" by {}", self.by.join(", "));
        }
        match (self.kind, self.length) {
            (Kind::Points, _) => what += ", by session",
            (Kind::Cumulating, _) => what += ", growing windows by their ends",
            (_, Some(length)) => {
                what += &format!(", {} windows", crate::time::duration::format(length));
                if self.kind == Kind::Lines && self.step < length {
                    what += &format!(" every {}", crate::time::duration::format(self.step));
                }
            }
            (Kind::Lines | Kind::Bars, None) => {}
        }
        let mut below = Vec::new();
        if !self.title.is_empty() {
            below.push(what.clone());
        }
        if let Some(Span { start, end }) = self.window {
            let (start, end) = (self.clock.moment(start), self.clock.moment(end));
            below.push(format!("{start} to {end}, {}", self.clock.name()));
        }
        if !self.source.is_empty() {
            below.push(self.source.clone());
        }
        let title = if self.title.is_empty() { what } else { self.title.clone() };
        (title, below.join(", "))
    }
}

impl Panel {
    /// The least and the greatest value; `None` if there is none.
    pub fn range(&self) -> Option<(f64, f64)> {
        let cells = || self.series.iter().flat_map(|series| &series.cells);
        let least = cells().map(|cell| cell.least).reduce(f64::min)?;
        let greatest = cells().map(|cell| cell.greatest).reduce(f64::max)?;
        Some((least, greatest))
    }
}
