//! The job: everything the program needs to know, resolved and checked. Nothing later looks at raw flags.

pub mod build;
pub mod columns;
pub mod explain;
pub mod fields;
pub mod file;
pub mod fingerprint;
mod live;
pub mod metrics;
pub mod outputs;
pub mod settings;
pub mod sources;
pub mod state;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::chart::terminal::Look;
use crate::expr::{Call, Expr, FieldPath, Key};
use crate::input::pattern::Pattern;
use crate::input::{Format, ReadOptions, SourceSpec};
use crate::output::fired::TIMING_COLUMNS;
use crate::time::TimeFormat;
use crate::window::{Firing, Windows};

/// A checked job.
#[derive(Clone)]
pub struct Job {
    /// What to compute with the events.
    pub task: Task,
    /// The inputs, in the order given; at least one.
    pub sources: Vec<SourceSpec>,
    /// How they are read.
    pub read: ReadOptions,
    /// The fields that the job needs, by number: what `Expr` fields refer to. No field stands twice.
    /// The time field is not among them unless an expression names it.
    pub fields: Vec<FieldPath>,
    /// The event time field; `None`: the first of [`DEFAULT_TIME_FIELDS`] that the first record has.
    pub time_field: Option<FieldPath>,
    /// How event times are read.
    pub time_format: TimeFormat,
    /// The id fields, by number; empty: no deduplication.
    pub ids: Vec<usize>,
    /// `--where`.
    pub filter: Option<Expr>,
    /// `--delay`, in microseconds.
    pub delay: i64,
    /// `--remember`, in microseconds.
    pub remember: i64,
    /// `--max-jump`, in microseconds.
    pub max_jump: Option<i64>,
    /// `--idle-timeout`: a source that has brought nothing for so long is not waited for; `None`: it always is.
    pub idle_timeout: Option<std::time::Duration>,
    /// `--follow`: inputs are followed by their names, and do not end by themselves.
    pub follow: Option<Following>,
    /// `--late`.
    pub late: LatePolicy,
    /// `--bad`.
    pub bad: BadPolicy,
    /// `--output`; `None`: standard output.
    pub output: Option<PathBuf>,
    /// `--threads`: parsers, and owners of keys; at least 1.
    pub threads: usize,
    /// `--buffer`: batches that may wait in each channel; at least 1.
    pub buffer: usize,
    /// `--state-dir` and what goes with it.
    pub state: Option<Durability>,
    /// What of the job must stay the same for a run to be continued.
    pub fingerprint: fingerprint::Fingerprint,
    /// What is said on stderr.
    pub report: Report,
    /// Where the numbers of a run can be read while it goes on.
    pub metrics: metrics::Metrics,
}

/// How inputs are followed.
#[derive(Debug, Clone)]
pub struct Following {
    /// `--stop-after`: after so long without anything new all of them have ended.
    pub stop_after: Option<std::time::Duration>,
    /// The inputs that are named by a pattern; the files that they mean are among the sources.
    pub patterns: Vec<Pattern>,
    /// How the records of those that come to be there are written.
    pub formats: sources::Formats,
}

impl Following {
    /// Whether a pattern means a file of this name.
    pub fn means(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.means(name))
    }

    /// The files that patterns mean and that are not known yet.
    pub fn newcomers(&self, known: &HashSet<&str>) -> Vec<String> {
        let found = self.patterns.iter().flat_map(|pattern| pattern.files(known));
        let names = found.map(|path| path.display().to_string());
        names.filter(|name| !known.contains(name.as_str())).collect()
    }
}

/// What a job computes.
#[expect(clippy::large_enum_variant, reason = "a run has one, and it is never moved about")]
#[derive(Clone)]
pub enum Task {
    /// Windows: the main job.
    Aggregate(Aggregation),
    /// `windrow order`: the events themselves, in event-time order.
    Order,
}

/// The windowed aggregation of the main job.
#[derive(Clone)]
pub struct Aggregation {
    /// `--window`.
    pub windows: Windows,
    /// `--emit-every`, `--allowed-lateness`.
    pub firing: Firing,
    /// `--fill`: what rows of windows without events hold between a key's first and last; `None`: there are none.
    pub fill: Option<Fill>,
    /// `--by`.
    pub keys: Vec<Key>,
    /// `--agg`; `count(*)` if none was given.
    pub calls: Vec<Call>,
    /// `--to`.
    pub to: OutputFormat,
    /// `--row-id`.
    pub row_id: bool,
    /// `--having`, over the output columns.
    pub having: Option<Expr>,
    /// `--top`, `--order-by`, `--ties`.
    pub top: Option<Top>,
}

impl Job {
    /// Whether some input is CSV, whose values have no type.
    pub fn reads_csv(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.format, Format::Csv { .. }))
    }
}

impl Job {
    /// Whether open windows stay for the next run when the input ends.
    pub fn holds(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.at_eof == AtEof::Hold)
    }
}

