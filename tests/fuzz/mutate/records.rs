//! Records to begin with, of many layouts. A layout is a way of writing; its variants differ in their values.

use fastrand::Rng;

/// How many variants of a layout are made.
const VARIANTS: usize = 64;

/// The records of a layout, without line feeds at their ends.
pub type Layout = Vec<Vec<u8>>;

fn variants(seed: u64, one: impl Fn(&mut Rng) -> String) -> Layout {
    let mut random = Rng::with_seed(seed);
    (0..VARIANTS).map(|_| one(&mut random).into_bytes()).collect()
}

/// Events as benchmarks have them, as members or fields.
fn event(r: &mut Rng) -> [(&'static str, String); 7] {
    [
        ("id", format!("\"{:010}-{:016x}\"", r.u32(..100), r.u64(..))),
        ("ts", format!("{}", 1_625_097_600_000 + r.u64(..1_000_000))),
        ("page", format!("\"/p/{:02}\"", r.u8(..100))),
        ("user", format!("\"u{:06}\"", r.u32(..100_000))),
        ("status", ["200", "301", "404", "500"][r.usize(..4)].to_owned()),
        ("b", format!("{}", 200 + r.u32(..60_000))),
        ("latency_ms", format!("{}.{:03}", r.u32(..2_000), r.u32(..1_000))),
    ]
}

fn object(members: &[(&str, String)], colon: &str, comma: &str) -> String {
    let all: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\"{colon}{value}")).collect();
    format!("{{{}}}", all.join(comma))
}

fn number(r: &mut Rng) -> String {
    match r.u8(..10) {
        0 => format!("{}", r.i64(..)),
        1 => format!("{}", r.u128(..)),
        2 => format!("-{}.{}", r.u64(..), r.u64(..)),
        3 => format!("{:e}", f64::from_bits(r.u64(..)).clamp(-1e300, 1e300)).replace("NaN", "0"),
        4 => format!("0.{}", r.u128(..)),
        5 => format!("{}E+{}", r.u8(..), r.u8(..200)),
        6 => "0".to_owned(),
        7 => format!("-0.{}e-{}", r.u64(..), r.u16(..400)),
        8 => format!("{}.5", r.u128(..)),
        _ => format!("{}", r.u8(..)),
    }
}

fn text(r: &mut Rng, longest: usize, pieces: &[&str]) -> String {
    (0..r.usize(..=longest)).map(|_| pieces[r.usize(..pieces.len())]).collect()
}

