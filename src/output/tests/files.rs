//! Regular files: named, and as standard output opened in each way that a shell has.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::super::durable::Durable;
use super::super::file::Origin;
use super::super::mark::Mark;
use super::super::sink::Sink;
use super::super::stream::InDoubt;
use super::{Product, durable};
use crate::error::{Error, Result};

/// How the output is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `--output FILE`.
    Named,
    /// `>> FILE`.
    Append,
    /// `1<> FILE`.
    ReadWrite,
}

const WAYS: [Way; 3] = [Way::Named, Way::Append, Way::ReadWrite];

struct Place {
    dir: tempfile::TempDir,
    path: PathBuf,
    durable: Durable,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let durable = durable(dir.path(), InDoubt::Repeat);
        Place { dir, path, durable }
    }

    fn open(&self, way: Way, from: Option<Mark>) -> Result<Sink> {
        match way {
            Way::Named => self.durable.output(&self.path, from),
            Way::Append | Way::ReadWrite => self.stdout(self.descriptor(way), from),
        }
    }

    /// What the shell opens.
    fn descriptor(&self, way: Way) -> File {
        match way {
            Way::Append => OpenOptions::new().append(true).create(true).open(&self.path).unwrap(),
            _ => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(true).truncate(false).open(&self.path).unwrap()
            }
        }
    }

    fn stdout(&self, file: File, from: Option<Mark>) -> Result<Sink> {
        self.durable.rows("standard output", file, &Origin::Stdout, from)
    }

    /// Bytes, size and the time of the last change of any kind.
    fn state(&self) -> (Vec<u8>, i64, i64) {
        let status = fs::metadata(&self.path).unwrap();
        (fs::read(&self.path).unwrap(), status.ctime(), status.ctime_nsec())
    }

    /// Resumes at a mark, runs to the end, and expects a refusal that leaves the file alone.
    fn refused(&self, way: Way, product: &Product, mark: Mark, step: usize) -> String {
        let before = self.state();
        let resumed = self.open(way, Some(mark));
        let result = resumed.and_then(|mut sink| product.complete(&mut sink, mark.len as usize, step));
        assert!(self.state() == before, "{way:?}: the file was touched");
        match result {
            Err(Error::Usage(why)) => why,
            other => panic!("{way:?}: not refused: {other:?}"),
        }
    }
}

fn product() -> Product {
    Product::new([12, 30, 7, 25, 1, 40, 9, 18, 33])
}

#[test]
fn a_write_may_be_cut_at_every_byte() {
    let (place, product) = (Place::new(), product());
    let from = product.ends[2];
    for way in WAYS {
        for len in from..=product.bytes.len() {
            for step in [1, 50, 1000] {
                fs::write(&place.path, &product.bytes[..len]).unwrap();
                let mut sink = place.open(way, Some(product.mark(0, from))).unwrap();
                product.complete(&mut sink, from, step).unwrap();
                assert_eq!(sink.mark().unwrap(), Some(product.mark(0, product.bytes.len())));
                assert!(fs::read(&place.path).unwrap() == product.bytes, "{way:?} {len} {step}");
            }
        }
    }
}

