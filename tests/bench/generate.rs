//! Writes benchmark events to standard output:
//! `cargo bench --bench generate -- 10000000 ndjson > clicks.ndjson` (or `csv`; a third argument is the seed).

#[path = "events.rs"]
mod events;

use std::io::{self, BufWriter};

fn main() -> io::Result<()> {
    // Cargo passes `--bench` along.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let number = |at: usize, default| args.get(at).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    let format = match args.get(1).map(String::as_str) {
        Some("csv") => events::Format::Csv,
        _ => events::Format::Ndjson,
    };
    let out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match events::write(number(0, 1_000_000), format, number(2, 1), &mut { out }) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}
