//! Runs a job with the outputs it names, and says on stderr what became of it.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;

use super::live::{self, View};
use super::progress::Display;
use super::signals::LastWords;
use super::work::Work;
use super::{newcomers, outputs, report, signals, status, waits};
use crate::error::{Error, Escaped, Result, Signal};
use crate::input::Origin;
use crate::job::{Job, OutputFormat, Report, Stats, Task};
use crate::metrics::Exporter;
use crate::operator::Held;
use crate::pipeline::{self, Progress, Ready};
use crate::stats::Summary;
use crate::window::Windows;

/// Runs a job to its end, or goes on with it where an earlier run stood, for those who watch it too.
pub fn run(job: Job) -> Result<()> {
    live::check(&job)?;
    let progress = Arc::new(Progress::default());
    status::answer(&progress, job.report.stats == Stats::Json)?;
    let exporter = Exporter::start(&job, &progress)?.map(Arc::new);
    if let Some(address) = exporter.as_ref().and_then(|exporter| exporter.address()) {
        tell_address(&job, address);
    }
    let result = run_watched(job, &progress, exporter.as_ref());
    match (&exporter, &result) {
        // The file is that of the other run, or it is not over.
        (_, Err(Error::InUse(_) | Error::Stopped(Signal::Newcomer))) | (None, _) => {}
        (Some(exporter), Ok(())) => exporter.finish(0),
        (Some(exporter), Err(error)) => exporter.finish(error.exit_code()),
    }
    result
}

/// Says where metrics are served. Of a port that nobody has chosen nobody knows otherwise.
fn tell_address(job: &Job, address: SocketAddr) {
    let url = format!("http://{address}/metrics");
    let chosen = job.metrics.listen.is_some_and(|asked| asked.port() == 0);
    match job.report.stats {
        Stats::Json if chosen => report::text(&format!("{}\n", serde_json::json!({ "metrics": url }))),
        _ if chosen || says_what_happens(&job.report, std::io::stderr().is_terminal()) => {
            report::text(&format!("windrow: metrics at {url}\n"));
        }
        _ => {}
    }
}

fn run_watched(job: Job, progress: &Arc<Progress>, exporter: Option<&Arc<Exporter>>) -> Result<()> {
    let quiet = job.report.quiet;
    if !quiet && job.report.stats != Stats::Json {
        waits::missing(&job).iter().for_each(|text| report::line(text));
    }
    let prepared = match pipeline::prepare(job)? {
        Ready::Run(prepared, notes) => {
            notes.iter().filter(|_| !quiet).for_each(|note| report::warning(note));
            prepared
        }
        Ready::Done(job, kept, summary) => {
            outputs::check(&job, &kept)?;
            progress.done(&summary);
            if says_what_happens(&job.report, std::io::stderr().is_terminal()) {
                report::text("windrow: the job was done already; nothing was read. What it came to:\n");
            }
            let work = Work::default();
            report::text(&account(&job, &summary, &work, true, std::io::stderr().is_terminal()));
            return Ok(());
        }
    };
    let job = prepared.job.clone();
    let is_continued = prepared.kept.as_ref().is_some_and(|kept| !kept.fresh);
    if let Some(kept) = &prepared.kept
        && is_continued
        && says_what_happens(&job.report, std::io::stderr().is_terminal())
    {
        report::text(&format!("windrow: goes on behind {} records\n", kept.summary().total().read));
    }
    let outputs = outputs::outputs(&job, prepared.kept.as_ref())?;
    let view = View::start(&job, progress)?;
    let (of_view, of_run) = (view.last_words(), last_words(&job, progress, exporter));
    let last_words: LastWords = Arc::new(move |code| {
        of_view();
        of_run(code);
    });
    let signals = match &job.state {
        // What a pipe brings only once is lost behind the checkpoint before: that is said in any case.
        Some(_) => signals::take_over(progress, &last_words, !quiet || job.read.stdin_is_new)?,
        None => {
            signals::end_with(&last_words)?;
            crossbeam_channel::never()
        }
    };
    if !job.report.quiet && job.report.stats != Stats::Json {
        let _ = progress.warn.set(report::warning);
    }
    let _ = progress.warn_of_loss.set(report::warning);
    if let Some(exporter) = exporter {
        exporter.begin();
    }
    // A view says it itself.
    if !view.is_drawn() && says_what_happens(&job.report, std::io::stderr().is_terminal()) {
        waits::say_once(progress);
    }
    let signals = newcomers::watch(&job, signals, progress);
    let display = Display::start(&job, progress);
    let (summary, result) = pipeline::run_prepared(prepared, outputs, progress, signals);
    display.stop();
    view.stop();
    if let Err(Error::Stopped(Signal::Newcomer)) = result {
        return result;
    }
    if let Err(Error::Stopped(_)) = result
        && job.state.is_some()
        && says_what_happens(&job.report, std::io::stderr().is_terminal())
    {
        report::text(&format!("windrow: {}\n", stopped(progress, is_continued)));
    }
    if result.is_ok() && is_empty_by_oversight(&job, progress) {
        progress.warn(&["standard input was empty, and no FILE is named".to_owned()]);
    }
    // A reader that has gone away is left in peace.
    if !matches!(result, Err(Error::ReaderGone)) {
        let work = Work::of(&progress.snapshot());
        report::text(&account(&job, &summary, &work, result.is_ok(), std::io::stderr().is_terminal()));
    }
    result
}

