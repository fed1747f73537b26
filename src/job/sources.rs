//! The inputs of a job: their formats, and the options that only some formats have.
//!
//! No input is opened or read here.

use std::path::{Path, PathBuf};

use crate::cli::options::InputOptions;
use crate::cli::values::FormatName;
use crate::error::{Error, Escaped, Result};
use crate::input::pattern::Pattern;
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
    let formats = Formats::of(options);
    if options.follow {
        return followed(options, &formats, settings);
    }
    for path in files {
        let source = formats.source(path);
        if path.as_os_str().is_empty() {
            return Err(settings.wrong("files", "the name of an input is empty"));
        }
        if matches!(source.origin, Origin::Stdin) && sources.iter().any(is_stdin) {
            return Err(settings.wrong("files", "standard input can be read only once; name - once"));
        }
        sources.push(source);
    }
    check_csv_options(&sources, options, settings)?;
    Ok(sources)
}

/// The files that are followed: those that are named, and those that patterns mean by now.
fn followed(options: &InputOptions, formats: &Formats, settings: &Settings) -> Result<Vec<SourceSpec>> {
    let mut sources: Vec<SourceSpec> = Vec::new();
    for path in &options.files {
        if path.as_os_str().is_empty() {
            return Err(settings.wrong("files", "the name of an input is empty"));
        }
        if pattern(path, settings)?.is_some() {
            continue;
        }
        let source = formats.source(path);
        if sources.iter().any(|other| other.name == source.name) {
            let message = format!("{} is named twice, and can be followed once", Escaped(&source.name));
            return Err(settings.wrong("files", message));
        }
        sources.push(source);
    }
    if options.files.is_empty() || sources.iter().any(is_stdin) {
        let message =
            "follows files by their names; standard input is read as it comes: leave it out, or name files";
        return Err(settings.unfit("follow", message));
    }
    for pattern in patterns(options, settings)? {
        let files = pattern.files(&sources.iter().map(|source| source.name.as_str()).collect());
        for source in files.iter().map(|path| formats.source(path)) {
            if sources.iter().all(|other| other.name != source.name) {
                sources.push(source);
            }
        }
    }
    if !sources.is_empty() {
        check_csv_options(&sources, options, settings)?;
    }
    Ok(sources)
}

/// The inputs to be followed that are patterns.
pub fn patterns(options: &InputOptions, settings: &Settings) -> Result<Vec<Pattern>> {
    options.files.iter().filter_map(|path| pattern(path, settings).transpose()).collect()
}

fn pattern(path: &Path, settings: &Settings) -> Result<Option<Pattern>> {
    let wrong =
        |message| settings.wrong("files", format!("{}: {message}", Escaped(&path.display().to_string())));
    Pattern::of(path).map_err(wrong)
}

fn is_stdin(source: &SourceSpec) -> bool {
    matches!(source.origin, Origin::Stdin)
}

/// How records are written: what `--from` says, or each input's name.
#[derive(Debug, Clone, Copy)]
pub struct Formats {
    all: Option<Format>,
    csv: Format,
}

impl Formats {
    /// What the options say.
    pub fn of(options: &InputOptions) -> Formats {
        let csv = Format::Csv { delimiter: options.delimiter.unwrap_or(b',') };
        let all = options.from.map(|from| match from {
            FormatName::Ndjson => Format::Ndjson,
            FormatName::Csv => csv,
            FormatName::Tsv => Format::Csv { delimiter: b'\t' },
        });
        Formats { all, csv }
    }

    /// The format of a file of this name.
    pub fn format(&self, path: &Path) -> Format {
        self.all.unwrap_or_else(|| match format_of_name(path) {
            Some(Format::Csv { delimiter: b',' }) => self.csv,
            Some(format) => format,
            None => Format::Ndjson,
        })
    }

    /// The input of this name; `-` is standard input.
    pub fn source(&self, path: &Path) -> SourceSpec {
        if path.as_os_str() == "-" {
            let format = self.all.unwrap_or(Format::Ndjson);
            return SourceSpec { name: STDIN_NAME.to_owned(), origin: Origin::Stdin, format };
        }
        let name = path.display().to_string();
        SourceSpec { name, origin: Origin::Path(path.to_owned()), format: self.format(path) }
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
