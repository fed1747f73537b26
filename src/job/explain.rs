//! `windrow explain`: the checked plan of a job in words, and where every setting came from.
//!
//! A text for people: scripts should not rely on its form. Nothing is read or run for it.

use std::fmt::Write;

use crate::aggregate::Takes;
use crate::error::printable;
use crate::expr::FieldPath;
use crate::outline;
use crate::time::duration;
use crate::window::{Firing, Windows};

use super::settings::{Origin, Setting, Settings};
use super::sources::describe;
use super::{Aggregation, DEFAULT_TIME_FIELDS, Job, OutputFormat, Task};

/// The columns for names.
const NAME_COLUMNS: usize = 14;

/// The plan as text, each line ended.
pub fn explain(job: &Job, settings: &Settings) -> String {
    let mut plan = Plan::default();
    plan.section("settings");
    plan.settings(job, settings);
    plan.section("inputs");
    for source in &job.sources {
        plan.line(&source.name, &describe(source.format));
    }
    plan.section("events");
    plan.line("time field", &time_field(job));
    plan.line("time format", &value(settings, "time-format"));
    plan.line("fields read", &joined(job.fields.iter().map(|field| field.text.as_str())));
    if !job.ids.is_empty() {
        let ids = job.ids.iter().filter_map(|&id| job.fields.get(id)).map(|field| field.text.as_str());
        plan.line("id", &joined(ids));
    }
    if job.filter.is_some() {
        plan.line("where", &value(settings, "where"));
    }
    match &job.task {
        Task::Order => plan.line("output", "the events as they were read, in event-time order"),
        Task::Aggregate(aggregation) => plan.aggregation(aggregation, settings),
    }
    plan.text
}

/// The text so far.
#[derive(Default)]
struct Plan {
    text: String,
}

impl Plan {
    fn section(&mut self, title: &str) {
        outline::section(&mut self.text, title);
    }

    fn line(&mut self, name: &str, what: &str) {
        outline::line(&mut self.text, NAME_COLUMNS, name, what);
    }

    /// Every option with its value and origin, the values padded so that the origins form a column.
    fn settings(&mut self, job: &Job, settings: &Settings) {
        let shown = settings.0.iter().filter(|setting| !is_internal(setting));
        let rows: Vec<_> = shown
            .map(|setting| (setting.name.as_str(), printable(&effective(setting, job)), origin(setting)))
            .collect();
        let short = |value: &String| Some(value.chars().count()).filter(|columns| *columns <= 40);
        let columns = rows.iter().filter_map(|(_, value, _)| short(value)).max().unwrap_or(0);
        for (name, value, origin) in rows {
            let _ = writeln!(self.text, "  {name:NAME_COLUMNS$}  {value:columns$}  ({})", printable(&origin));
        }
    }

    fn aggregation(&mut self, aggregation: &Aggregation, settings: &Settings) {
        self.section("windows");
        let names = aggregation.windows.names();
        for (at, windows) in aggregation.windows.each().into_iter().enumerate() {
            let name = names.get(at).map_or_else(String::new, |name| format!("{name}: "));
            self.line("kind", &format!("{name}{}", windows.describe()));
        }
        self.line("close", &closing(&aggregation.windows, settings));
        if let Some(fill) = aggregation.fill {
            let (name, but) = (fill.name(), unfilled(&aggregation.windows));
            self.line("gaps", &format!("windows without events between two of a key have rows: {name}{but}"));
        }
        let Firing { every, lateness } = aggregation.firing;
        if let Some(every) = every {
            let every = duration::format(every);
            self.line(
                "early",
                &format!("whenever the watermark comes to or past a multiple of {every}: what has changed"),
            );
        }
        if let Some(lateness) = lateness {
            let when = if every.is_some() { "at the next multiple" } else { "at once" };
            let lateness = duration::format(lateness);
            self.line("revised", &format!("{when}, for events of up to {lateness} after the close"));
        }
        self.section("keys");
        match aggregation.keys.is_empty() {
            true => self.line("none", "one group"),
            false => aggregation.keys.iter().for_each(|key| self.line("key", &key.name)),
        }
        self.section("aggregates");
        for call in &aggregation.calls {
            let takes = match call.definition.takes {
                Takes::Presence => "",
                Takes::Number => "; takes numbers",
                Takes::Ordered => "; takes numbers or text",
                Takes::Any => "; takes any value",
                Takes::AnyBy => "; takes any value, and numbers or text to order by",
            };
            self.line(&call.name, &format!("{}: {}{takes}", call.text, call.definition.help));
        }
        self.section("rows");
        self.line("columns", &joined(aggregation.columns().iter().map(String::as_str)));
        self.line("format", &output_format(aggregation.to));
        if aggregation.having.is_some() {
            self.line("having", &value(settings, "having"));
        }
        if let (OutputFormat::Live, Some(top)) = (aggregation.to, &aggregation.top) {
            let direction = if top.descending { "greatest" } else { "least" };
            let by = top.order_by.to_string();
            self.line("sorted", &format!("by {}, {direction} first", by.trim_matches('"')));
        } else if let Some(top) = &aggregation.top {
            let direction = if top.descending { "greatest" } else { "least" };
            let ties = if top.ties { ", and what ties with the last" } else { "" };
            let order_by = value(settings, "order-by");
            self.line("top", &format!("{} by {order_by}, {direction} first{ties}", top.rows_max));
        }
    }
}

