//! The general scanner: checks one record completely, in one pass and without building anything, and notes where
//! the wanted fields stand.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::short::{Short, short_member};
use super::text::{number_end, string_end, unescape, word};
use super::{DEPTH_MAX, Fault, Head, NONE, Shape};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::simd::{Lanes, Level, Work};

/// Scans records of one shape; holds what is reused from record to record.
pub struct Scanner<'s> {
    shape: &'s Shape,
    level: Level,
    /// One for each node of the shape. The last stands for no node: so what a node is and whether it is one takes no
    /// branch.
    nodes: Vec<Seen>,
    record: u64,
    /// What is made of members that are not wanted.
    unwanted: Cell,
    /// An unescaped member name.
    name: Vec<u8>,
    /// The objects and arrays that are open around the current one.
    open: Vec<Frame>,
}

/// What is known of a node while records are scanned.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The record in which it was last seen: only its first appearance counts.
    record: u64,
    /// The field that ends there, or [`NONE`].
    field: u32,
}

/// An object or array that is being scanned.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// What is wanted of it; [`NONE`] for nothing.
    node: u32,
    /// Where its bracket stands.
    start: usize,
    object: bool,
    /// The place of the current element.
    index: usize,
}

impl Frame {
    #[inline(always)]
    fn closing(self) -> u8 {
        if self.object { b'}' } else { b']' }
    }
}

/// Where a scalar stands in a record, the quotes of a string left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scalar {
    pub start: usize,
    pub end: usize,
    pub kind: CellKind,
    /// The field that it is, or [`NONE`].
    pub field: u32,
}

/// What the layout of a record is learnt from.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// All scalars, in order.
    pub scalars: Vec<Scalar>,
    /// Whether a field is a whole object or array.
    pub nested_field: bool,
}

impl Notes {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.scalars.clear();
        self.nested_field = false;
    }
}

