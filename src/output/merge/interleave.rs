//! Rows of several shards as one sequence.
//!
//! Whose row comes next cannot be foreseen, so it is found without branches: by a tree of losers (Knuth, The Art of
//! Computer Programming, section 5.4.1), in which rows are compared as single numbers. Their texts are copied one behind
//! the other, by moves of a fixed length.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::Take;
use crate::error::Result;
use crate::output::fired::{Fired, Timing};

/// Puts rows of several shards in one order; holds what is reused.
#[derive(Default)]
pub struct Interleaver {
    /// By node, the contender that has lost there: node 1 is the root, the children of node n are 2n and 2n + 1, and behind
    /// the nodes stand the leaves.
    losers: Vec<Contender>,
    /// Texts of rows, and where each ends.
    texts: Vec<u8>,
    ends: Vec<usize>,
}

/// By what rows are ordered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// They are of one window: by key.
    Key,
    /// By window, and then by key. They are all written when their windows close, at one moment, and of one kind.
    Window,
}

/// The next row of a run.
#[derive(Clone, Copy)]
struct Contender {
    /// Rows whose numbers differ are ordered by these. A run that is used up has the greatest.
    number: u128,
    run: u32,
}

/// Rows of a shard, in order.
struct Run<'f> {
    fired: &'f Fired,
    /// What is left of them.
    rows: Range<usize>,
    /// Where the text of the first of them begins, and which window it is of.
    start: usize,
    window: usize,
}

/// Texts are handed on when there are so many bytes: few enough to stay in the nearest cache.
const BLOCK_BYTES: usize = 16 << 10;
/// Longer texts are handed on by themselves.
const TEXT_MAX: usize = 4 << 10;
/// Texts up to this length are copied with whatever stands behind them.
const PIECE: usize = 96;

impl Run<'_> {
    /// What its next row is ordered by.
    #[inline(always)]
    fn number(&self, by: By) -> u128 {
        if self.rows.is_empty() {
            return u128::MAX;
        }
        match by {
            By::Key => u128::from(self.fired.rows[self.rows.start].head),
            By::Window => {
                let window = self.fired.windows[self.window].0.window;
                let ordered = |time: i64| u128::from(time as u64 ^ 1 << 63);
                ordered(window.end) << 64 | ordered(window.start)
            }
        }
    }

    /// Steps over its next row, whose text ends there.
    #[inline(always)]
    fn advance(&mut self, end: usize, by: By) {
        self.start = end;
        self.rows.start += 1;
        if by == By::Window && !self.rows.is_empty() {
            // Windows may have no rows.
            while self.fired.windows[self.window].1 <= self.rows.start {
                self.window += 1;
            }
        }
    }

    /// Whether its next row comes before that of another run, where their numbers do not tell.
    #[cold]
    #[inline(never)]
    fn is_before(&self, other: &Run<'_>) -> bool {
        match (self.rows.is_empty(), other.rows.is_empty()) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => self.fired.compare_keys(self.rows.start, other.fired, other.rows.start).is_lt(),
        }
    }
}

impl Interleaver {
    /// Has the rows taken in order; `rows` are those of each shard.
    pub(super) fn interleave(
        &mut self,
        shards: &[Fired],
        rows: &[Range<usize>],
        by: By,
        timing: Timing,
        take: &mut dyn Take,
    ) -> Result<()> {
        let live = || shards.iter().zip(rows).filter(|(_, rows)| !rows.is_empty());
        if live().count() < 2 {
            return live().try_for_each(|(fired, rows)| take.rows(fired, rows.clone()));
        }
        let mut runs: Vec<Run<'_>> = live().map(|(fired, rows)| run(fired, rows.clone(), by)).collect();
        let wants_places = take.wants_places();
        let mut at = 0;
        let mut winner = self.begin(&runs, by);
        for _ in 0..runs.iter().map(|run| run.rows.len()).sum() {
            let run = &mut runs[winner.run as usize];
            let row = run.rows.start;
            let end = run.fired.rows[row].text;
            if wants_places | (end - run.start > TEXT_MAX) {
                self.hand_on(&mut at, timing, take)?;
                take.rows(run.fired, row..row + 1)?;
            } else {
                at = put(&run.fired.text, run.start..end, &mut self.texts, at);
                self.ends.push(at);
            }
            run.advance(end, by);
            let next = Contender { number: run.number(by), ..winner };
            winner = self.play(&runs, next);
            if at >= BLOCK_BYTES {
                self.hand_on(&mut at, timing, take)?;
            }
        }
        self.hand_on(&mut at, timing, take)
    }

