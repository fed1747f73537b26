//! Templates: lines laid out like one that was scanned before are checked by comparing.
//!
//! Most producers write all records alike: the same members in the same order, with the same white space. A
//! template is the literal text of such a record with gaps for its scalars. A line fits if it has the same
//! literals, and in each gap a scalar of the same kind, every byte of which is checked: so what fits is a record
//! the general scanner would accept, with the same values. What does not fit is left to that scanner, which may
//! learn from it. Only how fast a line is read depends on what has been learnt.
//!
//! A gap whose texts have all had one length is as good as a literal: what may stand at each of its places is
//! known beforehand. So a template is read as [`Piece`]s, which check all bytes up to the next gap whose length
//! varies a vector at a time. A line that differs is read part by part; if it has the layout all the same, the
//! template takes in what was new.

use super::NONE;
use super::piece::{Piece, Place};
use super::scan::{Notes, Scalar};
use super::text::{decimal_end, integer_end, number_end, string_end, string_stop, word};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::rows::{BLOCK_BYTES, Rows, span};
use crate::parse::simd::{Lanes, WIDE, WIDTH, load};
use crate::prefetch::prefetch_text;

/// The most scalars of a template.
const SCALARS_MAX: usize = 512;
/// The longest text that is taken for one of a fixed length.
const FIXED_MAX: usize = 64;

/// What stands in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Nothing: the literal goes on, or the record ends.
    None,
    Text,
    /// Digits alone.
    Integer,
    /// Digits with a point among them.
    Decimal,
    /// Any number.
    Number,
    Word,
}

/// A literal and the gap behind it.
#[derive(Debug, Clone)]
struct Part {
    literal: Box<[u8]>,
    gap: Gap,
    /// The field that stands in the gap, or [`NONE`].
    field: u32,
    /// The length of all texts that have stood there, if they had one: they are digits, or strings without escapes.
    fixed: Option<usize>,
}

/// What is checked at once: at most a wide vector of bytes, and the gap behind them, whose length varies.
#[derive(Debug, Clone)]
struct Step {
    piece: Piece,
    gap: Gap,
    field: u32,
}

/// A field of a fixed length.
#[derive(Debug, Clone, Copy)]
struct FixedCell {
    field: u32,
    /// The step in which it begins, and where.
    step: u32,
    offset: u32,
    len: u32,
    kind: CellKind,
}

/// The layout of a record.
#[derive(Debug, Clone, Default)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// The fields that records of this layout do not have.
    absent: Vec<u32>,
    /// Their literals and gaps as steps.
    steps: Vec<Step>,
    /// Where each begins in the record that is being read.
    starts: Vec<u32>,
    fixed_cells: Vec<FixedCell>,
}

impl Template {
    /// The layout of the line from `start` to `end`, of which the general scanner has made these notes. `None` for
    /// what templates cannot hold.
    pub fn learn(bytes: &[u8], start: usize, end: usize, notes: &Notes, fields: usize) -> Option<Template> {
        if notes.nested_field || notes.scalars.len() > SCALARS_MAX {
            return None;
        }
        let mut template = Template::default();
        let mut from = start;
        for scalar in &notes.scalars {
            let text = &bytes[scalar.start..scalar.end];
            template.parts.push(Part::of(&bytes[from..scalar.start], scalar.kind, scalar.field, text));
            from = scalar.end;
        }
        let literal = bytes[from..end].into();
        template.parts.push(Part { literal, gap: Gap::None, field: NONE, fixed: None });
        let has = |field: u32| notes.scalars.iter().any(|scalar| scalar.field == field);
        template.absent = (0..fields as u32).filter(|field| !has(*field)).collect();
        template.divide();
        Some(template)
    }

    /// Makes steps of the parts.
    fn divide(&mut self) {
        self.steps.clear();
        self.fixed_cells.clear();
        let mut places = Vec::new();
        for part in &self.parts {
            places.extend(part.literal.iter().map(|byte| Place::Literal(*byte)));
            let Some(len) = part.fixed else {
                self.steps.extend(places.chunks(WIDE).map(|places| Step {
                    piece: Piece::new(places),
                    gap: Gap::None,
                    field: NONE,
                }));
                if let Some(last) = self.steps.last_mut() {
                    (last.gap, last.field) = (part.gap, part.field);
                }
                places.clear();
                continue;
            };
            if part.field != NONE {
                self.fixed_cells.push(FixedCell {
                    field: part.field,
                    step: (self.steps.len() + places.len() / WIDE) as u32,
                    offset: (places.len() % WIDE) as u32,
                    len: len as u32,
                    kind: if part.gap == Gap::Text { CellKind::Text } else { CellKind::Number },
                });
            }
            places.extend((0..len).map(|at| match part.gap {
                Gap::Text => Place::Text,
                _ if at == 0 && len > 1 => Place::FirstDigit,
                _ => Place::Digit,
            }));
        }
        self.starts.resize(self.steps.len(), 0);
    }

