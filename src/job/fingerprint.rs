//! What of a job must stay the same for its runs to be one: all that shapes which events count and which bytes
//! come out. Threads, buffers, intervals, progress, `--bad` and `--at-eof` are not part of it.

use crate::expr::{self, FieldPath};
use crate::input::Format;
use crate::input::pattern::Pattern;
use crate::window::{Firing, Windows};

use super::fields::Fields;
use super::settings::Settings;
use super::sources::describe;
use super::{Job, LatePolicy, OutputFormat, Task};

/// The options that count, each with its value as text, in the order of the help.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(pub Vec<(String, String)>);

/// Options that are kept as the texts that were given. What they are compared by is their [`Meaning`].
const TEXTS: [&str; 10] =
    ["id", "where", "time-zone", "time-format", "window", "by", "agg", "having", "order-by", "top"];

/// What is noted of a job beside the options that count: for those who ask what the job was. It may differ.
const NOTES: [&str; 2] = ["follow", "inputs"];
/// What separates patterns in a note: no file name has it.
pub const PATTERN_END: char = '\0';

impl Fingerprint {
    /// That of a checked job. The time field is settled later, and compared by itself.
    pub fn of(job: &Job, settings: &Settings) -> Fingerprint {
        let mut options = Vec::new();
        let mut add = |name: &str, value: String| options.push((name.to_owned(), value));
        let (command, to, row_id, ties) = match &job.task {
            Task::Order => ("windrow order", None, false, false),
            Task::Aggregate(task) => {
                ("windrow", Some(task.to), task.row_id, task.top.as_ref().is_some_and(|top| top.ties))
            }
        };
        add("command", command.to_owned());
        for name in TEXTS {
            let values = settings.get(name).map_or(&[][..], |setting| &setting.values);
            let joined = values.iter().map(|value| value.trim()).collect::<Vec<_>>().join(", ");
            add(name, joined);
        }
        add("no-header", (!job.read.header).to_string());
        add("max-record", job.read.record_bytes_max.to_string());
        add("delay", micros(job.delay));
        add("remember", micros(job.remember));
        add("max-jump", job.max_jump.map_or_else(|| "off".to_owned(), micros));
        if let Task::Aggregate(task) = &job.task {
            // Only where they are given: state directories of before have neither.
            let Firing { every, lateness } = task.firing;
            every.iter().for_each(|every| add("emit-every", micros(*every)));
            lateness.iter().for_each(|lateness| add("allowed-lateness", micros(*lateness)));
            task.fill.iter().for_each(|fill| add("fill", fill.name().to_owned()));
        }
        add("ties", ties.to_string());
        add("to", to.map_or_else(|| "as the input".to_owned(), format_name));
        add("row-id", row_id.to_string());
        let late = match job.late {
            LatePolicy::Drop => "drop",
            LatePolicy::File(_) => "a file",
        };
        add("late", late.to_owned());
        if let Some(follow) = &job.follow {
            add("follow", "true".to_owned());
            let patterns: Vec<&str> = follow.patterns.iter().map(Pattern::text).collect();
            if !patterns.is_empty() {
                add("inputs", patterns.join(&PATTERN_END.to_string()));
            }
        }
        Fingerprint(options)
    }

    /// Takes over what is noted of another run of the job.
    pub fn take_notes(&mut self, other: &Fingerprint) {
        let is_note = |(name, _): &(String, String)| NOTES.contains(&name.as_str());
        self.0.retain(|option| !is_note(option));
        self.0.extend(other.0.iter().filter(|option| is_note(option)).cloned());
    }

    /// The first option in which the job that a state directory was made for (`self`) differs from another: its
    /// name, then the value there and here. Two spellings of one thing are no difference.
    pub fn difference<'f>(&'f self, other: &'f Fingerprint) -> Option<(&'f str, &'f str, &'f str)> {
        let counts = |(name, _): &&(String, String)| !NOTES.contains(&name.as_str());
        let named = |(name, value): &'f (String, String)| {
            let found = other.0.iter().find(|(other, _)| other == name);
            (name.as_str(), value.as_str(), found.map_or("", |(_, value)| value))
        };
        let differs = |(name, there, here): &(&str, &str, &str)| {
            there != here && Meaning::of(name, there) != Meaning::of(name, here)
        };
        let is_here_alone = |(name, _): &&(String, String)| !self.0.iter().any(|(other, _)| other == name);
        let here = other
            .0
            .iter()
            .filter(counts)
            .filter(is_here_alone)
            .map(|(name, value)| (name.as_str(), "", value.as_str()));
        self.0.iter().filter(counts).map(named).chain(here).find(differs)
    }
}

/// What the text of an option asks for.
///
/// Fields, keys and aggregates are compared item by item, each as it was written: a reason for a bad record quotes
/// them, and is written to the file of bad records. For the same reason expressions stay texts.
#[derive(PartialEq)]
enum Meaning<'t> {
    Text(&'t str),
    Windows(Windows),
    Fields(Vec<FieldPath>),
    /// The name and the text of each key.
    Keys(Vec<(String, String)>),
    /// The name and the text of each aggregate.
    Calls(Vec<(String, String)>),
}

