//! Sources that fall silent: when the others need not wait for one any longer, and how time goes on when nobody says
//! anything. This is the only place where a clock decides about event time.
//!
//! A source that the others have waited for is *idle* when it has brought nothing for `--idle-timeout`. When all are
//! idle the watermark rises as the clock does, from where it stood when the last record came: a window is given as
//! much time as if the stream went on. It rises only when something may close by it, and no further than it takes to
//! close everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::job::Job;
use crate::operator::sequence::{Closing, Decision, Rules, closing_span};
use crate::window::{Firing, PaneFinder, Windows};

/// What the readers say of one source, for the front to look at: when they found nothing there.
///
/// A source that is not asked, since others are behind it, is not silent; and what a reader has not looked for may well
/// be there. So silence lasts from the first look that found nothing to the last one.
#[derive(Debug, Default)]
pub struct Quiet {
    /// In nanoseconds since the run began; 0 while there is something.
    first: AtomicU64,
    last: AtomicU64,
}

impl Quiet {
    /// A reader has looked and found nothing, so long after the run began.
    pub fn nothing(&self, nanos: u64) {
        let _ = self.first.compare_exchange(0, nanos.max(1), Ordering::Relaxed, Ordering::Relaxed);
        self.last.store(nanos, Ordering::Relaxed);
    }

    /// It has brought something.
    pub fn something(&self) {
        self.first.store(0, Ordering::Relaxed);
    }

    /// For how long it has brought nothing, at a time in nanoseconds since the run began: since the first look that
    /// found nothing.
    pub fn lasted(&self, nanos: u64) -> Duration {
        match self.first.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            first => Duration::from_nanos(nanos.saturating_sub(first)),
        }
    }

    /// From when to when nothing was found.
    fn stretch(&self) -> Option<(Duration, Duration)> {
        let first = self.first.load(Ordering::Relaxed);
        let last = self.last.load(Ordering::Relaxed).max(first);
        (first > 0).then(|| (Duration::from_nanos(first), Duration::from_nanos(last)))
    }
}

/// What is known of the silence of a job's sources.
pub struct Silence {
    timeout: Duration,
    sources: Arc<[Quiet]>,
    /// Since when all have been silent, and the watermark then.
    all: Option<(Duration, i64)>,
    /// How far the watermark must rise for everything to close; `None`: nothing closes by it.
    span: Option<i64>,
    /// Of each kind of windows that are kept as panes, if all are.
    panes: Vec<PaneFinder>,
    /// Whether the watermark closes nothing, and early rows are all that waits for it.
    closes_nothing: bool,
    firing: Firing,
}

/// How often it is looked whether something may close, where that cannot be told beforehand.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked whether the readers have found something.
const AGAIN: Duration = Duration::from_millis(20);

impl Silence {
    /// Nobody has said anything yet; `None` where the job waits for as long as it takes.
    pub fn new(job: &Job, rules: &Rules, sources: &Arc<[Quiet]>) -> Option<Silence> {
        Some(Silence {
            timeout: job.idle_timeout?,
            sources: sources.clone(),
            all: None,
            span: match rules.closing {
                Closing::Windows(Windows::None) => rules.firing.every,
                // A session closes when the watermark is beyond its end, and not all years are of a length. What has
                // changed of windows that have fired is written at the next multiple.
                _ => {
                    let span = closing_span(rules);
                    Some(span.saturating_add(span / 64 + 1).max(rules.firing.every.unwrap_or(0)))
                }
            },
            closes_nothing: matches!(rules.closing, Closing::Windows(Windows::None)),
            firing: rules.firing,
            panes: match &rules.closing {
                Closing::Windows(windows) if windows.gaps().is_empty() => windows.finders(),
                _ => Vec::new(),
            },
        })
    }

    /// After how long a silent source is not waited for any more.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// For how long nobody may say anything, from the last word on, until a window closes that ends here: the clock moves
    /// the watermark only when everybody is idle, and then as far as the silence has lasted.
    pub fn closes_after(&self, watermark: i64, end: i64) -> Duration {
        let stood = self.all.map_or(watermark, |(_, stood)| stood);
        self.timeout.max(Duration::from_micros(end.saturating_sub(stood).max(0).unsigned_abs()))
    }

    /// Something has arrived.
    pub fn heard(&mut self) {
        self.all = None;
    }

    /// What is to be decided while this source is waited for (`None`: any of them) at this watermark, and if nothing
    /// is, after which time it must be asked again.
    pub fn decide(&mut self, source: Option<u32>, watermark: i64) -> Result<Decision, Option<Duration>> {
        let Some(source) = source else { return self.all_silent(watermark) };
        let Some((first, last)) = self.sources[source as usize].stretch() else { return Err(Some(AGAIN)) };
        match self.timeout.saturating_sub(last.saturating_sub(first)) {
            Duration::ZERO => Ok(Decision::Idle(source)),
            left => Err(Some(left.max(AGAIN))),
        }
    }

    fn all_silent(&mut self, watermark: i64) -> Result<Decision, Option<Duration>> {
        // Those that are over say nothing.
        let stretches = self.sources.iter().filter_map(Quiet::stretch);
        let ends = stretches.map(|(first, last)| (Some(first), Some(last)));
        let (first, last) = ends.fold((None, None), |(first, last), (one, other)| {
            (first.max(one), last.into_iter().chain(other).min())
        });
        let (Some(first), Some(last)) = (first, last) else { return Err(Some(AGAIN)) };
        let (since, stood) = *self.all.get_or_insert((first, watermark));
        let Some(span) = self.span.filter(|_| stood > i64::MIN) else { return Err(None) };
        let everything = stood.saturating_add(span);
        if watermark >= everything {
            return Err(None);
        }
        let passed = i64::try_from(last.saturating_sub(since).as_micros()).unwrap_or(i64::MAX);
        let now = stood.saturating_add(passed).min(everything);
        let ends = self
            .panes
            .iter_mut()
            .map(|panes| panes.pane(watermark).map_or(everything, |pane| pane.first_end));
        let closes = match ends.min() {
            Some(closes) => closes,
            None if self.closes_nothing => everything,
            None => watermark.saturating_add(LOOK.as_micros() as i64),
        };
        let closes = closes.min(self.firing.next_multiple(watermark)).min(everything);
        if now >= closes {
            // Whole milliseconds are easier to read where late events are set aside.
            return Ok(Decision::Raise(closes.max(now - now.rem_euclid(1000))));
        }
        Err(Some(Duration::from_micros(closes.abs_diff(now)).clamp(AGAIN, LOOK)))
    }
}
