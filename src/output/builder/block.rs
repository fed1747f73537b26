//! Rows some at a time: their results column by column, then row after row put together of what is ready.
//!
//! Pieces of a row are copied by moves of a fixed length, with whatever stands behind them; the next piece overwrites
//! that. What does not go this way, [`RowBuilder::row`] writes: it says how rows look.

mod bounds;
mod room;

use std::ops::ControlFlow;

use bounds::Bounds;
use room::Room;

use super::super::cells::is_plain_csv;
use super::super::fired::{Fired, FiredRow, HandOn, Place, Timing};
use super::super::json::is_plain_json;
use super::super::plan::RowPlan;
use super::{RowBuilder, write_key};
use crate::aggregate::Span;
use crate::aggregate::states::States;
use crate::job::OutputFormat;
use crate::number::ShortText;
use crate::operator::keys::Keys;
use crate::operator::table::Group;
use crate::parse::key::{self, SHORT, ShortKind};
use crate::prefetch::AHEAD;
use crate::window::Window;

/// How many rows are made together: few enough for all that is ready of them to stay in the nearest cache.
const BLOCK: usize = 64;

/// What is ready of a block's rows; reused.
#[derive(Default)]
pub(super) struct Block {
    /// The slots of the block's rows, and of those of the next one.
    slots: Vec<u32>,
    ahead: Vec<u32>,
    keys: Vec<KeyText>,
    /// The texts of keys that are not short.
    long_keys: Vec<u8>,
    /// Where each key ends among the encoded ones.
    encoded_ends: Vec<usize>,
    /// The bounds of the windows: one for all rows, or one a row.
    bounds: Bounds,
    spans: Vec<Span>,
    /// By call, the results of all rows.
    columns: Vec<Vec<ShortText>>,
    /// Where rows are put together: no longer than the longest block needs.
    room: Vec<u8>,
}

/// The text of a key as rows have it, with all that stands before and between its fields.
#[derive(Clone, Copy)]
enum KeyText {
    /// That many bytes of a word, the lowest first, behind what stands before every key.
    Short(u128, usize),
    /// That many bytes of [`Block::long_keys`], behind those of the keys before it.
    Long(usize),
}

/// What rows have beside their bounds, keys and results.
struct Frame {
    before_key: ShortText,
    /// What stands before each result.
    before: Vec<ShortText>,
    end: ShortText,
}

impl Frame {
    /// That of a plan, if all of it is short.
    fn new(plan: &RowPlan) -> Option<Frame> {
        let (before_key, before, end) = match plan.to {
            OutputFormat::Csv { delimiter } => {
                let mut before = vec![ShortText::of(&[delimiter])?; plan.columns.len() - plan.results];
                // Bounds have one behind them.
                if let (0, Some(first)) = (plan.key_fields(), before.first_mut()) {
                    *first = ShortText::EMPTY;
                }
                (ShortText::EMPTY, before, ShortText::of(b"\n")?)
            }
            OutputFormat::Ndjson => {
                let before =
                    plan.lead_ins.iter().map(|lead_in| ShortText::of(lead_in)).collect::<Option<Vec<_>>>()?;
                (before[plan.leading], before[plan.results..].to_vec(), ShortText::of(b"}\n")?)
            }
            OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => return None,
        };
        Some(Frame { before_key, before, end })
    }

    /// No row is longer, beside its bounds, and its key if that is long.
    fn room(&self) -> usize {
        ShortText::ROOM * (2 * self.before.len() + 3)
    }
}

/// Whose rows they are.
#[derive(Clone, Copy)]
enum Of<'w> {
    /// All of the current window.
    Window,
    /// Each of a window of its own, which closes.
    Sessions(&'w [Window]),
}

impl RowBuilder {
    /// Writes rows of the current window, as [`RowBuilder::row`] does one after the other.
    pub fn rows(
        &mut self,
        groups: &[Group],
        keys: &Keys,
        states: &States,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        self.blocks(Of::Window, groups, keys, states, hand_on)
    }

    /// Writes rows of windows that close, one each, in the order of rows.
    pub fn session_rows(
        &mut self,
        windows: &[Window],
        groups: &[Group],
        keys: &Keys,
        states: &States,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        self.blocks(Of::Sessions(windows), groups, keys, states, hand_on)
    }

    fn blocks(
        &mut self,
        of: Of<'_>,
        groups: &[Group],
        keys: &Keys,
        states: &States,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        let frame = if self.plan.is_plain() { Frame::new(&self.plan) } else { None };
        let Some(frame) = frame else { return self.one_by_one(of, groups, keys, states, hand_on) };
        let mut block = std::mem::take(&mut self.block);
        block.ask_for(groups, keys);
        for start in (0..groups.len()).step_by(BLOCK) {
            let (groups, behind) = groups[start..].split_at(BLOCK.min(groups.len() - start));
            std::mem::swap(&mut block.slots, &mut block.ahead);
            block.ask_for(behind, keys);
            let of = match of {
                Of::Window => Of::Window,
                Of::Sessions(windows) => Of::Sessions(&windows[start..start + groups.len()]),
            };
            self.write_bounds_of(of, &mut block);
            if block.write_results(states, self.plan.to) {
                if let Of::Sessions(&[first, ..]) = of {
                    (self.window, self.timing) = (Some(first), Timing::Final);
                    self.hand_on_before(self.place(), hand_on)?;
                }
                block.write_keys(groups, keys, &self.plan, &mut self.fired.keys);
                self.put_together(&frame, &mut block, of, groups);
            } else {
                self.one_by_one(of, groups, keys, states, hand_on)?;
            }
        }
        self.block = block;
        ControlFlow::Continue(())
    }

