//! The effective options as texts, each with the place it came from: for messages and for `explain`.
//!
//! Nothing is decided by these texts; the program works with the checked job.

use std::path::PathBuf;

use crate::error::{Error, SyntaxError};

/// Where the value of an option came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It was given on the command line.
    CommandLine,
    /// It stands in the job file.
    File {
        /// The file as named by `--job`.
        path: PathBuf,
        /// The line of its key, from 1.
        line: usize,
    },
    /// Nobody gave it.
    Default,
}

/// One option of the command.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Its long name without dashes; `files` for the operands.
    pub name: String,
    /// Its values as texts; empty for an option that was not given and has no fixed default.
    pub values: Vec<String>,
    /// Where they came from.
    pub origin: Origin,
}

/// All options of the command, in the order of the help.
#[derive(Debug, Clone, Default)]
pub struct Settings(pub Vec<Setting>);

impl Settings {
    /// The setting of this long name.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.0.iter().find(|setting| setting.name == name)
    }

    /// How a message names the option: `--where`, or the place in the job file that it was read from.
    pub fn option(&self, name: &str) -> String {
        match self.get(name).map(|setting| &setting.origin) {
            Some(Origin::File { path, line }) => format!("{}:{line}: {name}", path.display()),
            _ if name == "files" => "FILE".to_owned(),
            _ => format!("--{name}"),
        }
    }

    /// A usage error about this option.
    pub fn wrong(&self, name: &str, message: impl AsRef<str>) -> Error {
        Error::usage(format!("{}: {}", self.option(name), message.as_ref()))
    }

    /// The same where the message has the option as its subject: `--ties needs --top`.
    pub fn unfit(&self, name: &str, message: impl AsRef<str>) -> Error {
        Error::usage(format!("{} {}", self.option(name), message.as_ref()))
    }

    /// For `map_err`: says of which option a text was wrong.
    pub fn in_option(&self, name: &str) -> impl FnOnce(SyntaxError) -> Error {
        let option = self.option(name);
        move |error| error.in_option(&option).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let file = Origin::File { path: "dir/job.toml".into(), line: 3 };
        let setting = |name: &str, origin| Setting { name: name.to_owned(), values: Vec::new(), origin };
        let settings = Settings(vec![setting("where", file), setting("delay", Origin::CommandLine)]);
        assert_eq!(settings.option("where"), "dir/job.toml:3: where");
        assert_eq!(settings.option("delay"), "--delay");
        assert_eq!(settings.option("window"), "--window");
        assert_eq!(settings.wrong("where", "is empty").to_string(), "dir/job.toml:3: where: is empty");
        let error = settings.in_option("delay")(SyntaxError::new("x", 0..1, "is wrong"));
        assert_eq!(error.to_string(), "--delay: is wrong\n  | x\n  | ^");
    }
}
