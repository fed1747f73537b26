//! What a view looks like: a scene and how the run stands, as lines for a terminal of some size.
//!
//! What comes from outside is made harmless and measured in the columns that it takes up.

use std::fmt::Write;

use indicatif::HumanCount;
use jiff::tz::TimeZone;

use super::history::{Past, WINDOWS_MAX};
use super::{Kind, Scene, SceneRow};
use crate::chart::label::{shown, width};
use crate::chart::terminal::Look;
use crate::job::Aggregation;
use crate::time::{Form, duration, write_time};
use crate::window::Window;

/// How a run stands. Event times are in microseconds since the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// Records read by this run.
    pub read: u64,
    /// How many of them a second, lately.
    pub rate: f64,
    /// The watermark; `None` before the first event.
    pub watermark: Option<i64>,
    /// What the clock on the wall shows.
    pub now: i64,
    /// Late events.
    pub late: u64,
    /// Repeats.
    pub duplicate: u64,
    /// Records that cannot be used.
    pub bad: u64,
    /// What the run has been waiting for, if for long.
    pub waits: Option<String>,
}

/// The form of a view, and how wide its columns are.
pub struct Frame {
    kind: Kind,
    zone: Option<TimeZone>,
    /// The columns that are shown, and how many cells of a row stand before them.
    names: Vec<String>,
    skipped: usize,
    /// Which of a row's cells are aggregates: those from here on.
    results: usize,
    /// What the rows are sorted by, in words.
    order: String,
    /// Columns do not become narrower while the terminal stays as it is: a view that jumps about is hard to read.
    widths: Vec<usize>,
    look: Look,
}

/// Between two columns.
const GAP: usize = 2;
/// Columns of text are not made narrower than this to have room for others, and numbers not than that.
const TEXT_MIN: usize = 8;
const NUMBER_MIN: usize = 14;
/// One for each window of the past, and the one that is shown.
const PAST_COLUMNS: usize = WINDOWS_MAX + 1;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII_BARS: [char; 8] = ['.', ':', '-', '=', '+', '*', '#', '@'];
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const BLUE: &str = "\x1b[38;5;33m";
const PLAIN: &str = "\x1b[0m";

const SECOND: i64 = 1_000_000;

impl Frame {
    /// That of a job.
    pub fn of(task: &Aggregation) -> Frame {
        let kind = Kind::of(&task.windows);
        // The bounds of windows of all keys stand above the table.
        let skipped = if kind == Kind::Shared { 2 } else { 0 };
        let order = task.top.as_ref().map_or_else(String::new, |top| {
            let by = top.order_by.to_string();
            // A name in quotes reads better without them.
            let by = by.strip_prefix('"').and_then(|by| by.strip_suffix('"')).unwrap_or(&by);
            format!("by {by}, {} first", if top.descending { "largest" } else { "least" })
        });
        Frame {
            kind,
            zone: task.windows.zone().cloned(),
            names: task.columns().split_off(skipped),
            skipped,
            results: task.columns().len() - task.calls.len(),
            order,
            widths: Vec::new(),
            look: Look::default(),
        }
    }

    /// The lines for a terminal of this kind: at most as many as it has, but for the one of the cursor.
    pub fn lines(&mut self, scene: &Scene, status: &Status, look: Look) -> Vec<String> {
        if look != self.look {
            (self.look, self.widths) = (look, Vec::new());
        }
        let mut lines = self.wrapped(&status_words(status));
        lines.extend(self.wrapped(&self.scene_words(scene)));
        if let Some(waits) = &status.waits {
            let waits: Vec<String> = waits.split("; ").map(str::to_owned).collect();
            lines.extend(self.wrapped(&waits));
        }
        lines.iter_mut().for_each(|line| *line = self.styled(line, DIM));
        self.table(scene, &mut lines);
        lines.truncate(look.lines.saturating_sub(1));
        lines
    }

    /// What the view shows.
    fn scene_words(&self, scene: &Scene) -> Vec<String> {
        let what = match (self.kind, scene.window) {
            (Kind::Shared, Some(window)) => {
                let bounds = self.bounds(window);
                let state = if scene.is_final { "has closed, with the input" } else { "closes next" };
                format!("{bounds} {state}")
            }
            (Kind::Shared, None) => "no window is open".to_owned(),
            (Kind::Sessions, _) if scene.is_final => "the last sessions".to_owned(),
            (Kind::Sessions, _) => "open sessions".to_owned(),
            (Kind::Whole, _) if scene.is_final => "all events".to_owned(),
            (Kind::Whole, _) => "all events so far".to_owned(),
        };
        let mut words = vec![what];
        if let (Some(reaches), Some(window)) = (scene.reaches, scene.window) {
            let reaches = self.time(reaches);
            words.push(format!("newer ones are open up to {}", after(&self.time(window.end), &reaches)));
        }
        words.push(self.order.clone());
        words
    }

