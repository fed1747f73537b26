//! `--window` text to [`Windows`]: `SIZE[/ADVANCE][+OFFSET][@ZONE]`, `cumulate:` of the same,
//! `session:GAP`, `none`; or several of them with commas between.
//!
//! Every mistake is named with its place; nothing is guessed.

use std::ops::Range;

use jiff::tz::TimeZone;

use super::grid::{FIRST_MONDAY, Grid, Length};
use super::panes::{Panes, Shape};
use super::{Resolution, Windows};
use crate::error::SyntaxError;
use crate::time::duration::{self, DAY, Months, WEEK, Written};
use crate::time::zone;

/// So many kinds of windows one job may have: every event is added to each of them.
const KINDS_MAX: usize = 64;

/// Parses the texts of `--window`, each one kind of windows or several. A mistake is shown in the text it stands in.
pub(super) fn parse(texts: &[&str]) -> Result<Windows, SyntaxError> {
    windows(texts).map_err(|error| error.in_option("--window"))
}

fn windows(texts: &[&str]) -> Parsed<Windows> {
    let items = texts.iter().flat_map(|text| {
        let parser = Parser { text };
        parser.items().into_iter().map(move |span| (parser, span))
    });
    let items: Vec<(Parser<'_>, Range<usize>)> = items.collect();
    if let [(parser, only)] = &items[..] {
        return parser.one(only.clone());
    }
    let mut resolutions: Vec<Resolution> = Vec::new();
    for (parser, span) in items {
        let windows = parser.one(span.clone())?;
        if windows == Windows::None {
            let error = parser.error(span, "`none` has no windows, so it stands alone");
            return Err(error.with_help("leave it out, or run it as a job of its own"));
        }
        let name = parser.text[span.clone()].to_owned();
        if let Some(same) = resolutions.iter().find(|other| other.windows == windows) {
            let message = format!("`{name}` is given twice{}", spelled(&name, &same.name));
            return Err(parser.error(span, &message).with_help("leave one of them out"));
        }
        if resolutions.len() == KINDS_MAX {
            let message = format!("there are more than {KINDS_MAX} kinds of windows");
            return Err(parser.error(span, &message).with_help("count the others in a job of their own"));
        }
        resolutions.push(Resolution { name, windows });
    }
    Ok(Windows::Several(resolutions))
}

/// A length as read, and where it stands.
struct Part {
    span: Range<usize>,
    written: Written,
}

#[derive(Clone, Copy)]
struct Parser<'a> {
    text: &'a str,
}

type Parsed<T> = Result<T, SyntaxError>;