impl<'s> Scanner<'s> {
    /// A scanner for records of this shape, for this machine.
    pub fn new(shape: &'s Shape) -> Scanner<'s> {
        Scanner::with_level(shape, Level::detect())
    }

    /// A scanner for records of this shape, with these vectors.
    pub fn with_level(shape: &'s Shape, level: Level) -> Scanner<'s> {
        let fields = shape.nodes.iter().map(|node| node.field).chain([NONE]);
        Scanner {
            shape,
            level,
            nodes: fields.map(|field| Seen { record: 0, field }).collect(),
            record: 0,
            unwanted: Cell::NULL,
            name: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Whether the record that was scanned last has a field, even if it is null.
    pub fn saw(&self, field: u32) -> bool {
        let node = self.shape.nodes.iter().position(|node| node.field == field);
        node.is_some_and(|node| self.nodes[node].record == self.record)
    }

    /// Scans the record that starts at `bytes[start]` (its first byte that is no white space).
    ///
    /// Fills `cells` (one per field, all null before) and returns the place behind the record's line:
    /// behind its newline, or the end of `bytes`.
    pub fn scan(
        &mut self,
        bytes: &[u8],
        start: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> Result<usize, Fault> {
        struct One<'w, 's>(&'w mut Scanner<'s>, &'w [u8], usize, &'w mut [Cell], &'w mut Vec<u8>);
        impl Work for One<'_, '_> {
            type Output = Result<usize, Fault>;
            #[inline(always)]
            fn run<L: Lanes>(self) -> Result<usize, Fault> {
                self.0.scan_with::<L>(self.1, self.2, self.3, self.4, None)
            }
        }
        self.level.run(One(self, bytes, start, cells, arena))
    }

    /// [`Scanner::scan`] with these vectors; notes the layout, if asked.
    #[inline(always)]
    pub(super) fn scan_with<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: usize,
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
        mut notes: Option<&mut Notes>,
    ) -> Result<usize, Fault> {
        self.record += 1;
        self.open.clear();
        if bytes.get(start) != Some(&b'{') {
            return Err(Fault::Malformed);
        }
        let mut frame = Frame { node: 0, start, object: true, index: 0 };
        let mut at = space(bytes, start + 1);
        // Whether `frame` has nothing in it.
        let mut empty = bytes.get(at) == Some(&b'}');
        loop {
            // Notes are taken by the long way only.
            let short = match notes {
                None if frame.object => short_member::<L>(bytes, at),
                _ => None,
            };
            if let Some(short) = short {
                self.put_short(frame.node, bytes, &short, cells);
                at = short.end;
            } else if !empty {
                let node = if frame.object {
                    let name = expect(bytes, at, b'"')?;
                    let (end, plain) = string_end::<L>(bytes, name).ok_or(Fault::Malformed)?;
                    at = expect(bytes, end, b':')?;
                    self.member(frame.node, bytes, name..end - 1, plain)
                } else {
                    self.element(frame)
                };
                let opening;
                (at, opening) = behind_space(bytes, at);
                if opening == b'{' || opening == b'[' {
                    if self.open.len() + 1 == DEPTH_MAX {
                        return Err(Fault::TooDeep);
                    }
                    self.open.push(frame);
                    frame = Frame { node, start: at, object: opening == b'{', index: 0 };
                    at = space(bytes, at + 1);
                    empty = bytes.get(at) == Some(&frame.closing());
                    if !empty {
                        continue;
                    }
                } else {
                    let (end, kind) = scalar::<L>(bytes, at, opening).ok_or(Fault::Malformed)?;
                    let quote = usize::from(opening == b'"');
                    let scalar =
                        Scalar { start: at + quote, end: end - quote, kind, field: self.field(node) };
                    at = end;
                    scalar.put_if_wanted(cells, bytes, arena);
                    if let Some(notes) = notes.as_deref_mut() {
                        notes.scalars.push(scalar);
                    }
                }
            }
            // A value has ended, or `frame` has nothing in it: close what closes, then on to the next value.
            loop {
                if !empty {
                    let next;
                    (at, next) = behind_space(bytes, at);
                    if next == b',' {
                        at = behind_space(bytes, at + 1).0;
                        frame.index += 1;
                        break;
                    }
                    if next != frame.closing() {
                        return Err(Fault::Malformed);
                    }
                }
                empty = false;
                at += 1;
                let field = self.field(frame.node);
                if field != NONE {
                    let (start, len) = (frame.start as u32, (at - frame.start) as u32);
                    cells[field as usize] = Cell { start, len, kind: CellKind::Json };
                    if let Some(notes) = notes.as_deref_mut() {
                        notes.nested_field = true;
                    }
                }
                match self.open.pop() {
                    Some(outer) => frame = outer,
                    None => return line_end(bytes, at),
                }
            }
        }
    }

    /// The field that ends at a node, or [`NONE`].
    #[inline(always)]
    fn field(&self, node: u32) -> u32 {
        self.nodes[(node as usize).min(self.nodes.len() - 1)].field
    }

    /// The node that a member stands for, unless it is not wanted or was seen before in this record.
    #[inline(always)]
    fn member(&mut self, node: u32, bytes: &[u8], name: Range<usize>, plain: bool) -> u32 {
        if node == NONE {
            return NONE;
        }
        let node = &self.shape.nodes[node as usize];
        let child = if plain {
            node.member(head_in(bytes, &name), bytes, name)
        } else {
            self.name.clear();
            unescape(&bytes[name], &mut self.name);
            node.member(Head::of(&self.name), &self.name, 0..self.name.len())
        };
        select_unpredictable(self.see(child).0, child, NONE)
    }

    /// The node that an array's current element stands for. An array that is wanted is met once a record, and so
    /// are its elements.
    #[inline(always)]
    fn element(&self, frame: Frame) -> u32 {
        if frame.node == NONE { NONE } else { self.shape.nodes[frame.node as usize].element(frame.index) }
    }

    /// Makes a short member's cell, if it is wanted. Without a branch: some cell is made in any case.
    #[inline(always)]
    fn put_short(&mut self, node: u32, bytes: &[u8], member: &Short, cells: &mut [Cell]) {
        let Some(last) = cells.len().checked_sub(1) else { return };
        if node == NONE {
            return;
        }
        let node = self.shape.nodes[node as usize].member(member.head, bytes, member.name.clone());
        let (is_first, field) = self.see(node);
        let wanted = &mut cells[(field as usize).min(last)];
        let cell = select_unpredictable(is_first & (field != NONE), wanted, &mut self.unwanted);
        cell.start = member.start;
        cell.len = member.len;
        cell.kind = member.kind;
    }

    /// Sees a node; returns whether it is the first time in this record, and the field that ends there.
    #[inline(always)]
    fn see(&mut self, node: u32) -> (bool, u32) {
        let place = (node as usize).min(self.nodes.len() - 1);
        let seen = &mut self.nodes[place];
        let is_first = seen.record != self.record;
        seen.record = self.record;
        (is_first, seen.field)
    }
}

/// The first place from `at` on that is no white space. A newline is the end of the record and no white space.
#[inline(always)]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The first place from `at` on that is no white space, and the byte that stands there; 0 at the end.
#[inline(always)]
fn behind_space(bytes: &[u8], at: usize) -> (usize, u8) {
    let byte = bytes.get(at).copied().unwrap_or(0);
    if byte > b' ' {
        return (at, byte);
    }
    let at = space(bytes, at);
    (at, bytes.get(at).copied().unwrap_or(0))
}

/// The head of a name that stands there, without asking how long it is.
#[inline(always)]
fn head_in(bytes: &[u8], name: &Range<usize>) -> Head {
    match bytes.get(name.start..).and_then(<[u8]>::first_chunk) {
        Some(first) => Head::new(first, name.len()),
        None => Head::of(&bytes[name.clone()]),
    }
}

/// Steps over `byte`, with white space before it.
#[inline(always)]
fn expect(bytes: &[u8], at: usize, byte: u8) -> Result<usize, Fault> {
    let at = if bytes.get(at) == Some(&byte) { at } else { space(bytes, at) };
    if bytes.get(at) == Some(&byte) { Ok(at + 1) } else { Err(Fault::Malformed) }
}

/// The place behind the line of a record that has ended at `at`.
#[inline(always)]
fn line_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let at = space(bytes, at);
    match bytes.get(at) {
        None => Ok(at),
        Some(b'\n') => Ok(at + 1),
        Some(_) => Err(Fault::Malformed),
    }
}

/// The place behind the scalar at `at`, which begins with `first`, and its kind. A string with escapes is
/// [`CellKind::ArenaText`] although it still stands in the input.
#[inline(always)]
fn scalar<L: Lanes>(bytes: &[u8], at: usize, first: u8) -> Option<(usize, CellKind)> {
    match first {
        b'"' => {
            let (end, plain) = string_end::<L>(bytes, at + 1)?;
            Some((end, if plain { CellKind::Text } else { CellKind::ArenaText }))
        }
        b't' | b'f' | b'n' => word(bytes, at),
        _ => Some((number_end::<L>(bytes, at)?, CellKind::Number)),
    }
}

impl Scalar {
    /// Makes this scalar's cell: a string with escapes moves to the arena, and nulls are all alike. Part by part: a
    /// cell that is made elsewhere and moved here would be read as a whole before its parts are written.
    #[inline(always)]
    pub fn put(self, cell: &mut Cell, bytes: &[u8], arena: &mut Vec<u8>) {
        let (start, end) = self.settled(bytes, arena);
        cell.start = start as u32;
        cell.len = (end - start) as u32;
        cell.kind = self.kind;
    }

    /// [`Scalar::put`] into the cell of its field, if it is one. Without a branch: some cell is written in any case,
    /// with what it holds already if this scalar is not wanted.
    #[inline(always)]
    fn put_if_wanted(self, cells: &mut [Cell], bytes: &[u8], arena: &mut Vec<u8>) {
        let Some(last) = cells.len().checked_sub(1) else { return };
        let cell = &mut cells[(self.field as usize).min(last)];
        let is_wanted = self.field != NONE;
        let (start, end) = self.settled(bytes, arena);
        cell.start = select_unpredictable(is_wanted, start as u32, cell.start);
        cell.len = select_unpredictable(is_wanted, (end - start) as u32, cell.len);
        cell.kind = select_unpredictable(is_wanted, self.kind, cell.kind);
    }

    /// Where its text stands, in the input or, with escapes and if it is wanted, in the arena.
    #[inline(always)]
    fn settled(self, bytes: &[u8], arena: &mut Vec<u8>) -> (usize, usize) {
        match self.kind {
            CellKind::Null => (0, 0),
            CellKind::ArenaText if self.field != NONE => in_arena(&bytes[self.start..self.end], arena),
            _ => (self.start, self.end),
        }
    }
}

/// Where a string stands in the arena, unescaped.
#[inline(never)]
fn in_arena(raw: &[u8], arena: &mut Vec<u8>) -> (usize, usize) {
    let start = arena.len();
    unescape(raw, arena);
    (start, arena.len())
}