    /// Appends the first of the lines, which begin at `start` and end at `ends`, as far as they fit and nothing in them is
    /// new. Returns the place behind them.
    #[inline(always)]
    pub fn append_lines<L: Lanes>(
        &mut self,
        bytes: &[u8],
        mut start: usize,
        ends: &[u32],
        rows: &mut Rows,
        arena: &mut Vec<u8>,
    ) -> usize {
        let (mut room, fields, spans) = rows.room();
        for &end in ends {
            let (record, next) = (span(bytes, start, end as usize), end as usize + 1);
            let Some((cells, rest)) = room.split_at_mut_checked(fields) else { break };
            room = rest;
            let mark = arena.len();
            if !self.steps_fit::<L>(bytes, start, record.1 as usize, cells, arena) {
                arena.truncate(mark);
                break;
            }
            spans.push(record);
            prefetch_text(bytes, start..next, BLOCK_BYTES);
            start = next;
        }
        start
    }

    /// Whether the line from `start` to `end` fits; fills `cells` then. Otherwise `cells` and what is new in the
    /// arena mean nothing.
    #[inline(always)]
    pub fn fits<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> bool {
        while !self.steps_fit::<L>(bytes, start, end, cells, arena) {
            if !self.take_in::<L>(bytes, start, end) {
                return false;
            }
        }
        true
    }

    /// The same for lines in which nothing is new.
    #[inline(always)]
    fn steps_fit<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> bool {
        let mut at = start;
        for (step, start) in self.steps.iter().zip(&mut self.starts) {
            *start = at as u32;
            if !step.piece.fits::<L>(bytes, at) {
                return false;
            }
            at += step.piece.len;
            if step.gap == Gap::None {
                continue;
            }
            let from = at;
            let Some((behind, kind)) = gap::<L>(step.gap, bytes, at) else { return false };
            at = behind;
            if step.field != NONE {
                let scalar = Scalar { start: from, end: at, kind, field: step.field };
                scalar.put(&mut cells[step.field as usize], bytes, arena);
            }
        }
        for fixed in &self.fixed_cells {
            let cell = &mut cells[fixed.field as usize];
            cell.start = self.starts[fixed.step as usize] + fixed.offset;
            cell.len = fixed.len;
            cell.kind = fixed.kind;
        }
        for &field in &self.absent {
            cells[field as usize] = Cell::NULL;
        }
        at == end
    }

    /// Takes in what is new in a line of the same layout; returns whether there was anything.
    #[inline(always)]
    fn take_in<L: Lanes>(&mut self, bytes: &[u8], start: usize, end: usize) -> bool {
        // Nothing is changed before all of it is known to fit.
        let mut at = start;
        for part in &self.parts {
            if !bytes[at..].starts_with(&part.literal) {
                return false;
            }
            at += part.literal.len();
            let Some((behind, _)) = gap::<L>(part.gap.widest(), bytes, at) else { return false };
            at = behind;
        }
        if at != end {
            return false;
        }
        let (mut at, mut has_changed) = (start, false);
        for part in &mut self.parts {
            let from = at + part.literal.len();
            let Some((behind, kind)) = gap::<L>(part.gap.widest(), bytes, from) else { return false };
            at = behind;
            has_changed |= part.take_in(kind, &bytes[from..at]);
        }
        debug_assert!(has_changed, "what the steps did not take is new");
        if has_changed {
            self.divide();
        }
        has_changed
    }
}

impl Part {
    /// A literal and a scalar of this kind, which has this text.
    fn of(literal: &[u8], kind: CellKind, field: u32, text: &[u8]) -> Part {
        let (gap, fixed) = Gap::of(kind, text);
        Part { literal: literal.into(), gap, field, fixed }
    }

    /// Takes in what another scalar in its place is; returns whether that was new.
    fn take_in(&mut self, kind: CellKind, text: &[u8]) -> bool {
        if self.gap == Gap::None {
            return false;
        }
        let before = (self.gap, self.fixed);
        let (gap, fixed) = Gap::of(kind, text);
        self.fixed = self.fixed.filter(|_| self.fixed == fixed);
        if self.gap != gap {
            self.gap = self.gap.widest();
        }
        before != (self.gap, self.fixed)
    }
}

impl Gap {
    /// The gap of a scalar of this kind with this text, and its length if that may be a fixed one.
    fn of(kind: CellKind, text: &[u8]) -> (Gap, Option<usize>) {
        let fixed = (text.len() <= FIXED_MAX).then_some(text.len());
        match kind {
            // Longer ones are read by the scan for all numbers.
            CellKind::Number if text.len() >= WIDTH => (Gap::Number, None),
            CellKind::Number if text.iter().all(u8::is_ascii_digit) => (Gap::Integer, fixed),
            CellKind::Number if text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') => {
                (Gap::Decimal, None)
            }
            CellKind::Number => (Gap::Number, None),
            CellKind::Text => (Gap::Text, fixed),
            CellKind::ArenaText => (Gap::Text, None),
            _ => (Gap::Word, None),
        }
    }

    /// The gap that takes in all that is alike.
    fn widest(self) -> Gap {
        match self {
            Gap::Integer | Gap::Decimal => Gap::Number,
            other => other,
        }
    }
}

