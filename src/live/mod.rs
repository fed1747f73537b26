//! The live view of `--to live`: a table of the window that closes next, drawn on the terminal while the run goes on.
//!
//! [`Board`] puts together what the owners of keys show of open windows, and remembers what has fired; that gives a
//! [`Scene`]. [`frame::Frame`] turns it into lines, and [`screen::Screen`] puts these in place of the lines before. Nothing
//! here knows a thread, a clock or a terminal: `pipeline` fills the board, `cli` draws.

pub mod frame;
pub mod history;
pub mod screen;

use std::ops::Range;

use crate::job::{Aggregation, OutputFormat};
use crate::operator::peek::{Best, BestRow, Peek};
use crate::output::cells::CELL_END;
use crate::output::fired::Fired;
use crate::output::plan::RowPlan;
use crate::window::{Window, Windows};
use history::{History, Past};

/// What a view shows at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scene {
    /// The window; `None` if none is open, and where windows are not of all keys (sessions, `--window none`).
    pub window: Option<Window>,
    /// Whether the rows are those that are written when windows close: the input has ended.
    pub is_final: bool,
    /// When the first window closes that the newest events belong to, if that is a later one.
    pub reaches: Option<i64>,
    /// The best rows.
    pub rows: Vec<SceneRow>,
    /// How many rows there are in all.
    pub rows_in_all: u64,
}

/// A row of a view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SceneRow {
    /// Its cells, one for each output column.
    pub cells: Vec<String>,
    /// What it is sorted by, in the last windows and in this one.
    pub past: Vec<Past>,
}

/// What kind of windows a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same windows for all keys.
    Shared,
    /// Each key has its own.
    Sessions,
    /// There is one, which closes at the end.
    Whole,
}

impl Kind {
    /// That of a job.
    pub fn of(windows: &Windows) -> Kind {
        match windows {
            // A view is of one kind of windows.
            Windows::Panes(_) | Windows::Several(_) => Kind::Shared,
            Windows::Session { .. } => Kind::Sessions,
            Windows::None => Kind::Whole,
        }
    }
}

/// What is known of the windows of a run, for a view of them.
pub struct Board {
    kind: Kind,
    rows_max: usize,
    ties: bool,
    history: History,
    /// The first window that the newest events belong to closes then.
    reaches: Option<i64>,
    /// What fires at the end of the input: of windows of all keys the rows of one of them, else all rows.
    last: Option<(Option<Window>, Best)>,
}

impl Board {
    /// That of a job, if it is to be shown.
    pub fn of(task: &Aggregation) -> Option<Board> {
        let top = task.top.as_ref().filter(|_| task.to == OutputFormat::Live)?;
        Some(Board {
            kind: Kind::of(&task.windows),
            rows_max: top.rows_max,
            ties: top.ties,
            history: History::new(
                top.descending,
                matches!(task.windows, Windows::Session { .. }),
                task.windows.finders().pop(),
            ),
            reaches: None,
            last: None,
        })
    }

    /// Rows of the next step follow; whether the input ends with it.
    pub fn begin(&mut self, ended: bool) {
        if ended && self.last.is_none() {
            self.last = Some((None, Best::default()));
        }
    }

    /// Takes rows that have fired.
    pub fn rows(&mut self, plan: &RowPlan, fired: &Fired, rows: Range<usize>) {
        let rows = fired.by_window(rows).flat_map(|(place, rows)| rows.map(move |row| (place.window, row)));
        for (window, row) in rows {
            if let Some((Some(shown), _)) = &self.last
                && window > *shown
            {
                // It is not the past of the one that is shown.
                return;
            }
            if self.kind != Kind::Whole {
                self.history.add(window, fired.row_key(row), history::number(fired.row_rank(row)));
            }
            let Some((shown, best)) = &mut self.last else { continue };
            // Hopping windows that begin later hold less and less of what has come.
            let is_shown = match (self.kind, *shown) {
                (Kind::Shared, Some(shown)) => shown == window,
                (Kind::Shared, None) => self.reaches.is_none_or(|reaches| window.end >= reaches),
                (Kind::Sessions | Kind::Whole, _) => true,
            };
            if is_shown {
                *shown = (self.kind == Kind::Shared).then_some(window);
                best.take_row(plan, fired, (window, row));
            }
        }
    }

    /// The step is over. What is there to be seen, if its owners have been asked.
    pub fn end(&mut self, plan: &RowPlan, peeks: Vec<Peek>) -> Option<Scene> {
        self.history.settle();
        if let Some((window, best)) = self.last.take() {
            return Some(self.scene(plan, Scene { window, is_final: true, ..Scene::default() }, best));
        }
        if peeks.is_empty() {
            return None;
        }
        let window = peeks.iter().filter_map(|peek| peek.window).min();
        self.reaches = peeks.iter().filter_map(|peek| peek.reaches).max().or(self.reaches);
        let mut best = Best::default();
        // Those who show a later window have nothing in this one.
        peeks.into_iter().filter(|peek| peek.window == window).for_each(|peek| best.merge(plan, peek.best));
        let reaches = self.reaches.filter(|reaches| window.is_some_and(|window| window.end < *reaches));
        Some(self.scene(plan, Scene { window, reaches, ..Scene::default() }, best))
    }

    fn scene(&self, plan: &RowPlan, scene: Scene, mut best: Best) -> Scene {
        if self.rows_max < usize::MAX {
            best.cut(plan, self.rows_max, self.ties);
        }
        let rows = best.rows().iter().map(|row| self.row(row)).collect();
        Scene { rows, rows_in_all: best.seen(), ..scene }
    }

    fn row(&self, row: &BestRow) -> SceneRow {
        let cells =
            row.text.split(|&byte| byte == CELL_END).map(|cell| String::from_utf8_lossy(cell).into_owned());
        let mut cells: Vec<String> = cells.collect();
        // Every cell has its end, the last one too.
        cells.pop();
        let mut past = match self.kind {
            Kind::Shared => self.history.of_windows(&row.key, row.window),
            Kind::Sessions => self.history.of_key(&row.key, row.window),
            Kind::Whole => Vec::new(),
        };
        past.push(history::number(&row.rank).map_or(Past::Nothing, Past::Number));
        SceneRow { cells, past }
    }
}
