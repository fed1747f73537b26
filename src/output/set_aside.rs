//! Late and bad records as NDJSON, for `--late FILE` and `--bad FILE`.

use super::json::write_json_string;
use crate::operator::step::{SetAside, UNBELIEVED, Why};
use crate::time::{self, Form};

/// Writes one record with where it stood and why it was set aside:
/// `{"source":...,"line":...,"offset":...,"reason":...,"record":...}`.
///
/// `source` is the name of the input; line and offset are those in the file that stood under the name when the record
/// was written, whatever files a followed input had before. `record` is the record's text. Bytes that are not UTF-8 stand there as U+FFFD; then, and only then, a
/// member `record_hex` with the exact bytes follows, so that nothing is lost.
pub fn write(record: &SetAside, source: &str, form: Form, out: &mut Vec<u8>) {
    let bytes = record.batch.record(record.row);
    out.extend_from_slice(b"{\"source\":");
    write_json_string(source, out);
    let SetAside { line, offset, .. } = record;
    out.extend_from_slice(format!(",\"line\":{line},\"offset\":{offset},\"reason\":").as_bytes());
    write_json_string(&reason(record, form), out);
    out.extend_from_slice(b",\"record\":");
    let text = String::from_utf8_lossy(bytes);
    write_json_string(&text, out);
    if let std::borrow::Cow::Owned(_) = text {
        out.extend_from_slice(b",\"record_hex\":\"");
        for byte in bytes {
            out.extend_from_slice(format!("{byte:02x}").as_bytes());
        }
        out.push(b'"');
    }
    out.extend_from_slice(b"}\n");
}

fn reason(record: &SetAside, form: Form) -> String {
    match &record.why {
        Why::Bad => record.batch.reasons.of(record.row).to_owned(),
        Why::Unbelieved => UNBELIEVED.to_owned(),
        Why::Late { watermark } => {
            // As in the input: programs read it.
            let shown = |time| {
                let mut out = Vec::new();
                time::write_time(time, form, None, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            };
            let time = record.batch.time[record.row as usize];
            format!("late: event time {}, watermark {}", shown(time), shown(*watermark))
        }
    }
}
