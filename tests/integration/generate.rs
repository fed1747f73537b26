//! Random cases for the comparison with the model: few keys, few ids, and times on and beside window edges.

use std::fmt::Write;

use fastrand::Rng;
use windrow::input::Format;

use crate::common::Input;
use crate::model::aggregate::{CONDITIONS, Call, FUNCTIONS, Function};
use crate::model::time::Form;
use crate::model::{Having, Job, Top, Windows};

/// One input: what stands before its records, and the records with their line ends.
#[derive(Clone, Debug)]
struct Stream {
    name: String,
    head: Vec<u8>,
    records: Vec<Vec<u8>>,
}

/// A job with its inputs.
#[derive(Clone, Debug)]
pub struct Case {
    /// The job.
    pub job: Job,
    streams: Vec<Stream>,
    bad: &'static str,
    modes: Vec<&'static str>,
}

/// Ways of running that must not differ. The first one has a batch per record.
const MODES: [&str; 6] = [
    "-j 1 --chunk-bytes 1",
    "-j 1",
    "-j 2 --chunk-bytes 1 --buffer 1",
    "-j 2 --chunk-bytes 150",
    "-j 8 --chunk-bytes 40 --buffer 1",
    "-j 3 --chunk-bytes 500",
];

/// Numeric units of event times, in nanoseconds, with their names.
const UNITS: [(i64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];

impl Case {
    /// The case of a seed.
    pub fn random(seed: u64) -> Case {
        let mut random = Rng::with_seed(seed);
        let random = &mut random;
        let job = job(random);
        let times = Times::random(random, &job);
        let count = *pick(random, &[1, 1, 1, 2, 2, 3, 4]);
        let streams = (0..count).map(|n| stream(random, &job, &times, n)).collect();
        let bad = if job.fail { "fail" } else { *pick(random, &["skip", "bad.ndjson", "bad.ndjson"]) };
        let mut modes = MODES.to_vec();
        random.shuffle(&mut modes[1..]);
        modes.truncate(3);
        Case { job, streams, bad, modes }
    }

    /// How it is run.
    pub fn modes(&self) -> &[&'static str] {
        &self.modes
    }

    /// Whether bad records are written down.
    pub fn keeps_bad(&self) -> bool {
        self.bad == "bad.ndjson"
    }

    /// Names and bytes of the inputs.
    pub fn named_bytes(&self) -> Vec<(String, Vec<u8>)> {
        self.streams.iter().map(|stream| (stream.name.clone(), stream.bytes())).collect()
    }

    /// The inputs as the product takes them.
    pub fn inputs(&self) -> Vec<Input> {
        let format = if self.job.csv { Format::Csv { delimiter: b',' } } else { Format::Ndjson };
        self.named_bytes().into_iter().map(|(name, bytes)| Input { name, format, bytes }).collect()
    }

    /// The options of the command line.
    pub fn options(&self) -> Vec<String> {
        let job = &self.job;
        let order = job.windows == Windows::Order;
        let mut options: Vec<String> = if order { vec!["order".to_owned()] } else { Vec::new() };
        let mut add = |name: &str, value: String| options.extend([name.to_owned(), value]);
        add("--from", if job.csv { "csv" } else { "ndjson" }.to_owned());
        if !order {
            add("--to", if job.csv { "csv" } else { "ndjson" }.to_owned());
            add("--window", window_text(job.windows));
        }
        add("--time", "t".to_owned());
        if let Some(Form::Number(nanos)) = job.time_form {
            let (_, name) = UNITS.iter().find(|(unit, _)| *unit == nanos).expect("a known unit");
            add("--time-format", (*name).to_owned());
        }
        add("--delay", format!("{}us", job.delay));
        add("--remember", format!("{}us", job.remember));
        if let Some(jump_max) = job.jump_max {
            add("--max-jump", format!("{jump_max}us"));
        }
        if !job.ids.is_empty() {
            add("--id", job.ids.join(","));
        }
        for key in &job.keys {
            add("--by", (*key).to_owned());
        }
        if let Some(filter) = job.filter {
            add("--where", filter.text().to_owned());
        }
        for (n, call) in job.calls.iter().enumerate().filter(|_| !order) {
            add("--agg", format!("{} AS a{n}", call.text()));
        }
        if let Some(having) = job.having {
            add("--having", format!("a0 >= {}", having.count_min));
        }
        if let Some(top) = job.top {
            add("--top", top.rows.to_string());
            add("--order-by", format!("a{}{}", top.call, if top.ascending { " ASC" } else { "" }));
        }
        add("--bad", self.bad.to_owned());
        add("--late", "late.ndjson".to_owned());
        if job.top.is_some_and(|top| top.ties) {
            options.push("--ties".to_owned());
        }
        options
    }

    /// The smallest case found that still fails.
    pub fn shrunk(self, fails: &dyn Fn(&Case) -> bool) -> Case {
        let mut case = self;
        loop {
            let smaller = case.smaller().into_iter().find(|smaller| fails(smaller));
            match smaller {
                Some(smaller) => case = smaller,
                None => return case,
            }
        }
    }

    /// Cases with a little less in them, the greatest steps first.
    fn smaller(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        let mut try_with = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            cases.push(case);
        };
        for s in 0..self.streams.len() {
            if self.streams.len() > 1 {
                try_with(&|case| {
                    let _ = case.streams.remove(s);
                });
            }
            let records = self.streams[s].records.len();
            let mut part = records;
            while part > 0 {
                for start in (0..records).step_by(part) {
                    let end = (start + part).min(records);
                    try_with(&|case| {
                        case.streams[s].records.drain(start..end);
                    });
                }
                part /= 2;
            }
        }
        for n in 1..self.job.calls.len() {
            if self.job.top.is_none_or(|top| top.call < n) {
                try_with(&|case| {
                    let _ = case.job.calls.remove(n);
                });
            }
        }
        for n in 0..self.job.keys.len() {
            try_with(&|case| {
                let _ = case.job.keys.remove(n);
            });
        }
        let job = &self.job;
        let optional: [(bool, &dyn Fn(&mut Case)); 7] = [
            (job.top.is_some(), &|case| case.job.top = None),
            (job.having.is_some(), &|case| case.job.having = None),
            (job.filter.is_some(), &|case| case.job.filter = None),
            (job.jump_max.is_some(), &|case| case.job.jump_max = None),
            (!job.ids.is_empty(), &|case| case.job.ids.clear()),
            (job.remember > 0, &|case| case.job.remember = 0),
            (job.delay > 0, &|case| case.job.delay = 0),
        ];
        optional.into_iter().filter(|(applies, _)| *applies).for_each(|(_, change)| try_with(change));
        for n in 0..self.modes.len() {
            if self.modes.len() > 1 {
                try_with(&|case| {
                    let _ = case.modes.remove(n);
                });
            }
        }
        cases
    }

    /// The case as a shell script.
    pub fn script(&self) -> String {
        let mut script = String::new();
        for stream in &self.streams {
            let escaped: String = stream.bytes().iter().map(|&byte| escape(byte)).collect();
            let _ = writeln!(script, "printf '%b' '{escaped}' > {}", stream.name);
        }
        let quoted: Vec<String> =
            self.options().iter().map(|option| format!("'{}'", option.replace('\'', "'\\''"))).collect();
        let names: Vec<&str> = self.streams.iter().map(|stream| stream.name.as_str()).collect();
        for mode in &self.modes {
            let _ = writeln!(script, "windrow {} {mode} --stats=json {}", quoted.join(" "), names.join(" "));
        }
        script
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'\'' => "'\\''".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\0{byte:03o}"),
    }
}

