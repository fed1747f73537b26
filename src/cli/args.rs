//! The command line: which commands there are and which options each takes.
//!
//! What the user typed, and no more: nothing is resolved or checked against anything else here. The
//! doc comments are the help, the manual page and the completions. The options themselves stand in
//! [`super::options`].

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::options::{
    AggregationOptions, ColorOption, DiagnosticOptions, InputOptions, LimitOptions, OutputOptions,
    RowOptions, StateOptions, TimeOptions, WindowOptions,
};
use super::values::{FormatName, ProfileFormatName};

const MAIN_USAGE: &str = "windrow [OPTIONS] [FILE]...\n       windrow <COMMAND> ...";
const VERIFY_USAGE: &str = "windrow verify [--kills N] [--seed S] -- [order] [OPTIONS] [FILE]...";
const WHY_USAGE: &str = "windrow why [--to json] FILE:LINE -- [order] [OPTIONS] FILE...";
const EXPLAIN_USAGE: &str =
    "windrow explain [OPTIONS] [FILE]...\n       windrow explain order [OPTIONS] [FILE]...";

/// Windows by event time over NDJSON and CSV, from pipes and files
///
/// windrow reads newline-delimited JSON or CSV, puts every event into the time windows it belongs to
/// by the time written in the event, drops repeats by event id, and writes one row per window and key
/// when the window is complete. The same input and the same job give the same output bytes, whatever
/// the number of threads and however the input arrives.
///
/// A window is complete when the watermark has passed its end. The watermark trails the largest event
/// time seen by --delay: with a larger delay fewer events come too late, and rows come later.
#[derive(Debug, Parser)]
#[command(
    name = "windrow",
    version,
    override_usage = MAIN_USAGE,
    args_conflicts_with_subcommands = true,
    max_term_width = 80,
    after_help = "More options, and examples: windrow --help",
    after_long_help = super::examples::help(),
)]
pub struct Cli {
    /// The command, if it is not the main job.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of the main job.
    #[command(flatten)]
    pub main: MainArgs,
}

