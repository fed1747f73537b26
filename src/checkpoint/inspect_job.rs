//! The job of a checkpoint, from the texts of its fingerprint: as much of it as it takes to read open windows, and the
//! command as one would type it.
//!
//! Filters and conditions are not looked at: what they say of an event or a row has been decided, or is not yet due.

use std::path::Path;

use super::codec::Damage;
use super::written::CheckpointV1;
use crate::aggregate::states::Calls;
use crate::expr;
use crate::input::pattern::Pattern;
use crate::input::{Format, format_of_name};
use crate::job::DEFAULT_TIME_FIELDS;
use crate::job::fields::Fields;
use crate::job::fingerprint::PATTERN_END;
use crate::job::sources::{STDIN_NAME, describe};
use crate::time::{self, Form, duration};
use crate::window::Windows;

/// What open windows mean.
pub struct Plan {
    /// Whether the job is `windrow order`, which has no windows, keys or aggregates.
    pub order: bool,
    /// The windows.
    pub windows: Windows,
    /// The names of the key columns.
    pub keys: Vec<String>,
    /// The names of the aggregates' columns.
    pub results: Vec<String>,
    /// What makes the aggregates' states.
    pub calls: Calls,
    /// How far the watermark trails, in microseconds.
    pub delay: i64,
    /// The form of times in rows.
    pub form: Form,
}

/// The command of `windrow order`, as the fingerprint has it.
const ORDER: &str = "windrow order";

impl Plan {
    /// The plan of a checkpoint's job. `Damage::Content` where its texts are none of this program's.
    pub fn of(checkpoint: &CheckpointV1) -> Result<Plan, Damage> {
        let text = |name: &str| option(checkpoint, name);
        let order = text("command") == ORDER;
        let mut fields = Fields::new(text("no-header") == "true");
        let (mut keys, mut calls) = (Vec::new(), Vec::new());
        if !text("by").is_empty() {
            keys = expr::parse_keys(text("by"), &mut fields).map_err(|_| Damage::Content)?;
        }
        let windows = if order { "none" } else { text("window") };
        let windows = Windows::parse(windows).map_err(|_| Damage::Content)?;
        if !order {
            calls = expr::parse_aggregates(text("agg"), &mut fields).map_err(|_| Damage::Content)?;
        }
        Ok(Plan {
            order,
            windows,
            keys: keys.into_iter().map(|key| key.name).collect(),
            results: calls.iter().map(|call| call.name.clone()).collect(),
            calls: Calls::of(&calls),
            delay: duration::parse(text("delay")).map_err(|_| Damage::Content)?,
            form: checkpoint.form.map_or(Form::Text, Form::from),
        })
    }

    /// A time as rows have it.
    pub fn time(&self, micros: i64) -> String {
        self.time_as(micros, self.form)
    }

    /// A time as text, in the zone of the windows.
    pub fn time_text(&self, micros: i64) -> String {
        self.time_as(micros, Form::Text)
    }