impl Parser<'_> {
    /// What stands between the commas.
    fn items(self) -> Vec<Range<usize>> {
        let mut start = 0;
        let spans = self.text.split(',').map(|item| {
            let span = start..start + item.len();
            start = span.end + 1;
            trim(self.text, span)
        });
        spans.collect()
    }

    /// One kind of windows.
    fn one(&self, whole: Range<usize>) -> Parsed<Windows> {
        let body = &self.text[whole.clone()];
        match body {
            "" => {
                let error = self.error(whole, "a window is missing");
                return Err(error.with_help("write it as `1m`, `5m/1m`, `session:30s` or `none`"));
            }
            "none" => return Ok(Windows::None),
            // The name alone lacks only what follows the colon.
            "session" => return self.session(whole.end..whole.end),
            "cumulate" => return self.panes(whole.end..whole.end, true).map(Windows::Panes),
            _ => {}
        }
        // A colon after the @ belongs to an offset such as +02:00.
        let before_zone = body.find('@').unwrap_or(body.len());
        match body[..before_zone].find(':') {
            None => self.panes(whole, false).map(Windows::Panes),
            Some(colon) => {
                let rest = whole.start + colon + 1..whole.end;
                match &body[..colon] {
                    "session" => self.session(rest),
                    "cumulate" => self.panes(rest, true).map(Windows::Panes),
                    name => Err(self.unknown_kind(name, whole.start..whole.start + colon)),
                }
            }
        }
    }

    fn session(&self, span: Range<usize>) -> Parsed<Windows> {
        let (start, end) = (span.start, span.end);
        if let Some(at) = self.text[span.clone()].find(['/', '+', '@']) {
            return Err(self.error(start + at..end, "a session has a gap and nothing else"));
        }
        if trim(self.text, span.clone()).is_empty() {
            return Err(self.error(end..end, "the gap is missing").with_help("write it as `session:30s`"));
        }
        let part = self.length(span, "gap", Months::Refused)?;
        if part.written.micros == 0 {
            return Err(self.error(part.span, "the gap must be above zero"));
        }
        Ok(Windows::Session { gap: part.written.micros })
    }

    fn panes(&self, span: Range<usize>, cumulate: bool) -> Parsed<Panes> {
        let (lengths, zone_span) = self.split(span, '@');
        let (lengths, offset_span) = self.split(lengths, '+');
        let (size_span, advance_span) = self.split(lengths, '/');
        let zone = zone_span.map(|span| self.zone(span)).transpose()?.flatten();
        let size_part = self.length(size_span, "size", Months::Allowed)?;
        let advance_part =
            advance_span.map(|span| self.length(span, "advance", Months::Allowed)).transpose()?;
        let size = self.positive(&size_part, "size")?;
        let (starts_part, starts) = match &advance_part {
            None if cumulate => {
                let end = size_part.span.end;
                let error = self.error(end..end, "the advance is missing");
                return Err(error.with_help("write it as `cumulate:1h/1m`"));
            }
            None => (&size_part, size),
            Some(part) => {
                let advance = self.positive(part, "advance")?;
                if cumulate {
                    self.check_steps(part, size, advance)?;
                    (&size_part, size)
                } else {
                    self.check_advance(part, &size_part, size, advance)?;
                    (part, advance)
                }
            }
        };
        let offset = offset_span.map(|span| self.length(span, "offset", Months::Allowed)).transpose()?;
        let mondays = starts_part.written.weeks;
        let starts = self.grid(starts, mondays, offset)?;
        let shape = match &advance_part {
            Some(part) if cumulate => Shape::Cumulate(self.positive(part, "advance")?),
            _ => Shape::Hopping(size),
        };
        Ok(Panes { shape, starts, mondays, zone })
    }

    /// Cuts a stretch at the first `mark`; both sides are kept even if empty.
    fn split(&self, span: Range<usize>, mark: char) -> (Range<usize>, Option<Range<usize>>) {
        match self.text[span.clone()].find(mark) {
            None => (span, None),
            Some(at) => (span.start..span.start + at, Some(span.start + at + 1..span.end)),
        }
    }

    /// Reads one length; `what` names it in messages.
    fn length(&self, span: Range<usize>, what: &str, months: Months) -> Parsed<Part> {
        let span = trim(self.text, span);
        let part = &self.text[span.clone()];
        if part.is_empty() {
            return Err(self.error(span, &format!("the {what} is missing")).with_help(
                "a window is SIZE[/ADVANCE][+OFFSET][@ZONE], as in `5m/1m` or `1d+6h@Europe/Berlin`",
            ));
        }
        if let Some(at) = part.find(['/', '+']) {
            let error = self.error(span.start + at..span.end, &format!("too much after the {what}"));
            return Err(error.with_help("a window is SIZE[/ADVANCE][+OFFSET][@ZONE]"));
        }
        let written = duration::read(part, months).map_err(|fault| {
            let place = span.start + fault.span.start..span.start + fault.span.end;
            let error = self.error(place, &fault.message);
            match fault.help {
                Some(help) => error.with_help(help),
                None => error,
            }
        })?;
        Ok(Part { span, written })
    }

    /// A size or advance: above zero, and in one kind of unit.
    fn positive(&self, part: &Part, what: &str) -> Parsed<Length> {
        let Written { months, micros, weeks, shorter } = part.written;
        let error = |message: String| self.error(part.span.clone(), &message);
        match (months, micros) {
            (0, 0) => Err(error(format!("the {what} must be above zero"))),
            (months, 0) if !weeks && !shorter => Ok(Length::Months(months)),
            (0, micros) if weeks && shorter => {
                let help =
                    format!("write `{}` for windows that do not begin on Mondays", duration::format(micros));
                Err(error("weeks are calendar units and stand alone".to_owned()).with_help(help))
            }
            (0, micros) if weeks && micros % WEEK != 0 => {
                let help =
                    format!("write `{}` for windows that do not begin on Mondays", duration::format(micros));
                Err(error("calendar weeks come whole".to_owned()).with_help(help))
            }
            (0, micros) => Ok(Length::Micros(micros)),
            _ => Err(error("months and years are calendar units and stand alone".to_owned())),
        }
    }

    /// Hopping windows must leave no time uncovered, and must end in the order in which they begin.
    fn check_advance(&self, part: &Part, size_part: &Part, size: Length, advance: Length) -> Parsed<()> {
        let above = match (size, advance) {
            (Length::Months(size), Length::Months(advance)) => advance > size,
            _ => advance.longest() > size.shortest(),
        };
        if above {
            let (size, advance) = (&self.text[size_part.span.clone()], &self.text[part.span.clone()]);
            let error =
                self.error(part.span.clone(), &format!("the advance {advance} is above the size {size}"));
            return Err(error.with_help(format!(
                "events between the windows would be lost; did you mean `{advance}/{size}`?"
            )));
        }
        match (size, advance) {
            (Length::Months(_), Length::Micros(micros)) if micros % DAY != 0 => {
                let error = self.error(part.span.clone(), "a size in months needs an advance in whole days");
                Err(error.with_help("write days (`1d`), weeks or months"))
            }
            _ => Ok(()),
        }
    }

    /// The size of cumulate windows must be a whole number of steps.
    fn check_steps(&self, part: &Part, size: Length, advance: Length) -> Parsed<()> {
        let multiple = match (size, advance) {
            (Length::Micros(size), Length::Micros(advance)) => size % advance == 0,
            (Length::Months(size), Length::Months(advance)) => size % advance == 0,
            // Months are whole numbers of days, but of nothing longer.
            (Length::Months(_), Length::Micros(advance)) => DAY % advance == 0,
            (Length::Micros(_), Length::Months(_)) => false,
        };
        if multiple {
            return Ok(());
        }
        let error =
            self.error(part.span.clone(), "the size of cumulate windows must be a multiple of the advance");
        Err(match size {
            Length::Months(_) => error.with_help("months are multiples of months, and of what divides a day"),
            Length::Micros(_) => error,
        })
    }

    /// The boundaries at which windows begin: weeks on Mondays, months from January 1970, then the offset.
    fn grid(&self, step: Length, weeks: bool, offset: Option<Part>) -> Parsed<Grid> {
        let (months, micros) =
            offset.as_ref().map_or((0, 0), |part| (part.written.months, part.written.micros));
        let error = |message: &str| {
            let span = offset.as_ref().map_or(0..0, |part| part.span.clone());
            self.error(span, message)
        };
        match step {
            Length::Micros(step) => {
                if months != 0 {
                    return Err(error("an offset in months needs windows that begin by the month"));
                }
                let monday = if weeks { FIRST_MONDAY } else { 0 };
                Ok(Grid { step: Length::Micros(step), months: 0, micros: monday + micros.rem_euclid(step) })
            }
            Length::Months(step) => {
                // Up to here the offset is below every month's length, so modulo changes nothing.
                if micros >= Length::Months(step).shortest() {
                    return Err(error("the offset is longer than the shortest of these windows")
                        .with_help("write whole months of it as months, as in `1y+3mo5d`"));
                }
                Ok(Grid { step: Length::Months(step), months: months.rem_euclid(step), micros })
            }
        }
    }

    /// The zone; none for UTC, whose times are written with `Z`.
    fn zone(&self, span: Range<usize>) -> Parsed<Option<TimeZone>> {
        let span = trim(self.text, span);
        let name = &self.text[span.clone()];
        if name.is_empty() {
            return Err(self.error(span, "the zone is missing").with_help("write it as `1d@Europe/Berlin`"));
        }
        let zone = zone::parse(name)
            .map_err(|unknown| self.error(span, &unknown.message).with_help(unknown.help))?;
        Ok(Some(zone).filter(|zone| *zone != TimeZone::UTC))
    }

    fn unknown_kind(&self, name: &str, span: Range<usize>) -> SyntaxError {
        let error = self.error(span, &format!("there are no `{}` windows", crate::time::cut(name)));
        let near =
            ["session", "cumulate"].into_iter().find(|kind| strsim::damerau_levenshtein(kind, name) <= 3);
        match (name, near) {
            (_, Some(kind)) => error.with_help(format!("did you mean `{kind}:`?")),
            ("tumble" | "tumbling", _) => error.with_help("tumbling windows are a size alone, as in `1m`"),
            ("hop" | "hopping" | "slide" | "sliding", _) => {
                error.with_help("hopping windows are SIZE/ADVANCE, as in `5m/1m`")
            }
            _ => error.with_help(
                "there are `SIZE`, `SIZE/ADVANCE`, `session:GAP`, `cumulate:SIZE/ADVANCE`, `none`",
            ),
        }
    }

    fn error(&self, span: Range<usize>, message: &str) -> SyntaxError {
        SyntaxError::new(self.text, span, message)
    }
}

