//! Every aggregate against a naive model, with events in random order over states merged at random.
//!
//! [`check`] and its kin are what the aggregates' own tests use: whatever is checked is checked in
//! order and in a handful of random orders and groupings.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use fastrand::Rng;
use num_bigint::BigInt;

use super::{Accumulators, Asked, Definition, Span, TABLE, Takes, find};
use crate::number::ShortText;
use crate::number::rational::big_ratio_to_f64;
use crate::number::{Number, compare_written};
use crate::output::json::write_json_value;
use crate::parse::batch::{ArgColumn, Cell, CellKind, Input, NumberColumn, Place, Texts};
use crate::value::Value;

/// One event with its values as JSON (or the text of a CSV field).
#[derive(Debug, Clone)]
pub struct Event {
    place: Place,
    x: String,
    by: String,
    csv: bool,
}

/// The aggregate over these values (JSON, separated by blanks), in places that rise.
#[track_caller]
pub fn check(name: &str, params: &str, values: &str, want: &str) {
    check_events(name, params, &in_order(values, false), want);
}

/// As [`check`], the values being CSV fields.
#[track_caller]
pub fn check_csv(name: &str, params: &str, values: &str, want: &str) {
    check_events(name, params, &in_order(values, true), want);
}

/// As [`check`], with the places given as time, source and record.
#[track_caller]
pub fn check_placed(name: &str, params: &str, rows: &[(i64, u32, u64, &str)], want: &str) {
    let event = |&(time, source, record, x): &(i64, u32, u64, &str)| Event {
        place: Place { time, source, record },
        x: x.to_owned(),
        by: "null".to_owned(),
        csv: false,
    };
    check_events(name, params, &rows.iter().map(event).collect::<Vec<_>>(), want);
}

/// As [`check`] for two arguments, written `x=by`.
#[track_caller]
pub fn check_pairs(name: &str, pairs: &str, want: &str) {
    check_events(name, "", &in_pairs(pairs, false), want);
}

/// As [`check_pairs`], the values being CSV fields.
#[track_caller]
pub fn check_pairs_csv(name: &str, pairs: &str, want: &str) {
    check_events(name, "", &in_pairs(pairs, true), want);
}

/// The aggregate over this many events that all count.
#[track_caller]
pub fn check_every(name: &str, count: u32, want: &str) {
    let mut states = (find(name).expect("it is in the table").make)(&[&[]]);
    states.resize(1);
    let (texts, time) = (Texts::default(), vec![0; count as usize]);
    let input = Input { arg: &ArgColumn::Every, texts: &texts, time: &time, source: 0, first_record: 0 };
    let rows: Vec<u32> = (0..count).collect();
    states.add(&vec![0; count as usize], &rows, input);
    assert_eq!(result(&*states, 0), want);
}

/// The result of a slot as JSON: that of its value, and as it is written.
pub fn result(states: &dyn Accumulators, slot: u32) -> String {
    let value = text(&states.finish(0, slot, SPAN));
    let mut texts = [ShortText::EMPTY; 2];
    let asked = Asked { slots: &[slot; 2], spans: &[SPAN], ahead: &[] };
    if states.write_short(0, asked, &mut texts) {
        let written = texts.map(|short| String::from_utf8_lossy(short.text()).into_owned());
        assert_eq!(written, [&*value, &*value].map(|value| if value == "null" { "" } else { value }));
    }
    value
}

/// A value as JSON.
pub fn text(value: &Value<'_>) -> String {
    let mut out = Vec::new();
    write_json_value(value, &mut out);
    String::from_utf8(out).expect("values are written in UTF-8")
}

/// A window of a minute.
pub const SPAN: Span = Span { bounds: Some((0, 60_000_000)) };

/// One event per value, in places that rise.
pub fn in_order(values: &str, csv: bool) -> Vec<Event> {
    let event = |(n, x): (usize, &str)| Event {
        place: Place { time: n as i64 / 2, source: 0, record: n as u64 },
        x: x.to_owned(),
        by: "null".to_owned(),
        csv,
    };
    values.split_whitespace().enumerate().map(event).collect()
}

/// As [`in_order`] for values written `x=by`.
pub fn in_pairs(pairs: &str, csv: bool) -> Vec<Event> {
    let xs: Vec<&str> =
        pairs.split_whitespace().map(|pair| pair.split_once('=').expect("a pair").0).collect();
    let mut events = in_order(&xs.join(" "), csv);
    for (event, pair) in events.iter_mut().zip(pairs.split_whitespace()) {
        event.by = pair.split_once('=').expect("a pair").1.to_owned();
    }
    events
}

