//! `windrow state dump`: what a state directory holds, as NDJSON. The members are described in the help of the command,
//! and stay as they are.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::ids;
use super::object::Object;
use crate::checkpoint::codec::Damage;
use crate::checkpoint::inspect::Looked;
use crate::checkpoint::inspect_ids::IdFile;
use crate::checkpoint::inspect_job;
use crate::checkpoint::inspect_windows::{Group, Open};
use crate::checkpoint::written::{CheckpointV1, EndingV1, OutputV1};
use crate::operator::counts::Counts;
use crate::output::json::write_json_string;
use crate::time::{self, Form};
use crate::window::Windows;

/// What there is to write, besides the directory itself.
pub struct Found {
    open: Open,
    ids: Vec<(i64, u64, Option<IdFile>)>,
}

impl Found {
    /// What a directory's checkpoint holds.
    pub fn of(looked: &Looked) -> Result<Found, Damage> {
        Ok(Found { open: Open::of(&looked.checkpoint)?, ids: ids(looked) })
    }

    /// A time as JSON, in the form of the rows.
    fn time(&self, micros: Option<i64>) -> String {
        let plan = self.open.plan();
        match (micros, plan.form) {
            (None, _) => "null".to_owned(),
            (Some(micros), Form::Number(_)) => plan.time(micros),
            (Some(micros), Form::Text) => json(&plan.time(micros)),
        }
    }
}