    fn bounds(&self, window: Window) -> String {
        let (start, end) = (self.time(window.start), self.time(window.end));
        format!("{start} to {}", after(&start, &end))
    }

    fn time(&self, micros: i64) -> String {
        let mut text = Vec::new();
        write_time(micros, Form::Text, self.zone.as_ref(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Words that belong together, in as many lines as they need.
    fn wrapped(&self, words: &[String]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in words.iter().filter(|word| !word.is_empty()) {
            let word = shown(word, self.look.columns, self.look.unicode);
            match lines.last_mut() {
                Some(line) if width(line) + 3 + width(&word) <= self.look.columns => {
                    *line += "   ";
                    *line += &word;
                }
                _ => lines.push(word),
            }
        }
        lines
    }

    fn styled(&self, text: &str, style: &str) -> String {
        if self.look.colour { format!("{style}{text}{PLAIN}") } else { text.to_owned() }
    }

    fn table(&mut self, scene: &Scene, lines: &mut Vec<String>) {
        // The header, and the line of the cursor.
        let room = self.look.lines.saturating_sub(lines.len() + 2);
        let all = usize::try_from(scene.rows_in_all).unwrap_or(usize::MAX);
        let count = match scene.rows.len() {
            rows if rows <= room && rows == all => rows,
            rows => rows.min(room.saturating_sub(1)),
        };
        let rows = &scene.rows[..count];
        let cells: Vec<Vec<String>> = rows.iter().map(|row| self.cells(row)).collect();
        let numeric: Vec<bool> = (0..self.names.len()).map(|n| is_numeric(&cells, n)).collect();
        let natural = self.natural(&cells);
        let (widths, has_past) = self.fitted(&natural, &numeric);
        let header: Vec<String> = self.names.clone();
        let past = if self.kind == Kind::Sessions { "last sessions" } else { "last windows" };
        let past = if has_past { past } else { "" };
        let header = self.row(&header, (&widths, &numeric), past);
        lines.push(self.styled(&header, BOLD));
        for (row, cells) in rows.iter().zip(&cells) {
            let past = if has_past { self.past(&row.past) } else { String::new() };
            lines.push(self.row(cells, (&widths, &numeric), &past));
        }
        if all > count {
            let more = HumanCount((all - count) as u64);
            lines.push(self.styled(&format!("and {more} more"), DIM));
        }
    }

    /// The cells of a row that are shown, harmless.
    fn cells(&self, row: &SceneRow) -> Vec<String> {
        let cells = row.cells.iter().enumerate().skip(self.skipped);
        let text = |(n, cell): (usize, &String)| match rounded(cell).filter(|_| n >= self.results) {
            Some(rounded) => rounded,
            None => shown(cell, self.look.columns, self.look.unicode),
        };
        cells.map(text).collect()
    }

    /// How wide the columns would like to be.
    fn natural(&mut self, cells: &[Vec<String>]) -> Vec<usize> {
        let of_name = |name: &String| width(&shown(name, self.look.columns, self.look.unicode));
        let mut widths: Vec<usize> = self.names.iter().map(of_name).collect();
        for row in cells {
            widths.iter_mut().zip(row).for_each(|(widest, cell)| *widest = (*widest).max(width(cell)));
        }
        widths.iter_mut().zip(&self.widths).for_each(|(widest, before)| *widest = (*widest).max(*before));
        self.widths.clone_from(&widths);
        widths
    }

    /// Widths that fit on the screen, of the first columns if not of all, and whether there is room for the past.
    fn fitted(&self, natural: &[usize], numeric: &[bool]) -> (Vec<usize>, bool) {
        let least = |n: usize| natural[n].min(if numeric[n] { NUMBER_MIN } else { TEXT_MIN });
        let fit = |mut widths: Vec<usize>, room: usize| {
            loop {
                let taken = widths.iter().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP);
                if taken <= room {
                    return Some(widths);
                }
                let wider = (0..widths.len()).filter(|&n| widths[n] > least(n));
                let widest = wider.max_by_key(|&n| widths[n])?;
                widths[widest] -= 1;
            }
        };
        let columns = self.look.columns;
        let has_past = self.kind != Kind::Whole;
        let room = columns.checked_sub(GAP + PAST_COLUMNS).filter(|_| has_past);
        if let Some(widths) = room.and_then(|room| fit(natural.to_vec(), room)) {
            return (widths, true);
        }
        let fits = (1..=natural.len()).rev().find_map(|n| fit(natural[..n].to_vec(), columns));
        (fits.unwrap_or_else(|| vec![columns]), false)
    }

    fn row(&self, cells: &[String], (widths, numeric): (&[usize], &[bool]), past: &str) -> String {
        let mut line = String::new();
        for ((cell, &wide), &numeric) in cells.iter().zip(widths).zip(numeric) {
            let cell = match numeric && width(cell) > wide {
                true => in_short(cell, wide),
                false => shown(cell, wide, self.look.unicode),
            };
            let pad = " ".repeat(wide.saturating_sub(width(&cell)));
            let gap = if line.is_empty() { "" } else { "  " };
            match numeric {
                true => line += &format!("{gap}{pad}{cell}"),
                false => line += &format!("{gap}{cell}{pad}"),
            }
        }
        match past {
            "" => line.truncate(line.trim_end().len()),
            past => line += &format!("  {past}"),
        }
        line
    }

    /// Bars from zero, or from the least number if that is less, to the greatest; the window that is shown comes last.
    fn past(&self, past: &[Past]) -> String {
        let bars = if self.look.unicode { BARS } else { ASCII_BARS };
        let gap = if self.look.unicode { '·' } else { ' ' };
        let numbers = || {
            past.iter().filter_map(|past| match past {
                Past::Number(number) => Some(*number),
                Past::Nothing | Past::Unknown => None,
            })
        };
        let (low, high) = (numbers().fold(0.0, f64::min), numbers().fold(0.0, f64::max));
        // Halves, since the whole may be beyond what a double holds.
        let whole = high / 2.0 - low / 2.0;
        let bar = |number: f64| match whole {
            0.0 => bars[0],
            whole => bars[(((number / 2.0 - low / 2.0) / whole) * 7.0).round() as usize % 8],
        };
        let mut text = " ".repeat(PAST_COLUMNS.saturating_sub(past.len()));
        text.extend(past.iter().map(|past| match past {
            Past::Number(number) => bar(*number),
            Past::Nothing => gap,
            Past::Unknown => ' ',
        }));
        if self.look.colour { format!("{BLUE}{text}{PLAIN}") } else { text }
    }
}

fn status_words(status: &Status) -> Vec<String> {
    let mut read = format!("{} events, ", HumanCount(status.read));
    // Writing to a String cannot fail.
    let _ = match status.rate {
        rate if rate < 9.95 => write!(read, "{rate:.1}/s"),
        rate => write!(read, "{}/s", HumanCount(rate as u64)),
    };
    let watermark = status.watermark.map_or("no watermark yet".to_owned(), |watermark| {
        let mut text = Vec::new();
        write_time(watermark.div_euclid(SECOND).saturating_mul(SECOND), Form::Text, None, &mut text);
        let lag = status.now.saturating_sub(watermark);
        let side = if lag < 0 { "ahead of" } else { "behind" };
        format!(
            "watermark {}, {} {side} the clock",
            String::from_utf8_lossy(&text),
            rough(lag.saturating_abs())
        )
    });
    let counts = [("late", status.late), ("duplicate", status.duplicate), ("bad", status.bad)];
    // What has not happened needs no room.
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let counts = counts.map(|(what, count)| format!("{what} {}", HumanCount(count)));
    [read, watermark].into_iter().chain(counts).collect()
}

/// A duration in its two largest units.
fn rough(micros: i64) -> String {
    let unit = match micros / SECOND {
        0..3_600 => SECOND,
        3_600..86_400 => 60 * SECOND,
        86_400..8_640_000 => 3_600 * SECOND,
        _ => 86_400 * SECOND,
    };
    duration::format(micros / unit * unit)
}

/// A time as it reads behind another one: of the same day without the day.
fn after(first: &str, then: &str) -> String {
    match (first.split_once('T'), then.split_once('T')) {
        (Some((day, _)), Some((other, time))) if day == other => time.to_owned(),
        _ => then.to_owned(),
    }
}

/// A number of many places, short enough to be compared with those above and below it: three places, below 1 as many
/// digits.
fn rounded(cell: &str) -> Option<String> {
    let (_, places) = cell.split_once('.')?;
    if places.len() <= 3 || !places.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Above this a double has no three places.
    let value = cell.parse().ok().filter(|value: &f64| value.abs() < 1e12)?;
    let zeros = places.bytes().take_while(|byte| *byte == b'0').count();
    let kept = if value.abs() < 1.0 { zeros + 3 } else { 3 };
    let text = format!("{value:.kept$}");
    Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

/// A number in so many columns: with an exponent, and as many digits as fit. Cut off it would look like another.
fn in_short(cell: &str, wide: usize) -> String {
    let Ok(value) = cell.parse::<f64>() else { return "#".repeat(wide) };
    let fits = (0..=6).rev().map(|digits| format!("{value:.digits$e}")).find(|text| text.len() <= wide);
    fits.unwrap_or_else(|| "#".repeat(wide))
}

/// Whether all cells of a column that are not empty read as numbers.
fn is_numeric(cells: &[Vec<String>], column: usize) -> bool {
    let number =
        |cell: &String| cell.bytes().all(|b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
    cells.iter().filter_map(|row| row.get(column)).all(number)
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
