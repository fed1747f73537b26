//! Event times that are hardly meant: `--time-format` names a unit, and in another one they would be of our days.
//!
//! Such a run would otherwise end in order, with windows thousands of years away or all events in one of 1970. The first
//! event that there is says it; it may be right all the same, so it is a warning.

use crate::error::Escaped;
use crate::job::Job;
use crate::parse::batch::{Batch, Fate};
use crate::time::TimeFormat;

/// The look at the first event.
pub struct Unlikely {
    /// `None` where there is nothing to find out any more.
    format: Option<TimeFormat>,
}

impl Unlikely {
    /// The look at what a job reads.
    pub fn new(job: &Job) -> Unlikely {
        Unlikely { format: Some(job.time_format.clone()) }
    }

    /// None: an earlier run has looked.
    pub fn none() -> Unlikely {
        Unlikely { format: None }
    }

    /// Looks at a batch of a source, which has this name; returns the warning if there is one.
    pub fn look(&mut self, batch: &Batch, source: &str) -> Option<String> {
        let format = self.format.as_ref()?;
        let row = batch.fates.iter().position(|fate| *fate != Fate::Untimed)?;
        let found = format.likelier_unit(batch.time[row]);
        self.format = None;
        let ((unit, year), (other, other_year)) = found?;
        let ((unit, _), (other, name)) = (unit.words(), other.words());
        Some(format!(
            "{}: the first event time is in the year {year}, read in {unit}; in {other} (--time-format {name}) it \
             would be in {other_year}",
            Escaped(source)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_other_ages_are_told() {
        let check = |format: &str, time: i64, want: Option<&str>| {
            let mut unlikely = Unlikely { format: Some(TimeFormat::new(format, None).expect("a format")) };
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
        let far = "a: the first event time is in the year 53467, read in seconds; in milliseconds \
                   (--time-format ms) it would be in 2021";
        check("s", 1_625_097_600_000_000_000, Some(far));
        let near = "a: the first event time is in the year 1970, read in microseconds; in milliseconds \
                    (--time-format ms) it would be in 2021";
        check("us", 1_625_097_600_000, Some(near));
        let nanos = "a: the first event time is in the year 1970, read in nanoseconds; in seconds \
                     (--time-format s) it would be in 2021";
        check("ns", 1_625_197, Some(nanos));
        check("ms", 1_625_097_600_000_000, None);
        check("ms", 5_000, None);
        check("s", -3_000_000_000_000_000, None);
        check("auto", 1_625_097_600_000_000_000, None);
        check("rfc3339", 1_625_097_600_000_000_000, None);
    }
}
