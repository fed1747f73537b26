//! Click events for benchmarks: the same seed gives the same bytes, on every machine.
//!
//! 2,000 events a second of event time, 100 pages, 100,000 users; up to 4 s of disorder; one event in a hundred
//! is a repeat (the same record once more, up to 4 s later); one in a thousand comes 10 to 120 s late.

use std::io::{self, Write};

/// How records are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// About 130 bytes a record.
    Ndjson,
    /// About 70 bytes a record, with a header.
    Csv,
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

/// Writes `events` events.
pub fn write(events: u64, format: Format, seed: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut random = Random(seed);
    let mut recent: Vec<Vec<u8>> = Vec::new();
    let mut record = Vec::with_capacity(256);
    if format == Format::Csv {
        out.write_all(b"id,ts,page,user,status,bytes,latency_ms\n")?;
    }
    for n in 0..events {
        let repeat = n > 0 && random.below(100) == 0;
        if repeat {
            let at = random.below(recent.len() as u64) as usize;
            out.write_all(&recent[at])?;
            continue;
        }
        record.clear();
        one(n, format, &mut random, &mut record);
        out.write_all(&record)?;
        // The last 8,000 records are about four seconds of event time.
        if recent.len() < 8_000 {
            recent.push(record.clone());
        } else {
            recent[(n % 8_000) as usize].clone_from(&record);
        }
    }
    out.flush()
}

fn one(n: u64, format: Format, random: &mut Random, out: &mut Vec<u8>) {
    let behind = match random.below(1_000) {
        0 => 10_000 + random.below(110_000),
        _ => random.below(4_000),
    };
    let ts = START_MS + 130_000 + n / 2 - behind;
    let id = format!("{n:010}-{:016x}", random.next());
    let page = random.below(100);
    let user = random.below(100_000);
    let status = [200, 200, 200, 200, 200, 200, 200, 301, 404, 500][random.below(10) as usize];
    let bytes = 200 + random.below(60_000);
    // Latencies are skewed: the product of two uniform numbers, in microseconds.
    let latency_us = 300 + random.below(2_000) * random.below(1_000);
    let (ms, us) = (latency_us / 1_000, latency_us % 1_000);
    let text = match format {
        Format::Ndjson => format!(
            "{{\"id\":\"{id}\",\"ts\":{ts},\"page\":\"/p/{page:02}\",\"user\":\"u{user:06}\",\
             \"status\":{status},\"bytes\":{bytes},\"latency_ms\":{ms}.{us:03}}}\n"
        ),
        Format::Csv => format!("{id},{ts},/p/{page:02},u{user:06},{status},{bytes},{ms}.{us:03}\n"),
    };
    out.extend_from_slice(text.as_bytes());
}
