//! `windrow state show`: what a state directory holds, for people. The form of the text may change.

use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use super::ids;
use crate::checkpoint::codec::Damage;
use crate::checkpoint::inspect::Looked;
use crate::checkpoint::inspect_job::{self, Plan};
use crate::checkpoint::inspect_windows::Open;
use crate::checkpoint::written::{EndingV1, OutputV1, SourceV1};
use crate::error::printable;
use crate::outline;
use crate::time::{self, Form, duration};
use crate::window::{Window, Windows};

/// The columns for names.
const NAME_COLUMNS: usize = 11;
/// So many of the windows that fire next are shown with their keys.
const WINDOWS_MAX: usize = 5;

/// The text, each line ended.
pub fn show(looked: &Looked) -> Result<String, Damage> {
    let open = Open::of(&looked.checkpoint)?;
    let mut page = Page { looked, plan: open.plan(), text: String::new() };
    page.job();
    page.checkpoint();
    page.open(&open)?;
    page.inputs();
    page.outputs();
    page.sizes();
    Ok(page.text)
}

struct Page<'l> {
    looked: &'l Looked,
    plan: &'l Plan,
    text: String,
}

impl Page<'_> {
    fn section(&mut self, title: &str) {
        outline::section(&mut self.text, title);
    }

    fn line(&mut self, name: &str, what: &str) {
        outline::line(&mut self.text, NAME_COLUMNS, name, what);
    }

    fn job(&mut self) {
        self.section("job");
        let words = inspect_job::command(&self.looked.checkpoint, &self.looked.path);
        let words: Vec<String> = words.iter().map(|word| outline::word(word.as_ref())).collect();
        self.text += &format!("  {}\n", printable(&words.join(" ")));
    }

    fn checkpoint(&mut self) {
        self.section("checkpoint");
        let checkpoint = &self.looked.checkpoint;
        self.line("number", &checkpoint.epoch.to_string());
        self.line("taken", &taken(checkpoint.taken_at));
        let ending = match (checkpoint.ending, self.looked.user) {
            (_, Some(process)) => format!("running, process {process}"),
            (EndingV1::Running, None) => "interrupted: the same command goes on".to_owned(),
            (EndingV1::Held, None) => {
                "held: the input had ended; the same command goes on with what was added to it".to_owned()
            }
            (EndingV1::Closed, None) => "done: the input had ended, and every window is written".to_owned(),
        };
        self.line("run", &ending);
        for damaged in &self.looked.damaged {
            self.line("WARNING", &format!("{damaged}; shown is the checkpoint before it"));
        }
    }

    fn open(&mut self, open: &Open) -> Result<(), Damage> {
        self.section("open");
        let watermark = match self.looked.checkpoint.watermark {
            i64::MIN => "none yet: no event has been read".to_owned(),
            watermark => self.plan.time_text(watermark),
        };
        self.line("watermark", &watermark);
        let counts = open.counts();
        let more = if counts.more { "more than " } else { "" };
        let (name, keys) = match self.plan.windows {
            Windows::Panes(_) | Windows::Several(_) => ("windows", format!(", keys {}", counts.keys)),
            Windows::Session { .. } => ("sessions", format!(", keys {}", counts.keys)),
            Windows::None if self.plan.order => ("waiting", String::new()),
            Windows::None => ("tables", format!(", keys {}", counts.keys)),
        };
        self.line(name, &format!("{more}{}{keys}", counts.open));
        for (kind, windows) in self.plan.windows.each().into_iter().enumerate() {
            if matches!(windows, Windows::Panes(_)) {
                self.windows(open, kind)?;
            }
        }
        if counts.fired > 0 {
            self.line("fired", &format!("{} that take in late events yet", counts.fired));
        }
        if let Some(next) = self.next(open, counts.open > 0) {
            self.line("next", &next);
        }
        let (rows, bytes) = open.last_rows();
        if rows > 0 {
            self.line("last rows", &format!("{rows} of keys, for --fill: bytes {bytes}"));
        }
        let ids = ids(self.looked);
        if !ids.is_empty() {
            let known: u64 = ids.iter().filter_map(|(.., file)| file.as_ref()).map(|file| file.count).sum();
            let damaged = match ids.iter().any(|(.., file)| file.is_none()) {
                true => ", and some that cannot be read; windrow state verify says more",
                false => "",
            };
            self.line("ids", &format!("{known}{damaged}"));
        }
        Ok(())
    }

    /// The windows of a kind that fire next, with how many keys each has.
    fn windows(&mut self, open: &Open, kind: usize) -> Result<(), Damage> {
        let mut found: Vec<(Window, u64)> = Vec::new();
        let mut name = String::new();
        open.groups(kind, &mut |group| {
            name = group.kind.map(|name| format!("  {name}")).unwrap_or_default();
            let Some(window) = group.window else { return ControlFlow::Break(()) };
            let shown = found.len();
            match found.last_mut() {
                Some((last, keys)) if *last == window => *keys += 1,
                _ if shown == WINDOWS_MAX => return ControlFlow::Break(()),
                _ => found.push((window, 1)),
            }
            ControlFlow::Continue(())
        })?;
        for (window, keys) in found {
            self.line("", &format!("{}{name}  keys {keys}", self.bounds(window)));
        }
        Ok(())
    }

    fn bounds(&self, window: Window) -> String {
        format!("[{}, {})", self.plan.time_text(window.start), self.plan.time_text(window.end))
    }

    /// What fires next, and when.
    fn next(&self, open: &Open, any: bool) -> Option<String> {
        let sources = &self.looked.checkpoint.sources;
        let unfinished = sources.iter().filter(|source| !source.over).count();
        let next = match open.next() {
            Some(next) => next,
            None => return any.then(|| "the rows of all keys, at the end of the input".to_owned()),
        };
        let (next, windows) = (next.bounds, next.windows);
        let (what, strictly) = match windows {
            Windows::Panes(_) | Windows::Several(_) => {
                (format!("the window {} closes", self.bounds(next)), false)
            }
            Windows::Session { .. } => (format!("the session {} closes", self.bounds(next)), true),
            Windows::None => (format!("the event of {} leaves", self.plan.time_text(next.end)), true),
        };
        // Where the watermark must pass the time, and not just reach it.
        let when = if strictly { "after" } else { "at or after" };
        let time = self.plan.time_text(next.end.saturating_add(self.plan.delay));
        let where_ = match unfinished {
            0 => return Some(format!("{what} when the run goes on: every input has been read to its end")),
            1 => "",
            _ => " in every input that is not finished",
        };
        Some(format!("{what} when an event {when} {time} arrives{where_}"))
    }

    fn inputs(&mut self) {
        self.section("inputs");
        let checkpoint = &self.looked.checkpoint;
        for (rank, source) in checkpoint.sources.iter().enumerate() {
            self.text += &format!("  {}\n", printable(&source.name.now));
            let start = checkpoint.part(rank as u32).start;
            self.line("  position", &position(source, start));
            let watermark = match source.largest {
                None => "none yet".to_owned(),
                Some(largest) => self.plan.time_text(largest.saturating_sub(self.plan.delay)),
            };
            self.line("  watermark", &watermark);
            self.line("  records", &checkpoint.counts(rank).to_string());
        }
    }

    fn outputs(&mut self) {
        self.section("outputs");
        let checkpoint = &self.looked.checkpoint;
        let rows = [("rows", &checkpoint.rows)].into_iter();
        let aside = [("late", &checkpoint.late), ("bad", &checkpoint.bad)];
        let aside = aside.into_iter().filter_map(|(name, saved)| Some((name, saved.as_ref()?)));
        for (name, saved) in rows.chain(aside) {
            self.line(name, &self.output(name, saved));
        }
    }

    fn output(&self, name: &str, saved: &OutputV1) -> String {
        let path = if saved.path.is_empty() { "standard output" } else { &saved.path };
        let mut text = format!("{path}: bytes {}, rows {}", saved.len, saved.rows);
        if saved.base > 0 {
            text += &format!(", behind {} bytes of others", saved.base);
        }
        // Only of rows is there an account.
        if let Some(delivery) = self.looked.delivery.filter(|_| name == "rows") {
            text += &format!("; delivered since: bytes {}, rows {}", delivery.counted, delivery.counted_rows);
            if delivery.announced > delivery.counted {
                text += &format!(", in doubt bytes {}", delivery.announced - delivery.counted);
            }
        }
        text
    }

    fn sizes(&mut self) {
        self.section("bytes");
        let sizes = self.looked.sizes;
        self.line("checkpoint", &sizes.checkpoint.to_string());
        self.line("ids", &sizes.ids.to_string());
        self.line("in all", &sizes.total.to_string());
    }
}

