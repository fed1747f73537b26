//! Which metrics there are: their names, their meaning and their values. The names are an interface: people have
//! alerts that go by them.
//!
//! The rules: counters start at 0 with the process and end in `_total`, base units, instants as seconds since the
//! Unix epoch, and no label whose values could be without number. Help texts never change: a collector refuses one
//! family with two of them. What a job has come to over all its runs is told by gauges: a counter must not go on
//! from a checkpoint, since it would have gone further before the kill, and a step back looks like a new start.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Kind;
use super::exposition::{Exposition, Labels, Micros, Seconds, Type};
use crate::checkpoint::codec;
use crate::operator::counts::Counts;
use crate::pipeline::snapshot::{Checkpoints, Input, Rows, Snapshot};
use Type::{Counter, Gauge};

/// All metrics of a run at one moment; `ended` is its exit code, if it has ended.
pub fn text(
    run: &Snapshot,
    kind: Kind,
    ended: Option<u8>,
    labels: &[(String, String)],
    now: SystemTime,
) -> String {
    let mut exposition = Exposition::new(labels);
    let to = &mut exposition;
    process(to, run, ended);
    inputs(to, run, kind);
    lateness(to, run);
    results(to, run, kind);
    event_time(to, run, now);
    idle(to, run);
    held(to, run, kind);
    state(to, run, kind);
    if let Some(checkpoints) = &run.checkpoints {
        self::checkpoints(to, checkpoints);
    }
    stages(to, run);
    exposition.into_text()
}

fn process(to: &mut Exposition<'_>, run: &Snapshot, ended: Option<u8>) {
    let format = codec::Kind::Checkpoint.newest().to_string();
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("state_format", format.as_str())];
    to.family("windrow_build_info", Gauge, "Which windrow it is; always 1.").sample(&labels, 1);
    to.family("windrow_up", Gauge, "Whether the run goes on (1) or has ended (0).")
        .sample(&[], u8::from(ended.is_none()));
    if let Some(code) = ended {
        to.family("windrow_exit_status", Gauge, "The exit code of the run, once it has ended.")
            .sample(&[], code);
    }
    to.family("windrow_start_time_seconds", Gauge, "When the run began, in seconds since the Unix epoch.")
        .sample(&[], Seconds(since_epoch(run.started)));
    to.family(
        "windrow_last_progress_timestamp_seconds",
        Gauge,
        "When records were last read, or the run began, in seconds since the Unix epoch.",
    )
    .sample(&[], Seconds(since_epoch(run.read_at.unwrap_or(run.started))));
}

/// A number of an input.
type Of = fn(&Input) -> u64;