const PLAIN: &[&str] = &["a", "B", "7", " ", "/", "-", "word", ","];
const ESCAPES: &[&str] = &["\\n", "\\\\", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\\/", "x", "path", "\\u0000"];
const NOT_ASCII: &[&str] = &["é", "ß", "東京", "😀", "Съешь", "x", " "];

/// All layouts of NDJSON.
pub fn json() -> Vec<Layout> {
    vec![
        variants(1, |r| object(&event(r), ":", ",")),
        variants(2, |r| object(&event(r), ": ", ", ")),
        variants(3, |r| format!("{}\r", object(&event(r), ":", ","))),
        variants(4, |r| {
            let [id, ts, page, user, status, b, _] = event(r);
            format!("{{\"v\":2,{}", &object(&[b, status, user, page, ts, id], ":", ",")[1..])
        }),
        variants(5, |r| {
            let mut members = event(r);
            r.shuffle(&mut members);
            object(&members[..r.usize(..=7)], ":", ",")
        }),
        variants(6, |r| {
            let (id, ok) = (number(r), r.bool());
            format!(
                "{{ \"ts\" : {}, \"d\": {{\"id\":\"x\",\"u\":{{\"id\":{id}}}}}, \"n\": [1, {{\"k\":{ok}}}]}}",
                r.u64(..)
            )
        }),
        variants(7, |r| {
            let n = vec!["{\"k\":[1,2]}"; r.usize(..4)].join(",");
            let ends = "]".repeat(r.usize(1..3));
            format!(
                "{{\"n\":[{n}],\"x\":{}{{}}{ends},\"ts\":{},\"d\":{{}}}}",
                "[".repeat(ends.len()),
                r.u32(..)
            )
        }),
        variants(8, |r| {
            format!(
                "{{\"page\":\"{}\",\"b\":{},\"id\":\"{}\"}}",
                text(r, 6, ESCAPES),
                r.u8(..),
                text(r, 2, ESCAPES)
            )
        }),
        variants(9, |r| {
            format!(
                "{{\"page\":\"{}\",\"é\":1,\"ts\":{},\"id\":\"{}\"}}",
                text(r, 20, NOT_ASCII),
                r.u64(..),
                text(r, 3, PLAIN)
            )
        }),
        variants(10, |r| {
            format!(
                "{{\"ts\":{},\"b\":{},\"x\":{},\"n\":[{},{{}}]}}",
                number(r),
                number(r),
                number(r),
                number(r)
            )
        }),
        variants(11, |r| {
            let (a, b) = (r.u8(..), r.u8(..));
            format!(
                "{{\"ts\":{a},\"b\":{b},\"t\\u0073\":{b},\"ts\":\"{a}\",\"d\":{{\"id\":{a},\"id\":{b}}},\"d\":{a}}}"
            )
        }),
        variants(12, |r| {
            let literal = |r: &mut Rng| ["true", "false", "null"][r.usize(..3)];
            format!(
                "{{\"ok\":{},\"page\":{},\"n\":[{},{{\"k\":{}}}],\"ts\":1}}",
                literal(r),
                literal(r),
                literal(r),
                literal(r)
            )
        }),
        variants(13, |r| {
            format!(
                "{{\"message\":\"{}\",\"ts\":{},\"page\":\"{}\"}}",
                text(r, 60, PLAIN),
                r.u64(..),
                text(r, 30, PLAIN)
            )
        }),
        variants(14, |r| {
            let depth = r.usize(1..126);
            format!("{{\"x\":{}{},\"ts\":7}}", "[".repeat(depth), "]".repeat(depth))
        }),
        variants(15, |r| {
            ["{}", "{\"ts\":1}", "{ }", "{\"\":\"\"}", " {\"b\":0} ", "\t{\"page\":\"\"}", ""][r.usize(..7)]
                .to_owned()
        }),
        variants(16, |r| {
            let names = "a long name of a member that nobody wants, longer than a vector";
            format!(
                "{{\"{names}\":\"{}\",\"ts\":\"2021-07-01T00:00:{:02}Z\",\"b\":\"{}\"}}",
                text(r, 40, PLAIN),
                r.u8(..60),
                r.u8(..)
            )
        }),
        variants(17, |r| {
            let ok = ["true", "false", "null"][r.usize(..3)].to_owned();
            let name = "a long name of a member that nobody wants, longer than a vector";
            let mut members = event(r).to_vec();
            members.extend([("ok", ok), (name, r.u8(..).to_string()), ("longer", number(r))]);
            r.shuffle(&mut members);
            object(&members[..r.usize(1..=10)], [":", ": "][r.usize(..2)], ", ")
        }),
    ]
}

/// A layout of CSV and how many fields its records have.
pub struct Table {
    pub width: usize,
    pub records: Layout,
}

/// All layouts of CSV, each written for this delimiter.
pub fn csv(delimiter: u8) -> Vec<Table> {
    let comma = char::from(delimiter).to_string();
    let table = |width, seed, one: &dyn Fn(&mut Rng) -> Vec<String>| Table {
        width,
        records: variants(seed, |r| one(r).join(&comma)),
    };
    let bare = |r: &mut Rng| event(r).map(|(_, value)| value.replace('"', "")).to_vec();
    let quote = |text: String| format!("\"{text}\"");
    vec![
        table(7, 1, &bare),
        table(7, 2, &|r| {
            let mut fields = bare(r);
            fields[6].push('\r');
            fields
        }),
        table(7, 3, &|r| event(r).map(|(_, value)| value).to_vec()),
        table(3, 4, &|r| {
            vec![quote(text(r, 8, &["a", ",", ";", " ", "word"])), number(r), text(r, 2, NOT_ASCII)]
        }),
        table(3, 5, &|r| {
            vec![
                quote(text(r, 8, &["a", "\"\"", ",", " "])),
                r.u8(..).to_string(),
                quote(text(r, 3, &["\"\"", "x"])),
            ]
        }),
        table(2, 6, &|r| vec![quote(text(r, 8, &["line", "\n", "\r\n", ","])), r.u8(..).to_string()]),
        table(5, 7, &|r| (0..5).map(|_| text(r, 1, &["", "", "7", "x"])).collect()),
        table(1, 8, &|r| vec![text(r, 30, &["a", "b", "long"])]),
        table(40, 9, &|r| (0..40).map(|_| r.u16(..).to_string()).collect()),
        table(4, 10, &|r| {
            vec![
                text(r, 60, PLAIN).replace(',', ""),
                text(r, 12, NOT_ASCII),
                number(r),
                quote(text(r, 9, NOT_ASCII)),
            ]
        }),
        table(4, 11, &|r| {
            vec![format!("a\"{}", r.u8(..)), number(r), format!("\"a\"{}", r.u8(..)), "x".to_owned()]
        }),
    ]
}
