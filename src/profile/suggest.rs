//! The job that fits what was found, as the words of its command line, with what speaks for each.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::bad::Kind;
use super::order::Order;
use super::roles::{self, Group, key_score};
use super::words::{brief, count, percent, round_up};
use super::{Input, Profile, Request, records};
use crate::expr::FieldPath;
use crate::input::{Origin, SourceSpec};
use crate::time::duration::DAY;

/// What `--delay` is without the option, in microseconds.
const DELAY_DEFAULT: i64 = 5_000_000;
/// The longest duration that is suggested: options take hardly longer ones.
const DURATION_MAX: i64 = 13_000_000 * DAY;
/// Windows of the calendar are suggested for times this close to 1970.
const YEARS_MAX: i64 = 7000 * 365 * DAY;

/// A job that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The command line.
    pub words: Vec<OsString>,
    /// Options and what speaks for them.
    pub reasons: Vec<(String, String)>,
}

/// The job that fits a profile; `None` if no input has an event time.
pub fn suggest(request: &Request, profile: &Profile) -> Option<Suggestion> {
    let (time, format) = profile.roles.time.as_ref()?;
    let (first, last) = profile.rate.bounds()?;
    let (time, format) = (&profile.roles.fields[*time], format.as_str());
    let mut draft = Draft { words: vec!["windrow".into()], reasons: Vec::new(), skip: Vec::new() };
    draft.option("-t", "--time", &time.text);
    if format != "auto" {
        draft.option("--time-format", "--time-format", format);
    }
    draft.words.extend(request.passed_on.iter().cloned());
    let chart = profile.rate.chart();
    let range = chart
        .map_or(last.saturating_sub(first), |chart| chart.width.saturating_mul(chart.columns.len() as i64));
    let in_calendar = first > -YEARS_MAX && last < YEARS_MAX;
    let (window, spec) = if in_calendar { roles::window(range) } else { (10_000 * DAY, "10000d") };
    draft.option("-w", "--window", spec);
    draft.order(profile);
    let inputs: Vec<(&SourceSpec, &Input)> = request.sources.iter().zip(&profile.inputs).collect();
    let fit: Vec<(&SourceSpec, &Input)> =
        inputs.iter().copied().filter(|(_, input)| has(input, time) && input.fault.is_none()).collect();
    draft.key(profile, &fit, request);
    draft.ids(profile, &fit, window);
    draft.bad(profile);
    if fit.is_empty() {
        return None;
    }
    let left_out: Vec<&str> = (inputs.iter())
        .filter(|(_, input)| !has(input, time) || input.fault.is_some())
        .map(|(_, input)| input.name.as_str())
        .collect();
    if !left_out.is_empty() {
        draft.reasons.push(("left out".to_owned(), left_out.join(", ")));
    }
    draft.words.extend(fit.iter().map(|(spec, _)| file(spec)));
    Some(Suggestion { words: draft.words, reasons: draft.reasons })
}

/// Whether a job could use this field of an input.
fn has(input: &Input, field: &FieldPath) -> bool {
    input.columns.is_empty() || records::column(field, &input.columns).is_some()
}

/// The name of an input that no option and no command can be taken for.
fn file(spec: &SourceSpec) -> OsString {
    let Origin::Path(path) = &spec.origin else { return "-".into() };
    let bytes = path.as_os_str().as_bytes();
    let is_plain = !bytes.starts_with(b"-") && bytes.iter().any(|byte| matches!(byte, b'.' | b'/'));
    let mut name = OsString::from(if is_plain { "" } else { "./" });
    name.push(path);
    name
}

struct Draft {
    words: Vec<OsString>,
    reasons: Vec<(String, String)>,
    /// Why some records will be bad.
    skip: Vec<String>,
}

impl Draft {
    /// Adds an option by its short name, or by the long one if the value could be taken for an option.
    fn option(&mut self, short: &str, long: &str, value: &str) {
        match value.starts_with('-') {
            true => self.words.push(format!("{long}={value}").into()),
            false => self.words.extend([short.into(), value.into()]),
        }
    }

    fn explained(&mut self, short: &str, long: &str, value: &str, reason: String) {
        self.option(short, long, value);
        self.reasons.push((format!("{short} {value}"), reason));
    }

