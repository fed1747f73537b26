//! A long stream: memory is bounded by open windows, keys and ids, whatever its length. `WINDROW_EVENTS` says how many
//! events it has (about 130 bytes each).

use crate::common::feed;

#[allow(dead_code, reason = "the generator writes CSV too")]
#[path = "../bench/events.rs"]
mod events;

#[test]
fn memory_stays_flat() {
    let count = std::env::var("WINDROW_EVENTS").map_or(300_000, |text| text.parse().expect("a number"));
    let args = [
        "--window=10s",
        "--by=page",
        "--id=id",
        "--agg=count(*), sum(bytes), avg(latency_ms), p99(latency_ms)",
        "--quiet",
        "--stats=json",
    ];
    let ended = feed(&args, move |out| events::write(count, events::Format::Ndjson, 1, out)).code(0);
    println!(
        "{count} events in {:?}, peak {} MiB, {} rows",
        ended.took,
        ended.peak_mib,
        ended.stdout.lines().count()
    );
    let account: serde_json::Value = serde_json::from_str(&ended.stderr).expect("the account is JSON");
    let of = |name: &str| account[name].as_u64().expect("a count");
    assert_eq!(of("read"), count);
    assert_eq!(of("accepted") + of("late") + of("duplicate"), count, "{account}");
    assert!(of("duplicate") > count / 200 && of("late") > 0, "{account}");
    // 2,000 events a second of event time, 100 pages.
    let rows = ended.stdout.lines().count() as u64;
    assert!(rows == of("rows") && rows > count / 20_000 * 90, "{rows} rows");
    ended.within_mib(96);
}
