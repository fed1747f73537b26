//! Which columns of a result are bounds, keys and measures: by their names, and by a sample of its rows.

use std::collections::HashSet;

use super::open::Kind;
use crate::error::{Error, Escaped, Result};
use crate::job::DEFAULT_TIME_FIELDS;
use crate::suggest;

/// The most measures that are drawn when nobody names them.
const MEASURES_MAX: usize = 8;

/// What the columns of a result are, each by its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// `window_start` and `window_end`.
    pub bounds: Option<(usize, usize)>,
    /// `window`, of a result with windows of several kinds.
    pub kind: Option<usize>,
    /// `revision` and `pane`, of a result that has both.
    pub revision: Option<(usize, usize)>,
    /// The columns that tell the rows of a window apart.
    pub keys: Vec<usize>,
    /// The columns to draw.
    pub measures: Vec<usize>,
    /// Columns that are not drawn, and why.
    pub notes: Vec<String>,
}

/// A row of the sample: for each column what is in it, and a hash of it.
pub type Sampled = Vec<(Kind, u64)>;

/// The roles of columns with these names.
///
/// The keys are the first columns, as few as tell the rows of each window apart, and all columns of texts right before
/// the first column of numbers. All other columns of numbers are measures. `y` and `by` name measures and keys instead.
///
/// # Errors
/// [`Error::Usage`] where a column that is named is not there, or one to be drawn holds texts.
pub fn roles(names: &[String], sample: &[Sampled], y: &[String], by: &[String]) -> Result<Roles> {
    let kind = kind_of_windows(names);
    let place = |wanted: &str| (0..names.len()).find(|at| Some(*at) != kind && names[*at] == wanted);
    let revision = place("revision").zip(place("pane"));
    let bounds = match (place("window_start"), place("window_end")) {
        (Some(start), Some(end)) => Some((start, end)),
        (None, None) => None,
        _ => {
            return Err(Error::usage(
                "it has one of window_start and window_end; a result has both, or (-w none) neither",
            ));
        }
    };
    if bounds.is_none() && revision.is_none() && y.is_empty() && by.is_empty() {
        check_no_events(names, sample)?;
    }
    // What tells a row from those of other windows. A number of its own would tell it from all.
    let window: Vec<usize> = [place("window_start"), place("window_end"), kind]
        .into_iter()
        .flatten()
        .chain(revision.into_iter().flat_map(|(revision, pane)| [revision, pane]))
        .collect();
    let row = row_numbers(names);
    let named = |option: &str, wanted: &[String]| -> Result<Vec<usize>> {
        let unknown = |name| unknown(option, name, &without(names, kind));
        wanted.iter().map(|name| place(name).ok_or_else(|| unknown(name))).collect()
    };
    let (measures, keys) = (named("--y", y)?, named("--by", by)?);
    let is_free = |at: &usize| Some(*at) != row && !window.contains(at) && !measures.contains(at);
    let free: Vec<usize> = (0..names.len()).filter(is_free).collect();
    let mut roles = Roles { bounds, kind, revision, measures, ..Roles::default() };
    roles.keys = match by.is_empty() {
        true => keys_among(&free, &window, sample),
        false => keys,
    };
    for (&at, name) in roles.measures.iter().zip(y) {
        if is_text(at, sample) {
            return Err(Error::usage(format!("--y: the column `{}` holds texts", Escaped(name))));
        }
    }
    if y.is_empty() {
        let rest = || free.iter().copied().filter(|at| !roles.keys.contains(at));
        let numbers: Vec<usize> = rest().filter(|at| !is_text(*at, sample)).collect();
        let texts: Vec<&str> = rest().filter(|at| is_text(*at, sample)).map(|at| &names[at][..]).collect();
        if !texts.is_empty() {
            roles.notes.push(format!("not numbers, and not drawn: {}", texts.join(", ")));
        }
        if numbers.len() > MEASURES_MAX {
            let more = numbers.len() - MEASURES_MAX;
            roles.notes.push(format!("and {more} more columns of numbers; --y names those to draw"));
        }
        roles.measures = numbers.into_iter().take(MEASURES_MAX).collect();
    }
    if roles.measures.is_empty() && !sample.is_empty() {
        return Err(Error::usage(format!(
            "no column is left that holds numbers to draw; the columns are {}",
            crate::parse::hints::listed(&without(names, kind), 20)
        )));
    }
    Ok(roles)
}

