//! Inputs that are rotated, compressed, deleted and come back between the runs of one job: each record counts once.
//! Through the binary.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A job over files in a directory of its own.
struct Job {
    dir: TempDir,
    options: &'static str,
}

impl Job {
    /// One that counts by the field `f`.
    fn new() -> Job {
        Job {
            dir: tempfile::tempdir().expect("there is room"),
            options: "-w none -b f -t t -d 0s -q -o out --to csv",
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of events at these times, all of one file.
    fn put(&self, name: &str, of: &str, times: std::ops::Range<u32>) {
        let events: String = times.map(|t| format!("{{\"t\":{t},\"f\":\"{of}\"}}\n")).collect();
        let mut file =
            fs::OpenOptions::new().append(true).create(true).open(self.path(name)).expect("a file");
        file.write_all(events.as_bytes()).expect("there is room");
    }

    fn command(&self, ending: &str, names: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
        command.current_dir(self.dir.path()).stdin(Stdio::null()).args(self.options.split(' '));
        command.args(["-s", "st", "--at-eof", ending]).args(names.split(' '));
        command
    }

    fn run(&self, ending: &str, names: &str) -> Output {
        self.command(ending, names).output().expect("it runs")
    }

    #[track_caller]
    fn refused(&self, ending: &str, names: &str, why: &str) {
        let output = self.run(ending, names);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(why), "{names}: {output:?}");
    }

    #[track_caller]
    fn hold(&self, names: &str) {
        self.done("hold", names);
    }

    #[track_caller]
    fn done(&self, ending: &str, names: &str) {
        let output = self.run(ending, names);
        assert!(output.status.success() && output.stderr.is_empty(), "{names}: {output:?}");
    }

    /// Closes the job; what it comes to.
    #[track_caller]
    fn close(&self, names: &str, wanted: &str) {
        self.done("close", names);
        let rows = fs::read_to_string(self.path("out")).expect("it was written");
        let rows: Vec<&str> = rows.lines().skip(1).collect();
        assert_eq!(rows.join(" "), wanted);
        // A job that is done is done, with those inputs that it was closed with.
        self.done("close", names);
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("it is there");
    }

    /// Compresses a file under a new name, and removes it or not.
    fn gzip(&self, name: &str, remove: bool) {
        let compressed =
            Command::new("gzip").arg("-c").arg(self.path(name)).output().expect("there is gzip").stdout;
        fs::write(self.path(&format!("{name}.gz")), compressed).expect("there is room");
        if remove {
            fs::remove_file(self.path(name)).expect("it is there");
        }
    }
}

/// The names move on by one, the oldest file goes, and all that is there is named every time.
#[test]
fn a_chain_of_names() {
    for way in ["rename", "copy", "compress"] {
        let job = Job::new();
        job.put("log", "a", 0..10);
        job.hold("log");
        let mut names = vec!["log".to_owned()];
        for (round, of) in ["b", "c", "d", "e", "f"].into_iter().enumerate() {
            let end = if way == "compress" { ".gz" } else { "" };
            for number in (1..3).rev() {
                let from = format!("log.{number}{end}");
                if job.path(&from).exists() {
                    job.rename(&from, &format!("log.{}{end}", number + 1));
                }
            }
            if way == "copy" {
                fs::copy(job.path("log"), job.path("log.1")).expect("there is room");
                fs::write(job.path("log"), "").expect("it is there");
            } else {
                job.rename("log", "log.1");
            }
            if way == "compress" {
                job.gzip("log.1", true);
            }
            let first = (round as u32 + 1) * 100;
            job.put("log", of, first..first + 10 + round as u32);
            names = (1..4).rev().map(|n| format!("log.{n}{end}")).collect();
            names.push("log".to_owned());
            names.retain(|name| job.path(name).exists());
            job.hold(&names.join(" "));
        }
        job.close(&names.join(" "), "a,10 b,10 c,11 d,12 e,13 f,14");
    }
}

#[test]
fn an_inode_that_is_used_again_says_nothing() {
    let job = Job::new();
    job.put("a", "a", 0..2);
    job.put("b", "b", 0..2);
    job.hold("a b");
    // A file in the place of `a` that holds what `b` held: as when a file system hands out the inode of a file that
    // was deleted.
    let b = fs::read(job.path("b")).expect("it is there");
    fs::remove_file(job.path("b")).expect("it is there");
    fs::write(job.path("a"), b).expect("it is there");
    job.rename("a", "b.1");
    job.close("b.1", "a,2 b,2");
}

#[test]
fn a_finished_file_that_comes_back_counts_once() {
    for remove in [true, false] {
        let job = Job::new();
        job.put("d1", "a", 0..3);
        job.hold("d1");
        job.put("d2", "b", 10..13);
        job.hold("d2");
        job.gzip("d1", remove);
        job.hold("d1.gz d2");
        // Under both names at once it is named twice, which is one too many.
        job.close("d1.gz d2", "a,3 b,3");
    }
}

/// What has come to a finished file is not read; what had been read of it does not count again, whatever it is called.
#[test]
fn a_finished_file_that_has_grown_is_refused() {
    for way in ["rename", "copy", "compress"] {
        let job = Job::new();
        job.put("a", "a", 0..10);
        job.hold("a");
        job.put("a", "a", 10..13);
        job.put("b", "b", 100..105);
        job.hold("b");
        let name = match way {
            "compress" => "a.gz",
            _ => "old",
        };
        match way {
            "compress" => job.gzip("a", true),
            "rename" => job.rename("a", "old"),
            _ => drop(fs::copy(job.path("a"), job.path("old")).expect("there is room")),
        }
        job.refused("hold", &format!("{name} b"), &format!("{name} was finished when a run did not name it"));
        job.close("b", "a,10 b,5");
    }
}

/// A file that goes on where a finished one has left off is the one that goes on.
#[test]
fn a_file_that_goes_on_comes_before_one_that_is_finished() {
    let job = Job::new();
    job.put("a", "a", 0..10);
    fs::copy(job.path("a"), job.path("b")).expect("there is room");
    job.put("b", "b", 10..12);
    job.hold("a b");
    job.hold("b");
    job.put("b", "b", 12..15);
    job.gzip("b", true);
    job.close("b.gz", "a,20 b,5");
}

/// The archive is cut off, but behind what was read of it.
#[test]
fn a_broken_archive_is_known_all_the_same() {
    let job = Job::new();
    job.put("a", "a", 0..10);
    job.hold("a");
    job.put("b", "b", 100..102);
    job.hold("b");
    job.put("a", "a", 10..20_000);
    job.gzip("a", true);
    let whole = fs::read(job.path("a.gz")).expect("it is there");
    fs::write(job.path("a.gz"), &whole[..whole.len() / 2]).expect("there is room");
    // The longer one has to be read into where the archive breaks off.
    job.put("c", "c", 200..20_300);
    job.hold("b c");
    job.put("b", "b", 30_000..30_001);
    job.hold("b");
    job.refused("hold", "a.gz b", "a.gz was finished when a run did not name it");
}

/// What was read has been deleted, and another file has its name: there is a way to go on.
#[test]
fn a_file_in_the_place_of_one_that_is_gone_needs_another_name() {
    let job = Job::new();
    job.put("log", "a", 0..10);
    job.hold("log");
    for (of, times) in [("b", 100..120), ("c", 200..230)] {
        let _ = fs::remove_file(job.path("log.1.gz"));
        job.rename("log", "log.1");
        job.gzip("log.1", true);
        job.put("log", of, times);
        if of == "b" {
            job.hold("log.1.gz log");
        }
    }
    job.refused("hold", "log.1.gz log", "if what was read is gone for good, give this file another name");
    job.rename("log.1.gz", "log.2.gz");
    job.close("log.2.gz log", "a,10 b,20 c,30");
}

#[test]
fn a_done_job_needs_no_inputs_that_it_was_closed_without() {
    let job = Job::new();
    job.put("d1", "a", 0..3);
    job.hold("d1");
    job.put("d2", "b", 10..13);
    job.hold("d2");
    job.close("d2", "a,3 b,3");
}

#[test]
fn the_time_field_is_found_when_there_is_a_record() {
    for (first, options, job_options) in [
        // Nothing at all.
        ("", "hold", "-w none -d 0s -q -o out --to csv"),
        // Nothing that can be used.
        ("x\n", "hold", "-w none -d 0s -q -o out --to csv --bad skip"),
    ] {
        let job = Job { options: job_options, ..Job::new() };
        fs::write(job.path("log"), first).expect("there is room");
        job.hold("log");
        fs::write(job.path("log"), format!("{first}{{\"ts\":1}}\n{{\"ts\":2}}\n")).expect("there is room");
        job.done(options, "log");
        job.close("log", "2");
    }
}

/// A run that failed at its first record binds nobody to its options.
#[test]
fn a_first_attempt_binds_nobody() {
    let mut job = Job { options: "-w none -d 0s -q -o out --to csv", ..Job::new() };
    fs::write(job.path("log"), "x\n{\"ts\":1}\n{\"ts\":2}\n").expect("there is room");
    let output = job.run("close", "log");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    job.options = "-w none -d 0s -q -o out --to csv --bad skip -a sum(ts)";
    job.close("log", "3");
}

#[test]
fn order_joins_no_other_columns() {
    let job = Job { options: "order -d 0s -q -o out --from csv -t ts", ..Job::new() };
    fs::write(job.path("c1"), "ts,k\n1,a\n").expect("there is room");
    fs::write(job.path("c2"), "k,ts\nz,2\n").expect("there is room");
    job.hold("c1");
    let output = job.run("close", "c2");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("its columns differ from those of c1"),
        "{output:?}"
    );
}

