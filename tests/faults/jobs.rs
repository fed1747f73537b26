//! The jobs that are disturbed. Together they have everything that a checkpoint keeps.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::events::{Form, events};
use crate::place::WINDROW;

/// A job, its inputs, and what an undisturbed run over them comes to.
#[derive(Clone)]
pub struct Job {
    /// Its name in messages.
    pub name: &'static str,
    /// Options and, where a shell would have them, names of inputs.
    pub args: Vec<&'static str>,
    /// Files by name.
    pub files: Vec<(&'static str, Vec<u8>)>,
    /// What a pipe brings on standard input, anew in every run.
    pub stdin: Option<Vec<u8>>,
    /// How far the files have grown in each of several runs, in hundredths. All but the last hold windows open.
    pub grown: &'static [usize],
    /// Options of runs with a state directory.
    pub kept_with: &'static [&'static str],
    /// Whether late events and bad records are written.
    pub aside: bool,
    /// Whether rows can be numbered.
    pub numbers: bool,
    /// What comes out: rows, rows with numbers, late events, bad records.
    pub wanted: Wanted,
}

/// What an undisturbed run without a state directory writes.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its rows.
    pub rows: Vec<u8>,
    /// Its rows with `--row-id`.
    pub numbered: Vec<u8>,
    /// `--late late`.
    pub late: Vec<u8>,
    /// `--bad bad`.
    pub bad: Vec<u8>,
}

/// The longer ones.
const AGGREGATES: &str = "count(*), sum(v), min(v), max(s), first(s), p50(v), topk(s, 2), approx_distinct(id), \
     approx_percentile(v, 0.9), count(distinct s), arg_max(s, v), stddev(v)";

/// Those of rows that are written again.
const REVISED: &str = "count(*), sum(v), last(s)";
/// How late events may be for them: a little later than windows close.
const LATENESS: &str = "--allowed-lateness=4s";

/// All of them, with sources of about so many records.
pub fn all(records: usize) -> Vec<Job> {
    let file = |name: &'static str, form, seed| (name, events(form, seed, records));
    let ndjson = |names: &[&'static str]| -> Vec<_> {
        names.iter().zip(1..).map(|(name, seed)| file(name, Form::Ndjson, seed)).collect()
    };
    let csv = |names: &[&'static str]| -> Vec<_> {
        names.iter().zip(11..).map(|(name, seed)| file(name, Form::Csv, seed)).collect()
    };
    let mut packed = csv(&["a.csv.gz", "b.csv"]);
    packed[0].1 = gzip(&packed[0].1);
    let jobs = vec![
        Job::new(
            "tumbling",
            &["-w", "10s", "-b", "k", "-a", AGGREGATES, "-i", "id", "--remember", "40s"],
            ndjson(&["a.ndjson", "b.ndjson", "c.ndjson"]),
        ),
        Job::new(
            "hopping",
            &["-w", "20s/5s", "-b", "k", "-a", AGGREGATES, "-i", "id"],
            csv(&["a.csv", "b.csv"]),
        ),
        Job::new(
            "session",
            &["-w", "session:3s", "-b", "k,s", "-a", "count(*), sum(v), last(v)", "--having", "count > 1"],
            ndjson(&["a.ndjson", "b.ndjson"]),
        ),
        Job::new("none", &["-w", "none", "-b", "k,s", "-a", AGGREGATES, "-i", "id"], csv(&["a.csv"])),
        // Of more than a pipe takes at once.
        Job::new(
            "wide rows",
            &["-w", "60s", "-a", "array_agg(id), array_agg(s), array_agg(v), array_agg(k)", "-i", "id"],
            ndjson(&["a.ndjson", "b.ndjson", "c.ndjson"]),
        ),
        Job::new(
            "early and revised",
            &["-w", "20s/10s", "-b", "k", "-a", REVISED, "-i", "id", "--emit-every", "7s", LATENESS],
            ndjson(&["a.ndjson", "b.ndjson"]),
        ),
        Job::new(
            "revised sessions",
            &["-w", "session:2s", "-b", "k,s", "-a", REVISED, LATENESS],
            ndjson(&["a.ndjson", "b.ndjson"]),
        ),
        Job::new(
            "several and filled",
            &["-w", "3s", "-w", "session:2s,20s/10s", "-b", "k", "-i", "id", "--fill", "previous"],
            ndjson(&["a.ndjson", "b.ndjson"]),
        ),
        Job::new(
            "several revised",
            &["-w", "5s,session:2s", "-b", "k", "-a", REVISED, "--emit-every", "7s", LATENESS],
            csv(&["a.csv", "b.csv"]),
        ),
        Job::new("order", &["order", "-i", "id"], ndjson(&["a.ndjson", "b.ndjson"])),
        Job::new("order csv", &["order"], csv(&["a.csv", "b.csv", "c.csv"])),
        Job::new(
            "gzip",
            &["-w", "cumulate:20s/5s", "-b", "k,s", "--top", "2", "--order-by", "count", "--ties"],
            packed,
        ),
        Job::new("standard input", &["-w", "10s", "-b", "k", "-i", "id"], Vec::new()).reading(events(
            Form::Ndjson,
            1,
            records,
        )),
        // What the pipe brings is new each time, as far as windrow knows; ids are remembered for ever.
        Job::new("standard input continued", &["-w", "none", "-b", "k", "-i", "id"], Vec::new())
            .reading(events(Form::Ndjson, 1, records))
            .kept_with(&["--stdin-resume", "continue"])
            .without_aside(),
        Job::new("standard input csv", &["-w", "5s", "-f", "csv"], Vec::new()).reading(events(
            Form::Csv,
            11,
            records,
        )),
        Job::new(
            "held",
            &["-w", "15s", "-b", "k", "-a", "count(*), sum(v), p90(v)", "-i", "id"],
            ndjson(&["a.ndjson", "b.ndjson"]),
        )
        .growing(&[30, 55, 100]),
        Job::new("held csv", &["-w", "session:4s", "-b", "k", "-i", "id"], csv(&["a.csv", "b.csv"]))
            .growing(&[50, 100]),
    ];
    jobs.into_iter().map(Job::settled).collect()
}