/// The commands besides the main job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the events themselves, in event-time order
    ///
    /// Reads events as the main job does and writes each accepted one as it was read, in the order of
    /// event time, without repeats of an id. Late events and unusable records are treated as there.
    /// All inputs must be written in one format, which is that of the output.
    #[command(override_usage = "windrow order [OPTIONS] [FILE]...", max_term_width = 80)]
    Order(Box<OrderArgs>),
    /// Print the checked plan of a job and run nothing
    ///
    /// Takes the options of a job, checks them as the job itself would, and prints every setting with
    /// where it came from, the fields that are read, the windows, keys, aggregates and output columns.
    /// No input is read and no file written. `windrow explain order ...` does the same for
    /// `windrow order ...`.
    #[command(override_usage = EXPLAIN_USAGE, args_conflicts_with_subcommands = true, max_term_width = 80)]
    Explain(Box<ExplainArgs>),
    /// Say what is in the inputs, and which job fits them
    ///
    /// Reads the inputs once and tells what one must know to write a job: the fields with their types; the event time, its
    /// format, range and rate; how far events are out of order, and the delay that loses none or few of them; repeats of
    /// ids; gaps for the length of sessions; single events far ahead of all others; bad records. It ends with a command
    /// line that can be run as it is.
    ///
    /// Which fields are the event time, ids and keys is guessed from the first 10,000 records, unless --time, --id and --by name
    /// them. Memory is bounded, whatever the size of the inputs; numbers of different values above 512 are estimates
    /// (within 1.6 %).
    ///
    /// With --to json it is one object, with durations in microseconds and times in RFC 3339:
    ///
    /// records, limit; inputs: name, format, records, bad, bytes, time_form, limited (by --limit), fault (why it breaks
    /// off), order.
    ///
    /// fields: name, types (count by type), null, missing, distinct, distinct_exact, examples; more_fields.
    ///
    /// time: field, format, candidates (field, format, percent, reasons; the likeliest first), first, last, rate (start, width,
    /// counts, before, behind); null if there is none.
    ///
    /// order: events, behind, behind_max, histogram (up_to, count: null is beyond), delay (by the share of events lost).
    ///
    /// outliers: max_jump, count, first (source, line, time), order (of the others); null if there are none.
    ///
    /// ids: id, records, missing, repeats, same_time, spread_max, one_in (ids that were looked at).
    ///
    /// gaps: key (null: all events), keys, one_in, only_first, gaps, p50, p90, p99, max, session (gap, sessions,
    /// sessions_at_half, sessions_at_twice, clear).
    ///
    /// bad: kind, count, source, line, reason; job: words, command, reasons.
    ///
    /// Exit codes: 0 if all was read; 1 if an input cannot be read, or breaks off (what came before is told); 2 for a wrong
    /// command line.
    #[command(override_usage = "windrow profile [OPTIONS] [FILE]...", max_term_width = 80)]
    Profile(Box<ProfileArgs>),
    /// Draw a result over time: in the terminal, as SVG or HTML
    ///
    /// Reads rows that windrow has written (NDJSON, CSV, TSV, by name or by what is in it) and draws each column of
    /// numbers over the time of its windows, a line for each key. Without -o the chart is drawn here; NAME.svg gets
    /// a picture, NAME.html a page that also shows the values under the pointer. Neither needs anything from elsewhere.
    ///
    /// The columns of the key are found out: the first ones, as few as tell the rows of a window apart, and texts right
    /// behind the window. The 8 keys with the largest totals (of sizes, in the first column drawn) are drawn, and the
    /// number of the others is told. A window without a row is a gap, not zero. A line goes through the starts of
    /// windows, of growing ones (cumulate) through their ends; sessions are points; without windows each key is a bar.
    ///
    /// The y axis begins at zero, unless all values lie in the fifth farthest from it. Where there are more windows than
    /// fit, a column of the picture shows the first, least, greatest and last value, so that no spike is lost. Of rows
    /// with `pane` and `revision` the one with the highest revision counts. The same rows and options make the same bytes.
    ///
    /// Rows of several -w have a first column `window`. One chart draws one kind of windows: --window says which.
    ///
    /// Exit codes: 0 if it is drawn, also if there are no rows; 1 if the result cannot be read, or is none; 2 for a wrong
    /// command line, or columns that are not there.
    #[command(override_usage = "windrow chart [OPTIONS] [RESULT]", max_term_width = 80)]
    Chart(Box<ChartArgs>),
    /// Look into a state directory
    ///
    /// Says what a job has left in the directory of its --state-dir. Nothing is changed, and a run may use the
    /// directory meanwhile.
    #[command(subcommand_required = true, max_term_width = 80)]
    State {
        /// What is wanted of it.
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Prove on your data that kills neither lose nor repeat rows
    ///
    /// Runs the job once undisturbed, then again and again: killed with SIGKILL at random moments, continued by the same
    /// command, with other numbers of threads, other chunk sizes and short checkpoint intervals. Each time rows,
    /// late events and bad records are compared with those of the first run, byte by byte. One more time the rows go
    /// through a pipe, and repeats are discarded by their --row-id.
    ///
    /// The job's own --output, --late, --bad and --state-dir are not touched: temporary files stand in for them, in
    /// the directory that TMPDIR names. Standard input, if the job reads it, is kept there first. A round counts
    /// only if a run was killed between its first checkpoint and its last, and continued.
    ///
    /// Exit codes: 0 if every round came out equal; 1 if one did not (its files are kept, and the first byte that
    /// differs is named), or nothing was proved; 2 for a wrong command line.
    #[command(override_usage = VERIFY_USAGE, max_term_width = 80)]
    Verify(VerifyArgs),
    /// Say what became of one record
    ///
    /// Reads the inputs of the job up to the record on that line, and says which windows it entered, or why it does not
    /// count: late (by which watermark, and which event had set that), a repeat (of which line), filtered, or bad.
    /// Nothing is written. Without a state directory; standard input has to be in a file.
    ///
    /// --to json: one object with input, line, record, time, watermark, watermark_set_by (input, line), fate (accepted,
    /// filtered, late, duplicate, bad), why (sentences), and by the fate windows and missed (start, end; of several
    /// -w also window, its name), delay_wanted, first (input, line).
    ///
    /// Exit codes: 0 with an answer; 1 if an input cannot be read that far; 2 for a wrong command line, or a line without
    /// a record.
    #[command(override_usage = WHY_USAGE, max_term_width = 80)]
    Why(WhyArgs),
    /// Print the completions for a shell
    ///
    /// For bash: windrow completions bash > ~/.local/share/bash-completion/completions/windrow
    #[command(max_term_width = 80)]
    Completions {
        /// The shell to complete in
        shell: Shell,
    },
}

