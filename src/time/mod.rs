//! Event times: signed microseconds since the Unix epoch, how they are read and written.

use crate::value::Value;

pub mod duration;

/// Usable event times lie strictly between `-LIMIT` and `LIMIT` microseconds (146,000 years either way),
/// so that window arithmetic can never overflow.
pub const LIMIT: i64 = 1 << 62;
/// Durations (window sizes, gaps, delays) are at most this long, in microseconds (36,000 years).
pub const DURATION_LIMIT: i64 = 1 << 60;

/// The unit of numeric times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// The form a source's times have, which the output takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Numbers in this unit.
    Number(Unit),
    /// RFC 3339 strings (also where the input has another textual form).
    Text,
}

/// How times are to be read: `--time-format` with `--time-zone`.
#[derive(Debug, Clone)]
pub struct TimeFormat {}

impl TimeFormat {
    /// Parses `--time-format` (`auto`, `s`, `ms`, `us`, `ns`, `rfc3339`, `rfc2822`, a strptime pattern)
    /// and `--time-zone` (an IANA name or `UTC` or a fixed offset such as `+02:00`).
    pub fn new(_format: &str, _zone: Option<&str>) -> Result<TimeFormat, String> {
        todo!()
    }
    /// The form that this format fixes by itself; `None` for `auto`.
    pub fn form(&self) -> Option<Form> {
        todo!()
    }
    /// The form shown by the first usable time of a source (for `auto`).
    pub fn detect(&self, _value: &Value<'_>) -> Option<Form> {
        todo!()
    }
    /// Reads a time in a source of this form; the error says why it is not one.
    pub fn parse(&self, _value: &Value<'_>, _form: Form) -> Result<i64, String> {
        todo!()
    }
}

/// Writes a time in a form: numbers bare, text without quotes. RFC 3339 is in UTC (`Z`) without a zone,
/// else in the zone with its offset; a fraction only when it is not zero.
pub fn write_time(_micros: i64, _form: Form, _zone: Option<&jiff::tz::TimeZone>, _out: &mut Vec<u8>) {
    todo!()
}
