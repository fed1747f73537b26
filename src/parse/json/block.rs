//! A block of NDJSON lines: each is tried against the templates or, where these do not help, read as a flat record, and
//! scanned in general if it is nothing of that.

use super::Shape;
use super::flat::Flat;
use super::pause::Pause;
use super::scan::{Notes, Scanner};
use super::templates::Templates;
use crate::parse::batch::Cell;
use crate::parse::lines::Lines;
use crate::parse::rows::{BLOCK_BYTES, BLOCK_ROWS, Flaw, Rows, span};
use crate::parse::simd::{Lanes, Level, Work};
use crate::prefetch::prefetch_text;

/// The longest record that is learnt from: notes of a longer one might take up many times its size.
const LESSON_BYTES_MAX: usize = 16 << 10;

/// Reads NDJSON; what it has learnt decides about speed only.
pub struct Reader<'s> {
    lines: Lines,
    records: Records<'s>,
}

/// Reads one record after the other.
struct Records<'s> {
    scanner: Scanner<'s>,
    templates: Templates,
    flat: Option<Flat>,
    notes: Notes,
}

impl<'s> Reader<'s> {
    /// A reader of records of this shape.
    pub fn new(shape: &'s Shape, level: Level) -> Reader<'s> {
        Reader::with(shape, level, Pause::default())
    }

    /// A reader that learns no templates: what others do where these do not help. For tests.
    pub fn without_templates(shape: &'s Shape, level: Level) -> Reader<'s> {
        Reader::with(shape, level, Pause::for_ever())
    }

    fn with(shape: &'s Shape, level: Level, pause: Pause) -> Reader<'s> {
        Reader {
            lines: Lines::new(BLOCK_ROWS),
            records: Records {
                scanner: Scanner::with_level(shape, level),
                templates: Templates::new(pause),
                flat: Flat::new(shape),
                notes: Notes::default(),
            },
        }
    }

    /// Reads some records from `from` on, which is the start of a line, into `rows`, which is empty. Returns where
    /// the next block starts.
    #[inline(always)]
    pub fn read<L: Lanes>(
        &mut self,
        bytes: &[u8],
        from: usize,
        rows: &mut Rows,
        arena: &mut Vec<u8>,
    ) -> usize {
        self.lines.find::<L>(bytes, from);
        let count = self.lines.ends().len().min(rows.capacity());
        let mut ends = &self.lines.ends()[..count];
        let to = ends.last().map_or(from, |end| *end as usize);
        // All lines at once, which is fast, or, if that fails, each by itself to find the wrong ones.
        let valid = !self.lines.not_ascii || std::str::from_utf8(&bytes[from..to]).is_ok();
        let mut start = from;
        loop {
            if valid {
                ends = &ends[self.records.append_lines::<L>(bytes, &mut start, ends, rows, arena)..];
            }
            let Some((&end, others)) = ends.split_first() else { break };
            let end = end as usize;
            if valid || is_text(bytes, start, end, rows) {
                self.records.line::<L>(bytes, start, end, rows, arena);
            }
            prefetch_text(bytes, start..end, BLOCK_BYTES);
            start = end + 1;
            ends = others;
        }
        // Only the last line may have no newline.
        rows.lines += count as u64 - u64::from(to == bytes.len() && count > 0);
        self.records.end_block();
        start.min(bytes.len())
    }
}

impl Records<'_> {
    /// Appends the first of the lines, which begin at `start` and end at `ends`, as far as they can be read at once.
    /// Returns how many, and moves `start` behind them.
    #[inline(always)]
    fn append_lines<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: &mut usize,
        ends: &[u32],
        rows: &mut Rows,
        arena: &mut Vec<u8>,
    ) -> usize {
        if !self.templates.are_pausing() {
            return self.templates.append_lines::<L>(bytes, start, ends, rows, arena);
        }
        match &mut self.flat {
            Some(flat) if !flat.is_pausing() => flat.append_lines::<L>(bytes, start, ends, rows),
            _ => 0,
        }
    }

    /// Draws the consequences at the end of a block.
    fn end_block(&mut self) {
        let Some(flat) = &mut self.flat else { return self.templates.end_block(false) };
        let was_pausing = flat.is_pausing();
        self.templates.end_block(!was_pausing);
        flat.end_block();
        if flat.is_pausing() && !was_pausing {
            // They were not tried for the sake of the index.
            self.templates.resume();
        }
    }

    /// Reads a line.
    #[inline(always)]
    fn line<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: usize,
        end: usize,
        rows: &mut Rows,
        arena: &mut Vec<u8>,
    ) {
        // A record begins with a brace; anything else is rare.
        let first = if bytes.get(start) == Some(&b'{') { start } else { skip_space(bytes, start, end) };
        if first < end {
            self.record::<L>(bytes, span(bytes, first, end), rows, arena);
        }
    }

