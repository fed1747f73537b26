//! Windows: which ones an event belongs to, and when they close.
//!
//! Fixed windows are kept as *panes*: the stretches of event time between neighbouring window starts
//! and ends. An event belongs to one pane; a window is a run of panes. A pane is named by its start.
//!
//! This module is about time alone: it knows neither events nor keys nor the watermark.

use crate::error::SyntaxError;
use crate::time::duration;

mod clock;
mod finder;
mod firing;
mod grid;
#[cfg(test)]
mod model;
mod panes;
mod parse;
mod several;

pub use finder::PaneFinder;
pub use firing::Firing;
pub use panes::Panes;
pub use several::Resolution;

/// The windows of a job: `--window`.
#[derive(Debug, Clone, PartialEq)]
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
    /// Windows of several kinds at once, in the order given: at least two, all different, none of them
    /// [`Windows::None`] or `Several` again.
    Several(Vec<Resolution>),
}

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
    /// Parses `--window`: one of these, or several with commas between them.
    ///
    /// `SIZE[/ADVANCE][+OFFSET][@ZONE]`, `cumulate:SIZE/ADVANCE[+OFFSET][@ZONE]`, `session:GAP`, `none`.
    /// Windows begin at `OFFSET` modulo ADVANCE (cumulate: SIZE) since the epoch; whole weeks on Mondays,
    /// months and years with the calendar, and with a zone all of it goes by the zone's wall clock. There a
    /// boundary lies at the first instant at which the clock shows it or later.
    pub fn parse(text: &str) -> Result<Windows, SyntaxError> {
        parse::parse(&[text])
    }

    /// Parses what `--window` has been given, once or several times: as [`Windows::parse`] does the texts joined with
    /// commas, but an error has the one text that is wrong.
    pub fn parse_each(texts: &[impl AsRef<str>]) -> Result<Windows, SyntaxError> {
        parse::parse(&texts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }

    /// The zone that bounds are written in, for windows with one; none for UTC, and for several that differ in it.
    pub fn zone(&self) -> Option<&jiff::tz::TimeZone> {
        match self {
            Windows::Panes(panes) => panes.zone.as_ref(),
            Windows::Session { .. } | Windows::None => None,
            Windows::Several(_) => {
                let mut zones = self.each().into_iter().map(Windows::zone);
                let first = zones.next()?;
                first.filter(|_| zones.all(|zone| zone == first))
            }
        }
    }

    /// What these windows are, for people.
    pub fn describe(&self) -> String {
        match self {
            Windows::Panes(panes) => panes.describe(),
            Windows::Session { gap } => format!("sessions with a gap of {}", duration::format(*gap)),
            Windows::None => "no windows: one row per key at the end".to_owned(),
            Windows::Several(resolutions) => {
                let each = resolutions.iter().map(|resolution| resolution.windows.describe());
                each.collect::<Vec<_>>().join("; ")
            }
        }
    }
}
