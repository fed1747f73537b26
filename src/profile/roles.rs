//! Which fields a job would take for its event time, ids and keys, by a sample of the records.
//!
//! Everything here is a guess with its reason. What the user names is not questioned.

use super::Request;
use super::fields::{Field, Fields, Kind};
use super::formats::{Formats, Verdict};
use crate::expr::{FieldPath, Step};
use crate::job::DEFAULT_TIME_FIELDS;
use crate::time::duration::DAY;

/// The most fields that are looked at as ids, and as keys of sessions.
const IDS_MAX: usize = 2;
const KEYS_MAX: usize = 1;
/// A key that is worth grouping by has at most so many values.
pub const KEY_VALUES_MAX: u64 = 100;

/// A field that may hold the event time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The field.
    pub path: FieldPath,
    /// How its values are written.
    pub verdict: Verdict,
    /// Why it stands where it does.
    pub reasons: Vec<String>,
    score: i64,
}

/// One or more fields that make an id or a key together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Their numbers among [`Roles::fields`].
    pub fields: Vec<usize>,
    /// The option's value.
    pub text: String,
    /// Whether the user has named them.
    pub named: bool,
}

/// What is looked at closely in all records.
#[derive(Debug, Default)]
pub struct Roles {
    /// All fields that the others name by number; none stands twice.
    pub fields: Vec<FieldPath>,
    /// The fields that may be the event time, the likeliest first.
    pub times: Vec<Candidate>,
    /// The event time, and the format as `--time-format` takes it.
    pub time: Option<(usize, String)>,
    /// What may be ids.
    pub ids: Vec<Group>,
    /// What may be keys of sessions.
    pub keys: Vec<Group>,
}

impl Roles {
    /// The roles of the fields of a sample.
    pub fn choose(fields: &Fields, request: &Request) -> Roles {
        let listed = fields.listed();
        let mut roles = Roles::default();
        if let Some(formats) = fields.formats() {
            roles.times = times(&listed, fields.records, formats, request);
        }
        if let Some(path) = &request.time {
            let format = roles.times.first().filter(|first| first.path.steps == path.steps);
            let format = format.map_or(request.time_format.clone(), |first| first.verdict.format.clone());
            roles.time = Some((roles.number(path), format));
        } else if let Some(first) = roles.times.first().cloned() {
            roles.time = Some((roles.number(&first.path), first.verdict.format));
        }
        if !request.ids.is_empty() {
            let group = roles.group(&request.ids, true);
            roles.ids.push(group);
        }
        if !request.keys.is_empty() {
            let group = roles.group(&request.keys, true);
            roles.keys.push(group);
        }
        roles.guess(&listed, fields.records);
        roles
    }

    fn guess(&mut self, listed: &[&Field], records: u64) {
        let is_time = |field: &Field| self.times.iter().any(|time| time.path.steps == field.steps);
        let free: Vec<&Field> = listed.iter().copied().filter(|field| !is_time(field)).collect();
        let best = |score: &dyn Fn(&Field) -> i64, max: usize| {
            let mut found: Vec<(i64, FieldPath)> = (free.iter())
                .filter_map(|field| Some((score(field), usable(field)?)))
                .filter(|(score, _)| *score > 0)
                .collect();
            // Stable: of equals the first stays the first.
            found.sort_by_key(|(score, _)| -score);
            found.into_iter().map(|(_, path)| path).take(max).collect::<Vec<_>>()
        };
        let ids = best(&|field| id_score(field, records), IDS_MAX);
        let keys = best(&|field| session_score(field, records), KEYS_MAX);
        if self.ids.is_empty() {
            self.ids = ids.iter().map(|path| self.group(std::slice::from_ref(path), false)).collect();
        }
        if self.keys.is_empty() {
            self.keys = keys.iter().map(|path| self.group(std::slice::from_ref(path), false)).collect();
        }
    }

    fn group(&mut self, paths: &[FieldPath], named: bool) -> Group {
        let fields = paths.iter().map(|path| self.number(path)).collect();
        let texts: Vec<&str> = paths.iter().map(|path| path.text.as_str()).collect();
        Group { fields, text: texts.join(","), named }
    }