    /// Reads the record that stands there.
    #[inline(always)]
    fn record<L: Lanes>(&mut self, bytes: &[u8], span: (u32, u32), rows: &mut Rows, arena: &mut Vec<u8>) {
        let place = (span.0 as usize, span.1 as usize);
        if self.templates.fit::<L>(bytes, place, rows.next_cells(), arena) {
            rows.spans.push(span);
        } else {
            self.unfit::<L>(bytes, span, rows, arena);
        }
    }

    /// Scans a record that fits no template.
    #[inline(always)]
    fn unfit<L: Lanes>(&mut self, bytes: &[u8], span: (u32, u32), rows: &mut Rows, arena: &mut Vec<u8>) {
        let (start, end) = (span.0 as usize, span.1 as usize);
        rows.next_cells().fill(Cell::NULL);
        let learns = end - start <= LESSON_BYTES_MAX && self.templates.wants_lesson();
        self.notes.clear();
        let notes = learns.then_some(&mut self.notes);
        match self.scanner.scan_with::<L>(bytes, start, rows.next_cells(), arena, notes) {
            Ok(_) if learns => {
                self.templates.learn(bytes, start, end, &self.notes, rows.next_cells().len());
            }
            Ok(_) => {}
            Err(fault) => return rows.push_flawed(span, Flaw::Json(fault)),
        }
        rows.spans.push(span);
    }
}

/// Whether a line is valid UTF-8; if not, it is a row of its own.
#[cold]
fn is_text(bytes: &[u8], start: usize, end: usize, rows: &mut Rows) -> bool {
    let start = skip_space(bytes, start, end);
    let error = std::str::from_utf8(&bytes[start..end]).err();
    if let Some(error) = error {
        rows.push_flaw(bytes, start, end, Flaw::Utf8(error.valid_up_to()));
    }
    error.is_none()
}

/// The first place in a line that is no white space; `end` if there is none.
fn skip_space(bytes: &[u8], start: usize, end: usize) -> usize {
    let space = bytes[start..end].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    start + space
}

/// [`Reader::read`] as work for a [`Level`].
pub struct Block<'b, 's> {
    /// The reader.
    pub reader: &'b mut Reader<'s>,
    /// The chunk.
    pub bytes: &'b [u8],
    /// Where the block starts.
    pub from: usize,
    /// Where its rows go.
    pub rows: &'b mut Rows,
    /// Where strings with escapes go.
    pub arena: &'b mut Vec<u8>,
}

