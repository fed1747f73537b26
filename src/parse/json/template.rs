//! Templates: lines laid out like one that was scanned before are checked by comparing.
//!
//! Most producers write all records alike: the same members in the same order, with the same white space. A
//! template is the literal text of such a record with gaps for its scalars. A line fits if it has the same
//! literals, and in each gap a scalar of the same kind, every byte of which is checked: so what fits is a record
//! the general scanner would accept, with the same values. What does not fit is left to that scanner, which may
//! learn from it. Only how fast a line is read depends on what has been learnt.

use super::NONE;
use super::scan::{Notes, Scalar};
use super::text::{number_end, string_end, string_stop, word};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::simd::{Lanes, WIDTH, below, load};

/// The most parts of a template.
const PARTS_MAX: usize = 512;

/// What stands in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// Nothing: the literal goes on in the next part.
    None,
    Text,
    Number,
    Word,
}

/// A literal and the gap behind it.
#[derive(Debug, Clone)]
struct Part {
    literal: [u8; WIDTH],
    /// The bytes of `literal` that count.
    mask: u32,
    /// How many these are.
    len: usize,
    gap: Gap,
    /// The field that stands in the gap, or [`NONE`].
    field: u32,
    usual: Usual,
}

/// The length that a gap has had so far. A length that is expected moves the scan on before the text has been
/// looked at: the CPU goes ahead on the guess, and the comparison only confirms it.
#[derive(Debug, Clone, Copy)]
struct Usual {
    /// The mask of stops, up to this length, is equal to `stop` if the text has this length.
    mask: u32,
    stop: u32,
    len: usize,
}

impl Usual {
    /// No length: the gap has had several.
    const NONE: Usual = Usual { mask: 0, stop: 1, len: 0 };

    fn new(len: usize) -> Usual {
        match len {
            0..WIDTH => Usual { mask: below(len as u32 + 1), stop: 1 << len, len },
            _ => Usual::NONE,
        }
    }

    #[inline(always)]
    fn is(self, stops: u32) -> bool {
        stops & self.mask == self.stop
    }
}

/// The layout of a record.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// The fields that records of this layout do not have.
    absent: Vec<u32>,
}

impl Template {
    /// The layout of the line from `start` to `end`, of which the general scanner has made these notes. `None` for
    /// what templates cannot hold.
    pub fn learn(bytes: &[u8], start: usize, end: usize, notes: &Notes, fields: usize) -> Option<Template> {
        if notes.nested_field || notes.scalars.len() > PARTS_MAX {
            return None;
        }
        let mut template = Template { parts: Vec::new(), absent: Vec::new() };
        let mut from = start;
        for scalar in &notes.scalars {
            template.push(&bytes[from..scalar.start], Some((scalar, &bytes[scalar.start..scalar.end])));
            from = scalar.end;
        }
        template.push(&bytes[from..end], None);
        let has = |field: u32| notes.scalars.iter().any(|scalar| scalar.field == field);
        template.absent = (0..fields as u32).filter(|field| !has(*field)).collect();
        (template.parts.len() <= PARTS_MAX).then_some(template)
    }

    /// Adds a literal of any length and what stands behind it.
    fn push(&mut self, literal: &[u8], scalar: Option<(&Scalar, &[u8])>) {
        let pieces = literal.chunks(WIDTH).len();
        for (n, piece) in literal.chunks(WIDTH).enumerate() {
            let mut part = Part {
                literal: [0; WIDTH],
                mask: below(piece.len() as u32),
                len: piece.len(),
                gap: Gap::None,
                field: NONE,
                usual: Usual::NONE,
            };
            part.literal[..piece.len()].copy_from_slice(piece);
            if let (Some((scalar, text)), true) = (scalar, n + 1 == pieces) {
                part.field = scalar.field;
                (part.gap, part.usual) = match scalar.kind {
                    CellKind::Number if text.iter().all(u8::is_ascii_digit) => {
                        (Gap::Number, Usual::new(text.len()))
                    }
                    CellKind::Number => (Gap::Number, Usual::NONE),
                    CellKind::Text => (Gap::Text, Usual::new(text.len())),
                    CellKind::ArenaText => (Gap::Text, Usual::NONE),
                    _ => (Gap::Word, Usual::NONE),
                };
            }
            self.parts.push(part);
        }
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
        let mut at = start;
        for part in &mut self.parts {
            let literal = L::new(&part.literal).same(load(bytes, at));
            if literal & part.mask != part.mask {
                return false;
            }
            at += part.len;
            let from = at;
            let found = match part.gap {
                Gap::None => continue,
                Gap::Text => text::<L>(bytes, &mut at, &mut part.usual),
                Gap::Number => number::<L>(bytes, &mut at, &mut part.usual),
                Gap::Word => word(bytes, at).map(|(end, kind)| {
                    at = end;
                    kind
                }),
            };
            let Some(kind) = found else { return false };
            if part.field != NONE {
                let scalar = Scalar { start: from, end: at, kind, field: part.field };
                scalar.put(&mut cells[part.field as usize], bytes, arena);
            }
        }
        for &field in &self.absent {
            cells[field as usize] = Cell::NULL;
        }
        at == end
    }
}