/// Refuses what looks like events: rows without windows that have a time each. Of these every one would be a bar.
fn check_no_events(names: &[String], sample: &[Sampled]) -> Result<()> {
    let is_time = |at: usize| {
        let kinds = || sample.iter().map(|row| row[at].0).filter(|kind| *kind != Kind::Null);
        DEFAULT_TIME_FIELDS.contains(&&names[at][..])
            || kinds().next().is_some() && kinds().all(|kind| kind == Kind::Time)
    };
    match (0..names.len()).find(|at| !sample.is_empty() && is_time(*at)) {
        None => Ok(()),
        Some(at) => Err(Error::usage(format!(
            "it has no window_start and window_end, and `{0}` looks like the time of an event: windrow chart draws \
             results, so make one first, as with windrow -w 1h -t '{0}' FILE --to csv | windrow chart; of a result of -w \
             none, --by and --y name the columns",
            Escaped(&names[at])
        ))),
    }
}

/// The column of `--row-id`, which stands first.
fn row_numbers(names: &[String]) -> Option<usize> {
    let is_row = |rest: &[String]| kind_of_windows(rest) == Some(0) || begins(rest, &["window_start"]);
    names.split_first().filter(|(first, rest)| *first == "row" && is_row(rest)).map(|_| 0)
}

/// The column that says of which kind a window is. Elsewhere a column of that name is one like others.
fn kind_of_windows(names: &[String]) -> Option<usize> {
    match names {
        names if begins(names, &["window", "window_start"]) => Some(0),
        names if begins(names, &["row", "window", "window_start"]) => Some(1),
        _ => None,
    }
}

fn begins(names: &[String], with: &[&str]) -> bool {
    names.len() >= with.len() && names.iter().zip(with).all(|(name, wanted)| name == wanted)
}

/// The names but for that of one column.
fn without(names: &[String], column: Option<usize>) -> Vec<String> {
    let others = names.iter().enumerate().filter(|(at, _)| Some(*at) != column);
    others.map(|(_, name)| name.clone()).collect()
}

fn unknown(option: &str, name: &str, names: &[String]) -> Error {
    let meant = suggest::did_you_mean(name, names.iter().map(String::as_str));
    let meant = meant.map_or_else(String::new, |meant| format!(" {meant}"));
    let all = crate::parse::hints::listed(names, 20);
    Error::usage(format!("{option}: there is no column `{}`;{meant} the columns are {all}", Escaped(name)))
}

/// Whether a column holds a text that is no number.
fn is_text(column: usize, sample: &[Sampled]) -> bool {
    sample.iter().any(|row| matches!(row[column].0, Kind::Text | Kind::Time))
}

fn keys_among(free: &[usize], window: &[usize], sample: &[Sampled]) -> Vec<usize> {
    let texts = free.iter().take_while(|at| is_text(**at, sample)).count();
    // What a row is told apart by, hashed: its window, then more and more columns.
    let mut told: Vec<u64> =
        sample.iter().map(|row| window.iter().fold(0, |all, at| join(all, row[*at].1))).collect();
    let mut keys = 0;
    while !are_distinct(&told) {
        let Some(&at) = free.get(keys) else {
            // Rows that repeat others whole are told of when they are read.
            keys = 0;
            break;
        };
        told.iter_mut().zip(sample).for_each(|(told, row)| *told = join(*told, row[at].1));
        keys += 1;
    }
    free[..keys.max(texts).min(free.len())].to_vec()
}

