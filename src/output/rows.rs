//! Rows of fired windows as text: one builder per shard.

mod filled;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use super::json::{write_json_bytes, write_json_string, write_json_value};
use crate::aggregate::{Accumulators, Gives, Span};
use crate::expr::{Expr, Row};
use crate::job::{Aggregation, Fill, OutputFormat, Top};
use crate::number::Number;
use crate::operator::peek::Peek;
use crate::parse::key::{self, FieldText, Fields};
use crate::time::{self, Form};
use crate::value::Value;
use crate::window::{Window, Windows};

/// What all shards need to know to write rows.
pub struct RowPlan {
    to: OutputFormat,
    columns: Vec<String>,
    /// NDJSON: per column, what stands before its value.
    lead_ins: Vec<Vec<u8>>,
    /// The kinds of windows, in the order given.
    kinds: Vec<KindPlan>,
    /// How many columns say which window a row is of: the first ones.
    leading: usize,
    /// Where the columns of the aggregates begin.
    results: usize,
    /// What rows of windows without events hold, where there are such.
    fill: Option<Fill>,
    /// By aggregate, what it gives.
    gives: Vec<Gives>,
    /// Whether rows say when they were written: the last two columns.
    has_timing: bool,
    having: Option<Expr>,
    top: Option<TopPlan>,
    /// Whether text may be a CSV field, which counts as a number in conditions if it reads as one.
    untyped: bool,
}

/// What rows need to know of their kind of windows.
struct KindPlan {
    /// What rows say of it, where there are several.
    name: Option<String>,
    zone: Option<jiff::tz::TimeZone>,
    /// Whether its windows close when the watermark is beyond their ends, and not at them.
    closes_beyond: bool,
}

impl KindPlan {
    /// Those of these windows.
    fn all(windows: &Windows) -> Vec<KindPlan> {
        let plan = |windows: &Windows, name| KindPlan {
            name,
            zone: windows.zone().cloned(),
            closes_beyond: matches!(windows, Windows::Session { .. }),
        };
        match windows {
            Windows::Several(resolutions) => {
                resolutions.iter().map(|one| plan(&one.windows, Some(one.name.clone()))).collect()
            }
            one => vec![plan(one, None)],
        }
    }
}

struct TopPlan {
    rows_max: usize,
    order_by: Expr,
    descending: bool,
    ties: bool,
}

/// What separates the cells of a row on its way to an aligned table or a chart.
pub const CELL_END: u8 = 0x1f;

impl RowPlan {
    /// The plan of a job; `untyped` says that it reads CSV.
    pub fn new(task: &Aggregation, untyped: bool) -> RowPlan {
        let columns = task.columns();
        let lead_in = |(n, name): (usize, &String)| {
            let mut text = vec![if n == 0 { b'{' } else { b',' }];
            write_json_string(name, &mut text);
            text.push(b':');
            text
        };
        RowPlan {
            to: task.to,
            lead_ins: columns.iter().enumerate().map(lead_in).collect(),
            columns,
            kinds: KindPlan::all(&task.windows),
            leading: task.leading().len(),
            results: task.leading().len() + task.keys.len(),
            fill: task.fill,
            gives: task.calls.iter().map(|call| call.definition.gives).collect(),
            has_timing: task.firing.repeats(),
            having: task.having.clone(),
            untyped,
            top: task.top.as_ref().map(|top: &Top| TopPlan {
                rows_max: top.rows_max,
                order_by: top.order_by.clone(),
                descending: top.descending,
                ties: top.ties,
            }),
        }
    }

    /// The output columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How rows are written.
    pub fn format(&self) -> OutputFormat {
        self.to
    }

    /// How many rows of a window are kept, and whether ties with the last are too; `None`: all. A live view gets all: it
    /// remembers of the keys that are on top now what they were before.
    pub fn top(&self) -> Option<(usize, bool)> {
        let top = self.top.as_ref().filter(|_| self.to != OutputFormat::Live);
        top.map(|top| (top.rows_max, top.ties))
    }

