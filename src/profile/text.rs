//! A profile as text for people, for a terminal of 80 columns. The form may change.

mod events;

use super::Profile;
use super::fields::{Field, Kind};
use super::words::{count, percent};
use crate::error::{Escaped, printable};
use crate::outline;
use crate::time::{Form, Unit, write_time};

/// The columns of a terminal, and those for names.
const WIDTH: usize = 80;
const NAME_COLUMNS: usize = 11;
/// So many of a kind are shown one by one.
const INPUTS_MAX: usize = 10;
const FIELDS_SHOWN: usize = 60;

/// The text, each line ended.
pub fn text(profile: &Profile) -> String {
    let mut page = Page { profile, text: String::new() };
    page.inputs();
    page.fields();
    page.times();
    page.order();
    page.ids();
    page.sessions();
    page.bad();
    page.command();
    page.text
}

/// The time in RFC 3339.
pub(super) fn time(micros: i64) -> String {
    let mut text = Vec::new();
    write_time(micros, Form::Text, None, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What a form of times is called.
pub(super) fn form(form: Form) -> &'static str {
    match form {
        Form::Text => "text",
        Form::Number(Unit::Seconds) => "s",
        Form::Number(Unit::Millis) => "ms",
        Form::Number(Unit::Micros) => "us",
        Form::Number(Unit::Nanos) => "ns",
    }
}

struct Page<'p> {
    profile: &'p Profile,
    text: String,
}

impl Page<'_> {
    fn section(&mut self, title: &str) {
        outline::section(&mut self.text, title);
    }

    /// A line, or several where it is too long, each broken at a blank. A long name has a line of its own.
    fn line(&mut self, name: &str, what: &str) {
        let room = WIDTH - NAME_COLUMNS - 4;
        let (mut name, mut rest) = (name, what.to_owned());
        if name.chars().count() > NAME_COLUMNS {
            self.text += &format!("  {}\n", printable(name));
            name = "";
        }
        while rest.chars().count() > room {
            let cut = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            let Some(blank) = rest[..=cut].rfind(' ').filter(|blank| *blank > 0) else { break };
            let tail = rest.split_off(blank);
            outline::line(&mut self.text, NAME_COLUMNS, name, &rest);
            (name, rest) = ("", tail.trim_start().to_owned());
        }
        outline::line(&mut self.text, NAME_COLUMNS, name, &rest);
    }

    fn inputs(&mut self) {
        self.section("inputs");
        let inputs = &self.profile.inputs;
        for input in inputs.iter().take(INPUTS_MAX) {
            let bad = if input.bad > 0 { format!(", {} of them bad", input.bad) } else { String::new() };
            let mut what = format!(
                "{}, {}{bad}, {} bytes",
                crate::job::sources::describe(input.format),
                count(input.records, "record", "records"),
                input.bytes
            );
            if input.limited {
                what += "; read up to --limit";
            }
            self.named(&input.name, &what);
            if let Some(fault) = &input.fault {
                self.line("", &format!("BREAKS OFF: {fault}"));
            }
        }
        if let Some(more) = inputs.len().checked_sub(INPUTS_MAX).filter(|more| *more > 0) {
            let records: u64 = inputs.iter().map(|input| input.records).sum();
            self.text += &format!("  and {more} more; {records} records in all\n");
        }
    }

    fn fields(&mut self) {
        let fields = &self.profile.fields;
        let listed = fields.listed();
        self.section(&format!("fields of {}", count(fields.records, "record", "records")));
        if listed.is_empty() {
            return;
        }
        let longest = listed.iter().take(FIELDS_SHOWN).map(|field| field.text().chars().count()).max();
        let columns = longest.unwrap_or(0).clamp(5, 24);
        self.text += &format!(
            "  {:columns$}  {:9} {:>7} {:>7} {:>9}  examples\n",
            "name", "type", "missing", "null", "distinct"
        );
        for field in listed.iter().take(FIELDS_SHOWN) {
            self.field(field, columns);
        }
        if listed.len() > FIELDS_SHOWN || fields.more {
            let more = listed.len().saturating_sub(FIELDS_SHOWN);
            let many = if fields.more { "and many more than are told apart" } else { "--to json has all" };
            self.text += &format!("  ... {more} more; {many}\n");
        }
    }

    fn field(&mut self, field: &Field, columns: usize) {
        let records = self.profile.fields.records;
        let missing = records.saturating_sub(field.values() + field.nulls);
        let share = |part: u64| if part == 0 { "-".to_owned() } else { percent(part, records) };
        let distinct = match field.distinct_values() {
            0 => "-".to_owned(),
            exact if field.is_distinct_exact() => exact.to_string(),
            about => format!("~{about}"),
        };
        let mut line = format!(
            "  {:columns$}  {:9} {:>7} {:>7} {distinct:>9}  {}",
            printable(&field.text()),
            kind(field),
            share(missing),
            share(field.nulls),
            printable(&field.examples.join(", ")),
        );
        if line.chars().count() > WIDTH {
            let cut = line.char_indices().nth(WIDTH - 1).map_or(line.len(), |(cut, _)| cut);
            line.truncate(cut);
            line.push('…');
        }
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// A name of any length and what there is to say of it, on one line if that is long enough.
    fn named(&mut self, name: &str, what: &str) {
        let name = printable(name);
        if name.chars().count() + what.chars().count() + 4 <= WIDTH {
            self.text += &format!("  {name}  {}\n", printable(what));
        } else {
            self.text += &format!("  {name}\n");
            self.line("", what);
        }
    }

    fn bad(&mut self) {
        let Profile { bad, inputs, .. } = self.profile;
        if bad.0.is_empty() {
            return;
        }
        self.section("bad records");
        for bad in &bad.0 {
            self.text += &format!("  {}, {}\n", bad.count, bad.kind.name());
            let place = format!("{}:{}", Escaped(&inputs[bad.first.source].name), bad.first.line);
            self.line("first", &format!("{place}: {}", Escaped(&bad.reason)));
        }
    }

    fn command(&mut self) {
        let Some(suggestion) = &self.profile.suggestion else { return };
        self.section("a job to start with");
        for (option, reason) in &suggestion.reasons {
            self.line(option, reason);
        }
        let words: Vec<String> = suggestion.words.iter().map(|word| outline::word(word)).collect();
        self.text.push('\n');
        let mut line = String::from(" ");
        for word in words {
            if line.chars().count() + word.chars().count() + 3 > WIDTH && line.len() > 1 {
                self.text += &format!("{line} \\\n");
                line = "   ".to_owned();
            }
            line += &format!(" {word}");
        }
        self.text += &format!("{line}\n");
    }
}

/// What a field holds, in a word.
fn kind(field: &Field) -> String {
    let Some(kind) = field.kind() else { return "null".to_owned() };
    let numbers = field.kinds[Kind::Integer as usize] + field.kinds[Kind::Number as usize];
    match field.values() {
        all if all == field.kinds[kind as usize] => kind.name().to_owned(),
        all if all == numbers => Kind::Number.name().to_owned(),
        _ => "mixed".to_owned(),
    }
}