impl Work for Block<'_, '_> {
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes>(self) -> usize {
        self.reader.read::<L>(self.bytes, self.from, self.rows, self.arena)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One CR belongs to the line end, whether the line is a record or not.
    #[test]
    fn one_cr_is_taken_off() {
        let shape = Shape::new(&[]);
        for (text, wanted) in
            [("{}\r\n", (0, 2)), ("{}\r\r\n", (0, 3)), ("{\r\r\n", (0, 2)), (" {\r", (1, 2))]
        {
            for level in Level::all() {
                let mut reader = Reader::new(&shape, level);
                let (mut rows, mut arena) = (Rows::new(0), Vec::new());
                let (bytes, rows_in) = (text.as_bytes(), &mut rows);
                level.run(Block { reader: &mut reader, bytes, from: 0, rows: rows_in, arena: &mut arena });
                assert_eq!(rows.spans, [wanted], "{text:?}");
            }
        }
    }

    #[test]
    fn nothing_is_noted_of_long_records() {
        let shape = Shape::new(&[]);
        let mut reader = Reader::new(&shape, Level::detect());
        let mut read = |record: &str| {
            let (mut rows, mut arena) = (Rows::new(0), Vec::new());
            let (bytes, rows_in) = (record.as_bytes(), &mut rows);
            let block = Block { reader: &mut reader, bytes, from: 0, rows: rows_in, arena: &mut arena };
            assert_eq!(Level::detect().run(block), record.len());
            assert!(rows.len() == 1 && rows.flaws.is_empty());
            reader.records.notes.scalars.capacity()
        };
        assert_eq!(read(&format!("{{\"a\":[1{}]}}\n", ",1".repeat(100_000))), 0);
        assert!(read("{\"a\":[1,1]}\n") > 0);
    }

    /// Reads a text block by block.
    fn read_all(reader: &mut Reader<'_>, text: &str) {
        let (mut from, mut arena) = (0, Vec::new());
        while from < text.len() {
            let mut rows = Rows::new(2);
            let (bytes, rows_in) = (text.as_bytes(), &mut rows);
            from = Level::detect().run(Block { reader, bytes, from, rows: rows_in, arena: &mut arena });
            assert!(rows.flaws.is_empty());
        }
    }

    fn shuffled(members: &[&str], lines: usize) -> String {
        let mut random = fastrand::Rng::with_seed(4);
        let mut order = members.to_vec();
        let line = |_| {
            random.shuffle(&mut order);
            format!("{{{}}}\n", order.join(","))
        };
        (0..lines).map(line).collect()
    }

    /// Which way lines are read once it has been learnt what helps.
    #[test]
    fn what_helps_is_found() {
        let fields = ["a", "b"].map(|field| crate::expr::parse_path(field).expect("a path"));
        let shape = Shape::new(&fields);
        let mut reader = Reader::new(&shape, Level::detect());
        let flat = ["\"a\":1", "\"b\":\"x\"", "\"c\":true", "\"d\":0.5", "\"e\":null"];
        read_all(&mut reader, &shuffled(&flat, 2_000));
        let Records { templates, flat: index, .. } = &reader.records;
        assert!(templates.are_pausing() && index.as_ref().is_some_and(|flat| !flat.is_pausing()));
        assert!(index.as_ref().is_some_and(|flat| flat.lines_taken > 1_400));

        // Where neither helps, templates are back when they do.
        let taken = index.as_ref().map(|flat| flat.lines_taken);
        let nested = ["\"a\":1", "\"b\":[\"x\"]", "\"c\":{}", "\"d\":0.5", "\"e\":[1,2]"];
        read_all(&mut reader, &shuffled(&nested, 100_000));
        assert_eq!(reader.records.flat.as_ref().map(|flat| flat.lines_taken), taken);
        let one = "{\"a\":1,\"b\":[\"x\"]}\n".repeat(200_000);
        read_all(&mut reader, &one);
        assert!(!reader.records.templates.are_pausing());

        // A few layouts are tried one after the other only if that is cheaper.
        let mut reader = Reader::new(&shape, Level::detect());
        read_all(&mut reader, &shuffled(&flat[..2], 2_400));
        assert!(!reader.records.templates.are_pausing());
        read_all(&mut reader, &shuffled(&flat[..3], 2_000));
        assert!(reader.records.templates.are_pausing());
    }
}
