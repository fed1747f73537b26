//! Windows: which ones an event belongs to, and when they close.
//!
//! Fixed windows are kept as *panes*: the stretches of event time between neighbouring window starts
//! and ends. An event belongs to one pane; a window is a run of panes. A pane is named by its start.

use crate::error::SyntaxError;

/// The windows of a job: `--window`.
#[derive(Debug, Clone)]
pub enum Windows {
    /// Tumbling, hopping, cumulate, in fixed lengths or calendar units.
    Panes(Panes),
    /// Sessions with this gap in microseconds.
    Session {
        /// The gap.
        gap: i64,
    },
    /// One row per key at the end.
    None,
}

/// Windows made of panes.
#[derive(Debug, Clone)]
pub struct Panes {}

/// One pane: the stretch `[start, end)` of event time, and the ends of the windows around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pane {
    /// Its start, which is its name.
    pub start: i64,
    /// Its end, exclusive.
    pub end: i64,
    /// The end of the first window (in order of end) that contains it.
    pub first_end: i64,
    /// The end of the last window that contains it. Where ADVANCE were above SIZE there could be none;
    /// such specs are refused.
    pub last_end: i64,
}

/// One window, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Its end, exclusive; first, since windows are ordered by (end, start).
    pub end: i64,
    /// Its start.
    pub start: i64,
}

impl Windows {
    /// Parses `--window`.
    pub fn parse(_text: &str) -> Result<Windows, SyntaxError> {
        todo!()
    }
    /// The zone that bounds are written in, for calendar windows with one.
    pub fn zone(&self) -> Option<&jiff::tz::TimeZone> {
        todo!()
    }
}

/// Finds panes; keeps what it found last, so that neighbouring events are cheap. One per thread.
pub struct PaneFinder {}

impl PaneFinder {
    /// A finder for these windows.
    pub fn new(_panes: &Panes) -> PaneFinder {
        todo!()
    }
    /// The pane of a time within `(-time::LIMIT, time::LIMIT)`.
    /// `None` where a calendar cannot say (years beyond 9999).
    pub fn pane(&mut self, _time: i64) -> Option<Pane> {
        todo!()
    }
    /// The windows that contain the pane starting at `pane_start` and end in `(after, upto]`, in order of end.
    pub fn windows(&mut self, _pane_start: i64, _after: i64, _upto: i64, _out: &mut Vec<Window>) {
        todo!()
    }
}