#[test]
fn lost_pages_are_written_again() {
    let (place, product) = (Place::new(), product());
    let (from, end) = (product.ends[1], product.bytes.len());
    for way in WAYS {
        // The file may also be longer than it is going to be, by pages that never got their bytes.
        for len in [end - 20, end, end + 9] {
            for start in from..len {
                let lost = [1, 2, 13, len][start % 4];
                let mut file = product.bytes.clone();
                file.resize(len, 0);
                file[start..(start + lost).min(len)].fill(0);
                fs::write(&place.path, &file).unwrap();
                let mut sink = place.open(way, Some(product.mark(0, from))).unwrap();
                product.complete(&mut sink, from, 1 + start % 60).unwrap();
                assert!(fs::read(&place.path).unwrap() == product.bytes, "{way:?} {len} {start} {lost}");
            }
        }
    }
    let left: Vec<_> = fs::read_dir(place.dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing but the output is left");
}

#[test]
fn foreign_bytes_are_left_alone() {
    let (place, product) = (Place::new(), product());
    let (from, end) = (product.ends[1], product.bytes.len());
    for way in WAYS {
        for at in from..end + 5 {
            for lost in [false, true] {
                let mut file = product.bytes.clone();
                file.resize(end + 5, 0);
                if lost {
                    file[from..at].fill(0);
                }
                file[at] = b'X';
                fs::write(&place.path, &file).unwrap();
                let why = place.refused(way, &product, product.mark(0, from), 1 + at % 60);
                assert!(why.contains(&format!("byte {at} ")) && why.contains("--replay"), "{why}");
            }
        }
    }
}

/// Rows of a longer run than this one are not cut off: the input must have become shorter.
#[test]
fn what_is_not_produced_again_is_left_alone() {
    let (place, product) = (Place::new(), product());
    let shorter = Product::new([12, 30, 7, 25]);
    let from = product.ends[1];
    for way in WAYS {
        fs::write(&place.path, &product.bytes).unwrap();
        let why = place.refused(way, &shorter, product.mark(0, from), 1000);
        assert!(why.contains(&format!("byte {} ", shorter.bytes.len())), "{why}");
    }
}

#[test]
fn what_the_checkpoint_covers_is_checked() {
    let (place, product) = (Place::new(), product());
    let from = product.ends[4];
    let mark = product.mark(0, from);
    for way in WAYS {
        for len in 0..from {
            fs::write(&place.path, &product.bytes[..len]).unwrap();
            let why = place.refused(way, &product, mark, 1000);
            let advice = if way == Way::Named { "put it back" } else { "use >> or --output" };
            assert!(why.contains(&format!("has {len} bytes where windrow had written up to byte {from}")));
            assert!(why.contains(advice) && why.contains("--replay"), "{why}");
        }
        for at in 0..from {
            let mut file = product.bytes.clone();
            file[at] ^= 1;
            fs::write(&place.path, &file).unwrap();
            let why = place.refused(way, &product, mark, 1000);
            assert!(why.contains("have been changed") && why.contains("--replay"), "{why}");
        }
    }
    fs::remove_file(&place.path).unwrap();
    let why = place.open(Way::Named, Some(mark)).err().unwrap();
    assert!(why.to_string().contains("has been removed"), "{why}");
    assert_eq!(why.exit_code(), 2);
    assert!(!place.path.exists());
}

#[test]
fn named_files_begin_empty() {
    let (place, product) = (Place::new(), product());
    for before in [None, Some("something older, and longer than what will be written. ".repeat(10))] {
        if let Some(before) = before {
            fs::write(&place.path, before).unwrap();
        }
        let mut sink = place.open(Way::Named, None).unwrap();
        product.complete(&mut sink, 0, 60).unwrap();
        assert_eq!(sink.mark().unwrap(), Some(product.mark(0, product.bytes.len())));
        assert!(fs::read(&place.path).unwrap() == product.bytes);
    }
    // A link to a file that does not exist yet: the file is made where the link points.
    let (link, target) = (place.dir.path().join("link"), place.dir.path().join("target"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    place.durable.output(&link, None).unwrap();
    assert!(target.exists());
}

/// The first three rows of the table of what a process sees about its standard output.
#[test]
fn standard_output_begins_at_its_end() {
    let (place, product) = (Place::new(), product());
    let end = product.bytes.len();
    // `> f`; `>> f` and `(echo ...; windrow) > f` with something before.
    for (way, before) in [(Way::ReadWrite, ""), (Way::Append, "before\n"), (Way::ReadWrite, "before\n")] {
        fs::write(&place.path, before).unwrap();
        let mut file = place.descriptor(way);
        if way == Way::ReadWrite {
            file.seek(SeekFrom::End(0)).unwrap();
        }
        let mut sink = place.stdout(file, None).unwrap();
        assert!(sink.is_regular());
        let (at, base) = (product.push(&mut sink, 0, 50), before.len() as u64);
        assert_eq!(sink.mark().unwrap(), Some(product.mark(base, at)));
        product.push(&mut sink, at, at + 30);
        sink.deliver().unwrap();
        // Killed; continued with any redirection that does not empty the file.
        for again in [Way::Append, Way::ReadWrite, Way::Named] {
            let mut sink = place.open(again, Some(product.mark(base, at))).unwrap();
            product.complete(&mut sink, at, 20).unwrap();
            assert_eq!(sink.mark().unwrap(), Some(product.mark(base, end)));
            let want = [before.as_bytes(), &product.bytes].concat();
            assert!(fs::read(&place.path).unwrap() == want, "{way:?} {before:?} {again:?}");
        }
    }
    // `1<> f` on a file that has something: that would be written over.
    fs::write(&place.path, "before\n").unwrap();
    let before = place.state();
    let why = place.stdout(place.descriptor(Way::ReadWrite), None).err().unwrap().to_string();
    assert!(why.contains("at byte 0 of a file that has 7 bytes") && why.contains(">>"), "{why}");
    assert_eq!(place.state(), before);
}

/// What follows in a shell list (`(windrow ...; echo done) 1<> f`) writes behind our rows.
#[test]
fn the_next_program_writes_behind_us() {
    let (place, product) = (Place::new(), product());
    let from = product.ends[2];
    for len in [from, from + 9, product.bytes.len()] {
        fs::write(&place.path, &product.bytes[..len]).unwrap();
        let shells = place.descriptor(Way::ReadWrite);
        let mut sink = place.stdout(shells.try_clone().unwrap(), Some(product.mark(0, from))).unwrap();
        product.complete(&mut sink, from, 1000).unwrap();
        (&shells).write_all(b"done\n").unwrap();
        assert!(fs::read(&place.path).unwrap() == [&product.bytes[..], b"done\n"].concat());
    }
}

#[test]
fn other_writers_are_noticed() {
    let (place, product) = (Place::new(), product());
    let from = product.ends[3];
    for way in WAYS {
        for resumed in [false, true] {
            let _ = fs::remove_file(&place.path);
            let mut sink = match resumed {
                false => place.open(way, None).unwrap(),
                true => {
                    fs::write(&place.path, &product.bytes[..from + 20]).unwrap();
                    place.open(way, Some(product.mark(0, from))).unwrap()
                }
            };
            let start = if resumed { from } else { 0 };
            let at = product.push(&mut sink, start, start + 1);
            sink.deliver().unwrap();
            OpenOptions::new().append(true).open(&place.path).unwrap().write_all(b"foreign").unwrap();
            let before = place.state();
            let error = product.complete(&mut sink, at, 1000).unwrap_err();
            assert_eq!(error.exit_code(), 1);
            assert!(error.to_string().contains("someone else has written to this file"), "{error}");
            // Nothing more is tried.
            assert!(sink.mark().is_err() && sink.finish().is_err());
            assert!(place.state() == before, "{way:?}");
        }
        let _ = fs::remove_file(&place.path);
        let mut sink = place.open(way, None).unwrap();
        let at = product.push(&mut sink, 0, 50);
        sink.deliver().unwrap();
        fs::write(&place.path, "").unwrap();
        let error = product.complete(&mut sink, at, 1000).unwrap_err();
        assert!(error.to_string().contains("someone else has cut this file"), "{error}");
        assert_eq!(fs::read(&place.path).unwrap(), b"");
    }
}

/// Bytes that someone adds while what was there is still compared are not cut off with it.
#[test]
fn other_writers_are_noticed_before_anything_is_cut() {
    let (place, product) = (Place::new(), product());
    let (from, end) = (product.ends[1], product.bytes.len());
    let lost_page = {
        let mut file = product.bytes.clone();
        file[from + 5..from + 20].fill(0);
        file
    };
    let lost_end = [&product.bytes[..], &[0; 10]].concat();
    for way in WAYS {
        for file in [&lost_page, &lost_end] {
            fs::write(&place.path, file).unwrap();
            let mut sink = place.open(way, Some(product.mark(0, from))).unwrap();
            let at = product.push(&mut sink, from, from + 30);
            sink.deliver().unwrap();
            OpenOptions::new().append(true).open(&place.path).unwrap().write_all(b"foreign").unwrap();
            let before = place.state();
            let error = product.complete(&mut sink, at, end).unwrap_err();
            assert_eq!(error.exit_code(), 1);
            assert!(error.to_string().contains("someone else has written to this file"), "{error}");
            assert!(place.state() == before, "{way:?}");
        }
    }
}

/// After a failed write nothing more is tried, and a later run goes on.
#[test]
fn failed_writes_end_the_run() {
    let (place, product) = (Place::new(), product());
    fs::write(&place.path, &product.bytes[..product.ends[1]]).unwrap();
    let mark = product.mark(0, product.ends[1]);
    // `1< f`: every write fails.
    let mut sink = place.stdout(File::open(&place.path).unwrap(), Some(mark)).unwrap();
    product.push(&mut sink, product.ends[1], product.bytes.len());
    assert!(matches!(sink.deliver(), Err(Error::Output { target, .. }) if target == "standard output"));
    assert!(sink.deliver().is_err() && sink.mark().is_err() && sink.finish().is_err());
    let mut sink = place.open(Way::Append, Some(mark)).unwrap();
    product.complete(&mut sink, product.ends[1], 100).unwrap();
    assert!(fs::read(&place.path).unwrap() == product.bytes);
}

#[test]
fn no_checkpoint_covers_what_was_lost() {
    let (place, product) = (Place::new(), product());
    let from = product.ends[1];
    let mut file = product.bytes.clone();
    file[from + 40..from + 50].fill(0);
    fs::write(&place.path, &file).unwrap();
    let mut sink = place.open(Way::Named, Some(product.mark(0, from))).unwrap();
    let mut seen = Vec::new();
    let mut at = from;
    while at < product.bytes.len() {
        at = product.push(&mut sink, at, at + 1);
        let mark = sink.mark().unwrap();
        seen.push(mark.is_some());
        if let Some(mark) = mark {
            assert_eq!(mark, product.mark(0, at));
            let handle = sink.sync_handle().unwrap();
            std::thread::spawn(move || handle.sync()).join().unwrap().unwrap();
            // Another run could go on from there.
            assert!(place.open(Way::Named, Some(mark)).is_ok());
        }
    }
    // Before the lost bytes, from them on, and when the end of the tail was reached.
    seen.dedup();
    assert_eq!(seen, [true, false, true]);
}

/// Late and bad files are continued like the rows.
#[test]
fn files_beside_the_rows() {
    let (place, product) = (Place::new(), product());
    let path = place.dir.path().join("late");
    let mut sink = place.durable.set_aside(&path, None).unwrap();
    let at = product.push(&mut sink, 0, 60);
    let mark = sink.mark().unwrap().unwrap();
    product.push(&mut sink, at, at + 40);
    sink.deliver().unwrap();
    let mut sink = place.durable.set_aside(&path, Some(mark)).unwrap();
    product.complete(&mut sink, at, 10).unwrap();
    assert!(fs::read(&path).unwrap() == product.bytes);
    // A device takes them without an account.
    let mut sink = place.durable.set_aside("/dev/null".as_ref(), Some(mark)).unwrap();
    assert!(!sink.is_regular());
    product.push(&mut sink, at, at + 40);
    assert!(sink.mark().unwrap().unwrap().len > mark.len);
    assert!(!place.dir.path().join("delivery").exists());
}

/// Runs that are killed at random, with torn writes and lost pages, until one gets through.
#[test]
fn killed_at_random() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let place = Place::new();
        let product = Product::new((0..40).map(|_| random.usize(1..300)));
        let (mut marks, mut kills) = (vec![], 0);
        loop {
            let way = WAYS[random.usize(..3)];
            // The newest checkpoint may be damaged: the one before it serves too.
            let from = marks.iter().rev().nth(random.usize(..2)).or(marks.last()).copied();
            let mut sink = place.open(way, from).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            if from.is_none() {
                marks.push(sink.mark().unwrap().unwrap());
            }
            let mut at = from.map_or(0, |mark| mark.len as usize);
            let killed_at = if kills < 20 { random.usize(..product.bytes.len() * 2) } else { usize::MAX };
            while at < killed_at.min(product.bytes.len()) {
                at = product.push(&mut sink, at, at + random.usize(1..2000));
                sink.deliver().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                if random.u8(..4) == 0
                    && let Some(mark) = sink.mark().unwrap()
                {
                    marks.push(mark);
                }
            }
            if at == product.bytes.len() && killed_at >= at {
                sink.finish().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
                break;
            }
            kills += 1;
            // What was synced stays; the rest may be torn, or lack pages, or both.
            let synced = marks.iter().map(|mark| mark.len).max().unwrap() as usize;
            let mut file = fs::read(&place.path).unwrap();
            if file.len() > synced && random.bool() {
                file.truncate(random.usize(synced..=file.len()));
            }
            for page in file[synced..].chunks_mut(64) {
                if random.u8(..8) == 0 {
                    page.fill(0);
                }
            }
            fs::write(&place.path, &file).unwrap();
        }
        assert!(fs::read(&place.path).unwrap() == product.bytes, "seed {seed}");
    }
}