    fn time_as(&self, micros: i64, form: Form) -> String {
        let mut text = Vec::new();
        time::write_time(micros, form, self.windows.zone(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// An option of the job as text; empty where it was not given.
fn option<'c>(checkpoint: &'c CheckpointV1, name: &str) -> &'c str {
    checkpoint.job.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// The words of the command that goes on with the job. What may differ from run to run (threads, `--bad skip`, ...) is
/// not on record and left out, as is what says no more than the default does.
pub fn command(checkpoint: &CheckpointV1, dir: &Path) -> Vec<String> {
    let mut words = vec!["windrow".to_owned()];
    if option(checkpoint, "command") == ORDER {
        words.push("order".to_owned());
    }
    let (from, delimiter) = input_format(checkpoint);
    add(&mut words, "from", from.unwrap_or(""));
    add(&mut words, "delimiter", &delimiter.map(String::from).unwrap_or_default());
    // Empty as long as no record has had one.
    if !checkpoint.time_field.is_empty() && !DEFAULT_TIME_FIELDS.contains(&checkpoint.time_field.as_str()) {
        add(&mut words, "time", &checkpoint.time_field);
    }
    for (name, value) in &checkpoint.job {
        match (name.as_str(), value.as_str()) {
            ("command" | "late" | "to", _) => {}
            ("inputs", _) => {}
            ("no-header" | "ties" | "row-id" | "follow", value) => {
                words.extend((value == "true").then(|| format!("--{name}")));
            }
            ("max-record", "67108864") | ("time-format", "auto") | ("agg", "count(*)") => {}
            ("delay", "5s") | ("remember", "0s") | ("max-jump", "off") => {}
            (name, value) => add(&mut words, name, value),
        }
    }
    add(&mut words, "to", output_format(checkpoint));
    let path = |output: &Option<super::written::OutputV1>| {
        output.as_ref().map(|output| output.path.clone()).unwrap_or_default()
    };
    add(&mut words, "late", &path(&checkpoint.late));
    add(&mut words, "bad", &path(&checkpoint.bad));
    add(&mut words, "output", &checkpoint.rows.path);
    add(&mut words, "state-dir", &dir.display().to_string());
    let held = checkpoint.ending == super::written::EndingV1::Held;
    add(&mut words, "at-eof", if held { "hold" } else { "" });
    let texts = || option(checkpoint, "inputs").split(PATTERN_END).filter(|text| !text.is_empty());
    let patterns: Vec<Pattern> = texts().filter_map(|text| Pattern::new(text).ok()).collect();
    let is_found = |name: &str| patterns.iter().any(|pattern| pattern.means(name));
    // Of those that were held, what is finished was not named any more.
    let named = checkpoint.sources.iter().filter(|source| !(held && source.over));
    let named = named.map(|source| source.name.now.as_str()).filter(|name| !is_found(name));
    match named.chain(texts()).collect::<Vec<_>>()[..] {
        [STDIN_NAME] => {}
        ref names => words.extend(names.iter().map(|name| match *name {
            STDIN_NAME => "-".to_owned(),
            name => name.to_owned(),
        })),
    }
    words
}

/// Adds an option that has a value.
fn add(words: &mut Vec<String>, name: &str, value: &str) {
    match value.starts_with('-') {
        _ if value.is_empty() => {}
        true => words.push(format!("--{name}={value}")),
        false => words.extend([format!("--{name}"), value.to_owned()]),
    }
}

/// `--from` and `--delimiter`, where the names of the inputs do not say how they are written.
fn input_format(checkpoint: &CheckpointV1) -> (Option<&'static str>, Option<char>) {
    let sources = &checkpoint.sources;
    let by_name = |name: &str| format_of_name(Path::new(name)).unwrap_or(Format::Ndjson);
    let formats: Vec<Format> = sources.iter().filter_map(|source| format_named(&source.format)).collect();
    let own = formats.iter().find_map(|format| match format {
        Format::Csv { delimiter: b',' | b'\t' } | Format::Ndjson => None,
        Format::Csv { delimiter } => Some(*delimiter),
    });
    let told = |name: &str| match (by_name(name), own) {
        (Format::Csv { delimiter: b',' }, Some(delimiter)) => Format::Csv { delimiter },
        (format, _) => format,
    };
    let from = match formats.first() {
        Some(first)
            if sources.iter().zip(&formats).any(|(source, format)| told(&source.name.now) != *format) =>
        {
            Some(match first {
                Format::Ndjson => "ndjson",
                Format::Csv { delimiter: b'\t' } => "tsv",
                Format::Csv { .. } => "csv",
            })
        }
        _ => None,
    };
    (from, own.map(char::from))
}

/// `--to`, where it is not that of the first input.
fn output_format(checkpoint: &CheckpointV1) -> &'static str {
    let to = option(checkpoint, "to");
    match format_named(to) {
        _ if checkpoint.sources.first().is_some_and(|first| first.format == to) => "",
        Some(Format::Ndjson) => "ndjson",
        Some(Format::Csv { delimiter: b'\t' }) => "tsv",
        Some(Format::Csv { .. }) => "csv",
        None => "",
    }
}

/// The format that is described by these words.
fn format_named(words: &str) -> Option<Format> {
    let csv = (0..=u8::MAX).map(|delimiter| Format::Csv { delimiter });
    std::iter::once(Format::Ndjson).chain(csv).find(|format| describe(*format) == words)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::checkpoint::written::{EndingV1, LiveV2, OutputV1, RepeatedV3, SourceV1};
    use crate::input::SourceSpec;

    /// A checkpoint of the job of a command line, before anything was read.
    pub fn checkpoint(line: &[&str]) -> CheckpointV1 {
        let argv: Vec<_> = std::iter::once(&"windrow").chain(line).map(Into::into).collect();
        let job = crate::cli::job(&argv).unwrap();
        let source = |spec: &SourceSpec| SourceV1::new(&spec.name, describe(spec.format), None);
        CheckpointV1 {
            epoch: 1,
            run: 0,
            hash_seed: 0,
            taken_at: 0,
            ending: EndingV1::Running,
            job: job.fingerprint.0.clone(),
            time_field: job.time_field.as_ref().map_or("ts", |field| &field.text).to_owned(),
            watermark: i64::MIN,
            form: None,
            sources: job.sources.iter().map(source).collect(),
            rows: OutputV1::default(),
            late: job
                .late
                .path()
                .map(|path| OutputV1 { path: path.display().to_string(), ..OutputV1::default() }),
            bad: None,
            ids: Vec::new(),
            owners: Vec::new(),
            live: LiveV2::default(),
            repeated: RepeatedV3::default(),
            heads: Vec::new(),
            kinds: 0,
            fills: Vec::new(),
        }
    }

    /// What is typed comes back, and means the same job.
    #[test]
    fn commands_come_back() {
        let check = |line: &[&str]| {
            let found = checkpoint(line);
            let words = command(&found, Path::new("d"));
            let shown: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
            let again = checkpoint(&shown);
            assert_eq!((&again.job, &again.sources), (&found.job, &found.sources), "{line:?}: {shown:?}");
            shown.iter().filter(|word| !["--state-dir", "d"].contains(word)).map(|w| w.to_string()).collect()
        };
        let same = |line: &[&str]| {
            let shown: Vec<String> = check(line);
            assert_eq!(shown, line);
        };
        same(&["--window", "1m", "a.csv"]);
        same(&["order", "--time", "at", "--id", "x, y", "a.ndjson", "b"]);
        same(&["--from", "csv", "--delimiter", ";", "--window", "5m/1m", "--to", "ndjson"]);
        same(&["--delimiter", ";", "--window", "1m", "a.csv"]);
        same(&["--where=-x > 1", "--window", "none", "--by", "a, b", "--delay", "1m", "--late", "l", "f"]);
        same(&["--window", "1m", "--follow", "b.ndjson", "no-such-dir/*.ndjson", "no-such-dir/[x]"]);
        same(&["--from", "csv", "--time", "1", "--window", "1d@Europe/Berlin", "--no-header"]);
        check(&[
            "-w",
            "1m",
            "-b",
            "a",
            "-b",
            "b",
            "-a",
            "sum(x)",
            "-a",
            "p95(y) AS q",
            "--to",
            "tsv",
            "a.tsv.gz",
        ]);
        check(&["-w", "1m", "--max-record", "1M", "--max-jump", "1h", "--remember", "90s", "a.tsv", "b.csv"]);
        check(&[
            "-w",
            "1m",
            "--top",
            "3",
            "--order-by",
            "count",
            "--ties",
            "--having",
            "count > 1",
            "--row-id",
        ]);
    }

    /// What a pattern has found is not named besides it.
    #[test]
    fn patterns_stand_for_their_files() {
        let mut found = checkpoint(&["-w", "1m", "-F", "b.ndjson", "no-such-dir/*.ndjson"]);
        let joined = ["no-such-dir/1.ndjson", "no-such-dir/2.ndjson"];
        found.sources.extend(joined.map(|name| SourceV1::new(name, describe(Format::Ndjson), None)));
        let words = command(&found, Path::new("d"));
        assert_eq!(words[words.len() - 3..], ["d", "b.ndjson", "no-such-dir/*.ndjson"]);
    }

    #[test]
    fn plans() {
        let plan =
            Plan::of(&checkpoint(&["-w", "1m", "-b", "a.b, c AS d", "-a", "sum(x)", "-d", "2s"])).unwrap();
        assert_eq!((plan.keys, plan.results), (vec!["a.b".to_owned(), "d".into()], vec!["sum_x".to_owned()]));
        assert_eq!((plan.delay, plan.order), (2_000_000, false));
        assert!(Plan::of(&checkpoint(&["order"])).unwrap().order);
        let mut strange = checkpoint(&["-w", "1m"]);
        strange.job.retain(|(name, _)| name != "window");
        assert!(matches!(Plan::of(&strange), Err(Damage::Content)));
    }
}
