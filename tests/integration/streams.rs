//! Random inputs: records with times on and beside window edges, repeats, and records that cannot be used.

use fastrand::Rng;

use crate::model::read::Value;
use crate::model::time::{self, Form};
use crate::model::{Job, Windows};

/// One input: what stands before its records, and the records with their line ends.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name.
    pub name: String,
    /// What stands before the records: a byte order mark, a header.
    head: Vec<u8>,
    /// The records.
    pub records: Vec<Vec<u8>>,
}

/// Numeric units of event times, in nanoseconds, with their names.
pub const UNITS: [(i64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];

impl Stream {
    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        self.records.iter().for_each(|record| bytes.extend_from_slice(record));
        bytes
    }
}

/// One of these.
pub fn pick<'t, T>(random: &mut Rng, from: &'t [T]) -> &'t T {
    &from[random.usize(..from.len())]
}

/// True once in n times.
pub fn one_in(random: &mut Rng, n: u32) -> bool {
    random.u32(..n) == 0
}

/// Where a case's events lie in time.
pub struct Times {
    base: i64,
    edge: i64,
    offset: i64,
    beside: i64,
    /// Whether the unit of numbers is left to windrow.
    form: Option<Form>,
}

impl Times {
    /// Places for the events of a job.
    pub fn random(random: &mut Rng, job: &Job) -> Times {
        let (edge, offset) = match job.windows {
            Windows::Hopping { advance, offset, .. } => (advance, offset),
            Windows::Cumulate { step, offset, .. } => (step, offset),
            Windows::Session { gap } => (gap, 0),
            Windows::None | Windows::Order => (1_000_000, 0),
        };
        // Auto detection takes small numbers for seconds.
        let base = match job.time_form {
            Some(_) => *pick(random, &[0, 0, 1_600_000_000_000_000, -62_000_000]),
            None => *pick(random, &[0, 1_600_000_000_000_000, 1_600_000_000_000_000]),
        };
        Times {
            base: base / edge * edge,
            edge,
            offset,
            beside: *pick(random, &[1, 1, 1_000]),
            form: job.time_form,
        }
    }

    /// How one source writes its times: the unit in nanoseconds; 0 for text.
    fn style(&self, random: &mut Rng) -> i64 {
        match self.form {
            Some(Form::Number(nanos)) => nanos,
            _ if one_in(random, 3) => 0,
            _ if self.base == 0 => 1_000_000_000,
            _ => pick(random, &UNITS).0,
        }
    }

    /// A time within the step at so many from the first.
    fn between(&self, random: &mut Rng, steps: i64) -> i64 {
        self.base + self.offset + steps * self.edge + random.i64(0..self.edge)
    }

    /// A time on or beside an edge of windows.
    fn near(&self, random: &mut Rng, steps: i64) -> i64 {
        let beside = match random.u32(..6) {
            0..3 => 0,
            3 => self.beside,
            4 => -self.beside,
            _ => random.i64(0..self.edge),
        };
        self.base + self.offset + steps * self.edge + beside
    }
}