    /// Whether windows without events have rows, too.
    pub fn fills(&self) -> bool {
        self.fill.is_some()
    }

    /// How many fields a key has.
    pub fn key_fields(&self) -> usize {
        self.results - self.leading
    }

    /// The header line, for formats that have one in the stream.
    pub fn header(&self) -> Vec<u8> {
        match self.to {
            OutputFormat::Csv { delimiter } => csv_header(&self.columns, delimiter),
            _ => Vec::new(),
        }
    }
}

/// A CSV header line.
pub fn csv_header(names: &[String], delimiter: u8) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, name) in names.iter().enumerate() {
        if n > 0 {
            out.push(delimiter);
        }
        write_csv_text(name.as_bytes(), delimiter, &mut out);
    }
    finish_csv_row(&mut out, 0, names.len());
    out
}

/// A slice of the rows that fire in one shard during one step, as text. A window is never divided.
#[derive(Debug, Default)]
pub struct Fired {
    /// Whether this is the step's last slice of the shard. Every step has one, which may be empty.
    pub last: bool,
    /// The windows in order, each with where its rows end in `rows`. A session window may stand here several times
    /// in a row.
    pub windows: Vec<(Place, usize)>,
    /// The rows: where they end in the texts below.
    pub rows: Vec<FiredRow>,
    /// The rows as they will be written.
    pub text: Vec<u8>,
    /// The encoded keys.
    pub keys: Vec<u8>,
    /// The encoded ranks, with `--top`.
    pub ranks: Vec<u8>,
    /// The row for which `--having` or `--order-by` could not be evaluated. The shard has no rows behind it.
    pub failure: Option<Failure>,
    /// Of the last slice of a step behind which what is open was looked at: what the shard has found, and how long it has
    /// taken.
    pub peek: Option<Box<(Peek, Duration)>>,
}

/// Takes the slices of a shard, one after the other; breaks when nobody wants them any more.
pub type HandOn<'h> = dyn FnMut(Fired) -> ControlFlow<()> + 'h;

/// Slices are handed on when they hold this much: few enough messages, and memory that does not follow what one
/// step fires.
pub const SLICE_BYTES: usize = 256 * 1024;

/// Where the rows of a window stand among those of a step: they are ordered by moment, then in the order in which
/// windows close, then by kind. The rows of a window without events stand before those of the window that has shown
/// that its key goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of the moment at which they are written; 0 where each window is written once.
    pub moment: u32,
    /// At which watermark they are written, if they are when their window closes; else when it would close.
    pub closes: i64,
    /// The number of the kind of windows.
    pub kind: u16,
    /// Which of its rows they are.
    pub timing: Timing,
    /// The window.
    pub window: Window,
}

impl Place {
    /// What places are ordered by.
    #[inline]
    fn order(&self) -> (u32, i64, u16, Window, Timing) {
        (self.moment, self.closes, self.kind, self.window, self.timing)
    }
}

impl Ord for Place {
    #[inline]
    fn cmp(&self, other: &Place) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Place {
    #[inline]
    fn partial_cmp(&self, other: &Place) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// When the rows of a window are written: the column `pane`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timing {
    /// When it closes.
    #[default]
    Final,
    /// Before it has closed.
    Early,
    /// After it has closed.
    Revised,
}

impl Timing {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Timing::Final => "final",
            Timing::Early => "early",
            Timing::Revised => "revised",
        }
    }
}

/// The columns that say when a row was written, behind all others.
pub const TIMING_COLUMNS: [&str; 2] = ["pane", "revision"];

/// A row that cannot be decided about: the run cannot go on behind it.
#[derive(Debug)]
pub struct Failure {
    /// Its window.
    pub place: Place,
    /// Its encoded key.
    pub key: Vec<u8>,
    /// What is wrong.
    pub reason: String,
}

