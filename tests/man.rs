//! The manual pages in `man/` are made from the definition of the command line. This test fails when
//! they are out of date; `WINDROW_BLESS=1 cargo test --test man` rewrites them.

use std::fs;
use std::path::Path;

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use windrow::cli::{examples, parse};
use windrow::{aggregate, expr};

/// The exit codes of every command that runs a job.
const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "The job is done."),
    ("1", "The run failed: a bad record (see --bad), or input or output that does not work."),
    ("2", "Wrong usage: the options, the job file, or an expression."),
    ("130", "Stopped by SIGINT."),
    ("143", "Stopped by SIGTERM."),
    ("141", "The reader of standard output went away."),
];

#[test]
fn manual_pages_are_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let mut outdated = Vec::new();
    for (name, page) in pages() {
        let path = directory.join(name);
        if fs::read_to_string(&path).ok().as_deref() == Some(&page) {
            continue;
        }
        match std::env::var_os("WINDROW_BLESS") {
            Some(_) => fs::write(&path, page).expect("the manual page is writable"),
            None => outdated.push(path),
        }
    }
    assert!(outdated.is_empty(), "{outdated:?}: WINDROW_BLESS=1 cargo test --test man rewrites them");
}

/// Against a page that is right byte for byte because the generator left something out.
#[test]
fn manual_pages_name_every_option() {
    let pages = pages();
    for command in commands() {
        let name = file_name(&command);
        let (_, page) = pages.iter().find(|(page, _)| *page == name).expect("every command has a page");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let Some(long) = arg.get_long() else { continue };
            let written = format!("\\-\\-{}", long.replace('-', "\\-"));
            assert!(page.contains(&written), "{name} does not name --{long}");
        }
    }
}

/// The main command and all others, each of which has a page of its own.
fn commands() -> Vec<Command> {
    fn inner(command: &Command) -> Vec<Command> {
        let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
        shown.flat_map(|found| std::iter::once(found.clone()).chain(inner(found))).collect()
    }
    let command = parse::command(false);
    let inner = inner(&command);
    std::iter::once(command).chain(inner).collect()
}

fn file_name(command: &Command) -> String {
    format!("{}.1", command.get_display_name().unwrap_or(command.get_name()))
}

fn pages() -> Vec<(String, String)> {
    commands().into_iter().map(|command| (file_name(&command), page(command))).collect()
}

/// One page. Without date and version: it changes when the tool does.
fn page(command: Command) -> String {
    let runs_jobs = command.get_arguments().any(|arg| arg.get_id() == "files");
    let is_main = command.get_name() == "windrow";
    let subcommands = command.get_subcommands().any(|inner| !inner.is_hide_set());
    let title = file_name(&command).trim_end_matches(".1").to_uppercase();
    let man = Man::new(command.mut_args(with_long_help))
        .title(title)
        .date("")
        .source("windrow")
        .manual("User Commands");

    let mut out = Vec::new();
    let mut render = |section: &dyn Fn(&mut Vec<u8>) -> std::io::Result<()>| {
        section(&mut out).expect("writing to memory succeeds");
    };
    render(&|out| man.render_title(out));
    render(&|out| man.render_name_section(out));
    render(&|out| man.render_synopsis_section(out));
    render(&|out| man.render_description_section(out));
    render(&|out| man.render_options_section(out));
    if subcommands {
        render(&|out| man.render_subcommands_section(out));
    }
    let mut text = String::from_utf8(out).expect("the pages are UTF-8");
    if is_main {
        text += &aggregates();
        text += &expressions();
    }
    if runs_jobs {
        text += &exit_status();
    }
    if is_main {
        text += &example_section();
    }
    text
}

/// The generator takes the long help of options that the short help leaves out, and these may have none.
fn with_long_help(arg: Arg) -> Arg {
    match (arg.get_long_help(), arg.get_help().cloned()) {
        (None, Some(help)) => arg.long_help(help),
        _ => arg,
    }
}

fn section(title: &str, fill: impl FnOnce(&mut Roff)) -> String {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    fill(&mut roff);
    // The preamble stands at the top of the page already.
    roff.to_roff()
}

/// An indented paragraph under a bold term.
fn term(roff: &mut Roff, name: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(text)]);
}

fn exit_status() -> String {
    section("EXIT STATUS", |roff| {
        for (code, meaning) in EXIT_STATUS {
            term(roff, code, meaning);
        }
    })
}

fn aggregates() -> String {
    section("AGGREGATES", |roff| {
        roff.text([roman(
            "For --agg. Each takes FILTER (WHERE EXPR) behind it, and AS NAME to name its column.",
        )]);
        for definition in aggregate::TABLE {
            term(roff, definition.usage, definition.help);
        }
    })
}

fn expressions() -> String {
    section("EXPRESSIONS", |roff| {
        for paragraph in PARAGRAPHS {
            roff.text([roman(paragraph)]);
            roff.control("PP", []);
        }
        roff.text([roman("Functions:")]);
        for function in expr::functions() {
            term(roff, function.usage, function.help);
        }
    })
}

/// What expressions are, before the list of functions.
const PARAGRAPHS: [&str; 4] = [
    "SQL expressions over the fields of an event (--where, --by, --agg) or the columns of a row (--having, \
     --order-by).",
    "A field is a column name (CSV), a member name, or a path into nested JSON: data.user.id, items[0].sku. A \
     name with other characters, or one that is a word of SQL, stands in double quotes: \"a.b\".c. Text stands in \
     single quotes: 'it''s'.",
    "Operators, weakest first: OR; AND; NOT; = <> < <= > >=, IS [NOT] NULL, [NOT] IN (...), [NOT] LIKE, [NOT] \
     ILIKE, [NOT] BETWEEN ... AND ...; + - ||; * / %; the sign; ::TYPE. Besides CASE WHEN ... THEN ... ELSE ... \
     END, CAST(x AS TYPE) and TRY_CAST(x AS TYPE).",
    "Absent fields, JSON null and empty CSV fields are null. What is computed from null is null, and a condition \
     that is null does not hold. An expression that fails (a cast, a type, a division by zero) makes the record \
     a bad one.",
];

fn example_section() -> String {
    section("EXAMPLES", |roff| {
        for example in &examples::EXAMPLES {
            roff.text([roman(example.title)]);
            roff.control("RS", ["4"]);
            roff.control("nf", []);
            for (n, line) in example.command.lines().enumerate() {
                let indent = if n == 0 { "" } else { "  " };
                roff.text([roman(format!("{indent}{}", line.trim_start()))]);
            }
            roff.control("fi", []);
            roff.control("RE", []);
            roff.control("PP", []);
        }
    })
}
