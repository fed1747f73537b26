//! Cases as data: `testdata/cases/<topic>/<name>/` holds a command and what it must bring about.
//!
//! | file | what it is |
//! | --- | --- |
//! | `cmd` | the arguments on one line, quoted as for a shell; inputs are files of the case |
//! | `expected` | standard output |
//! | `expected.err` | standard error; absent: empty |
//! | `expected.code` | the exit code; absent: 0 |
//! | `expected.X` | what the run must have written to its file `X` (`late`, `bad`, `rows`) |
//! | `split` | if present: the input cut into several files must give the same rows |
//! | `once` | if present: the case is run as it stands only |
//!
//! Every case is run in several modes (threads, batches of one record, input through a pipe) against one
//! expectation. `WINDROW_BLESS=1` rewrites expectations from the plain run; the diff is then to be reviewed.
//! `WINDROW_CASE=text` runs the cases whose path contains the text.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;

/// Files of a case that are not for the command.
const OWN: [&str; 3] = ["cmd", "split", "once"];
/// What standard input is called in messages.
const STDIN: &str = "(standard input)";

#[test]
fn cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cases");
    let wanted = env::var("WINDROW_CASE").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = entries(&root).iter().flat_map(|topic| entries(topic)).collect();
    dirs.retain(|dir| dir.to_string_lossy().contains(&wanted));
    assert!(!dirs.is_empty(), "no case contains {wanted}");
    let bless = env::var("WINDROW_BLESS").is_ok_and(|value| value == "1");
    let mut failures = Vec::new();
    for dir in dirs {
        let case = Case::read(&dir);
        if bless {
            case.bless();
        }
        let case = Case::read(&dir);
        // One mode that fails says enough.
        failures.extend(case.modes().into_iter().find_map(|mode| case.check(&mode).err()));
    }
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a directory can be read").path()).collect();
    paths.sort();
    paths
}

/// `--stats=json` without what no two runs have alike: the times, and what the threads did in them.
fn without_times(stderr: Vec<u8>) -> Vec<u8> {
    let (first, rest) = stderr.split_at(stderr.iter().position(|&byte| byte == b'\n').unwrap_or(0));
    let Ok(Value::Object(mut object)) = serde_json::from_slice(first) else { return stderr };
    let removed = ["seconds", "stages", "checkpoints"].map(|name| object.remove(name));
    assert!(
        matches!(&removed, [Some(Value::Number(_)), Some(Value::Array(stages)), Some(_)] if stages.len() == 5),
        "{removed:?}"
    );
    [Value::Object(object).to_string().as_bytes(), rest].concat()
}

/// One case.
struct Case {
    dir: PathBuf,
    args: Vec<String>,
    /// The files the command may read, with their contents.
    files: BTreeMap<String, Vec<u8>>,
    /// The outputs by their names behind `expected`, `""` for standard output.
    expected: BTreeMap<String, Vec<u8>>,
    split: bool,
    once: bool,
}

/// One way of running a case.
struct Mode {
    name: String,
    args: Vec<String>,
    files: BTreeMap<String, Vec<u8>>,
    stdin: Option<Vec<u8>>,
    /// What standard input stands for.
    input: String,
    /// Whether the rows alone are compared: the sources are others.
    rows_only: bool,
}

impl Case {
    fn read(dir: &Path) -> Case {
        let name = |path: &Path| path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut all: BTreeMap<String, Vec<u8>> = entries(dir)
            .iter()
            .map(|path| (name(path), fs::read(path).expect("a case's files are readable")))
            .collect();
        let cmd = String::from_utf8(all.remove("cmd").unwrap_or_default()).expect("commands are UTF-8");
        let (split, once) = (all.contains_key("split"), all.contains_key("once"));
        let (mut files, mut expected) = (BTreeMap::new(), BTreeMap::new());
        for (name, bytes) in all {
            match name.strip_prefix("expected") {
                Some(output) => drop(expected.insert(output.trim_start_matches('.').to_owned(), bytes)),
                None if OWN.contains(&name.as_str()) => {}
                None => drop(files.insert(name, bytes)),
            }
        }
        Case { dir: dir.to_owned(), args: words(cmd.trim_end()), files, expected, split, once }
    }

    fn modes(&self) -> Vec<Mode> {
        let plain = Mode {
            name: "as it stands".to_owned(),
            args: self.args.clone(),
            files: self.files.clone(),
            stdin: None,
            input: String::new(),
            rows_only: false,
        };
        if self.once {
            return vec![plain];
        }
        let with = |options: &str| Mode {
            name: options.to_owned(),
            args: self.args.iter().cloned().chain(words(options)).collect(),
            files: self.files.clone(),
            stdin: None,
            input: String::new(),
            rows_only: false,
        };
        let mut modes =
            vec![with("-j 1"), with("-j 2 --chunk-bytes 1"), with("-j 8 --chunk-bytes 30 --buffer 1")];
        modes.extend(self.piped());
        if self.split {
            modes.extend((2..4).map(|parts| self.split(parts)));
        }
        modes.insert(0, plain);
        modes
    }

