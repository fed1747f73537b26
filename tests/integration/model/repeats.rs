//! The model's early and revised rows: what happens is gone through one by one, and at each moment at which rows are
//! due all windows are looked at.

use super::rows::{Group, compare_keys, header, windows_of, write};
use super::time::Form;
use super::{Event, Happening, Job, Windows};

/// A window of a key, or of one whole table.
struct Live<'e> {
    start: i64,
    end: i64,
    events: Vec<&'e Event>,
    /// How often it has been written, and how many events it held the last time.
    times: u32,
    written: usize,
    /// Whether a row of it has been final, or it came to be behind the watermark.
    fired: bool,
    /// Whether the watermark has passed its end.
    closed: bool,
}

impl Live<'_> {
    fn has_changed(&self) -> bool {
        self.events.len() > self.written
    }
}

struct Run<'e> {
    job: &'e Job,
    form: Form,
    /// For sessions one for each, else one for each window and key.
    lives: Vec<Live<'e>>,
    /// Where windows are written as a whole: the bounds of each, and how often it was.
    wholes: Vec<(i64, i64, u32)>,
    watermark: i64,
    out: String,
    rows: u64,
}

/// The rows, and how many they are; `ends` says that the input has ended, and did not fail.
pub fn rows(job: &Job, events: &[Event], happenings: &[Happening], form: Form, ends: bool) -> (String, u64) {
    let mut run = Run {
        job,
        form,
        lives: Vec::new(),
        wholes: Vec::new(),
        watermark: i64::MIN,
        out: header(job),
        rows: 0,
    };
    for happening in happenings {
        match *happening {
            Happening::Moved(watermark) => run.moved(watermark),
            Happening::Accepted(n) => run.accepted(&events[n]),
        }
    }
    if ends {
        run.close(i64::MAX);
        run.write(|live| live.closed && live.has_changed());
    }
    (run.out, run.rows)
}

impl<'e> Run<'e> {
    fn is_session(&self) -> bool {
        matches!(self.job.windows, Windows::Session { .. })
    }

    /// Whether all rows of a window are written if one has changed.
    fn is_whole(&self) -> bool {
        !self.is_session() && (self.job.having.is_some() || self.job.top.is_some())
    }

    fn moved(&mut self, watermark: i64) {
        if watermark <= self.watermark {
            return;
        }
        let before = self.watermark;
        self.close(watermark);
        if let Some(every) = self.job.every
            && (before == i64::MIN || watermark.div_euclid(every) > before.div_euclid(every))
        {
            self.write(Live::has_changed);
        }
    }

    /// Writes what closes by a watermark.
    fn close(&mut self, watermark: i64) {
        self.watermark = watermark;
        let job = self.job;
        let closes = |live: &Live<'_>| !live.closed && has_passed(job, watermark, live.end);
        self.write(|live| closes(live) && (!live.fired || live.has_changed()));
        self.lives.iter_mut().filter(|live| closes(live)).for_each(|live| {
            live.fired = true;
            live.closed = true;
        });
    }

    fn accepted(&mut self, event: &'e Event) {
        let over = self.watermark.saturating_sub(self.job.lateness());
        let behind = match self.job.windows {
            Windows::Session { gap } => {
                self.add_to_session(event, gap);
                event.time < self.watermark
            }
            Windows::None | Windows::Order => {
                self.add_to_window(event, 0, i64::MAX);
                false
            }
            windows => {
                let windows = windows_of(windows, event.time);
                if windows.iter().any(|&(_, end)| end <= over) {
                    // It must not get into what is to be written of windows that are too late for it.
                    self.write(|live| live.closed && live.has_changed() && live.end <= over);
                }
                let open: Vec<_> = windows.into_iter().filter(|&(_, end)| end > over).collect();
                open.iter().for_each(|&(start, end)| self.add_to_window(event, start, end));
                open.iter().any(|&(_, end)| end <= self.watermark)
            }
        };
        if behind && self.job.every.is_none() {
            self.write(|live| live.closed && live.has_changed());
        }
    }

