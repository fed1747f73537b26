//! Lateness and deduplication: whether an event counts, at the watermark before it.

use super::rules::{Closing, Rules};
use crate::operator::dedup::Dedup;
use crate::window::{PaneFinder, Windows};

/// How far beyond the watermark the ids of a job are remembered, about, in microseconds.
pub fn span(rules: &Rules) -> i64 {
    let windows = match &rules.closing {
        Closing::Windows(Windows::Panes(panes)) => {
            PaneFinder::new(panes).pane(0).map_or(0, |pane| pane.last_end.saturating_sub(pane.start))
        }
        Closing::Windows(Windows::Session { gap }) => *gap,
        Closing::Windows(Windows::None) | Closing::Order => 0,
    };
    windows.saturating_add(rules.delay).saturating_add(rules.remember)
}

/// Lateness and deduplication.
pub struct Judge {
    pub closing: Closing,
    pub panes: Option<PaneFinder>,
    pub dedup: Option<Dedup>,
    pub remember: i64,
}

pub enum Judgement {
    Accepted { partially_late: bool },
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
            remember: rules.remember,
        }
    }

    /// Judges an event at the watermark before it. Late comes before duplicate, and only an accepted event's
    /// id is remembered.
    #[inline]
    pub fn judge(&mut self, time: i64, id: u128, watermark: i64) -> Judgement {
        // The watermark at which the event's last window is closed.
        let (closed_at, partially_late) = match &self.closing {
            Closing::Windows(Windows::Panes(_)) => {
                let pane = self.panes.as_mut().and_then(|panes| panes.pane(time));
                let pane = pane.expect("the parse stage refuses times beyond the calendar");
                (pane.last_end, pane.first_end <= watermark)
            }
            // A session is closed when its end lies before the watermark, and late is what stands before it.
            Closing::Windows(Windows::Session { gap }) if time >= watermark => (time + gap + 1, false),
            Closing::Order if time >= watermark => (time + 1, false),
            Closing::Windows(Windows::Session { .. }) | Closing::Order => return Judgement::Late,
            Closing::Windows(Windows::None) => (i64::MAX, false),
        };
        if closed_at <= watermark {
            return Judgement::Late;
        }
        if let Some(dedup) = &mut self.dedup
            && dedup.seen(id, closed_at.saturating_add(self.remember), watermark)
        {
            return Judgement::Duplicate;
        }
        Judgement::Accepted { partially_late }
    }
}
