//! What a profile tells of events: their times, order, repeats and gaps.

use super::super::gaps::Found;
use super::super::order::{Order, STEPS, Watch};
use super::super::repeats::Repeats;
use super::super::roles::Group;
use super::super::words::{brief, count, percent};
use super::super::{Input, Profile};
use super::{INPUTS_MAX, NAME_COLUMNS, Page, form, time};
use crate::error::Escaped;
use crate::outline;

/// So many fields that may be the event time are shown besides the one that is taken.
const TIMES_SHOWN: usize = 4;
/// What stands in a column of a chart, from few to many.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Page<'_> {
    pub(super) fn times(&mut self) {
        let Profile { roles, rate, .. } = self.profile;
        self.section("event time");
        let Some((number, format)) = &roles.time else {
            self.line(
                "none",
                "no field holds times that windrow can read; --time names one, --time-format its form",
            );
            return;
        };
        let path = &roles.fields[*number];
        let chosen = roles.times.iter().find(|candidate| candidate.path.steps == path.steps);
        let shown = match format.as_str() {
            "auto" => format!("-t {}", path.text),
            format => format!("-t {} --time-format {}", path.text, outline::word(format.as_ref())),
        };
        self.line("take", &shown);
        if let Some(chosen) = chosen {
            self.line("because", &format!("{}; {}", chosen.verdict.words, chosen.reasons.join(", ")));
        }
        for other in roles.times.iter().filter(|other| other.path.steps != path.steps).take(TIMES_SHOWN) {
            let what = format!("{}: {}; {}", other.path.text, other.verdict.words, other.reasons.join(", "));
            self.line("or", &what);
        }
        let (Some((first, last)), Some(chart)) = (rate.bounds(), rate.chart()) else {
            self.line("range", "none: no record has a time that can be read");
            return;
        };
        if first == last {
            return self.line("range", &format!("all of them are {}", time(first)));
        }
        self.line("from", &time(first));
        self.line("to", &format!("{}, {} later", time(last), brief(last.saturating_sub(first))));
        self.line("rate", &bars(&chart.columns));
        let most = chart.columns.iter().max().copied().unwrap_or(0);
        let events: u64 = chart.columns.iter().sum();
        let each = events as f64 / chart.columns.len().max(1) as f64;
        let what = format!(
            "a column is {} from {}: {each:.1} events on average, {most} at most",
            brief(chart.width),
            time(chart.start)
        );
        self.line("", &what);
        for (count, where_) in [(chart.before, "before"), (chart.behind, "behind")] {
            if count > 0 {
                self.line("", &format!("{count} far {where_} that are not in the chart"));
            }
        }
    }

    pub(super) fn order(&mut self) {
        let Watch { order, .. } = &self.profile.watch;
        if order.events() == 0 {
            return;
        }
        self.section("order of events");
        let share = percent(order.out_of_order(), order.events());
        match order.out_of_order() {
            0 => self.line("behind", "none: every event is at or after the one before it"),
            behind => {
                let max = brief(order.behind_max());
                self.line(
                    "behind",
                    &format!("{behind} ({share}) are older than one before them, by {max} at most"),
                );
                self.steps(order);
            }
        }
        let jump = self.profile.watch.jump();
        if let Some((limit, guarded)) = jump {
            let (at, place) = guarded.first.map_or((0, None), |(at, place)| (at, Some(place)));
            let place = place.map_or(String::new(), |place| {
                format!("{}:{}", Escaped(&self.profile.inputs[place.source].name), place.line)
            });
            let what = count(guarded.lone, "event is", "events are");
            self.line(
                "outliers",
                &format!("{what} far ahead of all others, the first at {place}: {}", time(at)),
            );
            self.line(
                "",
                &format!("--max-jump {} refuses them, and the delays below are without them", brief(limit)),
            );
        }
        let order = jump.map_or(order, |(_, guarded)| &guarded.order);
        if order.out_of_order() > 0 {
            self.delays(order);
        }
        let inputs = &self.profile.inputs;
        if inputs.len() > 1 {
            for input in inputs.iter().filter(|input| input.order.events > 0).take(INPUTS_MAX) {
                self.source(input);
            }
        }
    }

    /// How many events are how far behind.
    fn steps(&mut self, order: &Order) {
        let used = |step: &usize| order.steps[*step] > 0;
        let (Some(first), Some(last)) =
            ((0..order.steps.len()).find(used), (0..order.steps.len()).rfind(used))
        else {
            return;
        };
        let most = order.steps.iter().max().copied().unwrap_or(1).max(1);
        for step in first..=last {
            let bound = match STEPS.get(step) {
                Some(bound) => format!("<= {}", brief(*bound)),
                None => format!("> {}", brief(STEPS[step - 1])),
            };
            let events = order.steps[step];
            let bar = "█".repeat((events * 30).div_ceil(most) as usize);
            let line = format!("  {:>NAME_COLUMNS$}  {bound:9} {events:>9}  {bar}", "");
            self.text += line.trim_end();
            self.text.push('\n');
        }
    }

    fn delays(&mut self, order: &Order) {
        for (millionths, share) in [(0, "no event"), (100, "0.01 %"), (1000, "0.1 %"), (10_000, "1 %")] {
            let name = if millionths == 0 { "-d to lose" } else { "" };
            self.line(name, &format!("{share:>8}  {}", brief(order.delay(millionths))));
        }
    }

    fn source(&mut self, input: &Input) {
        let order = &input.order;
        let what = match order.behind {
            0 => "in order".to_owned(),
            behind => {
                let share = percent(behind, order.events);
                format!("{share} behind, by {} at most", brief(order.behind_max))
            }
        };
        self.named(&input.name, &format!("{what}; times: {}", input.form.map_or("none", form)));
    }

    pub(super) fn ids(&mut self) {
        let Profile { roles, repeats, .. } = self.profile;
        if roles.ids.is_empty() || repeats.iter().all(|repeats| repeats.ids == 0) {
            return;
        }
        self.section("repeats");
        for (group, repeats) in roles.ids.iter().zip(repeats) {
            self.id(group, repeats);
        }
    }

    fn id(&mut self, group: &Group, found: &Repeats) {
        let about = if found.is_exact() { "" } else { "about " };
        let share = percent(found.repeats, found.ids);
        let mut what = match found.repeats {
            0 => format!("no repeats in {}", count(found.ids, "record", "records")),
            repeats => format!("{about}{repeats} of {} records repeat an id ({share})", found.ids),
        };
        if !found.is_exact() {
            what += &format!("; one id in {} was looked at", found.one_in());
        }
        self.line(&group.text, &what);
        if found.missing > 0 {
            self.line("", &format!("{} without one", count(found.missing, "record is", "records are")));
        }
        if found.repeats == 0 {
            return;
        }
        let same = percent(found.same_time, found.repeats);
        self.line("", &format!("{same} of the repeats have the time of the first copy"));
        if found.same_time < found.repeats {
            let (half, most) = (brief(found.spread(50)), brief(found.spread_max()));
            self.line("", &format!("half of all repeats are within {half} of it, all within {most}"));
        }
    }

    pub(super) fn sessions(&mut self) {
        let Profile { roles, gaps, .. } = self.profile;
        let names =
            std::iter::once("all events".to_owned()).chain(roles.keys.iter().map(|key| key.text.clone()));
        let found: Vec<(String, Found)> =
            names.zip(gaps).filter_map(|(name, gaps)| Some((name, gaps.find()?))).collect();
        if found.is_empty() {
            return;
        }
        self.section("gaps between events");
        for (name, found) in &found {
            let [half, most, nearly, all] = found.quantiles.map(brief);
            self.line(name, &format!("50 % up to {half}, 90 % {most}, 99 % {nearly}, longest {all}"));
            let times = found.gaps + found.keys;
            match (found.only_first, found.one_in) {
                (true, _) => self.line("", &format!("going by the first {times} events")),
                (false, 1) => {}
                (false, one_in) => {
                    let keys = count(found.keys, "key", "keys");
                    self.line("", &format!("going by {keys}, one in {one_in}"));
                }
            }
            if let Some(session) = &found.session {
                let [shorter, longer] = session.around;
                let gap = brief(session.gap);
                let what = match session.is_clear() {
                    true => format!(
                        "-w session:{gap} makes {} sessions; twice that gap {longer}, half of it {shorter}",
                        session.sessions
                    ),
                    false => format!(
                        "no gap stands out: session:{gap} makes {} sessions, twice that {longer}, half of it {shorter}",
                        session.sessions
                    ),
                };
                self.line("", &what);
            }
        }
    }
}

/// A bar of one character for each count; a point for none.
fn bars(counts: &[u64]) -> String {
    let most = counts.iter().max().copied().unwrap_or(1).max(1);
    let bar = |count: &u64| match count {
        0 => '.',
        count => BARS[((u128::from(*count) * 8).div_ceil(u128::from(most)) as usize - 1).min(7)],
    };
    counts.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_every_event() {
        assert_eq!(bars(&[0, 1, 4, 8, 1000, 0]), ".▁▁▁█.");
        assert_eq!(bars(&[u64::MAX, 1]), "█▁");
        assert_eq!(bars(&[]), "");
    }
}