    /// Writes the rows without what is made for many.
    fn one_by_one(
        &mut self,
        of: Of<'_>,
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
            if let Of::Sessions(windows) = of {
                self.begin(Some(windows[n]), hand_on)?;
            }
            self.row(keys.get(key), head, states, slot)?;
        }
        ControlFlow::Continue(())
    }

    /// Writes the bounds of all rows.
    fn write_bounds_of(&self, of: Of<'_>, block: &mut Block) {
        let windows = match of {
            Of::Window => self.window.as_slice(),
            Of::Sessions(windows) => windows,
        };
        block.bounds.write(windows, self);
        block.spans.clear();
        let span = |window: &Window| Span { bounds: Some((window.start, window.end)) };
        block.spans.extend(windows.iter().map(span));
        if windows.is_empty() {
            block.spans.push(Span { bounds: None });
        }
    }

    /// Appends the rows of a block.
    fn put_together(&mut self, frame: &Frame, block: &mut Block, of: Of<'_>, groups: &[Group]) {
        let beyond = i64::from(self.plan.kinds[usize::from(self.kind)].closes_beyond);
        let (moment, kind, timing) = (self.moment, self.kind, self.timing);
        let Fired { text, rows, windows, .. } = &mut self.fired;
        let Block { keys, long_keys, encoded_ends, bounds, columns, room, .. } = block;
        let rows_of_bounds = if let Of::Window = of { groups.len() } else { 1 };
        let needed = groups.len() * frame.room() + long_keys.len() + rows_of_bounds * bounds.longest();
        if room.len() < needed {
            room.resize(needed, 0);
        }
        let mut room = Room { text: room, at: 0 };
        let (start, mut long_at) = (text.len(), 0);
        for (n, (group, key_text)) in groups.iter().zip(&*keys).enumerate() {
            match of {
                Of::Window if self.window.is_some() => bounds.put(0, false, &mut room),
                Of::Window => {}
                Of::Sessions(sessions) => {
                    let window = sessions[n];
                    let place = Place { moment, closes: window.end + beyond, kind, timing, window };
                    windows.push((place, rows.len() + 1));
                    bounds.put(n, true, &mut room);
                }
            }
            match *key_text {
                KeyText::Short(word, len) => {
                    room.put_text(&frame.before_key);
                    room.put_word(word, len);
                }
                KeyText::Long(len) => {
                    room.put_long(&long_keys[long_at..long_at + len]);
                    long_at += len;
                }
            }
            for (before, column) in frame.before.iter().zip(&*columns) {
                room.put_text(before);
                room.put_text(&column[n]);
            }
            room.put_text(&frame.end);
            let key = encoded_ends[n];
            rows.push(FiredRow { text: start + room.at, key, rank: 0, head: group.head });
        }
        text.extend_from_slice(&room.text[..room.at]);
        if let Of::Window = of {
            windows.last_mut().expect("a row belongs to a window").1 = rows.len();
        }
    }
}

impl Block {
    /// The rows that come next are the first ones of these.
    fn ask_for(&mut self, groups: &[Group], keys: &Keys) {
        let next = &groups[..BLOCK.min(groups.len())];
        next.iter().for_each(|group| keys.prefetch(group.key));
        self.ahead.clear();
        self.ahead.extend(next.iter().map(|group| group.slot));
    }

    /// Writes the results of all rows. `false` if one of them is no number, or a long one.
    fn write_results(&mut self, states: &States, to: OutputFormat) -> bool {
        let Block { slots, ahead, spans, columns, .. } = self;
        columns.resize_with(states.width(), || vec![ShortText::EMPTY; BLOCK]);
        columns.iter_mut().enumerate().all(|(call, texts)| {
            let fits = states.write_short(call, slots, ahead, spans, texts);
            if to == OutputFormat::Ndjson {
                texts.iter_mut().for_each(|text| {
                    if text.text().is_empty() {
                        text.put_text(b"null");
                    }
                });
            }
            fits
        })
    }

