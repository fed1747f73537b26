//! Rows some at a time: their results column by column, then row after row put together of what is ready.
//!
//! Pieces of a row are copied by moves of a fixed length, with whatever stands behind them; the next piece overwrites
//! that. What does not go this way, [`RowBuilder::row`] writes: it says how rows look.

mod bounds;
mod frame;
mod keys;
mod room;

use std::ops::ControlFlow;

use bounds::Bounds;
use frame::Frame;
use keys::{KeyTexts, total_len};
use room::Room;

use super::super::fired::{Fired, FiredRow, HandOn, Place, Timing};
use super::super::plan::RowPlan;
use super::RowBuilder;
use crate::aggregate::states::States;
use crate::aggregate::{Asked, Span};
use crate::job::OutputFormat;
use crate::number::ShortText;
use crate::operator::keys::Keys;
use crate::operator::table::Group;
use crate::prefetch::AHEAD;
use crate::window::Window;

/// How many rows are made together: few enough for all that is ready of them to stay in the nearest cache.
const BLOCK: usize = 64;

/// Keys that are longer together are not worth it: they would stand in memory several times.
const KEYS_LEN_MAX: usize = 64 << 10;

/// What is ready of a block's rows; reused.
pub(super) struct Block {
    /// `None` where rows cannot be made together.
    frame: Option<Frame>,
    /// The slots of the block's rows, and of those of the next one.
    slots: Vec<u32>,
    ahead: Vec<u32>,
    keys: KeyTexts,
    /// The bounds of the windows: one for all rows, or one a row.
    bounds: Bounds,
    spans: Vec<Span>,
    /// By call, the results of all rows.
    columns: Vec<Vec<ShortText>>,
    /// Grows with blocks whose results were not all short numbers, and shrinks with the others.
    misses: u32,
    /// Where rows are put together: no longer than the longest block needs.
    room: Vec<u8>,
}

/// Whose rows they are.
#[derive(Clone, Copy)]
pub enum RowsOf<'w> {
    /// All of the current window.
    Window,
    /// Each of a window of its own, which closes; they are in the order of rows.
    Sessions(&'w [Window]),
}

impl RowBuilder {
    /// Writes rows, as [`RowBuilder::row`] does one after the other.
    pub fn rows(
        &mut self,
        of: RowsOf<'_>,
        groups: &[Group],
        keys: &Keys,
        states: &States,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        // Taken out meanwhile; where it breaks off, nobody wants any more rows.
        let Some(mut block) = self.block.take_if(|block| block.frame.is_some()) else {
            return self.one_by_one(of, groups, keys, states, hand_on);
        };
        block.ask_for(groups, keys);
        for start in (0..groups.len()).step_by(BLOCK) {
            let (groups, behind) = groups[start..].split_at(BLOCK.min(groups.len() - start));
            std::mem::swap(&mut block.slots, &mut block.ahead);
            block.ask_for(behind, keys);
            let of = match of {
                RowsOf::Window => RowsOf::Window,
                RowsOf::Sessions(windows) => RowsOf::Sessions(&windows[start..start + groups.len()]),
            };
            self.write_bounds_of(of, &mut block);
            let keys_len = total_len(groups, keys);
            if keys_len <= KEYS_LEN_MAX && block.write_results(states, self.plan.to) {
                if let RowsOf::Sessions(&[first, ..]) = of {
                    (self.window, self.timing) = (Some(first), Timing::Final);
                    self.hand_on_before(self.place(), hand_on)?;
                }
                block.keys.write(groups, keys, keys_len, &self.plan, &mut self.fired.keys);
                self.put_together(&mut block, of, groups);
            } else {
                self.one_by_one(of, groups, keys, states, hand_on)?;
            }
        }
        self.block = Some(block);
        ControlFlow::Continue(())
    }

    /// Writes the rows without what is made for many.
    fn one_by_one(
        &mut self,
        of: RowsOf<'_>,
        groups: &[Group],
        keys: &Keys,
        states: &States,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        for (n, &Group { head, key, slot }) in groups.iter().enumerate() {
            if let Some(ahead) = groups.get(n + AHEAD) {
                keys.prefetch(ahead.key);
                states.prefetch(ahead.slot);
            }
            if let RowsOf::Sessions(windows) = of {
                self.begin(Some(windows[n]), hand_on)?;
            }
            self.row(keys.get(key), head, states, slot)?;
        }
        ControlFlow::Continue(())
    }

    /// Writes the bounds of all rows.
    fn write_bounds_of(&self, of: RowsOf<'_>, block: &mut Block) {
        let windows = match of {
            RowsOf::Window => self.window.as_slice(),
            RowsOf::Sessions(windows) => windows,
        };
        let Block { frame: Some(frame), bounds, spans, .. } = block else { return };
        bounds.write(windows, self, frame);
        spans.clear();
        let span = |window: &Window| Span { bounds: Some((window.start, window.end)) };
        spans.extend(windows.iter().map(span));
        if windows.is_empty() {
            spans.push(Span { bounds: None });
        }
    }

