//! The README is true: its commands print what it shows, and its tables say what the program knows.
//!
//! A block marked `console` holds commands behind `$ ` and what they print, on standard output and standard
//! error together. They run one after the other, each where the one before it ended, beginning in a directory
//! with a copy of `testdata/`. `WINDROW_BLESS=1 cargo test readme` rewrites the README.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use windrow::cli::parse;
use windrow::{aggregate, expr};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Rewrites the README with `right`, which is to be equal to it, or fails at the first line that differs.
fn compare_or_bless(right: impl Fn(&str) -> String) {
    let path = Path::new(ROOT).join("README.md");
    let shown = fs::read_to_string(&path).expect("there is a README");
    let wanted = right(&shown);
    if std::env::var_os("WINDROW_BLESS").is_some() {
        return fs::write(&path, wanted).expect("the README is writable");
    }
    let differs = shown.lines().zip(wanted.lines()).enumerate().find(|(_, (shown, wanted))| shown != wanted);
    if let Some((n, (shown, wanted))) = differs {
        panic!("README.md:{}\n  shown: {shown}\n  right: {wanted}\nWINDROW_BLESS=1 rewrites it", n + 1);
    }
    assert!(shown == wanted, "README.md is longer or shorter than it should be; WINDROW_BLESS=1 rewrites it");
}

#[test]
#[cfg(unix)]
fn commands_and_tables() {
    compare_or_bless(|readme| run_commands(&fill_tables(readme)));
}

/// The text with what its commands really print.
#[cfg(unix)]
fn run_commands(readme: &str) -> String {
    let mut shell = Shell::new();
    let mut wanted = String::new();
    let mut lines = readme.lines();
    let mut commands = 0;
    while let Some(line) = lines.next() {
        wanted += &format!("{line}\n");
        if line != "```console" {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let mut block = block.into_iter();
        while let Some(line) = block.next() {
            let Some(first) = line.strip_prefix("$ ") else { continue };
            let mut command = first.to_owned();
            while command.ends_with(['\\', '|']) {
                command += &format!("\n{}", block.next().expect("a command has an end"));
            }
            wanted += &format!("$ {command}\n{}", shell.printed(&command));
            commands += 1;
        }
        wanted += "```\n";
    }
    assert!(commands > 10, "the README has lost its commands");
    wanted
}

/// Where the reader stands.
#[cfg(unix)]
struct Shell {
    root: tempfile::TempDir,
    directory: PathBuf,
}

#[cfg(unix)]
impl Shell {
    /// At the root of a repository of which only the test data and the directory for what is built are there.
    fn new() -> Shell {
        let root = tempfile::tempdir().expect("a directory can be made");
        let testdata = root.path().join("testdata");
        fs::create_dir(&testdata).expect("a directory can be made");
        fs::create_dir(root.path().join("target")).expect("a directory can be made");
        for entry in fs::read_dir(Path::new(ROOT).join("testdata")).expect("there is test data").flatten() {
            if entry.path().is_file() {
                fs::copy(entry.path(), testdata.join(entry.file_name())).expect("test data can be copied");
            }
        }
        let directory = root.path().to_owned();
        Shell { root, directory }
    }

    /// What a command prints, with a line end after it.
    fn printed(&mut self, command: &str) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_windrow")).parent().expect("the binary lies somewhere");
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default());
        // What is tested is the binary at hand, not another build of it.
        let command = command.replace("cargo run --release --", "windrow");
        let at = self.root.path().join("at");
        let output = Command::new("bash")
            .args(["-c", &format!("exec 2>&1\n{command}\npwd >'{}'", at.display())])
            .current_dir(&self.directory)
            .env("PATH", path)
            .env("LC_ALL", "C")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null())
            .output()
            .expect("there is a bash");
        let at = fs::read_to_string(at).expect("the shell says where it is");
        self.directory = PathBuf::from(at.trim_end());
        let mut text = String::from_utf8(output.stdout).expect("the commands print UTF-8");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

/// The text with the tables between `<!-- NAME -->` and `<!-- end -->` made from the program's own.
fn fill_tables(readme: &str) -> String {
    let row = |usage: &str, help: &str| format!("| `{}` | {} |\n", usage.replace('|', "\\|"), help);
    let aggregates: String = aggregate::TABLE.iter().map(|a| row(a.usage, a.help)).collect();
    let functions: String = expr::functions()
        .iter()
        .map(|function| match function.aliases {
            [] => row(function.usage, function.help),
            aliases => row(function.usage, &format!("{}; also `{}`", function.help, aliases.join("`, `"))),
        })
        .collect();
    let mut text = readme.to_owned();
    for (name, rows) in [("aggregates", aggregates), ("functions", functions)] {
        let opening = format!("<!-- {name} -->\n");
        let (before, rest) = text.split_once(&opening).unwrap_or_else(|| panic!("there is no {opening}"));
        let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{name} has no end"));
        text = format!("{before}{opening}| call | result |\n|---|---|\n{rows}<!-- end -->{after}");
    }
    text
}

/// The first cells of the tables of options against the command line, both ways.
#[test]
fn options() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("there is a README");
    let command = parse::command(false);
    let known: BTreeSet<&str> = command
        .get_arguments()
        .filter(|option| !option.is_hide_set())
        .filter_map(clap::Arg::get_long)
        .filter(|long| !["help", "version"].contains(long))
        .collect();
    let cells =
        readme.lines().filter(|line| line.starts_with("| `-")).filter_map(|line| line.split(" | ").next());
    let listed: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split(['`', ' ', '[', '=', ',']))
        .filter_map(|word| word.strip_prefix("--"))
        .collect();
    assert_eq!(listed, known);
}