/// The arguments of `windrow explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The command to explain, if it is not the main job.
    #[command(subcommand)]
    pub command: Option<ExplainCommand>,
    /// The options of the main job.
    #[command(flatten)]
    pub main: MainArgs,
}

/// The commands that can be explained.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// Print the checked plan of `windrow order`
    #[command(override_usage = "windrow explain order [OPTIONS] [FILE]...", max_term_width = 80)]
    Order(Box<OrderArgs>),
}

/// What can be asked of a state directory.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// What it holds, for people
    ///
    /// Where each input stands, the watermark, what is open and what closes next, ids remembered, how much was
    /// written, sizes, and the job as one would type it. Where the newest checkpoint is damaged, the one before it
    /// is shown. The form of the text may change; scripts take dump.
    #[command(max_term_width = 80)]
    Show(StateDirArg),
    /// What it holds as NDJSON, for jq
    ///
    /// One object a line, each with a "kind":
    ///
    /// checkpoint: number, format, taken_at, run, ending (running, held, closed), time_field, watermark, process
    /// (that uses the directory, or null), bytes, damaged (newer checkpoints passed over).
    ///
    /// job: command, options (as texts, by their long names; what was not given is "").
    ///
    /// source: name, format, bytes and records (of all that was read under the name), byte and line (in the file that is
    /// read now: where the next record starts), largest_time, watermark, finished, read, accepted, filtered, late,
    /// duplicate, bad, partially_late, and revising if there are any.
    ///
    /// output: name (rows, late, bad), path (null: standard output), stream, base, bytes, rows; for a stream also
    /// delivered_bytes, delivered_rows, in_doubt_bytes.
    ///
    /// window, session: start, end (null for --window none), keys (by name), results (by name: what the row would say
    /// now; without --having and --top), in the order of rows. A hopping or cumulate window has a line for each key
    /// that is in it.
    ///
    /// waiting (windrow order): time, source, record, text.
    ///
    /// ids: bucket, from, to (null where it has no bounds), count (null if the file is damaged), bytes.
    ///
    /// Times have the form of the rows: numbers in the unit of the first input, or RFC 3339; taken_at is always RFC 3339.
    #[command(max_term_width = 80)]
    Dump(StateDirArg),
    /// Check every file of it
    ///
    /// Checksums, and whether what they cover makes sense: open windows and their aggregates, keys, the ledger of every
    /// input, ids, the account of what a pipe has taken. A line for each file.
    ///
    /// Exit codes: 0 if all is well; 1 if something is damaged; 2 if there is no state directory.
    #[command(max_term_width = 80)]
    Verify(StateDirArg),
}