    /// Appends the rows of a block.
    fn put_together(&mut self, block: &mut Block, of: RowsOf<'_>, groups: &[Group]) {
        let beyond = i64::from(self.plan.kinds[usize::from(self.kind)].closes_beyond);
        let (moment, kind, timing) = (self.moment, self.kind, self.timing);
        let Fired { text, rows, windows, .. } = &mut self.fired;
        let Block { frame: Some(frame), keys, bounds, columns, room, .. } = block else { return };
        let rows_of_bounds = if let RowsOf::Window = of { groups.len() } else { 1 };
        let needed = groups.len() * frame.room() + keys.longest() + rows_of_bounds * bounds.longest();
        if room.len() < needed {
            room.resize(needed, 0);
        }
        let (start, mut room) = (text.len(), Room { text: room, at: 0 });
        for (n, group) in groups.iter().enumerate() {
            match of {
                RowsOf::Window if self.window.is_some() => bounds.put(0, false, &mut room),
                RowsOf::Window => {}
                RowsOf::Sessions(sessions) => {
                    let window = sessions[n];
                    let place = Place { moment, closes: window.end + beyond, kind, timing, window };
                    windows.push((place, rows.len() + 1));
                    bounds.put(n, true, &mut room);
                }
            }
            let key = keys.put(n, frame, &mut room);
            for (before, column) in frame.before.iter().zip(&*columns) {
                room.put_text(before);
                room.put_text(&column[n]);
            }
            room.put_text(&frame.end);
            rows.push(FiredRow { text: start + room.at, key, rank: 0, head: group.head });
        }
        text.extend_from_slice(&room.text[..room.at]);
        if let RowsOf::Window = of {
            windows.last_mut().expect("a row belongs to a window").1 = rows.len();
        }
    }
}

impl Block {
    /// Nothing yet.
    pub(super) fn new(plan: &RowPlan) -> Block {
        Block {
            frame: Frame::new(plan),
            slots: Vec::new(),
            ahead: Vec::new(),
            keys: KeyTexts::default(),
            bounds: Bounds::default(),
            spans: Vec::new(),
            columns: Vec::new(),
            misses: 0,
            room: Vec::new(),
        }
    }

    /// The rows that come next are the first ones of these.
    fn ask_for(&mut self, groups: &[Group], keys: &Keys) {
        let next = &groups[..BLOCK.min(groups.len())];
        next.iter().for_each(|group| keys.prefetch(group.key));
        self.ahead.clear();
        self.ahead.extend(next.iter().map(|group| group.slot));
    }

    /// Writes the results of all rows. `false` if one of them is no number or a long one, or many have been lately: then
    /// all would be worked out twice.
    fn write_results(&mut self, states: &States, to: OutputFormat) -> bool {
        const MISSES_MAX: u32 = 64;
        const MISS: u32 = 8;
        self.misses = self.misses.saturating_sub(1);
        if self.misses > MISSES_MAX {
            return false;
        }
        let Block { slots, ahead, spans, columns, .. } = self;
        let asked = Asked { slots, spans, ahead };
        columns.resize_with(states.width(), || vec![ShortText::EMPTY; BLOCK]);
        let fits = columns.iter_mut().enumerate().all(|(call, texts)| {
            let fits = states.write_short(call, asked, texts);
            if to == OutputFormat::Ndjson {
                texts[..slots.len()].iter_mut().filter(|text| text.text().is_empty()).for_each(|text| {
                    text.put_text(b"null");
                });
            }
            fits
        });
        self.misses += if fits { 0 } else { MISS };
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::states::Calls;
    use crate::job::Task;
    use crate::operator::table::Table;
    use crate::parse::batch::{ArgColumn, Batch, NumberColumn};
    use crate::parse::key;
    use crate::time::{Form, Unit};
    use crate::value::Value;
    use std::sync::Arc;

    /// Keys of all kinds: what is short and plain, and what is not.
    fn fields() -> Vec<Value<'static>> {
        let texts =
            ["", "a", "a b", "a,b", "a;b", "a\"b", "a\nb", "a\\b", "\u{7f}", "é", "\0", "~", "elevenbytes"];
        let longer = ["twelve bytes", "a text of more than thirty-two bytes, quoted"];
        let texts = texts.into_iter().chain(longer).map(|text| Value::Text(text.into()));
        let numbers = ["0", "-12.5", "1e300", "123456789012345678901234567890"].map(Value::Written);
        texts.chain(numbers).chain([Value::Null, Value::Bool(true)]).collect()
    }

