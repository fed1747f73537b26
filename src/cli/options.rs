//! The options of a job in groups, one struct and one help heading each.
//!
//! The first line of a doc comment is the short help (`-h`), all of it the long one (`--help`). What
//! is rarely wanted is hidden from the short help, which is to fit on a screen. Defaults that are texts
//! stand here and nowhere else.

use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::values::{FormatName, OutputFormatName, StatsName, chunk_bytes, count, delimiter, size, threads};
use crate::job::{AtEof, Fill, InDoubt, StdinResume, When};

/// What is read, and which of it counts.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input and time")]
pub struct InputOptions {
    /// Inputs; none or - is standard input
    ///
    /// Each is a stream with a watermark of its own. Their order does not matter, except for events
    /// that are equal in everything else. Compressed input (gzip, zstd, bzip2, xz, lz4) is recognised
    /// by its first bytes. A file named like a command is given as ./order.
    #[arg(value_name = "FILE", hide_short_help = true)]
    pub files: Vec<PathBuf>,
    /// Input format: ndjson, csv, tsv [default: by name]
    ///
    /// Without it each input's name decides (.ndjson, .jsonl, .json, .csv, .tsv, also before .gz, .zst,
    /// .bz2, .xz, .lz4); where that says nothing it is ndjson.
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    pub from: Option<FormatName>,
    /// Follow the inputs by their names, like tail -F
    ///
    /// A file is read on as it grows; when it is rotated (renamed, or copied and emptied) it is read to its end, and
    /// then what has its name. One that is not there yet is waited for. Results come when the watermark passes
    /// the ends of their windows: see --idle-timeout for what happens when nobody writes.
    ///
    /// A pattern in quotes, as 'logs/*.log', means all files that it fits, also those that come to be there later; for
    /// these it needs --state-dir. What rotation has made of a file is none of its own.
    #[arg(short = 'F', long)]
    pub follow: bool,
    /// End a --follow when nothing has come for this long [default: never]
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub stop_after: Option<String>,
    /// Event id; repeats of an id are dropped
    ///
    /// The first copy read counts. An id is remembered as long as a window that contains its event is
    /// open; see --remember. Without the option there is no deduplication.
    #[arg(short, long, value_name = "FIELD[,FIELD]")]
    pub id: Option<String>,
    /// Keep the events for which this SQL is true
    ///
    /// An expression over the fields of the event, as in "status >= 500 AND path LIKE '/api/%'". Null
    /// counts as not true. windrow(1) lists operators and functions.
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// CSV has no header row; its fields are called 1, 2, ...
    #[arg(long, hide_short_help = true)]
    pub no_header: bool,
    /// Field delimiter of CSV: one byte, `\t` or `tab` [default: ,]
    ///
    /// Rows are then written with it too, unless --to names a format.
    #[arg(long, value_name = "C", value_parser = delimiter, allow_hyphen_values = true, hide_short_help = true)]
    pub delimiter: Option<u8>,
    /// Take options from a TOML file with the long option names as keys
    ///
    /// As in `window = "1m"`, `by = ["page"]`, `files = ["a.ndjson"]`, `ties = true`. An option on the
    /// command line replaces that of the file. Paths are relative to the working directory.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub job: Option<PathBuf>,
}

/// When an event happened, and how long events are waited for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Input and time")]
pub struct TimeOptions {
    /// Event time field [default: timestamp, time, ts ...]
    ///
    /// Without it, the first of timestamp, @timestamp, time, ts and event_time that the first record
    /// has.
    #[arg(short, long, value_name = "FIELD")]
    pub time: Option<String>,
    /// How far events may be out of order
    ///
    /// The watermark trails the largest event time of an input by this much. An event is late when the watermark has
    /// passed the end of every window that it belongs to; with sessions, when it has passed the event's own time.
    #[arg(short, long, value_name = "DURATION", default_value = "5s")]
    pub delay: String,
    /// How event times are written: auto, s, ms, us, ns, rfc3339, rfc2822, or a strptime pattern
    ///
    /// auto: strings are RFC 3339, and numbers are taken for seconds, milliseconds, microseconds or
    /// nanoseconds by the size of the first one in each input.
    #[arg(long, value_name = "FMT", default_value = "auto", hide_short_help = true)]
    pub time_format: String,
    /// Time zone of event times written without one [default: UTC]
    #[arg(long, value_name = "ZONE", hide_short_help = true)]
    pub time_zone: Option<String>,
    /// Take an event this far ahead of its input for a mistake [default: off]
    ///
    /// An event more than DURATION ahead of the largest time of its input is set aside until the next
    /// one: if that lies within DURATION of it both are believed, else it is a bad record.
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub max_jump: Option<String>,
    /// Do not wait longer for an input that is silent [default: wait]
    ///
    /// An input that has brought nothing for this long, by the clock, holds the others up no more; when it
    /// brings something again, it counts from the watermark on. When all are silent, time goes on by the clock,
    /// and the last windows close without the next event. Pipes are silent, files are not.
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub idle_timeout: Option<String>,
    /// Remember ids longer than their windows are open
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_short_help = true)]
    pub remember: String,
}

