//! Click events for benchmarks: the same plan gives the same bytes, on every machine.
//!
//! 2,000 events a second of event time, 100 pages, 100,000 users unless told otherwise; up to 4 s of disorder; one
//! event in a hundred is a repeat (the same record once more, up to 4 s later); one in a thousand comes 10 to 120 s
//! late.

use std::io::{self, Write};

/// How records are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// About 130 bytes a record.
    Ndjson,
    /// About 70 bytes a record, with a header.
    Csv,
}

/// How a record of NDJSON is laid out.
#[allow(dead_code, reason = "not every bench that includes this writes all shapes")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The same members in the same order.
    Regular,
    /// The members in any order.
    Shuffled,
    /// Members within objects (`at.ts`, `who.page`, `who.user`, `who.bytes`), behind an array of zero to four objects.
    Nested,
    /// One more member, a text of 200 to 500 bytes.
    Long,
    /// Two producers' layouts, which differ in order, white space and members.
    Mixed,
}

/// What kind of events to write.
#[derive(Clone, Copy)]
pub struct Plan {
    pub format: Format,
    pub seed: u64,
    pub shape: Shape,
    /// How many users there are, and so keys of a job by user.
    pub users: u64,
}

impl Plan {
    /// Regular events of 100,000 users.
    pub fn new(format: Format, seed: u64) -> Plan {
        Plan { format, seed, shape: Shape::Regular, users: 100_000 }
    }
}

/// 1 July 2021, 00:00 UTC, in milliseconds.
const START_MS: u64 = 1_625_097_600_000;

/// A stream of random numbers (SplitMix64, Steele, Lea and Flood 2014): small, and fixed for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

/// Writes `events` regular events.
#[allow(dead_code, reason = "not every bench that includes this writes regular events only")]
pub fn write(events: u64, format: Format, seed: u64, out: &mut dyn Write) -> io::Result<()> {
    write_all(events, Plan::new(format, seed), out)
}

/// Writes `events` events of a plan.
pub fn write_all(events: u64, plan: Plan, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(header(plan.format))?;
    write_records(events, plan, out)?;
    out.flush()
}

fn header(format: Format) -> &'static [u8] {
    match format {
        Format::Ndjson => b"",
        Format::Csv => b"id,ts,page,user,status,bytes,latency_ms\n",
    }
}

fn write_records(events: u64, plan: Plan, out: &mut dyn Write) -> io::Result<()> {
    let mut random = Random(plan.seed);
    let mut recent: Vec<Vec<u8>> = Vec::new();
    let mut record = Vec::with_capacity(256);
    for n in 0..events {
        let repeat = n > 0 && random.below(100) == 0;
        if repeat {
            let at = random.below(recent.len() as u64) as usize;
            out.write_all(&recent[at])?;
            continue;
        }
        record.clear();
        let event = Event::new(n, plan.users, &mut random);
        match plan.format {
            Format::Ndjson => event.json(plan.shape, &mut random, &mut record)?,
            Format::Csv => event.csv(&mut record)?,
        }
        out.write_all(&record)?;
        // The last 8,000 records are about four seconds of event time.
        if recent.len() < 8_000 {
            recent.push(record.clone());
        } else {
            recent[(n % 8_000) as usize].clone_from(&record);
        }
    }
    Ok(())
}

struct Event {
    id: String,
    ts: u64,
    page: u64,
    user: u64,
    status: u64,
    bytes: u64,
    latency_us: u64,
}

impl Event {
    fn new(n: u64, users: u64, random: &mut Random) -> Event {
        let behind = match random.below(1_000) {
            0 => 10_000 + random.below(110_000),
            _ => random.below(4_000),
        };
        Event {
            ts: START_MS + 130_000 + n / 2 - behind,
            id: format!("{n:010}-{:016x}", random.next()),
            page: random.below(100),
            user: random.below(users),
            status: [200, 200, 200, 200, 200, 200, 200, 301, 404, 500][random.below(10) as usize],
            bytes: 200 + random.below(60_000),
            // Latencies are skewed: the product of two uniform numbers.
            latency_us: 300 + random.below(2_000) * random.below(1_000),
        }
    }