/// Moves behind the text at `at`, up to where its quote should stand: the literal that follows checks that.
#[inline(always)]
fn text<L: Lanes>(bytes: &[u8], at: &mut usize, usual: &mut Usual) -> Option<CellKind> {
    let stops = load::<L>(bytes, *at).string_stops();
    if usual.is(stops) {
        *at += usual.len;
        return Some(CellKind::Text);
    }
    *usual = Usual::NONE;
    *at =
        if stops != 0 { *at + stops.trailing_zeros() as usize } else { string_stop::<L>(bytes, *at + WIDTH) };
    if bytes.get(*at) != Some(&b'\\') {
        return Some(CellKind::Text);
    }
    let (behind, _) = string_end::<L>(bytes, *at)?;
    *at = behind - 1;
    Some(CellKind::ArenaText)
}

/// Moves behind the number at `at`. The literal that follows checks that it has ended.
#[inline(always)]
fn number<L: Lanes>(bytes: &[u8], at: &mut usize, usual: &mut Usual) -> Option<CellKind> {
    if usual.mask != 0 {
        let stops = !load::<L>(bytes, *at).digits();
        if usual.is(stops) && (usual.len == 1 || bytes[*at] != b'0') {
            *at += usual.len;
            return Some(CellKind::Number);
        }
        *usual = Usual::NONE;
    }
    *at = number_end::<L>(bytes, *at)?;
    Some(CellKind::Number)
}

/// The most templates that are kept: lines of so many layouts may be mixed.
const TEMPLATES_MAX: usize = 8;
/// How many lines are learnt from until it shows whether that helps.
const LESSONS_MAX: u32 = 16;
/// For how many blocks at least, and at most, no templates are tried where they did not help.
const PAUSE_MIN: u32 = 8;
const PAUSE_MAX: u32 = 256;

/// The templates of the lines read lately.
#[derive(Debug)]
pub(super) struct Templates {
    known: Vec<Template>,
    /// The one that fitted last: it is tried first.
    last: usize,
    /// How many more lines are learnt from.
    lessons: u32,
    /// For how many more blocks no templates are tried.
    pausing: u32,
    /// How long the next pause is.
    pause: u32,
    hits: u32,
    misses: u32,
}

impl Templates {
    /// None so far.
    pub fn new() -> Templates {
        Templates {
            known: Vec::new(),
            last: 0,
            lessons: LESSONS_MAX,
            pausing: 0,
            pause: PAUSE_MIN,
            hits: 0,
            misses: 0,
        }
    }

    /// Whether the line from `start` to `end` fits one; fills `cells` then.
    #[inline(always)]
    pub fn fit<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> bool {
        if self.pausing != 0 {
            return false;
        }
        let (mark, count) = (arena.len(), self.known.len());
        let mut number = self.last;
        for _ in 0..count {
            if self.known[number].fits::<L>(bytes, start, end, cells, arena) {
                self.last = number;
                self.hits += 1;
                return true;
            }
            arena.truncate(mark);
            number = if number + 1 == count { 0 } else { number + 1 };
        }
        self.misses += 1;
        false
    }

    /// Whether the next line that does not fit should be learnt from.
    #[inline(always)]
    pub fn wants_lesson(&self) -> bool {
        self.pausing == 0 && self.lessons > 0
    }

    /// Learns from the line from `start` to `end`.
    #[inline(never)]
    pub fn learn(&mut self, bytes: &[u8], start: usize, end: usize, notes: &Notes, fields: usize) {
        self.lessons -= 1;
        let Some(template) = Template::learn(bytes, start, end, notes, fields) else { return };
        if self.known.len() < TEMPLATES_MAX {
            self.last = self.known.len();
            self.known.push(template);
        } else {
            self.last = (self.last + 1) % TEMPLATES_MAX;
            self.known[self.last] = template;
        }
    }

    /// Draws the consequences at the end of a block: where most lines fit nothing, trying only costs time.
    pub fn end_block(&mut self) {
        if self.pausing > 0 {
            self.pausing -= 1;
        } else if self.misses > self.hits && self.lessons == 0 {
            self.known.clear();
            self.last = 0;
            self.lessons = LESSONS_MAX;
            self.pausing = self.pause;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        } else if self.hits > self.misses {
            self.pause = PAUSE_MIN;
            self.lessons = LESSONS_MAX;
        }
        (self.hits, self.misses) = (0, 0);
    }
}
