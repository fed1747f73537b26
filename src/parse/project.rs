//! From records to columns: the parse stage, one chunk at a time.
//!
//! A [`Parser`] belongs to one thread and keeps what is reused from chunk to chunk. What a record becomes
//! depends on that record alone (and on the form of its source's times), never on its neighbours.

use std::borrow::Cow;

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::batch::{ArgColumn, Batch, Cell, CellKind, Fate, NumberColumn, Packed, field_value};
use super::{csv, json, key};
use crate::aggregate::Takes;
use crate::expr::{Expr, FieldPath, Row};
use crate::input::Format;
use crate::job::{Job, Task};
use crate::time::{self, Form, TimeFormat};
use crate::value::Value;
use crate::window::{PaneFinder, Windows};

/// What the parse stage needs to know of a job.
#[derive(Clone)]
pub struct Projection {
    /// The job's fields, and behind them the time field if it is none of them.
    pub fields: Vec<FieldPath>,
    shape: json::Shape,
    time_field: usize,
    time_format: TimeFormat,
    filter: Option<Expr>,
    ids: Vec<usize>,
    keys: Vec<(String, Expr)>,
    args: Vec<Arg>,
    windows: Windows,
    key_seed: u64,
}

/// One aggregate's argument.
#[derive(Clone)]
struct Arg {
    takes: Takes,
    exprs: Vec<Expr>,
    filter: Option<Expr>,
    /// The call as written, for messages.
    text: String,
}

impl Projection {
    /// The projection of a job whose time field has been settled; the seed is for the hashes of keys and ids.
    pub fn new(job: &Job, time_field: &FieldPath, seed: u64) -> Projection {
        let mut fields = job.fields.clone();
        let time = fields.iter().position(|field| field.steps == time_field.steps).unwrap_or_else(|| {
            fields.push(time_field.clone());
            fields.len() - 1
        });
        let (keys, args, windows) = match &job.task {
            Task::Order => (Vec::new(), Vec::new(), Windows::None),
            Task::Aggregate(task) => (
                task.keys.iter().map(|key| (key.name.clone(), key.expr.clone())).collect(),
                task.calls.iter().map(Arg::new).collect(),
                task.windows.clone(),
            ),
        };
        Projection {
            shape: json::Shape::new(&fields),
            fields,
            time_field: time,
            time_format: job.time_format.clone(),
            filter: job.filter.clone(),
            ids: job.ids.clone(),
            keys,
            args,
            windows,
            key_seed: seed,
        }
    }

    /// The seed of the hashes of keys and ids.
    pub fn seed(&self) -> u64 {
        self.key_seed
    }

    /// The form that the job fixes for all sources, if it does.
    pub fn form(&self) -> Option<Form> {
        self.time_format.form()
    }
}

/// A seed that an attacker cannot know, for hashes that never reach the output.
pub fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

impl Arg {
    fn new(call: &crate::expr::Call) -> Arg {
        Arg {
            takes: call.definition.takes,
            exprs: call.args.clone(),
            filter: call.filter.clone(),
            text: call.text.clone(),
        }
    }

    fn column(&self) -> ArgColumn {
        match self.takes {
            Takes::Presence if self.exprs.is_empty() && self.filter.is_none() => ArgColumn::Every,
            Takes::Presence => ArgColumn::Present(Vec::new()),
            Takes::Number => ArgColumn::Numbers(NumberColumn::default()),
            Takes::Ordered | Takes::Any => ArgColumn::Values(Vec::new()),
            Takes::AnyBy => ArgColumn::Pairs(Vec::new(), Vec::new()),
        }
    }
}

/// What is known of a source before its records are parsed.
#[derive(Debug)]
pub struct Layout {
    /// How its records are written.
    pub format: Format,
    /// Where the fields stand in a CSV record; empty for NDJSON.
    pub columns: csv::Columns,
    /// How many fields a CSV record has.
    pub width: usize,
    /// The names of a CSV source's columns.
    pub names: Vec<String>,
    /// What stands before the first chunk; `None` where an earlier run has read it.
    pub lead: Option<Lead>,
}

/// What stands before the first chunk of a source: a byte order mark, blank lines, a header.
#[derive(Debug, Clone, Copy)]
pub struct Lead {
    /// How many lines that is.
    pub lines: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub digest: u64,
}

