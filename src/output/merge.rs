//! The rows of all shards in one order: by moment and window, then by key, or by rank with `--top`.
//!
//! The slices of a step are merged while they arrive: of every shard one slice is at hand, and since no slice divides a
//! window, the rows of the least window at hand are all there. Windows are merged one by one; but where there are only
//! sessions, each written once, most are alone in their window, and they are merged as far as what is at hand reaches.

mod interleave;

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::fired::{Failure, Fired, Place, Timing};
use super::plan::RowPlan;
use crate::error::Result;
use crate::job::OutputFormat;
use crate::parse::key;
use interleave::By;
pub use interleave::Interleaver;

/// The slices that the shards hand on in one step.
pub struct Slices<N> {
    /// Fetches a shard's next slice; not called again after its last one.
    next: N,
    /// Of each shard the slice at hand; an empty one at the beginning.
    fired: Vec<Fired>,
    /// How many of its windows have been taken.
    taken: Vec<usize>,
    /// The rows of what was taken last.
    rows: Vec<Range<usize>>,
    /// By kind, whether a window is that of all keys together; if not, each key has its own.
    shares_windows: Arc<[bool]>,
    /// How many windows have closed.
    pub closed: u64,
}

/// What becomes of rows, in the order of output.
pub trait Take {
    /// Whether it matters where rows stand; if not, it may be given their texts alone.
    fn wants_places(&self) -> bool;
    /// Takes neighbouring rows of a slice.
    fn rows(&mut self, fired: &Fired, rows: Range<usize>) -> Result<()>;
    /// Takes the texts of rows, one behind the other, each of which ends where `ends` says.
    fn texts(&mut self, timing: Timing, texts: &[u8], ends: &[usize]) -> Result<()>;
}

/// Merges what the shards fire in one step. Where a row could not be decided about, what comes behind the first such row
/// is left out, and the reason is returned. Without a plan, there is one shard.
pub fn merge<N: FnMut(usize) -> Result<Fired>>(
    plan: Option<&RowPlan>,
    slices: &mut Slices<N>,
    interleaver: &mut Interleaver,
    take: &mut dyn Take,
) -> Result<Option<String>> {
    let top = plan.and_then(|plan| Some((plan, plan.top()?)));
    if slices.fired.len() == 1 && top.is_none() {
        return slices.pass_on(take);
    }
    let is_live = plan.is_some_and(|plan| plan.format() == OutputFormat::Live);
    let repeats = plan.is_some_and(RowPlan::repeats);
    let sessions_alone = *slices.shares_windows == [false] && top.is_none() && !is_live && !repeats;
    loop {
        slices.fetch()?;
        if sessions_alone && slices.take_sessions() {
            interleaver.interleave(&slices.fired, &slices.rows, By::Window, Timing::Final, take)?;
            continue;
        }
        let window = slices.take_window();
        let failed = slices.failure().map(|failure| (failure.place, failure.reason.clone()));
        let Some(window) = window else { return Ok(failed.map(|(_, reason)| reason)) };
        let failed = failed.filter(|(place, _)| *place <= window);
        match top {
            // A live view puts them in an order of its own.
            None if failed.is_none() && is_live => {
                let mut all = slices.fired.iter().zip(&slices.rows).filter(|(_, rows)| !rows.is_empty());
                all.try_for_each(|(fired, rows)| take.rows(fired, rows.clone()))?;
            }
            None => {
                if failed.is_some() {
                    slices.cut_off(window);
                }
                interleaver.interleave(&slices.fired, &slices.rows, By::Key, window.timing, take)?;
            }
            // A window with a row of unknown rank has no ranking.
            Some(_) if failed.is_some() => {}
            Some((plan, top)) => in_rank_order(plan, &slices.fired, &slices.rows, top, take)?,
        }
        if let Some((_, reason)) = failed {
            return Ok(Some(reason));
        }
    }
}

