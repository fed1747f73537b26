//! Event times that are hardly meant: `--time-format` names a unit, and in another one they would be of our days.
//!
//! Such a run would otherwise end in order, with windows thousands of years away or all events in one of 1970. The first
//! event of each source says it; it may be right all the same, so it is a warning.

use crate::error::Escaped;
use crate::job::Job;
use crate::parse::batch::{Batch, Fate};
use crate::time::{Form, TimeFormat, shown_time};

/// The look at the first event of each source.
pub struct Unlikely {
    format: TimeFormat,
    /// By source, whether its first event is still to come; empty where there is nothing to find out.
    awaited: Vec<bool>,
}

impl Unlikely {
    /// The look at all sources of a job.
    pub fn new(job: &Job) -> Unlikely {
        Unlikely { format: job.time_format.clone(), awaited: vec![true; job.sources.len()] }
    }

    /// None: an earlier run has seen the first events.
    pub fn none(job: &Job) -> Unlikely {
        Unlikely { format: job.time_format.clone(), awaited: Vec::new() }
    }

    /// Looks at the next batch of a source, which has this name; returns the warning if there is one.
    pub fn look(&mut self, batch: &Batch, source: &str) -> Option<String> {
        let awaited = self.awaited.get_mut(batch.source as usize).filter(|awaited| **awaited)?;
        let row = batch.fates.iter().position(|fate| *fate != Fate::Untimed)?;
        *awaited = false;
        let time = batch.time[row];
        let (unit, likelier) = self.format.likelier_unit(time)?;
        let (units, likely) = (unit.words(), likelier.unit.words());
        Some(format!(
            "{}: the first event time is {} in {}; in {} (--time-format {}) it would be {}",
            Escaped(source),
            shown_time(time, Form::Number(unit), None),
            units.0,
            likely.0,
            likely.1,
            shown_time(likelier.time, Form::Text, None)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_ages_are_told() {
        let check = |format: &str, time: i64, want: Option<&str>| {
            let format = TimeFormat::new(format, None).expect("a format");
            let mut unlikely = Unlikely { format, awaited: vec![true] };
            let batch = |fates: &[Fate]| {
                let mut batch = Batch::default();
                batch.fates = fates.to_vec();
                batch.time = fates.iter().map(|fate| if *fate == Fate::Untimed { 0 } else { time }).collect();
                batch
            };
            assert_eq!(unlikely.look(&batch(&[Fate::Untimed]), "a"), None);
            let timed = batch(&[Fate::Untimed, Fate::Filtered, Fate::Usable]);
            assert_eq!(unlikely.look(&timed, "a").as_deref(), want);
            assert_eq!(unlikely.look(&timed, "a"), None, "once is enough");
        };
        let far = "a: the first event time is 1625097600000 (+53467-04-18T00:00:00Z) in seconds; \
                   in milliseconds (--time-format ms) it would be 2021-07-01T00:00:00Z";
        check("s", 1_625_097_600_000_000_000, Some(far));
        let near = "a: the first event time is 1625097600000 (1970-01-19T19:24:57.6Z) in microseconds; \
                    in milliseconds (--time-format ms) it would be 2021-07-01T00:00:00Z";
        check("us", 1_625_097_600_000, Some(near));
        check("ms", 1_625_097_600_000_000, None);
        check("ms", 5_000, None);
        check("s", -3_000_000_000_000_000, None);
        check("auto", 1_625_097_600_000_000_000, None);
        check("rfc3339", 1_625_097_600_000_000_000, None);
    }
}
