//! What most fields of most jobs are: numbers of up to sixteen bytes that stand in the input as they are. They are read
//! by vectors here, a column of a block of rows at a time: times, conditions on them, arguments of aggregates.
//! What is spelt in another way is left to the readers of numbers and times, which say the same of these.

use super::batch::{Cell, Packed};
use super::rows::Rows;
use super::simd::{Lanes, Work};
use super::stage::Stage;
use crate::expr::Simple;
use crate::number;
use crate::time::{Form, TimeFormat, UnitScale};
use crate::window::PaneFinder;

/// A field of a block of rows.
#[derive(Clone, Copy)]
pub(super) struct Field<'b> {
    pub rows: &'b Rows,
    pub number: usize,
    pub bytes: &'b [u8],
    pub arena: &'b [u8],
}

impl<'b> Field<'b> {
    #[inline(always)]
    fn cell(self, row: u32) -> Cell {
        self.rows.cell(row as usize, self.number)
    }

    #[inline(always)]
    fn text(self, cell: Cell) -> &'b [u8] {
        cell.text(self.bytes, self.arena)
    }
}

/// Event times that are numbers of one unit.
pub(super) struct Times<'b> {
    pub field: Field<'b>,
    pub format: &'b TimeFormat,
    pub form: Form,
    pub scale: UnitScale,
    /// Which times there are no panes for, where there may be such.
    pub panes: &'b mut [PaneFinder],
    pub stage: &'b mut Stage,
    /// One for each row; 0 for those that are left.
    pub times: &'b mut [i64],
}

impl Work for Times<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        if self.scale.dropped == 0 { self.make::<L, false>() } else { self.make::<L, true>() }
    }
}

impl Times<'_> {
    /// Makes them of numbers that are taken without their last digits or with all of them.
    #[inline(always)]
    fn make<L: Lanes, const DROPS: bool>(self) {
        let Times { field, format, form, scale, panes, stage, times } = self;
        stage.left.clear();
        for &row in &stage.live {
            let cell = field.cell(row);
            let time = match whole::<L>(field.bytes, cell, if DROPS { scale.dropped } else { 0 }) {
                Some(whole) => scale.micros(whole),
                None => time_else(field, cell, format, form),
            };
            let time = time.filter(|time| panes.iter_mut().all(|panes| panes.pane(*time).is_some()));
            times[row as usize] = time.unwrap_or(0);
            if time.is_none() {
                stage.left.push(row);
            }
        }
    }
}

/// A filter that is one condition on a field.
pub(super) struct Filter<'b> {
    pub field: Field<'b>,
    pub condition: Simple<'b>,
    pub stage: &'b mut Stage,
}

impl Work for Filter<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Filter { field, condition, stage } = self;
        stage.left.clear();
        let mut kept = 0;
        for at in 0..stage.live.len() {
            let holds = truth::<L>(condition, field, stage.live[at]);
            kept = stage.sift(at, kept, holds);
        }
        stage.live.truncate(kept);
    }
}

/// Numbers that are arguments, of the rows for which a condition holds.
pub(super) struct Numbers<'b> {
    pub field: Field<'b>,
    pub condition: Option<Simple<'b>>,
    pub stage: &'b mut Stage,
    /// One for each row, none before.
    pub packed: &'b mut [Packed],
}

impl Work for Numbers<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Numbers { field, condition, stage, packed } = self;
        stage.left.clear();
        let Some(condition) = condition else {
            for &row in &stage.live {
                match short::<L>(field.bytes, field.cell(row)) {
                    Some((mantissa, scale)) => packed[row as usize] = Packed { mantissa, scale: scale as i8 },
                    None => stage.left.push(row),
                }
            }
            return;
        };
        let condition_field = Field { number: condition.field(), ..field };
        for &row in &stage.live {
            match truth::<L>(condition, condition_field, row) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    stage.left.push(row);
                    continue;
                }
            }
            match short::<L>(field.bytes, field.cell(row)) {
                Some((mantissa, scale)) => packed[row as usize] = Packed { mantissa, scale: scale as i8 },
                None => stage.left.push(row),
            }
        }
    }
}