    /// The inputs: arguments that are files of the case and no option's value.
    fn inputs(&self) -> Vec<&String> {
        let is_value =
            |n: usize| n > 0 && matches!(self.args[n - 1].as_str(), "--job" | "--late" | "--bad" | "-o");
        let args = self.args.iter().enumerate();
        args.filter(|(n, arg)| self.files.contains_key(*arg) && !is_value(*n)).map(|(_, arg)| arg).collect()
    }

    /// The only input through a pipe.
    fn piped(&self) -> Option<Mode> {
        let inputs = self.inputs();
        let [input] = inputs[..] else { return None };
        let mut args: Vec<String> = self.args.iter().filter(|arg| *arg != input).cloned().collect();
        if !args.iter().any(|arg| arg == "--from" || arg == "-f") {
            let format = ["csv", "tsv"].into_iter().find(|format| input.contains(&format!(".{format}")));
            args.extend(["--from".to_owned(), format.unwrap_or("ndjson").to_owned()]);
        }
        Some(Mode {
            name: "through a pipe".to_owned(),
            args,
            files: self.files.clone(),
            stdin: Some(self.files[input].clone()),
            input: input.clone(),
            rows_only: false,
        })
    }

    /// The only input in several files, record by record in turn; a header stands in each.
    fn split(&self, parts: usize) -> Mode {
        let inputs = self.inputs();
        let [input] = inputs[..] else { panic!("{}: only one input can be split", self.dir.display()) };
        let mut lines: Vec<&[u8]> = self.files[input].split_inclusive(|&byte| byte == b'\n').collect();
        let header = if input.contains(".csv") { lines.remove(0) } else { b"" };
        let mut files = self.files.clone();
        let mut args: Vec<String> = self.args.iter().filter(|arg| *arg != input).cloned().collect();
        for part in 0..parts {
            let own = lines.iter().skip(part).step_by(parts);
            let name = format!("part{part}-{input}");
            files.insert(
                name.clone(),
                std::iter::once(&header).chain(own).copied().flatten().copied().collect(),
            );
            args.push(name);
        }
        Mode {
            name: format!("in {parts} files"),
            args,
            files,
            stdin: None,
            input: String::new(),
            rows_only: true,
        }
    }

    /// What a run in this mode leaves behind, by the names of the expectations.
    fn run(&self, mode: &Mode) -> BTreeMap<String, Vec<u8>> {
        let dir = tempfile::tempdir().expect("there is room for a directory");
        for (name, bytes) in &mode.files {
            fs::write(dir.path().join(name), bytes).expect("there is room for a case");
        }
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("windrow"));
        command.current_dir(dir.path()).args(&mode.args).env_clear().env("TZ", "Asia/Kathmandu");
        if let Some(stdin) = &mode.stdin {
            command.write_stdin(stdin.clone());
        }
        let output =
            command.timeout(std::time::Duration::from_secs(60)).output().expect("the binary can be run");
        let code = output.status.code().map_or("killed".to_owned(), |code| code.to_string());
        let mut found = BTreeMap::from([
            (String::new(), output.stdout),
            ("err".to_owned(), without_times(output.stderr)),
            ("code".to_owned(), format!("{code}\n").into_bytes()),
        ]);
        for path in entries(dir.path()) {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            if !mode.files.contains_key(&name) {
                found.insert(name, fs::read(path).expect("what was written can be read"));
            }
        }
        found
    }

    fn check(&self, mode: &Mode) -> Result<(), String> {
        let found = self.run(mode);
        let mut expected = self.expected.clone();
        expected.entry("err".to_owned()).or_default();
        expected.entry("code".to_owned()).or_insert_with(|| b"0\n".to_vec());
        expected.entry(String::new()).or_default();
        let names = found.keys().chain(expected.keys().filter(|name| !found.contains_key(*name)));
        let names = names.filter(|name| !mode.rows_only || name.is_empty());
        for name in names {
            let shown = |outputs: &BTreeMap<String, Vec<u8>>| {
                outputs.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let found = shown(&found).map(|text| match &mode.stdin {
                Some(_) => text.replace(STDIN, &mode.input),
                None => text,
            });
            let expected = shown(&expected);
            if found != expected {
                let show = |text: Option<String>| text.unwrap_or("nothing\n".to_owned());
                let what = if name.is_empty() { "standard output" } else { name };
                return Err(format!(
                    "--- {}, {}: {what}\nexpected:\n{}found:\n{}",
                    self.dir.display(),
                    mode.name,
                    show(expected),
                    show(found),
                ));
            }
        }
        Ok(())
    }

    /// Rewrites the expectations from the plain run.
    fn bless(&self) {
        let plain = self.modes().remove(0);
        for (name, bytes) in self.run(&plain) {
            let (file, usual): (String, &[u8]) = match name.as_str() {
                "" => ("expected".to_owned(), b"never the same\n\n"),
                "code" => ("expected.code".to_owned(), b"0\n"),
                "err" => ("expected.err".to_owned(), b""),
                other => (format!("expected.{other}"), b"never the same\n\n"),
            };
            let path = self.dir.join(file);
            match bytes == usual {
                // What is usual is not written down.
                true => drop(fs::remove_file(path)),
                false => fs::write(path, bytes).expect("expectations can be written"),
            }
        }
    }
}

/// The words of a command line, with quotes as a shell has them.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ' ' => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    assert!(quote.is_none(), "a quote is left open in {line}");
    words.extend(word);
    words
}
