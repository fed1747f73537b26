//! The account of a run: what became of every record, per source and in total.

use std::path::Path;

use crate::error::{Error, Escaped, Result, printable};
use crate::operator::counts::{Account, Counts, FirstBad};

/// The account of a run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// The ledger of each source, with its name, in the order given.
    pub sources: Vec<(String, Counts)>,
    /// Rows written.
    pub rows: u64,
    /// The first bad record of the first source that has one: `SOURCE:LINE: reason`.
    first_bad: Option<String>,
}

impl Summary {
    /// An account of these sources in which nothing has happened.
    pub fn new(sources: impl Iterator<Item = String>) -> Summary {
        Summary { sources: sources.map(|name| (name, Counts::default())).collect(), ..Summary::default() }
    }

    /// Takes over the ledgers, in the order of the sources, and the rows written.
    pub fn take<'c>(&mut self, accounts: impl Iterator<Item: Into<Account<'c>>>, rows: u64) {
        self.first_bad = None;
        for ((name, counts), account) in self.sources.iter_mut().zip(accounts) {
            let account: Account<'c> = account.into();
            *counts = *account;
            if let (None, Some(FirstBad { line, reason })) = (&self.first_bad, account.first_bad) {
                self.first_bad = Some(format!("{}:{line}: {}", Escaped(name), printable(reason)));
            }
        }
        self.rows = rows;
    }

    /// All sources together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.sources.iter().for_each(|(_, counts)| total += *counts);
        total
    }

    /// Checks, when all input has been read, that nothing has vanished: per source by the ledger's identity and
    /// against the records that parsing has sent, and in total against the events that the windows have taken.
    pub fn check_ledger(&self, arrived: impl Iterator<Item = u64>, taken: u64) -> Result<()> {
        for ((name, counts), arrived) in self.sources.iter().zip(arrived) {
            if counts.read != arrived {
                let read = counts.read;
                return Err(Error::Internal(format!(
                    "{name}: {arrived} records were parsed and {read} read"
                )));
            }
        }
        if let Some((name, counts)) = self.sources.iter().find(|(_, counts)| !counts.balances()) {
            return Err(Error::Internal(format!("the ledger of {name} does not balance: {counts:?}")));
        }
        let accepted = self.total().accepted;
        if accepted != taken {
            return Err(Error::Internal(format!(
                "{accepted} events were accepted and {taken} taken by windows"
            )));
        }
        Ok(())
    }

    /// One line for people.
    pub fn text(&self) -> String {
        format!("{}; {} rows written", self.total(), self.rows)
    }

    /// One JSON object for scripts.
    pub fn object(&self) -> serde_json::Value {
        let mut object = serde_json::to_value(self.total()).unwrap_or_default();
        object["rows"] = self.rows.into();
        let sources = self.sources.iter().map(|(name, counts)| {
            let mut source = serde_json::to_value(counts).unwrap_or_default();
            source["source"] = name.as_str().into();
            source
        });
        object["sources"] = sources.collect();
        object
    }

    /// What deserves a warning: something was late, bad or partially late. Late and bad records are kept in
    /// these files, if any. Where no record could be used, the first one is told.
    pub fn warning(&self, late: Option<&Path>, bad: Option<&Path>) -> Option<String> {
        let total = self.total();
        let kept = |file: Option<&Path>, otherwise: &str| match file {
            Some(path) => format!("{} has them", Escaped(&path.display().to_string())),
            None => otherwise.to_owned(),
        };
        // Disorder makes a few events late. Most of them are when one time is far ahead of all others.
        let cure = match total.late > total.read / 2 {
            true => "a time far ahead may have made them so: see --max-jump, or --delay",
            false => "a larger --delay accepts more",
        };
        let late = format!("{}, {cure}", kept(late, "--late FILE keeps them"));
        let bad = kept(bad, "--bad FILE keeps them with the reason");
        let mut parts: Vec<String> = [
            (total.late, "late", late.as_str()),
            (total.bad, "bad", &bad),
            (total.partially_late, "partially late", "they missed windows that had closed; see --delay"),
        ]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, hint)| format!("{count} of {} records {what} ({hint})", total.read))
        .collect();
        if total.bad == total.read {
            parts.extend(self.first_bad.iter().map(|first| format!("the first: {first}")));
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