fn parse_params(params: &str) -> Vec<Number> {
    params.split_whitespace().map(|number| Number::parse(number).expect("parameters are numbers")).collect()
}

#[track_caller]
fn check_events(name: &str, params: &str, events: &[Event], want: &str) {
    let definition = TABLE.iter().find(|definition| definition.name == name).expect("it is in the table");
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    assert_eq!(in_one(definition, params, events), want, "{name}({params}) over {events:?}");
    for _ in 0..8 {
        let got = scattered(definition, params, events, &mut random);
        assert_eq!(got, want, "{name}({params}) over {events:?}, seed {seed}");
    }
}

/// Empty states for a call with these parameters.
pub fn make(definition: &Definition, params: &str, len: usize) -> Box<dyn Accumulators> {
    let params = parse_params(params);
    assert_eq!((definition.check)(&params), Ok(()));
    let mut states = (definition.make)(&[&params]);
    states.resize(len);
    states
}

fn in_one(definition: &Definition, params: &str, events: &[Event]) -> String {
    let mut states = make(definition, params, 1);
    events.iter().for_each(|event| feed(&mut *states, 0, event, definition.takes));
    result(&*states, 0)
}

/// Events in random order over random slots of two states, merged and absorbed in random order.
fn scattered(definition: &Definition, params: &str, events: &[Event], random: &mut Rng) -> String {
    const SLOTS: u32 = 3;
    let mut states = [make(definition, params, SLOTS as usize), make(definition, params, SLOTS as usize)];
    let empty = result(&*states[0], 0);
    let mut shuffled = events.to_vec();
    random.shuffle(&mut shuffled);
    for event in &shuffled {
        feed(&mut *states[random.usize(0..2)], random.u32(0..SLOTS), event, definition.takes);
    }
    let [mut a, mut b] = states;
    let pairs: Vec<(u32, u32)> = (0..SLOTS).map(|from| (from, random.u32(0..SLOTS))).collect();
    a.merge(&*b, &pairs);
    let target = random.u32(0..SLOTS);
    let mut others: Vec<u32> = (0..SLOTS).filter(|slot| *slot != target).collect();
    random.shuffle(&mut others);
    for other in others {
        a.absorb(other, target);
        assert_eq!(result(&*a, other), empty, "an absorbed slot is empty");
    }
    b.clear(0);
    assert_eq!(result(&*b, 0), empty, "a cleared slot is empty");
    result(&*a, target)
}

/// Rows that are added many at once make the same states as one by one.
#[test]
fn rows_may_be_added_together() {
    let mut random = Rng::with_seed(8);
    for definition in [find("approx_distinct"), find("approx_percentile")].into_iter().flatten() {
        let params = if definition.name == "approx_percentile" { vec![Number::from_int(0)] } else { vec![] };
        for count in [0, 1, 15, 16, 17, 33, 400, 3_000] {
            let (mut together, mut single) = ((definition.make)(&[&params]), (definition.make)(&[&params]));
            let (mut numbers, mut cells, mut texts) = (NumberColumn::default(), Vec::new(), Texts::default());
            for n in 0..count {
                let text = match random.u8(..8) {
                    0 => "null".to_owned(),
                    1 => "0".to_owned(),
                    2 => format!("-{}.5", random.u32(..99)),
                    _ => format!("{}", random.u32(..5) * 1000 + n),
                };
                cells.push(cell(&text, false, &mut texts));
                if text == "null" { numbers.push_null() } else { assert!(numbers.push_text(&text)) }
            }
            let arg = match definition.takes {
                Takes::Number => ArgColumn::Numbers(numbers),
                _ => ArgColumn::Values(cells),
            };
            let time = vec![0; count as usize];
            let input = Input { arg: &arg, texts: &texts, time: &time, source: 0, first_record: 0 };
            let rows: Vec<u32> = (0..count).collect();
            let slots: Vec<u32> = rows.iter().map(|_| random.u32(..3)).collect();
            [&mut together, &mut single].into_iter().for_each(|states| states.resize(3));
            // Some at a time, and one by one.
            let half = count as usize / 3;
            together.add(&slots[..half], &rows[..half], input);
            together.add(&slots[half..], &rows[half..], input);
            rows.iter().zip(&slots).for_each(|(row, slot)| single.add(&[*slot], &[*row], input));
            assert_eq!(together.save(3), single.save(3), "{} of {count}", definition.name);
        }
    }
}

