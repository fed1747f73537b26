//! `windrow profile`: from its options to what is to be profiled, and the profile written out.

use std::ffi::OsString;

use super::args::ProfileArgs;
use super::options::InputOptions;
use super::report;
use super::streams;
use super::values::ProfileFormatName;
use crate::error::{Error, Result};
use crate::expr;
use crate::input::{Origin, ReadOptions};
use crate::job::settings::{Origin as Given, Settings};
use crate::job::sources;
use crate::profile::{self, Request};
use crate::time::TimeFormat;

/// The size of a chunk in bytes.
const CHUNK_BYTES: usize = 1 << 20;
/// Options that the suggested job takes over as they were given.
const PASSED_ON: [&str; 5] = ["from", "time-zone", "delimiter", "max-record", "no-header"];

/// Carries out `windrow profile`.
pub fn carry_out(args: &ProfileArgs, settings: &Settings) -> Result<()> {
    let request = request(args, settings)?;
    if request.sources.iter().any(|source| matches!(source.origin, Origin::Stdin)) {
        streams::check_stdin().map_err(|cause| Error::Input {
            source: sources::STDIN_NAME.to_owned(),
            reason: cause.to_string(),
        })?;
    }
    let found = profile::profile(&request)?;
    match args.to {
        ProfileFormatName::Text => report::output(&profile::text::text(&found))?,
        ProfileFormatName::Json => {
            report::write(|out| writeln!(out, "{}", profile::json::object(&found)))?;
        }
    }
    match found.fault() {
        None => Ok(()),
        Some((source, reason)) => Err(Error::Input { source: source.to_owned(), reason: reason.to_owned() }),
    }
}

fn request(args: &ProfileArgs, settings: &Settings) -> Result<Request> {
    let input = InputOptions {
        follow: false,
        stop_after: None,
        files: args.inputs.clone(),
        from: args.from,
        id: None,
        filter: None,
        no_header: args.no_header,
        delimiter: args.delimiter,
        job: None,
    };
    let paths = |name: &str, text: &Option<String>| match text {
        None => Ok(Vec::new()),
        Some(text) => expr::parse_paths(text).map_err(settings.in_option(name)),
    };
    let time = args.time.as_deref().map(expr::parse_path).transpose();
    let zone = args.time_zone.as_deref();
    TimeFormat::new("auto", zone).map_err(|message| settings.wrong("time-zone", message))?;
    TimeFormat::new(&args.time_format, zone).map_err(|message| settings.wrong("time-format", message))?;
    Ok(Request {
        sources: sources::named(&input, settings)?,
        read: ReadOptions {
            chunk_bytes: CHUNK_BYTES,
            record_bytes_max: args.max_record,
            header: !args.no_header,
            digests: false,
            hold: false,
            stdin_is_new: false,
        },
        time: time.map_err(settings.in_option("time"))?,
        time_format: args.time_format.clone(),
        time_zone: args.time_zone.clone(),
        ids: paths("id", &args.id)?,
        keys: paths("by", &args.by)?,
        limit: args.limit.map(|limit| limit as u64),
        passed_on: PASSED_ON.iter().flat_map(|name| passed_on(name, settings)).collect(),
    })
}

/// An option as it was given, if it was.
fn passed_on(name: &str, settings: &Settings) -> Vec<OsString> {
    let Some(setting) = settings.get(name).filter(|setting| setting.origin != Given::Default) else {
        return Vec::new();
    };
    match (name, setting.values.last()) {
        ("no-header", _) => vec!["--no-header".into()],
        (_, Some(value)) if value.starts_with('-') => vec![format!("--{name}={value}").into()],
        (_, Some(value)) => vec![format!("--{name}").into(), value.into()],
        (_, None) => Vec::new(),
    }
}