    /// How long to wait for events, and which not to believe.
    fn order(&mut self, profile: &Profile) {
        let jump = profile.watch.jump();
        let order = jump.map_or(&profile.watch.order, |(_, guarded)| &guarded.order);
        let (delay, lost) = delay(order);
        if delay > DELAY_DEFAULT {
            let reason = match lost {
                0 => "loses no event: the last comes that late at most".to_owned(),
                lost => {
                    let (lost, all) = (percent(lost, order.events()), brief(order.behind_max()));
                    format!("loses at most {lost} of the events; all of them would take {all}")
                }
            };
            self.explained("-d", "--delay", &brief(delay), reason);
        } else {
            let reason = match order.behind_max() {
                0 => "events are in order; the delay is left at 5s".to_owned(),
                max => format!("events are out of order by {} at most, and the delay is 5s", brief(max)),
            };
            self.reasons.push(("no -d".to_owned(), reason));
        }
        if let Some((limit, guarded)) = jump {
            let what = count(guarded.lone, "event is", "events are");
            let reason = format!("{what} far ahead of all others, which would make those late");
            self.explained("--max-jump", "--max-jump", &brief(limit), reason);
            self.skip.push(format!("what --max-jump refuses ({})", guarded.lone));
        }
    }

    fn key(&mut self, profile: &Profile, fit: &[(&SourceSpec, &Input)], request: &Request) {
        if !request.keys.is_empty() {
            let text = request.keys.iter().map(|path| path.text.as_str()).collect::<Vec<_>>().join(",");
            return self.option("-b", "--by", &text);
        }
        let taken = |path: &FieldPath| {
            let roles = &profile.roles;
            let is_id =
                |group: &Group| group.fields.iter().any(|field| roles.fields[*field].steps == path.steps);
            roles.times.iter().any(|time| time.path.steps == path.steps) || roles.ids.iter().any(is_id)
        };
        let mut best: Option<(i64, FieldPath, u64)> = None;
        for field in profile.fields.listed() {
            let score = key_score(field, profile.fields.records);
            let Some(path) = field.path().filter(|path| score > 0 && !taken(path)) else { continue };
            let everywhere = fit.iter().all(|(_, input)| has(input, &path));
            if everywhere && best.as_ref().is_none_or(|(most, ..)| score > *most) {
                best = Some((score, path, field.distinct_values()));
            }
        }
        if let Some((_, path, values)) = best {
            let reason = format!("an example of a key: it has {}", count(values, "value", "values"));
            self.explained("-b", "--by", &path.text, reason);
        }
    }

    fn ids(&mut self, profile: &Profile, fit: &[(&SourceSpec, &Input)], window: i64) {
        for (group, repeats) in profile.roles.ids.iter().zip(&profile.repeats) {
            let is_likely = repeats.repeats > 0
                && repeats.repeats * 2 <= repeats.ids
                && repeats.same_time * 2 >= repeats.repeats;
            let fields = || group.fields.iter().map(|field| &profile.roles.fields[*field]);
            if !(is_likely || group.named)
                || !fields().all(|path| fit.iter().all(|(_, input)| has(input, path)))
            {
                continue;
            }
            let reason = match repeats.repeats {
                0 => "no record repeats an id that was there before".to_owned(),
                many => {
                    let share = percent(many, repeats.ids);
                    format!("{share} of the records repeat an id that was there before")
                }
            };
            self.explained("-i", "--id", &group.text, reason);
            let remember = repeats.remember(window);
            if remember > 0 {
                let reason = format!("repeats carry times up to {} later", brief(remember - window));
                self.explained(
                    "--remember",
                    "--remember",
                    &brief(round_up(remember).min(DURATION_MAX)),
                    reason,
                );
            }
            if repeats.missing > 0 {
                self.skip.push(format!("records without {} ({})", group.text, repeats.missing));
            }
            return;
        }
    }

    fn bad(&mut self, profile: &Profile) {
        let bad = profile.bad.0.iter();
        let kinds = bad.map(|bad| format!("{} ({})", Kind::name(bad.kind), bad.count));
        let mut all: Vec<String> = kinds.collect();
        all.append(&mut self.skip);
        if !all.is_empty() {
            let reason = format!("counts bad records and goes on: {}", all.join(", "));
            self.explained("--bad", "--bad", "skip", reason);
        }
    }
}

/// A delay that loses nothing if that does not take much longer than one that loses next to nothing; and how many
/// events it loses at most.
fn delay(order: &Order) -> (i64, u64) {
    const MINUTE: i64 = 60_000_000;
    let (all, most) = (order.behind_max(), order.delay(100));
    match all <= DURATION_MAX && all <= MINUTE.max(most.saturating_mul(4)) {
        true if all <= DELAY_DEFAULT => (DELAY_DEFAULT, 0),
        true => (round_up(all), 0),
        false => (round_up(most.max(DELAY_DEFAULT)).min(DURATION_MAX), order.events() / 10_000),
    }
}