/// Adds one event to a slot.
pub fn feed(states: &mut dyn Accumulators, slot: u32, event: &Event, takes: Takes) {
    let mut texts = Texts::default();
    let arg = match takes {
        Takes::Presence => ArgColumn::Present(vec![event.x != "null"]),
        Takes::Number => {
            let mut column = NumberColumn::default();
            match event.x.as_str() {
                "null" => column.push_null(),
                number => assert!(column.push_text(number), "{number}"),
            }
            ArgColumn::Numbers(column)
        }
        Takes::Ordered | Takes::Any => ArgColumn::Values(vec![cell(&event.x, event.csv, &mut texts)]),
        Takes::AnyBy => {
            let x = cell(&event.x, event.csv, &mut texts);
            ArgColumn::Pairs(vec![x], vec![cell(&event.by, event.csv, &mut texts)])
        }
    };
    let Place { time, source, record } = event.place;
    states.add(
        &[slot],
        &[0],
        Input { arg: &arg, texts: &texts, time: &[time], source, first_record: record },
    );
}

fn cell(json: &str, csv: bool, texts: &mut Texts) -> Cell {
    let (kind, text) = match json {
        "null" => return Cell::NULL,
        _ if csv => (CellKind::Untyped, json.to_owned()),
        "true" => (CellKind::True, String::new()),
        "false" => (CellKind::False, String::new()),
        _ if json.starts_with('"') => (CellKind::ArenaText, serde_json::from_str(json).expect("a string")),
        _ if json.starts_with(['{', '[']) => (CellKind::Json, json.to_owned()),
        _ => (CellKind::Number, json.to_owned()),
    };
    let store = if kind == CellKind::ArenaText { &mut texts.arena } else { &mut texts.bytes };
    let start = store.len() as u32;
    store.extend_from_slice(text.as_bytes());
    Cell { start, len: text.len() as u32, kind }
}

/// A number of digits and a scale at random; few values, so that they repeat; now and then a large one.
fn random_number(random: &mut Rng, beyond: bool) -> String {
    let sign = if random.bool() { "-" } else { "" };
    match random.u8(0..if beyond { 12 } else { 10 }) {
        0..=4 => format!("{sign}{}", random.u8(0..10)),
        5..=6 => format!("{sign}{}.{}", random.u8(0..5), random.u8(0..20)),
        7 => format!("{sign}{}.{:09}", random.u64(..) >> random.u8(1..60), random.u32(..1_000_000_000)),
        8 => format!("{sign}{}e{}", random.u32(..), random.i8(-18..15)),
        9 => format!("{sign}{}", random.u64(..)),
        10 => format!("{sign}{}e{}", random.u32(1..), random.i32(-330..290)),
        _ => format!("{sign}0.{:018}{:018}", random.u64(..1 << 59), random.u64(1..1 << 59)),
    }
}

fn random_value(random: &mut Rng) -> String {
    match random.u8(0..12) {
        0 => "null".to_owned(),
        1 => random.bool().to_string(),
        2..=3 => format!("\"{}\"", random.u8(0..5)),
        4 => format!("\"a text that is much too long {}\"", random.u8(0..3)),
        5 => format!("[{}]", random.u8(0..3)),
        6 => format!("{}.0", random.u8(0..5)),
        _ => random_number(random, false),
    }
}

/// An event that suits an aggregate; with `beyond`, numbers may lie beyond what sums take as decimals.
pub fn random_event(definition: &Definition, record: usize, beyond: bool, random: &mut Rng) -> Event {
    let x = match definition.takes {
        Takes::Number if random.u8(0..8) == 0 => "null".to_owned(),
        Takes::Number => random_number(random, beyond),
        Takes::Ordered => loop {
            let value = random_value(random);
            if !value.starts_with(['t', 'f', '[']) {
                break value;
            }
        },
        _ => random_value(random),
    };
    let by = if random.bool() { random_number(random, true) } else { "\"x\"".to_owned() };
    let (time, source) = (random.i64(-3..3), random.u32(0..2));
    Event { place: Place { time, source, record: record as u64 }, x, by, csv: false }
}