/// Windows and keys.
#[derive(Debug, Args)]
#[command(next_help_heading = "Windows and aggregates")]
pub struct WindowOptions {
    /// 1m, 5m/1m, session:30s, none ...; repeatable
    ///
    /// Which windows an event belongs to: `1m` tumbling; `5m/1m` hopping (size/advance); `session:30s` sessions by their gap;
    /// `cumulate:1h/1m` windows that grow by 1m to 1h; `none` one row per key at the end. In full
    /// SIZE[/ADVANCE][+OFFSET][@ZONE]. `1w` and `1mo` are calendar units always, `1d` with a zone. Several (`-w 1m -w 1h`)
    /// are counted in one pass: rows have a first column `window`, which says of which they are.
    #[arg(short, long, value_name = "SPEC")]
    pub window: Vec<String>,
    /// Also write windows that are still open, whenever so much event time has passed [default: when they close]
    ///
    /// When the watermark comes to or past a multiple of DURATION, the groups that have changed since are written, with `pane`
    /// `early`. Rows get two more columns: `pane` (`early`, `final`, `revised`) and `revision`, which counts how
    /// often this window and key have been written before.
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub emit_every: Option<String>,
    /// Let windows that have fired take in events for so long, and write them again [default: 0s]
    ///
    /// An event is late only when the watermark has passed the end of all its windows by this much. Before, what it changes is
    /// written again, with `pane` `revised`: at once, or at the next multiple of --emit-every.
    #[arg(long, value_name = "DURATION", hide_short_help = true)]
    pub allowed_lateness: Option<String>,
    /// Also write rows for windows without events, between those of a key: zero, null or previous
    ///
    /// They are written before the key's next row, which shows that it goes on. With `zero` each aggregate that was a number in
    /// the row before is 0, with `null` all are null, with `previous` they are as in the row before.
    #[arg(long, value_name = "WITH", hide_short_help = true, hide_possible_values = true)]
    pub fill: Option<Fill>,
    /// Group key; repeatable; EXPR AS NAME computes one
    #[arg(short, long, value_name = "FIELD[,FIELD]")]
    pub by: Vec<String>,
}

/// What is computed for each window and key.
#[derive(Debug, Args)]
#[command(next_help_heading = "Windows and aggregates")]
pub struct AggregationOptions {
    /// Aggregate: 'sum(x)'; repeatable
    ///
    /// In full 'F(ARG) [FILTER (WHERE EXPR)] [AS NAME]', also several with commas between them. Without AS the
    /// column is called FUNCTION_FIELD (sum_bytes), and count(*) count. windrow(1) lists them all.
    #[arg(short, long, value_name = "CALL", default_value = "count(*)")]
    pub agg: Vec<String>,
    /// Keep only rows for which this is true, over the output columns
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true, hide_short_help = true)]
    pub having: Option<String>,
    /// Keep the first N rows of each window; needs --order-by
    #[arg(long, value_name = "N", value_parser = count, hide_short_help = true)]
    pub top: Option<usize>,
    /// What --top ranks by, over the output columns; EXPR ASC for the least first
    ///
    /// With --to live it is what the view is sorted by, also without --top.
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true, hide_short_help = true)]
    pub order_by: Option<String>,
    /// With --top: also keep all rows that tie with the last one
    #[arg(long, hide_short_help = true)]
    pub ties: bool,
}

/// How rows are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output and state")]
pub struct RowOptions {
    /// ndjson, csv, tsv, table, chart, live [default: input's]
    ///
    /// Without it rows are written as the first input is, with its delimiter. A chart draws each numeric aggregate over
    /// time, as wide as the terminal, a line for each of the 8 largest keys; `windrow chart` draws a result in a file.
    ///
    /// live shows on the terminal, while the run goes on, the window that closes next: its rows as they are so far, the
    /// largest first (--order-by says by what), with what each key had in the last windows. The last table stays.
    #[arg(long, value_name = "FORMAT", hide_possible_values = true)]
    pub to: Option<OutputFormatName>,
    /// Number the rows: a first column `row` with 1, 2, 3, ...
    ///
    /// Over a pipe a killed run may deliver the rows of one write twice; by their numbers the reader can tell.
    #[arg(long, hide_short_help = true)]
    pub row_id: bool,
}

/// Where rows, late events and unusable records go.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output and state")]
pub struct OutputOptions {
    /// Write the output there [default: standard output]
    #[arg(short, long, value_name = "FILE", hide_short_help = true)]
    pub output: Option<PathBuf>,
    /// Late events: drop (count them), or a file to write them to
    ///
    /// An event is late when every window that it belongs to is closed. They are counted in any case;
    /// a file gets them as NDJSON with the reason. A file called drop is given as ./drop.
    #[arg(long, value_name = "drop|FILE", default_value = "drop", hide_short_help = true)]
    pub late: PathBuf,
    /// Unusable records: fail, skip, or a file to write them to
    ///
    /// fail stops with an error, skip counts them; a file gets them as NDJSON with source, line, offset
    /// and reason. A file called skip is given as ./skip.
    #[arg(long, value_name = "fail|skip|FILE", default_value = "fail", hide_short_help = true)]
    pub bad: PathBuf,
}

