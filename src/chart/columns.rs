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
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
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
    let special: Vec<usize> = [place("window_start"), place("window_end"), row_numbers(names)]
        .into_iter()
        .flatten()
        .chain(revision.into_iter().flat_map(|(revision, pane)| [revision, pane]))
        .collect();
    let named = |option: &str, wanted: &[String]| -> Result<Vec<usize>> {
        wanted.iter().map(|name| place(name).ok_or_else(|| unknown(option, name, names))).collect()
    };
    let (measures, keys) = (named("--y", y)?, named("--by", by)?);
    let free: Vec<usize> =
        (0..names.len()).filter(|at| !special.contains(at) && !measures.contains(at)).collect();
    let mut roles = Roles { bounds, revision, measures, ..Roles::default() };
    roles.keys = match by.is_empty() {
        true => keys_among(&free, &special, sample),
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
            crate::parse::hints::listed(names, 20)
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
    (names.len() > 1 && names[0] == "row" && names[1] == "window_start").then_some(0)
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

fn keys_among(free: &[usize], special: &[usize], sample: &[Sampled]) -> Vec<usize> {
    let texts = free.iter().take_while(|at| is_text(**at, sample)).count();
    // What a row is told apart by, hashed: its window, then more and more columns.
    let mut told: Vec<u64> =
        sample.iter().map(|row| special.iter().fold(0, |all, at| join(all, row[*at].1))).collect();
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
        let panes =
            "window_start,window_end,k,n,pane,revision\n0,1,a,5,early,0\n0,1,a,6,final,1\n0,1,b,6,final,1";
        check(panes, &[], &[], "k:n");
        check("k,n\na,5\nb,6", &[], &[], "k:n");
        check("window_start,window_end,h,n\n0,1,1,5\n1,2,1,6", &[], &["h"], "h:n");
        check("window_start,window_end,h,n\n0,1,1,5\n1,2,1,6", &["n"], &[], ":n");
        check("window_start,window_end,n\n0,1,\n1,2,NaN", &[], &[], ":n");
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
