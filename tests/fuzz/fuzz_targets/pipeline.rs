//! Arbitrary bytes as inputs of a whole job: no panic, a ledger that balances, and the same outcome however the
//! input is cut and whatever the number of threads.

#![no_main]

#[path = "../../integration/common.rs"]
mod common;

use common::{Input, Outcome, job, run_job};
use libfuzzer_sys::fuzz_target;
use windrow::input::Format;

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
    [result, outcome.summary.json(), outcome.rows, outcome.late, outcome.bad]
}

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<4>() else { return };
    let pick = |byte: u8| usize::from(byte % 8);
    let csv = head[3] & 1 != 0;
    let mut options = vec![
        "--time=t",
        if csv { "--from=csv" } else { "--from=ndjson" },
        if head[3] & 2 != 0 { "--to=csv" } else { "--to=ndjson" },
        if head[3] & 4 != 0 { "--bad=bad" } else { "--bad=fail" },
        "--late=late",
        if head[3] & 8 != 0 { "--delay=0s" } else { "--delay=5s" },
    ];
    let window = format!("--window={}", WINDOWS[pick(head[0])]);
    let aggregates = format!("--agg={}", AGGREGATES[pick(head[1])]);
    options.extend([window.as_str(), aggregates.as_str()]);
    options.extend(OTHERS[pick(head[2])]);
    let format = if csv { Format::Csv { delimiter: b',' } } else { Format::Ndjson };
    // 0xfe never stands in UTF-8: it divides the sources.
    let inputs: Vec<Input> = rest
        .splitn(3, |&byte| byte == 0xfe)
        .enumerate()
        .map(|(n, bytes)| Input { name: format!("in{n}"), format, bytes: bytes.to_vec() })
        .collect();
    let run = |how: &[&str]| {
        let all: Vec<&str> = options.iter().chain(how).copied().collect();
        shown(run_job(job(&all, &inputs).expect("a good job")))
    };
    let whole = run(&["--threads=2"]);
    for how in [&["--threads=1", "--chunk-bytes=1"], &["--threads=2", "--chunk-bytes=16"]] {
        assert_eq!(run(how), whole, "{how:?}");
    }
});
