//! Flat records by their index: the names in front of its marks are compared with those that are wanted, each member
//! by itself, in whatever order they come.

use std::hint::select_unpredictable;

use super::index::Index;
use super::pause::Pause;
use super::{NONE, Shape};
use crate::parse::batch::{Cell, CellKind};
use crate::parse::rows::Rows;
use crate::parse::simd::Lanes;

/// Reads flat records.
#[derive(Debug)]
pub(super) struct Flat {
    index: Index,
    members: Members,
    /// Whether records are tried.
    pause: Pause,
    /// What lies before is indexed, and the number of the first mark that may be of the next line.
    known: usize,
    next: usize,
    /// The lines of this block that were taken, and those that were gone over.
    taken: usize,
    indexed: usize,
    /// All lines that were taken.
    #[cfg(test)]
    pub lines_taken: usize,
}

/// The members that are fields.
#[derive(Debug)]
struct Members {
    wanted: Vec<Wanted>,
    /// Whether some names are longer than what is compared of them.
    has_long: bool,
    /// The marks and the number of each that was found in a record: scratch space.
    found: Box<[([u32; 2], u32)]>,
}

/// The most of them.
const WANTED_MAX: usize = 64;
/// How many bytes at their end names are compared by, with the quotes around them and the colon behind.
const TAIL: usize = 16;

/// A member that is a field.
#[derive(Debug)]
struct Wanted {
    /// The last bytes of its name up to the colon, behind zeros, and which of them count.
    tail: [u8; TAIL],
    mask: [u8; TAIL],
    /// All of these bytes.
    name: Box<[u8]>,
    field: u32,
}

/// What a value is by its first byte.
static KINDS: [CellKind; 256] = {
    let mut kinds = [CellKind::Number; 256];
    kinds[b'"' as usize] = CellKind::Text;
    kinds[b't' as usize] = CellKind::True;
    kinds[b'f' as usize] = CellKind::False;
    kinds[b'n' as usize] = CellKind::Null;
    kinds
};

impl Wanted {
    fn new(name: &[u8], field: u32) -> Wanted {
        let name = [b"\"", name, b"\":"].concat();
        let len = name.len().min(TAIL);
        let (mut tail, mut mask) = ([0; TAIL], [0; TAIL]);
        tail[TAIL - len..].copy_from_slice(&name[name.len() - len..]);
        mask[TAIL - len..].fill(u8::MAX);
        Wanted { tail, mask, name: name.into(), field }
    }

    fn is_long(&self) -> bool {
        self.name.len() > TAIL
    }
}

impl Flat {
    /// A reader of flat records of this shape; `None` if that has too many fields. The lines of a block are handed to it
    /// one behind the other, but for those that it refuses.
    pub fn new(shape: &Shape) -> Option<Flat> {
        // Names with other bytes stand in records with escapes, and flat ones have none.
        let is_plain = |name: &[u8]| !name.iter().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\'));
        let members = shape.nodes[0].members.iter();
        let wanted: Vec<Wanted> = members
            .map(|member| (&*member.name, shape.nodes[member.node as usize].field))
            .filter(|(name, field)| *field != NONE && is_plain(name))
            .map(|(name, field)| Wanted::new(name, field))
            .collect();
        let has_long = wanted.iter().any(Wanted::is_long);
        if wanted.len() > WANTED_MAX {
            return None;
        }
        let found = vec![([0; 2], 0); wanted.len() + 1].into();
        let members = Members { wanted, has_long, found };
        let (index, pause) = (Index::default(), Pause::default());
        Some(Flat {
            index,
            members,
            pause,
            known: 0,
            next: 0,
            taken: 0,
            indexed: 0,
            #[cfg(test)]
            lines_taken: 0,
        })
    }

    /// Appends the first of the lines, which begin at `start` and end at `ends`, as far as they are flat records.
    /// Returns how many, and moves `start` behind them.
    #[inline(always)]
    pub fn append_lines<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: &mut usize,
        ends: &[u32],
        rows: &mut Rows,
    ) -> usize {
        let Some(&last) = ends.last() else { return 0 };
        if *start >= self.known {
            self.known = self.index.find::<L>(bytes, *start, last as usize);
            self.next = 0;
            self.indexed += 1 + ends.partition_point(|end| (*end as usize) < self.known);
        }
        let marks = self.index.marks();
        // Behind a line that was refused.
        self.next += marks[self.next..].iter().take_while(|mark| (**mark as usize) < *start).count();
        let before = rows.len();
        for &end in ends.iter().take_while(|end| (**end as usize) < self.known) {
            let members = marks[self.next..].as_chunks().0;
            let Some(count) = self.members.put::<L>(bytes, members, rows.next_cells()) else { break };
            rows.spans.push((*start as u32, end));
            *start = end as usize + 1;
            self.next += 2 * count;
        }
        let taken = rows.len() - before;
        self.taken += taken;
        #[cfg(test)]
        {
            self.lines_taken += taken;
        }
        taken
    }

    /// Whether none are tried.
    #[inline(always)]
    pub fn is_pausing(&self) -> bool {
        self.pause.is_on()
    }

    /// Draws the consequences at the end of a block: where most of what is gone over is not taken, that only costs time.
    pub fn end_block(&mut self) {
        if self.indexed > 0 || self.pause.is_on() {
            self.pause.end_block(2 * self.taken >= self.indexed);
        }
        (self.known, self.taken, self.indexed) = (0, 0, 0);
    }
}