    /// A table of some groups.
    fn table(calls: &Calls, key_fields: usize, groups: usize, random: &mut fastrand::Rng) -> (Keys, Table) {
        let (mut keys, mut table, fields) = (Keys::default(), Table::passing(calls), fields());
        for n in 0..groups {
            let mut key = Vec::new();
            for field in 0..key_fields {
                match random.u8(0..4) {
                    0 if field == 0 => assert!(key::encode(&Value::Written(&n.to_string()), &mut key)),
                    _ => assert!(key::encode(&fields[random.usize(..fields.len())], &mut key)),
                }
            }
            let (number, mut column) = (keys.intern(key::hash(&key, 0), &key), NumberColumn::default());
            assert!(match random.u8(0..60) {
                0 => column.push_text("1e300"),
                1 => column.push_text("123456789012345678901234567890.123456789"),
                2..5 => {
                    column.push_null();
                    true
                }
                _ => column.push_text(&format!("{}.{}", random.i32(-500..500), random.u8(..))),
            });
            let slot = table.slot(number, &mut keys);
            table.make_room();
            let mut batch = Batch::default();
            (batch.time, batch.args) = (vec![0], vec![ArgColumn::Every, ArgColumn::Numbers(column)]);
            table.states.add(&[slot], &[0], &batch, 0);
        }
        (keys, table)
    }

    /// Rows made together and one by one.
    fn check(options: &str, form: Form, groups: usize, random: &mut fastrand::Rng) {
        let argv: Vec<_> = format!("windrow {options}").split_whitespace().map(Into::into).collect();
        let Task::Aggregate(task) = crate::cli::job(&argv).expect("a good job").task else {
            unreachable!("it has windows")
        };
        let plan = Arc::new(RowPlan::new(&task, false));
        let (keys, table) = table(&Calls::of(&task.calls), plan.key_fields(), groups, random);
        let groups: Vec<Group> =
            (0..).zip(&table.keys).map(|(slot, &key)| Group { head: keys.head(key), key, slot }).collect();
        let mut start = -70_000_000;
        let windows = groups.iter().map(|_| {
            start += random.i64(0..3) * 500_000 + random.i64(0..40) / 39;
            Window { start, end: start + 1_500_000 }
        });
        let windows: Vec<Window> = windows.collect();
        let of = match plan.kinds.last().is_some_and(|kind| kind.closes_beyond) {
            true => RowsOf::Sessions(&windows),
            false => RowsOf::Window,
        };
        let made = |together: bool| {
            let mut builder = RowBuilder::new(plan.clone());
            builder.set_form(form);
            builder.set_kind(plan.kinds.len() - 1);
            let (mut rows, mut all) = (Vec::new(), Vec::new());
            let mut take = |fired: Fired| {
                for row in 0..fired.rows.len() {
                    let text = String::from_utf8_lossy(fired.row_text(row)).into_owned();
                    rows.push((text, fired.row_key(row).to_vec(), fired.rows[row].head));
                }
                let places = || fired.windows.iter().map(|(place, _)| *place);
                assert!(all.is_empty() || all.last() != places().next().as_ref(), "a window is divided");
                all.extend(places());
            };
            let hand_on: &mut HandOn<'_> = &mut |fired| {
                take(fired);
                ControlFlow::Continue(())
            };
            if let RowsOf::Window = of {
                let window = Window { start: 0, end: 60_000_000 };
                let window = (!options.contains("none")).then_some(window);
                assert!(builder.begin(window, hand_on).is_continue());
            }
            let flow = match together {
                true => builder.rows(of, &groups, &keys, &table.states, hand_on),
                false => builder.one_by_one(of, &groups, &keys, &table.states, hand_on),
            };
            assert!(flow.is_continue());
            take(builder.take());
            (rows, all)
        };
        assert_eq!(made(true), made(false), "{options}");
    }

    #[test]
    fn rows_made_together_are_those_made_one_by_one() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let units = [Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos].map(Form::Number);
        let forms: Vec<Form> = units.into_iter().chain([Form::Text]).collect();
        let all = "-a count(*),avg(v),sum(v),rate(*)";
        let long = "-a count(*),sum(a_name_that_is_much_longer_than_32_bytes)";
        for window in ["1m", "none", "session:1s", "1m -w session:1s", "1d@Europe/Berlin"] {
            for key in ["", "-b k", "-b k,l"] {
                for to in [
                    "csv",
                    "ndjson",
                    "table",
                    "csv --delimiter 1",
                    "csv --delimiter .",
                    "csv --delimiter \\t",
                ] {
                    for calls in [all, long] {
                        let options = format!("--from csv -w {window} {key} {calls} --to {to}");
                        let form = *random.choice(&forms).expect("there are some");
                        let groups = random.usize(0..300);
                        check(&options, form, groups, &mut random);
                    }
                }
            }
        }
        // Enough to be handed on several times.
        for window in ["1m", "session:1s"] {
            check(&format!("-w {window} -b k,l {all} --to ndjson"), Form::Text, 12_000, &mut random);
        }
    }
}