/// How the same was spelled before, if otherwise.
fn spelled(name: &str, before: &str) -> String {
    if name == before { String::new() } else { format!(", first as `{before}`") }
}

/// A stretch of text without the spaces around it.
fn trim(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_start().len());
    let end = span.start + part.trim_end().len();
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, description: &str) {
        let windows = parse(&[text]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(windows.describe(), description, "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, at: &str, message: &str) {
        let error = parse(&[text]).expect_err(text);
        assert_eq!(&text[error.span.clone()], at, "{error}");
        let shown = error.to_string();
        assert!(shown.starts_with("--window: ") && shown.contains(message), "{shown}");
        if at.is_empty() && !text.starts_with('/') {
            assert_eq!(error.span.start, text.trim_end().len(), "{text}");
        }
    }

    #[test]
    fn reads_every_form() {
        check("1m", "tumbling windows of 1m");
        check(" 1h30m ", "tumbling windows of 1h30m");
        check("5m/1m", "hopping windows of 5m every 1m");
        check("5m / 2m + 30s", "hopping windows of 5m every 2m, offset by 30s");
        check("5m/5m", "tumbling windows of 5m");
        check("1h+15m", "tumbling windows of 1h, offset by 15m");
        check("1h+75m", "tumbling windows of 1h, offset by 15m");
        check("1d", "tumbling windows of 1d");
        check("1d@UTC", "tumbling windows of 1d");
        check("1d@Europe/Berlin", "calendar days in Europe/Berlin");
        check("1d+6h@europe/berlin", "calendar days, offset by 6h in Europe/Berlin");
        check("6h@America/New_York", "tumbling windows of 6h in America/New_York");
        check("1d@+05:30", "calendar days in +05:30");
        check("7d", "tumbling windows of 7d");
        check("1w", "calendar weeks in UTC");
        check("2w+1d", "tumbling windows of 2w, offset by 1d in UTC");
        check("1w+8d", "calendar weeks, offset by 1d in UTC");
        check("1w+4d", "calendar weeks, offset by 4d in UTC");
        check("1w/1d", "hopping windows of 7d every 1d");
        check("1mo", "calendar months in UTC");
        check("3mo@Asia/Kolkata", "calendar quarters in Asia/Kolkata");
        check("1y+3mo5d", "calendar years, offset by 3mo5d in UTC");
        check("1mo/1d@Europe/Berlin", "hopping windows of 1mo every 1d in Europe/Berlin");
        check("31d/1mo", "hopping windows of 31d every 1mo in UTC");
        check("cumulate:1h/1m", "cumulate windows of up to 1h in steps of 1m");
        check("cumulate:1mo/1d", "cumulate windows of up to 1mo in steps of 1d in UTC");
        check("cumulate:1y/1mo+3mo", "cumulate windows of up to 1y in steps of 1mo, offset by 3mo in UTC");
        check(
            "cumulate:1d/1h+90m@Europe/Berlin",
            "cumulate windows of up to 1d in steps of 1h, offset by 1h30m in Europe/Berlin",
        );
        check("session:30s", "sessions with a gap of 30s");
        check("session: 1w", "sessions with a gap of 7d");
        check("none", "no windows: one row per key at the end");
        check(
            "1m,1h , session:5m",
            "tumbling windows of 1m; tumbling windows of 1h; sessions with a gap of 5m",
        );
    }

    #[test]
    fn several_keep_their_names() {
        let windows = parse(&[" 60s, 1h/5m@Europe/Berlin"]).unwrap();
        assert_eq!(windows.names(), ["60s", "1h/5m@Europe/Berlin"]);
        assert_eq!((windows.kinds(), windows.finders().len()), (2, 2));
        assert_eq!(windows.zone(), None);
        assert!(parse(&["1d@Europe/Berlin,1mo@Europe/Berlin"]).unwrap().zone().is_some());
        assert_eq!(parse(&["1m"]).unwrap().names(), [""; 0]);
    }

    #[test]
    fn a_mistake_is_shown_in_the_text_it_stands_in() {
        let check = |texts: &[&str], text: &str, at: &str| {
            let error = parse(texts).expect_err("it is refused");
            assert_eq!((&error.text[..], &error.text[error.span.clone()]), (text, at), "{texts:?}");
        };
        check(&["1m", "5x"], "5x", "5x");
        check(&["5x", "1m"], "5x", "5x");
        check(&["1m", "1h,5x"], "1h,5x", "5x");
        check(&["1m,1h", "60s"], "60s", "60s");
        check(&["none", "1m"], "none", "none");
        check(&["1m", ""], "", "");
        assert_eq!(parse(&["1m", "1h, 1d"]).unwrap(), parse(&["1m,1h,1d"]).unwrap());
        assert_eq!(parse(&["1m", "1h, 1d"]).unwrap().names(), ["1m", "1h", "1d"]);
    }

    #[test]
    fn names_the_mistake_and_its_place() {
        check_error("", "", "a window is missing");
        check_error("1M", "1M", "did you mean `1m` (minutes) or `1mo` (months)?");
        check_error("5m/1M", "1M", "did you mean `1m` (minutes) or `1mo` (months)?");
        check_error("5", "5", "`5` has no unit");
        check_error("5m/10m", "10m", "the advance 10m is above the size 5m");
        check_error("30d/1mo", "1mo", "above the size");
        check_error("1mo/29d", "29d", "above the size");
        check_error("1mo/1h", "1h", "an advance in whole days");
        check_error("0s", "0s", "the size must be above zero");
        check_error("0", "0", "the size must be above zero");
        check_error("0mo", "0mo", "the size must be above zero");
        check_error("5m/0s", "0s", "the advance must be above zero");
        check_error("5m/", "", "the advance is missing");
        check_error("5m+", "", "the offset is missing");
        check_error("5m@", "", "the zone is missing");
        check_error("/5m", "", "the size is missing");
        check_error("5m/1m/1m", "/1m", "too much after the advance");
        check_error("5m+1m/1m", "/1m", "too much after the offset");
        check_error("5m+1m+1m", "+1m", "too much after the offset");
        check_error("1d@Europe/Berln", "Europe/Berln", "did you mean `Europe/Berlin`?");
        check_error("1d@+25:00", "+25:00", "not an offset");
        check_error("-5m", "-", "negative");
        check_error("5m junk", "junk", "not a duration");
        check_error("0.1us", "0.1us", "finer than a microsecond");
        check_error("40000000d", "40000000d", "longer than");
        check_error("1.5w", "1.5w", "write `10d12h`");
        check_error("1w3d", "1w3d", "write `10d`");
        check_error("1mo1d", "1mo1d", "stand alone");
        check_error("0.5mo", "0.5mo", "whole number of months");
        check_error("1d+1mo", "1mo", "begin by the month");
        check_error("1mo+30d", "30d", "longer than the shortest");
        check_error("session", "", "the gap is missing");
        check_error("session:", "", "the gap is missing");
        check_error("session:0s", "0s", "the gap must be above zero");
        check_error("session:5m/1m", "/1m", "a gap and nothing else");
        check_error("session:1mo", "1mo", "no fixed length");
        check_error("sesion:5m", "sesion", "did you mean `session:`?");
        check_error("tumble:5m", "tumble", "a size alone");
        check_error("hop:5m", "hop", "SIZE/ADVANCE");
        check_error("x:5m", "x", "there are `SIZE`");
        check_error("cumulate:1h", "", "the advance is missing");
        check_error("cumulate", "", "the size is missing");
        check_error("cumulate:1h/7m", "7m", "a multiple of the advance");
        check_error("cumulate:1mo/1w", "1w", "what divides a day");
        check_error("cumulate:1d/1mo", "1mo", "a multiple of the advance");
        check_error("1m,", "", "a window is missing");
        let many: Vec<String> = (1..=65).map(|n| format!("{n}s")).collect();
        check_error(&many.join(","), "65s", "more than 64 kinds");
        assert_eq!(parse(&[&many[..64].join(",")]).map(|windows| windows.kinds()), Ok(64));
        check_error("1m,1h,60s", "60s", "given twice, first as `1m`");
        check_error("1m,1m", "1m", "given twice");
        check_error("1m,none", "none", "stands alone");
        check_error("1m,1h@Europe/Berln", "Europe/Berln", "did you mean `Europe/Berlin`?");
        check_error("5é", "5é", "unknown unit");
        check_error("é", "é", "not a duration");
    }
}
