//! The rows of all shards in one order: by moment and window, then by key, or by rank with `--top`.
//!
//! The slices of a step are merged window by window while they arrive: of every shard one slice is at hand, and
//! since no slice divides a window, the rows of the least window at hand are all there.

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::fired::{Failure, Fired, Place, Timing};
use super::plan::RowPlan;
use crate::error::Result;
use crate::job::OutputFormat;
use crate::parse::key;

/// The slices that the shards hand on in one step.
pub struct Slices<N> {
    /// Fetches a shard's next slice; not called again after its last one.
    next: N,
    /// Of each shard the slice at hand; an empty one at the beginning.
    fired: Vec<Fired>,
    /// How many of its windows have been taken.
    taken: Vec<usize>,
    /// The rows of the window that was taken last.
    rows: Vec<Range<usize>>,
    /// By kind, whether a window is that of all keys together; if not, each key has its own.
    shares_windows: Arc<[bool]>,
    /// How many windows have closed.
    pub closed: u64,
}

/// Takes rows of a slice, in the order of output.
pub type Write<'w> = dyn FnMut(&Fired, Range<usize>) -> Result<()> + 'w;

/// Merges what the shards fire in one step; `write` gets the rows in order. Where a row could not be decided
/// about, what comes behind the first such row is left out, and the reason is returned. Without a plan, there is
/// one shard.
pub fn merge<N: FnMut(usize) -> Result<Fired>>(
    plan: Option<&RowPlan>,
    slices: &mut Slices<N>,
    write: &mut Write<'_>,
) -> Result<Option<String>> {
    let top = plan.and_then(|plan| Some((plan, plan.top()?)));
    if slices.fired.len() == 1 && top.is_none() {
        return slices.pass_on(write);
    }
    loop {
        slices.fetch()?;
        let window = slices.take_window();
        let failure = slices.fired.iter().filter_map(|fired| fired.failure.as_ref());
        let failure = failure.min_by(|a, b| a.compare(b));
        let reason = || failure.map(|failure| failure.reason.clone());
        let Some(window) = window else { return Ok(reason()) };
        let fails = failure.is_some_and(|failure| failure.place <= window);
        match top {
            // A live view puts them in an order of its own.
            None if failure.is_none() && plan.is_some_and(|plan| plan.format() == OutputFormat::Live) => {
                let mut all = slices.fired.iter().zip(&slices.rows).filter(|(_, rows)| !rows.is_empty());
                all.try_for_each(|(fired, rows)| write(fired, rows.clone()))?;
            }
            None => in_key_order(&slices.fired, &mut slices.rows, failure.map(|f| (window, f)), write)?,
            // A window with a row of unknown rank has no ranking.
            Some(_) if fails => {}
            Some((plan, top)) => in_rank_order(plan, &slices.fired, &slices.rows, top, write)?,
        }
        if fails {
            return Ok(reason());
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
    fn pass_on(&mut self, write: &mut Write<'_>) -> Result<Option<String>> {
        loop {
            let fired = (self.next)(0)?;
            self.closed += fired.windows.iter().filter(|(place, _)| self.closes(place)).count() as u64;
            write(&fired, 0..fired.rows.len())?;
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
            *rows = match first < *taken {
                true => fired.window(first).1.start..fired.window(*taken - 1).1.end,
                false => 0..0,
            };
        }
        if self.closes(&window) {
            self.closed += if self.shares(&window) { 1 } else { windows };
        }
        Some(window)
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

/// The rows of a window by key, up to a failure.
fn in_key_order(
    shards: &[Fired],
    rows: &mut [Range<usize>],
    failure: Option<(Place, &Failure)>,
    write: &mut Write<'_>,
) -> Result<()> {
    let is_before = |(a, a_row): (usize, usize), (b, b_row): (usize, usize)| {
        shards[a].compare_keys(a_row, &shards[b], b_row).is_lt()
    };
    loop {
        // The shard with the least row, and the one with the least of the others' rows.
        let mut heads =
            (0..).zip(&*rows).filter(|(_, rows)| !rows.is_empty()).map(|(n, rows)| (n, rows.start));
        let Some(mut least) = heads.next() else { return Ok(()) };
        let mut second = None;
        for head in heads {
            if is_before(head, least) {
                (least, second) = (head, Some(least));
            } else if second.is_none_or(|second| is_before(head, second)) {
                second = Some(head);
            }
        }
        let (shard, start) = least;
        let run = &mut rows[shard];
        run.start = match second {
            None => run.end,
            Some(second) => {
                (start + 1..run.end).find(|&row| !is_before((shard, row), second)).unwrap_or(run.end)
            }
        };
        let mut run = start..run.start;
        let fails =
            |(window, failure): (Place, &Failure), row| !failure.is_after(window, shards[shard].row_key(row));
        let failing = failure.and_then(|failure| run.clone().find(|&row| fails(failure, row)));
        run.end = failing.unwrap_or(run.end);
        if !run.is_empty() {
            write(&shards[shard], run)?;
        }
        if failing.is_some() {
            return Ok(());
        }
    }
}

/// The first rows of a window by rank; `ties` keeps those that tie with the last.
fn in_rank_order(
    plan: &RowPlan,
    shards: &[Fired],
    rows: &[Range<usize>],
    (rows_max, ties): (usize, bool),
    write: &mut Write<'_>,
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
    all[..kept].iter().try_for_each(|&(fired, at)| write(fired, at..at + 1))
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
        key::encode(&Value::Written(&number.to_string()), &mut out);
        out
    }

    /// The rows of a shard, in slices that end wherever a window does and `cut` says so.
    fn slices(rows: &[Row], mut cut: impl FnMut() -> bool) -> VecDeque<Fired> {
        let (mut slices, mut fired) = (VecDeque::new(), Fired::default());
        for (n, &(window, key, rank, fails)) in rows.iter().enumerate() {
            if n > 0 && rows[n - 1].0 != window && cut() {
                slices.push_back(std::mem::take(&mut fired));
            }
            fired.windows.push((place(window), fired.rows.len()));
            if fails {
                fired.failure =
                    Some(Failure { place: place(window), key: encoded(key), reason: key.to_string() });
                break;
            }
            fired.text.extend_from_slice(format!("{} {key}\n", window.end).as_bytes());
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
        let mut text = String::new();
        for rows in rows.chunk_by_mut(|a, b| a.0 == b.0) {
            let mut kept = rows.len();
            if let Some((rows_max, ties)) = top {
                rows.sort_by_key(|row| (std::cmp::Reverse(row.2), row.1));
                kept = kept.min(rows_max);
                kept += rows[kept..].iter().take_while(|row| ties && row.2 == rows[kept - 1].2).count();
            }
            rows[..kept].iter().for_each(|row| text += &format!("{} {}\n", row.0.end, row.1));
        }
        (text, reason)
    }

    #[test]
    fn slices_make_no_difference() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        for options in ["", "--top 2 --order-by count", "--top 1 --order-by count --ties"] {
            let plan = plan(options);
            for _ in 0..400 {
                let shards = random.usize(1..4);
                let failing = random.bool();
                let mut rows: Vec<Row> = (0..random.u64(0..60))
                    .map(|key| {
                        let end = random.i64(0..8);
                        (Window { end, start: end - 1 }, key, random.u64(0..3), failing && random.u8(..) < 8)
                    })
                    .collect();
                rows.sort_unstable();
                let mut arriving: Vec<VecDeque<Fired>> = (0..shards as u64)
                    .map(|n| {
                        let own = |row: &&Row| row.1 % shards as u64 == n;
                        let own: Vec<Row> = rows.iter().filter(own).copied().collect();
                        slices(&own, || random.bool())
                    })
                    .collect();
                let mut text = Vec::new();
                let next = |shard: usize| Ok(arriving[shard].pop_front().expect("asked for after the last"));
                // Each row has an entry of its own, which only sessions have in one shard.
                let shares_windows = random.bool() && (shards > 1 || plan.top().is_some());
                let mut slices = Slices::new(shards, [shares_windows].into(), next);
                let reason = merge(Some(&plan), &mut slices, &mut |fired, rows| {
                    text.extend_from_slice(fired.texts(rows));
                    Ok(())
                });
                let mut windows: Vec<Window> = rows.iter().map(|row| row.0).collect();
                if shares_windows {
                    windows.dedup();
                }
                assert!(failing || slices.closed == windows.len() as u64, "{}", slices.closed);
                let found = (String::from_utf8(text).expect("text"), reason.expect("nothing fails"));
                assert_eq!(found, model(rows, plan.top()), "{options} with {shards} shards");
            }
        }
    }
}