impl Members {
    /// Makes the cells of the record whose marks come first. Returns how many members it has; `None` says nothing.
    #[inline(always)]
    fn put<L: Lanes>(&mut self, bytes: &[u8], marks: &[[u32; 2]], cells: &mut [Cell]) -> Option<usize> {
        // First which members are wanted, without a branch: which comes next is anybody's guess. Then their values.
        let (mut count, mut members) = (0, 0);
        loop {
            let &mark = marks.get(members)?;
            members += 1;
            let [colon, end] = mark.map(|place| bytes[place as usize]);
            if colon != b':' || end == b':' {
                return None;
            }
            let number = self.number::<L>(bytes.get(..=mark[0] as usize)?)?;
            // More of them are repeats.
            *self.found.get_mut(count)? = (mark, number);
            count += usize::from(number != NONE);
            if end == b'}' {
                break;
            }
        }
        cells.fill(Cell::NULL);
        let (mut seen, mut repeats) = (0u64, 0);
        for &([colon, end], number) in &self.found[..count] {
            let bit = 1 << number;
            repeats |= seen & bit;
            seen |= bit;
            let start = colon + 1 + u32::from(bytes[colon as usize + 1] == b' ');
            let kind = KINDS[bytes[start as usize] as usize];
            let quote = u32::from(kind == CellKind::Text);
            let cell = &mut cells[self.wanted[number as usize].field as usize];
            let is_null = kind == CellKind::Null;
            cell.start = select_unpredictable(is_null, 0, start + quote);
            cell.len = select_unpredictable(is_null, 0, end - start - 2 * quote);
            cell.kind = kind;
        }
        // Of members that repeat the first counts, and here it was the last.
        (repeats == 0).then_some(members)
    }

    /// The number of the wanted member whose name ends with these bytes up to its colon, or [`NONE`]. `None` so near
    /// the start of the text that nothing can be said.
    #[inline(always)]
    fn number<L: Lanes>(&self, name: &[u8]) -> Option<u32> {
        let tail = name.last_chunk()?;
        let mut found = NONE;
        for (number, wanted) in (0..).zip(&self.wanted) {
            found = select_unpredictable(L::alike(tail, &wanted.tail, &wanted.mask), number, found);
        }
        Some(if self.has_long { self.whole(name, found) } else { found })
    }

    /// The same by the whole name, where its end is that of one that is wanted.
    #[inline(never)]
    fn whole(&self, name: &[u8], found: u32) -> u32 {
        if found == NONE {
            return NONE;
        }
        let number = self.wanted.iter().position(|wanted| name.ends_with(&wanted.name));
        number.map_or(NONE, |number| number as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scanner;
    use super::*;
    use crate::expr::parse_path;
    use crate::parse::simd::{Level, Work};

    /// How many of the first lines of a text are taken.
    struct Take<'t>(&'t [u8], &'t [u32], &'t mut Rows, &'t Shape);

    impl Work for Take<'_> {
        type Output = usize;

        #[inline(always)]
        fn run<L: Lanes>(self) -> usize {
            let mut flat = Flat::new(self.3).expect("so few fields");
            flat.append_lines::<L>(self.0, &mut 0, self.1, self.2)
        }
    }

    fn shape(fields: &[&str]) -> Shape {
        let paths: Vec<_> = fields.iter().map(|field| parse_path(field).expect("a path")).collect();
        Shape::new(&paths)
    }

    /// Whether a line is taken, wherever in the text it stands; cells are those of the general scanner then.
    fn is_taken(line: &str) -> bool {
        let fields =
            ["a", "b", "c", "d", "\"long name of a member, longer than any vector of sixty-four bytes is\""];
        let shape = shape(&fields);
        let mut was_taken = None;
        for before in 13..93 {
            let text = format!("{{\"{}\":1}}\n{line}\n{{\"z\":1}}\n", "n".repeat(before));
            let ends: Vec<u32> = text
                .bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| at as u32)
                .collect();
            for level in Level::all() {
                let mut rows = Rows::new(fields.len());
                let taken = level.run(Take(text.as_bytes(), &ends, &mut rows, &shape));
                assert!(taken == 1 || taken == 3, "{text:?}");
                assert_eq!(taken == 3, *was_taken.get_or_insert(taken == 3), "{text:?}");
                let mut scanner = Scanner::with_level(&shape, level);
                for row in 0..taken {
                    let start = rows.spans[row].0 as usize;
                    assert_eq!(start, if row == 0 { 0 } else { ends[row - 1] as usize + 1 });
                    let (mut cells, mut arena) = (vec![Cell::NULL; fields.len()], Vec::new());
                    let end = scanner.scan(text.as_bytes(), start, &mut cells, &mut arena);
                    assert_eq!(end, Ok(ends[row] as usize + 1), "{text:?}");
                    assert_eq!((rows.cells(row), rows.spans[row].1), (&cells[..], ends[row]), "{text:?}");
                }
            }
        }
        was_taken.expect("it was tried")
    }