impl Job {
    fn new(name: &'static str, options: &[&'static str], files: Vec<(&'static str, Vec<u8>)>) -> Job {
        let mut args = options.to_vec();
        args.extend(["-d", "3s", "--max-jump", "1h", "--late", "late", "--bad", "bad"]);
        args.extend(files.iter().map(|(name, _)| *name));
        let numbers = options[0] != "order";
        Job {
            name,
            args,
            files,
            stdin: None,
            grown: &[100],
            kept_with: &[],
            aside: true,
            numbers,
            wanted: Wanted::default(),
        }
    }

    fn reading(self, stdin: Vec<u8>) -> Job {
        Job { stdin: Some(stdin), ..self }
    }

    fn kept_with(self, kept_with: &'static [&'static str]) -> Job {
        Job { kept_with, ..self }
    }

    /// The same job, but late events and bad records are only counted.
    pub fn without_aside(mut self) -> Job {
        for arg in &mut self.args {
            *arg = match *arg {
                "late" => "drop",
                "bad" => "skip",
                other => other,
            };
        }
        Job { aside: false, ..self }
    }

    fn growing(self, grown: &'static [usize]) -> Job {
        Job { grown, ..self }
    }

    /// Finds out what the job comes to, undisturbed.
    fn settled(mut self) -> Job {
        let dir = crate::place::scratch();
        for (name, bytes) in &self.files {
            std::fs::write(dir.path().join(name), bytes).expect("a file");
        }
        self.wanted.rows = self.undisturbed(dir.path(), &[]);
        if self.numbers {
            self.wanted.numbered = self.undisturbed(dir.path(), &["--row-id"]);
        }
        if self.aside {
            let read = |name: &str| std::fs::read(dir.path().join(name)).expect("it is there");
            (self.wanted.late, self.wanted.bad) = (read("late"), read("bad"));
        }
        let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
        let Wanted { rows, late, bad, .. } = &self.wanted;
        let few = self.args[1] == "none" || self.args[1] == "60s";
        assert!(lines(rows) >= if few { 2 } else { 20 }, "{}: {} rows", self.name, lines(rows));
        assert!(!self.aside || lines(bad) >= 2, "{}: {} bad records", self.name, lines(bad));
        assert!(self.args[1] == "none" || lines(late) >= 2, "{}: {} late events", self.name, lines(late));
        self
    }

    fn undisturbed(&self, dir: &Path, more: &[&str]) -> Vec<u8> {
        let mut command = Command::new(WINDROW);
        command.current_dir(dir).args(&self.args).args(more).arg("-q").stdin(std::process::Stdio::null());
        if let Some(bytes) = &self.stdin {
            std::fs::write(dir.join("in"), bytes).expect("a file");
            command.stdin(std::fs::File::open(dir.join("in")).expect("it was written"));
        }
        let ended = command.output().expect("the program starts");
        assert!(ended.status.success(), "{}: {}", self.name, String::from_utf8_lossy(&ended.stderr));
        ended.stdout
    }
}

/// Two members, so that a place in the stream may lie in either.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let mut packed = Vec::new();
    for part in [one, other] {
        let mut encoder = flate2::write::GzEncoder::new(&mut packed, flate2::Compression::default());
        encoder.write_all(part).and_then(|()| encoder.finish().map(drop)).expect("memory can be written to");
    }
    packed
}