/// One chunk to parse.
pub struct ChunkToParse<'c> {
    /// The rank of its source.
    pub source: u32,
    /// Its records.
    pub bytes: Vec<u8>,
    /// Where it stands in the source's uncompressed stream.
    pub offset: u64,
    /// What is known of the source.
    pub layout: &'c Layout,
    /// The form of the source's times, if known by now.
    pub form: Option<Form>,
}

/// Parses chunks; one per thread.
pub struct Parser<'p> {
    plan: &'p Projection,
    scanner: json::Scanner<'p>,
    panes: Option<PaneFinder>,
    cells: Vec<Cell>,
    scratch: Vec<u8>,
}

/// What expressions see of a record.
struct RecordView<'r> {
    bytes: &'r [u8],
    arena: &'r [u8],
    cells: &'r [Cell],
    time: i64,
}

impl Row for RecordView<'_> {
    #[inline]
    fn field(&self, number: usize) -> Value<'_> {
        field_value(self.bytes, self.arena, self.cells[number])
    }

    fn event_time(&self) -> i64 {
        self.time
    }
}

/// Why a record is not usable, once it has been scanned.
enum Unusable {
    Untimed(String),
    Bad(String),
    Filtered,
}

impl<'p> Parser<'p> {
    /// A parser for this projection.
    pub fn new(plan: &'p Projection) -> Parser<'p> {
        Parser {
            plan,
            scanner: json::Scanner::new(&plan.shape),
            panes: match &plan.windows {
                Windows::Panes(panes) => Some(PaneFinder::new(panes)),
                _ => None,
            },
            cells: vec![Cell::NULL; plan.fields.len()],
            scratch: Vec::new(),
        }
    }

    /// Parses a chunk.
    pub fn parse(&mut self, chunk: ChunkToParse<'_>) -> Batch {
        let mut batch = self.empty_batch(chunk.source, chunk.offset);
        batch.form = chunk.form;
        batch.lines = memchr::memchr_iter(b'\n', &chunk.bytes).count() as u64;
        let valid_utf8 = std::str::from_utf8(&chunk.bytes).is_ok();
        let bytes = chunk.bytes;
        let mut at = 0;
        while let Some(start) = record_start(&bytes, at, chunk.layout.format) {
            at = match chunk.layout.format {
                Format::Ndjson => self.json_record(&mut batch, &bytes, start, valid_utf8),
                Format::Csv { delimiter } => {
                    self.csv_record(&mut batch, &bytes, start, delimiter, chunk.layout, valid_utf8)
                }
            };
        }
        batch.texts.bytes = bytes;
        batch
    }

    fn empty_batch(&self, source: u32, offset: u64) -> Batch {
        let mut batch = Batch::default();
        (batch.source, batch.offset) = (source, offset);
        batch.args = self.plan.args.iter().map(Arg::column).collect();
        batch
    }

    /// The batch of one record that is too long to be read.
    pub fn too_long(&self, source: u32, offset: u64, head: Vec<u8>, lines: u64, reason: String) -> Batch {
        let mut batch = self.empty_batch(source, offset);
        batch.lines = lines;
        // A head that is cut does not reach to the line end.
        let end = if head.ends_with(b"\n") { head.len() - 1 } else { head.len() };
        self.unusable(&mut batch, &head, 0, end, Fate::Untimed, reason);
        batch.texts.bytes = head;
        batch
    }

    /// Takes the NDJSON record at `start`; returns the place behind its line.
    #[inline]
    fn json_record(&mut self, batch: &mut Batch, bytes: &[u8], start: usize, valid_utf8: bool) -> usize {
        self.cells.fill(Cell::NULL);
        let line_end =
            |from: usize| from + memchr::memchr(b'\n', &bytes[from..]).unwrap_or(bytes.len() - from);
        if !valid_utf8 {
            let end = line_end(start);
            if let Err(error) = std::str::from_utf8(&bytes[start..end]) {
                let reason = format!("the record is not valid UTF-8 at byte {}", error.valid_up_to() + 1);
                return self.unusable(batch, bytes, start, end, Fate::Untimed, reason);
            }
        }
        match self.scanner.scan(bytes, start, &mut self.cells, &mut batch.texts.arena) {
            Ok(next) => {
                let end = if next > start && bytes[next - 1] == b'\n' { next - 1 } else { next };
                self.project(batch, bytes, start, end);
                next
            }
            Err(fault) => {
                let end = line_end(start);
                let reason = explain(fault, &bytes[start..end]);
                self.unusable(batch, bytes, start, end, Fate::Untimed, reason)
            }
        }
    }

    /// Takes the CSV record at `start`; returns the place behind its line end.
    #[inline]
    fn csv_record(
        &mut self,
        batch: &mut Batch,
        bytes: &[u8],
        start: usize,
        delimiter: u8,
        layout: &Layout,
        valid_utf8: bool,
    ) -> usize {
        self.cells.fill(Cell::NULL);
        let arena = &mut batch.texts.arena;
        let scanned = csv::scan(bytes, start, delimiter, &layout.columns, &mut self.cells, arena);
        let csv::Scanned::Record { fields, end: next } = scanned else {
            let reason = "a quote is left open up to the end of the input".to_owned();
            return self.unusable(batch, bytes, start, bytes.len(), Fate::Untimed, reason);
        };
        let end = if bytes[next - 1] == b'\n' { next - 1 } else { next };
        if !valid_utf8 && let Err(error) = std::str::from_utf8(&bytes[start..end]) {
            let reason = format!("the record is not valid UTF-8 at byte {}", error.valid_up_to() + 1);
            return self.unusable(batch, bytes, start, end, Fate::Untimed, reason);
        }
        if fields != layout.width {
            let expected = layout.width;
            let s = if fields == 1 { "" } else { "s" };
            let reason = format!("the record has {fields} field{s} where {expected} are expected");
            return self.unusable(batch, bytes, start, end, Fate::Untimed, reason);
        }
        self.project(batch, bytes, start, end);
        next
    }

    /// Appends a row for a record that cannot be used, and returns the place behind its line end.
    fn unusable(
        &self,
        batch: &mut Batch,
        bytes: &[u8],
        start: usize,
        end: usize,
        fate: Fate,
        reason: String,
    ) -> usize {
        self.push_empty(batch, bytes, start, end, fate, 0);
        batch.reasons.push(batch.rows() as u32 - 1, &reason);
        (end + 1).min(bytes.len())
    }

    /// Appends the row of a scanned record.
    #[inline]
    fn project(&mut self, batch: &mut Batch, bytes: &[u8], start: usize, end: usize) {
        let mut time = 0;
        match self.columns(batch, bytes, &mut time) {
            Ok(()) => {
                batch.spans.push(span(bytes, start, end));
                batch.time.push(time);
                batch.fates.push(Fate::Usable);
            }
            Err(Unusable::Filtered) => self.push_empty(batch, bytes, start, end, Fate::Filtered, time),
            Err(Unusable::Untimed(reason)) => {
                self.unusable(batch, bytes, start, end, Fate::Untimed, reason);
            }
            Err(Unusable::Bad(reason)) => {
                self.push_empty(batch, bytes, start, end, Fate::Bad, time);
                batch.reasons.push(batch.rows() as u32 - 1, &reason);
            }
        }
    }

    /// Evaluates a scanned record in the order of the contract: time, filter, id, keys, arguments.
    /// On an error some columns may have got their entry already: [`Self::push_empty`] replaces it.
    #[inline]
    fn columns(&mut self, batch: &mut Batch, bytes: &[u8], time: &mut i64) -> Result<(), Unusable> {
        let plan = self.plan;
        let time_value = field_value(bytes, &batch.texts.arena, self.cells[plan.time_field]);
        *time = event_time(plan, &time_value, &mut batch.form, &mut self.panes).map_err(Unusable::Untimed)?;
        let view = RecordView { bytes, arena: &batch.texts.arena, cells: &self.cells, time: *time };
        if let Some(filter) = &plan.filter
            && !filter.is_true(&view).map_err(|reason| Unusable::Bad(format!("--where: {reason}")))?
        {
            return Err(Unusable::Filtered);
        }
        if !plan.ids.is_empty() {
            batch.ids.push(id(plan, &view, &mut self.scratch).map_err(Unusable::Bad)?);
        }
        for (name, expr) in &plan.keys {
            let value = match expr.as_field() {
                Some(field) => view.field(field),
                None => {
                    expr.eval(&view).map_err(|reason| Unusable::Bad(format!("key `{name}`: {reason}")))?
                }
            };
            if !key::encode(&value, &mut batch.keys.bytes) {
                return Err(Unusable::Bad(format!("key `{name}` is {}", value.kind())));
            }
        }
        let keys = &mut batch.keys;
        let key_start = keys.ends.last().map_or(0, |&end| end as usize);
        keys.hashes.push(key::hash(&keys.bytes[key_start..], plan.key_seed));
        keys.ends.push(keys.bytes.len() as u32);
        for (arg, column) in plan.args.iter().zip(&mut batch.args) {
            push_arg(arg, column, &view, &mut batch.texts.computed)
                .map_err(|reason| Unusable::Bad(format!("{}: {reason}", arg.text)))?;
        }
        Ok(())
    }

    /// Appends a row that no later stage looks into: every column gets an empty entry.
    fn push_empty(&self, batch: &mut Batch, bytes: &[u8], start: usize, end: usize, fate: Fate, time: i64) {
        let row = batch.rows();
        batch.spans.push(span(bytes, start, end));
        batch.time.push(time);
        batch.fates.push(fate);
        if !self.plan.ids.is_empty() {
            batch.ids.resize(row + 1, 0);
        }
        let keys = &mut batch.keys;
        keys.ends.truncate(row);
        keys.bytes.truncate(keys.ends.last().map_or(0, |&end| end as usize));
        keys.ends.push(keys.bytes.len() as u32);
        keys.hashes.resize(row, 0);
        keys.hashes.push(0);
        for column in &mut batch.args {
            match column {
                ArgColumn::Every => {}
                ArgColumn::Present(present) => {
                    present.truncate(row);
                    present.push(false);
                }
                ArgColumn::Numbers(numbers) => {
                    numbers.packed.truncate(row);
                    numbers.push_null();
                }
                ArgColumn::Values(cells) => {
                    cells.truncate(row);
                    cells.push(Cell::NULL);
                }
                ArgColumn::Pairs(cells, by) => {
                    cells.truncate(row);
                    by.truncate(row);
                    cells.push(Cell::NULL);
                    by.push(Cell::NULL);
                }
            }
        }
    }
}

/// A record's place, with the CR of a CRLF line end taken off.
#[inline]
fn span(bytes: &[u8], start: usize, end: usize) -> (u32, u32) {
    let end = if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end };
    (start as u32, end as u32)
}

