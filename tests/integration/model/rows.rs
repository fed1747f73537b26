//! The model's windows and rows: every row from the list of the events in its window.

use std::cmp::Ordering;

use super::aggregate::{Argument, Call, key_order};
use super::read::Value;
use super::time::Form;
use super::{Event, Job, Top, Windows, number, time};

/// All windows `(start, end)` that contain a time, found by trying every one that is near. None for sessions.
pub fn windows_of(windows: Windows, time: i64) -> Vec<(i64, i64)> {
    match windows {
        Windows::Hopping { size, advance, offset } => {
            let near = (time - offset) / advance;
            (near - size / advance - 2..=near + 2)
                .map(|n| offset + n * advance)
                .map(|start| (start, start + size))
                .filter(|&(start, end)| start <= time && time < end)
                .collect()
        }
        Windows::Cumulate { size, step, offset } => {
            let near = (time - offset) / size;
            (near - 2..=near + 2)
                .map(|n| offset + n * size)
                .flat_map(|start| (1..=size / step).map(move |n| (start, start + n * step)))
                .filter(|&(start, end)| start <= time && time < end)
                .collect()
        }
        Windows::Session { .. } | Windows::None | Windows::Order => Vec::new(),
    }
}

/// A window and a key with the events that belong to it.
#[derive(Clone)]
pub struct Group<'e> {
    pub start: i64,
    pub end: i64,
    pub key: &'e [Value],
    pub events: Vec<&'e Event>,
    /// The last two columns, where there are such.
    pub timing: Option<(&'static str, u32)>,
}

/// The rows of all windows that the watermark has closed, in their order, and how many they are.
pub fn rows(job: &Job, events: &[Event], form: Form, fired: i64) -> (String, u64) {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for event in events {
        let mut add = |start: i64, end: i64, is_same: &dyn Fn(&Group<'_>) -> bool| {
            let n = groups.iter().position(|group| is_same(group) && group.key == event.key);
            let n = home_of(&mut groups, n, start, end, event);
            groups[n].end = end.max(groups[n].end);
            groups[n].events.push(event);
        };
        match job.windows {
            Windows::None | Windows::Order => add(0, i64::MAX, &|_| true),
            // In order of time, an event belongs to the session that ends no earlier than it, if there is one.
            Windows::Session { gap } => add(event.time, event.time + gap, &|group| group.end >= event.time),
            _ => {
                for (start, end) in windows_of(job.windows, event.time) {
                    if end > event.watermark {
                        add(start, end, &|group| (group.start, group.end) == (start, end));
                    }
                }
            }
        }
    }
    let is_fired = |group: &Group<'_>| match job.windows {
        Windows::Session { .. } => group.end < fired,
        Windows::None => fired == i64::MAX,
        _ => group.end <= fired,
    };
    groups.retain(is_fired);
    sort(&mut groups);
    let (mut out, mut written) = (header(job), 0);
    write(job, &groups, form, &mut out, &mut written);
    (out, written)
}

/// The order of rows.
fn sort(groups: &mut [Group<'_>]) {
    groups.sort_by(|a, b| (a.end, a.start).cmp(&(b.end, b.start)).then_with(|| compare_keys(a.key, b.key)));
}

/// The header of CSV.
pub fn header(job: &Job) -> String {
    if job.csv { format!("{}\n", columns(job).join(",")) } else { String::new() }
}

fn home_of<'e>(
    groups: &mut Vec<Group<'e>>,
    found: Option<usize>,
    start: i64,
    end: i64,
    event: &'e Event,
) -> usize {
    found.unwrap_or_else(|| {
        groups.push(Group { start, end, key: &event.key, events: Vec::new(), timing: None });
        groups.len() - 1
    })
}

pub fn compare_keys(a: &[Value], b: &[Value]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| key_order(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// The columns of the rows.
fn columns(job: &Job) -> Vec<String> {
    let bounds: &[&str] = if job.windows == Windows::None { &[] } else { &["window_start", "window_end"] };
    let names = bounds.iter().chain(&job.keys).map(|name| (*name).to_owned());
    let timing: &[&str] = if job.repeats() { &["pane", "revision"] } else { &[] };
    let calls = (0..job.calls.len()).map(|n| format!("a{n}"));
    names.chain(calls).chain(timing.iter().map(|name| (*name).to_owned())).collect()
}

/// A group's row: its values in the order of the columns, and those of the calls alone.
fn row(job: &Job, group: &Group<'_>, form: Form) -> (Vec<Value>, Vec<Value>) {
    let result = |(n, call): (usize, &Call)| {
        let arguments: Vec<Argument> = group.events.iter().map(|event| event.arguments[n].clone()).collect();
        call.result(&arguments)
    };
    let results: Vec<Value> = job.calls.iter().enumerate().map(result).collect();
    let mut row = Vec::new();
    if job.windows != Windows::None {
        row.extend([time::write(group.start, form), time::write(group.end, form)]);
    }
    row.extend_from_slice(group.key);
    row.extend_from_slice(&results);
    if let Some((pane, revision)) = group.timing {
        row.extend([Value::Text(pane.to_owned()), Value::Number(revision.to_string())]);
    }
    (row, results)
}

/// Applies `--having` and `--top` window by window, and writes the rows.
pub fn write(job: &Job, groups: &[Group<'_>], form: Form, out: &mut String, written: &mut u64) {
    let columns = columns(job);
    let pane = |group: &Group<'_>| group.timing.map(|(pane, _)| pane);
    for window in groups.chunk_by(|a, b| (a.start, a.end, pane(a)) == (b.start, b.end, pane(b))) {
        let mut kept: Vec<(Vec<Value>, Value)> = Vec::new();
        for group in window {
            let (row, results) = row(job, group, form);
            if job.having.is_none_or(|having| group.events.len() >= having.count_min) {
                kept.push((row, job.top.map_or(Value::Null, |top| results[top.call].clone())));
            }
        }
        if let Some(top) = job.top {
            kept.sort_by(|(_, a), (_, b)| rank(top, a, b));
            let ties = kept
                .iter()
                .filter(|(_, a)| kept.get(top.rows - 1).is_some_and(|(_, last)| rank(top, a, last).is_le()));
            let keep = if top.ties && kept.len() > top.rows { ties.count() } else { top.rows };
            kept.truncate(keep);
        }
        for (row, _) in kept {
            *out += &line(job, &columns, &row);
            *written += 1;
        }
    }
}

/// Numbers rank by value; null is the least.
fn rank(top: Top, a: &Value, b: &Value) -> Ordering {
    let order = match (a.number(), b.number()) {
        (Some(a), Some(b)) => number::decimal(a).cmp(&number::decimal(b)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    if top.ascending { order } else { order.reverse() }
}

fn line(job: &Job, columns: &[String], row: &[Value]) -> String {
    if !job.csv {
        let members: Vec<String> =
            columns.iter().zip(row).map(|(name, value)| format!("\"{name}\":{}", value.json())).collect();
        return format!("{{{}}}\n", members.join(","));
    }
    let cells: Vec<String> = row.iter().map(Value::csv).collect();
    let line = cells.join(",");
    // A row of one empty field is quoted, or it would read as a blank line.
    if line.is_empty() { "\"\"\n".to_owned() } else { format!("{line}\n") }
}
