//! The index of one table: where in the log the entries of its ids are.
//!
//! ```text
//! index:  lines, one behind the other, of sixteen entries
//! entry:  1 bit: whether it stands away from its home; some bits of the id, the tag; the position in the log
//! ```
//!
//! An id's home is a line. Its entry is put into the first line with a free place, from its home on, and a search ends
//! at the first line with a free place. Places become free only when a table is cleared of what the log has let go of,
//! and then those that are away are put anew, so that this stays so, and nothing of the past makes a search longer.
//! The log is the truth: an entry counts if the log has the id where it says. A position takes as many bits as the
//! greatest one of a table needs, and the tag gets the others.

use super::key::{order, tag};
use super::line::{EMPTY, ENTRIES, Line};
use super::log::Log;
use crate::prefetch::prefetch_address;

/// Marks an entry that stands away from its home.
const AWAY: u32 = 1 << 31;

/// A place in an index.
#[derive(Clone, Copy)]
pub struct Place {
    line: usize,
    number: usize,
}

/// What a search for an id ends with.
pub enum Found {
    /// Its entry is here, and the log has it at this position.
    Here(Place, u32),
    /// There is none, and it would belong here.
    Nowhere(Vacancy),
}

/// Where an entry would be put.
#[derive(Clone, Copy)]
pub struct Vacancy {
    place: Place,
    /// [`AWAY`] or 0.
    away: u32,
}

/// An index.
pub struct Table {
    lines: Box<[Line]>,
    used: u32,
    /// The bits of an entry that are the tag.
    tag_mask: u32,
}

impl Table {
    /// An empty table.
    pub fn new() -> Table {
        Table { lines: Box::new([EMPTY]), used: 0, tag_mask: !AWAY }
    }

    /// Entries in use.
    pub fn used(&self) -> usize {
        self.used as usize
    }