    fn add_to_window(&mut self, event: &'e Event, start: i64, end: i64) {
        let is_here =
            |live: &&mut Live<'e>| (live.start, live.end) == (start, end) && live.events[0].key == event.key;
        match self.lives.iter_mut().find(is_here) {
            Some(live) => live.events.push(event),
            None => {
                let closed = end <= self.watermark;
                let events = vec![event];
                self.lives.push(Live { start, end, events, times: 0, written: 0, fired: closed, closed });
            }
        }
    }

    fn add_to_session(&mut self, event: &'e Event, gap: i64) {
        let (start, end) = (event.time, event.time + gap);
        let touches =
            |live: &mut Live<'e>| live.start <= end && start <= live.end && live.events[0].key == event.key;
        let mut home =
            Live { start, end, events: vec![event], times: 0, written: 0, fired: false, closed: false };
        for live in self.lives.extract_if(.., touches) {
            home.start = home.start.min(live.start);
            home.end = home.end.max(live.end);
            home.events.extend(live.events);
            home.times = home.times.max(live.times);
            home.fired |= live.fired;
        }
        home.closed = home.end < self.watermark;
        home.fired |= home.closed;
        self.lives.push(home);
    }

    /// Writes those that are to be written. Where windows are written as a whole, that is asked of the window.
    fn write(&mut self, is_due: impl Fn(&Live<'e>) -> bool) {
        let whole = self.is_whole();
        let mut due: Vec<bool> = self.lives.iter().map(&is_due).collect();
        if whole {
            let bounds: Vec<(i64, i64)> = self.lives.iter().map(|live| (live.start, live.end)).collect();
            let of_due =
                |window: &(i64, i64)| bounds.iter().zip(&due).any(|(other, due)| *due && other == window);
            due = bounds.iter().map(of_due).collect();
        }
        let mut groups = Vec::new();
        let mut windows: Vec<(i64, i64)> = Vec::new();
        for (live, _) in self.lives.iter_mut().zip(&due).filter(|(_, due)| **due) {
            let mut events = live.events.clone();
            events.sort_by_key(|event| (event.time, event.source, event.position));
            let pane = match (live.fired, has_passed(self.job, self.watermark, live.end)) {
                (true, _) => "revised",
                (false, true) => "final",
                (false, false) => "early",
            };
            let window = (live.start, live.end);
            let times = match whole {
                true => {
                    self.wholes.iter().find(|(start, end, _)| (*start, *end) == window).map_or(0, |w| w.2)
                }
                false => live.times,
            };
            windows.push(window);
            let key = &live.events[0].key;
            groups.push(Group { start: live.start, end: live.end, key, events, timing: Some((pane, times)) });
            live.times += 1;
            live.written = live.events.len();
        }
        windows.sort_unstable();
        windows.dedup();
        for (start, end) in windows {
            match self.wholes.iter_mut().find(|whole| (whole.0, whole.1) == (start, end)) {
                Some(whole) => whole.2 += 1,
                None => self.wholes.push((start, end, 1)),
            }
        }
        // Sessions that close and sessions that are revised may have the same bounds.
        groups.sort_by(|a, b| {
            (a.end, a.start, order(a))
                .cmp(&(b.end, b.start, order(b)))
                .then_with(|| compare_keys(a.key, b.key))
        });
        write(self.job, &groups, self.form, &mut self.out, &mut self.rows);
    }
}

/// Whether a watermark has passed the end of a window.
fn has_passed(job: &Job, watermark: i64, end: i64) -> bool {
    match job.windows {
        Windows::Session { .. } => end < watermark,
        _ => end <= watermark,
    }
}

/// The order of rows that differ in nothing but when they are written.
fn order(group: &Group<'_>) -> u8 {
    match group.timing {
        Some(("early", _)) => 1,
        Some(("revised", _)) => 2,
        _ => 0,
    }
}
