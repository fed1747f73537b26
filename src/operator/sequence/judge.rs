//! Lateness: whether an event counts, at the watermark before it, unless it is a repeat.

use std::time::Duration;

use super::rules::{Closing, Rules};
use crate::distribution::{Distribution, LATENESS};
use crate::window::{PaneFinder, Windows};

/// How far beyond the watermark windows close that an event of now belongs to, about, in microseconds.
pub fn closing_span(rules: &Rules) -> i64 {
    let span = |windows: &Windows| match windows {
        Windows::Panes(panes) => {
            PaneFinder::new(panes).pane(0).map_or(0, |pane| pane.last_end.saturating_sub(pane.start))
        }
        Windows::Session { gap } => *gap,
        Windows::None | Windows::Several(_) => 0,
    };
    let windows = match &rules.closing {
        Closing::Windows(windows) => windows.each().into_iter().map(span).max().unwrap_or(0),
        Closing::Order => 0,
    };
    windows.saturating_add(rules.delay)
}

/// How far beyond the watermark the ids of a job are remembered, about, in microseconds.
pub fn span(rules: &Rules) -> i64 {
    closing_span(rules).saturating_add(rules.firing.lateness()).saturating_add(rules.remember)
}

/// Knows what is late.
pub struct Judge {
    pub closing: Closing,
    /// Of each kind of windows that are kept as panes.
    panes: Vec<PaneFinder>,
    /// The gap of each kind that are sessions.
    gaps: Vec<i64>,
    /// For how long beyond the end of the last window of an event its id is remembered.
    remembered: i64,
    /// For how long beyond their ends windows take in events.
    lateness: i64,
    /// How far behind the watermark late events were, where somebody wants to know.
    pub late_by: Option<Distribution>,
}

pub enum Judgement {
    /// It is in time.
    InTime {
        /// When its last window closes.
        closes: i64,
        /// It may have come behind the end of some of its windows: see [`Judge::behind`].
        behind: bool,
    },
    Late,
}

/// What windows an accepted event has come behind the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Whether it is too late for some of its windows.
    pub partially_late: bool,
    /// Whether some of the windows that it enters have fired; of a session, whether one may have.
    pub revising: bool,
}

/// Events that are in time without a closer look: those of times from `start` on and before `end`, while the watermark
/// is below `until`.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    pub start: i64,
    pub end: i64,
    pub until: i64,
    /// Whether the watermark has to be at or before them, too.
    pub ahead: bool,
    /// When their last windows close.
    pub closes: Closes,
}

/// When the last window of an event closes.
#[derive(Debug, Clone, Copy)]
pub enum Closes {
    /// Then.
    At(i64),
    /// So long behind the event.
    Behind(i64),
}

impl Closes {
    #[inline(always)]
    pub fn of(self, time: i64) -> i64 {
        match self {
            Closes::At(at) => at,
            Closes::Behind(distance) => time + distance,
        }
    }
}

impl Judge {
    /// Which events [`Judge::judge`] would take for in time, and not as coming behind the end of a window. Where there
    /// are panes, they are those in the pane of the event that was judged last. `None` where there is no simple rule.
    #[inline]
    pub fn plain(&self) -> Option<Plain> {
        let closes = Closes::At(i64::MAX);
        let all = Plain { start: i64::MIN, end: i64::MAX, until: i64::MAX, ahead: false, closes };
        match &self.closing {
            Closing::Windows(Windows::Panes(_)) => {
                let pane = self.panes.first()?.last();
                let closes = Closes::At(pane.last_end);
                Some(Plain { start: pane.start, end: pane.end, until: pane.first_end, closes, ..all })
            }
            Closing::Windows(Windows::Session { gap }) => {
                Some(Plain { ahead: true, closes: Closes::Behind(gap + 1), ..all })
            }
            Closing::Order => Some(Plain { ahead: true, closes: Closes::Behind(1), ..all }),
            Closing::Windows(Windows::None) => Some(all),
            Closing::Windows(Windows::Several(_)) => None,
        }
    }

