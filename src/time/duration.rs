//! Durations as the command line takes them: `500ms`, `5s`, `1m`, `1h30m`, `1d`.

/// Parses a duration into microseconds, 0 to [`super::DURATION_LIMIT`]. The error says what is wrong.
pub fn parse(_text: &str) -> Result<i64, String> {
    todo!()
}

/// Writes a duration the way [`parse`] reads it, in the largest units that fit: `90s` is `1m30s`.
pub fn format(_micros: i64) -> String {
    todo!()
}