/// Parameters that an aggregate takes.
pub fn random_params(definition: &Definition, random: &mut Rng) -> String {
    match definition.name {
        "p" | "percentile" | "approx_percentile" => format!("0.{:02}", random.u8(0..100)),
        "topk" => random.u8(1..6).to_string(),
        "histogram" => "-1 0.5 1 1e20".to_owned(),
        _ => String::new(),
    }
}

#[test]
fn agrees_with_the_model() {
    let seed = fastrand::u64(..);
    let mut random = Rng::with_seed(seed);
    for definition in TABLE {
        for _ in 0..150 {
            let beyond = random.bool();
            let count = random.usize(0..40);
            let events: Vec<Event> =
                (0..count).map(|record| random_event(definition, record, beyond, &mut random)).collect();
            let params = random_params(definition, &mut random);
            let got = scattered(definition, &params, &events, &mut random);
            let want = model(definition.name, &params, &events);
            match definition.name {
                "approx_percentile" => {
                    let (got, want): (f64, f64) = (got.parse().unwrap_or(0.0), want.parse().unwrap_or(0.0));
                    let close = (got - want).abs() <= 0.0079 * want.abs() || want.abs() < 2.3e-308;
                    assert!(close, "{got} {want} for {params} over {events:?}, seed {seed}");
                }
                name => assert_eq!(got, want, "{name}({params}) over {events:?}, seed {seed}"),
            }
        }
    }
}

/// The result by the plainest way there is.
fn model(name: &str, params: &str, events: &[Event]) -> String {
    let mut events: Vec<&Event> = events.iter().filter(|event| event.x != "null").collect();
    events.sort_by_key(|event| event.place);
    let xs = || events.iter().map(|event| event.x.clone());
    let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
    match name {
        "count" => events.len().to_string(),
        "rate" => double((BigInt::from(events.len()), BigInt::from(60))),
        "first" => or_null(xs().next()),
        "last" => or_null(xs().next_back()),
        "array_agg" if events.is_empty() => "null".to_owned(),
        "array_agg" => format!("[{}]", xs().collect::<Vec<_>>().join(",")),
        "min" => or_null(xs().min_by(|a, b| value_order(a, b).then(a.cmp(b)))),
        "max" => or_null(xs().max_by(|a, b| value_order(a, b).then(b.cmp(a)))),
        "arg_min" => {
            or_null(events.iter().min_by(|a, b| value_order(&a.by, &b.by)).map(|event| event.x.clone()))
        }
        "arg_max" => {
            or_null(events.iter().rev().max_by(|a, b| value_order(&a.by, &b.by)).map(|event| event.x.clone()))
        }
        "count distinct" | "approx_distinct" => tally(xs()).len().to_string(),
        "topk" => topk(xs(), params.parse().expect("a size")),
        _ => model_of_numbers(name, params, &xs().collect::<Vec<_>>()),
    }
}

/// Numbers by value before strings by bytes.
fn value_order(a: &str, b: &str) -> Ordering {
    match (a.starts_with('"'), b.starts_with('"')) {
        (false, false) => compare_written(a, b),
        (a_is_text, b_is_text) => a_is_text.cmp(&b_is_text).then(a.cmp(b)),
    }
}

fn tally(values: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts
}

fn topk(values: impl Iterator<Item = String>, size: usize) -> String {
    let rank = |value: &str| match value.as_bytes() {
        [b'f', ..] => 0,
        [b't', ..] => 1,
        [b'"', ..] => 3,
        [b'[', ..] => 4,
        _ => 2,
    };
    let order = |a: &str, b: &str| {
        let by_number = if rank(a) == 2 && rank(b) == 2 { compare_written(a, b) } else { Ordering::Equal };
        rank(a).cmp(&rank(b)).then(by_number).then(a.cmp(b))
    };
    let mut entries: Vec<(String, u64)> = tally(values).into_iter().collect();
    entries.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| order(&a.0, &b.0)));
    let entry = |(value, count): &(String, u64)| format!("{{\"value\":{value},\"count\":{count}}}");
    match entries.is_empty() {
        true => "null".to_owned(),
        false => format!("[{}]", entries.iter().take(size).map(entry).collect::<Vec<_>>().join(",")),
    }
}

type Ratio = (BigInt, BigInt);

fn add(a: &Ratio, b: &Ratio) -> Ratio {
    (&a.0 * &b.1 + &b.0 * &a.1, &a.1 * &b.1)
}