/// A time as text: a number of units, or RFC 3339.
fn time_text(random: &mut Rng, micros: i64, style: i64) -> String {
    if style == 0 {
        let shift = *pick(random, &[0, 0, 0, 120, -330]);
        let Value::Text(text) = time::write(micros + shift * 60_000_000, Form::Text) else {
            unreachable!("that is text");
        };
        let sign = if shift < 0 { '-' } else { '+' };
        return match shift {
            0 => text,
            _ => {
                format!("{}{sign}{:02}:{:02}", text.trim_end_matches('Z'), shift.abs() / 60, shift.abs() % 60)
            }
        };
    }
    // Finer than a microsecond is floored.
    let finer = if style > 1 && !one_in(random, 8) { 0 } else { random.i128(0..1000) };
    let nanos = i128::from(micros) * 1000 + finer;
    let (size, unit) = (nanos.unsigned_abs(), style.unsigned_abs() as u128);
    let sign = if nanos < 0 { "-" } else { "" };
    let fraction = size % unit;
    if fraction == 0 {
        return format!("{sign}{}", size / unit);
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{sign}{}.{}", size / unit, fraction.trim_end_matches('0'))
}

/// One source's records.
pub fn stream(random: &mut Rng, job: &Job, times: &Times, n: usize) -> Stream {
    let style = times.style(random);
    let end = *pick(random, &["\n", "\n", "\n", "\r\n"]);
    let mut records = Vec::new();
    // Of some streams many records in a row are of nearly one time, and nothing is wrong with them.
    let is_calm = one_in(random, 20);
    let length = match random.u32(0..120) {
        _ if is_calm => random.usize(60..400),
        0..10 => 0,
        10 => random.usize(100..500),
        _ => random.usize(1..28),
    };
    let only_bad = !is_calm && one_in(random, 25);
    let mut at = random.i64(-4..5);
    for _ in 0..length {
        let is_usual = is_calm && !one_in(random, 80);
        if !is_usual {
            at += *pick(random, &[0, 0, 0, 1, 1, 1, 2, -1, -2, -7, 5]);
        }
        let leap = if !is_usual && one_in(random, 30) { random.i64(-100..200) } else { 0 };
        let micros = if is_usual { times.between(random, at) } else { times.near(random, at + leap) };
        let mut record = if only_bad || !is_usual && one_in(random, 18) {
            bad_record(random, job)
        } else {
            let time = time_text(random, micros, style);
            good_record(random, job, &time, style == 0, !is_usual)
        };
        record.extend_from_slice(end.as_bytes());
        records.push(record);
        if !is_usual && one_in(random, 20) {
            records.push(end.as_bytes().to_vec());
        }
    }
    if job.csv && one_in(random, 15) {
        // What follows the quote belongs to this record.
        let at = random.usize(0..=records.len());
        records.insert(at, format!("1,\"open{end}").into_bytes());
    }
    if let Some(last) = records.last_mut()
        && one_in(random, 4)
    {
        last.truncate(last.len() - end.len());
    }
    let mut head = if one_in(random, 10) { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
    if job.csv {
        head.extend_from_slice(format!("{}{end}", job.header).as_bytes());
    }
    Stream { name: format!("s{n}"), head, records }
}

const KEYS: [&str; 14] = [
    "null",
    "1",
    "1.0",
    "\"1\"",
    "true",
    "false",
    "\"a\"",
    "\"a\\u0062\"",
    "\"ab\"",
    "-3",
    "10",
    "1e1",
    "\"\"",
    "\"é\\n\"",
];
const IDS: [&str; 8] = ["1", "\"1\"", "2", "3", "4", "5", "\"x\"", "\"y\""];
const NUMBERS: [&str; 14] =
    ["1", "2", "3", "0.1", "0.2", "0.3", "1.0", "1e2", "-5", "1.50", "-0", "1000000.25", "null", "0.1"];
const COMPARED: [&str; 9] = ["1", "1.0", "10", "9", "\"b\"", "\"a\"", "\"10\"", "null", "-2.5"];
const ANY: [&str; 12] = [
    "1",
    "1.0",
    "\"1\"",
    "true",
    "false",
    "null",
    "\"a\"",
    "\"b\\\"c\"",
    "{\"a\":[1,2]}",
    "[]",
    "\"ß,x\"",
    "7",
];
const SMALL: [&str; 7] = ["0", "1", "2", "3", "4", "-1", "null"];

/// A record that can be used, as a rule.
fn good_record(random: &mut Rng, job: &Job, time: &str, time_is_text: bool, may_fail: bool) -> Vec<u8> {
    let wrong = |random: &mut Rng, value: &'static str, usual: &'static str| {
        if may_fail && one_in(random, 40) { value } else { usual }
    };
    let key = *pick(random, &KEYS);
    let key = wrong(random, "{\"no\":1}", key);
    let id = *pick(random, &IDS);
    let id = wrong(random, "null", id);
    let number = *pick(random, &NUMBERS);
    let number = wrong(random, "\"x\"", number);
    let compared = *pick(random, &COMPARED);
    let compared = wrong(random, "true", compared);
    let quoted = format!("\"{time}\"");
    let time = if time_is_text { quoted.as_str() } else { time };
    let other_key = *pick(random, &KEYS[..4]);
    let (any, small) = (*pick(random, &ANY), *pick(random, &SMALL));
    let members = [
        ("t", time),
        ("id", id),
        ("k", key),
        ("j", other_key),
        ("v", number),
        ("m", compared),
        ("x", any),
        ("n", small),
    ];
    match job.csv {
        true => csv_line(random, &members),
        false => json_line(random, &members),
    }
}

fn json_line(random: &mut Rng, members: &[(&str, &str)]) -> Vec<u8> {
    let mut members: Vec<(&str, &str)> = members
        .iter()
        .copied()
        .filter(|(name, value)| *name == "t" || *value != "null" || random.bool())
        .collect();
    if one_in(random, 3) {
        random.shuffle(&mut members);
    }
    if one_in(random, 10) {
        // Of a repeated member the first counts.
        members.push(("k", "\"second\""));
    }
    let space = if one_in(random, 4) { " " } else { "" };
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("\"{name}\":{space}{value}")).collect();
    format!("{{{}}}", members.join(&format!(",{space}"))).into_bytes()
}

fn csv_line(random: &mut Rng, members: &[(&str, &str)]) -> Vec<u8> {
    let mut field = |value: &str| {
        let text: String = match value {
            "null" => return String::new(),
            _ if value.starts_with('"') => serde_json::from_str(value).expect("a JSON string"),
            _ => value.to_owned(),
        };
        match text.contains([',', '"', '\n']) || one_in(random, 10) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text,
        }
    };
    let fields: Vec<String> = members.iter().map(|(_, value)| field(value)).collect();
    fields.join(",").into_bytes()
}

/// A record without a usable time.
fn bad_record(random: &mut Rng, job: &Job) -> Vec<u8> {
    if job.csv {
        let lines: [&[u8]; 6] = [
            b"1,2",
            b"1,2,3,4,5,6,7,8,9",
            b"never,1,a,,,,,",
            b",1,a,,,,,",
            b"1,\xff,a,,,,,",
            b"2021-02-30T00:00:00Z,1,a,,,,,",
        ];
        return pick(random, &lines).to_vec();
    }
    let lines: [&[u8]; 14] = [
        b"{",
        b"[]",
        b"not json",
        b"{\"t\":1} x",
        b"{\"t\":}",
        b"{\"t\":1,\"k\":\"\xff\"}",
        b"{\"t\":1,\"k\":\"\\ud800\"}",
        b"12",
        b"{\"t\":null}",
        b"{\"k\":\"a\"}",
        b"{\"t\":\"yesterday\"}",
        b"{\"t\":true}",
        b"{\"t\":{}}",
        b"{\"t\":1e300}",
    ];
    pick(random, &lines).to_vec()
}