/// The arguments of `windrow profile`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Profile")]
pub struct ProfileArgs {
    /// Inputs; none or - is standard input
    // Not called `files`, which is the id of the inputs of jobs.
    #[arg(value_name = "FILE")]
    pub inputs: Vec<PathBuf>,
    /// Input format: ndjson, csv, tsv [default: by name]
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    pub from: Option<FormatName>,
    /// Event time field [default: the likeliest]
    #[arg(short, long, value_name = "FIELD")]
    pub time: Option<String>,
    /// How event times are written: auto, s, ms, us, ns, rfc3339, rfc2822, or a strptime pattern
    ///
    /// auto: that is found out too.
    #[arg(long, value_name = "FMT", default_value = "auto")]
    pub time_format: String,
    /// Time zone of event times written without one [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Look at this field as id; several make one together [default: the likeliest]
    #[arg(short, long, value_name = "FIELD[,FIELD]")]
    pub id: Option<String>,
    /// Look at this field as key; several make one together [default: the likeliest]
    #[arg(short, long, value_name = "FIELD[,FIELD]")]
    pub by: Option<String>,
    /// CSV has no header row; its fields are called 1, 2, ...
    #[arg(long)]
    pub no_header: bool,
    /// Field delimiter of CSV: one byte, `\t` or `tab` [default: ,]
    #[arg(long, value_name = "C", value_parser = super::values::delimiter, allow_hyphen_values = true)]
    pub delimiter: Option<u8>,
    /// Read at most so many records of each input
    #[arg(long, value_name = "RECORDS", value_parser = super::values::count)]
    pub limit: Option<usize>,
    /// The longest record: bytes, or 64MiB, 64M (both 1024-based), 64MB
    #[arg(long, value_name = "SIZE", value_parser = super::values::size, default_value = "64MiB", hide_short_help = true)]
    pub max_record: usize,
    /// Write it as text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub to: ProfileFormatName,
}

/// The arguments of `windrow chart`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Chart")]
pub struct ChartArgs {
    /// The result; none or - is standard input
    #[arg(value_name = "RESULT")]
    pub result: Option<PathBuf>,
    /// Write the chart there: NAME.svg or NAME.html [default: draw it here]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Draw this column; repeatable, one plot below the other [default: all numbers]
    #[arg(short, long, value_name = "COLUMN")]
    pub y: Vec<String>,
    /// The columns of the key, one line for each; repeatable [default: found out]
    // Not called `by`, which is the id of an option of jobs.
    #[arg(short = 'b', long = "by", value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Of rows of several -w: draw those of this one, as the column `window` has it
    // Not called `window`, as above.
    #[arg(long = "window", value_name = "NAME")]
    pub kind: Option<String>,
    /// Draw the N keys with the largest totals
    // Not called `top`, as above.
    #[arg(long = "top", value_name = "N", value_parser = super::values::lines, default_value = "8")]
    pub keys: usize,
    /// What stands above the chart [default: its columns]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Its width: pixels, in the terminal characters [default: 960, the terminal]
    #[arg(long, value_name = "N", value_parser = super::values::count)]
    pub width: Option<usize>,
    /// Its height: pixels, in the terminal lines [default: by the plots]
    #[arg(long, value_name = "N", value_parser = super::values::count)]
    pub height: Option<usize>,
    /// Show times of this zone [default: as the result has them]
    #[arg(long, value_name = "ZONE")]
    pub time_zone: Option<String>,
    /// Format of the result: ndjson, csv, tsv [default: by name, or what is in it]
    #[arg(short, long, value_name = "FORMAT", hide_possible_values = true)]
    pub from: Option<FormatName>,
    /// Field delimiter of CSV: one byte, `\t` or `tab` [default: ,]
    #[arg(long, value_name = "C", value_parser = super::values::delimiter, allow_hyphen_values = true, hide_short_help = true)]
    pub delimiter: Option<u8>,
    /// The longest record: bytes, or 64MiB, 64M (both 1024-based), 64MB
    #[arg(long, value_name = "SIZE", value_parser = super::values::size, default_value = "64MiB", hide_short_help = true)]
    pub max_record: usize,
    /// Whether it is coloured.
    #[command(flatten)]
    pub colour: ColorOption,
}