    fn number(&mut self, path: &FieldPath) -> usize {
        self.fields.iter().position(|known| known.steps == path.steps).unwrap_or_else(|| {
            self.fields.push(path.clone());
            self.fields.len() - 1
        })
    }
}

/// The path of a field that a job can use as id or key.
fn usable(field: &Field) -> Option<FieldPath> {
    let nested = field.kinds[Kind::Object as usize] + field.kinds[Kind::Array as usize];
    field.path().filter(|_| nested == 0 && !field.repeated)
}

/// The last name of a path in lower case.
fn name(field: &Field) -> String {
    let name = field.steps.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(name.to_lowercase()),
        Step::Index(_) => None,
    });
    name.unwrap_or_default()
}

/// The words of a name: `eventTime`, `event_time` and `event-time` have two.
fn has_word(field: &Field, words: &[&str]) -> bool {
    let name = field.steps.iter().rev().find_map(|step| match step {
        Step::Member(name) => Some(name.as_str()),
        Step::Index(_) => None,
    });
    let mut spaced = String::new();
    let mut lower = false;
    for c in name.unwrap_or_default().chars() {
        if c.is_uppercase() && lower {
            spaced.push(' ');
        }
        lower = c.is_lowercase();
        spaced.extend(if c.is_alphanumeric() { c.to_lowercase().next() } else { Some(' ') });
    }
    spaced.split(' ').any(|word| words.contains(&word))
}

const TIME_WORDS: [&str; 18] = [
    "time",
    "timestamp",
    "ts",
    "date",
    "datetime",
    "at",
    "when",
    "created",
    "updated",
    "received",
    "sent",
    "logged",
    "occurred",
    "start",
    "started",
    "begin",
    "end",
    "dep",
];

fn times(listed: &[&Field], records: u64, formats: &Formats, request: &Request) -> Vec<Candidate> {
    let mut found: Vec<Candidate> =
        listed.iter().filter_map(|field| candidate(field, records, formats, request)).collect();
    found.sort_by_key(|candidate| -candidate.score);
    found
}

fn candidate(field: &Field, records: u64, formats: &Formats, request: &Request) -> Option<Candidate> {
    let verdict = field.votes.as_ref()?.verdict(formats)?;
    let named = request.time.as_ref().is_some_and(|path| path.steps == field.steps);
    let rank = match &field.steps[..] {
        [Step::Member(name)] => DEFAULT_TIME_FIELDS.iter().position(|known| known == name),
        _ => None,
    };
    let is_called_so = rank.is_some() || has_word(field, &TIME_WORDS);
    let is_likely = !verdict.is_number || verdict.is_plausible || rank.is_some();
    if !named && (verdict.percent < 50 || !is_likely || field.repeated) {
        return None;
    }
    let path = match &request.time {
        Some(path) if named => path.clone(),
        _ => field.path()?,
    };
    let filled = 100 * field.values() / records.max(1);
    let mut reasons = Vec::new();
    let mut say = |holds: bool, reason: &str| holds.then(|| reasons.push(reason.to_owned()));
    say(named, "named with --time");
    say(!named && rank.is_some(), "its name is one that windrow looks for");
    say(!named && rank.is_none() && is_called_so, "its name says so");
    say(!is_called_so && verdict.is_number, "numbers of that size");
    say(filled == 100, "every record has it");
    if filled < 100 {
        reasons.push(format!("{filled} % of the records have it"));
    }
    if verdict.percent < 100 {
        reasons.push(format!("{} % of its values fit", verdict.percent));
    }
    if verdict.lacks_zone() && request.time_zone.is_none() {
        reasons.push("taken for UTC, unless --time-zone says otherwise".to_owned());
    }
    if let Some(or) = &verdict.or {
        reasons.push(format!("they fit {or} as well"));
    }
    let score = 10_000 * i64::from(named)
        + rank.map_or(0, |rank| 1000 - 10 * rank as i64)
        + 200 * i64::from(is_called_so)
        + 100 * i64::from(!verdict.is_number)
        + 3 * (filled as i64 * i64::from(verdict.percent)) / 100;
    Some(Candidate { path, verdict, reasons, score })
}

