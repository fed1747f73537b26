//! The reader of blocks against the general scanner, record by record, and so against the csv crate, with which
//! that one is compared: over records written alike and changed in any way.

use super::block::{Block, Dialect, Reader};
use super::{Columns, Scanned, scan};
use crate::parse::batch::Cell;
use crate::parse::rows::{Flaw, Rows};
use crate::parse::simd::Level;

/// A record's place, and its fields.
type Found = ((u32, u32), Result<Vec<Vec<u8>>, Flaw>);

fn shown(cells: &[Cell], chunk: &[u8], arena: &[u8]) -> Vec<Vec<u8>> {
    cells.iter().map(|cell| cell.text(chunk, arena).to_vec()).collect()
}

/// Each record with its place, by the reader of blocks.
fn read(level: Level, dialect: Dialect<'_>, chunk: &[u8], fields: usize) -> (Vec<Found>, u64) {
    let (mut reader, mut rows) = (Reader::default(), Rows::new(fields));
    let (mut all, mut lines, mut from, mut arena) = (Vec::new(), 0, 0, Vec::new());
    while from < chunk.len() {
        rows.clear();
        let rows_in = &mut rows;
        let block =
            Block { reader: &mut reader, dialect, bytes: chunk, from, rows: rows_in, arena: &mut arena };
        let next = level.run(block);
        assert!(next > from);
        from = next;
        lines += rows.lines;
        for row in 0..rows.len() {
            let found = match rows.flaws.iter().find(|(flawed, _)| *flawed as usize == row) {
                Some((_, flaw)) => Err(*flaw),
                None => Ok(shown(rows.cells(row), chunk, &arena)),
            };
            all.push((rows.spans[row], found));
        }
    }
    (all, lines)
}

/// The same by the general scanner.
fn expected(dialect: Dialect<'_>, chunk: &[u8], fields: usize) -> Vec<Found> {
    let (mut at, mut all) = (0, Vec::new());
    while at < chunk.len() {
        if let Some(blank) = [&b"\n"[..], b"\r\n"].iter().find(|blank| chunk[at..].starts_with(blank)) {
            at += blank.len();
            continue;
        }
        let (mut cells, mut arena) = (vec![Cell::NULL; fields], Vec::new());
        let scanned = scan(chunk, at, dialect.delimiter, dialect.columns, &mut cells, &mut arena);
        let (end, next) = match scanned {
            Scanned::OpenQuote => (chunk.len(), chunk.len()),
            Scanned::Record { end, .. } if chunk[end - 1] == b'\n' => (end - 1, end),
            Scanned::Record { end, .. } => (end, end),
        };
        let found = match (scanned, std::str::from_utf8(&chunk[at..end])) {
            (Scanned::OpenQuote, _) => Err(Flaw::OpenQuote),
            (_, Err(error)) => Err(Flaw::Utf8(error.valid_up_to())),
            (Scanned::Record { fields, .. }, _) if fields != dialect.width => Err(Flaw::Fields(fields)),
            _ => Ok(shown(&cells, chunk, &arena)),
        };
        let cr = usize::from(end > at && chunk[end - 1] == b'\r');
        all.push(((at as u32, (end - cr) as u32), found));
        at = next;
    }
    all
}

fn check(width: usize, places: &[usize], chunk: &[u8]) {
    check_with(b',', width, places, chunk);
}

fn check_with(delimiter: u8, width: usize, places: &[usize], chunk: &[u8]) {
    let columns = Columns::new(places);
    let dialect = Dialect { delimiter, columns: &columns, width };
    let expected = expected(dialect, chunk, places.len());
    for level in Level::all() {
        let (found, lines) = read(level, dialect, chunk, places.len());
        assert_eq!(found, expected, "{level:?}: {:?}", String::from_utf8_lossy(chunk));
        assert_eq!(lines, memchr::memchr_iter(b'\n', chunk).count() as u64);
    }
}

