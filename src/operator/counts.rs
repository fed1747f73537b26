//! The loss ledger: every record read ends in exactly one count.

use std::fmt;
use std::ops::{AddAssign, Deref, Sub};

/// What became of the records of a source, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Records read, as the parse stage counts them.
    pub read: u64,
    /// Events that entered their windows.
    pub accepted: u64,
    /// Events for which `--where` does not hold.
    pub filtered: u64,
    /// Events too late for every window.
    pub late: u64,
    /// Repeats of an event by its id.
    pub duplicate: u64,
    /// Records that cannot be used.
    pub bad: u64,
    /// Accepted events that were too late for some of their windows.
    pub partially_late: u64,
    /// Accepted events that came behind the end of a window which took them in: with `--allowed-lateness`. Of sessions,
    /// which depend on their keys, all that came behind the watermark.
    #[serde(skip_serializing_if = "is_none")]
    pub revising: u64,
}

/// Without `--allowed-lateness` the account does not speak of it.
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// Whether nothing has vanished: `read = accepted + filtered + late + duplicate + bad`.
    pub fn balances(&self) -> bool {
        self.read == self.accepted + self.filtered + self.late + self.duplicate + self.bad
    }
}

/// The first bad record of a source, if it did not end the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstBad {
    /// The line on which the record starts, from 1.
    pub line: u64,
    /// Why it cannot be used, and what to do where there is something better than passing over it.
    pub reason: String,
}

/// The ledger of a source, with what there is to say of it.
#[derive(Debug, Clone, Copy)]
pub struct Account<'s> {
    counts: &'s Counts,
    /// Its first bad record; `None` if there was none, or an earlier run has read it.
    pub first_bad: Option<&'s FirstBad>,
}

impl<'s> Account<'s> {
    /// The ledger and the first bad record of a source.
    pub fn new(counts: &'s Counts, first_bad: Option<&'s FirstBad>) -> Account<'s> {
        Account { counts, first_bad }
    }
}

impl<'s> From<&'s Counts> for Account<'s> {
    fn from(counts: &'s Counts) -> Account<'s> {
        Account::new(counts, None)
    }
}

impl Deref for Account<'_> {
    type Target = Counts;

    fn deref(&self) -> &Counts {
        self.counts
    }
}

impl fmt::Display for Counts {
    /// The ledger as one line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { read, accepted, filtered, late, duplicate, bad, partially_late, revising } = self;
        write!(f, "{read} read = {accepted} accepted + {filtered} filtered + {late} late")?;
        write!(f, " + {duplicate} duplicate + {bad} bad")?;
        match (partially_late, revising) {
            (0, 0) => Ok(()),
            (_, 0) => write!(f, " ({partially_late} partially late)"),
            (0, _) => write!(f, " ({revising} revising)"),
            _ => write!(f, " ({partially_late} partially late, {revising} revising)"),
        }
    }
}

impl Sub for Counts {
    type Output = Counts;

    /// What has come since an earlier ledger of the same records.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            read: self.read - earlier.read,
            accepted: self.accepted - earlier.accepted,
            filtered: self.filtered - earlier.filtered,
            late: self.late - earlier.late,
            duplicate: self.duplicate - earlier.duplicate,
            bad: self.bad - earlier.bad,
            partially_late: self.partially_late - earlier.partially_late,
            revising: self.revising - earlier.revising,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.read += other.read;
        self.accepted += other.accepted;
        self.filtered += other.filtered;
        self.late += other.late;
        self.duplicate += other.duplicate;
        self.bad += other.bad;
        self.partially_late += other.partially_late;
        self.revising += other.revising;
    }
}
