//! The rows of all shards in one order: by window, then by key, or by rank with `--top`.

use std::cmp::Ordering;

use super::rows::{Failure, Fired, RowPlan};
use crate::parse::key;
use crate::window::Window;

/// Merges what the shards have fired in one step; `row` gets the text of each row in order. Where a row could
/// not be decided about, what comes behind the first such row is left out, and the reason is returned.
pub fn merge(plan: &RowPlan, shards: &[Fired], row: &mut dyn FnMut(&[u8])) -> Option<String> {
    let failure = shards.iter().filter_map(|fired| fired.failure.as_ref()).min_by(|a, b| a.compare(b));
    if let ([only], None) = (shards, plan.top()) {
        (0..only.rows.len()).for_each(|at| row(only.row_text(at)));
        return failure.map(|failure| failure.reason.clone());
    }
    let mut cursors = vec![0; shards.len()];
    loop {
        let next =
            shards.iter().zip(&cursors).filter_map(|(fired, &at)| Some(fired.windows.get(at)?.0)).min();
        let Some(window) = next else { break };
        let rows = take_window(shards, &mut cursors, window);
        match (plan.top(), failure) {
            (None, _) => in_key_order(shards, window, rows, failure, row),
            // A window with a row of unknown rank has no ranking.
            (Some(_), Some(failure)) if failure.window <= window => break,
            (Some((rows_max, ties)), _) => in_rank_order(plan, shards, rows, rows_max, ties, row),
        }
    }
    failure.map(|failure| failure.reason.clone())
}

/// The rows of a window in each shard; the cursors move behind them.
fn take_window(shards: &[Fired], cursors: &mut [usize], window: Window) -> Vec<(usize, usize)> {
    let mut rows = Vec::with_capacity(shards.len());
    for (shard, cursor) in shards.iter().zip(cursors) {
        let (mut start, mut end) = (0, 0);
        while let Some(&(other, rows_end)) = shard.windows.get(*cursor)
            && other == window
        {
            if start == end {
                start = shard.window(*cursor).1.start;
            }
            end = rows_end;
            *cursor += 1;
        }
        rows.push((start, end));
    }
    rows
}

fn in_key_order(
    shards: &[Fired],
    window: Window,
    mut rows: Vec<(usize, usize)>,
    failure: Option<&Failure>,
    row: &mut dyn FnMut(&[u8]),
) {
    loop {
        let heads = rows.iter().enumerate().filter(|(_, (start, end))| start < end);
        let least = heads.min_by(|&(a, &(a_row, _)), &(b, &(b_row, _))| {
            key::compare(shards[a].row_key(a_row), shards[b].row_key(b_row))
        });
        let Some((shard, _)) = least else { return };
        let at = rows[shard].0;
        if failure.is_some_and(|failure| !failure.is_after(window, shards[shard].row_key(at))) {
            return;
        }
        row(shards[shard].row_text(at));
        rows[shard].0 += 1;
    }
}

fn in_rank_order(
    plan: &RowPlan,
    shards: &[Fired],
    rows: Vec<(usize, usize)>,
    rows_max: usize,
    ties: bool,
    row: &mut dyn FnMut(&[u8]),
) {
    let mut all: Vec<(&Fired, usize)> = shards
        .iter()
        .zip(rows)
        .flat_map(|(fired, (start, end))| (start..end).map(move |at| (fired, at)))
        .collect();
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
    for (fired, at) in &all[..kept] {
        row(fired.row_text(*at));
    }
}