const SAMPLES: [&str; 7] = [
    "0000000001-7476cf8a4baa5dc0,1625097727579,/p/53,u1,200\n",
    "\"0000000001\",1625097727579,\"/p/5,3\",\"\",200\n",
    "\"say \"\"hi\"\"\",2,\"\"\"\",\"a\nb\",3\r\n",
    ",,,,\r\n",
    "straße,東京,\"é\",\"\"\"é\"\"\",5\n",
    "1,2,3,4,\"5\"\r\n",
    "\n",
];

/// Half a million changed records among others that are written alike.
#[test]
fn mutations_read_as_the_general_scanner_reads_them() {
    const ALPHABET: &[u8] = b",,\"\"\"\n\r ax1\x00\xc3\xa9\xff";
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut mutations = 0;
    while mutations < 500_000 {
        let (mut chunk, first) = (Vec::new(), random.usize(0..SAMPLES.len()));
        let (kinds, calm) = (random.usize(1..=3), random.usize(1..30));
        for n in 0..random.usize(1..60) {
            let mut record = SAMPLES[(first + n % kinds) % SAMPLES.len()].as_bytes().to_vec();
            if random.usize(0..calm) == 0 {
                let at = random.usize(0..record.len());
                let byte = ALPHABET[random.usize(0..ALPHABET.len())];
                match random.u8(0..4) {
                    0 => record[at] = byte,
                    1 => record.insert(at, byte),
                    2 => drop(record.remove(at)),
                    _ => record.truncate(at),
                }
                mutations += 1;
            }
            chunk.extend_from_slice(&record);
        }
        check(5, [&[4, 0, 2, 2][..], &[1], &[], &[3, 4, 0, 1, 2]][random.usize(0..4)], &chunk);
    }
}

/// Fields of every length, so that separators, quotes and the end of the text fall on every place of a step.
#[test]
fn every_length_and_every_end() {
    for length in 0..=130 {
        let text = "x".repeat(length);
        let chunk = format!("{text},\"{text}\",1\r\n\r\n\"{text}\"\"\",{text},\"{text}\"\n1,2,{text}");
        check(3, &[0, 1, 2], chunk.as_bytes());
        for cut in chunk.len().saturating_sub(130)..chunk.len() {
            check(3, &[2, 0], &chunk.as_bytes()[..cut]);
        }
    }
}

#[test]
fn narrow_wide_and_long_records() {
    check(1, &[0], "a\n\n\r\n\"\"\n\"b\"\nc".repeat(5_000).as_bytes());
    let wide = (0..3_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",") + "\n";
    check(3_000, &[2_999, 0, 1_500], wide.repeat(20).as_bytes());
    let long = format!("{},b\nc,d\n", "x".repeat(100_000));
    check(2, &[1, 0], long.repeat(3).as_bytes());
    // More is wanted than the records have.
    check(2, &[3, 0], b"a,b\nc,d\n");
}

/// Many records that are laid out alike, as most files have: with each line end, with text that is not ASCII or quoted
/// from somewhere on, and one that has too few fields among them.
#[test]
fn long_texts_of_records_laid_out_alike() {
    let values = ["a", "", "-12.5", "stra\u{df}e", "\"x\"", "\"1\"\"2\""];
    for (delimiter, end) in [(b',', "\n"), (b'\t', "\r\n"), (b';', "\r\n"), (b'|', "\n")] {
        for later in 1..=values.len() {
            let record = |n: usize| {
                let field = |at: usize| {
                    let kinds = if n < 300 { later.min(3) } else { later };
                    values[(n * 7 + at * 3 + n / 11) % kinds].to_owned()
                };
                let mut fields: Vec<String> = (0..4).map(field).collect();
                fields[0] = "0".repeat(n % 40);
                fields.join(std::str::from_utf8(&[delimiter]).expect("ASCII")) + end
            };
            let text: String = (0..900).map(record).collect();
            check_with(delimiter, 4, &[3, 0, 2], text.as_bytes());
            let half: String = (0..450).map(record).collect();
            let short = format!("{half}1{end}{text}");
            check_with(delimiter, 4, &[1, 3], short.as_bytes());
        }
    }
}
