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
    /// The rows that the column is still to be made of, ascending.
    pub left: Vec<u32>,
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

    /// Begins a column: what can be made of a usable row the short way is, and the others are left.
    #[inline(always)]
    pub fn short_way(&mut self, mut made: impl FnMut(usize) -> bool) {
        self.left.clear();
        for &row in &self.live {
            if !made(row as usize) {
                self.left.push(row);
            }
        }
    }

    /// Leaves all usable rows, of a column that has no short way.
    pub fn no_short_way(&mut self) {
        self.left.clone_from(&self.live);
    }

    /// Makes what is left of a column, in order. Rows of which something is said are not usable any more.
    #[inline(always)]
    pub fn long_way(&mut self, mut make: impl FnMut(usize) -> Result<(), Unusable>) {
        let mut refused = false;
        for at in 0..self.left.len() {
            let row = self.left[at];
            let Err(why) = make(row as usize) else { continue };
            refused = true;
            match why {
                Unusable::Filtered => self.fates[row as usize] = Fate::Filtered,
                Unusable::Untimed(reason) => self.refuse(row, Fate::Untimed, reason),
                Unusable::Bad(reason) => self.refuse(row, Fate::Bad, reason),
            }
        }
        if refused {
            self.live.retain(|row| self.fates[*row as usize] == Fate::Usable);
        }
    }

    /// Keeps the usable row `live[at]`, of which `kept` have been kept so far, if a condition holds for it, and leaves it
    /// if it says nothing. Returns how many have been kept then: the caller cuts the others off at the end.
    #[inline(always)]
    pub fn sift(&mut self, at: usize, kept: usize, holds: Option<bool>) -> usize {
        let row = self.live[at];
        // Without a branch: which rows are kept cannot be foreseen.
        let keep = holds.unwrap_or_else(|| {
            self.left.push(row);
            true
        });
        self.fates[row as usize] = if keep { Fate::Usable } else { Fate::Filtered };
        self.live[kept] = row;
        kept + usize::from(keep)
    }

    #[cold]
    fn refuse(&mut self, row: u32, fate: Fate, reason: String) {
        self.fates[row as usize] = fate;
        self.reasons.push((row, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Filtered at once, said nothing of, refused then: what is left is usable, and every other row says why.
    #[test]
    fn rows_end_in_one_fate() {
        let mut stage = Stage::default();
        stage.start(6, [(1, "no record".to_owned())].into_iter());
        let mut kept = 0;
        for at in 0..stage.live.len() {
            let holds = match stage.live[at] {
                0 => Some(false),
                2 | 5 => Some(true),
                _ => None,
            };
            kept = stage.sift(at, kept, holds);
        }
        stage.live.truncate(kept);
        stage.long_way(|row| match row {
            3 => Err(Unusable::Filtered),
            4 => Err(Unusable::Bad("no truth".to_owned())),
            other => panic!("row {other} was decided"),
        });
        assert_eq!(stage.live, [2, 5]);
        stage.short_way(|row| row == 2);
        stage.long_way(|row| Err(Unusable::Untimed(format!("no time in {row}"))));
        assert_eq!(stage.live, [2]);
        let fates = [Fate::Filtered, Fate::Untimed, Fate::Usable, Fate::Filtered, Fate::Bad, Fate::Untimed];
        assert_eq!(stage.fates, fates);
        let reasons: Vec<u32> = stage.reasons.iter().map(|(row, _)| *row).collect();
        assert_eq!(reasons, [1, 4, 5]);
    }
}