impl Meaning<'_> {
    /// That of an option's text; of one that cannot be read, the text itself.
    fn of<'t>(option: &str, text: &'t str) -> Meaning<'t> {
        // Whether fields have numbers for names is an option of its own.
        let scope = &mut Fields::new(true);
        let meaning = match option {
            "window" => Windows::parse(text).map(Meaning::Windows),
            "id" => expr::parse_paths(text).map(Meaning::Fields),
            "by" => expr::parse_keys(text, scope).map(|keys| {
                Meaning::Keys(keys.into_iter().map(|key| (key.name, key.expr.to_string())).collect())
            }),
            "agg" => expr::parse_aggregates(text, scope)
                .map(|calls| Meaning::Calls(calls.into_iter().map(|call| (call.name, call.text)).collect())),
            _ => return Meaning::Text(text),
        };
        meaning.unwrap_or(Meaning::Text(text))
    }
}

fn micros(value: i64) -> String {
    crate::time::duration::format(value)
}

fn format_name(to: OutputFormat) -> String {
    match to {
        OutputFormat::Ndjson => "ndjson".to_owned(),
        OutputFormat::Csv { delimiter } => describe(Format::Csv { delimiter }),
        OutputFormat::Table => "table".to_owned(),
        OutputFormat::Chart(_) => "chart".to_owned(),
        OutputFormat::Live => "live".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::cli;
    use crate::job::Job;

    fn job(line: &str) -> Job {
        let argv: Vec<_> = format!("windrow {line}").split(' ').map(Into::into).collect();
        cli::job(&argv).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// The option in which two jobs differ, with both values.
    fn check(one: &str, other: &str, want: Option<(&str, &str, &str)>) {
        let (one_job, other_job) = (job(one), job(other));
        assert_eq!(one_job.fingerprint.difference(&other_job.fingerprint), want, "{one} / {other}");
    }

    #[test]
    fn what_counts() {
        check("-w 1m", "-w 1m", None);
        check("-w 1m", "--window 1m -j 3 --buffer 9 --stats --bad skip -o x", None);
        check("-w 1m -s d", "-w 1m -s e --at-eof hold --checkpoint-interval 1s", None);
        let metrics = "--metrics a.prom --metrics-interval 1s --metrics-listen [::1]:0 --metrics-label a=b";
        check("-w 1m", &format!("-w 1m {metrics}"), None);
        check("-w 1m -d 60s", "-w 1m -d 1m", None);
        check("-w 1m", "-w 2m", Some(("window", "1m", "2m")));
        check("-w 1m", "-w 1m -d 6s", Some(("delay", "5s", "6s")));
        check("-w 1m", "-w 1m -b page", Some(("by", "", "page")));
        check("-w 1m", "-w 1m -i id", Some(("id", "", "id")));
        check("-w 1m", "-w 1m -a sum(x)", Some(("agg", "count(*)", "sum(x)")));
        check("-w 1m", "-w 1m --to csv", Some(("to", "ndjson", "csv")));
        check("-w 1m", "-w 1m --row-id", Some(("row-id", "false", "true")));
        check("-w 1m", "-w 1m --late x", Some(("late", "drop", "a file")));
        check("-w 1m", "order", Some(("command", "windrow", "windrow order")));
    }

    /// Spellings of one thing, and things that differ little. A blank in an option is written as `_`.
    #[test]
    fn spellings() {
        let check = |option: &str, one: &str, other: &str, same: bool| {
            let line = |value: &str| match option {
                "window" => format!("-w {value}"),
                option => format!("-w 1m --{option} {value}"),
            };
            let job = |value: &str| {
                let words =
                    line(value).split(' ').map(|word| word.replace('_', " ").into()).collect::<Vec<_>>();
                cli::job(&[vec!["windrow".into()], words].concat()).unwrap().fingerprint
            };
            let difference = job(one).difference(&job(other)).map(|(name, ..)| name.to_owned());
            assert_eq!(difference, (!same).then(|| option.to_owned()), "{option}: {one} / {other}");
        };
        check("window", "60s", "1m", true);
        check("window", "1h/60s", "60m/1m", true);
        check("window", "1d", "24h", true);
        check("window", "5m+6m", "5m+1m", true);
        check("window", "session:90s", "session:1m30s", true);
        // With a zone lengths are those of the wall clock.
        check("window", "1d@Europe/Berlin", "24h@Europe/Berlin", true);
        check("window", "1w", "7d", false);
        check("window", "1d@Europe/Berlin", "1d@Europe/Paris", false);
        check("window", "session:1m", "1m", false);
        check("window", "cumulate:1h/1m", "1h/1m", false);
        check("by", "a,b", "a,_b", true);
        check("by", "a,b", "a --by b", true);
        check("by", "a,b", "b,a", false);
        check("by", "a", "a.b", false);
        check("by", "lower(a)_AS_x,b", "lower(a)_as_x_,_b", true);
        check("by", "lower(a)_AS_x", "lower(a)_AS_y", false);
        check("by", "lower(a)_AS_x", "upper(a)_AS_x", false);
        check("id", "a,b", "_a_,b", true);
        check("id", "a,b", "b,a", false);
        check("agg", "count(*),sum(x)_AS_y", "count(*)_,_sum(x)_AS_y", true);
        check("agg", "sum(x)", "sum(x)_AS_y", false);
        check("agg", "sum(x)", "max(x)", false);
        check("where", "x_>_1", "x_>_2", false);
    }

    /// What a program of another version may have written.
    #[test]
    fn what_cannot_be_read_is_compared_as_text() {
        let job = |window: &str| super::Fingerprint(vec![("window".to_owned(), window.to_owned())]);
        assert_eq!(job("??").difference(&job("??")), None);
        assert_eq!(job("??").difference(&job("1m")), Some(("window", "??", "1m")));
    }
}