#[test]
fn as_many_threads_as_anyone_likes() {
    let job = Job { options: "-w none -t t -d 0s -q -o out --to csv -i t -j 513", ..Job::new() };
    job.put("log", "a", 0..3);
    job.hold("log");
    job.put("log", "a", 3..5);
    job.close("log", "5");
}

/// What stands behind the last checkpoint and is none of ours is noticed by a run that holds its windows, too.
#[test]
fn foreign_bytes_are_noticed_by_a_run_that_holds() {
    let job = Job { options: "-w 1s -t t -d 0s -q -o out --to csv", ..Job::new() };
    job.put("log", "a", 0..5);
    job.hold("log");
    append(&job.path("out"), "foreign\n");
    job.put("log", "a", 5..6);
    let output = job.run("hold", "log");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(fs::read_to_string(job.path("out")).expect("it is there").ends_with("foreign\n"));
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("there is room");
}

#[test]
fn outputs_that_the_run_has_not_written_are_refused_by_name() {
    let job = Job { options: "-w 1s -t t -d 0s -q --to csv", ..Job::new() };
    job.put("log", "a", 0..5);
    job.hold("-o out --bad bad log");
    let check = |names: &str, why: &str| {
        let output = job.run("hold", names);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(why), "{names}: {output:?}");
    };
    check("-o other --bad bad log", "the rows went to out before, and there is no other");
    fs::write(job.path("foreign"), "something\n").expect("there is room");
    check("-o out --bad foreign log", "has something in it that the run has not written");
    job.done("hold", "-o out --bad bad log");
}

