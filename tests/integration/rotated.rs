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

    fn run(&self, ending: &str, names: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windrow"));
        command.current_dir(self.dir.path()).stdin(Stdio::null()).args(self.options.split(' '));
        command.args(["-s", "st", "--at-eof", ending]).args(names.split(' '));
        command.output().expect("it runs")
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
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("it is there");
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

/// Rotated in all ways by turns, with the oldest file deleted now and then: each record counts once.
#[test]
fn random_rotations() {
    let seeds: Vec<u64> = match std::env::var("WINDROW_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..15).map(|_| fastrand::u64(..)).collect(),
    };
    for seed in seeds {
        println!("WINDROW_SEED={seed}");
        rotate_by_chance(&mut fastrand::Rng::with_seed(seed));
    }
}

fn rotate_by_chance(random: &mut fastrand::Rng) {
    let job = Job::new();
    // The oldest first; the last one is written to. Only the oldest is certain to have been read to its end: the others
    // wait for more of it.
    let mut files = vec!["log".to_owned()];
    let mut oldest_is_read = true;
    // Long enough to be told by.
    let label = |of: usize| format!("{of:02}{}", "-".repeat(60));
    let (mut of, mut time, mut wanted) = (0, 1, vec![1]);
    job.put("log", &label(0), 0..1);
    job.hold("log");
    for _ in 0..random.usize(4..10) {
        if random.u32(..3) > 0 {
            if random.bool() && oldest_is_read && files.len() > 2 {
                fs::remove_file(job.path(&files.remove(0))).expect("it is there");
                oldest_is_read = false;
            }
            rotate(&job, &mut files, oldest_is_read, random);
            (of, time) = (of + 1, time + 1000);
            wanted.push(0);
        }
        let many = random.u32(..4) * u32::from(random.bool()) + 1;
        job.put("log", &label(of), time..time + many);
        (time, wanted[of]) = (time + many, wanted[of] + many);
        let mut names = files.clone();
        random.shuffle(&mut names);
        job.hold(&names.join(" "));
        oldest_is_read = true;
    }
    random.shuffle(&mut files);
    let rows = wanted.iter().enumerate().map(|(of, many)| format!("{},{many}", label(of)));
    job.close(&files.join(" "), &rows.collect::<Vec<_>>().join(" "));
}

/// Moves all names on by one, and begins a new file.
fn rotate(job: &Job, files: &mut Vec<String>, oldest_is_read: bool, random: &mut fastrand::Rng) {
    let rotated = files.len() - 1;
    for (place, name) in files[..rotated].iter_mut().enumerate() {
        let end = if name.ends_with(".gz") { ".gz" } else { "" };
        let next = format!("log.{}{end}", rotated - place + 1);
        job.rename(name, &next);
        *name = next;
        if place == 0 && oldest_is_read && end.is_empty() && random.bool() {
            job.gzip(name, true);
            name.push_str(".gz");
        }
    }
    if random.bool() {
        fs::copy(job.path("log"), job.path("log.1")).expect("there is room");
        fs::write(job.path("log"), "").expect("it is there");
    } else {
        job.rename("log", "log.1");
    }
    files[rotated] = "log.1".to_owned();
    files.push("log".to_owned());
}
