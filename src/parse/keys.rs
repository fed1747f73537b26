//! The group keys of a batch.

use super::batch::Fate;
use super::columns::RecordView;
use super::dictionary::Dictionary;
use super::key;
use super::project::Projection;
use super::rows::Rows;
use super::stage::{Stage, Unusable};

/// The keys of a batch, encoded by [`super::key`]: one a row, or each once, and a number a row (*dictionary encoding*).
#[derive(Debug, Default)]
pub struct KeyColumn {
    /// The encoded keys, one behind the other.
    pub bytes: Vec<u8>,
    /// Per key, where it ends.
    pub ends: Vec<u32>,
    /// Per key, its hash. Differs from run to run: it may decide about speed only.
    pub hashes: Vec<u64>,
    /// Per row, the number of its key; empty where each row has a key of its own.
    pub codes: Vec<u16>,
}

impl KeyColumn {
    /// How many keys the rows share, if they do.
    #[inline(always)]
    pub fn shared(&self) -> Option<usize> {
        if self.codes.is_empty() { None } else { Some(self.ends.len()) }
    }

    /// Whether it pays for so many of its rows to look up each of their keys once: notes are kept of all of them.
    #[inline]
    pub fn pays_once_each(&self, rows: usize) -> bool {
        self.shared().is_some_and(|keys| keys <= 8 * rows)
    }

    /// The number of a row's key.
    #[inline(always)]
    pub fn number(&self, row: u32) -> usize {
        match self.codes.get(row as usize) {
            Some(code) => usize::from(*code),
            None => row as usize,
        }
    }

    /// The key of a row.
    #[cfg(test)]
    pub fn key(&self, row: u32) -> &[u8] {
        self.entry(self.number(row))
    }

    /// The key of this number.
    #[inline]
    pub fn entry(&self, number: usize) -> &[u8] {
        let (start, end) = self.place(number);
        &self.bytes[start..end]
    }

    /// Where the key of this number starts and ends.
    #[inline(always)]
    pub fn place(&self, number: usize) -> (usize, usize) {
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        (start, self.ends[number] as usize)
    }

    /// Adds a key.
    pub(super) fn push(&mut self, key: &[u8], hash: u64) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u32);
        self.hashes.push(hash);
    }

    /// Adds empty keys, up to so many rows.
    pub(super) fn fill(&mut self, rows: usize) {
        if self.ends.len() < rows {
            self.ends.resize(rows, self.bytes.len() as u32);
            self.hashes.resize(rows, 0);
        }
    }

    /// Forgets all keys.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
        self.codes.clear();
    }

    /// Gives each row a key of its own; those that are not usable, an empty one.
    fn unshare(&mut self, fates: &[Fate]) {
        let shared = std::mem::take(self);
        let rows = || shared.codes.iter().zip(fates).map(|(&code, &fate)| (usize::from(code), fate));
        let len = |number: usize| shared.entry(number).len();
        self.bytes.reserve(rows().map(|(key, fate)| if fate == Fate::Usable { len(key) } else { 0 }).sum());
        self.ends.reserve(shared.codes.len());
        self.hashes.reserve(shared.codes.len());
        for (key, fate) in rows() {
            match fate {
                Fate::Usable => self.push(shared.entry(key), shared.hashes[key]),
                _ => self.push(&[], 0),
            }
        }
    }
}

/// Makes the keys of rows; holds what is reused from block to block.
pub(super) struct KeyMaker<'p> {
    plan: &'p Projection,
    /// The field that is the whole key.
    field: Option<usize>,
    dictionary: Dictionary,
    /// Whether rows share keys in the current batch, and how many of them are usable.
    shares: bool,
    usable: usize,
    /// Whether the keys of the block that was encoded last are all short.
    are_short: bool,
    /// The keys of some rows, encoded, with the row and where each ends.
    encoded: Vec<u8>,
    ends: Vec<(u32, usize)>,
}