impl<N: FnMut(usize) -> Result<Fired>> Slices<N> {
    /// The slices of so many shards, which share their windows or not; `next` fetches the next one of the shard with this number.
    pub fn new(shards: usize, shares_windows: Arc<[bool]>, next: N) -> Slices<N> {
        Slices {
            next,
            shares_windows,
            closed: 0,
            fired: (0..shards).map(|_| Fired::default()).collect(),
            taken: vec![0; shards],
            rows: vec![0..0; shards],
        }
    }

    /// All rows of the only shard.
    fn pass_on(&mut self, take: &mut dyn Take) -> Result<Option<String>> {
        loop {
            let fired = (self.next)(0)?;
            self.closed += fired.windows.iter().filter(|(place, _)| self.closes(place)).count() as u64;
            take.rows(&fired, 0..fired.rows.len())?;
            if fired.last {
                return Ok(fired.failure.map(|failure| failure.reason));
            }
        }
    }

    /// Puts the next slice in the place of every one that is used up.
    fn fetch(&mut self) -> Result<()> {
        for (shard, (fired, taken)) in self.fired.iter_mut().zip(&mut self.taken).enumerate() {
            while !fired.last && *taken == fired.windows.len() {
                (*fired, *taken) = ((self.next)(shard)?, 0);
            }
        }
        Ok(())
    }

    /// The first row at hand that could not be decided about.
    fn failure(&self) -> Option<&Failure> {
        self.fired.iter().filter_map(|fired| fired.failure.as_ref()).min_by(|a, b| a.compare(b))
    }

    /// Takes sessions as far as what is at hand reaches, and no row has failed; returns whether there are any.
    fn take_sessions(&mut self) -> bool {
        let failed = self.failure().map(|failure| failure.place);
        let more = self.fired.iter().filter(|fired| !fired.last);
        let reached = more.filter_map(|fired| Some(fired.windows.last()?.0)).min();
        let before = self.closed;
        for ((fired, taken), rows) in self.fired.iter().zip(&mut self.taken).zip(&mut self.rows) {
            let (first, left) = (*taken, &fired.windows[*taken..]);
            let is_at_hand = |place: Place| {
                reached.is_none_or(|reached| place <= reached) && failed.is_none_or(|failed| place < failed)
            };
            *taken += left.partition_point(|&(place, _)| is_at_hand(place));
            *rows = fired.rows_of(first..*taken);
            self.closed += (*taken - first) as u64;
        }
        self.closed > before
    }

    /// Takes the least window at hand: its rows in each shard. `None`: there is no more.
    fn take_window(&mut self) -> Option<Place> {
        let heads = || self.fired.iter().zip(&self.taken);
        let window = heads().filter_map(|(fired, &taken)| Some(fired.windows.get(taken)?.0)).min()?;
        let mut windows = 0;
        for ((fired, taken), rows) in self.fired.iter().zip(&mut self.taken).zip(&mut self.rows) {
            let first = *taken;
            // Sessions of several keys may be one window.
            while fired.windows.get(*taken).is_some_and(|&(other, _)| other == window) {
                *taken += 1;
            }
            windows += (*taken - first) as u64;
            *rows = fired.rows_of(first..*taken);
        }
        if self.closes(&window) {
            self.closed += if self.shares(&window) { 1 } else { windows };
        }
        Some(window)
    }

    /// Leaves of the rows of the window that was taken last those before the one that has failed.
    fn cut_off(&mut self, window: Place) {
        let Slices { fired, rows, .. } = self;
        for failure in fired.iter().filter_map(|fired| fired.failure.as_ref()) {
            for (fired, rows) in fired.iter().zip(&mut *rows) {
                let is_behind = |row: &usize| !failure.is_after(window, fired.row_key(*row));
                rows.end = rows.clone().find(is_behind).unwrap_or(rows.end);
            }
        }
    }

    /// Whether all keys share the windows of this one's kind.
    fn shares(&self, place: &Place) -> bool {
        self.shares_windows.get(usize::from(place.kind)).is_none_or(|shares| *shares)
    }

