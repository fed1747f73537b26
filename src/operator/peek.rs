//! A look at what is open: the best rows of the windows that close next, as they would be if the input ended here.
//!
//! Each owner answers for its own keys; whoever puts the answers together takes those about one window. Looking changes
//! nothing: what fires later is the same whether somebody has looked or not.

use std::cmp::Ordering;

use crate::output::fired::Fired;
use crate::output::plan::RowPlan;
use crate::parse::key;
use crate::window::Window;

/// The most rows that are handed over: more than fit on a screen.
pub const ROWS_MAX: usize = 200;

/// What an owner has found.
#[derive(Debug, Default)]
pub struct Peek {
    /// The open window that closes next among those that have groups here; `None` if there is none, and where windows
    /// are not of all keys (sessions, `--window none`).
    pub window: Option<Window>,
    /// When the first window closes that the newest pane belongs to; `None` as above.
    pub reaches: Option<i64>,
    /// The best rows of that window, or of all that is open.
    pub best: Best,
}

/// The rows that rank first among many; equal ranks by key, and by window where a key has several.
#[derive(Debug, Default)]
pub struct Best {
    rows: Vec<BestRow>,
    seen: u64,
}

/// A row that owns its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BestRow {
    /// Its window; for `--window none` one of no length.
    pub window: Window,
    /// The encoded rank.
    pub rank: Vec<u8>,
    /// The encoded key.
    pub key: Vec<u8>,
    /// Its cells, each with its end.
    pub text: Vec<u8>,
}

impl Best {
    /// The rows, the best first.
    pub fn rows(&self) -> &[BestRow] {
        &self.rows
    }

    /// How many rows there were to choose from.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// So many rows were seen elsewhere, and are not among the best.
    pub fn pass_over(&mut self, rows: u64) {
        self.seen += rows;
    }

    /// Chooses among rows too.
    pub fn take(&mut self, plan: &RowPlan, fired: &Fired) {
        for at in 0..fired.windows.len() {
            let (place, rows) = fired.window(at);
            for row in rows {
                self.take_row(plan, fired, (place.window, row));
            }
        }
    }

    /// Chooses with regard to this row of this window too.
    pub fn take_row(&mut self, plan: &RowPlan, fired: &Fired, (window, row): (Window, usize)) {
        self.seen += 1;
        let (rank, key) = (fired.row_rank(row), fired.row_key(row));
        let order = |kept: &BestRow| -> Ordering {
            let by_rank = plan.compare_ranks(&kept.rank, rank);
            by_rank.then_with(|| key::compare(&kept.key, key)).then_with(|| kept.window.cmp(&window))
        };
        if self.rows.len() == ROWS_MAX && self.rows.last().is_some_and(|last| order(last).is_le()) {
            return;
        }
        let at = self.rows.partition_point(|kept| order(kept).is_le());
        self.rows.truncate(ROWS_MAX - 1);
        let row =
            BestRow { window, rank: rank.to_vec(), key: key.to_vec(), text: fired.row_text(row).to_vec() };
        self.rows.insert(at, row);
    }

    /// Chooses among another owner's rows too.
    pub fn merge(&mut self, plan: &RowPlan, other: Best) {
        self.seen += other.seen;
        self.rows.extend(other.rows);
        self.rows.sort_by(|a, b| {
            let by_rank = plan.compare_ranks(&a.rank, &b.rank);
            by_rank.then_with(|| key::compare(&a.key, &b.key)).then_with(|| a.window.cmp(&b.window))
        });
        self.rows.truncate(ROWS_MAX);
    }

    /// Keeps the first rows alone; with `ties` those too that tie with the last of them.
    pub fn cut(&mut self, plan: &RowPlan, rows_max: usize, ties: bool) {
        let mut kept = rows_max.min(self.rows.len());
        while ties
            && kept > 0
            && kept < self.rows.len()
            && plan.compare_ranks(&self.rows[kept - 1].rank, &self.rows[kept].rank).is_eq()
        {
            kept += 1;
        }
        // What lies beyond the rows at hand ties with none of them, as far as anybody can see.
        self.seen = self.seen.min((rows_max as u64).max(kept as u64));
        self.rows.truncate(kept);
    }
}