impl Failure {
    /// The order in which rows are written.
    pub fn compare(&self, other: &Failure) -> Ordering {
        self.place.cmp(&other.place).then_with(|| key::compare(&self.key, &other.key))
    }

    /// Whether this row comes after the one of that window and key.
    pub fn is_after(&self, place: Place, key: &[u8]) -> bool {
        place.cmp(&self.place).then_with(|| key::compare(key, &self.key)).is_lt()
    }
}

/// Where a row ends in the texts of [`Fired`]; it begins where the one before ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct FiredRow {
    /// In `text`.
    pub text: usize,
    /// In `keys`.
    pub key: usize,
    /// In `ranks`.
    pub rank: usize,
    /// The head of its key: see [`key::head`].
    pub head: u64,
}

impl Fired {
    /// The window of the i-th entry, and its rows.
    pub fn window(&self, i: usize) -> (Place, Range<usize>) {
        let start = if i == 0 { 0 } else { self.windows[i - 1].1 };
        (self.windows[i].0, start..self.windows[i].1)
    }

    /// Whether it holds [`SLICE_BYTES`] or more.
    pub fn is_full(&self) -> bool {
        let texts = self.text.len() + self.keys.len() + self.ranks.len();
        texts + size_of_val(&self.windows[..]) + size_of_val(&self.rows[..]) >= SLICE_BYTES
    }

    /// A row ends where its texts end now; `head` is that of its key.
    #[inline]
    pub fn end_row(&mut self, head: u64) {
        let row = FiredRow { text: self.text.len(), key: self.keys.len(), rank: self.ranks.len(), head };
        self.rows.push(row);
    }

    /// The order of a row here and a row there, within a window.
    #[inline]
    pub fn compare_keys(&self, row: usize, other: &Fired, other_row: usize) -> Ordering {
        let by_head = self.rows[row].head.cmp(&other.rows[other_row].head);
        by_head.then_with(|| key::compare(self.row_key(row), other.row_key(other_row)))
    }

    fn start(&self, row: usize) -> FiredRow {
        if row == 0 { FiredRow::default() } else { self.rows[row - 1] }
    }

    /// The texts of neighbouring rows, which stand one after the other.
    pub fn texts(&self, rows: Range<usize>) -> &[u8] {
        if rows.is_empty() {
            &[]
        } else {
            &self.text[self.start(rows.start).text..self.rows[rows.end - 1].text]
        }
    }

    /// Where each of some rows ends in their texts as given by [`Fired::texts`].
    pub fn ends(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = usize> {
        let start = self.start(rows.start).text;
        self.rows[rows].iter().map(move |row| row.text - start)
    }

    /// The text of a row.
    pub fn row_text(&self, row: usize) -> &[u8] {
        &self.text[self.start(row).text..self.rows[row].text]
    }

    /// The encoded key of a row.
    pub fn row_key(&self, row: usize) -> &[u8] {
        &self.keys[self.start(row).key..self.rows[row].key]
    }

    /// The encoded rank of a row.
    pub fn row_rank(&self, row: usize) -> &[u8] {
        &self.ranks[self.start(row).rank..self.rows[row].rank]
    }
}

/// Writes rows of fired windows.
pub struct RowBuilder {
    plan: Arc<RowPlan>,
    form: Form,
    fired: Fired,
    /// How much was handed on last: what to expect next.
    expected: FiredRow,
    expected_rows: usize,
    expected_windows: usize,
    /// The moment of the rows that follow, and the kind of their windows.
    moment: u32,
    kind: u16,
    window: Option<Window>,
    timing: Timing,
    /// How often the rows that follow have been written before.
    revision: u32,
    /// Where the results of the row that was written last begin in its text.
    results_at: usize,
    /// Whether rows are without their texts.
    is_brief: bool,
    /// The window's bounds as they stand in each of its rows: for NDJSON with their names and braces.
    bounds: Vec<u8>,
    /// Start and end as values, where there are conditions.
    start: String,
    end: String,
}

/// A row for `--having` and `--order-by`.
struct RowView<'r> {
    values: &'r [Value<'r>],
}

