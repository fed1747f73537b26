//! Windows of several kinds in one job: an event belongs to windows of each of them.
//!
//! Each kind is called a resolution, since mostly they are minutes, hours and days of the same. They know nothing of
//! each other; what they have in common is the watermark, and that an event is late when it is late for all of them.

use super::{PaneFinder, Windows};

/// One of several kinds of windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// As it was written: the column `window` of its rows.
    pub name: String,
    /// Its windows.
    pub windows: Windows,
}

impl Windows {
    /// How many kinds of windows these are.
    pub fn kinds(&self) -> usize {
        match self {
            Windows::Several(resolutions) => resolutions.len(),
            _ => 1,
        }
    }

    /// Each kind of these windows, in the order given; of one kind, itself.
    pub fn each(&self) -> Vec<&Windows> {
        match self {
            Windows::Several(resolutions) => {
                resolutions.iter().map(|resolution| &resolution.windows).collect()
            }
            one => vec![one],
        }
    }

    /// The names of several kinds; of one kind, none.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Windows::Several(resolutions) => {
                resolutions.iter().map(|resolution| resolution.name.as_str()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The gap of each kind that are sessions, in microseconds.
    pub fn gaps(&self) -> Vec<i64> {
        let gap = |windows: &Windows| match windows {
            Windows::Session { gap } => Some(*gap),
            _ => None,
        };
        self.each().into_iter().filter_map(gap).collect()
    }

    /// A finder for each kind that is kept as panes.
    pub fn finders(&self) -> Vec<PaneFinder> {
        let finder = |windows: &&Windows| match windows {
            Windows::Panes(panes) => Some(PaneFinder::new(panes)),
            _ => None,
        };
        self.each().iter().filter_map(finder).collect()
    }
}
