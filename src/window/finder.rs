//! Finds the pane of an event time, and the windows of a pane, in instants.
//!
//! Called once per event, so it remembers the panes it found last and has a short way for windows of fixed
//! length. It never fails on a time in range, except where a zone's calendar ends.

use std::ops::ControlFlow;

use super::clock::Clock;
use super::grid::Length;
use super::panes::{Panes, Shape};
use super::{Pane, Window};

/// Finds panes; keeps what it found last, so that neighbouring events are cheap. One per thread.
pub struct PaneFinder {
    panes: Panes,
    clock: Clock,
    fixed: Option<FixedHops>,
    /// The pane found last.
    last: Pane,
    /// Panes found before it: events that arrive out of order go back and forth between neighbours.
    recent: [Pane; 3],
    /// The one of them to be forgotten next.
    oldest: usize,
}

/// Contains no time.
const NOWHERE: Pane = Pane { start: 0, end: 0, first_end: 0, last_end: 0 };

impl Pane {
    #[inline(always)]
    pub(crate) fn contains(&self, time: i64) -> bool {
        self.start <= time && time < self.end
    }
}

impl PaneFinder {
    /// A finder for these windows.
    pub fn new(panes: &Panes) -> PaneFinder {
        let clock = Clock::new(panes.zone.as_ref());
        let fixed = FixedHops::new(panes, &clock);
        PaneFinder { panes: panes.clone(), clock, fixed, last: NOWHERE, recent: [NOWHERE; 3], oldest: 0 }
    }

    /// The pane that was found last; before that one without times.
    #[inline]
    pub fn last(&self) -> Pane {
        self.last
    }

    /// Whether every time in range has a pane.
    pub fn is_total(&self) -> bool {
        self.fixed.is_some()
    }

    /// The pane of a time within `(-time::LIMIT, time::LIMIT)`.
    /// `None` where a calendar cannot say (years beyond 9999).
    #[inline]
    pub fn pane(&mut self, time: i64) -> Option<Pane> {
        if self.last.contains(time) {
            return Some(self.last);
        }
        self.pane_elsewhere(time)
    }

    fn pane_elsewhere(&mut self, time: i64) -> Option<Pane> {
        if let Some(recent) = self.recent.iter_mut().find(|pane| pane.contains(time)) {
            std::mem::swap(recent, &mut self.last);
            return Some(self.last);
        }
        let pane = match &self.fixed {
            Some(fixed) => fixed.pane(time),
            None => self.calendar_pane(time)?,
        };
        self.recent[self.oldest] = std::mem::replace(&mut self.last, pane);
        self.oldest = (self.oldest + 1) % self.recent.len();
        Some(pane)
    }

    fn calendar_pane(&mut self, time: i64) -> Option<Pane> {
        let local = self.panes.local(self.clock.local(time)?);
        // Whoever asks for the windows of this pane later must get all of them, the earliest too.
        self.clock.instant(local.first_start)?;
        Some(Pane {
            start: self.clock.instant(local.start)?,
            end: self.clock.instant(local.end)?,
            first_end: self.clock.instant(local.first_end)?,
            last_end: self.clock.instant(local.last_end)?,
        })
    }

    /// The windows that contain the pane starting at `pane_start` and end in `(after, upto]`, in order of end
    /// (then start). Each is named once, also where a jump of the wall clock makes two of them the same.
    /// What lies outside `(after, upto]` costs nothing, however many windows a pane has; there may be more of
    /// them than memory can hold, so they are found one by one.
    pub fn windows(
        &mut self,
        pane_start: i64,
        after: i64,
        upto: i64,
    ) -> impl Iterator<Item = Window> + use<'_> {
        let (after, upto) = (self.clock.local_or_bound(after), self.clock.local_or_bound(upto));
        let run = self.clock.local(pane_start).map(|local| (local, self.panes.run(local, after, upto)));
        let numbers = run.into_iter().flat_map(|(local, run)| (run.first..run.past).map(move |n| (local, n)));
        let mut last = None;
        let bounds = numbers.map_while(|(local, n)| {
            let (start, end) = self.panes.bounds(local, n);
            Some(Window { start: self.clock.instant(start)?, end: self.clock.instant(end)? })
        });
        bounds.filter(move |&window| last.replace(window) != Some(window))
    }
}

impl PaneFinder {
    /// The windows behind `from` and before `to`, in order (by end, then start), until `each` breaks off.
    pub fn between(
        &mut self,
        from: Window,
        to: Window,
        each: &mut dyn FnMut(Window) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut at, mut found, mut last) = (from.start, from.end - 1, from);
        while let Some(pane) = self.pane(at) {
            for window in self.windows(pane.start, found, to.end) {
                if window >= to {
                    return ControlFlow::Continue(());
                }
                // Windows that hold an earlier pane too have been found by it.
                if window > last {
                    last = window;
                    each(window)?;
                }
            }
            (at, found) = (pane.end, found.max(pane.last_end - 1));
            if at >= to.end {
                break;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The short way for hopping windows of fixed length on a clock that never changes: one division.
#[derive(Debug, Clone, Copy)]
struct FixedHops {
    advance: i64,
    size: i64,
    /// Windows begin here modulo the advance.
    origin: i64,
    /// How far behind its start, modulo the advance, a window ends.
    overhang: i64,
}

impl FixedHops {
    fn new(panes: &Panes, clock: &Clock) -> Option<FixedHops> {
        match (panes.shape, panes.starts.step, clock) {
            (Shape::Hopping(Length::Micros(size)), Length::Micros(advance), Clock::Fixed(ahead)) => {
                let origin = (panes.starts.micros - ahead).rem_euclid(advance);
                Some(FixedHops { advance, size, origin, overhang: size % advance })
            }
            _ => None,
        }
    }

    fn pane(&self, time: i64) -> Pane {
        let since_start = (time - self.origin).rem_euclid(self.advance);
        // Ends stand at the overhang, modulo the advance, as starts do at 0.
        let since_end = match since_start - self.overhang {
            behind if behind >= 0 => behind,
            ahead => ahead + self.advance,
        };
        let first_end = time - since_end + self.advance;
        Pane {
            start: time - since_start.min(since_end),
            end: first_end.min(time - since_start + self.advance),
            first_end,
            last_end: time - since_start + self.size,
        }
    }
}