    /// Memory taken up by the lines, in bytes, with what an allocation costs.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.lines) + 16
    }

    /// Whether one more entry needs more room first.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.used as usize >= used_max(self.lines.len())
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Has the processor fetch the line where a search for an id begins.
    #[inline]
    pub fn prefetch(&self, id: u128) {
        prefetch_address(self.lines.as_ptr().wrapping_add(self.home(id)).cast());
    }

    /// Has the processor fetch what the log has at the positions where an id may be. The line should be there.
    #[inline]
    pub fn prefetch_entry(&self, id: u128, log: &Log) {
        let line = &self.lines[self.home(id)];
        let (mut same, none) = line.look(tag(id) & self.tag_mask, self.tag_mask);
        same &= !none;
        while same != 0 {
            log.prefetch(line.0[same.trailing_zeros() as usize] & self.position_mask());
            same &= same - 1;
        }
    }

    /// Looks for an id.
    #[inline]
    pub fn find(&self, id: u128, log: &Log) -> Found {
        let home = self.home(id);
        let (mut line, mut away) = (home, 0);
        loop {
            let (mut same, none) = self.lines[line].look(tag(id) & self.tag_mask, self.tag_mask);
            same &= !none;
            while same != 0 {
                let place = Place { line, number: same.trailing_zeros() as usize };
                let position = self.lines[line].0[place.number] & self.position_mask();
                if log.holds(position, id) {
                    return Found::Here(place, position);
                }
                same &= same - 1;
            }
            if none != 0 {
                let place = Place { line, number: none.trailing_zeros() as usize };
                return Found::Nowhere(Vacancy { place, away });
            }
            (line, away) = (self.after(line), AWAY);
        }
    }

    /// Adds an id that is not there, with its position in the log. The table is not full.
    #[inline]
    pub fn put(&mut self, Vacancy { place, away }: Vacancy, id: u128, position: u32) {
        self.reach(position);
        self.lines[place.line].0[place.number] = away | (tag(id) & self.tag_mask) | position;
        self.used += 1;
    }

    /// Gives an id that is there another position.
    pub fn set(&mut self, place: Place, position: u32) {
        self.reach(position);
        let entry = &mut self.lines[place.line].0[place.number];
        *entry = (*entry & (AWAY | self.tag_mask)) | position;
    }

    /// Removes what the log has let go of; returns how many entries that was. `moving` is scratch space.
    pub fn clear(&mut self, log: &Log, moving: &mut Vec<u32>) -> usize {
        let (before, positions) = (self.used, self.position_mask());
        for line in &mut self.lines {
            let mut all = 0;
            for entry in &mut line.0 {
                // Without branches, since nobody can guess which of them are gone.
                let gone = log.is_gone(*entry & positions);
                self.used -= u32::from(gone);
                *entry &= u32::from(gone).wrapping_sub(1);
                all |= *entry;
            }
            if all & AWAY != 0 {
                take_out(line, AWAY, positions, moving);
            }
        }
        let removed = before - self.used;
        self.put_back(log, moving);
        removed as usize
    }

    /// Gives the table so many lines, but not fewer than it needs. `moving` is scratch space.
    pub fn resize(&mut self, lines: usize, log: &Log, moving: &mut Vec<u32>) {
        let (lines, positions) = (lines.max(lines_min(self.used())), self.position_mask());
        moving.reserve_exact(self.used());
        self.lines.iter_mut().for_each(|line| take_out(line, 0, positions, moving));
        // The old ones first: two layouts of a table never stand side by side.
        self.lines = Box::default();
        self.lines = vec![EMPTY; lines].into_boxed_slice();
        self.tag_mask = !AWAY;
        self.put_back(log, moving);
    }

    /// Puts ids back that have been taken out, by their positions.
    fn put_back(&mut self, log: &Log, moving: &mut Vec<u32>) {
        // In the order of the log, so that the way to it is mostly known.
        moving.sort_unstable();
        self.reach(moving.last().copied().unwrap_or(0));
        self.used -= moving.len() as u32;
        moving.iter().take(AHEAD).for_each(|&position| log.prefetch(position));
        for n in 0..moving.len() {
            if let Some(&ahead) = moving.get(n + AHEAD) {
                log.prefetch(ahead);
            }
            let id = log.low(moving[n]);
            self.put(self.vacancy(id), id, moving[n]);
        }
        moving.clear();
    }

    /// Where an id that is not there would belong.
    pub fn vacancy(&self, id: u128) -> Vacancy {
        let (mut line, mut away) = (self.home(id), 0);
        loop {
            let (_, none) = self.lines[line].look(0, 0);
            if none != 0 {
                return Vacancy { place: Place { line, number: none.trailing_zeros() as usize }, away };
            }
            (line, away) = (self.after(line), AWAY);
        }
    }

    /// Makes sure that a position can be written, if need be by shorter tags.
    #[inline]
    fn reach(&mut self, position: u32) {
        if position > self.position_mask() {
            self.shorten(position);
        }
    }

    #[cold]
    fn shorten(&mut self, position: u32) {
        let positions = u32::MAX >> position.leading_zeros();
        assert!(positions & AWAY == 0, "a shard has fewer than two thousand million entries");
        let shortened = self.tag_mask & positions;
        self.tag_mask &= !positions;
        self.lines.iter_mut().flat_map(|line| &mut line.0).for_each(|entry| *entry &= !shortened);
    }

    /// What the lines hold agrees with the counts, and every entry is found where its id says.
    #[cfg(test)]
    pub fn check(&self, log: &Log) {
        let entries = self.lines.iter().flat_map(|line| line.0).filter(|&entry| entry != 0);
        assert_eq!(self.used(), entries.clone().count());
        for entry in entries.filter(|entry| !log.is_gone(entry & self.position_mask())) {
            let position = entry & self.position_mask();
            let id = log.low(position);
            assert_eq!(entry & self.tag_mask, tag(id) & self.tag_mask);
            let found = self.find(id, log);
            assert!(matches!(found, Found::Here(place, at) if at == position
                && (place.line != self.home(id)) == (entry & AWAY != 0)));
        }
    }

    #[inline]
    fn position_mask(&self) -> u32 {
        !(self.tag_mask | AWAY)
    }

    #[inline]
    fn home(&self, id: u128) -> usize {
        ((u64::from(order(id)) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, line: usize) -> usize {
        if line + 1 < self.lines.len() { line + 1 } else { 0 }
    }
}

/// Takes those entries of a line out that have all bits of `with`, and adds their positions to `moving`.
fn take_out(line: &mut Line, with: u32, positions: u32, moving: &mut Vec<u32>) {
    for entry in line.0.iter_mut().filter(|entry| **entry != 0 && **entry & with == with) {
        moving.push(*entry & positions);
        *entry = 0;
    }
}

/// How many entries ahead the log is fetched when a table is filled anew.
const AHEAD: usize = 12;

/// How many entries may be in use: a search in a table as full as this still ends in the first or second line
/// mostly, and there is always a free place.
fn used_max(lines: usize) -> usize {
    lines * ENTRIES * 15 / 16
}

/// The fewest lines for so many entries and some more.
pub fn lines_min(entries: usize) -> usize {
    (entries + entries / 16 + 1).div_ceil(used_max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::buckets::{Buckets, FOREVER};
    use super::*;

    /// Positions that need more and more bits leave less and less of the tag, down to none, and nothing is lost.
    #[test]
    fn positions_of_any_size_are_kept() {
        let mut table = Table::new();
        for bits in 0..31 {
            let position = 1 << bits | 1;
            let id = u128::MAX << bits;
            table.put(table.vacancy(id), id, position);
            let entry =
                *table.lines.iter().flat_map(|line| &line.0).rev().find(|entry| **entry != 0).unwrap();
            assert_eq!(entry & table.position_mask(), position);
            assert_eq!(table.tag_mask | table.position_mask(), !AWAY);
            table.lines[0] = EMPTY;
            table.lines[0].0[0] = entry;
            table.used = 1;
        }
        assert_eq!(table.tag_mask, 0);
    }

    #[test]
    #[should_panic(expected = "fewer than two thousand million")]
    fn a_position_beyond_all_bits_is_refused() {
        let mut table = Table::new();
        table.put(table.vacancy(1), 1, AWAY);
    }

    /// A table that is as full as can be, with most entries away from their home, stays one through everything.
    #[test]
    fn a_full_table_is_searched_and_cleared() {
        let (mut log, mut table, mut moving) = (Log::new(Buckets::for_span(1_000)), Table::new(), Vec::new());
        table.resize(8, &log, &mut moving);
        let id = |n: u128| n << 40 | 3 << 100 | n;
        let mut known: Vec<(u128, i64)> = Vec::new();
        for round in 0..20i64 {
            let mut number = u128::try_from(round).unwrap() * 1_000;
            while !table.is_full() {
                let expiry =
                    if number.is_multiple_of(3) { FOREVER } else { round * 1_000 + 1 + number as i64 % 900 };
                let id = id(number);
                let Found::Nowhere(vacancy) = table.find(id, &log) else { panic!("{number} is new") };
                table.put(vacancy, id, log.append(id, expiry));
                known.push((id, expiry));
                number += 1;
            }
            table.check(&log);
            // All that is not for ever goes, of that half, and its blocks are used again.
            while log.pass(round * 1_000 + 999) {}
            known.retain(|&(_, expiry)| expiry == FOREVER);
            table.clear(&log, &mut moving);
            assert_eq!(known.len(), table.used());
            log.reuse(log.gone());
            for &(id, expiry) in &known {
                assert!(matches!(table.find(id, &log), Found::Here(_, at) if log.expiry(at) == expiry));
            }
            table.check(&log);
            log.check();
            if round % 5 == 4 {
                table.resize(table.lines() + 3, &log, &mut moving);
            }
        }
    }
}
