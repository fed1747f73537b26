//! A model of a disk and its cache: what a power cut may leave of the calls that a run has made.
//!
//! What was synced stays. Of everything else any part may be missing, in whatever order it was done: writes to files,
//! their sizes, and names (created, renamed, removed), which belong to their directory and are kept by a sync of that
//! alone. Of a write that is missing the size may have been kept, with zeros in its place; one may be torn. Real file
//! systems keep more order than that.
//!
//! What it must not do: run anything.

use std::collections::{BTreeMap, BTreeSet};

/// A call that changes files, from the shim's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// A directory is made.
    Mkdir(String),
    /// A file is opened in a way that may create or empty it.
    Open { name: String, is_new: bool, empties: bool },
    /// Bytes are written.
    Write { name: String, at: usize, bytes: Vec<u8> },
    /// A file is given this size.
    Cut { name: String, len: usize },
    /// A name is taken from one and given to another.
    Rename { from: String, to: String },
    /// A name goes.
    Unlink(String),
    /// A file or directory is synced.
    Sync(String),
    /// What a page in memory holds, which may reach the disk at any time, and does if it is synced.
    Page { name: String, bytes: Vec<u8>, synced: bool },
    /// Whoever reads the pipe has got so many bytes.
    Deliver(usize),
}

/// The calls of a log.
pub fn parse(log: &str) -> Vec<Op> {
    log.lines().map(parse_line).collect()
}

fn parse_line(line: &str) -> Op {
    let words: Vec<&str> = line.split(' ').collect();
    let [call, name, number, other, hex] = words[..] else { panic!("a line of the shim's: {line:?}") };
    let name = name.to_owned();
    let number = || number.parse::<usize>().expect("a number");
    let bytes = || -> Vec<u8> {
        let digit = |at: usize| (hex.as_bytes()[at] as char).to_digit(16).expect("a hex digit") as u8;
        (0..hex.len() / 2).map(|n| digit(2 * n) << 4 | digit(2 * n + 1)).collect()
    };
    match call {
        "mkdir" => Op::Mkdir(name),
        "open" => Op::Open { name, is_new: number() == 1, empties: other == "trunc" },
        "write" if name == "stdout" => Op::Deliver(bytes().len()),
        "write" => Op::Write { name, at: number(), bytes: bytes() },
        "ftruncate" => Op::Cut { name, len: number() },
        "rename" => Op::Rename { from: name, to: other.to_owned() },
        "unlink" => Op::Unlink(name),
        "fsync" | "fdatasync" => Op::Sync(name),
        "msync" => Op::Page { name, bytes: bytes(), synced: true },
        "page" => Op::Page { name, bytes: bytes(), synced: false },
        other => panic!("the model does not know {other}"),
    }
}

/// Files and directories by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tree {
    /// Directories.
    pub dirs: BTreeSet<String>,
    /// Files and what they hold.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What has been done to files, and what of it is on the disk for certain.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Vec<File>,
    /// The names as a program sees them.
    names: BTreeMap<String, Entry>,
    /// Those that are on the disk for certain.
    kept_names: BTreeMap<String, Entry>,
    /// Changes of names that may be lost, with the time of each.
    loose_names: Vec<(usize, NameChange)>,
    /// A number for each change.
    time: usize,
    /// What has gone through the pipe, in bytes.
    pub delivered: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Dir,
    File(usize),
}

#[derive(Debug, Clone)]
struct NameChange {
    gone: Option<String>,
    given: Option<(String, Entry)>,
}

#[derive(Debug, Clone, Default)]
struct File {
    kept: Vec<u8>,
    /// Changes that may be lost, with the time of each.
    loose: Vec<(usize, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
    Page(Vec<u8>),
}

/// What a write leaves that did not reach the disk, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing, as if it had not been made.
    Nothing,
    /// Zeros, for the size was kept.
    Zeros,
    /// The last one that was kept has only half of its bytes.
    Torn,
    /// The same, with zeros for the other half.
    TornZeros,
}

/// All of them.
pub const LOSSES: [Lost; 4] = [Lost::Nothing, Lost::Zeros, Lost::Torn, Lost::TornZeros];

impl Disk {
    /// A disk that holds this for certain.
    pub fn new(tree: &Tree, delivered: usize) -> Disk {
        let mut disk = Disk { delivered, ..Disk::default() };
        for dir in &tree.dirs {
            disk.names.insert(dir.clone(), Entry::Dir);
        }
        for (name, bytes) in &tree.files {
            disk.names.insert(name.clone(), Entry::File(disk.files.len()));
            disk.files.push(File { kept: bytes.clone(), loose: Vec::new() });
        }
        disk.kept_names = disk.names.clone();
        disk
    }