/// Rotated in all ways by turns, killed at any moment, with the oldest file deleted now and then: each record counts
/// once, and each bad one is kept once. What was read and is gone may have to make room for another file of its name,
/// and what has come to a finished file is refused.
#[test]
fn random_rotations() {
    let seeds: Vec<u64> = match std::env::var("WINDROW_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..15).map(|_| fastrand::u64(..)).collect(),
    };
    for seed in seeds {
        println!("WINDROW_SEED={seed}");
        Rotated::new(seed).run();
    }
}

/// A log that is rotated by chance.
struct Rotated {
    job: Job,
    random: fastrand::Rng,
    /// The oldest first; the last one is written to.
    files: Vec<String>,
    /// Which of the labels each of them has.
    labels: Vec<usize>,
    /// Whether the run before has ended by itself. Then the oldest file has been read to its end; the others wait for
    /// more of it.
    is_held: bool,
    /// What was deleted: label and content.
    gone: Vec<(usize, Vec<u8>)>,
    time: u32,
    /// Events by label, and bad records in all.
    wanted: Vec<u32>,
    bad: usize,
}

impl Rotated {
    fn new(seed: u64) -> Rotated {
        let options = "-w none -b f -t t -d 0s -q -o out --to csv --bad bad --checkpoint-interval 1h";
        let mut rotated = Rotated {
            job: Job { options, ..Job::new() },
            random: fastrand::Rng::with_seed(seed),
            files: vec!["log".to_owned()],
            labels: vec![0],
            is_held: false,
            gone: Vec::new(),
            time: 0,
            wanted: vec![0],
            bad: 0,
        };
        rotated.write(1);
        rotated
    }

    /// Long enough to be told by.
    fn label(of: usize) -> String {
        format!("{of:02}{}", "-".repeat(60))
    }

    /// Writes so many events to the log, and perhaps bad records.
    fn write(&mut self, many: u32) {
        let (of, time) = (self.wanted.len() - 1, self.time);
        let bad = self.random.usize(..3) * usize::from(self.random.bool());
        let bad_text: String =
            (0..bad).map(|n| format!("bad {} {}\n", self.bad + n, Rotated::label(of))).collect();
        // What stands before the first event of a file is read before all others, so also before what a killed run has
        // written already of them: such a file must not join then.
        let first = self.is_held && self.random.bool();
        if first {
            append(&self.job.path("log"), &bad_text);
        }
        self.job.put("log", &Rotated::label(of), time..time + many);
        (self.time, self.wanted[of]) = (time + many, self.wanted[of] + many);
        if !first {
            append(&self.job.path("log"), &bad_text);
        }
        self.bad += bad;
    }