/// What is kept to continue a run that was interrupted.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output and state")]
pub struct StateOptions {
    /// Keep checkpoints there, and continue from them
    ///
    /// A run that was killed at any instant is continued by the same command: the output ends up as that of a run
    /// that nothing disturbed, byte for byte. The directory belongs to one job; it is made if it is not there.
    /// `windrow state show DIR` says what it holds.
    #[arg(short, long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Time between checkpoints
    ///
    /// More often costs more; what lies behind the last one is computed again when a run is continued.
    #[arg(long, value_name = "DURATION", default_value = "30s", hide_short_help = true)]
    pub checkpoint_interval: String,
    /// At the end of the input: close all windows, or hold them open for the next run
    ///
    /// hold keeps them in the state directory: the next run over the grown input goes on as if it were one
    /// stream. A last line without its line end waits for the next run too.
    #[arg(
        long,
        value_name = "close|hold",
        default_value = "close",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub at_eof: AtEof,
    /// What standard input brings when a run is continued: replay, or continue
    ///
    /// replay: the stream from its start; what was read is checked and passed over. continue: what was not read yet.
    #[arg(
        long,
        value_name = "replay|continue",
        default_value = "replay",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub stdin_resume: StdinResume,
    /// What a pipe gets of a write that a kill cut short: repeat it, skip it, or fail
    ///
    /// Nobody can tell whether its reader has it. The rows are named on standard error.
    #[arg(
        long,
        value_name = "repeat|skip|fail",
        default_value = "repeat",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub in_doubt: InDoubt,
    /// Start anew, whatever the state directory holds
    ///
    /// Everything is computed and written again from the start of the input.
    #[arg(long, hide_short_help = true)]
    pub replay: bool,
    /// What was to be computed anew has been begun
    #[arg(long, hide = true)]
    pub goes_on: bool,
}

/// How much of the machine is used.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Threads [default: all cores]
    ///
    /// The output does not depend on it.
    #[arg(short = 'j', long, value_name = "N", value_parser = threads, hide_short_help = true)]
    pub threads: Option<usize>,
    /// Batches that may wait in each channel [default: twice the threads]
    #[arg(long, value_name = "N", value_parser = count, hide_short_help = true)]
    pub buffer: Option<usize>,
    /// The longest record: bytes, or 64MiB, 64M (both 1024-based), 64MB
    ///
    /// A longer record is a bad one.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64MiB", hide_short_help = true)]
    pub max_record: usize,
    /// The size in which inputs are read, in bytes; it shapes memory and speed, never the output
    #[arg(long, value_name = "N", value_parser = chunk_bytes, default_value = "1MiB", hide = true)]
    pub chunk_bytes: usize,
}

/// What is said on standard error.
#[derive(Debug, Args)]
#[command(next_help_heading = "Diagnostics")]
pub struct DiagnosticOptions {
    /// Write the account of the run to stderr: text, or json
    ///
    /// How many records were read, accepted, filtered, late, duplicate and bad. Without the option
    /// there is a short summary when standard error is a terminal.
    #[arg(
        long,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text",
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub stats: Option<StatsName>,
    /// No summary and no warnings
    #[arg(short, long, hide_short_help = true)]
    pub quiet: bool,
    /// The account of the run, input by input
    #[arg(short, long, action = ArgAction::Count, hide_short_help = true)]
    pub verbose: u8,
    /// Progress on standard error: auto (if it is a terminal), always, never
    ///
    /// Of what is followed it shows how many bytes are left to read for now. Without it, too, a run says on standard
    /// error how it stands when it gets the signal SIGUSR1: records, watermark, what it waits for, which stage is busy.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub progress: When,
    /// Write metrics there for node_exporter's textfile collector
    ///
    /// FILE is called NAME.prom. It is replaced whole every --metrics-interval, and once at the end with the exit
    /// code. windrow's README lists what is in it. Every sample has the label job="NAME", unless --metrics-label
    /// names another job.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub metrics: Option<PathBuf>,
    /// Time between two states of that file
    #[arg(long, value_name = "DURATION", default_value = "10s", hide_short_help = true)]
    pub metrics_interval: String,
    /// Serve metrics over HTTP, as at 127.0.0.1:9464
    ///
    /// GET /metrics has them in Prometheus' text format, GET /healthz says that the run goes on. Everybody who can
    /// reach the address can read them. With port 0 a free one is taken, which is told on standard error.
    #[arg(long, value_name = "ADDRESS:PORT", hide_short_help = true)]
    pub metrics_listen: Option<String>,
    /// A label on every sample of the metrics; repeatable
    #[arg(long, value_name = "NAME=VALUE", hide_short_help = true)]
    pub metrics_label: Vec<String>,
    /// Whether it is coloured.
    #[command(flatten)]
    pub colour: ColorOption,
}

/// Whether what is said and drawn is coloured.
#[derive(Debug, Args)]
pub struct ColorOption {
    /// Colour: auto (on a terminal), always, never
    ///
    /// auto also heeds NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0 and TERM=dumb, in this order.
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true
    )]
    pub color: When,
}