fn double(ratio: Ratio) -> String {
    text(&Value::Number(
        Number::from_f64(big_ratio_to_f64(&ratio.0, &ratio.1)).expect("models stay in range"),
    ))
}

fn model_of_numbers(name: &str, params: &str, xs: &[String]) -> String {
    let mut numbers: Vec<Number> = xs.iter().map(|x| Number::parse(x).expect("a number")).collect();
    numbers.sort_by(Number::compare);
    let as_double = |number: &Number| Number::Double(number.to_f64()).to_ratio();
    let zero = (BigInt::ZERO, BigInt::from(1));
    if name == "histogram" {
        let mut counts = vec![0; parse_params(params).len() + 1];
        for number in &numbers {
            counts[parse_params(params).iter().filter(|bound| bound.compare(number).is_le()).count()] += 1;
        }
        return format!("[{}]", counts.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
    }
    let exact = numbers.iter().all(|number| number.to_units().is_some());
    let needed = if matches!(name, "stddev" | "variance") { 2 } else { 1 };
    if numbers.len() < needed {
        return "null".to_owned();
    }
    let count = BigInt::from(numbers.len());
    match name {
        "sum" if exact => {
            let units = numbers.iter().filter_map(Number::to_units).sum();
            text(&Value::Number(Number::from_big(units, 18)))
        }
        "sum" => double(numbers.iter().map(as_double).fold(zero, |sum, value| add(&sum, &value))),
        "avg" => {
            let ratio = |number: &Number| if exact { number.to_ratio() } else { as_double(number) };
            let sum = numbers.iter().map(ratio).fold(zero, |sum, value| add(&sum, &value));
            double((sum.0, sum.1 * count))
        }
        "median" => at_rank(&numbers, "0.5", true),
        "p" | "percentile" => at_rank(&numbers, params, true),
        "approx_percentile" => at_rank(&numbers, params, false),
        _ => {
            let ratio = |number: &Number| {
                if number.to_units().is_some() { number.to_ratio() } else { as_double(number) }
            };
            let values: Vec<Ratio> = numbers.iter().map(ratio).collect();
            let sum = values.iter().fold(zero.clone(), |sum, value| add(&sum, value));
            let mean = (-sum.0, sum.1 * &count);
            let square = |value: &Ratio| {
                let (n, d) = add(value, &mean);
                (&n * &n, &d * &d)
            };
            let squares = values.iter().map(square).fold(zero, |sum, value| add(&sum, &value));
            let divisor = if name.ends_with("_pop") { count } else { count - 1 };
            let (n, d) = (squares.0, squares.1 * divisor);
            let variance = big_ratio_to_f64(&n, &d);
            if !name.starts_with("stddev") {
                return match Number::from_f64(variance) {
                    Some(variance) => text(&Value::Number(variance)),
                    None => (n / d).to_string(),
                };
            }
            let root = match variance {
                f64::INFINITY => big_ratio_to_f64(&n, &(d << 1200u32)).sqrt() * 2f64.powi(600),
                tiny if tiny < 1e-290 => big_ratio_to_f64(&(n << 1200u32), &d).sqrt() / 2f64.powi(600),
                variance => variance.sqrt(),
            };
            text(&Value::Number(Number::Double(root)))
        }
    }
}

/// The value at rank `q * (n - 1)` of sorted numbers.
fn at_rank(numbers: &[Number], q: &str, interpolated: bool) -> String {
    let (q, unit) = Number::parse(q).expect("a quantile").to_ratio();
    let rank = q * (numbers.len() - 1);
    let low = usize::try_from(&rank / &unit).expect("a rank");
    let part = rank % &unit;
    let (a, b) = (numbers[low].to_ratio(), numbers[(low + 1).min(numbers.len() - 1)].to_ratio());
    if !interpolated {
        return double(a);
    }
    if part == BigInt::ZERO || &a.0 * &b.1 == &b.0 * &a.1 {
        // A value of the group itself is not rounded.
        let rounded = double(a);
        let number = &numbers[low];
        let same = Number::parse(&rounded).is_some_and(|back| back.compare(number).is_eq());
        let mut exact = Vec::new();
        number.write(&mut exact);
        return if same { rounded } else { String::from_utf8(exact).expect("a number") };
    }
    let weighted = |ratio: &Ratio, weight: BigInt| (&ratio.0 * weight, &ratio.1 * &unit);
    double(add(&weighted(&a, &unit - &part), &weighted(&b, part)))
}