    fn run(mut self) {
        self.hold();
        for _ in 0..self.random.usize(4..10) {
            if self.random.u32(..3) > 0 {
                if self.random.bool() && self.is_held && self.files.len() > 1 {
                    self.delete();
                }
                self.rotate();
            }
            let many = self.random.u32(..4) * u32::from(self.random.bool()) + 1;
            self.write(many);
            self.hold();
        }
        while !self.is_held {
            self.hold();
        }
        self.come_back();
        self.random.shuffle(&mut self.files);
        let rows = self.wanted.iter().enumerate().map(|(of, many)| format!("{},{many}", Rotated::label(of)));
        self.job.close(&self.files.join(" "), &rows.collect::<Vec<_>>().join(" "));
        let bad = fs::read_to_string(self.job.path("bad")).unwrap_or_default();
        assert_eq!(bad.lines().count(), self.bad, "{bad}");
    }

    /// Deletes the oldest file, which has been read.
    fn delete(&mut self) {
        let name = self.files.remove(0);
        let content = match name.ends_with(".gz") {
            true => {
                Command::new("gzip")
                    .arg("-dc")
                    .arg(self.job.path(&name))
                    .output()
                    .expect("there is gzip")
                    .stdout
            }
            false => fs::read(self.job.path(&name)).expect("it is there"),
        };
        self.gone.push((self.labels.remove(0), content));
        fs::remove_file(self.job.path(&name)).expect("it is there");
        self.is_held = false;
    }

    /// Runs the job over all files there are, killed at random moments before it gets to its end, or for good.
    fn hold(&mut self) {
        let mut names = self.files.clone();
        self.random.shuffle(&mut names);
        self.is_held = self.random.u32(..4) > 0;
        if !self.is_held {
            return self.kill(&names);
        }
        let output = self.job.run("hold", &names.join(" "));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(2) {
            // A file has the name of one that was read and is gone: it is called otherwise, as is advised.
            assert!(said.contains("give this file another name") && !self.gone.is_empty(), "{said}");
            let name = said.split(' ').nth(1).expect("it names the file").to_owned();
            let place = self.files.iter().position(|file| *file == name).expect(&said);
            let other = format!("was-{}-{name}", self.labels[place]);
            self.job.rename(&name, &other);
            self.files[place] = other;
            return self.hold();
        }
        assert!(output.status.success() && output.stderr.is_empty(), "{names:?}: {output:?}");
    }

    /// Starts the job and kills it.
    fn kill(&mut self, names: &[String]) {
        let mut child = self.job.command("hold", &names.join(" ")).spawn().expect("it runs");
        // Often just when it has written something that no checkpoint covers.
        let patience = std::time::Duration::from_micros(self.random.u64(..40_000));
        let size = || fs::metadata(self.job.path("bad")).map_or(0, |bad| bad.len());
        let (before, started) = (size(), std::time::Instant::now());
        while size() == before && started.elapsed() < patience {
            std::thread::yield_now();
        }
        child.kill().and_then(|()| child.wait()).expect("it is ours");
    }

    /// Moves all names on by one, and begins a new file.
    fn rotate(&mut self) {
        // Of what a killed run has written of there may be no checkpoint: then only its inode tells which file it is.
        let Rotated { job, random, files, is_held, .. } = self;
        let rotated = files.len() - 1;
        for (place, name) in files[..rotated].iter_mut().enumerate() {
            let end = if name.ends_with(".gz") { ".gz" } else { "" };
            let next = format!("log.{}{end}", rotated - place + 1);
            job.rename(name, &next);
            *name = next;
            if end.is_empty() && *is_held && random.bool() {
                job.gzip(name, true);
                name.push_str(".gz");
            }
        }
        if *is_held && random.bool() {
            fs::copy(job.path("log"), job.path("log.1")).expect("there is room");
            fs::write(job.path("log"), "").expect("it is there");
        } else {
            job.rename("log", "log.1");
        }
        files[rotated] = "log.1".to_owned();
        files.push("log".to_owned());
        self.wanted.push(0);
        self.labels.push(self.wanted.len() - 1);
        self.time += 1000;
    }

    /// A file that was deleted comes back, with something in it that was not there: it is neither counted again, nor
    /// counted in part.
    fn come_back(&mut self) {
        let Some((label, content)) = self.gone.pop() else { return };
        fs::write(self.job.path("back"), content).expect("there is room");
        self.job.put("back", &Rotated::label(label), self.time..self.time + 1);
        if self.random.bool() {
            self.job.gzip("back", true);
            self.job.rename("back.gz", "back");
        }
        let names = format!("back {}", self.files.join(" "));
        self.job.refused(
            "hold",
            &names,
            "back was finished when a run did not name it any more, and has grown",
        );
    }
}
