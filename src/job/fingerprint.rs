//! What of a job must stay the same for its runs to be one: all that shapes which events count and which bytes
//! come out. Threads, buffers, intervals, progress, `--bad` and `--at-eof` are not part of it.

use crate::input::Format;

use super::settings::Settings;
use super::sources::describe;
use super::{Job, LatePolicy, OutputFormat, Task};

/// The options that count, each with its value as text, in the order of the help.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint(pub Vec<(String, String)>);

/// Options whose texts are compared as they were given, blanks aside.
const TEXTS: [&str; 10] =
    ["id", "where", "time-zone", "time-format", "window", "by", "agg", "having", "order-by", "top"];

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
        add("ties", ties.to_string());
        add("to", to.map_or_else(|| "as the input".to_owned(), format_name));
        add("row-id", row_id.to_string());
        let late = match job.late {
            LatePolicy::Drop => "drop",
            LatePolicy::File(_) => "a file",
        };
        add("late", late.to_owned());
        Fingerprint(options)
    }

    /// The first option in which the job that a state directory was made for (`self`) differs from another: its
    /// name, then the value there and here.
    pub fn difference<'f>(&'f self, other: &'f Fingerprint) -> Option<(&'f str, &'f str, &'f str)> {
        let named = |(name, value): &'f (String, String)| {
            let found = other.0.iter().find(|(other, _)| other == name);
            (name.as_str(), value.as_str(), found.map_or("", |(_, value)| value))
        };
        self.0.iter().map(named).find(|(_, there, here)| there != here)
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
}
