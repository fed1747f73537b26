//! What the windows of a result are like, learnt from their bounds: which chart suits them goes by it.

use super::Kind;
use super::cells::Span;

/// What the windows are like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The least distance between two neighbouring ends, in microseconds; the greatest number there is if there is one
    /// end only.
    pub step: i64,
    /// The end of the window before.
    last_end: Option<i64>,
    /// The shortest and the longest window, in microseconds.
    pub lengths: Option<(i64, i64)>,
    /// Whether windows are known to be sessions.
    sessions: bool,
    /// Whether windows of a key share their start.
    pub cumulates: bool,
    /// The first start and the last end.
    ends: Option<(i64, i64)>,
}

impl Shape {
    /// That of windows of which none has been seen. `sessions`: they are known to be sessions.
    pub fn new(sessions: bool) -> Shape {
        Shape { step: i64::MAX, last_end: None, lengths: None, sessions, cumulates: false, ends: None }
    }

    /// Looks at a window, in the order of rows.
    pub fn see(&mut self, span: Span) {
        let length = span.end.saturating_sub(span.start);
        self.lengths = Some(match self.lengths {
            None => (length, length),
            Some((least, greatest)) => (least.min(length), greatest.max(length)),
        });
        self.ends = Some(match self.ends {
            None => (span.start, span.end),
            Some((start, end)) => (start.min(span.start), end.max(span.end)),
        });
        if self.last_end != Some(span.end) {
            let distance = self.last_end.map_or(i64::MAX, |last| last.abs_diff(span.end).min(1 << 62) as i64);
            self.step = self.step.min(distance);
            self.last_end = Some(span.end);
        }
    }

    /// From the first start to the last end.
    pub fn range(&self) -> Option<Span> {
        self.ends.map(|(start, end)| Span { start, end })
    }

    /// How such windows are drawn. The lengths of calendar windows and of hours when clocks change differ by a factor
    /// of two at most.
    pub fn kind(&self) -> Kind {
        let Some((least, greatest)) = self.lengths else { return Kind::Bars };
        if self.step == i64::MAX {
            Kind::Bars
        } else if self.cumulates && !self.sessions {
            Kind::Cumulating
        } else if self.sessions || greatest > least.saturating_mul(2) {
            Kind::Points
        } else {
            Kind::Lines
        }
    }
}