impl Row for RowView<'_> {
    fn field(&self, number: usize) -> Value<'_> {
        self.values.get(number).cloned().unwrap_or(Value::Null)
    }

    fn event_time(&self) -> i64 {
        0
    }
}

impl RowBuilder {
    /// A builder with no rows.
    pub fn new(plan: Arc<RowPlan>) -> RowBuilder {
        RowBuilder {
            plan,
            form: Form::Text,
            fired: Fired::default(),
            expected: FiredRow::default(),
            expected_rows: 0,
            expected_windows: 0,
            moment: 0,
            kind: 0,
            window: None,
            timing: Timing::Final,
            revision: 0,
            results_at: 0,
            is_brief: false,
            bounds: Vec::new(),
            start: String::new(),
            end: String::new(),
        }
    }

    /// Another builder of the same rows, with none yet.
    pub fn beside(&self) -> RowBuilder {
        RowBuilder { form: self.form, ..RowBuilder::new(self.plan.clone()) }
    }

    /// How rows are written.
    pub fn plan(&self) -> &Arc<RowPlan> {
        &self.plan
    }

    /// The form that window bounds are written in.
    pub fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    /// A live view needs of the rows that follow their keys and ranks alone; elsewhere this means nothing.
    pub fn set_brief(&mut self, is_brief: bool) {
        self.is_brief = is_brief && self.plan.to == OutputFormat::Live;
    }

    /// Whether a row could not be decided about.
    pub fn has_failed(&self) -> bool {
        self.fired.failure.is_some()
    }

    /// The rows that have not been handed on; the builder begins anew.
    pub fn take(&mut self) -> Fired {
        if let Some(&last) = self.fired.rows.last() {
            (self.expected, self.expected_rows) = (last, self.fired.rows.len());
            self.expected_windows = self.fired.windows.len();
        }
        std::mem::take(&mut self.fired)
    }

    /// The windows that follow are written at this moment of the step.
    pub fn set_moment(&mut self, moment: u32) {
        self.moment = moment;
    }

    /// The windows that follow are of this kind.
    pub fn set_kind(&mut self, number: usize) {
        self.kind = number as u16;
    }

    /// The rows that follow have been written so often before.
    pub fn set_revision(&mut self, revision: u32) {
        self.revision = revision;
    }

    /// The rows that follow belong to this window, which closes. What stands here is handed on if it is enough.
    pub fn begin(&mut self, window: Option<Window>, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        self.begin_at(window, Timing::Final, hand_on)
    }

    /// The same for a window that is open, or has closed before.
    pub fn begin_at(
        &mut self,
        window: Option<Window>,
        timing: Timing,
        hand_on: &mut HandOn<'_>,
    ) -> ControlFlow<()> {
        (self.window, self.timing) = (window, timing);
        self.begin_place(self.place(), hand_on)
    }