/// Whether a condition holds for a row; `None` says nothing.
#[inline(always)]
fn truth<L: Lanes>(condition: Simple<'_>, field: Field<'_>, row: u32) -> Option<bool> {
    let cell = field.cell(row);
    if condition.is_of_numbers()
        && let Some(number) = short::<L>(field.bytes, cell)
    {
        return condition.truth_of(number);
    }
    condition.truth(field.text(cell), cell.is_number(), cell.is_text())
}

/// The sixteen bytes that end before `end`, if so many stand there.
#[inline(always)]
fn window(bytes: &[u8], end: usize) -> Option<&[u8; 16]> {
    bytes.get(..end)?.last_chunk()
}

/// The number of up to sixteen digits that a cell is without its last ones; `None` says nothing.
#[inline(always)]
fn whole<L: Lanes>(bytes: &[u8], cell: Cell, dropped: usize) -> Option<u64> {
    let len = (cell.len as usize).wrapping_sub(dropped);
    if !cell.is_plain_number() || !(1..=16).contains(&len) || !are_digits(bytes, cell, dropped) {
        return None;
    }
    L::whole(window(bytes, cell.place().1 - dropped)?, len)
}

/// Whether the last bytes of a cell, of which there are so many, are digits.
#[inline(always)]
fn are_digits(bytes: &[u8], cell: Cell, count: usize) -> bool {
    let end = cell.place().1;
    count == 0 || bytes[end - count..end].iter().all(u8::is_ascii_digit)
}

/// The number that a cell is, as [`number::short`] reads it; `None` says nothing.
#[inline(always)]
fn short<L: Lanes>(bytes: &[u8], cell: Cell) -> Option<(i64, u8)> {
    if !cell.is_plain_number() {
        return None;
    }
    // So near the start of the chunk that there are no sixteen bytes nothing is said.
    let (window, len) = (window(bytes, cell.place().1)?, cell.len as usize);
    if (1..=16).contains(&len)
        && let Some(number) = L::signed(window, len)
    {
        return Some(number);
    }
    short_else(bytes, cell.place())
}

/// The time that a cell is in all other spellings; `None` says nothing.
#[inline(never)]
fn time_else(field: Field<'_>, cell: Cell, format: &TimeFormat, form: Form) -> Option<i64> {
    format.quick(cell.spelling(), field.text(cell), form)
}