fn join(hash: u64, other: u64) -> u64 {
    (hash.rotate_left(5) ^ other).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn are_distinct(hashes: &[u64]) -> bool {
    let mut seen = HashSet::with_capacity(hashes.len());
    hashes.iter().all(|hash| seen.insert(*hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of keys and measures of a CSV text.
    fn check(text: &str, y: &[&str], by: &[&str], want: &str) {
        let mut lines = text.lines();
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let names = owned(&lines.next().unwrap().split(',').collect::<Vec<_>>());
        let cell = |text: &str| {
            let hash = text.bytes().fold(1, |hash, byte| join(hash, u64::from(byte)));
            (Kind::of_text(text), hash)
        };
        let sample: Vec<Sampled> = lines.map(|line| line.split(',').map(cell).collect()).collect();
        let shown = match roles(&names, &sample, &owned(y), &owned(by)) {
            Ok(roles) => {
                let list =
                    |places: &[usize]| places.iter().map(|at| &names[*at][..]).collect::<Vec<_>>().join("+");
                [&[format!("{}:{}", list(&roles.keys), list(&roles.measures))], &roles.notes[..]]
                    .concat()
                    .join(" | ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, want, "{text}");
    }

    #[test]
    fn keys_and_measures() {
        check("window_start,window_end,count\n0,1,5\n1,2,6", &[], &[], ":count");
        check("window_start,window_end,k,count\n0,1,a,5\n0,1,b,6", &[], &[], "k:count");
        check("window_start,window_end,k,count\n0,1,a,5\n1,2,b,6", &[], &[], "k:count");
        check("window_start,window_end,status,n\n0,1,200,5\n0,1,500,6", &[], &[], "status:n");
        check("window_start,window_end,a,b,n,m\n0,1,1,1,5,7\n0,1,1,2,6,7\n0,1,2,1,6,7", &[], &[], "a+b:n+m");
        check(
            "window_start,window_end,n,place\n0,1,5,x\n1,2,6,y",
            &[],
            &[],
            ":n | not numbers, and not drawn: place",
        );
        check("row,window_start,window_end,n\n1,0,1,5\n2,1,2,6", &[], &[], ":n");
        check("row,window_start,window_end,s,n\n1,0,1,200,5\n2,0,1,500,6", &[], &[], "s:n");
        let panes =
            "window_start,window_end,k,n,pane,revision\n0,1,a,5,early,0\n0,1,a,6,final,1\n0,1,b,6,final,1";
        check(panes, &[], &[], "k:n");
        check("k,n\na,5\nb,6", &[], &[], "k:n");
        check("window_start,window_end,h,n\n0,1,1,5\n1,2,1,6", &[], &["h"], "h:n");
        check("window_start,window_end,h,n\n0,1,1,5\n1,2,1,6", &["n"], &[], ":n");
        check("window_start,window_end,n\n0,1,\n1,2,NaN", &[], &[], ":n");
    }

    #[test]
    fn the_kind_of_windows_is_neither_key_nor_measure() {
        let rows = "window,window_start,window_end,s,n\n1h,0,1,200,5\n1d,0,1,200,5\n1h,0,1,500,6";
        check(rows, &[], &[], "s:n");
        check(rows, &["n"], &["s"], "s:n");
        let columns = "the columns are window_start, window_end, s, n";
        for (y, by) in [(&["window"][..], &[][..]), (&[], &["window"])] {
            let option = if y.is_empty() { "--by" } else { "--y" };
            check(rows, y, by, &format!("{option}: there is no column `window`; {columns}"));
        }
        check("window,window_start,window_end,n\n1h,0,60,5\n1m,0,60,5", &[], &[], ":n");
        let numbered = "row,window,window_start,window_end,s,n\n1,1h,0,1,200,5\n2,1h,0,1,500,6";
        check(numbered, &[], &[], "s:n");
        // One of that name elsewhere is a column like others.
        check("window_start,window_end,window,n\n0,1,a,5\n0,1,b,6", &[], &[], "window:n");
        check("window,n\na,5\nb,6", &[], &[], "window:n");
        let apart = "window,k,window_start,window_end,n\na,1,0,1,5\nb,1,0,1,6";
        check(apart, &[], &["window"], "window:k+n");
    }

    #[test]
    fn mistakes() {
        let rows = "window_start,window_end,k,count\n0,1,a,5\n0,1,b,6";
        let columns = "the columns are window_start, window_end, k, count";
        check(
            rows,
            &["cuont"],
            &[],
            &format!("--y: there is no column `cuont`; did you mean `count`? {columns}"),
        );
        check(rows, &[], &["x\u{1b}"], &format!("--by: there is no column `x\\u{{1b}}`; {columns}"));
        check(rows, &["k"], &[], "--y: the column `k` holds texts");
        check(
            "window_start,n\n0,5",
            &[],
            &[],
            "it has one of window_start and window_end; a result has both, or (-w none) neither",
        );
        check("k,n\n2026-01-01T00:00:00Z,5\n2026-01-02T00:00:00Z,6", &["n"], &["k"], "k:n");
        for events in ["ts,k,n\n0,a,5\n1,b,6", "k,at,n\na,2026-01-01T00:00:00Z,5\nb,,6"] {
            let name = if events.starts_with("ts") { "ts" } else { "at" };
            let want = format!(
                "it has no window_start and window_end, and `{name}` looks like the time of an event: windrow chart draws \
                 results, so make one first, as with windrow -w 1h -t '{name}' FILE --to csv | windrow chart; of a result \
                 of -w none, --by and --y name the columns"
            );
            check(events, &[], &[], &want);
        }
        check("k\na\nb", &[], &[], "no column is left that holds numbers to draw; the columns are k");
    }
}
