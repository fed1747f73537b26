//! Checking calls: how many arguments, of what types, and what can be prepared once for all records.

use std::ops::Range;

use super::check::{Checker, Typed, as_value, place};
use super::cursor::{Parsed, shorten};
use super::functions::{self, Body, FunctionHelp, Param};
use super::program::{Condition, Node, RegexSource};
use super::regexes::{WRITTEN_BYTES_MAX, compile_regex};
use super::syntax::{Kind, Node as Tree};
use super::timepart::{PARTS, Part};
use super::types::Type;
use crate::number::Number;
use crate::suggest::did_you_mean;
use crate::time::zone;
use crate::value::Value;

impl Checker<'_> {
    /// A call; the parser has looked the name up.
    pub(super) fn call(
        &mut self,
        name: &str,
        name_span: &Range<usize>,
        args: &[Tree],
        span: &Range<usize>,
    ) -> Parsed<Typed> {
        let Some(function) = functions::find(name) else {
            return Err(self.error(name_span, format!("unknown function `{name}`")));
        };
        self.count_arguments(function, args, span)?;
        let at = place(span);
        match function.body {
            Body::Plain(run) => {
                let args = self.arguments(function, args)?;
                let constant = args.iter().all(Node::is_literal);
                let node = Node::Call { run, params: function.params, args: args.into(), at };
                Ok((self.fold(node, constant)?, function.returns))
            }
            Body::Coalesce => {
                let (args, known) = self.alternatives(args)?;
                let constant = args.iter().all(Node::is_literal);
                Ok((self.fold(Node::Coalesce(args.into()), constant)?, known))
            }
            Body::Extreme { greatest } => {
                let (args, known) = self.alternatives(args)?;
                let constant = args.iter().all(Node::is_literal);
                Ok((self.fold(Node::Extreme { greatest, args: args.into(), at }, constant)?, known))
            }
            Body::NullIf => {
                let (first, known) = self.value(&args[0])?;
                self.no_time(known, &args[0].span)?;
                let mut both = known;
                let second = self.branch(&args[1], &mut both)?;
                let constant = first.is_literal() && second.is_literal();
                Ok((self.fold(Node::NullIf(Box::new([first, second]), at), constant)?, known))
            }
            Body::RegexMatch => {
                let text = self.wanted(&args[0], Type::Text, "`regexp_match`")?;
                let regex = self.regex(&args[1], "`regexp_match`")?;
                let constant = text.is_literal() && matches!(regex, RegexSource::Ready(_));
                self.fold_condition(Condition::RegexMatch(text, regex, at), constant).map(as_value)
            }
            Body::RegexExtract => self.regexp_extract(args, span),
            Body::EventTime => {
                self.has_event_time(span)?;
                // Only the functions that take a time get to see this, and they take it out again.
                Ok((Node::Literal(Value::Null), Type::Time))
            }
            Body::Part(part) => self.part(part, name, args, span),
            Body::DatePart => {
                let part = self.part_name(&args[0])?;
                self.part(part, name, &args[1..], span)
            }
        }
    }

    fn count_arguments(&self, function: &FunctionHelp, args: &[Tree], span: &Range<usize>) -> Parsed<()> {
        let max = if function.variadic { usize::MAX } else { function.params.len() };
        if (function.required..=max).contains(&args.len()) {
            return Ok(());
        }
        let count = |n: usize| match n {
            0 => "no arguments".to_owned(),
            1 => "1 argument".to_owned(),
            n => format!("{n} arguments"),
        };
        let wanted = match (function.required, max) {
            (least, usize::MAX) => format!("at least {}", count(least)),
            (least, most) if least == most => count(most),
            (least, most) => format!("{least} to {}", count(most)),
        };
        let given = if args.is_empty() { "none".to_owned() } else { args.len().to_string() };
        let message = format!("`{}` takes {wanted}, not {given}", function.name);
        Err(self.error(span, message).with_help(format!("write {}", function.usage)))
    }

    fn arguments(&mut self, function: &FunctionHelp, args: &[Tree]) -> Parsed<Vec<Node>> {
        let by = format!("`{}`", function.name);
        let mut nodes = Vec::with_capacity(args.len());
        for (n, arg) in args.iter().enumerate() {
            let param = function.params.get(n).or(function.params.last()).copied().unwrap_or(Param::Any);
            let node = self.wanted(arg, param.wanted(), &by)?;
            if let (Param::Integer, Node::Literal(Value::Number(number))) = (param, &node)
                && number.to_i64().is_none()
            {
                return Err(self.error(&arg.span, format!("{by}: a whole number is wanted here")));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// Values of which one is the result.
    fn alternatives(&mut self, args: &[Tree]) -> Parsed<(Vec<Node>, Type)> {
        let mut known = Type::Null;
        let mut nodes = Vec::with_capacity(args.len());
        for arg in args {
            nodes.push(self.branch(arg, &mut known)?);
        }
        Ok((nodes, known))
    }

    fn regexp_extract(&mut self, args: &[Tree], span: &Range<usize>) -> Parsed<Typed> {
        let by = "`regexp_extract`";
        let text = self.wanted(&args[0], Type::Text, by)?;
        let regex = self.regex(&args[1], by)?;
        let group = match args.get(2) {
            Some(group) => self.wanted(group, Type::Number, by)?,
            None => Node::Literal(Value::Number(Number::from_int(0))),
        };
        if let (RegexSource::Ready(regex), Node::Literal(Value::Number(number)), Some(tree)) =
            (&regex, &group, args.get(2))
        {
            let groups = regex.captures_len();
            let known = number.to_i64().is_some_and(|n| usize::try_from(n).is_ok_and(|n| n < groups));
            if !known {
                let message = format!("the pattern has no such group; it has {}", groups - 1);
                return Err(self.error(&tree.span, message));
            }
        }
        let constant = text.is_literal() && group.is_literal() && matches!(regex, RegexSource::Ready(_));
        let node = Node::Extract { text: Box::new(text), regex, group: Box::new(group), at: place(span) };
        Ok((self.fold(node, constant)?, Type::Text))
    }

    fn regex(&mut self, tree: &Tree, by: &str) -> Parsed<RegexSource> {
        match self.wanted(tree, Type::Text, by)? {
            Node::Literal(Value::Text(pattern)) => compile_regex(&pattern, WRITTEN_BYTES_MAX)
                .map(RegexSource::Ready)
                .map_err(|message| self.error(&tree.span, message)),
            other => Ok(RegexSource::Computed(Box::new(other))),
        }
    }

    fn part_name(&self, tree: &Tree) -> Parsed<Part> {
        let Kind::Text(name) = &tree.kind else {
            return Err(self.error(&tree.span, "the part is named by text, such as 'hour'"));
        };
        let lower = name.to_lowercase();
        if let Some((_, part)) = PARTS.iter().find(|(known, _)| *known == lower) {
            return Ok(*part);
        }
        let names = PARTS.map(|(name, _)| name);
        let error = self.error(&tree.span, format!("unknown part of a time `{}`", shorten(name)));
        Err(error.with_help(
            did_you_mean(name, names).unwrap_or_else(|| format!("the parts are {}", names.join(", "))),
        ))
    }

    /// A part of the time that the first argument is, in the zone that the second one names.
    fn part(&mut self, part: Part, name: &str, args: &[Tree], span: &Range<usize>) -> Parsed<Typed> {
        let Some(tree) = args.first() else {
            return Err(self.error(span, format!("`{name}` wants a time")));
        };
        let zone = match args.get(1) {
            None => None,
            Some(zone) if part == Part::Epoch => {
                return Err(self.error(&zone.span, "the seconds since the epoch are the same in all zones"));
            }
            Some(zone) => Some(self.zone(zone)?),
        };
        let time = if self.is_event_time(tree)? {
            None
        } else {
            let node = self.wanted(tree, Type::Text, &format!("`{name}`"))?;
            Some(Box::new(node))
        };
        let constant = time.as_ref().is_some_and(|node| node.is_literal());
        let node = Node::Part { part, time, zone, at: place(span) };
        Ok((self.fold(node, constant)?, Type::Number))
    }

    /// `event_time()`, or `event_time` alone where a time is wanted; a field of that name is quoted there.
    fn is_event_time(&mut self, tree: &Tree) -> Parsed<bool> {
        let is = match &tree.kind {
            Kind::Call { name, args, .. } => name == "event_time" && args.is_empty(),
            Kind::Field(path) => path.text.eq_ignore_ascii_case("event_time") && self.scope.has_event_time(),
            _ => false,
        };
        if is {
            self.has_event_time(&tree.span)?;
        }
        Ok(is)
    }

    fn has_event_time(&self, span: &Range<usize>) -> Parsed<()> {
        if self.scope.has_event_time() {
            return Ok(());
        }
        let error = self.error(span, "a row of the output has no event time");
        Err(error.with_help("window_start and window_end are its times"))
    }

    fn zone(&mut self, tree: &Tree) -> Parsed<jiff::tz::TimeZone> {
        let Kind::Text(name) = &tree.kind else {
            let error = self.error(&tree.span, "the time zone is named by text");
            return Err(error.with_help("write it in single quotes: 'Europe/Berlin'"));
        };
        zone::parse(name).map_err(|unknown| self.error(&tree.span, unknown.message).with_help(unknown.help))
    }
}
