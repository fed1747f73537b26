//! Arbitrary bytes as inputs of a whole job: no panic, a ledger that balances, and the same outcome however the
//! input is cut and whatever the number of threads.

#![no_main]

#[path = "../../integration/common.rs"]
mod common;

use std::cell::RefCell;
use std::collections::HashMap;

use common::{Outcome, job, run_job};
use libfuzzer_sys::fuzz_target;
use windrow::input::{Format, Origin, SourceSpec};
use windrow::job::Job;

const WINDOWS: [&str; 8] =
    ["1s", "10s/3s", "session:2s", "none", "cumulate:1m/10s", "1d@Europe/Berlin", "1mo", "7us/2us+1us"];
const AGGREGATES: [&str; 8] = [
    "count(*)",
    "sum(a), avg(a)",
    "min(a), max(a), first(a), last(a)",
    "stddev(a), median(a), p90(a)",
    "count(distinct a), topk(a, 2), approx_distinct(a)",
    "arg_min(a, b), arg_max(a, b), array_agg(a)",
    "sum(a) filter (where b > 1), histogram(a, 0, 1), rate(*)",
    "approx_percentile(a, 0.5), count(b)",
];
const OTHERS: [&[&str]; 8] = [
    &[],
    &["--by=a"],
    &["--by=a,b", "--id=b"],
    &["--id=a,b", "--remember=10s"],
    &["--max-jump=1h", "--by=b"],
    &["--where=a > b or a is null", "--by=b"],
    &["--by=a", "--top=1", "--order-by=a", "--ties"],
    &["--max-record=20", "--by=a"],
];

/// The outcome in a form that can be compared.
fn shown(outcome: Outcome) -> [String; 5] {
    let result = format!("{:?}", outcome.result.map_err(|error| error.to_string()));
    assert!(!result.contains("internal error"), "{result}");
    if result.starts_with("Ok") {
        let total = outcome.summary.total();
        assert_eq!(total.read, total.accepted + total.filtered + total.late + total.duplicate + total.bad);
    }
    [result, outcome.summary.object().to_string(), outcome.rows, outcome.late, outcome.bad]
}

/// The job that the first bytes choose, without its inputs. Jobs are kept: reading options takes longer than
/// running them over a few records.
fn chosen(head: [u8; 4]) -> Job {
    thread_local!(static KNOWN: RefCell<HashMap<[u8; 4], Job>> = RefCell::default());
    let head = [head[0] % 8, head[1] % 8, head[2] % 8, head[3] % 16];
    KNOWN.with_borrow_mut(|known| known.entry(head).or_insert_with(|| read(head)).clone())
}

fn read(head: [u8; 4]) -> Job {
    let [window, aggregates, other, flags] = head;
    let window = format!("--window={}", WINDOWS[usize::from(window)]);
    let aggregates = format!("--agg={}", AGGREGATES[usize::from(aggregates)]);
    let mut options = vec![
        "--time=t",
        "--late=late",
        window.as_str(),
        aggregates.as_str(),
        if flags & 1 != 0 { "--from=csv" } else { "--from=ndjson" },
        if flags & 2 != 0 { "--to=csv" } else { "--to=ndjson" },
        if flags & 4 != 0 { "--bad=bad" } else { "--bad=fail" },
        if flags & 8 != 0 { "--delay=0s" } else { "--delay=5s" },
    ];
    options.extend(OTHERS[usize::from(other)]);
    job(&options, &[]).expect("a good job")
}

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<4>() else { return };
    let chosen = chosen(*head);
    let csv = head[3] & 1 != 0;
    let format = if csv { Format::Csv { delimiter: b',' } } else { Format::Ndjson };
    // 0xfe never stands in UTF-8: it divides the sources.
    let sources: Vec<SourceSpec> = rest
        .splitn(3, |&byte| byte == 0xfe)
        .enumerate()
        .map(|(n, bytes)| SourceSpec { name: format!("in{n}"), origin: Origin::Memory(bytes.into()), format })
        .collect();
    let run = |threads, chunk_bytes| {
        let mut job = Job { threads, sources: sources.clone(), ..chosen.clone() };
        job.read.chunk_bytes = chunk_bytes;
        shown(run_job(job))
    };
    let whole = run(2, 1 << 20);
    for (threads, chunk_bytes) in [(1, 1), (2, 16)] {
        assert_eq!(run(threads, chunk_bytes), whole, "{threads} threads, chunks of {chunk_bytes}");
    }
});
