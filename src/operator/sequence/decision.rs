//! Decisions about event time that no record makes: a source has fallen silent, speaks again, or time goes on
//! although nobody speaks.
//!
//! A clock is behind each of them, so a run that is continued could not make them again. They are therefore made
//! between two records of the one sequence, and written down with the place before they take effect.

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// This source has been silent for long: it holds nobody up any more.
    Idle(u32),
    /// It brings something again. From now on it counts, from the watermark on.
    Awake(u32),
    /// All sources are silent, and the watermark rises to this, in microseconds since the Unix epoch.
    Raise(i64),
}

/// A decision and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// How many records of all sources stand before it in the sequence.
    pub at: u64,
    /// What was decided.
    pub what: Decision,
}
