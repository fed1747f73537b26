//! The texts of keys as rows have them, with what stands before and between their fields.

use super::super::super::cells::is_plain_csv;
use super::super::super::json::is_plain_json;
use super::super::super::plan::RowPlan;
use super::super::write_key;
use super::frame::Frame;
use super::room::Room;
use crate::job::OutputFormat;
use crate::operator::keys::Keys;
use crate::operator::table::Group;
use crate::parse::key::{self, SHORT, ShortKind};

/// The keys of some rows.
#[derive(Default)]
pub struct KeyTexts {
    texts: Vec<KeyText>,
    /// The texts of those that are not plain, one after the other.
    long: Vec<u8>,
    /// Where the next of them is looked for.
    long_at: usize,
    /// Where each key ends among the encoded ones.
    encoded_ends: Vec<usize>,
}

#[derive(Clone, Copy)]
enum KeyText {
    /// That many bytes of a word, the lowest first, behind what stands before every key.
    Plain(u128, usize),
    /// That many bytes of [`KeyTexts::long`], behind those of the keys before it.
    Long(usize),
}

impl KeyTexts {
    /// Makes these texts those of these keys, and appends the keys as they are encoded to `out`: `len` bytes.
    pub fn write(&mut self, groups: &[Group], keys: &Keys, len: usize, plan: &RowPlan, out: &mut Vec<u8>) {
        self.texts.clear();
        self.long.clear();
        self.long_at = 0;
        self.encoded_ends.clear();
        let mut at = out.len();
        out.resize(at + len + SHORT, 0);
        for group in groups {
            let (short, len) = keys.get_short(group.key);
            let plain = match len {
                0..=SHORT => {
                    out[at..at + SHORT].copy_from_slice(&short);
                    plain_text(short, len, plan.to)
                }
                _ => {
                    out[at..at + len].copy_from_slice(keys.get(group.key));
                    None
                }
            };
            at += len;
            self.encoded_ends.push(at);
            self.texts.push(plain.unwrap_or_else(|| {
                let start = self.long.len();
                write_key(plan, keys.get(group.key), &mut self.long);
                // The delimiter behind it stands before each result, too.
                if let (true, OutputFormat::Csv { .. }) = (self.long.len() > start, plan.to) {
                    self.long.pop();
                }
                KeyText::Long(self.long.len() - start)
            }));
        }
        out.truncate(at);
    }

    /// No more bytes are put for those that are not plain.
    pub fn longest(&self) -> usize {
        self.long.len()
    }

    /// The key of a row comes next. Rows are asked for in their order. Returns where it ends among the encoded ones.
    #[inline(always)]
    pub fn put(&mut self, row: usize, frame: &Frame, room: &mut Room<'_>) -> usize {
        match self.texts[row] {
            KeyText::Plain(word, len) => {
                room.put_text(&frame.before_key);
                room.put_word(word, len);
            }
            KeyText::Long(len) => {
                room.put_long(&self.long[self.long_at..self.long_at + len]);
                self.long_at += len;
            }
        }
        self.encoded_ends[row]
    }
}

/// How many bytes these keys are together, as they are encoded.
pub fn total_len(groups: &[Group], keys: &Keys) -> usize {
    groups.iter().map(|group| keys.get_short(group.key).1).sum()
}

/// The text of a key of so many bytes that is one short field without anything that has to be quoted or escaped. `None`
/// says nothing.
#[inline(always)]
fn plain_text(key: [u8; SHORT], key_len: usize, to: OutputFormat) -> Option<KeyText> {
    let (kind, text, len) = key::short_field(key, key_len)?;
    let padded = key::with_letters_behind(text, len);
    match (to, kind) {
        (OutputFormat::Csv { delimiter }, _) if is_plain_csv(padded, delimiter) => {
            Some(KeyText::Plain(text, len))
        }
        (OutputFormat::Ndjson, ShortKind::Literal) => Some(KeyText::Plain(text, len)),
        (OutputFormat::Ndjson, ShortKind::Text) if is_plain_json(padded) => {
            let quote = u128::from(b'"');
            Some(KeyText::Plain(quote | text << 8 | quote << (8 * (len + 1)), len + 2))
        }
        _ => None,
    }
}