impl<'p> KeyMaker<'p> {
    /// Makes the keys of this projection.
    pub fn new(plan: &'p Projection) -> KeyMaker<'p> {
        KeyMaker {
            plan,
            field: match &plan.keys[..] {
                [(_, key)] => key.as_field(),
                _ => None,
            },
            dictionary: Dictionary::default(),
            shares: false,
            usable: 0,
            are_short: false,
            encoded: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Appends the keys of a block of rows, behind others which have these fates; `view` shows a row's record.
    pub fn append<'r>(
        &mut self,
        (rows, bytes): (&'r Rows, &'r [u8]),
        before: &[Fate],
        view: impl Fn(u32) -> RecordView<'r>,
        stage: &mut Stage,
        keys: &mut KeyColumn,
    ) {
        if rows.is_empty() {
            return;
        }
        let base = before.len();
        if base == 0 {
            self.shares = self.dictionary.begin(std::mem::take(&mut self.usable));
        }
        if self.shares && !self.find_all((rows, bytes), &view, stage, keys) {
            self.dictionary.give_up();
            self.shares = false;
            keys.unshare(before);
        }
        if !self.shares {
            self.encode_all((rows, bytes), base, &view, stage, keys);
        }
        let plan = self.plan;
        stage.long_way(|row| {
            let why = encode_key(plan, &view(row as u32), &mut Vec::new()).err();
            Err(Unusable::Bad(why.expect("it was no key before")))
        });
        if !self.shares {
            self.finish(base, stage, keys);
        }
        self.usable += stage.live.len();
    }

    /// Finds each row's key in the dictionary, and leaves rows without a key. `false` if there are too many keys: then these
    /// rows have none yet.
    fn find_all<'r>(
        &mut self,
        (rows, bytes): (&'r Rows, &'r [u8]),
        view: &impl Fn(u32) -> RecordView<'r>,
        stage: &mut Stage,
        keys: &mut KeyColumn,
    ) -> bool {
        let KeyMaker { plan, field, dictionary, encoded, ends, .. } = self;
        let (mut codes, seed) = (std::mem::take(&mut keys.codes), plan.key_seed);
        let base = codes.len();
        codes.resize(base + rows.len(), 0);
        let own = &mut codes[base..];
        let mut fits = true;
        match (*field, &plan.keys[..]) {
            (Some(field), _) => stage.short_way(|row| {
                let Some((word, len)) = key::encode_short(rows.cell(row, field), bytes) else { return false };
                let code = dictionary.find_short(word, len, seed, keys);
                fits &= code.is_some();
                own[row] = code.unwrap_or(0);
                true
            }),
            (None, []) => {
                // All have one, of nothing.
                stage.left.clear();
                fits = dictionary.find(&[], seed, keys).is_some();
            }
            (None, _) => stage.no_short_way(),
        }
        // First all, then one after the other: what has just been written in pieces is slow to read as a whole.
        encoded.clear();
        ends.clear();
        stage.left.retain(|&row| {
            let is_key = encode_whole(plan, &view(row), encoded);
            if is_key {
                ends.push((row, encoded.len()));
            }
            !is_key
        });
        let mut start = 0;
        for &(row, end) in ends.iter() {
            let code = dictionary.find(&encoded[start..end], seed, keys);
            fits &= code.is_some();
            own[row as usize] = code.unwrap_or(0);
            start = end;
        }
        if !fits {
            codes.truncate(base);
        }
        keys.codes = codes;
        fits
    }

    /// Encodes the keys of all rows, and leaves rows without a key.
    fn encode_all<'r>(
        &mut self,
        (rows, bytes): (&'r Rows, &'r [u8]),
        base: usize,
        view: &impl Fn(u32) -> RecordView<'r>,
        stage: &mut Stage,
        keys: &mut KeyColumn,
    ) {
        let KeyMaker { plan, field, are_short, .. } = self;
        keys.ends.resize(base + rows.len(), 0);
        keys.hashes.resize(base + rows.len(), 0);
        let (ends, hashes, encoded) = (&mut keys.ends[base..], &mut keys.hashes[base..], &mut keys.bytes);
        *are_short = true;
        stage.short_way(|row| {
            if let Some(field) = *field
                && let Some((word, len)) = key::encode_short(rows.cell(row, field), bytes)
            {
                hashes[row] = key::hash_short(word, plan.key_seed);
                let end = encoded.len() + len;
                encoded.extend_from_slice(&word.to_le_bytes());
                encoded.truncate(end);
                ends[row] = end as u32;
                return true;
            }
            *are_short = false;
            let is_key = encode_whole(plan, &view(row as u32), encoded);
            ends[row] = encoded.len() as u32;
            is_key
        });
    }

