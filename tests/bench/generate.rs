//! Writes benchmark events to standard output:
//!
//!     cargo bench --bench generate -- EVENTS ndjson|csv [seed=N] [users=N] [shape=SHAPE] [times=N]
//!
//! SHAPE is regular, shuffled, nested, long or mixed (NDJSON). With `times` all events are written so often, each
//! time with later times and other ids: faster than making as many anew.

#[path = "events.rs"]
mod events;

use std::io::{self, BufWriter};
use std::process::ExitCode;

use events::{Format, Plan, Shape};

struct Options {
    events: u64,
    times: u64,
    plan: Plan,
}

/// Reads the arguments; `None` if they make no sense.
fn options(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let events = args.next()?.parse().ok()?;
    let format = match args.next()?.as_str() {
        "ndjson" => Format::Ndjson,
        "csv" => Format::Csv,
        _ => return None,
    };
    let mut options = Options { events, times: 1, plan: Plan::new(format, 1) };
    for arg in args {
        match arg.split_once('=')? {
            ("seed", seed) => options.plan.seed = seed.parse().ok()?,
            ("users", users) => options.plan.users = users.parse().ok().filter(|users| *users > 0)?,
            ("times", times) => options.times = times.parse().ok()?,
            ("shape", shape) => {
                options.plan.shape = match shape {
                    "regular" => Shape::Regular,
                    "shuffled" => Shape::Shuffled,
                    "nested" => Shape::Nested,
                    "long" => Shape::Long,
                    "mixed" => Shape::Mixed,
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    // Cargo passes `--bench` along.
    let Some(Options { events, times, plan }) =
        options(std::env::args().skip(1).filter(|arg| arg != "--bench"))
    else {
        eprintln!("usage: generate EVENTS ndjson|csv [seed=N] [users=N] [shape=SHAPE] [times=N]");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let written = match times {
        1 => events::write_all(events, plan, &mut out),
        _ => events::write_loops(events, times, plan, &mut out),
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
