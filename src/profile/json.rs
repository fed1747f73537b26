//! A profile as one JSON object. Its members are those that the help of `windrow profile` names; scripts may rely on
//! them. Durations are in microseconds.

use serde_json::{Map, Value, json};

use super::fields::{Field, Kind};
use super::gaps::Found;
use super::order::{SHARES, STEPS, Summary};
use super::repeats::Repeats;
use super::text::{form, time};
use super::{Input, Profile};
use crate::job::sources::describe;
use crate::outline;

/// The object.
pub fn object(profile: &Profile) -> Value {
    let Profile { inputs, fields, roles, repeats, gaps, bad, limit, .. } = profile;
    let names = std::iter::once(None).chain(roles.keys.iter().map(|key| Some(key.text.as_str())));
    json!({
        "records": inputs.iter().map(|input| input.records).sum::<u64>(),
        "limit": limit,
        "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
        "fields": fields.listed().iter().map(|found| field(found, fields.records)).collect::<Vec<_>>(),
        "more_fields": fields.more,
        "time": event_time(profile),
        "order": order(&profile.watch.order.summary()),
        "outliers": outliers(profile),
        "ids": roles.ids.iter().zip(repeats).map(|(group, found)| id(&group.text, found)).collect::<Vec<_>>(),
        "gaps": names.zip(gaps).filter_map(|(name, gaps)| Some(gap(name, &gaps.find()?))).collect::<Vec<_>>(),
        "bad": bad.0.iter().map(|bad| json!({
            "kind": bad.kind.name(),
            "count": bad.count,
            "source": inputs[bad.first.source].name,
            "line": bad.first.line,
            "reason": bad.reason,
        })).collect::<Vec<_>>(),
        "job": job(profile),
    })
}

fn input(input: &Input) -> Value {
    json!({
        "name": input.name,
        "format": describe(input.format),
        "records": input.records,
        "bad": input.bad,
        "bytes": input.bytes,
        "time_form": input.form.map(form),
        "limited": input.limited,
        "fault": input.fault,
        "order": order(&input.order),
    })
}

fn field(field: &Field, records: u64) -> Value {
    let kinds = Kind::ALL.iter().zip(field.kinds).filter(|(_, count)| *count > 0);
    let kinds: Map<String, Value> =
        kinds.map(|(kind, count)| (kind.name().to_owned(), count.into())).collect();
    json!({
        "name": field.text(),
        "types": kinds,
        "null": field.nulls,
        "missing": records.saturating_sub(field.values() + field.nulls),
        "distinct": field.distinct_values(),
        "distinct_exact": field.is_distinct_exact(),
        "examples": field.examples,
    })
}

fn event_time(profile: &Profile) -> Value {
    let Some((number, format)) = &profile.roles.time else { return Value::Null };
    let candidates = profile.roles.times.iter().map(|candidate| {
        json!({
            "field": candidate.path.text,
            "format": candidate.verdict.format,
            "percent": candidate.verdict.percent,
            "reasons": candidate.reasons,
        })
    });
    let bounds = profile.rate.bounds();
    let rate = profile.rate.chart().map(|chart| {
        json!({
            "start": time(chart.start),
            "width": chart.width,
            "counts": chart.columns,
            "before": chart.before,
            "behind": chart.behind,
        })
    });
    json!({
        "field": profile.roles.fields[*number].text,
        "format": format,
        "candidates": candidates.collect::<Vec<_>>(),
        "first": bounds.map(|(first, _)| time(first)),
        "last": bounds.map(|(_, last)| time(last)),
        "rate": rate,
    })
}

fn order(order: &Summary) -> Value {
    let delays = SHARES.iter().zip(order.delays);
    let delays: Map<String, Value> =
        delays.map(|(share, delay)| ((*share as f64 / 1e6).to_string(), delay.into())).collect();
    let bounds = STEPS.iter().map(|step| Some(*step)).chain([None]);
    let steps = bounds.zip(order.steps).filter(|(_, count)| *count > 0);
    json!({
        "events": order.events,
        "behind": order.behind,
        "behind_max": order.behind_max,
        "histogram": steps.map(|(bound, count)| json!({ "up_to": bound, "count": count })).collect::<Vec<_>>(),
        "delay": delays,
    })
}

fn outliers(profile: &Profile) -> Value {
    let Some((limit, guarded)) = profile.watch.jump() else { return Value::Null };
    json!({
        "max_jump": limit,
        "count": guarded.lone,
        "first": guarded.first.map(|(at, place)| json!({
            "source": profile.inputs[place.source].name,
            "line": place.line,
            "time": time(at),
        })),
        "order": order(&guarded.order.summary()),
    })
}

fn id(name: &str, found: &Repeats) -> Value {
    json!({
        "id": name,
        "records": found.ids,
        "missing": found.missing,
        "repeats": found.repeats,
        "same_time": found.same_time,
        "spread_max": found.spread_max(),
        "one_in": found.one_in(),
    })
}

fn gap(name: Option<&str>, found: &Found) -> Value {
    let [half, most, nearly, all] = found.quantiles;
    json!({
        "key": name,
        "keys": found.keys,
        "one_in": found.one_in,
        "only_first": found.only_first,
        "gaps": found.gaps,
        "p50": half,
        "p90": most,
        "p99": nearly,
        "max": all,
        "session": found.session.as_ref().map(|session| json!({
            "gap": session.gap,
            "sessions": session.sessions,
            "sessions_at_half": session.around[0],
            "sessions_at_twice": session.around[1],
            "clear": session.is_clear(),
        })),
    })
}

fn job(profile: &Profile) -> Value {
    let Some(suggestion) = &profile.suggestion else { return Value::Null };
    let words: Vec<String> =
        suggestion.words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let quoted: Vec<String> = suggestion.words.iter().map(|word| outline::word(word)).collect();
    let reasons =
        suggestion.reasons.iter().map(|(option, reason)| json!({ "option": option, "reason": reason }));
    json!({ "words": words, "command": quoted.join(" "), "reasons": reasons.collect::<Vec<_>>() })
}