/// [`short`] of all other spellings.
#[inline(never)]
fn short_else(bytes: &[u8], (start, end): (usize, usize)) -> Option<(i64, u8)> {
    number::short(&bytes[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Format;
    use crate::parse::batch::{Batch, CellKind};
    use crate::parse::csv;
    use crate::parse::project::{ChunkToParse, Layout, Parser, Projection};
    use crate::parse::simd::Level;
    use crate::time::Unit;

    /// A cell as a number, and as a time of each unit.
    struct Read<'t>(&'t [u8], Cell);

    impl Work for Read<'_> {
        type Output = (Option<(i64, u8)>, [Option<u64>; 2]);

        #[inline(always)]
        fn run<L: Lanes>(self) -> Self::Output {
            let Read(bytes, cell) = self;
            (short::<L>(bytes, cell), [whole::<L>(bytes, cell, 0), whole::<L>(bytes, cell, 3)])
        }
    }

    /// The same number, wherever it stands and whatever stands around it.
    #[test]
    fn numbers_read_alike_within_a_text() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut times = 0;
        for _ in 0..80_000 {
            let letters = if random.bool() { "0123456789" } else { "0123456789012345678-+.e" }.as_bytes();
            let text: Vec<u8> =
                (0..random.usize(1..22)).map(|_| letters[random.usize(..letters.len())]).collect();
            let before = &b"7\"x,-.0123456789abc"[..random.usize(0..19)];
            let bytes = [before, &text, &b"0123"[..random.usize(0..5)]].concat();
            let shown = String::from_utf8_lossy(&bytes);
            for kind in [CellKind::Untyped, CellKind::Number] {
                let cell = Cell { start: before.len() as u32, len: text.len() as u32, kind };
                for level in Level::all() {
                    let (number, wholes) = level.run(Read(&bytes, cell));
                    // Where too little stands before it, nothing is said.
                    if before.len() + text.len() >= 16 {
                        assert_eq!(number, number::short(&text), "{shown}");
                    }
                    for (whole, unit) in wholes.into_iter().zip([Unit::Micros, Unit::Nanos]) {
                        let Some(whole) = whole else { continue };
                        let format = TimeFormat::new(if unit == Unit::Micros { "us" } else { "ns" }, None);
                        let spelt = std::str::from_utf8(&text).expect("ASCII");
                        let value = crate::value::Value::Written(spelt);
                        let read = format.expect("a format").parse(&value, Form::Number(unit)).ok();
                        assert_eq!(unit.scale().micros(whole), read, "{shown} {unit:?}");
                        times += 1;
                    }
                }
            }
        }
        assert!(times > 50_000, "{times} times");
    }
    /// Whole batches, of records with all that a field may be, made with each kind of vectors.
    #[test]
    fn batches_are_alike_whatever_the_vectors() {
        let options = [
            "-a sum(x),avg(y),count(*)",
            "-a min(y),approx_distinct(x) --where x>=500",
            "-a sum(x)FILTER(WHERE(y<0.5)),count(*)FILTER(WHERE(y='a')) -i y",
        ];
        let values =
            ["1", "-1", "500", "499.999999999999", "0.5", "-0.50", "null", "\"a\"", "\"500\"", "true", "1e3"];
        let others =
            [".5", "5.", "+7", "12345678901234567", "-1234567890123456", "1234567890.12345", "01", ""];
        let times =
            ["1625097727017", "1625097727", "1625097727.25", "-5", "\"2021-07-01T00:00:00Z\"", "null"];
        let (mut random, mut usable) = (fastrand::Rng::with_seed(9), 0);
        for (n, format) in
            [Format::Ndjson, Format::Csv { delimiter: b',' }].into_iter().cycle().take(60).enumerate()
        {
            let is_csv = format != Format::Ndjson;
            let mut text = String::new();
            for _ in 0..random.usize(1..700) {
                let mut one = |usual: &[&str]| {
                    let value = match is_csv && random.u8(..9) == 0 {
                        true => others[random.usize(..others.len())],
                        false => usual[random.usize(..usual.len())],
                    };
                    if is_csv { value.trim_matches('"').to_owned() } else { value.to_owned() }
                };
                let time = one(if n % 3 == 0 { &times } else { &times[..1] });
                let (x, y) = (one(&values), one(&values));
                text += &match is_csv {
                    true => format!("{time},{x},{y}\n"),
                    false => format!("{{\"t\":{time},\"x\":{x},\"y\":{y}}}\n"),
                };
            }
            let argv = format!("windrow -t t -w 1m -b x {} -", options[n / 2 % options.len()]);
            let argv: Vec<_> = argv.split_whitespace().map(Into::into).collect();
            let job = crate::cli::job(&argv).unwrap_or_else(|error| panic!("{error}"));
            let projection = Projection::new(&job, job.time_field.as_ref().expect("it is named"), 1);
            let place =
                |name: &str| ["t", "x", "y"].iter().position(|other| *other == name).expect("a column");
            let places: Vec<usize> = projection.fields.iter().map(|field| place(&field.text)).collect();
            let names: Vec<String> = ["t", "x", "y"].map(str::to_owned).into();
            let columns = csv::Columns::new(if is_csv { &places } else { &[] });
            let layout = Layout { format, columns, width: names.len(), names, lead: None, part: 0 };
            let made = Level::all().map(|level| {
                let mut parser = Parser::with_level(&projection, level);
                let bytes = text.clone().into_bytes();
                let batch =
                    parser.parse(ChunkToParse { source: 0, bytes, offset: 0, layout: &layout, form: None });
                let Batch { time, fates, reasons, ids, keys, args, form, .. } = &batch;
                format!("{time:?} {fates:?} {reasons:?} {ids:?} {keys:?} {args:?} {form:?}")
            });
            let made: Vec<String> = made.collect();
            assert!(made.iter().all(|batch| *batch == made[0]), "{text}");
            usable += made[0].matches("Usable").count();
        }
        assert!(usable > 1_000, "{usable} rows are usable");
    }
}
