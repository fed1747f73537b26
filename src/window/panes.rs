//! Tumbling, hopping and cumulate windows as panes of the local timeline.
//!
//! Everything here is arithmetic on what a wall clock shows; `finder` maps it to instants and remembers.

use std::fmt;

use jiff::tz::TimeZone;

use super::grid::{FIRST_MONDAY, Grid, Length, month_of, month_start};
use crate::time::duration::{DAY, WEEK, format};

/// Windows made of panes.
///
/// Hopping windows (tumbling ones are those whose size is their advance) begin at every boundary of a grid.
/// Cumulate windows begin at every boundary too, but one ends at each step until the next boundary.
#[derive(Debug, Clone, PartialEq)]
pub struct Panes {
    pub(super) shape: Shape,
    /// Where windows begin.
    pub(super) starts: Grid,
    /// Whether boundary 0 lies on a Monday, because the boundaries were asked for in weeks.
    pub(super) mondays: bool,
    /// The zone asked for; none for UTC.
    pub(super) zone: Option<TimeZone>,
}

/// What stands at a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One window of this size.
    Hopping(Length),
    /// A window for each step of this length until the next boundary.
    Cumulate(Length),
}

/// A pane on the local timeline, and the windows around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalPane {
    pub start: i64,
    pub end: i64,
    pub first_end: i64,
    pub last_end: i64,
    /// The start of the earliest window that contains it.
    pub first_start: i64,
}

/// Windows that begin at boundaries of a grid: which of them end in a stretch of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first window's number; its boundary for hopping windows, its step for cumulate ones.
    pub first: i64,
    /// One past the last window's number.
    pub past: i64,
}

impl Panes {
    /// The pane that a local time lies in: the last start or end at or before it, to the next one after it.
    pub(super) fn local(&self, local: i64) -> LocalPane {
        let k = self.starts.index(local);
        let (start, next) = (self.starts.at(k), self.starts.at(k + 1));
        match self.shape {
            Shape::Hopping(size) => {
                let open = self.starts.first_ending_after(local, size);
                let first_end = self.starts.end(open, size);
                LocalPane {
                    start: start.max(self.starts.end(open - 1, size)),
                    end: next.min(first_end),
                    first_end,
                    last_end: self.starts.end(k, size),
                    first_start: self.starts.at(open),
                }
            }
            Shape::Cumulate(step) => {
                let steps = self.steps(start, step);
                let i = steps.index(local);
                let end = steps.at(i + 1);
                LocalPane { start: steps.at(i), end, first_end: end, last_end: next, first_start: start }
            }
        }
    }

    /// The windows that contain a local time and end in `(after, upto]`, local times too.
    pub(super) fn run(&self, local: i64, after: i64, upto: i64) -> Run {
        let k = self.starts.index(local);
        match self.shape {
            Shape::Hopping(size) => Run {
                first: self.starts.first_ending_after(local.max(after), size),
                past: self.starts.first_ending_after(upto, size).min(k + 1),
            },
            Shape::Cumulate(step) => {
                let steps = self.steps(self.starts.at(k), step);
                let next = self.starts.at(k + 1);
                Run { first: steps.index(local.max(after)) + 1, past: steps.index(upto.min(next)) + 1 }
            }
        }
    }

    /// Window n of a run that was asked for with this local time: its start and end.
    pub(super) fn bounds(&self, local: i64, n: i64) -> (i64, i64) {
        match self.shape {
            Shape::Hopping(size) => (self.starts.at(n), self.starts.end(n, size)),
            Shape::Cumulate(step) => {
                let start = self.starts.at(self.starts.index(local));
                (start, self.steps(start, step).at(n))
            }
        }
    }

    /// The steps of the cumulate windows that begin at a boundary.
    fn steps(&self, start: i64, step: Length) -> Grid {
        match step {
            Length::Micros(_) => Grid { step, months: 0, micros: start },
            Length::Months(_) => {
                let months = month_of(start - self.starts.micros);
                Grid { step, months, micros: start - month_start(months) }
            }
        }
    }

    /// What these windows are, for people: `hopping windows of 5m every 1m`, `calendar days in Europe/Berlin`.
    pub fn describe(&self) -> String {
        let advance = self.starts.step;
        let name = |length| self.name(length);
        let mut text = match self.shape {
            Shape::Hopping(size) if size == advance => match self.calendar_unit(size) {
                Some(unit) => format!("calendar {unit}"),
                None => format!("tumbling windows of {}", name(size)),
            },
            Shape::Hopping(size) => format!("hopping windows of {} every {}", name(size), name(advance)),
            Shape::Cumulate(step) => {
                format!("cumulate windows of up to {} in steps of {}", name(advance), name(step))
            }
        };
        if let Some(offset) = self.offset() {
            text.push_str(&format!(", offset by {offset}"));
        }
        match &self.zone {
            Some(zone) => text.push_str(&format!(" in {}", ZoneName(zone))),
            None if self.is_calendar() => text.push_str(" in UTC"),
            None => {}
        }
        text
    }

    /// Whether weeks, months, or a zone make the windows follow a calendar.
    fn is_calendar(&self) -> bool {
        let months = |length| matches!(length, Length::Months(_));
        let (Shape::Hopping(other) | Shape::Cumulate(other)) = self.shape;
        self.zone.is_some() || months(self.starts.step) || months(other) || self.mondays
    }

    fn calendar_unit(&self, size: Length) -> Option<&'static str> {
        match size {
            Length::Months(1) => Some("months"),
            Length::Months(3) => Some("quarters"),
            Length::Months(12) => Some("years"),
            Length::Micros(WEEK) if self.mondays => Some("weeks"),
            Length::Micros(DAY) if self.zone.is_some() => Some("days"),
            _ => None,
        }
    }

    fn name(&self, length: Length) -> String {
        match length {
            Length::Months(months) if months % 12 == 0 => format!("{}y", months / 12),
            Length::Months(months) => format!("{months}mo"),
            Length::Micros(micros) if micros % WEEK == 0 && self.mondays => {
                format!("{}w", micros / WEEK)
            }
            Length::Micros(micros) => format(micros),
        }
    }

    fn offset(&self) -> Option<String> {
        let monday = if self.mondays { FIRST_MONDAY } else { 0 };
        let (months, micros) = (self.starts.months, self.starts.micros - monday);
        match (months, micros) {
            (0, 0) => None,
            (0, micros) => Some(format(micros)),
            (months, 0) => Some(format!("{months}mo")),
            (months, micros) => Some(format!("{months}mo{}", format(micros))),
        }
    }
}

/// A zone as messages name it.
struct ZoneName<'a>(&'a TimeZone);

impl fmt::Display for ZoneName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.iana_name(), self.0.to_fixed_offset()) {
            (Some(name), _) => f.write_str(name),
            (None, Ok(offset)) => {
                let minutes = offset.seconds() / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            (None, Err(_)) => f.write_str("an unnamed zone"),
        }
    }
}