/// Options of no interest to a user who did not set them.
fn is_internal(setting: &Setting) -> bool {
    ["chunk-bytes", "goes-on"].contains(&setting.name.as_str()) && setting.origin == Origin::Default
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let joined = texts.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "none".to_owned() } else { joined }
}

/// The value of an option as text; for options that are given or have a fixed default.
fn value(settings: &Settings, name: &str) -> String {
    settings.get(name).map(|setting| setting.values.join(", ")).unwrap_or_default()
}

fn origin(setting: &Setting) -> String {
    match &setting.origin {
        Origin::CommandLine => "command line".to_owned(),
        Origin::File { path, line } => format!("{}:{line}", path.display()),
        Origin::Default => "default".to_owned(),
    }
}

/// The value of an option, in words where it was not given and its default is no fixed text.
fn effective(setting: &Setting, job: &Job) -> String {
    if !setting.values.is_empty() {
        return setting.values.join(", ");
    }
    match setting.name.as_str() {
        "files" => "standard input".to_owned(),
        "from" => "by file name".to_owned(),
        "delimiter" => ",".to_owned(),
        "time" => "by the first record".to_owned(),
        "time-zone" => "UTC".to_owned(),
        "where" => "all events".to_owned(),
        "having" | "top" => "all rows".to_owned(),
        "output" => "standard output".to_owned(),
        "max-jump" | "emit-every" => "off".to_owned(),
        "allowed-lateness" => "0s".to_owned(),
        "threads" => job.threads.to_string(),
        "buffer" => job.buffer.to_string(),
        "stats" => "a summary on a terminal".to_owned(),
        "to" => match &job.task {
            Task::Aggregate(aggregation) => output_format(aggregation.to),
            Task::Order => "as the input".to_owned(),
        },
        _ => "none".to_owned(),
    }
}

fn output_format(to: OutputFormat) -> String {
    match to {
        OutputFormat::Ndjson => "ndjson".to_owned(),
        OutputFormat::Csv { delimiter } => describe(crate::input::Format::Csv { delimiter }),
        OutputFormat::Table => "table".to_owned(),
        OutputFormat::Chart(_) => "chart".to_owned(),
        OutputFormat::Live => "live".to_owned(),
    }
}

fn time_field(job: &Job) -> String {
    match &job.time_field {
        Some(FieldPath { text, .. }) => text.clone(),
        None => format!("the first of {} that the first record has", DEFAULT_TIME_FIELDS.join(", ")),
    }
}

/// The kinds that `--fill` has nothing to add to: sessions.
fn unfilled(windows: &Windows) -> String {
    let kinds = windows.names().into_iter().zip(windows.each());
    let sessions = kinds.filter(|(_, kind)| matches!(kind, Windows::Session { .. })).map(|(name, _)| name);
    match &sessions.collect::<Vec<_>>()[..] {
        [] => String::new(),
        names => format!(" (not for {})", names.join(", ")),
    }
}

fn closing(windows: &Windows, settings: &Settings) -> String {
    match windows {
        Windows::None => "at the end of all inputs".to_owned(),
        Windows::Panes(_) | Windows::Session { .. } | Windows::Several(_) => {
            let delay = value(settings, "delay");
            format!("when every unfinished input has shown an event {delay} past the end")
        }
    }
}
