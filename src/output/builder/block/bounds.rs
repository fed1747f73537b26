//! The bounds of windows as rows have them, with what stands before, between and behind them.

use super::super::RowBuilder;
use super::frame::Frame;
use super::room::Room;
use crate::job::OutputFormat;
use crate::number::ShortText;
use crate::time::{self, Form};
use crate::window::Window;

/// The longest bounds that are copied in one go: those of NDJSON with times as text are.
const COPIED: usize = 96;

/// Shorter ones are copied faster: those of CSV with times as numbers are.
const COPIED_FAST: usize = 32;

/// Room in which short bounds are put together.
const ROOM: usize = COPIED + ShortText::ROOM;

/// The bounds of some windows.
#[derive(Default)]
pub struct Bounds {
    short: Vec<[u8; ROOM]>,
    /// How long each is.
    lens: Vec<usize>,
    /// Those that are longer than [`COPIED`], one after the other.
    long: Vec<u8>,
    /// Where the next long ones are looked for.
    long_at: usize,
}

impl Bounds {
    /// Makes these bounds those of these windows.
    pub fn write(&mut self, windows: &[Window], builder: &RowBuilder, frame: &Frame) {
        self.short.resize(self.short.len().max(windows.len()), [0; ROOM]);
        self.lens.clear();
        self.long.clear();
        self.long_at = 0;
        for (&window, short) in windows.iter().zip(&mut self.short) {
            let len = write_short(window, builder, frame, short).unwrap_or_else(|| {
                let start = self.long.len();
                builder.write_new_bounds(window, &mut self.long);
                let len = self.long.len() - start;
                if len <= COPIED {
                    short[..len].copy_from_slice(&self.long[start..]);
                    self.long.truncate(start);
                }
                len
            });
            self.lens.push(len);
        }
    }

    /// No more bytes are put for all of them.
    pub fn longest(&self) -> usize {
        self.lens.iter().map(|len| COPIED.max(*len)).sum()
    }

    /// Those of a window come next in a row. Windows are asked for in their order, one of them perhaps several times.
    #[inline(always)]
    pub fn put(&mut self, window: usize, is_last_row: bool, room: &mut Room<'_>) {
        let len = self.lens[window];
        let short = &self.short[window];
        match (short.first_chunk::<COPIED_FAST>(), short.first_chunk::<COPIED>()) {
            (Some(short), _) if len <= COPIED_FAST => room.put(short, len),
            (_, Some(short)) if len <= COPIED => room.put(short, len),
            _ => {
                room.put_long(&self.long[self.long_at..self.long_at + len]);
                self.long_at += if is_last_row { len } else { 0 };
            }
        }
    }
}

/// Writes bounds that are plain numbers, as most are where there are many: each session has its own. Returns how long they
/// are.
#[inline(always)]
fn write_short(window: Window, builder: &RowBuilder, frame: &Frame, out: &mut [u8; ROOM]) -> Option<usize> {
    let (plan, Form::Number(unit)) = (&builder.plan, builder.form) else { return None };
    if plan.kinds[usize::from(builder.kind)].name.is_some() {
        return None;
    }
    let mut room = Room { text: out, at: 0 };
    for (column, time) in [window.start, window.end].into_iter().enumerate() {
        if let Some(before) = frame.before_bounds.get(column) {
            room.put_text(before);
        }
        // As a word: what has just been written in halves would be waited for.
        let (text, len) = time::short_number(time, unit)?;
        room.put_word(text, len);
        if let OutputFormat::Csv { delimiter } = plan.to {
            room.put(&[delimiter], 1);
        }
    }
    (room.at <= COPIED).then_some(room.at)
}
