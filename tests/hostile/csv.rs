//! Small CSV records that a careless reader gets wrong.

use crate::common::{Ended, feed, shell};

fn run(input: &[u8], options: &[&str]) -> Ended {
    let input = input.to_vec();
    let args = [&["--from=csv", "--window=1s"], options].concat();
    feed(&args, move |out| out.write_all(&input))
}

#[track_caller]
fn rows(input: &[u8], options: &[&str], rows: &[&str]) {
    run(input, options).code(0).silent().rows(rows);
}

#[track_caller]
fn fails(input: &[u8], options: &[&str], code: i32, message: &str) {
    run(input, options).code(code).says(&format!("windrow: (standard input){message}"));
}

const HEADER: &str = "window_start,window_end,count";

#[test]
fn quotes() {
    fails(b"ts,a\n1,x\n1,\"x\n2,y\n", &[], 1, ":3: a quote is left open up to the end of the input");
    fails(b"ts,a\n1,\"x", &[], 1, ":2: a quote is left open");
    fails(b"\"ts,a\n1,b", &[], 1, ": the header has a quote that is never closed");
    fails(b"ts,a\n1,\"x\ny\"\n2,z,3\n", &["--by=a"], 1, ":4: the record has 3 fields where 2 are expected");
    rows(
        b"ts,a\n1,\"x\ny\"\n1,\"say \"\"hi\"\"\"\n1,mid\"dle\n1,\"a\"b\n",
        &["--by=a", "--to=ndjson"],
        &[
            r#"{"window_start":1,"window_end":2,"a":"ab","count":1}"#,
            r#"{"window_start":1,"window_end":2,"a":"mid\"dle","count":1}"#,
            r#"{"window_start":1,"window_end":2,"a":"say \"hi\"","count":1}"#,
            r#"{"window_start":1,"window_end":2,"a":"x\ny","count":1}"#,
        ],
    );
}

#[test]
fn ragged_records_and_odd_headers() {
    fails(b"ts,a\n1,x\n1\n", &[], 1, ":3: the record has 1 field where 2 are expected");
    fails(b"ts,a,a\n1,x,y\n", &["--by=a"], 2, ": the header has `a` more than once");
    fails(b"ts,ts\n1,x\n", &[], 2, ": the header has `ts` more than once");
    fails(b"ts,a\n1,x\n", &["--by=b"], 2, ": there is no column `b`; the columns are ts, a");
    rows(b"ts,a,a\n1,x,y\n", &[], &[HEADER, "1,2,1"]);
    for empty in [&b""[..], b"\n", b"\r\n\n", b"ts,a", b"\xef\xbb\xbfts\n"] {
        rows(empty, &["--time=ts"], &[HEADER]);
    }
    rows(
        b"\xef\xbb\xbfts,a\r\n\r\n1,b\rc\r\n",
        &["--by=a", "--to=ndjson"],
        &[r#"{"window_start":1,"window_end":2,"a":"b\rc","count":1}"#],
    );
}

#[test]
fn a_header_of_very_many_columns() {
    let names: Vec<String> = (0..50_000).map(|n| format!("column{n}")).collect();
    let input = format!("{}\n1\n", names.join(","));
    run(input.as_bytes(), &["--time=colum1"])
        .code(2)
        .says("there is no column `colum1`; did you mean `column1`?");
}

#[test]
fn words_that_look_like_numbers() {
    let input = b"ts,a\n1,NaN\n1,5\n1,Infinity\n1,-inf\n1,0x10\n";
    rows(input, &["--agg=min(a),max(a)"], &["window_start,window_end,min_a,max_a", "1,2,5,NaN"]);
    fails(b"ts,a\n1,NaN\n", &["--agg=sum(a)"], 1, ":2: sum(a): `NaN` is no number");
    fails(b"ts,a\nNaN,1\n", &[], 1, ":2: event time `ts`");
    fails(b"ts,a\n1,\0\xff\n", &[], 1, ":2: the record is not valid UTF-8 at byte 4");
    rows(
        b"ts,a\n1,\0\n",
        &["--by=a", "--to=ndjson"],
        &[r#"{"window_start":1,"window_end":2,"a":"\u0000","count":1}"#],
    );
}

#[test]
fn a_header_that_comes_late_is_checked_before_anything_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let script = "printf 'ts,a\\n1\\n' > x.csv; mkfifo y.csv
        (sleep 0.3; printf 'ts,b\\n1,2\\n') > y.csv & printf 'ts,c\\n' > z.csv
        $W -w 1s -b a x.csv y.csv z.csv BAD; code=$?; ls; exit $code";
    for bad in ["", "--bad bad.ndjson"] {
        let ended = shell(&format!("rm -f *; {}", script.replace("BAD", bad)), directory.path());
        ended.code(2).says("windrow: y.csv: there is no column `a`").rows(&["x.csv", "y.csv", "z.csv"]);
    }
}

#[test]
fn a_header_beyond_the_limit() {
    let too_long = ": the header is longer than 20 bytes; raise --max-record or say --no-header";
    for chunk in ["--chunk-bytes=1", "--chunk-bytes=1000000"] {
        let options = ["--max-record=20", "--time=ts", chunk];
        fails(b"ts,456789012345678901\n1,2\n", &options, 1, too_long);
        fails(b"ts,\xff6789012345678901x\n1,2\n", &options, 1, too_long);
        fails(b"ts,\"5678901234567890x", &options, 1, too_long);
        rows(b"ts,45678901234567890\r\n1,2\n", &options, &[HEADER, "1,2,1"]);
    }
}