    /// The rows that follow stand there.
    fn begin_place(&mut self, place: Place, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        // Sessions of several keys may be one window.
        if self.fired.is_full() && self.fired.windows.last().is_none_or(|&(last, _)| last != place) {
            hand_on(self.take())?;
        }
        if self.fired.windows.is_empty() {
            // Growing step by step would copy everything several times.
            self.fired.text.reserve(self.expected.text);
            self.fired.keys.reserve(self.expected.key);
            self.fired.rows.reserve(self.expected_rows);
            self.fired.windows.reserve(self.expected_windows);
        }
        self.fired.windows.push((place, self.fired.rows.len()));
        self.bounds.clear();
        let Some(window) = self.window else { return ControlFlow::Continue(()) };
        if self.plan.has_conditions() {
            (self.start, self.end) = (self.bound(window.start), self.bound(window.end));
        }
        let (plan, bounds) = (&self.plan, &mut self.bounds);
        let kind = &plan.kinds[usize::from(self.kind)];
        let quoted = plan.to == OutputFormat::Ndjson && self.form == Form::Text;
        let mut lead_ins = plan.lead_ins.iter();
        let mut lead_in = |bounds: &mut Vec<u8>| {
            if plan.to == OutputFormat::Ndjson {
                bounds.extend_from_slice(lead_ins.next().expect("every column has one"));
            }
        };
        if let Some(name) = &kind.name {
            lead_in(bounds);
            match plan.to {
                OutputFormat::Ndjson => write_json_string(name, bounds),
                OutputFormat::Csv { delimiter } => write_csv_text(name.as_bytes(), delimiter, bounds),
                OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
                    bounds.extend_from_slice(name.as_bytes())
                }
            }
            end_cell(plan.to, bounds);
        }
        for time in [window.start, window.end] {
            lead_in(bounds);
            if quoted {
                bounds.push(b'"');
            }
            time::write_time(time, self.form, kind.zone.as_ref(), bounds);
            if quoted {
                bounds.push(b'"');
            }
            end_cell(plan.to, bounds);
        }
        ControlFlow::Continue(())
    }

    /// Where the rows of the current window stand.
    fn place(&self) -> Place {
        let window = self.window.unwrap_or(Window { end: 0, start: 0 });
        Place {
            moment: self.moment,
            closes: self.closes(window),
            kind: self.kind,
            timing: self.timing,
            window,
        }
    }

    /// At which watermark a window of the current kind closes. Ends lie far within the range of numbers.
    #[inline]
    fn closes(&self, window: Window) -> i64 {
        window.end + i64::from(self.plan.kinds[usize::from(self.kind)].closes_beyond)
    }

    fn bound(&self, time: i64) -> String {
        let mut out = Vec::new();
        let zone = self.plan.kinds[usize::from(self.kind)].zone.as_ref();
        time::write_time(time, self.form, zone, &mut out);
        String::from_utf8(out).expect("times are written in ASCII")
    }

    /// Writes a row of the current window, unless `--having` does not hold for it. Breaks where it cannot be
    /// decided about. `head` is that of the key.
    pub fn row(
        &mut self,
        key: &[u8],
        head: u64,
        columns: &[Box<dyn Accumulators>],
        slot: u32,
    ) -> ControlFlow<()> {
        let span = Span { bounds: self.window.map(|window| (window.start, window.end)) };
        if self.plan.has_conditions() && !self.rank(key, columns, slot, span) {
            return if self.has_failed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        if !self.is_brief {
            self.write(key, columns, slot, span);
        }
        self.end_row(key, head);
        ControlFlow::Continue(())
    }

    /// The text of a row has been written.
    fn end_row(&mut self, key: &[u8], head: u64) {
        self.fired.keys.extend_from_slice(key);
        self.fired.end_row(head);
        let rows = self.fired.rows.len();
        self.fired.windows.last_mut().expect("a row belongs to a window").1 = rows;
    }

    /// Writes the text of a row.
    fn write(&mut self, key: &[u8], columns: &[Box<dyn Accumulators>], slot: u32, span: Span) {
        let (plan, text) = (&self.plan, &mut self.fired.text);
        let row_start = text.len();
        text.extend_from_slice(&self.bounds);
        write_key(plan, key, text);
        self.results_at = text.len();
        match plan.to {
            OutputFormat::Ndjson => {
                let mut lead_ins = plan.lead_ins[plan.results..].iter();
                let mut lead_in = |text: &mut Vec<u8>| {
                    text.extend_from_slice(lead_ins.next().expect("every column has one"));
                };
                for column in columns {
                    lead_in(text);
                    if let Some(value) = column.write_number(slot, span, text) {
                        write_json_value(&value, text);
                    }
                }
                if plan.has_timing {
                    lead_in(text);
                    write_json_string(self.timing.name(), text);
                    lead_in(text);
                    write_whole(self.revision, text);
                }
                text.extend_from_slice(b"}\n");
            }
            OutputFormat::Csv { delimiter } => {
                for column in columns {
                    if let Some(value) = column.write_number(slot, span, text) {
                        write_csv_value(&value, delimiter, text);
                    }
                    text.push(delimiter);
                }
                if plan.has_timing {
                    text.extend_from_slice(self.timing.name().as_bytes());
                    text.push(delimiter);
                    write_whole(self.revision, text);
                    text.push(delimiter);
                }
                text.pop();
                finish_csv_row(text, row_start, plan.columns.len());
            }
            OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
                for column in columns {
                    write_table_value(&column.finish(slot, span), text);
                    text.push(CELL_END);
                }
                if plan.has_timing {
                    text.extend_from_slice(self.timing.name().as_bytes());
                    text.push(CELL_END);
                    write_whole(self.revision, text);
                    text.push(CELL_END);
                }
            }
        }
    }

    /// Whether the row is to be written, and its rank.
    fn rank(&mut self, key: &[u8], columns: &[Box<dyn Accumulators>], slot: u32, span: Span) -> bool {
        if let Some(column) = self.plan.rank_column(columns.len()) {
            let value = self.plan.as_column(columns[column].finish(slot, span));
            encode_rank(&value, &mut self.fired.ranks);
            return true;
        }
        let bound = |text| match self.form {
            Form::Number(_) => Value::Written(text),
            Form::Text => Value::Text(Cow::Borrowed(text)),
        };
        let mut values: Vec<Value<'_>> = Vec::with_capacity(self.plan.columns.len());
        if let Some(name) = &self.plan.kinds[usize::from(self.kind)].name {
            values.push(Value::Text(Cow::Borrowed(name)));
        }
        if self.window.is_some() {
            values.push(bound(self.start.as_str()));
            values.push(bound(self.end.as_str()));
        }
        let results = columns.iter().map(|column| column.finish(slot, span));
        values.extend(Fields(key).chain(results).map(|value| self.plan.as_column(value)));
        if self.plan.has_timing {
            values.push(Value::Text(Cow::Borrowed(self.timing.name())));
            values.push(Value::Number(Number::from_int(i64::from(self.revision))));
        }
        let view = RowView { values: &values };
        let holds = match &self.plan.having {
            None => Ok(true),
            Some(having) => having.is_true(&view).map_err(|reason| format!("--having: {reason}")),
        };
        let ranked = holds.and_then(|holds| {
            if holds && let Some(top) = &self.plan.top {
                let value = top.order_by.eval(&view).map_err(|reason| format!("--order-by: {reason}"))?;
                encode_rank(&value, &mut self.fired.ranks);
            }
            Ok(holds)
        });
        ranked.unwrap_or_else(|reason| {
            self.fired.failure = Some(Failure { place: self.place(), key: key.to_vec(), reason });
            false
        })
    }
}