    /// Hands on the texts up to there, if there are any.
    fn hand_on(&mut self, at: &mut usize, timing: Timing, take: &mut dyn Take) -> Result<()> {
        if self.ends.is_empty() {
            return Ok(());
        }
        take.texts(timing, &self.texts[..std::mem::take(at)], &self.ends)?;
        self.ends.clear();
        Ok(())
    }

    /// Sets up the tree; returns the first winner.
    fn begin(&mut self, runs: &[Run<'_>], by: By) -> Contender {
        let nobody = Contender { number: u128::MAX, run: u32::MAX };
        let nodes = runs.len().next_power_of_two();
        self.ends.clear();
        self.losers.clear();
        self.losers.resize(2 * nodes, nobody);
        for ((number, run), leaf) in (0..).zip(runs).zip(&mut self.losers[nodes..]) {
            *leaf = Contender { number: run.number(by), run: number };
        }
        // From the leaves up, who wins at each node; then, from the root down, who loses there.
        for node in (1..nodes).rev() {
            let (a, b) = (self.losers[2 * node], self.losers[2 * node + 1]);
            self.losers[node] = if is_before(runs, b, a) { b } else { a };
        }
        let winner = self.losers[1];
        for node in 1..nodes {
            let (a, b) = (self.losers[2 * node], self.losers[2 * node + 1]);
            self.losers[node] = if self.losers[node].run == a.run { b } else { a };
        }
        winner
    }

    /// A run has another next row: plays it against those who have lost on its way up; returns the winner.
    #[inline(always)]
    fn play(&mut self, runs: &[Run<'_>], contender: Contender) -> Contender {
        let mut winner = contender;
        let mut node = (self.losers.len() / 2 + contender.run as usize) / 2;
        while node > 0 {
            let loser = &mut self.losers[node];
            let other = *loser;
            let wins = is_before(runs, other, winner);
            loser.number = select_unpredictable(wins, winner.number, other.number);
            loser.run = select_unpredictable(wins, winner.run, other.run);
            winner.number = select_unpredictable(wins, other.number, winner.number);
            winner.run = select_unpredictable(wins, other.run, winner.run);
            node /= 2;
        }
        winner
    }
}

/// Some rows of a shard.
fn run(fired: &Fired, rows: Range<usize>, by: By) -> Run<'_> {
    let window = match by {
        By::Key => 0,
        By::Window => fired.windows.partition_point(|(_, end)| *end <= rows.start),
    };
    Run { fired, start: fired.text_start(rows.start), rows, window }
}

/// Whether a contender comes before another.
#[inline(always)]
fn is_before(runs: &[Run<'_>], a: Contender, b: Contender) -> bool {
    if a.number != b.number {
        return a.number < b.number;
    }
    match (runs.get(a.run as usize), runs.get(b.run as usize)) {
        (Some(a), Some(b)) => a.is_before(b),
        (Some(a), None) => !a.rows.is_empty(),
        (None, _) => false,
    }
}

/// Copies a text to `room[at..]`, which grows as it must; returns where it ends.
#[inline(always)]
fn put(from: &[u8], text: Range<usize>, room: &mut Vec<u8>, at: usize) -> usize {
    let end = at + text.len();
    if room.len() < at + text.len().max(PIECE) {
        grow(room, at + text.len().max(PIECE));
    }
    match from.get(text.start..text.start + PIECE) {
        Some(piece) if text.len() <= PIECE => room[at..at + PIECE].copy_from_slice(piece),
        _ => room[at..end].copy_from_slice(&from[text]),
    }
    end
}

#[cold]
fn grow(room: &mut Vec<u8>, len: usize) {
    room.resize(len.max(room.len() * 2), 0);
}