/// How likely a field is an id: its values hardly repeat, and its name or its look says so.
fn id_score(field: &Field, records: u64) -> i64 {
    let values = field.values();
    let number = field.kinds[Kind::Number as usize] + field.kinds[Kind::Boolean as usize];
    if records < 2 || values * 10 < records * 9 || number > 0 {
        return 0;
    }
    let unique = 100 * field.distinct_values() / values.max(1);
    let name = name(field);
    let is_exactly =
        ["id", "_id", "uuid", "guid", "event_id", "eventid", "message_id", "request_id", "msgid"];
    let is_text = field.kinds[Kind::Integer as usize] == 0;
    let looks_so = is_text && field.examples.iter().all(|text| text.len() >= 6 && !text.contains(' '));
    match unique {
        ..99 if has_word(field, &WHO_WORDS) => 0,
        30.. if is_exactly.contains(&name.as_str()) => 1000 + unique as i64,
        70.. if has_word(field, &["id", "uuid", "guid", "key", "seq", "sequence", "offset", "number"]) => {
            500 + unique as i64
        }
        97.. if looks_so => 100 + unique as i64,
        _ => 0,
    }
}

/// What has sessions, or what comes again and again: somebody or something.
const WHO_WORDS: [&str; 16] = [
    "user", "session", "visitor", "client", "customer", "account", "device", "host", "ip", "player",
    "member", "sensor", "vehicle", "machine", "tailnum", "agent",
];

/// How likely a field is what has sessions: somebody or something that comes again.
fn session_score(field: &Field, records: u64) -> i64 {
    let (values, distinct) = (field.values(), field.distinct_values());
    if values * 2 < records || distinct < 2 || field.kinds[Kind::Number as usize] > 0 {
        return 0;
    }
    // A sample may have most of many keys once only.
    match has_word(field, &WHO_WORDS) {
        true if distinct * 20 <= values * 19 => 1000 + distinct.min(500) as i64,
        false if distinct * 2 <= values && field.kind() == Some(Kind::Text) => distinct.min(500) as i64,
        _ => 0,
    }
}

/// How good a field is to group by, from all records: few values, and all records have one.
pub fn key_score(field: &Field, records: u64) -> i64 {
    let (values, distinct) = (field.values(), field.distinct_values());
    let is_few = (2..=KEY_VALUES_MAX).contains(&distinct) && distinct * 4 <= values;
    if !is_few || field.kinds[Kind::Number as usize] > 0 || values * 2 < records || usable(field).is_none() {
        return 0;
    }
    let is_text = field.kind() == Some(Kind::Text);
    let is_boolean = field.kind() == Some(Kind::Boolean);
    1 + 100 * i64::from(values == records) + 50 * i64::from(is_text) - 20 * i64::from(is_boolean)
        + 10 * i64::from(distinct > 2 && distinct <= 30)
}

/// The length of windows that makes some tens of them, in microseconds, and as `--window` takes it.
pub fn window(range: i64) -> (i64, &'static str) {
    const SECOND: i64 = 1_000_000;
    const WINDOWS: [(i64, &str); 12] = [
        (SECOND, "1s"),
        (10 * SECOND, "10s"),
        (60 * SECOND, "1m"),
        (300 * SECOND, "5m"),
        (900 * SECOND, "15m"),
        (3600 * SECOND, "1h"),
        (6 * 3600 * SECOND, "6h"),
        (DAY, "1d"),
        (7 * DAY, "1w"),
        (31 * DAY, "1mo"),
        (92 * DAY, "3mo"),
        (366 * DAY, "1y"),
    ];
    let fits = WINDOWS.iter().find(|(length, _)| range / length <= 100);
    *fits.unwrap_or(&WINDOWS[WINDOWS.len() - 1])
}
