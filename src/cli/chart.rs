//! `windrow chart`: from its options to the result that is drawn, and where the drawing goes.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::args::ChartArgs;
use super::options::InputOptions;
use super::{look, report, streams};
use crate::chart::read::{self, Request};
use crate::chart::svg::Size;
use crate::chart::terminal::{self, COLUMNS, Look};
use crate::chart::{Chart, html, svg};
use crate::error::{Error, Result};
use crate::input::{Origin, format_of_name};
use crate::job::settings::Settings;
use crate::job::sources;
use crate::paths;
use crate::time::zone;

/// The smallest and the largest picture, in pixels.
const PIXELS: std::ops::RangeInclusive<usize> = 200..=20_000;

/// What is written.
enum Kind {
    Svg,
    Html,
}

/// Carries out `windrow chart`.
pub fn carry_out(args: &ChartArgs, settings: &Settings) -> Result<()> {
    let target = args.output.as_ref().map(|path| kind(path).map(|kind| (path, kind))).transpose()?;
    if let (None, Some(columns)) = (&target, args.width)
        && !COLUMNS.contains(&columns)
    {
        let (least, most) = (COLUMNS.start(), COLUMNS.end());
        return Err(Error::usage(format!(
            "--width: a chart in the terminal has {least} to {most} characters"
        )));
    }
    if target.is_some() {
        for (option, pixels) in [("--width", args.width), ("--height", args.height)] {
            if pixels.is_some_and(|pixels| !PIXELS.contains(&pixels)) {
                let (least, most) = (PIXELS.start(), PIXELS.end());
                return Err(Error::usage(format!("{option}: a picture has {least} to {most} pixels")));
            }
        }
    }
    let request = request(args, settings)?;
    if matches!(request.source.origin, Origin::Stdin) {
        streams::check_stdin().map_err(|cause| Error::Input {
            source: sources::STDIN_NAME.to_owned(),
            reason: cause.to_string(),
        })?;
    }
    let mut chart = read::chart(&request)?;
    chart.title = args.title.clone().unwrap_or_default();
    match target {
        None => report::output(&terminal::draw(&chart, terminal_look(args))),
        Some((path, kind)) => write(path, &picture(&chart, kind, args)),
    }
}

fn picture(chart: &Chart, kind: Kind, args: &ChartArgs) -> String {
    let size = Size { width: args.width, height: args.height };
    match kind {
        Kind::Svg => svg::picture(chart, size),
        Kind::Html => html::page(chart, size),
    }
}

fn terminal_look(args: &ChartArgs) -> Look {
    let found = look::of_output(args.colour.color, true);
    // As many lines for the plot as asked for: what stands around it comes on top.
    let lines = args.height.map(|height| height.min(1000));
    Look { columns: args.width.unwrap_or(found.columns), lines: lines.unwrap_or(found.lines), ..found }
}

fn write(path: &Path, text: &str) -> Result<()> {
    paths::replace(path, text.as_bytes())
        .map_err(|cause| Error::Output { target: path.display().to_string(), cause })
}

fn kind(path: &Path) -> Result<Kind> {
    match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("svg") => Ok(Kind::Svg),
        Some("html" | "htm") => Ok(Kind::Html),
        _ => Err(Error::usage(format!(
            "--output: `{}` is no name of a picture; NAME.svg or NAME.html says what to write, and without --output the \
             chart is drawn here",
            path.display()
        ))),
    }
}

fn request(args: &ChartArgs, settings: &Settings) -> Result<Request> {
    let path = args.result.clone().unwrap_or_else(|| PathBuf::from("-"));
    let guess = args.from.is_none() && args.delimiter.is_none() && format_of_name(&path).is_none();
    let input = InputOptions {
        follow: false,
        stop_after: None,
        files: vec![path],
        from: args.from.or(args.delimiter.map(|_| super::values::FormatName::Csv)),
        id: None,
        filter: None,
        no_header: false,
        delimiter: args.delimiter,
        job: None,
    };
    let source = sources::named(&input, settings)?.remove(0);
    let zone = match &args.time_zone {
        None => None,
        Some(name) => {
            let unknown = |error: zone::Unknown| format!("{}; {}", error.message, error.help);
            Some(zone::parse(name).map_err(|error| settings.wrong("time-zone", unknown(error)))?)
        }
    };
    Ok(Request {
        source,
        guess,
        y: args.y.clone(),
        by: args.columns.clone(),
        kind: args.kind.clone(),
        top: args.keys,
        zone,
        record_bytes_max: args.max_record,
    })
}

/// Whether nobody has named a result, and nobody pipes one in.
pub fn lacks_input(args: &ChartArgs) -> bool {
    args.result.is_none() && io::stdin().is_terminal()
}