impl Stream {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone();
        self.records.iter().for_each(|record| bytes.extend_from_slice(record));
        bytes
    }
}

fn pick<'t, T>(random: &mut Rng, from: &'t [T]) -> &'t T {
    &from[random.usize(..from.len())]
}

fn one_in(random: &mut Rng, n: u32) -> bool {
    random.u32(..n) == 0
}

fn window_text(windows: Windows) -> String {
    match windows {
        Windows::Hopping { size, advance, offset } if size == advance => format!("{size}us+{offset}us"),
        Windows::Hopping { size, advance, offset } => format!("{size}us/{advance}us+{offset}us"),
        Windows::Cumulate { size, step, offset } => format!("cumulate:{size}us/{step}us+{offset}us"),
        Windows::Session { gap } => format!("session:{gap}us"),
        Windows::None | Windows::Order => "none".to_owned(),
    }
}

/// The grain of a job: window lengths are small multiples of it.
fn job(random: &mut Rng) -> Job {
    let grain = *pick(random, &[1, 7, 1_000, 1_000_000, 60_000_000]);
    let length = |random: &mut Rng, max: i64| random.i64(1..=max) * grain;
    let windows = match random.u32(..10) {
        0..3 => {
            let size = length(random, 6);
            Windows::Hopping { size, advance: size, offset: random.i64(0..size) * random.i64(0..2) }
        }
        3..6 => {
            let advance = length(random, 4);
            let size = advance + length(random, 12);
            Windows::Hopping { size, advance, offset: random.i64(0..advance) * random.i64(0..2) }
        }
        6 => {
            let step = length(random, 3);
            let size = step * random.i64(1..6);
            Windows::Cumulate { size, step, offset: random.i64(0..size) * random.i64(0..2) }
        }
        7..9 => Windows::Session { gap: length(random, 4) },
        _ => Windows::None,
    };
    let delay = *pick(random, &[0, 0, 1, grain, 3 * grain, 20 * grain, 1_000 * grain]);
    let all_keys: [&[&str]; 4] = [&[], &["k"], &["k"], &["k", "j"]];
    let ids: [&[&str]; 4] = [&[], &["id"], &["id"], &["id", "k"]];
    let mut calls = vec![Call { function: Function::CountAll, filter: None }];
    for _ in 0..random.usize(..5) {
        let filter = one_in(random, 5).then(|| *pick(random, &CONDITIONS));
        calls.push(Call { function: *pick(random, &FUNCTIONS), filter });
    }
    let ranked: Vec<usize> = (0..calls.len())
        .filter(|&n| matches!(calls[n].function, Function::CountAll | Function::Sum | Function::Avg))
        .collect();
    let mut job = Job {
        header: "t,id,k,j,v,m,x,n",
        csv: one_in(random, 3),
        time_form: one_in(random, 3).then(|| Form::Number(pick(random, &UNITS).0)),
        windows,
        delay,
        remember: if one_in(random, 3) { length(random, 10) } else { 0 },
        jump_max: one_in(random, 4).then(|| length(random, 20)),
        ids: pick(random, &ids).to_vec(),
        keys: pick(random, &all_keys).to_vec(),
        filter: one_in(random, 4).then(|| *pick(random, &CONDITIONS)),
        having: one_in(random, 6).then(|| Having { count_min: random.usize(1..4) }),
        top: one_in(random, 5).then(|| Top {
            rows: random.usize(1..4),
            call: *pick(random, &ranked),
            ascending: random.bool(),
            ties: random.bool(),
        }),
        calls,
        fail: one_in(random, 6),
    };
    if one_in(random, 12) {
        job.windows = Windows::Order;
        job.calls.truncate(1);
        job.keys.clear();
        (job.having, job.top) = (None, None);
    }
    job
}