    /// Makes a call.
    pub fn apply(&mut self, op: &Op) {
        self.time += 1;
        match op {
            Op::Mkdir(name) => self.rename(None, Some((name.clone(), Entry::Dir))),
            Op::Open { name, is_new: true, .. } => {
                self.files.push(File::default());
                self.rename(None, Some((name.clone(), Entry::File(self.files.len() - 1))));
            }
            Op::Open { name, empties: true, .. } => self.change(name, Change::Cut(0)),
            Op::Open { .. } => {}
            Op::Write { name, at, bytes } => {
                self.change(name, Change::Write { at: *at, bytes: bytes.clone() })
            }
            Op::Cut { name, len } => self.change(name, Change::Cut(*len)),
            Op::Rename { from, to } => {
                let entry = self.names[from];
                self.rename(Some(from.clone()), Some((to.clone(), entry)));
            }
            Op::Unlink(name) => self.rename(Some(name.clone()), None),
            Op::Page { name, bytes, synced } => {
                self.change(name, Change::Page(bytes.clone()));
                if *synced {
                    self.sync(name);
                }
            }
            Op::Sync(name) => self.sync(name),
            Op::Deliver(len) => self.delivered += len,
        }
    }

    fn rename(&mut self, gone: Option<String>, given: Option<(String, Entry)>) {
        let change = NameChange { gone, given };
        change.apply(&mut self.names);
        self.loose_names.push((self.time, change));
    }

    fn change(&mut self, name: &str, change: Change) {
        // A file without a name is gone with the program.
        if let Some(Entry::File(number)) = self.names.get(name) {
            self.files[*number].loose.push((self.time, change));
        }
    }

    fn sync(&mut self, name: &str) {
        match self.names.get(name) {
            Some(Entry::File(number)) => {
                let file = &mut self.files[*number];
                let loose = std::mem::take(&mut file.loose);
                loose.iter().for_each(|(_, change)| change.apply(&mut file.kept));
            }
            // The root has no entry.
            _ => {
                let here = |change: &NameChange| change.names().all(|changed| parent(changed) == name);
                self.loose_names.retain(|(_, change)| {
                    let synced = here(change);
                    if synced {
                        change.apply(&mut self.kept_names);
                    }
                    !synced
                });
            }
        }
    }

    /// The times of all changes that may be lost, in their order.
    pub fn loose(&self) -> Vec<usize> {
        let names = self.loose_names.iter().map(|(time, _)| *time);
        let files = self.files.iter().flat_map(|file| file.loose.iter().map(|(time, _)| *time));
        let mut times: Vec<usize> = names.chain(files).collect();
        times.sort_unstable();
        times
    }

    /// What a power cut leaves if the changes of these times are lost.
    pub fn crash(&self, lost: &BTreeSet<usize>, how: Lost) -> Tree {
        let mut names = self.kept_names.clone();
        for (_, change) in self.loose_names.iter().filter(|(time, _)| !lost.contains(time)) {
            change.apply(&mut names);
        }
        let writes = self.files.iter().flat_map(|file| &file.loose);
        let kept =
            writes.filter(|(time, change)| matches!(change, Change::Write { .. }) && !lost.contains(time));
        let last = kept.map(|(time, _)| *time).max();
        let mut tree = Tree::default();
        for (name, entry) in names {
            let above = parent(&name);
            // What is in a directory that was lost is lost too.
            let reachable = above == "." || tree.dirs.contains(above);
            match entry {
                Entry::Dir => drop(tree.dirs.insert(name)),
                Entry::File(number) if reachable => {
                    drop(tree.files.insert(name, self.files[number].crash(lost, how, last)))
                }
                Entry::File(_) => {}
            }
        }
        tree
    }
}

/// The directory of a name.
fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or(".", |(parent, _)| parent)
}

impl NameChange {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.gone.iter().chain(self.given.iter().map(|(name, _)| name))
    }

    fn apply(&self, names: &mut BTreeMap<String, Entry>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((name, entry)) = &self.given {
            names.insert(name.clone(), *entry);
        }
    }
}

impl File {
    fn crash(&self, lost: &BTreeSet<usize>, how: Lost, last: Option<usize>) -> Vec<u8> {
        let mut bytes = self.kept.clone();
        for (time, change) in &self.loose {
            let is_lost = lost.contains(time);
            match change {
                Change::Write { at, bytes: written } if is_lost && how == Lost::Zeros => {
                    bytes.resize(bytes.len().max(at + written.len()), 0);
                }
                _ if is_lost => {}
                Change::Write { at, bytes: written } if Some(*time) == last && how != Lost::Nothing => {
                    let half = &written[..written.len() / 2];
                    match how {
                        Lost::Torn => put(&mut bytes, *at, half),
                        Lost::TornZeros => {
                            put(&mut bytes, *at, &[half, &vec![0; written.len() - half.len()]].concat())
                        }
                        Lost::Nothing | Lost::Zeros => put(&mut bytes, *at, written),
                    }
                }
                change => change.apply(&mut bytes),
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { at, bytes: written } => put(bytes, *at, written),
            Change::Cut(len) => bytes.resize(*len, 0),
            Change::Page(page) => bytes.clone_from(page),
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at + written.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(written);
}
