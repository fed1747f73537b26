//! The command line: which commands there are and which options each takes.
//!
//! What the user typed, and no more: nothing is resolved or checked against anything else here. The
//! doc comments are the help, the manual page and the completions. The options themselves stand in
//! [`super::options`].

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::options::{
    AggregationOptions, DiagnosticOptions, InputOptions, LimitOptions, OutputOptions, RowOptions,
    StateOptions, TimeOptions, WindowOptions,
};

const MAIN_USAGE: &str = "windrow [OPTIONS] [FILE]...\n       windrow <COMMAND> ...";
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