/// The argument of the commands that look into a state directory.
#[derive(Debug, Args)]
pub struct StateDirArg {
    /// The state directory
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// The arguments of `windrow verify`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Proof")]
pub struct VerifyArgs {
    /// How many runs are killed and continued
    ///
    /// Each is killed several times. Runs that were over before a kill came are not counted, and made again.
    #[arg(long, value_name = "N", value_parser = super::values::count, default_value = "20")]
    pub kills: usize,
    /// Repeat the kills of an earlier proof [default: random]
    ///
    /// The moments are the same, as far as the machine is as fast as it was.
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// The job: what stands behind `windrow`
    // Not called `job`, which is the id of an option that a job itself has.
    #[arg(value_name = "JOB", last = true, required = true)]
    pub words: Vec<OsString>,
}

/// The arguments of `windrow why`.
#[derive(Debug, Args)]
#[command(next_help_heading = "Question")]
pub struct WhyArgs {
    /// The record: its input, as the job names it, and the line on which it stands
    #[arg(value_name = "FILE:LINE")]
    pub record: String,
    /// Answer as text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub to: ProfileFormatName,
    /// The job: what stands behind `windrow`
    #[arg(value_name = "JOB", last = true, required = true)]
    pub words: Vec<OsString>,
}

/// The options of the main job.
#[derive(Debug, Args)]
pub struct MainArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputOptions,
    /// When it happened.
    #[command(flatten)]
    pub time: TimeOptions,
    /// Windows and keys.
    #[command(flatten)]
    pub window: WindowOptions,
    /// What is computed.
    #[command(flatten)]
    pub aggregation: AggregationOptions,
    /// How rows are written.
    #[command(flatten)]
    pub rows: RowOptions,
    /// Where rows and rejected records go.
    #[command(flatten)]
    pub output: OutputOptions,
    /// What is kept between runs.
    #[command(flatten)]
    pub state: StateOptions,
    /// How much is used.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// What is said about it.
    #[command(flatten)]
    pub diagnostics: DiagnosticOptions,
}

/// The options of `windrow order`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// What is read.
    #[command(flatten)]
    pub input: InputOptions,
    /// When it happened.
    #[command(flatten)]
    pub time: TimeOptions,
    /// Where events and rejected records go.
    #[command(flatten)]
    pub output: OutputOptions,
    /// What is kept between runs.
    #[command(flatten)]
    pub state: StateOptions,
    /// How much is used.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// What is said about it.
    #[command(flatten)]
    pub diagnostics: DiagnosticOptions,
}

/// The options of a job of either kind, as the rest of the program takes them.
#[derive(Debug)]
pub struct JobArgs {
    /// What is read.
    pub input: InputOptions,
    /// When it happened.
    pub time: TimeOptions,
    /// What the main job computes; `None` for `windrow order`.
    pub aggregate: Option<AggregateArgs>,
    /// Where the output goes.
    pub output: OutputOptions,
    /// What is kept between runs.
    pub state: StateOptions,
    /// How much is used.
    pub limits: LimitOptions,
    /// What is said about it.
    pub diagnostics: DiagnosticOptions,
}

/// The options that only the main job has.
#[derive(Debug)]
pub struct AggregateArgs {
    /// Windows and keys.
    pub window: WindowOptions,
    /// What is computed.
    pub aggregation: AggregationOptions,
    /// How rows are written.
    pub rows: RowOptions,
}

impl From<MainArgs> for JobArgs {
    fn from(args: MainArgs) -> JobArgs {
        let MainArgs { input, time, window, aggregation, rows, output, state, limits, diagnostics } = args;
        let aggregate = Some(AggregateArgs { window, aggregation, rows });
        JobArgs { input, time, aggregate, output, state, limits, diagnostics }
    }
}

impl From<OrderArgs> for JobArgs {
    fn from(args: OrderArgs) -> JobArgs {
        let OrderArgs { input, time, output, state, limits, diagnostics } = args;
        JobArgs { input, time, aggregate: None, output, state, limits, diagnostics }
    }
}
