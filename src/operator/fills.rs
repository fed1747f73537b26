//! Windows without events between two of a key: `--fill`.
//!
//! That a window without events needs a row is known once the key has another one. So such rows stand before those of
//! that window, in the order of their own windows. What they hold is known when the row before is written, and kept as
//! text: one for each key that there has been, for as long as the job runs.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::keys::Keys;
use super::loaded::Share;
use super::out::Out;
use super::saved_fills::FillsV6;
use super::table::{Group, Table};
use super::weight::Weight;
use crate::checkpoint::codec::Damage;
use crate::parse::key;
use crate::time::{DURATION_LIMIT, LIMIT};
use crate::window::{PaneFinder, Panes, Window};

/// The keys of one shard that have had a row, of one kind of windows.
pub struct Fills {
    finder: PaneFinder,
    /// By the number of the key, its last row. The keys are held.
    last: Vec<Option<LastRow>>,
    /// The window that fired last.
    fired: Option<Window>,
    /// Groups with windows to fill: their last windows, and their places among the groups that fire; reused.
    returning: Vec<(Window, u32)>,
}

/// Checks that these may be the last rows of keys with so many fields, where windows that end at `fired` or before have
/// fired: a window that there is not would make a run fill for ever.
///
/// # Errors
///
/// [`Damage::Content`] if they are not.
pub fn check(finder: &mut PaneFinder, saved: &FillsV6, fired: i64, key_fields: usize) -> Result<(), Damage> {
    let mut keys = HashSet::new();
    for row in saved.rows() {
        let (key, window, _) = row?;
        let is_time = (-LIMIT - DURATION_LIMIT..LIMIT).contains(&window.start) && window.end <= fired;
        let pane = if is_time { finder.pane(window.start) } else { None };
        let is_window = pane
            .is_some_and(|pane| finder.windows(pane.start, window.end - 1, window.end).any(|w| w == window));
        if !is_window || !key::is_encoded(key, key_fields) || !keys.insert(key) {
            return Err(Damage::Content);
        }
    }
    Ok(())
}

/// The last row of a key.
struct LastRow {
    window: Window,
    /// What the rows hold that follow it.
    text: Vec<u8>,
}

impl Fills {
    /// No rows yet.
    pub fn new(panes: &Panes) -> Fills {
        Fills { finder: PaneFinder::new(panes), last: Vec::new(), fired: None, returning: Vec::new() }
    }

    /// Writes the rows that are missing between the last windows of some groups and this one, which fires.
    pub fn catch_up(&mut self, window: Window, keys: &Keys, out: &mut Out<'_, '_>) -> ControlFlow<()> {
        self.find_returning(window, out.groups);
        let Fills { finder, last, returning, .. } = self;
        let Some(&(first, _)) = returning.first() else { return ControlFlow::Continue(()) };
        let (mut missing, mut next) = (BTreeSet::new(), 0);
        let Out { builder, groups, hand_on } = out;
        finder.between(first, window, &mut |gap| {
            while let Some(&(before, place)) = returning.get(next)
                && before < gap
            {
                missing.insert(place);
                next += 1;
            }
            builder.begin_filled(gap, window, hand_on)?;
            for &place in &missing {
                let Group { head, key, .. } = groups[place as usize];
                if let Some(Some(row)) = last.get(key as usize) {
                    builder.filled_row(keys.get(key), head, &row.text);
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// Finds the groups whose last windows are not those right before this one, in the order of these.
    fn find_returning(&mut self, window: Window, groups: &[Group]) {
        self.returning.clear();
        let before = |group: &Group| Some(self.last.get(group.key as usize)?.as_ref()?.window);
        // Of most keys the last window is the one that fired last, and nothing lies between.
        let follows = self.fired.filter(|&fired| {
            self.finder.between(fired, window, &mut |_| ControlFlow::Break(())).is_continue()
        });
        let places = (0..).zip(groups).filter_map(|(place, group)| Some((before(group)?, place)));
        self.returning.extend(places.filter(|(before, _)| Some(*before) != follows));
        self.returning.sort_unstable();
        self.fired = Some(window);
    }

    /// The row of a group has been written.
    pub fn note(&mut self, window: Window, group: &Group, table: &Table, keys: &mut Keys, out: &Out<'_, '_>) {
        let place = group.key as usize;
        if self.last.len() <= place {
            self.last.resize_with(keys.capacity().max(place + 1), || None);
        }
        let row = self.last[place].get_or_insert_with(|| {
            keys.hold(group.key);
            LastRow { window, text: Vec::new() }
        });
        row.window = window;
        out.builder.fill_text(&table.states, group.slot, &mut row.text);
    }

    /// Memory taken up by them.
    pub fn weigh(&self) -> Weight {
        let texts = self.last.iter().flatten().map(|row| row.text.capacity()).sum::<usize>();
        let mut weight = Weight::of_room(&self.last);
        weight.windows += texts;
        weight
    }

    /// The last rows as they are written.
    pub fn save(&self, keys: &Keys) -> FillsV6 {
        let rows = (0..).zip(&self.last).filter_map(|(key, row)| Some((keys.get(key), row.as_ref()?)));
        let mut saved = FillsV6::default();
        for (key, LastRow { window, text }) in rows {
            saved.push(key, *window, text);
        }
        saved
    }

    /// Takes in what is its own of last rows that were saved.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] if they make no sense.
    pub fn load(
        &mut self,
        saved: &FillsV6,
        (fired, key_fields): (i64, usize),
        share: Share,
        keys: &mut Keys,
    ) -> Result<(), Damage> {
        check(&mut self.finder, saved, fired, key_fields)?;
        for row in saved.rows() {
            let (key, window, text) = row?;
            let hash = key::hash(key, share.seed);
            if !share.takes(hash) {
                continue;
            }
            let number = keys.intern(hash, key);
            let place = number as usize;
            if self.last.len() <= place {
                self.last.resize_with(place + 1, || None);
            }
            if self.last[place].is_none() {
                keys.hold(number);
            }
            self.last[place] = Some(LastRow { window, text: text.to_vec() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Windows;

    /// The checksum of these would fit; a run that believed them would fill for ever, or wrongly.
    #[test]
    fn windows_that_there_are_not_are_damage() {
        let Ok(Windows::Panes(panes)) = Windows::parse("10us/5us") else { panic!("these are panes") };
        let check = |rows: &[(&[u8], i64, i64)], want| {
            let mut saved = FillsV6::default();
            rows.iter().for_each(|&(key, start, end)| saved.push(key, Window { end, start }, b""));
            assert_eq!(super::check(&mut PaneFinder::new(&panes), &saved, 100, 1), want, "{rows:?}");
        };
        let keys: Vec<Vec<u8>> = ["a", "b"]
            .iter()
            .map(|&text| {
                let mut encoded = Vec::new();
                assert!(key::encode(&crate::value::Value::Text(text.into()), &mut encoded));
                encoded
            })
            .collect();
        let [a, b] = [&keys[0][..], &keys[1][..]];
        let damage = Err(Damage::Content);
        check(&[(a, 90, 100), (b, -5, 5)], Ok(()));
        check(&[(a, 95, 105)], damage.clone());
        check(&[(a, 1, 11)], damage.clone());
        check(&[(a, 0, 15)], damage.clone());
        check(&[(a, 0, 10), (a, 5, 15)], damage.clone());
        check(&[(b"", 0, 10)], damage.clone());
        for (start, end) in [(i64::MIN, i64::MAX), (i64::MIN, -5), (0, i64::MAX), (i64::MAX - 10, i64::MAX)] {
            check(&[(a, start, end)], damage.clone());
        }
    }
}
