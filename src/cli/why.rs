//! `windrow why`: which record of which job is asked for, and the answer written out.

use super::args::WhyArgs;
use super::values::ProfileFormatName;
use super::{report, verify};
use crate::error::{Error, Escaped, Result};
use crate::input::Origin;
use crate::job;
use crate::why;

/// Carries out `windrow why`.
pub fn carry_out(args: &WhyArgs) -> Result<()> {
    let (input, line) = place(&args.record)?;
    let asked = verify::asked(&args.words)?;
    let job = job::build::job(&asked.args, &asked.settings)?;
    if job.sources.iter().any(|source| matches!(source.origin, Origin::Stdin)) {
        return Err(Error::usage(
            "the inputs are read twice, and standard input can be read once; write it to a file and name that",
        ));
    }
    let answer = why::why(job, input, line)?;
    match args.to {
        ProfileFormatName::Text => report::output(&why::text(&answer)),
        ProfileFormatName::Json => report::output(&format!("{}\n", why::object(&answer))),
    }
}

/// The input and the line, from `FILE:LINE`.
fn place(text: &str) -> Result<(&str, u64)> {
    let parsed = text.rsplit_once(':').and_then(|(input, line)| Some((input, line.parse().ok()?)));
    parsed.filter(|(input, line)| !input.is_empty() && *line > 0).ok_or_else(|| {
        Error::usage(format!(
            "{}: a record is named by its input and line, as in app.log:1234",
            Escaped(text)
        ))
    })
}
