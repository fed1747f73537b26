//! The answer, for people and as JSON.

use serde_json::{Value, json};

use super::{Answer, Entered, Fate, Place};
use crate::error::{Escaped, printable};
use crate::outline::line;
use crate::time::{duration, shown_time, write_time};
use crate::window::Windows;

/// Columns of the names.
const COLUMNS: usize = 10;
/// How much of a record is shown, in characters.
const EXCERPT_CHARS: usize = 200;

/// The answer for people.
pub fn text(answer: &Answer) -> String {
    let mut text = format!("{}\n", Escaped(&named(&answer.place)));
    let mut add = |name: &str, what: &str| line(&mut text, COLUMNS, name, what);
    let record = String::from_utf8_lossy(&answer.record);
    let cut = if record.chars().count() > EXCERPT_CHARS { " ..." } else { "" };
    add("record", &format!("{}{cut}", record.chars().take(EXCERPT_CHARS).collect::<String>()));
    if let Some(time) = answer.time {
        add("time", &answer.time_text(time));
    }
    match (answer.watermark, &answer.set_by) {
        (Some(watermark), Some((place, time))) => add(
            "watermark",
            &format!(
                "{} before it: {} has the largest time of the input so far, {}, and --delay is {}",
                answer.time_text(watermark),
                named(place),
                answer.time_text(*time),
                duration::format(answer.delay)
            ),
        ),
        _ => add("watermark", "none before it: it is the first event of the input"),
    }
    for (name, sentence) in std::iter::once("fate").chain(std::iter::repeat("")).zip(answer.sentences()) {
        add(name, &sentence);
    }
    if answer.is_followed {
        let input = printable(&answer.place.input);
        add(
            "note",
            &format!(
                "the job follows {input}: the line is looked for in the file that has the name now, and what files \
                 before it had shown is not known here"
            ),
        );
    }
    text
}

/// The answer as one JSON object.
pub fn object(answer: &Answer) -> Value {
    let place = |place: &Place| json!({ "input": place.input, "line": place.line });
    let windows =
        |entered: &[Entered]| -> Vec<Value> { entered.iter().map(|one| answer.window(one)).collect() };
    let mut object = json!({
        "input": answer.place.input,
        "line": answer.place.line,
        "record": String::from_utf8_lossy(&answer.record),
        "time": answer.time.map(|time| answer.raw(time)),
        "watermark": answer.watermark.map(|time| answer.raw(time)),
        "watermark_set_by": answer.set_by.as_ref().map(|(by, _)| place(by)),
        "fate": answer.fate.word(),
        "why": answer.sentences(),
    });
    match &answer.fate {
        Fate::Accepted { windows: entered, revised, missed } => {
            object["windows"] = windows(entered).into();
            if answer.lateness > 0 {
                object["revised"] = windows(revised).into();
            }
            object["missed"] = windows(missed).into();
        }
        Fate::Late { .. } => {
            object["delay_wanted"] = answer.delay_wanted.map(duration::format).into();
        }
        Fate::Duplicate { first } => object["first"] = first.as_ref().map(place).unwrap_or_default(),
        Fate::Filtered | Fate::Bad { .. } => {}
    }
    object
}

fn named(place: &Place) -> String {
    format!("{}:{}", place.input, place.line)
}

impl Fate {
    /// As the ledger calls it.
    fn word(&self) -> &'static str {
        match self {
            Fate::Accepted { .. } => "accepted",
            Fate::Late { .. } => "late",
            Fate::Duplicate { .. } => "duplicate",
            Fate::Filtered => "filtered",
            Fate::Bad { .. } => "bad",
        }
    }
}

