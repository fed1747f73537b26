//! The templates of the lines read lately: which are tried, when one is learnt, and when that is given up.

use super::scan::Notes;
use super::template::Template;
use crate::parse::batch::Cell;
use crate::parse::rows::Rows;
use crate::parse::simd::Lanes;

/// The most templates that are kept: lines of so many layouts may be mixed.
const TEMPLATES_MAX: usize = 8;
/// How many lines are learnt from until it shows whether that helps.
const LESSONS_MAX: u32 = 16;
/// For how many blocks at least, and at most, no templates are tried where they did not help.
const PAUSE_MIN: u32 = 8;
const PAUSE_MAX: u32 = 256;

/// The templates of the lines read lately.
#[derive(Debug)]
pub(super) struct Templates {
    known: Vec<Template>,
    /// The one that fitted last: it is tried first.
    last: usize,
    /// How many more lines are learnt from.
    lessons: u32,
    /// For how many more blocks no templates are tried.
    pausing: u32,
    /// How long the next pause is.
    pause: u32,
    hits: u32,
    misses: u32,
}

impl Templates {
    /// None so far.
    pub fn new() -> Templates {
        Templates {
            known: Vec::new(),
            last: 0,
            lessons: LESSONS_MAX,
            pausing: 0,
            pause: PAUSE_MIN,
            hits: 0,
            misses: 0,
        }
    }

    /// Appends the first of the lines, which begin at `start` and end at `ends`, as far as the template that fitted last
    /// takes them at once. Returns how many, and moves `start` behind them.
    #[inline(always)]
    pub fn append_lines<L: Lanes>(
        &mut self,
        bytes: &[u8],
        start: &mut usize,
        ends: &[u32],
        rows: &mut Rows,
        arena: &mut Vec<u8>,
    ) -> usize {
        let Some(template) = self.known.get_mut(self.last) else { return 0 };
        let before = rows.len();
        *start = template.append_lines::<L>(bytes, *start, ends, rows, arena);
        let count = rows.len() - before;
        self.hits += count as u32;
        count
    }

    /// Whether the line from `start` to `end` fits one; fills `cells` then.
    #[inline(always)]
    pub fn fit<L: Lanes>(
        &mut self,
        bytes: &[u8],
        (start, end): (usize, usize),
        cells: &mut [Cell],
        arena: &mut Vec<u8>,
    ) -> bool {
        if self.pausing != 0 {
            return false;
        }
        let (mark, count) = (arena.len(), self.known.len());
        let mut number = self.last;
        for _ in 0..count {
            if self.known[number].fits::<L>(bytes, start, end, cells, arena) {
                self.last = number;
                self.hits += 1;
                return true;
            }
            arena.truncate(mark);
            number = if number + 1 == count { 0 } else { number + 1 };
        }
        self.misses += 1;
        false
    }

    /// Whether none are tried.
    #[inline(always)]
    pub fn are_pausing(&self) -> bool {
        self.pausing != 0
    }

    /// Whether the next line that does not fit should be learnt from.
    #[inline(always)]
    pub fn wants_lesson(&self) -> bool {
        self.pausing == 0 && self.lessons > 0
    }

    /// Learns from the line from `start` to `end`.
    #[inline(never)]
    pub fn learn(&mut self, bytes: &[u8], start: usize, end: usize, notes: &Notes, fields: usize) {
        self.lessons -= 1;
        let Some(template) = Template::learn(bytes, start, end, notes, fields) else { return };
        if self.known.len() < TEMPLATES_MAX {
            self.last = self.known.len();
            self.known.push(template);
        } else {
            self.last = (self.last + 1) % TEMPLATES_MAX;
            self.known[self.last] = template;
        }
    }

    /// Draws the consequences at the end of a block: where most lines fit nothing, trying only costs time.
    pub fn end_block(&mut self) {
        if self.pausing > 0 {
            self.pausing -= 1;
        } else if self.misses > self.hits && self.lessons == 0 {
            self.known.clear();
            self.last = 0;
            self.lessons = LESSONS_MAX;
            self.pausing = self.pause;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        } else if self.hits > self.misses {
            self.pause = PAUSE_MIN;
            self.lessons = LESSONS_MAX;
        }
        (self.hits, self.misses) = (0, 0);
    }
}