/// The ledger. An input that is named twice is told once.
fn inputs(to: &mut Exposition<'_>, run: &Snapshot, kind: Kind) {
    job(to, &run.job);
    // A family has a sample, or is not there.
    if run.inputs.is_empty() {
        return;
    }
    let mut family = |name, help, samples: &[(Labels<'_>, Of)]| {
        let mut family = to.family(name, Counter, help);
        for input in &run.inputs {
            for (labels, of) in samples {
                family.sample(&[&[("input", input.name.as_str())], *labels].concat(), of(input));
            }
        }
    };
    family("windrow_input_records_total", "Records read.", &[(&[], |input| input.run.read)]);
    family(
        "windrow_input_bytes_total",
        "Bytes read, as stored (compressed, if they are).",
        &[(&[], |input| input.bytes)],
    );
    family(
        "windrow_accepted_records_total",
        "Events that entered their windows.",
        &[(&[], |input| input.run.accepted)],
    );
    family(
        "windrow_records_skipped_total",
        "Records that --where does not let pass, and bad ones.",
        &[
            (&[("reason", "where")], |input| input.run.filtered),
            (&[("reason", "bad")], |input| input.run.bad),
        ],
    );
    family(
        "windrow_duplicate_records_total",
        "Repeats of an event by its id.",
        &[(&[], |input| input.run.duplicate)],
    );
    let (late, none): (Of, Of) = (|input| input.run.late, |_| 0);
    let (dropped, aside) = if kind.keeps_late { (none, late) } else { (late, none) };
    family(
        "windrow_late_records_total",
        "Events too late for all their windows (dropped, or side_output: kept by --late), or for some (accepted).",
        &[
            (&[("outcome", "dropped")], dropped),
            (&[("outcome", "side_output")], aside),
            (&[("outcome", "accepted")], |input| input.run.partially_late),
        ],
    );
    if kind.revises {
        family(
            "windrow_revising_records_total",
            "Accepted events that came behind the end of a window which took them in.",
            &[(&[], |input| input.run.revising)],
        );
    }
}

fn job(to: &mut Exposition<'_>, counts: &Counts) {
    let Counts { accepted, filtered, late, duplicate, bad, .. } = *counts;
    to.family(
        "windrow_job_records",
        Gauge,
        "What became of the records that all runs of the job have read, up to where this run is.",
    )
    .sample(&[("outcome", "accepted")], accepted)
    .sample(&[("outcome", "filtered")], filtered)
    .sample(&[("outcome", "late")], late)
    .sample(&[("outcome", "duplicate")], duplicate)
    .sample(&[("outcome", "bad")], bad);
}

fn lateness(to: &mut Exposition<'_>, run: &Snapshot) {
    if let Some(late_by) = &run.late_by {
        to.histogram(
            "windrow_lateness_seconds",
            "How far behind the watermark the events were that came too late for all their windows.",
            late_by,
        );
    }
}

fn results(to: &mut Exposition<'_>, run: &Snapshot, kind: Kind) {
    let Rows { run: all, early, revised, .. } = run.rows;
    let mut records =
        to.family("windrow_output_records_total", Counter, "Rows written, or events by windrow order.");
    records.sample(&[("kind", "final")], all.saturating_sub(early + revised));
    for (name, count) in [("early", early), ("revised", revised)] {
        if count > 0 {
            records.sample(&[("kind", name)], count);
        }
    }
    to.family("windrow_output_bytes_total", Counter, "Bytes of them, with the header.")
        .sample(&[], run.rows.run_bytes);
    to.family(
        "windrow_job_rows",
        Gauge,
        "Rows that all runs of the job have written, up to where this run is.",
    )
    .sample(&[], run.rows.job);
    if !kind.order {
        to.family(
            "windrow_windows_closed_total",
            Counter,
            "Windows that have closed: each session, and others once for all their keys.",
        )
        .sample(&[], run.rows.closed);
    }
    to.histogram(
        "windrow_processing_latency_seconds",
        "For each accepted event, the time from when its chunk was read until it was applied and what fired written.",
        &run.latency,
    );
}

fn event_time(to: &mut Exposition<'_>, run: &Snapshot, now: SystemTime) {
    let Some(watermark) = run.watermark else { return };
    let mut family = to.family(
        "windrow_watermark_timestamp_seconds",
        Gauge,
        "The watermark, and that of each unfinished input, in seconds since the Unix epoch.",
    );
    family.sample(&[], Micros(watermark));
    for input in &run.inputs {
        if let Some(own) = input.watermark {
            family.sample(&[("input", &input.name)], Micros(own));
        }
    }
    let now = i64::try_from(since_epoch(now).as_micros()).unwrap_or(i64::MAX);
    to.family("windrow_watermark_lag_seconds", Gauge, "How far the watermark is behind the clock.")
        .sample(&[], Micros(now.saturating_sub(watermark)));
    if run.inputs.iter().all(|input| input.newest.is_none()) {
        return;
    }
    let mut family = to.family(
        "windrow_event_time_skew_seconds",
        Gauge,
        "How far the newest event read of an unfinished input is ahead of the watermark.",
    );
    for input in &run.inputs {
        if let Some(newest) = input.newest {
            family.sample(&[("input", &input.name)], Micros(newest.saturating_sub(watermark)));
        }
    }
}

/// Which unfinished inputs bring nothing.
fn idle(to: &mut Exposition<'_>, run: &Snapshot) {
    let unfinished =
        || run.inputs.iter().filter_map(|input| Some((&input.name[..], input.idle?, input.silence?)));
    if unfinished().next().is_none() {
        return;
    }
    let mut family = to.family(
        "windrow_input_idle",
        Gauge,
        "Whether an unfinished input has been silent for --idle-timeout, so that the others do not wait for it (1).",
    );
    for (name, idle, _) in unfinished() {
        family.sample(&[("input", name)], u8::from(idle));
    }
    let mut family = to.family(
        "windrow_input_idle_seconds",
        Gauge,
        "For how long an unfinished input has brought nothing, though it was looked at; 0 where it does.",
    );
    for (name, _, silence) in unfinished() {
        family.sample(&[("input", name)], Seconds(silence));
    }
}

/// How much memory the state takes up.
fn state(to: &mut Exposition<'_>, run: &Snapshot, kind: Kind) {
    let Some(weight) = run.weight else { return };
    let mut family = to.family(
        "windrow_state_bytes",
        Gauge,
        "Memory taken up, about, by windows and keys, by what aggregates keep besides (sketches), and by ids (dedup).",
    );
    family.sample(&[("part", "windows")], weight.windows).sample(&[("part", "sketches")], weight.sketches);
    if let (true, Some(bytes)) = (kind.dedup, run.ids_bytes) {
        family.sample(&[("part", "dedup")], bytes);
    }
}

fn held(to: &mut Exposition<'_>, run: &Snapshot, kind: Kind) {
    let Some(held) = run.held else { return };
    if kind.order {
        to.family("windrow_waiting_records", Gauge, "Events that wait for the watermark to pass them.")
            .sample(&[], held.windows);
    } else {
        to.family(
            "windrow_open_windows",
            Gauge,
            "Open windows: sessions, or panes, of which hopping windows are made.",
        )
        .sample(&[], held.windows);
        to.family("windrow_state_keys", Gauge, "Distinct keys in open windows.").sample(&[], held.keys);
    }
    if let Some(oldest) = held.oldest {
        to.family(
            "windrow_oldest_open_window_timestamp_seconds",
            Gauge,
            "The start of the oldest open window or pane, or the oldest waiting event, in seconds since the Unix epoch.",
        )
        .sample(&[], Micros(oldest));
    }
    if kind.dedup {
        to.family("windrow_dedup_ids", Gauge, "Remembered ids, about.").sample(&[], run.ids);
    }
}

fn checkpoints(to: &mut Exposition<'_>, checkpoints: &Checkpoints) {
    to.family(
        "windrow_checkpoints_total",
        Counter,
        "Checkpoints made, and those that failed, which ends the run.",
    )
    .sample(&[("outcome", "ok")], checkpoints.took.count())
    .sample(&[("outcome", "failed")], checkpoints.failed);
    to.histogram(
        "windrow_checkpoint_duration_seconds",
        "How long it took to make a checkpoint durable. The job goes on meanwhile.",
        &checkpoints.took,
    );
    if let Some(bytes) = checkpoints.last_bytes {
        to.family("windrow_last_checkpoint_size_bytes", Gauge, "Its size, the files of ids not counted.")
            .sample(&[], bytes);
    }
    if let Some(at) = checkpoints.last_at {
        to.family(
            "windrow_last_checkpoint_timestamp_seconds",
            Gauge,
            "When the last checkpoint was made, by an earlier run perhaps, in seconds since the Unix epoch.",
        )
        .sample(&[], Seconds(since_epoch(at)));
    }
    to.family(
        "windrow_restores_total",
        Counter,
        "Whether this run went on from a checkpoint (1) or began anew (0).",
    )
    .sample(&[], u8::from(checkpoints.resumed));
}

fn stages(to: &mut Exposition<'_>, run: &Snapshot) {
    let mut family = |name, kind, help, of: fn(&crate::pipeline::stages::Account) -> Duration| {
        let mut family = to.family(name, kind, help);
        for (stage, account) in &run.stages {
            family.sample(&[("stage", stage.name())], Seconds(of(account)));
        }
    };
    family(
        "windrow_stage_busy_seconds_total",
        Counter,
        "Time that the threads of a stage have worked.",
        |a| a.busy,
    );
    family(
        "windrow_stage_starved_seconds_total",
        Counter,
        "Time that they have waited for something to do.",
        |a| a.starved,
    );
    family(
        "windrow_stage_blocked_seconds_total",
        Counter,
        "Time that they have waited for room behind them (back pressure).",
        |a| a.blocked,
    );
    let mut family = to.family("windrow_stage_threads", Gauge, "How many threads a stage has had.");
    for (stage, account) in &run.stages {
        family.sample(&[("stage", stage.name())], account.threads);
    }
    // Once nobody takes anything any more there are none.
    if run.queues.iter().all(|(_, (_, room))| *room == 0) {
        return;
    }
    let mut family = to.family("windrow_queue_length", Gauge, "Messages that wait between two stages.");
    for (queue, (waiting, _)) in &run.queues {
        family.sample(&[("queue", queue.name())], waiting);
    }
    let mut family = to.family("windrow_queue_capacity", Gauge, "How many there is room for.");
    for (queue, (_, room)) in &run.queues {
        family.sample(&[("queue", queue.name())], room);
    }
}

fn since_epoch(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}