    /// Writes the texts of all keys, and the keys as they are encoded.
    fn write_keys(&mut self, groups: &[Group], keys: &Keys, plan: &RowPlan, out: &mut Vec<u8>) {
        self.keys.clear();
        self.long_keys.clear();
        self.encoded_ends.clear();
        let mut at = out.len();
        let total: usize = groups.iter().map(|group| keys.get_short(group.key).1).sum();
        out.resize(at + total + SHORT, 0);
        for group in groups {
            let (short, len) = keys.get_short(group.key);
            let text = match len {
                0..=SHORT => {
                    out[at..at + SHORT].copy_from_slice(&short);
                    short_text(short, len, plan.to)
                }
                _ => {
                    out[at..at + len].copy_from_slice(keys.get(group.key));
                    None
                }
            };
            at += len;
            self.encoded_ends.push(at);
            self.keys.push(text.unwrap_or_else(|| {
                let start = self.long_keys.len();
                write_key(plan, keys.get(group.key), &mut self.long_keys);
                // The delimiter behind it stands before each result, too.
                if let (true, OutputFormat::Csv { .. }) = (self.long_keys.len() > start, plan.to) {
                    self.long_keys.pop();
                }
                KeyText::Long(self.long_keys.len() - start)
            }));
        }
        out.truncate(at);
    }
}

/// The text of a key of so many bytes that is one field without anything that has to be quoted or escaped. `None` says
/// nothing.
#[inline(always)]
fn short_text(key: [u8; SHORT], key_len: usize, to: OutputFormat) -> Option<KeyText> {
    let (kind, text, len) = key::short_field(key, key_len)?;
    let padded = key::with_letters_behind(text, len);
    match (to, kind) {
        (OutputFormat::Csv { delimiter }, _) if is_plain_csv(padded, delimiter) => {
            Some(KeyText::Short(text, len))
        }
        (OutputFormat::Ndjson, ShortKind::Literal) => Some(KeyText::Short(text, len)),
        (OutputFormat::Ndjson, ShortKind::Text) if is_plain_json(padded) => {
            let quote = u128::from(b'"');
            Some(KeyText::Short(quote | text << 8 | quote << (8 * (len + 1)), len + 2))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::states::Calls;
    use crate::job::Task;
    use crate::operator::table::Table;
    use crate::parse::batch::{ArgColumn, Batch, NumberColumn};
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

    /// Rows made together and one by one, of windows of one kind.
    fn check(options: &str, in_millis: bool, key_fields: usize, random: &mut fastrand::Rng) {
        let argv: Vec<_> = format!("windrow {options}").split_whitespace().map(Into::into).collect();
        let Task::Aggregate(task) = crate::cli::job(&argv).expect("a good job").task else {
            unreachable!("it has windows")
        };
        let (plan, calls) = (Arc::new(RowPlan::new(&task, false)), Calls::of(&task.calls));
        let (mut keys, mut table, fields) = (Keys::default(), Table::passing(&calls), fields());
        for _ in 0..random.usize(0..300) {
            let mut key = Vec::new();
            for _ in 0..key_fields {
                assert!(key::encode(&fields[random.usize(..fields.len())], &mut key));
            }
            let (number, mut column) = (keys.intern(key::hash(&key, 0), &key), NumberColumn::default());
            assert!(match random.u8(0..30) {
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
        let groups: Vec<Group> =
            (0..).zip(&table.keys).map(|(slot, &key)| Group { head: keys.head(key), key, slot }).collect();
        let mut start = -70_000_000;
        let windows: Vec<Window> = groups
            .iter()
            .map(|_| {
                start += random.i64(0..3) * 500_000;
                Window { start, end: start + 1_500_000 }
            })
            .collect();
        let of = match options.contains("session") {
            true => Of::Sessions(&windows),
            false => Of::Window,
        };
        let made = |together: bool| {
            let mut builder = RowBuilder::new(plan.clone());
            let form = if in_millis { Form::Number(Unit::Millis) } else { Form::Text };
            builder.set_form(form);
            let mut all = Vec::new();
            let hand_on: &mut HandOn<'_> = &mut |_| unreachable!("so few rows are not handed on");
            if let Of::Window = of {
                let window = Window { start: 0, end: 60_000_000 };
                let window = (!options.contains("none")).then_some(window);
                assert!(builder.begin(window, hand_on).is_continue());
            }
            let flow = match together {
                true => builder.blocks(of, &groups, &keys, &table.states, hand_on),
                false => builder.one_by_one(of, &groups, &keys, &table.states, hand_on),
            };
            assert!(flow.is_continue());
            let fired = builder.take();
            for row in 0..fired.rows.len() {
                let text = String::from_utf8_lossy(fired.row_text(row)).into_owned();
                all.push((text, fired.row_key(row).to_vec(), fired.rows[row].head));
            }
            (all, fired.windows)
        };
        assert_eq!(made(true), made(false), "{options}");
    }

    #[test]
    fn rows_made_together_are_those_made_one_by_one() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for window in ["1m", "none", "session:1s"] {
            for key in ["", "-b k", "-b k,l"] {
                for to in ["--to csv", "--to ndjson", "--from csv --delimiter ;", "--to table"] {
                    for in_millis in [false, true] {
                        let calls = "-a count(*),avg(v),sum(v),rate(*)";
                        let options = format!("-w {window} {key} {calls} {to}");
                        let key_fields = key.split(',').filter(|field| !field.is_empty()).count();
                        for _ in 0..4 {
                            check(&options, in_millis, key_fields, &mut random);
                        }
                    }
                }
            }
        }
    }
}