/// The place behind what stands in a gap, and what that is. The literal that follows checks that it has ended.
#[inline(always)]
fn gap<L: Lanes>(gap: Gap, bytes: &[u8], at: usize) -> Option<(usize, CellKind)> {
    let number = |end: Option<usize>| Some((end?, CellKind::Number));
    match gap {
        Gap::None => Some((at, CellKind::Null)),
        Gap::Text => text::<L>(bytes, at),
        Gap::Integer => number(integer_end::<L>(bytes, at)),
        Gap::Decimal => number(decimal_end::<L>(bytes, at)),
        Gap::Number => number(number_end::<L>(bytes, at)),
        Gap::Word => word(bytes, at),
    }
}

/// The place where the quote behind the text at `at` should stand.
#[inline(always)]
fn text<L: Lanes>(bytes: &[u8], at: usize) -> Option<(usize, CellKind)> {
    let stops = load::<L>(bytes, at).string_stops();
    let stop = match stops {
        0 => string_stop::<L>(bytes, at + WIDTH),
        _ => at + stops.trailing_zeros() as usize,
    };
    if bytes.get(stop) != Some(&b'\\') {
        return Some((stop, CellKind::Text));
    }
    let (behind, _) = string_end::<L>(bytes, stop)?;
    Some((behind - 1, CellKind::ArenaText))
}

#[cfg(test)]
mod tests {
    use super::super::{Shape, scan::Scanner};
    use super::*;
    use crate::expr::parse_path;
    use crate::parse::simd::{Level, Work};

    /// Whether a line fits, and whether the steps alone said so.
    struct Fit<'t>(&'t mut Template, &'t str);

    impl Work for Fit<'_> {
        type Output = (bool, bool);

        #[inline(always)]
        fn run<L: Lanes>(self) -> (bool, bool) {
            let Fit(template, line) = self;
            let before: Vec<_> = template.parts.iter().map(|part| (part.gap, part.fixed)).collect();
            let fits = template.fits::<L>(line.as_bytes(), 0, line.len(), &mut [Cell::NULL], &mut Vec::new());
            let after = template.parts.iter().map(|part| (part.gap, part.fixed));
            (fits, before.into_iter().eq(after))
        }
    }

    /// Of lines laid out alike a template takes in what is new once, and changes no more for it.
    #[test]
    fn what_is_new_is_taken_in_once() {
        let long = "0.123456789012345678901234567890123";
        let values: [&[&str]; 7] = [
            &["17", "180", "-3", "1.5", "2e9"],
            &["1.5", "17.25", "0.001", "12"],
            &["\"abc\"", "\"\"", "\"with \\\" and \\\\\"", "\"\u{e9}\""],
            &[long, "0.5", "7"],
            &["0.5", long],
            &["12345678901234567890123456789012345", "1"],
            &["null", "true", "false"],
        ];
        let shape = Shape::new(&[parse_path("a").expect("a path")]);
        for level in Level::all() {
            for values in values {
                let line = |value: &str| format!("{{\"a\":{value},\"b\":1}}");
                let first = line(values[0]);
                let (mut notes, mut cells) = (Notes::default(), [Cell::NULL]);
                struct Scan<'s, 'n>(&'s mut Scanner<'n>, &'s str, &'s mut [Cell], &'s mut Notes);
                impl Work for Scan<'_, '_> {
                    type Output = ();
                    #[inline(always)]
                    fn run<L: Lanes>(self) {
                        let arena = &mut Vec::new();
                        let scanned =
                            self.0.scan_with::<L>(self.1.as_bytes(), 0, self.2, arena, Some(self.3));
                        assert!(scanned.is_ok());
                    }
                }
                level.run(Scan(&mut Scanner::with_level(&shape, level), &first, &mut cells, &mut notes));
                let mut template = Template::learn(first.as_bytes(), 0, first.len(), &notes, 1).unwrap();
                for value in values.iter().chain(values.iter()) {
                    let line = line(value);
                    assert!(level.run(Fit(&mut template, &line)).0, "{line}");
                    assert_eq!(level.run(Fit(&mut template, &line)), (true, true), "{line} again");
                }
                for other in
                    ["{\"a\":[],\"b\":1}", "{\"a\":1,\"c\":1}", "{\"a\":01,\"b\":1}", "{\"a\":1,\"b\":1"]
                {
                    assert_eq!(level.run(Fit(&mut template, other)), (false, true), "{other}");
                }
            }
        }
    }
}