/// The first byte of the next record from `at` on: behind blank lines, and for NDJSON white space.
#[inline]
fn record_start(bytes: &[u8], mut at: usize, format: Format) -> Option<usize> {
    loop {
        match (bytes.get(at)?, format) {
            (b'\n', _) => at += 1,
            (b' ' | b'\t' | b'\r', Format::Ndjson) => at += 1,
            (b'\r', Format::Csv { .. }) if bytes.get(at + 1) == Some(&b'\n') => at += 2,
            _ => return Some(at),
        }
    }
}

/// The event time of a record.
#[inline]
fn event_time(
    plan: &Projection,
    value: &Value<'_>,
    form: &mut Option<Form>,
    panes: &mut Option<PaneFinder>,
) -> Result<i64, String> {
    let field = || &plan.fields[plan.time_field].text;
    if value.is_null() {
        return Err(format!("no event time: field `{}` is absent or null", field()));
    }
    let with = match *form {
        Some(form) => form,
        None => plan.time_format.detect(value).unwrap_or(Form::Text),
    };
    let time = plan
        .time_format
        .parse(value, with)
        .map_err(|reason| format!("event time `{}`: {reason}", field()))?;
    if time <= -time::LIMIT || time >= time::LIMIT {
        return Err(format!("event time `{}`: time is out of range", field()));
    }
    if let Some(panes) = panes
        && panes.pane(time).is_none()
    {
        return Err(format!("event time `{}`: time is beyond the calendar", field()));
    }
    *form = Some(with);
    Ok(time)
}

