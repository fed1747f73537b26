//! From the options as typed to the checked job. Everything that can be wrong with a job by itself is
//! found here, before any input is read.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::Path;

use crate::chart::terminal::Look;
use crate::cli::args::{AggregateArgs, JobArgs};
use crate::cli::look;
use crate::cli::options::{AggregationOptions, DiagnosticOptions, InputOptions, RowOptions, TimeOptions};
use crate::cli::values::{OutputFormatName, StatsName};
use crate::error::Result;
use crate::expr;
use crate::input::{Format, ReadOptions};
use crate::outline;
use crate::time::{TimeFormat, duration};
use crate::window::{Firing, Windows};

use super::columns::Columns;
use super::fields::Fields;
use super::fingerprint::Fingerprint;
use super::outputs::{self, Outputs};
use super::settings::Settings;
use super::{Aggregation, AtEof, Fill, Following, Job, OutputFormat, Report, Stats, StdinResume, Task, Top};
use super::{live, metrics, sources, state};

/// The job that the options ask for. The settings say in errors where an option came from.
pub fn job(args: &JobArgs, settings: &Settings) -> Result<Job> {
    let JobArgs { input, time, aggregate, output, state, limits, diagnostics } = args;
    let state = state::state(state, settings)?;
    let sources = sources::sources(input, settings)?;
    let metrics = metrics::metrics(diagnostics, settings)?;
    let Outputs { output, late, bad } = {
        let outputs = outputs::outputs(output, settings)?;
        outputs::check_distinct(&outputs, metrics.file.as_deref(), &sources, settings)?;
        outputs
    };
    let mut fields = Fields::new(input.no_header);
    let filter = match &input.filter {
        Some(text) => Some(expr::parse(text, &mut fields).map_err(settings.in_option("where"))?),
        None => None,
    };
    let ids = ids(input, &mut fields, settings)?;
    // Where a pattern means no file yet, its own name tells.
    let format = match (sources.first(), input.files.first()) {
        (Some(first), _) => first.format,
        (None, Some(pattern)) => sources::Formats::of(input).format(pattern),
        (None, None) => Format::Ndjson,
    };
    let task = match aggregate {
        Some(asked) => {
            let look = look::of_output(diagnostics.colour.color, output.is_none());
            check_chart(asked, output.as_deref(), settings)?;
            live::check(asked, output.as_deref(), settings)?;
            Task::Aggregate(aggregation(asked, (format, look), &mut fields, settings)?)
        }
        None => {
            sources::check_one_format(&sources)?;
            if input.follow && matches!(format, Format::Csv { .. }) {
                let message =
                    "with windrow order is for NDJSON: of CSV all files would have to have the same columns";
                return Err(settings.unfit("follow", message));
            }
            Task::Order
        }
    };
    let threads = limits.threads.unwrap_or_else(cores);
    let mut job = Job {
        task,
        sources,
        read: ReadOptions {
            chunk_bytes: limits.chunk_bytes,
            record_bytes_max: limits.max_record,
            header: !input.no_header,
            digests: state.is_some(),
            hold: state.as_ref().is_some_and(|state| state.at_eof == AtEof::Hold),
            stdin_is_new: state.as_ref().is_some_and(|state| state.stdin_resume == StdinResume::Continue),
        },
        fields: fields.into_paths(),
        time_field: match &time.time {
            Some(text) => Some(expr::parse_path(text).map_err(settings.in_option("time"))?),
            None => None,
        },
        time_format: time_format(time, settings)?,
        ids,
        filter,
        delay: duration_of("delay", &time.delay, settings)?,
        remember: duration_of("remember", &time.remember, settings)?,
        max_jump: match &time.max_jump {
            Some(text) => Some(duration_of("max-jump", text, settings)?),
            None => None,
        },
        idle_timeout: match &time.idle_timeout {
            Some(text) => Some(idle_timeout(text, settings)?),
            None => None,
        },
        follow: follow(input, settings)?,
        late,
        bad,
        output,
        threads,
        buffer: limits.buffer.unwrap_or(2 * threads),
        state,
        fingerprint: Fingerprint::default(),
        report: report(diagnostics),
        metrics,
    };
    state::check(&job, settings)?;
    job.fingerprint = Fingerprint::of(&job, settings);
    Ok(job)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn ids(input: &InputOptions, fields: &mut Fields, settings: &Settings) -> Result<Vec<usize>> {
    let Some(text) = &input.id else { return Ok(Vec::new()) };
    let paths = expr::parse_paths(text).map_err(settings.in_option("id"))?;
    Ok(paths.iter().map(|path| fields.number(path)).collect())
}

fn duration_of(name: &str, text: &str, settings: &Settings) -> Result<i64> {
    duration::parse(text).map_err(|message| settings.wrong(name, message))
}

/// `--follow` and `--stop-after`.
fn follow(input: &InputOptions, settings: &Settings) -> Result<Option<Following>> {
    match (&input.stop_after, input.follow) {
        (None, false) => Ok(None),
        (Some(_), false) => {
            Err(settings.unfit("stop-after", "needs --follow; a file that is not followed ends by itself"))
        }
        (stop_after, true) => {
            let stop_after =
                stop_after.as_ref().map(|text| duration_of("stop-after", text, settings)).transpose()?;
            let stop_after = stop_after.map(|micros| std::time::Duration::from_micros(micros.unsigned_abs()));
            let patterns = sources::patterns(input, settings)?;
            Ok(Some(Following { stop_after, patterns, formats: sources::Formats::of(input) }))
        }
    }
}

fn idle_timeout(text: &str, settings: &Settings) -> Result<std::time::Duration> {
    match duration_of("idle-timeout", text, settings)? {
        0 => {
            Err(settings
                .wrong("idle-timeout", "must be longer than nothing: without a pause nobody is silent"))
        }
        micros => Ok(std::time::Duration::from_micros(micros.unsigned_abs())),
    }
}

fn time_format(time: &TimeOptions, settings: &Settings) -> Result<TimeFormat> {
    // A wrong zone and a wrong format are told apart by trying the zone alone.
    let name = match TimeFormat::new("auto", time.time_zone.as_deref()) {
        Ok(_) => "time-format",
        Err(_) => "time-zone",
    };
    TimeFormat::new(&time.time_format, time.time_zone.as_deref())
        .map_err(|message| settings.wrong(name, message))
}

fn report(options: &DiagnosticOptions) -> Report {
    Report {
        quiet: options.quiet,
        verbose: options.verbose,
        stats: match options.stats {
            None => Stats::Auto,
            Some(StatsName::Text) => Stats::Text,
            Some(StatsName::Json) => Stats::Json,
        },
        progress: options.progress,
        color: options.colour.color,
    }
}

/// The windows, keys and aggregates, and what is asked of the rows.
fn aggregation(
    args: &AggregateArgs,
    (first, look): (Format, Look),
    fields: &mut Fields,
    settings: &Settings,
) -> Result<Aggregation> {
    let windows = windows(args, settings)?;
    let firing = firing(args, &windows, settings)?;
    let mut keys = Vec::new();
    for text in &args.window.by {
        keys.extend(expr::parse_keys(text, fields).map_err(settings.in_option("by"))?);
    }
    let mut calls = Vec::new();
    for text in &args.aggregation.agg {
        calls.extend(expr::parse_aggregates(text, fields).map_err(settings.in_option("agg"))?);
    }
    let to = output_format(&args.rows, first, look);
    let row_id = args.rows.row_id;
    check_kinds(args, &windows, settings)?;
    if args.rows.to == Some(OutputFormatName::Chart) {
        if row_id {
            return Err(settings.unfit("row-id", "numbers rows, and a chart has none"));
        }
        let again = [("emit-every", firing.every.is_some()), ("allowed-lateness", firing.lateness.is_some())];
        if let Some((option, _)) = again.iter().find(|(_, given)| *given) {
            let message =
                "writes windows more than once; write the rows to a file, and draw it with windrow chart";
            return Err(settings.unfit(option, message));
        }
    }
    let fill = fill(args, &windows, firing, settings)?;
    let mut aggregation =
        Aggregation { windows, firing, fill, keys, calls, to, row_id, having: None, top: None };
    let mut columns = Columns::of(&aggregation, settings)?;
    if let Some(text) = &args.aggregation.having {
        let having = expr::parse(text, &mut columns).map_err(settings.in_option("having"))?;
        aggregation.having = Some(having);
    }
    aggregation.top = match to {
        OutputFormat::Live => Some(live::order(&args.aggregation, &aggregation, &mut columns, settings)?),
        _ => top(&args.aggregation, &mut columns, settings)?,
    };
    Ok(aggregation)
}

fn windows(args: &AggregateArgs, settings: &Settings) -> Result<Windows> {
    match &args.window.window[..] {
        [_, ..] => Windows::parse_each(&args.window.window).map_err(settings.in_option("window")),
        [] => Err(settings.unfit(
            "window",
            "is missing; give 1m (tumbling), 5m/1m (hopping), session:30s, cumulate:1h/1m, \
             or none (one row per key at the end)",
        )),
    }
}

/// A chart and a live view have one time axis, and so windows of one kind.
fn check_kinds(args: &AggregateArgs, windows: &Windows, settings: &Settings) -> Result<()> {
    let [first, ..] = windows.names()[..] else { return Ok(()) };
    let first = outline::word(OsStr::new(first));
    let message = match args.rows.to {
        Some(OutputFormatName::Chart) => format!(
            "chart draws windows of one kind; write the rows to a file, then windrow chart FILE --window {first}"
        ),
        Some(OutputFormatName::Live) => {
            format!(
                "live shows windows of one kind; give one -w, as -w {first}, or write the rows without --to live"
            )
        }
        _ => return Ok(()),
    };
    Err(settings.unfit("to", message))
}

/// A chart is text for a terminal, and no picture whatever its file is called.
fn check_chart(args: &AggregateArgs, output: Option<&Path>, settings: &Settings) -> Result<()> {
    let extension = output.and_then(Path::extension).and_then(|extension| extension.to_str());
    let is_picture =
        extension.is_some_and(|extension| matches!(extension, "svg" | "html" | "htm" | "png" | "pdf"));
    match args.rows.to {
        Some(OutputFormatName::Chart) if is_picture => Err(settings.wrong(
            "to",
            "a chart is drawn for a terminal; for a picture write the rows (--to csv -o rows.csv), then: windrow chart \
             rows.csv -o FILE.svg",
        )),
        _ => Ok(()),
    }
}

/// `--emit-every` and `--allowed-lateness`.
fn firing(args: &AggregateArgs, windows: &Windows, settings: &Settings) -> Result<Firing> {
    let duration = |name: &str, text: &Option<String>| {
        text.as_ref().map(|text| duration_of(name, text, settings)).transpose()
    };
    let every = duration("emit-every", &args.window.emit_every)?;
    let lateness = duration("allowed-lateness", &args.window.allowed_lateness)?;
    if every == Some(0) {
        let message = "must be longer than nothing: rows are written at its multiples";
        return Err(settings.wrong("emit-every", message));
    }
    if lateness.is_some() && *windows == Windows::None {
        let message = "needs windows that close; with --window none nothing is late";
        return Err(settings.unfit("allowed-lateness", message));
    }
    Ok(Firing { every, lateness })
}

/// `--fill`.
fn fill(
    args: &AggregateArgs,
    windows: &Windows,
    firing: Firing,
    settings: &Settings,
) -> Result<Option<Fill>> {
    let Some(fill) = args.window.fill else { return Ok(None) };
    let unfit = |message: &str| Err(settings.unfit("fill", message));
    if windows.finders().is_empty() {
        return unfit("is for windows that follow one another in time; sessions and none leave no gaps");
    }
    if firing.repeats() {
        return unfit("is for windows that are written once, without --emit-every and --allowed-lateness");
    }
    if args.aggregation.having.is_some() || args.aggregation.top.is_some() {
        return unfit("cannot go with --having or --top, which leave rows out; filter the output instead");
    }
    if let Some(OutputFormatName::Chart | OutputFormatName::Live) = args.rows.to {
        return unfit("is for rows; a chart or a live view shows by itself where there was nothing");
    }
    Ok(Some(fill))
}

/// Rows are written as the first input is, its delimiter included, unless `--to` says otherwise.
fn output_format(options: &RowOptions, first: Format, look: Look) -> OutputFormat {
    match (options.to, first) {
        (Some(OutputFormatName::Ndjson), _) | (None, Format::Ndjson) => OutputFormat::Ndjson,
        (Some(OutputFormatName::Csv), _) => OutputFormat::Csv { delimiter: b',' },
        (Some(OutputFormatName::Tsv), _) => OutputFormat::Csv { delimiter: b'\t' },
        (Some(OutputFormatName::Table), _) => OutputFormat::Table,
        (Some(OutputFormatName::Chart), _) => OutputFormat::Chart(look),
        (Some(OutputFormatName::Live), _) => OutputFormat::Live,
        (None, Format::Csv { delimiter }) => OutputFormat::Csv { delimiter },
    }
}

fn top(options: &AggregationOptions, columns: &mut Columns, settings: &Settings) -> Result<Option<Top>> {
    match (options.top, &options.order_by) {
        (Some(rows_max), Some(text)) => {
            let (order_by, descending) =
                expr::parse_order(text, columns).map_err(settings.in_option("order-by"))?;
            Ok(Some(Top { rows_max, order_by, descending, ties: options.ties }))
        }
        (Some(_), None) => {
            Err(settings.unfit("top", "needs --order-by, which says what the rows are ranked by"))
        }
        (None, Some(_)) => Err(settings.unfit("order-by", "needs --top, which says how many rows are kept")),
        (None, None) if options.ties => {
            Err(settings.unfit("ties", "needs --top, which says how many rows are kept"))
        }
        (None, None) => Ok(None),
    }
}
