//! Sources that fall silent: when the others need not wait for one any longer, and how time goes on when nobody says
//! anything. This is the only place where a clock decides about event time.
//!
//! A source that the others have waited for is *idle* when it has brought nothing for `--idle-timeout`. When all are
//! idle the watermark rises as the clock does, from where it stood when the last record came: a window is given as
//! much time as if the stream went on. It rises only when something may close by it, and no further than it takes to
//! close everything.

use std::time::{Duration, Instant};

use super::readers::is_regular;
use crate::job::Job;
use crate::operator::sequence::{Closing, Decision, Rules, span};
use crate::window::{PaneFinder, Windows};

/// What is known of the silence of a job's sources.
pub struct Silence {
    timeout: Duration,
    /// When each source last brought something, or was opened.
    heard: Vec<Instant>,
    /// Whether it may keep the others waiting. A file that is there does not.
    may_wait: Vec<bool>,
    /// Since when all have been silent, and the watermark then.
    all: Option<(Instant, i64)>,
    /// How far the watermark must rise for everything to close; `None`: nothing closes by it.
    span: Option<i64>,
    panes: Option<PaneFinder>,
}

/// How often it is looked whether something may close, where that cannot be told beforehand.
const LOOK: Duration = Duration::from_secs(1);

impl Silence {
    /// Nobody has said anything yet; `None` where the job waits for as long as it takes.
    pub fn new(job: &Job, rules: &Rules) -> Option<Silence> {
        let timeout = job.idle_timeout?;
        Some(Silence {
            timeout,
            heard: vec![Instant::now(); job.sources.len()],
            may_wait: job
                .sources
                .iter()
                .map(|source| job.follow.is_some() || !is_regular(&source.origin))
                .collect(),
            all: None,
            span: match rules.closing {
                Closing::Windows(Windows::None) => None,
                // A session closes when the watermark is beyond its end, and not all years are of a length.
                _ => span(rules).checked_sub(rules.remember).map(|span| span.saturating_add(span / 64 + 1)),
            },
            panes: match &rules.closing {
                Closing::Windows(Windows::Panes(panes)) => Some(PaneFinder::new(panes)),
                _ => None,
            },
        })
    }

    /// A source has brought something.
    pub fn heard(&mut self, source: u32) {
        self.heard[source as usize] = Instant::now();
        self.all = None;
    }

    /// What is to be decided while this source is waited for (`None`: any of them) at this watermark, and if nothing
    /// is, after which time it must be asked again.
    pub fn decide(&mut self, source: Option<u32>, watermark: i64) -> Result<Decision, Option<Duration>> {
        let Some(source) = source else { return self.all_silent(watermark) };
        if !self.may_wait[source as usize] {
            return Err(None);
        }
        match self.timeout.saturating_sub(self.heard[source as usize].elapsed()) {
            Duration::ZERO => Ok(Decision::Idle(source)),
            left => Err(Some(left)),
        }
    }

    fn all_silent(&mut self, watermark: i64) -> Result<Decision, Option<Duration>> {
        let last = self.heard.iter().max().copied().unwrap_or_else(Instant::now);
        let (since, stood) = *self.all.get_or_insert((last, watermark));
        let Some(span) = self.span.filter(|_| stood > i64::MIN) else { return Err(None) };
        let everything = stood.saturating_add(span);
        if watermark >= everything {
            return Err(None);
        }
        let passed = i64::try_from(since.elapsed().as_micros()).unwrap_or(i64::MAX);
        let now = stood.saturating_add(passed).min(everything);
        let closes = match &mut self.panes {
            Some(panes) => panes.pane(watermark).map_or(everything, |pane| pane.first_end),
            None => watermark.saturating_add(LOOK.as_micros() as i64),
        };
        let closes = closes.min(everything);
        if now >= closes {
            // Whole milliseconds are easier to read where late events are set aside.
            return Ok(Decision::Raise(closes.max(now - now.rem_euclid(1000))));
        }
        Err(Some(Duration::from_micros(closes.abs_diff(now)).clamp(Duration::from_millis(1), LOOK)))
    }
}
