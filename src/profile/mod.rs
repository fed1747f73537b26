//! `windrow profile`: what one must know of an input before a job can be written, found in one pass.
//!
//! The first records are looked at twice: once to see which fields there are and which of them may be the event time,
//! ids and keys (`formats`, `roles`), then with all others, for what those are like (`pass`). Memory is bounded
//! whatever the input: what is counted by value is sketched, sampled by fixed hashes, or capped and said to be. One
//! thread reads one source after the other, so that the same input always gives the same profile.

mod bad;
mod fields;
mod formats;
mod gaps;
mod histogram;
pub mod json;
mod order;
mod pass;
mod place;
mod rate;
pub(crate) mod records;
mod repeats;
mod roles;
mod sample;
mod suggest;
pub mod text;
mod walk;
mod words;

use std::ffi::OsString;

use crate::error::Result;
use crate::expr::FieldPath;
use crate::input::{Format, ReadOptions, Source, SourceSpec};
use crate::time::Form;

use bad::BadRecords;
use fields::Fields;
use formats::Formats;
use gaps::Gaps;
use order::{Summary, Watch};
use rate::Rate;
use repeats::Repeats;
use roles::Roles;
use suggest::Suggestion;

/// What is to be profiled.
#[derive(Debug, Clone)]
pub struct Request {
    /// The inputs.
    pub sources: Vec<SourceSpec>,
    /// How they are read.
    pub read: ReadOptions,
    /// The event time, if it was named.
    pub time: Option<FieldPath>,
    /// `--time-format`.
    pub time_format: String,
    /// `--time-zone`.
    pub time_zone: Option<String>,
    /// The id, if it was named.
    pub ids: Vec<FieldPath>,
    /// The key, if it was named.
    pub keys: Vec<FieldPath>,
    /// How many records of each input are read at most.
    pub limit: Option<u64>,
    /// Options that the suggested job takes over as they are.
    pub passed_on: Vec<OsString>,
}

/// What was found.
#[derive(Debug)]
pub struct Profile {
    inputs: Vec<Input>,
    fields: Fields,
    roles: Roles,
    rate: Rate,
    watch: Watch,
    /// By [`Roles::ids`].
    repeats: Vec<Repeats>,
    /// Of all events, then by [`Roles::keys`].
    gaps: Vec<Gaps>,
    bad: BadRecords,
    suggestion: Option<Suggestion>,
    /// How many records of each input were read at most.
    limit: Option<u64>,
}

/// One input.
#[derive(Debug)]
struct Input {
    name: String,
    format: Format,
    /// Records, the bad ones included.
    records: u64,
    bad: u64,
    /// Uncompressed bytes that were read.
    bytes: u64,
    /// The form of its times.
    form: Option<Form>,
    /// The columns of CSV.
    columns: Vec<String>,
    /// How its events are out of order.
    order: Summary,
    /// Whether as much was read as was to be read at most.
    limited: bool,
    /// Why it could not be read to its end.
    fault: Option<String>,
}

/// Reads all inputs. An input that cannot be opened is an error; one that breaks off is told of in the profile.
pub fn profile(request: &Request) -> Result<Profile> {
    for spec in &request.sources {
        if let crate::input::Origin::Path(path) = &spec.origin
            && std::fs::metadata(path).is_err()
        {
            Source::open(spec, &request.read)?;
        }
    }
    let formats = Formats::new(&request.time_format, request.time_zone.as_deref())
        .map_err(crate::error::Error::Usage)?;
    let (sample, opened) = sample::take(request, formats);
    let roles = Roles::choose(&sample, request);
    let mut profile = pass::read(request, roles, opened)?;
    profile.suggestion = suggest::suggest(request, &profile);
    Ok(profile)
}

impl Profile {
    /// Why an input could not be read to its end, if one could not: the input and the reason.
    pub fn fault(&self) -> Option<(&str, &str)> {
        self.inputs.iter().find_map(|input| Some((input.name.as_str(), input.fault.as_deref()?)))
    }
}
