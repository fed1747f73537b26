//! Random jobs with their inputs for the comparison with the model, and how a case that fails gets smaller.

use std::fmt::Write;

use fastrand::Rng;
use windrow::input::Format;

use crate::common::Input;
use crate::model::aggregate::{CONDITIONS, Call, FUNCTIONS, Function};
use crate::model::time::Form;
use crate::model::{Having, Job, Top, Windows};
use crate::streams::{Stream, Times, UNITS, one_in, pick, stream};

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

/// One way to make a case smaller.
type Change<'c> = &'c dyn Fn(&mut Case);

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
        if let Some(every) = job.every {
            add("--emit-every", format!("{every}us"));
        }
        if let Some(lateness) = job.lateness {
            add("--allowed-lateness", format!("{lateness}us"));
        }
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
        let optional: [(bool, Change<'_>); 9] = [
            (job.every.is_some(), &|case| case.job.every = None),
            (job.lateness.is_some(), &|case| case.job.lateness = None),
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
        every: one_in(random, 3).then(|| length(random, 8)),
        lateness: one_in(random, 3).then(|| random.i64(0..=8) * grain),
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
        (job.every, job.lateness) = (None, None);
    }
    if job.windows == Windows::None {
        job.lateness = None;
    }
    job
}