/// What is done when a signal ends the process at once.
fn last_words(job: &Job, progress: &Arc<Progress>, exporter: Option<&Arc<Exporter>>) -> LastWords {
    let (exporter, progress) = (exporter.cloned(), progress.clone());
    // What is kept is not lost, and whoever wants to hear nothing hears nothing.
    let says = job.state.is_none() && !job.report.quiet && job.report.stats != Stats::Json;
    let (job, is_account_asked) = (job.clone(), job.state.is_none() && job.report.stats != Stats::Auto);
    Arc::new(move |code| {
        if let Some(exporter) = &exporter {
            exporter.finish(code);
        }
        let snapshot = progress.snapshot();
        let mut text = String::new();
        if is_account_asked {
            let mut summary = Summary::new(snapshot.inputs.iter().map(|input| input.name.clone()));
            summary.take(snapshot.inputs.iter().map(|input| &input.run), snapshot.rows.job);
            text += &account(&job, &summary, &Work::of(&snapshot), false, false);
        }
        if let (true, Some(lost)) = (says, unwritten(&job.task, snapshot.held.unwrap_or_default())) {
            text += &format!("windrow: {lost}\n");
        }
        if !text.is_empty() {
            say_in_time(text);
        }
    })
}

/// How long a standard error that nobody reads keeps a process from its end.
const LAST_LINE_MAX: Duration = Duration::from_millis(500);

/// Says something before the process ends.
fn say_in_time(text: String) {
    let (done, is_done) = bounded::<()>(0);
    thread::spawn(move || {
        report::text(&text);
        drop(done);
    });
    let _ = is_done.recv_timeout(LAST_LINE_MAX);
}

/// What a run that cannot be continued has read and not written, and what to do about it; `None` if that is nothing.
fn unwritten(task: &Task, held: Held) -> Option<String> {
    let counted = |number: u64, one: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {one}s"),
    };
    let Held { windows, events, .. } = held;
    let what = match (task, events) {
        (Task::Aggregate(task), _) if matches!(task.to, OutputFormat::Table | OutputFormat::Chart(_)) => {
            return Some(
                "stopped, and none of its rows is written: a table or chart is made at the end; --to csv or ndjson \
                 writes rows as windows close"
                    .to_owned(),
            );
        }
        _ if windows == 0 => return None,
        (Task::Order, _) => format!("{} waiting for the watermark", counted(windows, "event")),
        (Task::Aggregate(task), _) if task.firing.lateness.is_some() => {
            format!("what has changed since in {} that take in events", counted(windows, "window"))
        }
        (Task::Aggregate(task), None) if matches!(task.windows, Windows::Session { .. }) => {
            counted(windows, "open session")
        }
        (_, Some(events)) => format!("{} with {}", counted(windows, "open window"), counted(events, "event")),
        (_, None) => counted(windows, "open window"),
    };
    Some(format!(
        "stopped, and not written: {what}; with --state-dir the same command would go on with that, and the end of the \
         input closes everything"
    ))
}

/// What there is to go on from when a run has been stopped.
fn stopped(progress: &Progress, is_continued: bool) -> &'static str {
    match progress.committed() {
        0 if is_continued => {
            "stopped before a checkpoint was made; the same command goes on from the one before"
        }
        0 => "stopped before the first checkpoint; the same command starts anew",
        _ => "stopped, with a checkpoint; the same command goes on from there",
    }
}

/// Whether files were written of nothing: of the value of an option that was left out, the one FILE may have become.
fn is_empty_by_oversight(job: &Job, progress: &Progress) -> bool {
    let files = [job.output.as_deref(), job.late.path(), job.bad.path()];
    matches!(&job.sources[..], [source] if matches!(source.origin, Origin::Stdin))
        && progress.snapshot().bytes_read() == 0
        && job.state.is_none()
        && files.iter().any(Option::is_some)
}

/// Whether what is not an error may be said on standard error without being asked for.
fn says_what_happens(report: &Report, terminal: bool) -> bool {
    let Report { quiet, verbose, stats, .. } = *report;
    stats != Stats::Json && !quiet && (terminal || verbose > 0)
}