/// A text as JSON.
fn json(text: &str) -> String {
    let mut out = Vec::new();
    write_json_string(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn or_null<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// A text as JSON; an empty one is null.
fn text_or_null(text: &str) -> String {
    or_null(Some(text).filter(|text| !text.is_empty()).map(json))
}

/// Writes everything.
pub fn dump(looked: &Looked, found: &Found, out: &mut dyn Write) -> io::Result<()> {
    checkpoint(looked, found, out)?;
    job(looked, out)?;
    let checkpoint = &looked.checkpoint;
    (0..checkpoint.sources.len()).try_for_each(|rank| source(checkpoint, rank, found, out))?;
    output("rows", &checkpoint.rows, looked, out)?;
    for (name, saved) in [("late", &checkpoint.late), ("bad", &checkpoint.bad)] {
        saved.iter().try_for_each(|saved| output(name, saved, looked, out))?;
    }
    match found.open.plan().order {
        true => waiting(looked, found, out)?,
        false => groups(found, out)?,
    }
    for (bucket, bytes, file) in &found.ids {
        let (from, to) = file.as_ref().and_then(|file| file.bounds).unzip();
        let object = Object::of("ids").raw("bucket", bucket).raw("from", found.time(from));
        let count = or_null(file.as_ref().map(|file| file.count));
        object.raw("to", found.time(to)).raw("count", count).raw("bytes", bytes).write(out)?;
    }
    Ok(())
}

fn checkpoint(looked: &Looked, found: &Found, out: &mut dyn Write) -> io::Result<()> {
    let checkpoint = &looked.checkpoint;
    let ending = match checkpoint.ending {
        EndingV1::Running => "running",
        EndingV1::Held => "held",
        EndingV1::Closed => "closed",
    };
    let mut taken = Vec::new();
    time::write_time(checkpoint.taken_at, Form::Text, None, &mut taken);
    let damaged =
        looked.damaged.iter().map(|damaged| json(&damaged.to_string())).collect::<Vec<_>>().join(",");
    Object::of("checkpoint")
        .raw("number", checkpoint.epoch)
        .raw("format", checkpoint.version())
        .text("taken_at", &String::from_utf8_lossy(&taken))
        // As text: JSON's numbers are not exact beyond 2^53 everywhere.
        .text("run", &format!("{:016x}", checkpoint.run))
        .text("ending", ending)
        .text("time_field", &checkpoint.time_field)
        .raw("watermark", found.time(Some(checkpoint.watermark).filter(|&time| time != i64::MIN)))
        .raw("process", or_null(looked.user))
        .raw("bytes", looked.sizes.checkpoint)
        .raw("damaged", format!("[{damaged}]"))
        .write(out)
}

fn job(looked: &Looked, out: &mut dyn Write) -> io::Result<()> {
    let checkpoint = &looked.checkpoint;
    let words = inspect_job::command(checkpoint, &looked.path);
    let words = words.iter().map(|word| json(word)).collect::<Vec<_>>().join(",");
    let options = checkpoint.job.iter().map(|(name, value)| format!("{}:{}", json(name), json(value)));
    let options = options.collect::<Vec<_>>().join(",");
    Object::of("job").raw("command", format!("[{words}]")).raw("options", format!("{{{options}}}")).write(out)
}

fn source(checkpoint: &CheckpointV1, rank: usize, found: &Found, out: &mut dyn Write) -> io::Result<()> {
    let saved = &checkpoint.sources[rank];
    let Counts { read, accepted, filtered, late, duplicate, bad, partially_late, revising } =
        checkpoint.counts(rank);
    let watermark = saved.largest.map(|largest| largest.saturating_sub(found.open.plan().delay));
    let object = Object::of("source")
        .text("name", &saved.name.now)
        .text("format", &saved.format)
        .raw("bytes", saved.offset)
        .raw("records", saved.records)
        .raw("byte", saved.offset.saturating_sub(checkpoint.part(rank as u32).start))
        .raw("line", saved.lines.saturating_add(1))
        .raw("largest_time", found.time(saved.largest))
        .raw("watermark", found.time(watermark))
        .raw("finished", saved.over)
        .raw("read", read)
        .raw("accepted", accepted)
        .raw("filtered", filtered)
        .raw("late", late)
        .raw("duplicate", duplicate)
        .raw("bad", bad)
        .raw("partially_late", partially_late);
    // As in the account of a run.
    if revising > 0 { object.raw("revising", revising) } else { object }.write(out)
}

fn output(name: &str, saved: &OutputV1, looked: &Looked, out: &mut dyn Write) -> io::Result<()> {
    let object = Object::of("output")
        .text("name", name)
        .raw("path", text_or_null(&saved.path))
        .raw("stream", saved.stream)
        .raw("base", saved.base)
        .raw("bytes", saved.len)
        .raw("rows", saved.rows);
    // Only of rows is there an account.
    match looked.delivery.filter(|_| name == "rows") {
        None => object,
        Some(delivery) => object
            .raw("delivered_bytes", delivery.counted)
            .raw("delivered_rows", delivery.counted_rows)
            .raw("in_doubt_bytes", delivery.announced - delivery.counted),
    }
    .write(out)
}

fn waiting(looked: &Looked, found: &Found, out: &mut dyn Write) -> io::Result<()> {
    for event in found.open.waiting() {
        let source = looked.checkpoint.sources.get(event.source as usize);
        Object::of("waiting")
            .raw("time", found.time(Some(event.time)))
            .raw("source", or_null(source.map(|source| json(&source.name.now))))
            .raw("record", event.record.saturating_add(1))
            .text("text", &String::from_utf8_lossy(&event.text.0))
            .write(out)?;
    }
    Ok(())
}

fn groups(found: &Found, out: &mut dyn Write) -> io::Result<()> {
    let plan = found.open.plan();
    for (number, windows) in plan.windows.each().into_iter().enumerate() {
        let name = match windows {
            Windows::Session { .. } => "session",
            Windows::Panes(_) | Windows::None | Windows::Several(_) => "window",
        };
        groups_of(found, number, name, out)?;
    }
    Ok(())
}

/// The groups of one kind of windows.
fn groups_of(found: &Found, number: usize, name: &str, out: &mut dyn Write) -> io::Result<()> {
    let plan = found.open.plan();
    let mut written = Ok(());
    let line = |group: &Group<'_>, out: &mut dyn Write| {
        let object = Object::of(name);
        let object = match group.kind {
            Some(kind) => object.text("window", kind),
            None => object,
        };
        object
            .raw("start", found.time(group.window.map(|window| window.start)))
            .raw("end", found.time(group.window.map(|window| window.end)))
            .values("keys", &plan.keys, group.key())
            .values("results", &plan.results, group.results())
            .write(out)
    };
    let read = found.open.groups(number, &mut |group| {
        written = line(&group, out);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    // What was checked loads; and an error of writing comes first.
    written.and(read.map_err(|damage| io::Error::other(damage.to_string())))
}
