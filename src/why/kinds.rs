//! Which windows an accepted event has entered, had written again, or missed; of one kind or several.
//!
//! It says what follows from the time and the watermark alone: the sequencer has already decided that the event counts.

use super::Fate;
use crate::window::{PaneFinder, Window, Windows};

/// Windows of one event and kind that are named.
const WINDOWS_MAX: usize = 10;

/// A window of the event. Of a session, the stretch that the event covers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Which of the job's kinds of windows it is, in the order given.
    pub kind: usize,
    /// Whether it is a session.
    pub is_session: bool,
    /// Its bounds.
    pub window: Window,
}

/// The windows of an accepted event. `watermark` is that before it; all in microseconds.
pub fn accepted_in(windows: &Windows, time: i64, watermark: Option<i64>, lateness: i64) -> Fate {
    let passed = watermark.unwrap_or(i64::MIN);
    let over = passed.saturating_sub(lateness);
    let (mut all, mut revised, mut missed) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, each) in windows.each().into_iter().enumerate() {
        let entered = |window| Entered { kind, is_session: matches!(each, Windows::Session { .. }), window };
        match each {
            Windows::Panes(panes) => {
                let mut finder = PaneFinder::new(panes);
                let Some(pane) = finder.pane(time) else { continue };
                let (over, closed) = (over.max(pane.start), passed.max(pane.start));
                let mut between = |to: &mut Vec<Entered>, after, upto| {
                    to.extend(finder.windows(pane.start, after, upto).take(WINDOWS_MAX).map(entered));
                };
                between(&mut missed, pane.start, over);
                between(&mut revised, over, closed);
                between(&mut all, closed, pane.last_end);
            }
            Windows::Session { gap } => {
                let own = entered(Window { start: time, end: time + gap });
                match time {
                    // Only beside windows of another kind: of sessions alone it would be late.
                    time if time < over => missed.push(own),
                    time if time < passed => revised.push(own),
                    _ => all.push(own),
                }
            }
            Windows::None | Windows::Several(_) => {}
        }
    }
    Fate::Accepted { windows: all, revised, missed }
}
