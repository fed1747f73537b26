//! Rows that need no closer look: in time by a simple rule, and making nothing due.

use super::Stretch;
use crate::operator::dedup::Ask;
use crate::operator::sequence::judge::Plain;
use crate::parse::batch::Fate;

/// Of so many rows it is asked at once.
const BLOCK: usize = 64;

impl Stretch<'_> {
    /// Reads rows before `last` up to the first that needs a closer look, as [`Stretch::read`] would; returns whether
    /// the source's watermark has passed `limit`.
    pub(super) fn read_plain(&mut self, last: u32, limit: (i64, u32)) -> bool {
        let (Some(plain), Some(mut largest)) = (self.judge.plain(), self.source.largest) else {
            return false;
        };
        while self.source.row >= self.source.uneven && self.source.row + BLOCK as u32 <= last {
            self.answer_if_full();
            match self.read_even(plain, largest, limit) {
                Some(reached) => largest = reached,
                None => self.source.uneven = self.source.row + BLOCK as u32,
            }
        }
        self.answer_if_full();
        let (first, delay, batch) = (self.source.row, self.rules.delay, self.batch);
        // Fewer rows than a block has are left, of the batch or before the next block.
        let until = if self.source.uneven > first { self.source.uneven.min(last) } else { last };
        let rows = batch.fates[first as usize..until as usize].iter().zip(&batch.time[first as usize..]);
        let (mut passed, mut row, mut run, mut filtered) = (false, first, first, 0);
        for (fate, &time) in rows {
            let watermark = largest - delay;
            let is_plain = match fate {
                Fate::Usable => {
                    plain.start <= time
                        && time < plain.end
                        && watermark < plain.until
                        && !(plain.ahead && time < watermark)
                }
                Fate::Filtered => true,
                Fate::Bad | Fate::Untimed => false,
            };
            if !is_plain || self.moments.is_due(watermark.max(time - delay)) {
                // Also where the row makes something due: the watermark moves behind the event that moves it.
                break;
            }
            if *fate == Fate::Filtered {
                self.rows.extend(run..row);
                (run, filtered) = (row + 1, filtered + 1);
            } else if let Some(asked) = &mut self.asked {
                let expiry = self.judge.forgotten_at(plain.closes.of(time));
                let ids = &batch.ids[row as usize..];
                asked.push(Ask { id: ids[0], expiry, watermark }, ids);
            }
            row += 1;
            if time > largest {
                largest = time;
                self.source.largest = Some(largest);
                if (largest - delay, self.number) > limit {
                    passed = true;
                    break;
                }
            }
        }
        self.rows.extend(run..row);
        self.source.counts.filtered += filtered;
        self.source.counts.accepted += u64::from(row - first) - filtered;
        self.source.row = row;
        passed
    }

    /// Reads [`BLOCK`] rows if their least and greatest times show that none needs a closer look: all are plain, and the
    /// watermark moves past nothing with them. Returns the largest time then.
    fn read_even(&mut self, plain: Plain, largest: i64, limit: (i64, u32)) -> Option<i64> {
        let (first, delay, batch) = (self.source.row as usize, self.rules.delay, self.batch);
        let (fates, times) = (&batch.fates[first..], &batch.time[first..]);
        let (fates, times) = (fates.first_chunk::<BLOCK>()?, times.first_chunk::<BLOCK>()?);
        let least = times.iter().fold(i64::MAX, |least, time| least.min(*time));
        let greatest = times.iter().fold(i64::MIN, |greatest, time| greatest.max(*time));
        let refused = fates.iter().filter(|fate| matches!(fate, Fate::Bad | Fate::Untimed)).count();
        let reached = largest.max(greatest);
        let watermark = reached - delay;
        let is_even = refused == 0
            && plain.start <= least
            && greatest < plain.end
            && watermark < plain.until
            && !(plain.ahead && least < watermark)
            && !self.moments.is_due(watermark)
            && (watermark, self.number) <= limit;
        if !is_even {
            return None;
        }
        let filtered = fates.iter().filter(|fate| **fate == Fate::Filtered).count();
        let (row, before) = (self.source.row, self.rows.len());
        self.rows.extend(row..row + BLOCK as u32);
        if filtered > 0 {
            let mut kept = before;
            for (row, fate) in (row..).zip(fates) {
                // Without a branch: which rows are kept cannot be foreseen.
                self.rows[kept] = row;
                kept += usize::from(*fate == Fate::Usable);
            }
            self.rows.truncate(kept);
        }
        if let Some(asked) = &mut self.asked {
            let (mut largest, ids) = (largest, &batch.ids[first..]);
            for (n, (fate, &time)) in fates.iter().zip(times).enumerate() {
                if *fate == Fate::Usable {
                    let expiry = self.judge.forgotten_at(plain.closes.of(time));
                    asked.push(Ask { id: ids[n], expiry, watermark: largest - delay }, &ids[n..]);
                }
                largest = largest.max(time);
            }
        }
        self.source.largest = Some(reached);
        self.source.counts.filtered += filtered as u64;
        self.source.counts.accepted += (BLOCK - filtered) as u64;
        self.source.row += BLOCK as u32;
        Some(reached)
    }
}