    /// Finishes what [`KeyMaker::encode_all`] has begun, for the rows that are usable.
    fn finish(&self, base: usize, stage: &Stage, keys: &mut KeyColumn) {
        let empty = if base == 0 { 0 } else { keys.ends[base - 1] };
        let (ends, hashes) = (&mut keys.ends[base..], &mut keys.hashes[base..]);
        if stage.live.len() < ends.len() {
            // Rows that are not usable have empty keys.
            let mut last = empty;
            for (end, fate) in ends.iter_mut().zip(&stage.fates) {
                last = if *fate == Fate::Usable { *end } else { last };
                *end = last;
            }
        }
        if self.are_short {
            return;
        }
        // Not at once: what has just been written in pieces is slow to read as a whole.
        for &row in &stage.live {
            let row = row as usize;
            let start = if row == 0 { empty } else { ends[row - 1] };
            hashes[row] = key::hash(&keys.bytes[start as usize..ends[row] as usize], self.plan.key_seed);
        }
    }
}

/// Appends a row's key to `out`, or nothing if it has none.
#[inline(always)]
fn encode_whole(plan: &Projection, view: &RecordView<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let is_key = encode_key(plan, view, out).is_ok();
    if !is_key {
        out.truncate(start);
    }
    is_key
}

/// Appends a row's key to `out`; what was appended means nothing if it fails.
#[inline(always)]
fn encode_key(plan: &Projection, view: &RecordView<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    for (name, expr) in &plan.keys {
        let is_key = match expr.as_field() {
            Some(field) => key::encode_field(view.cells[field], view.bytes, view.arena, out),
            None => {
                let value = expr.eval(view).map_err(|reason| format!("key `{name}`: {reason}"))?;
                key::encode(&value, out)
            }
        };
        if !is_key {
            // Evaluated once more, to tell what it is instead.
            let value = expr.eval(view)?;
            return Err(format!("key `{name}` is {}", value.kind()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::input::Format;
    use crate::parse::csv;
    use crate::parse::dictionary::KEYS_MAX;
    use crate::parse::project::{ChunkToParse, Layout, Parser};
    use crate::value::Value;

    /// Batch after batch with few keys and with too many, from the start or from somewhere on; keys that are short, long,
    /// escaped, numbers, absent, and no keys at all: each row has its own.
    #[test]
    fn each_row_has_its_key() {
        let mut random = fastrand::Rng::with_seed(3);
        let (mut shared, mut own) = (0, 0);
        for by in ["", "-b x", "-b y", "-b x,y", "-b lower(x) AS l"] {
            let mut argv: Vec<std::ffi::OsString> =
                "windrow -t t -w 1m --bad skip -".split_whitespace().map(Into::into).collect();
            argv.splice(1..1, by.split_once(' ').into_iter().flat_map(|(by, keys)| [by.into(), keys.into()]));
            let job = crate::cli::job(&argv).unwrap_or_else(|error| panic!("{error}"));
            let plan = Projection::new(&job, job.time_field.as_ref().expect("it is named"), 7);
            let columns = csv::Columns::new(&[]);
            let layout =
                Layout { format: Format::Ndjson, columns, width: 0, names: Vec::new(), lead: None, part: 0 };
            let mut parser = Parser::new(&plan);
            for round in 0..60 {
                let count = random.usize(1..2_000);
                // In some batches there are many keys from the middle on.
                let keys = [1, 40, KEYS_MAX as u64 - 40, 100_000][round / 4 % 4];
                // And the first one may be very long: there is one copy of it a row that has it.
                let first = "x".repeat(if round % 3 == 0 { 5_000 } else { 0 });
                let (mut text, mut wanted) = (String::new(), Vec::new());
                for n in 0..count {
                    let many = if round % 4 == 3 && n < count / 2 { 3 } else { keys };
                    let x = random.u64(0..many) * 1_000_003 % 100_003;
                    let long = match (n, random.u8(..9)) {
                        (0, _) => &first,
                        (_, 0) => "and a long one",
                        _ => "",
                    };
                    let (written, x) = match random.u8(..20) {
                        0 => ("null".to_owned(), Value::Null),
                        1 => ("[1]".to_owned(), Value::Json(Cow::Borrowed("[1]"))),
                        2 => (format!("\"A\\n{x}\""), Value::Text(Cow::Owned(format!("A\n{x}")))),
                        _ => (format!("\"A{x}{long}\""), Value::Text(Cow::Owned(format!("A{x}{long}")))),
                    };
                    let y = (n % 3).to_string();
                    let time = if random.u8(..30) == 0 { "none" } else { "2021-07-01T09:00:00Z" };
                    text += &format!("{{\"t\":\"{time}\",\"x\":{written},\"y\":{y}}}\n");
                    let lower = match &x {
                        Value::Text(text) => Value::Text(Cow::Owned(text.to_lowercase())),
                        other => other.clone(),
                    };
                    let fields = match by {
                        "" => vec![],
                        "-b x" => vec![x],
                        "-b y" => vec![Value::Written(&y)],
                        "-b x,y" => vec![x, Value::Written(&y)],
                        _ => vec![lower],
                    };
                    let mut key = Vec::new();
                    let is_key = fields.iter().all(|field| key::encode(field, &mut key));
                    wanted.push((time != "none" && is_key).then_some(key));
                }
                let (len, bytes) = (text.len(), text.into_bytes());
                let batch =
                    parser.parse(ChunkToParse { source: 0, bytes, offset: 0, layout: &layout, form: None });
                let KeyColumn { ends, hashes, codes, .. } = &batch.keys;
                assert_eq!((batch.rows(), ends.len()), (count, hashes.len()));
                assert!(batch.keys.bytes.len() <= len + 10 * count);
                assert_eq!(if codes.is_empty() { ends.len() } else { codes.len() }, count);
                for (row, wanted) in (0u32..).zip(wanted) {
                    let is_usable = batch.fates[row as usize] == Fate::Usable;
                    assert_eq!(is_usable, wanted.is_some(), "{by} {row}");
                    let Some(wanted) = wanted else { continue };
                    assert_eq!(batch.keys.key(row), wanted, "{by} {row}");
                    assert_eq!(hashes[batch.keys.number(row)], key::hash(&wanted, 7), "{by} {row}");
                }
                match batch.keys.shared() {
                    Some(keys) => {
                        assert!(keys <= KEYS_MAX);
                        shared += 1;
                    }
                    None => own += 1,
                }
            }
        }
        assert!(shared > 100 && own > 60, "{shared} and {own} batches");
    }

    /// A batch of few rows has few keys, but where each has its own, nothing is shared.
    #[test]
    fn keys_that_do_not_repeat_are_not_shared() {
        for (keys, most) in [(300, 4), (30, 40)] {
            let mut dictionary = Dictionary::default();
            let (mut tried, mut usable) = (0, 0);
            for _ in 0..40 {
                let mut column = KeyColumn::default();
                if dictionary.begin(usable) {
                    tried += 1;
                    usable = 300;
                    let all = (0..keys as u64).map(|n| dictionary.find(&n.to_le_bytes(), 1, &mut column));
                    assert!(all.eq((0..keys).map(Some)));
                }
            }
            assert!(tried <= most && (most == 40) == (tried == 40), "{tried} tries with {keys} keys");
        }
    }
}