impl RowPlan {
    /// Whether it depends on its values if and where a row is written.
    fn has_conditions(&self) -> bool {
        self.having.is_some() || self.top.is_some()
    }

    /// A value as conditions see it.
    pub fn as_column<'v>(&self, value: Value<'v>) -> Value<'v> {
        match value {
            Value::Text(Cow::Borrowed(text)) if self.untyped => Value::Untyped(text),
            value => value,
        }
    }

    /// If rows are ranked by an aggregate by itself, and none is left out: which of so many aggregates that is.
    pub fn rank_column(&self, aggregates: usize) -> Option<usize> {
        let top = self.top.as_ref().filter(|_| self.having.is_none() && !self.has_timing)?;
        top.order_by.as_field()?.checked_sub(self.columns.len() - aggregates)
    }

    /// Whether the greatest rank comes first.
    pub fn is_descending(&self) -> bool {
        self.top.as_ref().is_some_and(|top| top.descending)
    }

    /// The order of two ranks within a window.
    pub fn compare_ranks(&self, a: &[u8], b: &[u8]) -> Ordering {
        let order = key::compare(a, b);
        if self.top.as_ref().is_some_and(|top| top.descending) { order.reverse() } else { order }
    }
}

/// Writes the fields of a key, each with what stands before it, or behind it.
#[inline]
fn write_key(plan: &RowPlan, key: &[u8], text: &mut Vec<u8>) {
    let mut fields = Fields(key);
    match plan.to {
        OutputFormat::Ndjson => {
            let mut lead_ins = plan.lead_ins[plan.leading..].iter();
            while let Some(field) = fields.next_text() {
                text.extend_from_slice(lead_ins.next().expect("every column has one"));
                match field {
                    FieldText::Null => text.extend_from_slice(b"null"),
                    FieldText::Literal(literal) => text.extend_from_slice(literal),
                    FieldText::Text(field) => write_json_bytes(field, text),
                }
            }
        }
        OutputFormat::Csv { delimiter } => {
            while let Some(field) = fields.next_text() {
                match field {
                    FieldText::Null => {}
                    FieldText::Literal(literal) => text.extend_from_slice(literal),
                    FieldText::Text(field) => write_csv_text(field, delimiter, text),
                }
                text.push(delimiter);
            }
        }
        OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => {
            for value in fields {
                write_table_value(&value, text);
                text.push(CELL_END);
            }
        }
    }
}