    /// Whether a window closes with these rows. One without events for some key has closed before.
    fn closes(&self, place: &Place) -> bool {
        let is_filled = self.shares(place) && place.closes != place.window.end;
        place.timing == Timing::Final && !is_filled
    }
}

/// The first rows of a window by rank; `ties` keeps those that tie with the last.
fn in_rank_order(
    plan: &RowPlan,
    shards: &[Fired],
    rows: &[Range<usize>],
    (rows_max, ties): (usize, bool),
    take: &mut dyn Take,
) -> Result<()> {
    let all = shards.iter().zip(rows).flat_map(|(fired, rows)| rows.clone().map(move |at| (fired, at)));
    let mut all: Vec<(&Fired, usize)> = all.collect();
    let rank = |&(fired, at): &(&Fired, usize), &(other, other_at): &(&Fired, usize)| -> Ordering {
        plan.compare_ranks(fired.row_rank(at), other.row_rank(other_at))
    };
    all.sort_unstable_by(|a, b| rank(a, b).then_with(|| key::compare(a.0.row_key(a.1), b.0.row_key(b.1))));
    let mut kept = rows_max.min(all.len());
    if ties && kept > 0 {
        while kept < all.len() && rank(&all[kept - 1], &all[kept]).is_eq() {
            kept += 1;
        }
    }
    all[..kept].iter().try_for_each(|&(fired, at)| take.rows(fired, at..at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Task;
    use crate::output::fired::Timing;
    use crate::value::Value;
    use crate::window::Window;
    use std::collections::VecDeque;

    /// A row of the model: its window, key, rank, and whether it cannot be decided about.
    type Row = (Window, u64, u64, bool);

    fn plan(options: &str) -> RowPlan {
        let argv: Vec<_> =
            format!("windrow -w 1m -b k {options}").split_whitespace().map(Into::into).collect();
        match crate::cli::job(&argv).expect("a good job").task {
            Task::Aggregate(task) => RowPlan::new(&task, false),
            Task::Order => unreachable!("it has windows"),
        }
    }

    fn place(window: Window) -> Place {
        Place { moment: 0, closes: window.end, kind: 0, timing: Timing::Final, window }
    }

    fn encoded(number: u64) -> Vec<u8> {
        let mut out = Vec::new();
        // The heads of some differ, and those of others are alike.
        let value = match number {
            0..30 => Value::Written(&number.to_string()),
            _ => Value::Text(format!("customer-{number}").into()),
        };
        key::encode(&value, &mut out);
        out
    }

    /// The text of a row; some are long.
    fn text(window: Window, key: u64) -> String {
        let more = if key.is_multiple_of(7) { (4 * key as usize) << (key % 9) } else { 0 };
        format!("{}-{} {key}{}\n", window.start, window.end, "x".repeat(more))
    }

    /// The rows of a shard, in slices that end wherever a window does and `cut` says so. There may be windows without rows.
    fn slices(rows: &[Row], has_empty: bool, mut cut: impl FnMut() -> bool) -> VecDeque<Fired> {
        let (mut slices, mut fired) = (VecDeque::new(), Fired::default());
        for (n, &(window, key, rank, fails)) in rows.iter().enumerate() {
            if n > 0 && rows[n - 1].0 != window && cut() {
                slices.push_back(std::mem::take(&mut fired));
            }
            if has_empty && cut() {
                fired.windows.push((place(window), fired.rows.len()));
            }
            fired.windows.push((place(window), fired.rows.len()));
            if fails {
                fired.failure =
                    Some(Failure { place: place(window), key: encoded(key), reason: key.to_string() });
                break;
            }
            fired.text.extend_from_slice(text(window, key).as_bytes());
            fired.keys.extend_from_slice(&encoded(key));
            fired.ranks.extend_from_slice(&encoded(rank));
            fired.end_row(key::head(&encoded(key)));
            fired.windows.last_mut().expect("it was put there").1 = fired.rows.len();
        }
        slices.push_back(Fired { last: true, ..fired });
        slices
    }

    /// What is to be written, and why the run ends, from all rows in order.
    fn model(mut rows: Vec<Row>, top: Option<(usize, bool)>) -> (String, Option<String>) {
        rows.sort_unstable();
        let fails = rows.iter().position(|row| row.3);
        let reason = fails.map(|at| rows[at].1.to_string());
        if let Some(at) = fails {
            let window = rows[at].0;
            rows.truncate(at);
            rows.retain(|row| top.is_none() || row.0 != window);
        }
        let mut all = String::new();
        for rows in rows.chunk_by_mut(|a, b| a.0 == b.0) {
            let mut kept = rows.len();
            if let Some((rows_max, ties)) = top {
                rows.sort_by_key(|row| (std::cmp::Reverse(row.2), row.1));
                kept = kept.min(rows_max);
                kept += rows[kept..].iter().take_while(|row| ties && row.2 == rows[kept - 1].2).count();
            }
            rows[..kept].iter().for_each(|row| all += &text(row.0, row.1));
        }
        (all, reason)
    }

    /// Rows as they come.
    struct Taken {
        text: Vec<u8>,
        wants_places: bool,
    }

    impl Take for Taken {
        fn wants_places(&self) -> bool {
            self.wants_places
        }

        fn rows(&mut self, fired: &Fired, rows: Range<usize>) -> Result<()> {
            self.text.extend_from_slice(fired.texts(rows));
            Ok(())
        }

        fn texts(&mut self, _: Timing, texts: &[u8], ends: &[usize]) -> Result<()> {
            assert!(!self.wants_places && ends.last() == Some(&texts.len()));
            assert!(ends.iter().all(|&end| texts[end - 1] == b'\n'));
            assert_eq!(ends.len(), texts.iter().filter(|byte| **byte == b'\n').count());
            self.text.extend_from_slice(texts);
            Ok(())
        }
    }

    #[test]
    fn slices_make_no_difference() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for options in ["", "--top 2 --order-by count", "--top 1 --order-by count --ties"] {
            let plan = plan(options);
            for _ in 0..400 {
                let shards = random.usize(1..6);
                let (failing, has_empty) = (random.bool(), random.bool());
                let mut rows: Vec<Row> = (0..random.u64(0..60))
                    .map(|key| {
                        let end = random.i64(0..8);
                        let window = Window { end, start: end - random.i64(1..4) };
                        (window, key, random.u64(0..3), failing && random.u8(..) < 8)
                    })
                    .collect();
                rows.sort_unstable();
                let mut arriving: Vec<VecDeque<Fired>> = (0..shards as u64)
                    .map(|n| {
                        let own = |row: &&Row| row.1 % shards as u64 == n;
                        let own: Vec<Row> = rows.iter().filter(own).copied().collect();
                        slices(&own, has_empty, || random.bool())
                    })
                    .collect();
                // Each row has an entry of its own, which only sessions have in one shard.
                let shares_windows = random.bool() && (shards > 1 || plan.top().is_some());
                let entries: usize = arriving.iter().flatten().map(|slice| slice.windows.len()).sum();
                let next = |shard: usize| Ok(arriving[shard].pop_front().expect("asked for after the last"));
                let mut slices = Slices::new(shards, [shares_windows].into(), next);
                let mut taken = Taken { text: Vec::new(), wants_places: random.bool() };
                let reason = merge(Some(&plan), &mut slices, &mut Interleaver::default(), &mut taken);
                let text = taken.text;
                let mut windows: Vec<Window> = rows.iter().map(|row| row.0).collect();
                windows.dedup();
                let closed = if shares_windows { windows.len() } else { entries };
                assert!(failing || slices.closed == closed as u64, "{}", slices.closed);
                let found = (String::from_utf8(text).expect("text"), reason.expect("nothing fails"));
                assert_eq!(found, model(rows, plan.top()), "{options} with {shards} shards");
            }
        }
    }
}