impl Answer {
    /// As the input writes it, for programs.
    fn raw(&self, micros: i64) -> String {
        let mut text = Vec::new();
        write_time(micros, self.form, self.windows.zone(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn time_text(&self, micros: i64) -> String {
        shown_time(micros, self.form, self.windows.zone())
    }

    /// For programs; among several kinds with the name of its kind, as in rows.
    fn window(&self, entered: &Entered) -> Value {
        let (start, end) = (self.raw(entered.window.start), self.raw(entered.window.end));
        match self.windows.names().get(entered.kind) {
            Some(name) => json!({ "window": name, "start": start, "end": end }),
            None => json!({ "start": start, "end": end }),
        }
    }

    /// Bounds, among several kinds with the name of the kind behind each.
    fn bounds<'e>(&self, windows: impl IntoIterator<Item = &'e Entered>) -> String {
        let names = self.windows.names();
        let bounds = windows.into_iter().map(|Entered { kind, window, .. }| {
            let name = names.get(*kind).map_or_else(String::new, |name| format!(" {name}"));
            format!("[{}, {}){name}", self.time_text(window.start), self.time_text(window.end))
        });
        bounds.collect::<Vec<_>>().join(", ")
    }

    /// Windows by their bounds, then sessions by the stretches of them that are known; `before` stands before either.
    fn each(&self, entered: &[Entered], before: &str) -> String {
        let of = |sessions: bool| entered.iter().filter(move |one| one.is_session == sessions);
        let mut parts = Vec::new();
        if of(false).next().is_some() {
            parts.push(format!("{before}{}", self.bounds(of(false))));
        }
        match of(true).count() {
            0 => {}
            1 => {
                parts.push(format!("{before}the session of its key that covers {}", self.bounds(of(true))));
            }
            _ => parts.push(format!("{before}the sessions of its key that cover {}", self.bounds(of(true)))),
        }
        parts.join(", and ")
    }

    /// What became of it, and what to do.
    fn sentences(&self) -> Vec<String> {
        match &self.fate {
            Fate::Accepted { windows, revised, missed } => {
                let mut said = vec![match (&self.windows, windows.is_empty()) {
                    (Windows::Session { .. }, true) => format!(
                        "accepted: it is in the session of its key that covers {}, behind the watermark",
                        self.bounds(revised)
                    ),
                    (Windows::Session { .. }, _) => {
                        format!(
                            "accepted: it is in the session of its key that covers {}",
                            self.bounds(windows)
                        )
                    }
                    (_, true) => "accepted".to_owned(),
                    (_, false) => format!("accepted: it counts {}", self.each(windows, "in ")),
                }];
                if !revised.is_empty() {
                    let lateness = duration::format(self.lateness);
                    said.push(match self.windows {
                        Windows::Session { .. } => format!(
                            "revising: --allowed-lateness {lateness} lets it in, and what had fired of that session is \
                             written again"
                        ),
                        Windows::Several(_) => format!(
                            "revising: --allowed-lateness {lateness} lets it in, and what had fired is written \
                             again: {}",
                            self.each(revised, "of ")
                        ),
                        _ => format!(
                            "revising: {} had fired, and --allowed-lateness {lateness} lets it in: it is written again",
                            self.bounds(revised)
                        ),
                    });
                }
                if !missed.is_empty() {
                    said.push(format!("partially late: {} had closed", self.each(missed, "")));
                }
                said
            }
            Fate::Late { closed_at, session } => {
                let mut said = vec![match session {
                    true => "late: its time lies before the watermark".to_owned(),
                    false => {
                        format!("late: the last of its windows closed at {}", self.time_text(*closed_at))
                    }
                }];
                if self.lateness > 0 {
                    said.push(format!(
                        "that is longer ago than --allowed-lateness, {}",
                        duration::format(self.lateness)
                    ));
                }
                if let Some(delay) = self.delay_wanted {
                    said.push(format!("a --delay of {} would have let it in", duration::format(delay)));
                }
                said
            }
            Fate::Duplicate { first: Some(first) } => {
                vec![format!(
                    "duplicate: {} has the same id, came first and counts",
                    printable(&named(first))
                )]
            }
            Fate::Duplicate { first: None } => vec!["duplicate: its id had come before".to_owned()],
            Fate::Filtered => vec!["filtered: --where is not true for it".to_owned()],
            Fate::Bad { reason } => vec![format!("bad: {reason}")],
        }
    }
}