/// The account of the run, as asked for, and a warning if something deserves one.
fn account(job: &Job, summary: &Summary, work: &Work, done: bool, terminal: bool) -> String {
    let Report { quiet, verbose, stats, .. } = job.report;
    let line = match stats {
        // Whoever reads JSON finds there what a warning would say, and nothing that is not JSON.
        Stats::Json => {
            let mut object = summary.object();
            work.add_to(&mut object);
            return format!("{object}\n");
        }
        Stats::Text => true,
        Stats::Auto => done && !quiet && (terminal || verbose > 0),
    };
    let mut text = String::new();
    if verbose > 0 && !quiet {
        text += &work.text();
    }
    if line && verbose > 0 {
        for (name, counts) in &summary.sources {
            text += &format!("windrow: {}: {counts}\n", Escaped(name));
        }
    }
    if line {
        text += &format!("windrow: {}\n", summary.text());
    }
    // An error says more than a warning could.
    if done
        && !quiet
        && let Some(warning) = summary.warning(job.late.path(), job.bad.path())
    {
        text += &format!("windrow: warning: {warning}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;
    use crate::operator::counts::Counts;

    /// The account of a run with one late and one bad record in the second of its two inputs.
    fn check(options: &str, terminal: bool, want: &str) {
        let argv = format!("windrow -w 1m {options} a b");
        let argv: Vec<_> = argv.split_whitespace().map(Into::into).collect();
        let job = cli::job(&argv).unwrap();
        let mut summary = Summary::new(["a", "b"].map(str::to_owned).into_iter());
        let first = Counts { read: 1, accepted: 1, ..Counts::default() };
        let second = Counts { read: 3, accepted: 1, late: 1, bad: 1, ..Counts::default() };
        summary.take([first, second].iter(), 2);
        assert_eq!(account(&job, &summary, &Work::default(), true, terminal), want, "{options}");
    }

    const LINE: &str =
        "windrow: 4 read = 2 accepted + 0 filtered + 1 late + 0 duplicate + 1 bad; 2 rows written\n";
    const WARNING: &str = "windrow: warning: 1 of 4 records late (--late FILE keeps them, a larger --delay \
         accepts more); 1 of 4 records bad (--bad FILE keeps them with the reason)\n";

    #[test]
    fn accounts() {
        check("", false, WARNING);
        check("", true, &format!("{LINE}{WARNING}"));
        check("--stats", false, &format!("{LINE}{WARNING}"));
        check("-q", true, "");
        check("-q --stats", false, LINE);
        check(
            "--late l.ndjson --bad b.ndjson",
            false,
            "windrow: warning: 1 of 4 records late (l.ndjson has them, a larger --delay accepts more); \
             1 of 4 records bad (b.ndjson has them)\n",
        );
    }

    #[test]
    fn verbose_accounts_name_the_inputs() {
        let first = "windrow: a: 1 read = 1 accepted + 0 filtered + 0 late + 0 duplicate + 0 bad\n";
        let second = "windrow: b: 3 read = 1 accepted + 0 filtered + 1 late + 0 duplicate + 1 bad\n";
        check("-v", false, &format!("{first}{second}{LINE}{WARNING}"));
    }

    #[test]
    fn what_is_not_written_is_said() {
        let check = |line: &str, windows, events, want: Option<&str>| {
            let argv: Vec<_> = format!("windrow {line}").split(' ').map(Into::into).collect();
            let job = crate::cli::job(&argv).expect("a good job");
            let said = unwritten(&job.task, Held { windows, events, ..Held::default() });
            let said = said.as_deref().and_then(|said| said.split("; ").next());
            assert_eq!(said.map(|said| said.trim_start_matches("stopped, and ")), want, "{line}");
        };
        check("-w 1m", 0, Some(0), None);
        check("-w 1m", 2, Some(1), Some("not written: 2 open windows with 1 event"));
        check("-w session:1m", 1, None, Some("not written: 1 open session"));
        check("-w session:1m,1m", 2, None, Some("not written: 2 open windows"));
        check("order", 3, Some(3), Some("not written: 3 events waiting for the watermark"));
        let since = "not written: what has changed since in 3 windows that take in events";
        check("-w 1m --allowed-lateness 1h", 3, None, Some(since));
        let none = "none of its rows is written: a table or chart is made at the end";
        check("-w 1m --to table", 0, None, Some(none));
    }

    #[test]
    fn json_stands_alone() {
        let source = |name: &str, read: u32, late_or_bad: u32| {
            format!(
                "{{\"accepted\":1,\"bad\":{late_or_bad},\"duplicate\":0,\"filtered\":0,\"late\":{late_or_bad},\
                 \"partially_late\":0,\"read\":{read},\"source\":\"{name}\"}}"
            )
        };
        let (one, two) = (source("a", 1, 0), source("b", 3, 1));
        let total = "{\"accepted\":2,\"bad\":1,\"checkpoints\":null,\"duplicate\":0,\"filtered\":0,\"late\":1,\
                     \"partially_late\":0,\"read\":4,\"rows\":2,\"seconds\":0.0,\"sources\":";
        check("--stats=json", true, &format!("{total}[{one},{two}],\"stages\":[]}}\n"));
    }
}