/// The hash of a record's id.
#[inline]
fn id(plan: &Projection, view: &RecordView<'_>, scratch: &mut Vec<u8>) -> Result<u128, String> {
    scratch.clear();
    for &field in &plan.ids {
        let value = view.field(field);
        if value.is_null() {
            return Err(format!("no id: field `{}` is absent or null", plan.fields[field].text));
        }
        if !key::encode(&value, scratch) {
            return Err(format!("id `{}` is {}", plan.fields[field].text, value.kind()));
        }
    }
    Ok(xxh3_128_with_seed(scratch, plan.key_seed))
}

/// Appends one row's argument of an aggregate.
#[inline]
fn push_arg(
    arg: &Arg,
    column: &mut ArgColumn,
    view: &RecordView<'_>,
    computed: &mut Vec<u8>,
) -> Result<(), String> {
    let counts = match &arg.filter {
        None => true,
        Some(filter) => filter.is_true(view).map_err(|reason| format!("FILTER: {reason}"))?,
    };
    match column {
        ArgColumn::Every => {}
        ArgColumn::Present(present) => {
            let present_now = counts
                && match arg.exprs.first() {
                    None => true,
                    Some(expr) => !expr.eval(view)?.is_null(),
                };
            present.push(present_now);
        }
        ArgColumn::Numbers(numbers) => push_number(&arg.exprs[0], numbers, counts, view)?,
        ArgColumn::Values(cells) => {
            let ordered = arg.takes == Takes::Ordered;
            cells.push(if counts { value_cell(&arg.exprs[0], view, ordered, computed)? } else { Cell::NULL });
        }
        ArgColumn::Pairs(cells, by) => {
            let cell = if counts { value_cell(&arg.exprs[0], view, false, computed)? } else { Cell::NULL };
            let by_cell = if counts { value_cell(&arg.exprs[1], view, true, computed)? } else { Cell::NULL };
            cells.push(cell);
            by.push(by_cell);
        }
    }
    Ok(())
}