/// Where a case's events lie in time.
struct Times {
    base: i64,
    edge: i64,
    offset: i64,
    beside: i64,
    /// Whether the unit of numbers is left to windrow.
    form: Option<Form>,
}

impl Times {
    fn random(random: &mut Rng, job: &Job) -> Times {
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
        let crate::model::read::Value::Text(text) =
            crate::model::time::write(micros + shift * 60_000_000, Form::Text)
        else {
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

fn stream(random: &mut Rng, job: &Job, times: &Times, n: usize) -> Stream {
    let style = times.style(random);
    let end = *pick(random, &["\n", "\n", "\n", "\r\n"]);
    let mut records = Vec::new();
    let length = if one_in(random, 12) { 0 } else { random.usize(1..28) };
    let only_bad = one_in(random, 25);
    let mut at = random.i64(-4..5);
    for _ in 0..length {
        at += *pick(random, &[0, 0, 0, 1, 1, 1, 2, -1, -2, -7, 5]);
        let leap = if one_in(random, 30) { random.i64(-100..200) } else { 0 };
        let micros = times.near(random, at + leap);
        let mut record = if only_bad || one_in(random, 18) {
            bad_record(random, job)
        } else {
            let time = time_text(random, micros, style);
            good_record(random, job, &time, style == 0)
        };
        record.extend_from_slice(end.as_bytes());
        records.push(record);
        if one_in(random, 20) {
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
fn good_record(random: &mut Rng, job: &Job, time: &str, time_is_text: bool) -> Vec<u8> {
    let wrong = |random: &mut Rng, value: &'static str, usual: &'static str| {
        if one_in(random, 40) { value } else { usual }
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