    #[test]
    fn flat_records_are_taken() {
        let usual = [
            r#"{"a":1}"#,
            r#"{"a": 1, "b":"x","c": "y, {z}: [1.5]"}"#,
            r#"{"":"","a":-0.25,"b":0,"c":10.05,"d":12345678901234567890123456789012345678901234567890123456789012345678901234567890}"#,
            r#"{"a":0.123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890,"b":-0}"#,
            r#"{ "a":"x"}"#,
            r#"{"a":true,"b": false,"c":null}"#,
            "{\"é\":\"straße\u{7f}\",\"long name of a member, longer than any vector of sixty-four bytes is\":1}",
        ];
        for line in usual {
            assert!(is_taken(line), "{line}");
        }
    }

    /// Some of them are records, of which the general scanner says more.
    #[test]
    fn others_are_not() {
        let others = [
            "",
            "{}",
            "{ }",
            "{ 1}",
            "{ true:1}",
            "{\"a\":1, 2}",
            "{\"a\":1, true}",
            "{\"a\":1, \"b\"}",
            "{\"a\":1, \"b\",\"c\":1}",
            "1",
            "x",
            " {\"a\":1}",
            "{\"a\":1} ",
            "{\"a\":1}\r",
            "{\"a\":1}}",
            "{{\"a\":1}",
            "[1]",
            "{\"a\":{}}",
            "{\"a\":[]}",
            "{\"a\":[1]}",
            "{\"a\":{\"b\":1}}",
            "{\"a\":1 }",
            "{\"a\" :1}",
            "{\"a\":  1}",
            "{\"a\":1,  \"b\":1}",
            "{\"a\":1 ,\"b\":1}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"a\":1,,\"b\":1}",
            "{\"a\":1, }",
            "{\"a\": }",
            "{\"a\":}",
            "{\"a\"}",
            "{\"a\",\"b\":1}",
            "{\"a\":\"b\":1}",
            "{\"a\"\"b\":1}",
            "{\"a\"b:1}",
            "{\"a\":1\"b\"}",
            "{\"a\":\"b\"1}",
            "{\"a\":\"b\"\"c\"}",
            "{\"a\":\"b\" \"c\"}",
            "{\"a\":b\"c\"}",
            "{a:1}",
            "{1:1}",
            "{\"a\":01}",
            "{\"a\":-01}",
            "{\"a\":00.5}",
            "{\"a\":.5}",
            "{\"a\":5.}",
            "{\"a\":1.2.3}",
            "{\"a\":1..2}",
            "{\"a\":1e5}",
            "{\"a\":1E5}",
            "{\"a\":-}",
            "{\"a\":--1}",
            "{\"a\":1-2}",
            "{\"a\":+1}",
            "{\"a\":-.5}",
            "{\"a\":1.-5}",
            "{\"a\":1x}",
            "{\"a\":x1}",
            "{\"a\":x.5}",
            "{\"a\":-x}",
            "{\"a\":x x}",
            "{\"a\":1 1}",
            "{\"a\":True}",
            "{\"a\":truer}",
            "{\"a\":fals}",
            "{\"a\":nul}",
            "{\"a\":falser}",
            "{\"a\":e}",
            "{\"a\":\"\\n\"}",
            "{\"a\\u0041\":1}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":é}",
            "{\"a\":1}é",
            "{\"a\":1",
            "{\"a\":\"x",
            "{\"a\":\"x\\\"}",
            "{\"a",
            "{",
            "{\"a\":1}{\"a\":1}",
            "{\"a\":1},{\"a\":1}",
            "{\"a\"::1}",
            "{\"a\":\u{7f}}",
            "{\"a\":1,\"b\":2,\"a\":3}",
            "{\"a\":1, true,\"b\":2}",
            "{\"a\":0.1234567890123456789012345678901234567890123456789012345678901234567890.5}",
        ];
        for line in others {
            assert!(!is_taken(line), "{line}");
        }
    }
}