    fn latency_ms(&self) -> String {
        format!("{}.{:03}", self.latency_us / 1_000, self.latency_us % 1_000)
    }

    fn csv(&self, out: &mut Vec<u8>) -> io::Result<()> {
        let Event { id, ts, page, user, status, bytes, .. } = self;
        let latency = self.latency_ms();
        writeln!(out, "{id},{ts},/p/{page:02},u{user:06},{status},{bytes},{latency}")
    }

    fn json(&self, shape: Shape, random: &mut Random, out: &mut Vec<u8>) -> io::Result<()> {
        let Event { id, ts, page, user, status, bytes, .. } = self;
        let mut members = [
            format!("\"id\":\"{id}\""),
            format!("\"ts\":{ts}"),
            format!("\"page\":\"/p/{page:02}\""),
            format!("\"user\":\"u{user:06}\""),
            format!("\"status\":{status}"),
            format!("\"bytes\":{bytes}"),
            format!("\"latency_ms\":{}", self.latency_ms()),
        ];
        match shape {
            Shape::Shuffled => {
                for at in (1..members.len()).rev() {
                    members.swap(at, random.below(at as u64 + 1) as usize);
                }
                writeln!(out, "{{{}}}", members.join(","))
            }
            Shape::Nested => {
                let [id, ts, page, user, status, bytes, latency] = members;
                let tags = vec!["{\"t\":\"tag\",\"n\":[1,2]}"; random.below(5) as usize].join(",");
                writeln!(
                    out,
                    "{{{id},\"tags\":[{tags}],\"at\":{{{ts}}},\"who\":{{{page},{user},{bytes}}},{status},{latency}}}"
                )
            }
            Shape::Long => {
                let text =
                    "The quick brown fox jumps over the lazy dog; ".repeat(5 + random.below(7) as usize);
                writeln!(out, "{{{},\"message\":\"{text}\"}}", members.join(","))
            }
            Shape::Mixed if random.below(2) == 0 => {
                let [id, ts, page, user, status, bytes, latency] = members;
                writeln!(
                    out,
                    "{{\"v\": 2, {bytes}, {latency}, {status}, {user}, {page}, \"zone\": null, {ts}, {id}}}"
                )
            }
            Shape::Regular | Shape::Mixed => writeln!(out, "{{{}}}", members.join(",")),
        }
    }
}

/// Writes `events` events `times` times, each time with later times and other ids: one stream, made at the speed of
/// a pipe. Records are regular.
#[allow(dead_code, reason = "one bench needs it")]
pub fn write_loops(events: u64, times: u64, plan: Plan, out: &mut dyn Write) -> io::Result<()> {
    let plan = Plan { shape: Shape::Regular, ..plan };
    let mut text = Vec::new();
    write_records(events, plan, &mut text)?;
    let (id_at, ts_at) = match plan.format {
        Format::Ndjson => (b"{\"id\":\"".len(), b"{\"id\":\"0123456789-0123456789abcdef\",\"ts\":".len()),
        Format::Csv => (0, b"0123456789-0123456789abcdef,".len()),
    };
    let starts: Vec<usize> = lines(&text).collect();
    out.write_all(header(plan.format))?;
    for round in 0..times {
        if round > 0 {
            for &start in &starts {
                add(&mut text[start + id_at..][..10], events);
                add(&mut text[start + ts_at..][..13], events / 2);
            }
        }
        out.write_all(&text)?;
    }
    out.flush()
}

/// Where each line starts.
fn lines(text: &[u8]) -> impl Iterator<Item = usize> {
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(ends).filter(|start| *start < text.len())
}

/// Adds to a decimal number, which keeps its width.
fn add(digits: &mut [u8], mut number: u64) {
    for digit in digits.iter_mut().rev() {
        if number == 0 {
            return;
        }
        let sum = u64::from(*digit - b'0') + number;
        *digit = b'0' + (sum % 10) as u8;
        number = sum / 10;
    }
}