    pub fn new(rules: &Rules) -> Judge {
        let (panes, gaps) = match &rules.closing {
            Closing::Windows(windows) => (windows.finders(), windows.gaps()),
            Closing::Order => (Vec::new(), Vec::new()),
        };
        Judge {
            panes,
            gaps,
            closing: rules.closing.clone(),
            remembered: rules.firing.lateness().saturating_add(rules.remember),
            lateness: rules.firing.lateness(),
            late_by: rules.tells_lateness.then(|| Distribution::of(&LATENESS)),
        }
    }

    /// Judges an event at the watermark before it. Late comes before duplicate: only of an event that is in time it is
    /// asked whether it repeats an id.
    #[inline]
    pub fn judge(&mut self, time: i64, watermark: i64) -> Judgement {
        let over = self.over(watermark);
        // When the event's last window closes, and whether the first one has.
        let (closes, behind) = match &self.closing {
            Closing::Windows(Windows::Panes(_)) => {
                let pane = self.panes.first_mut().and_then(|panes| panes.pane(time));
                let pane = pane.expect("the parse stage refuses times beyond the calendar");
                (pane.last_end, pane.first_end <= watermark)
            }
            // A session is closed when its end lies before the watermark, and late is what stands before it.
            Closing::Windows(Windows::Session { gap }) if time >= over => (time + gap + 1, time < watermark),
            Closing::Order if time >= watermark => (time + 1, false),
            Closing::Windows(Windows::Session { .. }) | Closing::Order => return Judgement::Late,
            Closing::Windows(Windows::None) => (i64::MAX, false),
            Closing::Windows(Windows::Several(_)) => self.closes_last(time, watermark, over),
        };
        if closes <= over { Judgement::Late } else { Judgement::InTime { closes, behind } }
    }

    /// Until when the id of an event is remembered whose last window closes then.
    #[inline(always)]
    pub fn forgotten_at(&self, closes: i64) -> i64 {
        closes.saturating_add(self.remembered)
    }

    /// Of several kinds of windows: when the last one that an event belongs to closes, and whether one has. Of
    /// sessions only an event that is not late knows.
    fn closes_last(&mut self, time: i64, watermark: i64, over: i64) -> (i64, bool) {
        let (mut closes, mut behind) = (i64::MIN, false);
        for panes in &mut self.panes {
            let pane = panes.pane(time).expect("the parse stage refuses times beyond the calendar");
            closes = closes.max(pane.last_end);
            behind |= pane.first_end <= watermark;
        }
        for gap in &self.gaps {
            behind |= time < watermark;
            if time >= over {
                closes = closes.max(time + gap + 1);
            }
        }
        (closes, behind)
    }

    /// A late event has come at a watermark.
    pub fn note_late(&mut self, time: i64, watermark: i64) {
        if let Some(late_by) = &mut self.late_by {
            late_by.observe(Duration::from_micros(watermark.abs_diff(time)), 1);
        }
    }

    /// What ends here or before takes in nothing more at a watermark. Without allowed lateness that is what has closed.
    #[inline]
    fn over(&self, watermark: i64) -> i64 {
        // Times and durations lie far within the range of numbers.
        watermark - self.lateness
    }

    /// What an accepted event that is behind comes too late for, and what it revises.
    #[cold]
    pub fn behind(&mut self, time: i64, watermark: i64) -> Behind {
        let over = self.over(watermark);
        let mut behind = Behind { partially_late: false, revising: false };
        for panes in &mut self.panes {
            let pane = panes.pane(time).expect("it has been found before");
            behind.partially_late |= pane.first_end <= over;
            behind.revising |= panes.windows(pane.start, over, watermark).next().is_some();
        }
        if time < watermark && !self.gaps.is_empty() {
            behind.partially_late |= time < over;
            behind.revising |= time >= over;
        }
        behind
    }
}
