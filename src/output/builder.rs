//! Rows of fired windows as text: one builder per shard.

mod block;
mod filled;

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use block::Block;
pub use block::RowsOf;

use super::cells::{
    CELL_END, end_cell, finish_csv_row, write_csv_text, write_csv_value, write_table_value, write_whole,
};
use super::fired::{Failure, Fired, FiredRow, HandOn, Place, Timing};
use super::json::{write_json_bytes, write_json_string, write_json_value};
use super::plan::RowPlan;
use super::rank::encode_rank;
use crate::aggregate::states::States;
use crate::aggregate::{Asked, Gives, Span};
use crate::expr::Row;
use crate::job::OutputFormat;
use crate::number::{Number, ShortText};
use crate::parse::key::{FieldText, Fields};
use crate::time::{self, Form};
use crate::value::Value;
use crate::window::Window;

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
    /// Where in the text the window's bounds stand as in each of its rows, for NDJSON with their names and braces, once a
    /// row has them.
    bounds: Option<Range<usize>>,
    /// Start and end as values, where there are conditions.
    start: String,
    end: String,
    /// What rows are made with some at a time.
    block: Option<Block>,
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
            block: Some(Block::new(&plan)),
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
            bounds: None,
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

    /// What the results of the current window are asked for.
    #[inline(always)]
    pub(super) fn span(&self) -> Span {
        Span { bounds: self.window.map(|window| (window.start, window.end)) }
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
        self.bounds = None;
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
    #[inline(always)]
    pub fn begin(&mut self, window: Option<Window>, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        self.begin_at(window, Timing::Final, hand_on)
    }

    /// The same for a window that is open, or has closed before.
    #[inline(always)]
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
    ///
    /// Inlined as its callers are, so that window and place are put together where they will stand: moved there from
    /// elsewhere, they would be read as a whole before their parts have been written, and a shard of many sessions spent
    /// a sixth of its time on waiting for that.
    #[inline(always)]
    fn begin_place(&mut self, place: Place, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        self.hand_on_before(place, hand_on)?;
        self.fired.windows.push((place, self.fired.rows.len()));
        self.bounds = None;
        if self.plan.has_conditions()
            && let Some(window) = self.window
        {
            (self.start, self.end) = (self.bound(window.start), self.bound(window.end));
        }
        ControlFlow::Continue(())
    }

    /// Rows that stand there come next: what stands here is handed on if it is enough.
    #[inline(always)]
    fn hand_on_before(&mut self, place: Place, hand_on: &mut HandOn<'_>) -> ControlFlow<()> {
        // Sessions of several keys may be one window.
        if self.fired.is_full() && self.fired.windows.last().is_none_or(|&(last, _)| last != place) {
            hand_on(self.take())?;
        }
        if self.fired.windows.is_empty() {
            self.make_room();
        }
        ControlFlow::Continue(())
    }

    /// Makes room for what is expected: growing step by step would copy everything several times.
    #[cold]
    fn make_room(&mut self) {
        // What is a little more than last time fits as well.
        let room = |expected: usize| expected + expected / 8;
        self.fired.text.reserve(room(self.expected.text));
        self.fired.keys.reserve(room(self.expected.key));
        self.fired.rows.reserve(room(self.expected_rows));
        self.fired.windows.reserve(room(self.expected_windows));
    }

    /// Writes the bounds of the current window, with which a row begins.
    fn write_bounds(&mut self) {
        // Straight to their place: what has just been written in pieces is slow to read as a whole, and most sessions
        // have one row.
        let start = self.fired.text.len();
        match &self.bounds {
            Some(bounds) => self.fired.text.extend_from_within(bounds.clone()),
            None => {
                if let Some(window) = self.window {
                    let mut text = std::mem::take(&mut self.fired.text);
                    self.write_new_bounds(window, &mut text);
                    self.fired.text = text;
                }
                self.bounds = Some(start..self.fired.text.len());
            }
        }
    }

    /// Appends the bounds of a window as its rows have them.
    fn write_new_bounds(&self, window: Window, bounds: &mut Vec<u8>) {
        let plan = &self.plan;
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
    }

    /// Where the rows of the current window stand.
    #[inline(always)]
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
    pub fn row(&mut self, key: &[u8], head: u64, states: &States, slot: u32) -> ControlFlow<()> {
        let span = self.span();
        if self.plan.has_conditions() && !self.rank(key, states, slot, span) {
            return if self.has_failed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        if !self.is_brief {
            self.write(key, states, slot, span);
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
    fn write(&mut self, key: &[u8], states: &States, slot: u32, span: Span) {
        let row_start = self.fired.text.len();
        self.write_bounds();
        let (plan, text) = (&self.plan, &mut self.fired.text);
        write_key(plan, key, text);
        self.results_at = text.len();
        match plan.to {
            OutputFormat::Ndjson => {
                let mut lead_ins = plan.lead_ins[plan.results..].iter();
                let mut lead_in = |text: &mut Vec<u8>| {
                    text.extend_from_slice(lead_ins.next().expect("every column has one"));
                };
                for call in 0..states.width() {
                    lead_in(text);
                    match short_result(plan, states, call, slot, span) {
                        Some(short) if short.text().is_empty() => text.extend_from_slice(b"null"),
                        Some(short) => text.extend_from_slice(short.text()),
                        None => write_json_value(&states.finish(call, slot, span), text),
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
                for call in 0..states.width() {
                    match short_result(plan, states, call, slot, span) {
                        Some(short) => text.extend_from_slice(short.text()),
                        None => write_csv_value(&states.finish(call, slot, span), delimiter, text),
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
                for call in 0..states.width() {
                    write_table_value(&states.finish(call, slot, span), text);
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
    fn rank(&mut self, key: &[u8], states: &States, slot: u32, span: Span) -> bool {
        if let Some(call) = self.plan.rank_call(states.width()) {
            let value = self.plan.as_column(states.finish(call, slot, span));
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
        let results = states.results(slot, span);
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

/// The result of a call for a slot if it is a short number, or null, which has no text.
#[inline(always)]
fn short_result(plan: &RowPlan, states: &States, call: usize, slot: u32, span: Span) -> Option<ShortText> {
    let mut short = [ShortText::EMPTY];
    let asked = Asked { slots: &[slot], spans: &[span], ahead: &[] };
    let is_number = plan.gives[call] == Gives::Number;
    (is_number && states.write_short(call, asked, &mut short)).then_some(short[0])
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