/// The order of two values as ranks, the least first.
pub fn compare_values(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    if let (Value::Number(a), Value::Number(b)) = (a, b) {
        return a.compare(b);
    }
    let [a, b] = [a, b].map(|value| {
        let mut rank = Vec::new();
        encode_rank(value, &mut rank);
        rank
    });
    key::compare(&a, &b)
}

/// Numbers rank by value alone, so their text is made canonical.
fn encode_rank(value: &Value<'_>, out: &mut Vec<u8>) {
    let ranked = match value.as_number() {
        Some(number) => key::encode(&Value::Number(number), out),
        None => key::encode(value, out),
    };
    if !ranked {
        key::encode(&Value::Null, out);
    }
}

/// Writes a whole number.
fn write_whole(number: u32, out: &mut Vec<u8>) {
    Number::from_int(i64::from(number)).write(out);
}

fn end_cell(to: OutputFormat, out: &mut Vec<u8>) {
    match to {
        OutputFormat::Ndjson => {}
        OutputFormat::Csv { delimiter } => out.push(delimiter),
        OutputFormat::Table | OutputFormat::Chart(_) | OutputFormat::Live => out.push(CELL_END),
    }
}

/// Writes a value as a CSV field: null as nothing, objects and arrays as their JSON text.
fn write_csv_value(value: &Value<'_>, delimiter: u8, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
        Value::Written(text) => out.extend_from_slice(text.as_bytes()),
        Value::Number(number) => number.write(out),
        Value::Text(text) => write_csv_text(text.as_bytes(), delimiter, out),
        Value::Untyped(text) => write_csv_text(text.as_bytes(), delimiter, out),
        Value::Json(raw) => write_csv_text(raw.as_bytes(), delimiter, out),
    }
}

/// Writes text as a CSV field, quoted where it has to be.
fn write_csv_text(bytes: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    if !bytes.iter().any(|&byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for &byte in bytes {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Ends a CSV row. A row of one empty field would read as a blank line, so it is quoted.
fn finish_csv_row(out: &mut Vec<u8>, row_start: usize, columns: usize) {
    if columns == 1 && out.len() == row_start {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Writes a value for the aligned table: control characters escaped, null as nothing.
fn write_table_value(value: &Value<'_>, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| {
        for c in text.chars() {
            if c.is_control() {
                out.extend(c.escape_default().map(|c| c as u8));
            } else {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
    };
    match value {
        Value::Text(t) => text(t, out),
        Value::Untyped(t) => text(t, out),
        Value::Json(t) => text(t, out),
        other => write_csv_value(other, b',', out),
    }
}