#[inline]
fn push_number(
    expr: &Expr,
    numbers: &mut NumberColumn,
    counts: bool,
    view: &RecordView<'_>,
) -> Result<(), String> {
    if !counts {
        numbers.push_null();
        return Ok(());
    }
    let value = match expr.as_field() {
        Some(field) => view.field(field),
        None => {
            if let Some((mantissa, scale)) = expr.eval_short(view) {
                numbers.packed.push(Packed { mantissa, scale: scale as i8 });
                return Ok(());
            }
            expr.eval(view)?
        }
    };
    let text = match &value {
        Value::Null => {
            numbers.push_null();
            return Ok(());
        }
        Value::Number(number) => {
            numbers.push(number);
            return Ok(());
        }
        Value::Written(text) | Value::Untyped(text) => *text,
        other => return Err(format!("a number is wanted, not {}", other.kind())),
    };
    if numbers.push_text(text) {
        return Ok(());
    }
    let kind =
        if matches!(value, Value::Written(_)) { "is beyond the range of a double" } else { "is no number" };
    Err(format!("`{}` {kind}", text.chars().take(40).collect::<String>()))
}

/// The cell of a value argument: the field's own where the expression is a field, else what was computed.
#[inline]
fn value_cell(
    expr: &Expr,
    view: &RecordView<'_>,
    ordered: bool,
    computed: &mut Vec<u8>,
) -> Result<Cell, String> {
    if let Some(field) = expr.as_field() {
        let cell = view.cells[field];
        if ordered && matches!(cell.kind, CellKind::False | CellKind::True | CellKind::Json) {
            return Err(format!("a number or text is wanted, not {}", view.field(field).kind()));
        }
        return Ok(cell);
    }
    let value = expr.eval(view)?;
    if ordered && matches!(value, Value::Bool(_) | Value::Json(_)) {
        return Err(format!("a number or text is wanted, not {}", value.kind()));
    }
    let start = computed.len();
    let kind = match value {
        Value::Null => return Ok(Cell::NULL),
        Value::Bool(false) => CellKind::False,
        Value::Bool(true) => CellKind::True,
        Value::Written(text) => put(computed, text, CellKind::ComputedNumber),
        Value::Number(number) => {
            number.write(computed);
            CellKind::ComputedNumber
        }
        Value::Text(Cow::Borrowed(text)) => put(computed, text, CellKind::ComputedText),
        Value::Untyped(text) => put(computed, text, CellKind::ComputedUntyped),
        Value::Text(Cow::Owned(text)) => put(computed, &text, CellKind::ComputedText),
        Value::Json(raw) => put(computed, &raw, CellKind::ComputedJson),
    };
    Ok(Cell { start: start as u32, len: (computed.len() - start) as u32, kind })
}

fn put(computed: &mut Vec<u8>, text: &str, kind: CellKind) -> CellKind {
    computed.extend_from_slice(text.as_bytes());
    kind
}

/// Words a fault of the scanner.
fn explain(fault: json::Fault, record: &[u8]) -> String {
    if fault == json::Fault::TooDeep {
        return format!("the record nests deeper than {}", json::DEPTH_MAX);
    }
    // Nothing is built: the record may be long, and is known to be useless.
    let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(record) else {
        return match record.first() {
            // What is passed over unread is not checked for this by the reference.
            Some(b'{') => "not valid JSON: a \\u escape is half of a surrogate pair".to_owned(),
            _ => NO_OBJECT.to_owned(),
        };
    };
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    match record.first() {
        Some(b'{') => format!("not valid JSON: {what} at column {}", error.column()),
        _ => NO_OBJECT.to_owned(),
    }
}

const NO_OBJECT: &str = "not a JSON object";
