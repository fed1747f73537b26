//! Inputs with something of everything that a checkpoint keeps: events out of order, late ones, repeats near and far,
//! records that cannot be used, times too far ahead to be believed.

use std::fmt::Write;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Ndjson,
    /// With a header; some fields are quoted, and some of these hold a line end.
    Csv,
}

/// One source of `records` records. The same seed gives the same bytes.
pub fn events(form: Form, seed: u64, records: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut text = String::new();
    if form == Form::Csv {
        text.push_str("ts,id,k,s,v\n");
    }
    let mut now: i64 = 1_700_000_000 + seed as i64 % 7;
    for n in 0..records {
        now += random.i64(0..=2);
        let time = match (n % 37, random.u8(0..16)) {
            // Alone, so that it is not believed.
            (11, _) => now + 40_000,
            (_, 0) => now - 200,
            _ => now - random.i64(0..=6),
        };
        let id = match random.u8(0..8) {
            0 => n.saturating_sub(random.usize(1..=5)),
            1 => n.saturating_sub(random.usize(1..=60)),
            _ => n,
        };
        // Sources share ids: what one has shown is a repeat in another.
        let id = if random.u8(0..4) == 0 { format!("x{id}") } else { format!("{seed}-{id}") };
        let (key, text_value) = (random.u8(0..4), ["a", "b\u{e9}", "c d"][random.usize(0..3)]);
        let value = random.i64(-500..5000);
        let (whole, part) = (value / 100, (value % 100).abs());
        match (form, random.u8(0..50)) {
            (Form::Ndjson, 0) => writeln!(text, "{{\"ts\":{time},\"id\":"),
            (Form::Ndjson, _) => writeln!(
                text,
                r#"{{"ts":{time},"id":"{id}","k":"k{key}","s":"{text_value}","v":{whole}.{part:02}}}"#
            ),
            (Form::Csv, 0) => writeln!(text, "{time},{id}"),
            (Form::Csv, 1..=4) => {
                writeln!(text, "{time},{id},\"k{key}\",\"{text_value}\n,\",{whole}.{part:02}")
            }
            (Form::Csv, _) => writeln!(text, "{time},{id},k{key},{text_value},{whole}.{part:02}"),
        }
        .expect("text can be written to");
    }
    text.into_bytes()
}
