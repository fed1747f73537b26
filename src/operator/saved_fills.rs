//! The last rows of keys, for `--fill`, as they are written into a checkpoint: format version 6, beside the state of
//! [`super::saved`].
//!
//! Apart from the live types, and never changed once released. Rows are named by their keys: whoever loads them takes
//! those of its own.

use serde::{Deserialize, Serialize};

use crate::checkpoint::codec::Damage;
use crate::checkpoint::written::Blob;
use crate::window::Window;

/// The last rows of the keys of one owner, of one kind of windows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FillsV6 {
    /// The encoded keys, one behind the other.
    pub keys: Blob,
    /// Per row, where its key ends.
    pub key_ends: Vec<u64>,
    /// What rows of windows without events hold behind their keys, one behind the other.
    pub texts: Blob,
    /// Per row, where its text ends.
    pub text_ends: Vec<u64>,
    /// Per row, start and end of its window.
    pub windows: Vec<(i64, i64)>,
}

impl FillsV6 {
    /// Puts a row behind the others.
    pub fn push(&mut self, key: &[u8], window: Window, text: &[u8]) {
        self.keys.0.extend_from_slice(key);
        self.key_ends.push(self.keys.0.len() as u64);
        self.texts.0.extend_from_slice(text);
        self.text_ends.push(self.texts.0.len() as u64);
        self.windows.push((window.start, window.end));
    }

    /// The rows: key, window, text.
    ///
    /// # Errors
    ///
    /// [`Damage::Content`] where they make no sense.
    pub fn rows(&self) -> impl Iterator<Item = Result<(&[u8], Window, &[u8]), Damage>> {
        let fits = self.key_ends.len() == self.windows.len() && self.text_ends.len() == self.windows.len();
        let misfit = (!fits).then_some(Err(Damage::Content));
        let (mut key_start, mut text_start) = (0, 0);
        let ends = self.key_ends.iter().zip(&self.text_ends).zip(&self.windows);
        let rows = ends.map(move |((&key_end, &text_end), &(start, end))| {
            let key = slice(&self.keys, &mut key_start, key_end)?;
            let text = slice(&self.texts, &mut text_start, text_end)?;
            if start >= end { Err(Damage::Content) } else { Ok((key, Window { end, start }, text)) }
        });
        misfit.into_iter().chain(rows)
    }
}

/// The bytes from `start` to `end`, which is the next start.
fn slice<'b>(blob: &'b Blob, start: &mut usize, end: u64) -> Result<&'b [u8], Damage> {
    let end = usize::try_from(end).map_err(|_| Damage::Content)?;
    let bytes = blob.0.get(*start..end).ok_or(Damage::Content)?;
    *start = end;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_nonsense_does_not() {
        let mut saved = FillsV6::default();
        saved.push(b"a", Window { start: 0, end: 5 }, b",1");
        saved.push(b"", Window { start: 5, end: 10 }, b"");
        let rows: Vec<_> = saved.rows().collect::<Result<_, _>>().unwrap();
        let want: [(&[u8], Window, &[u8]); 2] =
            [(b"a", Window { start: 0, end: 5 }, b",1"), (b"", Window { start: 5, end: 10 }, b"")];
        assert_eq!(rows, want);
        let refused = |change: &dyn Fn(&mut FillsV6)| {
            let mut other = saved.clone();
            change(&mut other);
            assert!(other.rows().any(|row| row.is_err()), "{other:?}");
        };
        refused(&|saved| saved.windows[0] = (5, 5));
        refused(&|saved| saved.key_ends[1] = 0);
        refused(&|saved| saved.text_ends[0] = u64::MAX);
        refused(&|saved| saved.windows.truncate(1));
    }
}
