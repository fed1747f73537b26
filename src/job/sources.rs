//! The inputs of a job: their formats, and the options that only some formats have.
//!
//! No input is opened or read here.

use std::path::{Path, PathBuf};

use crate::cli::options::InputOptions;
use crate::cli::values::FormatName;
use crate::error::{Error, Escaped, Result};
use crate::input::{Format, Origin, SourceSpec, format_of_name};

use super::settings::Settings;

/// What messages call standard input.
pub const STDIN_NAME: &str = "(standard input)";

/// The inputs in the order given; standard input where none is named.
pub fn sources(options: &InputOptions, settings: &Settings) -> Result<Vec<SourceSpec>> {
    let sources = named(options, settings)?;
    if options.no_header && settings.get("time").is_none_or(|time| time.values.is_empty()) {
        let message = "calls the fields 1, 2, ...; --time must say which one is the event time";
        return Err(settings.unfit("no-header", message));
    }
    Ok(sources)
}

/// The same where nothing has to be known of the event time yet.
pub fn named(options: &InputOptions, settings: &Settings) -> Result<Vec<SourceSpec>> {
    let stdin = [PathBuf::from("-")];
    let files = if options.files.is_empty() { &stdin[..] } else { &options.files[..] };
    let mut sources = Vec::with_capacity(files.len());
    for path in files {
        let source = source(path, options);
        if path.as_os_str().is_empty() {
            return Err(settings.wrong("files", "the name of an input is empty"));
        }
        if matches!(source.origin, Origin::Stdin) && sources.iter().any(is_stdin) {
            return Err(settings.wrong("files", "standard input can be read only once; name - once"));
        }
        sources.push(source);
    }
    if options.follow && sources.iter().any(is_stdin) {
        let message =
            "follows files by their names; standard input is read as it comes: leave it out, or name files";
        return Err(settings.unfit("follow", message));
    }
    if options.follow
        && let Some(twice) =
            (1..sources.len()).find(|&n| sources[..n].iter().any(|s| s.name == sources[n].name))
    {
        let message = format!("{} is named twice, and can be followed once", Escaped(&sources[twice].name));
        return Err(settings.wrong("files", message));
    }
    check_csv_options(&sources, options, settings)?;
    Ok(sources)
}

fn is_stdin(source: &SourceSpec) -> bool {
    matches!(source.origin, Origin::Stdin)
}

fn source(path: &Path, options: &InputOptions) -> SourceSpec {
    let stdin = path.as_os_str() == "-";
    let csv = Format::Csv { delimiter: options.delimiter.unwrap_or(b',') };
    let format = match options.from {
        Some(FormatName::Ndjson) => Format::Ndjson,
        Some(FormatName::Csv) => csv,
        Some(FormatName::Tsv) => Format::Csv { delimiter: b'\t' },
        None if stdin => Format::Ndjson,
        None => match format_of_name(path) {
            Some(Format::Csv { delimiter: b',' }) => csv,
            Some(format) => format,
            None => Format::Ndjson,
        },
    };
    match stdin {
        true => SourceSpec { name: STDIN_NAME.to_owned(), origin: Origin::Stdin, format },
        false => {
            let name = path.display().to_string();
            SourceSpec { name, origin: Origin::Path(path.to_owned()), format }
        }
    }
}

/// An option that could have no effect is a mistake that would otherwise go unnoticed.
fn check_csv_options(sources: &[SourceSpec], options: &InputOptions, settings: &Settings) -> Result<()> {
    let is_csv = |source: &SourceSpec| matches!(source.format, Format::Csv { .. });
    if options.no_header && !sources.iter().any(is_csv) {
        let message = "is for CSV, and no input is CSV; --from csv takes all inputs as CSV";
        return Err(settings.unfit("no-header", message));
    }
    if let Some(delimiter) = options.delimiter {
        let takes = |source: &SourceSpec| source.format == Format::Csv { delimiter };
        if !sources.iter().any(takes) {
            let message = match sources.iter().any(is_csv) {
                true => "is for CSV, and the delimiter of TSV is a tab; --from csv takes all inputs as CSV",
                false => "is for CSV, and no input is CSV; --from csv takes all inputs as CSV",
            };
            return Err(settings.unfit("delimiter", message));
        }
    }
    Ok(())
}

/// For `windrow order`, which writes records as they were read: one format for all inputs.
pub fn check_one_format(sources: &[SourceSpec]) -> Result<()> {
    let Some((first, rest)) = sources.split_first() else { return Ok(()) };
    match rest.iter().find(|source| source.format != first.format) {
        None => Ok(()),
        Some(other) => Err(Error::usage(format!(
            "all inputs of windrow order must have one format, since it writes records as they were read: {} is {}, {} is {}",
            Escaped(&first.name),
            describe(first.format),
            Escaped(&other.name),
            describe(other.format)
        ))),
    }
}

/// A format in a word or two.
pub fn describe(format: Format) -> String {
    match format {
        Format::Ndjson => "ndjson".to_owned(),
        Format::Csv { delimiter: b',' } => "csv".to_owned(),
        Format::Csv { delimiter: b'\t' } => "tsv".to_owned(),
        Format::Csv { delimiter } => format!("csv with delimiter {:?}", char::from(delimiter)),
    }
}