impl Aggregation {
    /// The columns that say which window a row is of: with several kinds of windows `window`, then `window_start` and
    /// `window_end`; none of them with `--window none`.
    pub fn leading(&self) -> &'static [&'static str] {
        match self.windows {
            Windows::None => &[],
            Windows::Panes(_) | Windows::Session { .. } => &["window_start", "window_end"],
            Windows::Several(_) => &["window", "window_start", "window_end"],
        }
    }

    /// The names of the output columns, in order: those of [`Aggregation::leading`], the keys, the aggregates, and
    /// where windows may be written more than once `pane` and `revision`. The fields of `having` and `top` are numbered
    /// by this order.
    pub fn columns(&self) -> Vec<String> {
        let bounds = self.leading();
        let keys = self.keys.iter().map(|key| key.name.clone());
        let calls = self.calls.iter().map(|call| call.name.clone());
        let timing = if self.firing.repeats() { &TIMING_COLUMNS[..] } else { &[] };
        let owned = |name: &&str| (*name).to_owned();
        bounds.iter().map(owned).chain(keys).chain(calls).chain(timing.iter().map(owned)).collect()
    }
}

/// What rows of windows without events hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fill {
    /// 0 for each aggregate, null for lists, and for what was text in the row of the key before.
    Zero,
    /// Null for each aggregate.
    Null,
    /// What the row of the key before holds.
    Previous,
}

impl Fill {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Fill::Zero => "zero",
            Fill::Null => "null",
            Fill::Previous => "previous",
        }
    }
}

/// `--top N --order-by EXPR [--ties]`.
#[derive(Clone)]
pub struct Top {
    /// How many rows of each window are kept; at least 1. For a live view that shows all: the largest number.
    pub rows_max: usize,
    /// What they are ranked by, over the output columns.
    pub order_by: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether all rows that tie with the last one are kept too.
    pub ties: bool,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// One JSON object a line.
    Ndjson,
    /// With a header, this delimiter, quotes where needed.
    Csv {
        /// `,` for CSV and a tab for TSV.
        delimiter: u8,
    },
    /// Aligned columns for people.
    Table,
    /// A drawing for a terminal of this kind.
    Chart(Look),
    /// A table of the open windows, drawn on the terminal while the run goes on.
    Live,
}

/// What happens to late events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LatePolicy {
    /// They are counted.
    Drop,
    /// They are counted and written to this file.
    File(PathBuf),
}

impl LatePolicy {
    /// The file that late events are written to, if they are.
    pub fn path(&self) -> Option<&Path> {
        match self {
            LatePolicy::Drop => None,
            LatePolicy::File(path) => Some(path),
        }
    }
}

/// What happens to records that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadPolicy {
    /// The run stops with an error at the first one.
    Fail,
    /// They are counted.
    Skip,
    /// They are counted and written to this file.
    File(PathBuf),
}

impl BadPolicy {
    /// The file that bad records are written to, if they are.
    pub fn path(&self) -> Option<&Path> {
        match self {
            BadPolicy::Fail | BadPolicy::Skip => None,
            BadPolicy::File(path) => Some(path),
        }
    }
}

/// What is kept for a run to be continued, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// `--state-dir`.
    pub dir: PathBuf,
    /// `--checkpoint-interval`.
    pub interval: std::time::Duration,
    /// `--at-eof`.
    pub at_eof: AtEof,
    /// `--stdin-resume`.
    pub stdin_resume: StdinResume,
    /// `--in-doubt`.
    pub in_doubt: InDoubt,
    /// `--replay`.
    pub replay: bool,
}

/// What happens at the end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum AtEof {
    /// All windows close.
    Close,
    /// They stay open for the next run.
    Hold,
}

/// What standard input brings when a run is continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StdinResume {
    /// The same stream from its start.
    Replay,
    /// What has not been read yet.
    Continue,
}

/// What becomes of a write to a pipe of which nobody knows whether it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum InDoubt {
    /// It is made again.
    Repeat,
    /// It is left out.
    Skip,
    /// The run does not go on.
    Fail,
}

/// What a run says on stderr besides errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// `--quiet`: no summary, no warnings.
    pub quiet: bool,
    /// `--verbose`, counted.
    pub verbose: u8,
    /// The account at the end.
    pub stats: Stats,
    /// `--progress`.
    pub progress: When,
    /// `--color`.
    pub color: When,
}

/// Whether and how the account of the run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stats {
    /// One line if stderr is a terminal.
    Auto,
    /// One line of text, always.
    Text,
    /// One JSON object, always.
    Json,
}

/// `auto`, `always`, `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// If it is a terminal.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// The names tried, in this order, where no `--time` is given.
pub const DEFAULT_TIME_FIELDS: [&str; 5] = ["timestamp", "@timestamp", "time", "ts", "event_time"];

#[cfg(test)]
mod tests;
