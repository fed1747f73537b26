//! Lateness and deduplication: whether an event counts, at the watermark before it.

use super::rules::{Closing, Rules};
use crate::operator::dedup::Dedup;
use crate::window::{Pane, PaneFinder, Windows};

/// How far beyond the watermark windows close that an event of now belongs to, about, in microseconds.
pub fn closing_span(rules: &Rules) -> i64 {
    let windows = match &rules.closing {
        Closing::Windows(Windows::Panes(panes)) => {
            PaneFinder::new(panes).pane(0).map_or(0, |pane| pane.last_end.saturating_sub(pane.start))
        }
        Closing::Windows(Windows::Session { gap }) => *gap,
        Closing::Windows(Windows::None) | Closing::Order => 0,
    };
    windows.saturating_add(rules.delay)
}

/// How far beyond the watermark the ids of a job are remembered, about, in microseconds.
pub fn span(rules: &Rules) -> i64 {
    closing_span(rules).saturating_add(rules.firing.lateness()).saturating_add(rules.remember)
}

/// Lateness and deduplication.
pub struct Judge {
    pub closing: Closing,
    pub panes: Option<PaneFinder>,
    pub dedup: Option<Dedup>,
    pub remember: i64,
    /// For how long beyond their ends windows take in events.
    lateness: i64,
}

pub enum Judgement {
    Accepted {
        /// Whether it is too late for some of its windows.
        partially_late: bool,
        /// Whether some of the windows that it enters have fired; of a session, whether one may have.
        revising: bool,
    },
    Late,
    Duplicate,
}

impl Judge {
    pub fn new(rules: &Rules) -> Judge {
        Judge {
            panes: match &rules.closing {
                Closing::Windows(Windows::Panes(panes)) => Some(PaneFinder::new(panes)),
                _ => None,
            },
            closing: rules.closing.clone(),
            dedup: rules.dedup.then(|| Dedup::new(span(rules))),
            lateness: rules.firing.lateness(),
            remember: rules.remember,
        }
    }

    /// Judges an event at the watermark before it. Late comes before duplicate, and only an accepted event's
    /// id is remembered.
    #[inline]
    pub fn judge(&mut self, time: i64, id: u128, watermark: i64) -> Judgement {
        // What ends here or before takes in nothing more. Without allowed lateness that is what has closed.
        let over = watermark.saturating_sub(self.lateness);
        // When the event's last window closes.
        let (closes, partially_late, revising) = match &self.closing {
            Closing::Windows(Windows::Panes(_)) => {
                let pane = self.panes.as_mut().and_then(|panes| panes.pane(time));
                let pane = pane.expect("the parse stage refuses times beyond the calendar");
                let revising =
                    self.lateness > 0 && pane.first_end <= watermark && self.revises(pane, watermark);
                (pane.last_end, pane.first_end <= over, revising)
            }
            // A session is closed when its end lies before the watermark, and late is what stands before it.
            Closing::Windows(Windows::Session { gap }) if time >= over => {
                (time + gap + 1, false, time < watermark)
            }
            Closing::Order if time >= watermark => (time + 1, false, false),
            Closing::Windows(Windows::Session { .. }) | Closing::Order => return Judgement::Late,
            Closing::Windows(Windows::None) => (i64::MAX, false, false),
        };
        if closes <= over {
            return Judgement::Late;
        }
        let forgotten_at = closes.saturating_add(self.lateness).saturating_add(self.remember);
        if let Some(dedup) = &mut self.dedup
            && dedup.seen(id, forgotten_at, watermark)
        {
            return Judgement::Duplicate;
        }
        Judgement::Accepted { partially_late, revising }
    }

    /// Whether some window that contains a pane has fired, and still takes in events.
    #[cold]
    fn revises(&mut self, pane: Pane, watermark: i64) -> bool {
        let over = watermark.saturating_sub(self.lateness);
        let panes = self.panes.as_mut();
        panes.is_some_and(|panes| panes.windows(pane.start, over, watermark).next().is_some())
    }
}
