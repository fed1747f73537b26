//! Which rows of a block are still in use while its columns are made, one after the other.

use super::batch::Fate;

/// Why a row is not usable, once it has been scanned.
pub enum Unusable {
    /// It has no usable event time.
    Untimed(String),
    /// Something else of it cannot be used.
    Bad(String),
    /// `--where` does not hold.
    Filtered,
}

/// The rows of a block on their way through the columns: time, filter, id, keys, arguments. A row that fails at
/// one of them is not looked at by the next, so that its fate and reason are those of the first failure.
#[derive(Debug, Default)]
pub struct Stage {
    /// Per row, its fate so far.
    pub fates: Vec<Fate>,
    /// The rows that are usable so far, ascending.
    pub live: Vec<u32>,
    /// Why rows are bad.
    pub reasons: Vec<(u32, String)>,
}

impl Stage {
    /// Starts with rows that are all usable but for some, ascending, which are no records.
    pub fn start(&mut self, rows: usize, flawed: impl Iterator<Item = (u32, String)>) {
        self.fates.clear();
        self.fates.resize(rows, Fate::Usable);
        self.reasons.clear();
        self.reasons.extend(flawed);
        self.live.clear();
        self.live.extend(0..rows as u32);
        for &(row, _) in &self.reasons {
            self.fates[row as usize] = Fate::Untimed;
        }
        if !self.reasons.is_empty() {
            self.live.retain(|row| self.fates[*row as usize] == Fate::Usable);
        }
    }

    /// Makes a column: looks at the usable rows in order, and keeps those of which nothing is said.
    #[inline(always)]
    pub fn each(&mut self, mut make: impl FnMut(usize) -> Result<(), Unusable>) {
        let mut kept = 0;
        for at in 0..self.live.len() {
            let row = self.live[at];
            match make(row as usize) {
                Ok(()) => {
                    self.live[kept] = row;
                    kept += 1;
                }
                Err(Unusable::Filtered) => self.fates[row as usize] = Fate::Filtered,
                Err(Unusable::Untimed(reason)) => self.refuse(row, Fate::Untimed, reason),
                Err(Unusable::Bad(reason)) => self.refuse(row, Fate::Bad, reason),
            }
        }
        self.live.truncate(kept);
    }

    #[cold]
    fn refuse(&mut self, row: u32, fate: Fate, reason: String) {
        self.fates[row as usize] = fate;
        self.reasons.push((row, reason));
    }
}