/// Where a source stands: in the file that begins behind `start` bytes of those that had its name before.
fn position(source: &SourceV1, start: u64) -> String {
    let SourceV1 { offset, records, lines, over, .. } = source;
    let over = if *over { ", read to its end" } else { "" };
    let (byte, line) = (offset.saturating_sub(start), lines.saturating_add(1));
    match start {
        0 => format!("byte {byte}, line {line}, records {records}{over}"),
        _ => format!(
            "byte {byte}, line {line} of the file that is read now; {start} bytes of files before it, records \
             {records} in all{over}"
        ),
    }
}

/// When a checkpoint was taken, and how long ago that is.
fn taken(at: i64) -> String {
    let mut text = Vec::new();
    time::write_time(at / 1_000_000 * 1_000_000, Form::Text, None, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let now =
        SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_micros()).ok());
    match now.and_then(|now| now.checked_sub(at)).filter(|ago| *ago >= 0) {
        Some(ago) => format!("{text}, {} ago", duration::format(ago / 1_000_000 * 1_000_000)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte and line are of one file.
    #[test]
    fn where_a_source_stands() {
        let mut source = SourceV1::new("a", "ndjson".to_owned(), None);
        (source.offset, source.lines, source.records) = (130, 3, 12);
        assert_eq!(position(&source, 0), "byte 130, line 4, records 12");
        let want =
            "byte 30, line 4 of the file that is read now; 100 bytes of files before it, records 12 in all";
        assert_eq!(position(&source, 100), want);
    }

    #[test]
    fn when_it_was_taken() {
        assert!(taken(1_000_000).starts_with("1970-01-01T00:00:01Z, ") && taken(1_000_000).ends_with(" ago"));
        assert_eq!(taken(i64::MAX / 4).matches("ago").count(), 0);
    }
}
