//! Whoever reads the pipe into which the rows go, and tells by their numbers which it has already.

use crate::parallel::Checked;

/// The reader of a pipe.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reader {
    /// How many bytes of what should come it has.
    pub has: usize,
    /// Whether windrow's account of what was delivered may be older than that: the power went.
    pub is_ahead: bool,
}

impl Reader {
    /// Takes what one run has brought. Nothing of what is `wanted` may be left out, and nothing repeated but the one
    /// write that was in doubt, whose rows are named on standard error.
    pub fn take(&mut self, brought: &[u8], wanted: &[u8], numbers: bool, stderr: &str) -> Checked {
        if brought.is_empty() {
            return Ok(());
        }
        // No write is longer than this, or than one row.
        let lines = wanted.split(|&byte| byte == b'\n');
        let longest = lines.map(|row| row.len() + 1).max().unwrap_or(0).max(4096);
        let earliest = if self.is_ahead { 0 } else { self.has.saturating_sub(longest) };
        let start = (earliest..=self.has).rev().find(|&at| wanted[at..].starts_with(brought));
        let Some(start) = start else {
            return Err(format!("behind {} bytes others came than should have", self.has));
        };
        let (first, last) = (rows(&wanted[..start]) + 1, rows(&wanted[..self.has]));
        let is_repeated = start < self.has;
        self.has = self.has.max(start + brought.len());
        // Rows that have no numbers may look alike.
        if !is_repeated || !numbers || self.is_ahead {
            return Ok(());
        }
        let one = format!("row {first} may have been delivered twice");
        let many = format!("rows {first} to {last} may have been delivered twice");
        let header = last < first && stderr.contains("the header may have been delivered twice");
        match header || stderr.contains(&one) || stderr.contains(&many) {
            true => Ok(()),
            false => Err(format!("rows {first} to {last} came twice and were not named")),
        }
    }
}

/// How many rows with numbers there are. A field may hold line ends; what stands behind these is no number.
fn rows(bytes: &[u8]) -> usize {
    let numbered = |line: &&[u8]| line.first().is_some_and(|&byte| byte == b'{' || byte.is_ascii_digit());
    bytes.split(|&byte| byte == b'\n').filter(numbered).count()
}
