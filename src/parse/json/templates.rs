//! The templates of the lines read lately: which are tried, when one is learnt, and when that is given up.

use super::pause::Pause;
use super::scan::Notes;
use super::template::Template;
use crate::parse::batch::Cell;
use crate::parse::rows::Rows;
use crate::parse::simd::Lanes;

/// The most templates that are kept: lines of so many layouts may be mixed.
const TEMPLATES_MAX: usize = 8;
/// How many lines are learnt from until it shows whether that helps.
const LESSONS_MAX: u32 = 16;
/// After how many lines is known what they cost.
const LINES_MIN: u32 = 64;
/// What a line costs beyond what one costs that fits at once, in tries of templates in vain: by the general scanner,
/// and by the index.
const SCAN_COST: u32 = 3;
const INDEX_COST: u32 = 1;

/// The templates of the lines read lately.
#[derive(Debug)]
pub(super) struct Templates {
    known: Vec<Template>,
    /// The one that fitted last: it is tried first.
    last: usize,
    /// How many more lines are learnt from.
    lessons: u32,
    /// Whether they are tried.
    pause: Pause,
    /// The lines tried since it was last known what they cost, what that was, and how many were learnt from.
    lines: u32,
    cost: u32,
    learnt: u32,
}

impl Templates {
    /// None so far.
    pub fn new(pause: Pause) -> Templates {
        Templates { known: Vec::new(), last: 0, lessons: LESSONS_MAX, pause, lines: 0, cost: 0, learnt: 0 }
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
        self.lines += count as u32;
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
        if self.pause.is_on() {
            return false;
        }
        self.lines += 1;
        let (mark, count) = (arena.len(), self.known.len());
        let mut number = self.last;
        for tries in 0..count as u32 {
            if self.known[number].fits::<L>(bytes, start, end, cells, arena) {
                self.last = number;
                self.cost += tries;
                return true;
            }
            arena.truncate(mark);
            number = if number + 1 == count { 0 } else { number + 1 };
        }
        self.cost += count as u32 + SCAN_COST;
        false
    }

    /// Whether none are tried.
    #[inline(always)]
    pub fn are_pausing(&self) -> bool {
        self.pause.is_on()
    }

    /// Whether the next line that does not fit should be learnt from.
    #[inline(always)]
    pub fn wants_lesson(&self) -> bool {
        !self.pause.is_on() && self.lessons > 0
    }

    /// Learns from the line from `start` to `end`.
    #[inline(never)]
    pub fn learn(&mut self, bytes: &[u8], start: usize, end: usize, notes: &Notes, fields: usize) {
        self.lessons -= 1;
        self.learnt += 1;
        let Some(template) = Template::learn(bytes, start, end, notes, fields) else { return };
        if self.known.len() < TEMPLATES_MAX {
            self.last = self.known.len();
            self.known.push(template);
        } else {
            self.last = (self.last + 1) % TEMPLATES_MAX;
            self.known[self.last] = template;
        }
    }

    /// Tries them again.
    pub fn resume(&mut self) {
        self.pause.end();
    }

    /// Draws the consequences at the end of a block: where lines would cost less without them, by the index if that may
    /// take them, trying only costs time. Blocks with lines that were learnt from tell nothing of that.
    pub fn end_block(&mut self, may_index: bool) {
        if self.pause.is_on() {
            self.pause.end_block(true);
        } else if self.learnt == 0 {
            if self.lines < LINES_MIN {
                return;
            }
            let others = if may_index { INDEX_COST } else { SCAN_COST };
            self.pause.end_block(self.cost <= others * self.lines);
            self.lessons = LESSONS_MAX;
            if self.pause.is_on() {
                self.known.clear();
                self.last = 0;
            }
        }
        (self.lines, self.cost, self.learnt) = (0, 0, 0);
    }
}
