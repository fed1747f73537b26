//! How much of a stream has been delivered: one page of the state directory, mapped into memory.
//!
//! What has gone into a pipe cannot be looked at again, so each write is announced here before it is made and
//! counted afterwards. That costs no system call, and the page outlives a process that is killed. At every
//! instant it reads as one of: nothing in doubt, or exactly one write in doubt.
//!
//! ```text
//! offset  bytes
//!      0     44  a frame of the codec, kind Delivery, whose payload is the identity of the run
//!     64      8  CRC-64/NVME of the record in force, little-endian as all numbers here
//!     72     40  the record of even changes
//!    112     40  the record of odd changes
//!    152      -  zeros up to 4,096
//!
//! a record:   0  number of the change          24  bytes announced
//!             8  bytes counted                 32  rows announced
//!            16  whole rows among them
//! ```
//!
//! A change fills the record that is not in force, then stores its checksum at 64: that one store puts it in force.
//! A process that is killed has made all stores up to some instruction and none behind it, so a record half
//! filled is never in force, and where the checksum fits neither record the page is damaged. All of it lies in
//! one sector of 512 bytes, which a disk writes whole. The page is synced when a checkpoint is made, so after a
//! power cut it may be older than the stream, but never older than the checkpoint.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use crate::checkpoint::codec::{self, Damage, Kind};
use crate::checkpoint::guard::{self, Denied};
use crate::error::{Error, Result};
use crate::paths;

const PAGE_BYTES: usize = 4096;
const WORD_BYTES: usize = 8;
/// Where the checksum of the record in force stands, in words.
const IN_FORCE_AT: usize = 8;
const RECORD_WORDS: usize = 5;

/// What the page says. Bytes count from the first that the job ever produced, rows likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// Bytes that have been delivered for certain.
    pub counted: u64,
    /// Whole rows among them.
    pub counted_rows: u64,
    /// The end of the write in doubt; `counted` if none is. Never less.
    pub announced: u64,
    /// Whole rows up to there.
    pub announced_rows: u64,
}

/// The page.
pub struct Ledger {
    page: Arc<MmapRaw>,
    name: String,
    last_change: u64,
    now: Delivery,
}

/// Syncs the page from another thread.
#[derive(Clone)]
pub struct LedgerSync {
    page: Arc<MmapRaw>,
    name: String,
}

impl Ledger {
    /// A page that says that nothing has been delivered, in place of any that is there. The file and its
    /// directory are synced.
    pub fn create(path: &Path, identity: u64) -> Result<Ledger> {
        let failed = |cause| Error::Output { target: path.display().to_string(), cause };
        // A new file, so that nothing else is emptied should a link stand here.
        match fs::remove_file(path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
            _ => {}
        }
        let mut file = guard::open(OpenOptions::new().read(true).write(true).create_new(true), path)
            .map_err(|denied| denied.at(path))?;
        let mut page = vec![0; PAGE_BYTES];
        let payload = codec::encode(&identity);
        let header = codec::header(Kind::Delivery, &payload);
        page[..header.len()].copy_from_slice(&header);
        page[header.len()..header.len() + payload.len()].copy_from_slice(&payload);
        for (at, word) in stores(0, &Delivery::default()) {
            page[at * WORD_BYTES..][..WORD_BYTES].copy_from_slice(&word.to_le_bytes());
        }
        // Written, not left to the mapping: a full disk is an error here and would be a fatal signal there.
        file.write_all(&page).and_then(|()| file.sync_all()).map_err(failed)?;
        paths::sync_parent(path).map_err(failed)?;
        Ledger::map(&file, path, 0, Delivery::default())
    }

    /// The page that an earlier process of the same run has left.
    pub fn open(path: &Path, identity: u64) -> Result<Ledger> {
        let refused = |why: &dyn std::fmt::Display| {
            let name = path.display();
            Error::Failed(format!(
                "{name}: this says how much has been delivered, but {why}; --replay computes and writes \
                 everything again"
            ))
        };
        let opened = guard::open(OpenOptions::new().read(true).write(true), path);
        let file = opened.map_err(|denied| match denied {
            Denied::Io(_) => refused(&denied),
            Denied::NotOurs(_) => denied.at(path),
        })?;
        let page = read(&file).map_err(|damage| refused(&damage))?;
        let (found, (last_change, delivery)) =
            identity_of(&page).and_then(|found| Ok((found, in_force(&page)?))).map_err(|d| refused(&d))?;
        if found != identity {
            return Err(refused(&"it belongs to another run"));
        }
        Ledger::map(&file, path, last_change, delivery)
    }

    /// What the page says and whose it is, without changing it; a run may be changing it meanwhile.
    ///
    /// # Errors
    /// The outer error is that of opening and reading, the inner one what is wrong with the page.
    pub fn look(path: &Path) -> std::result::Result<std::result::Result<(u64, Delivery), Damage>, Denied> {
        // Between the stores of a change the page is whole again within microseconds.
        const LOOKS_MAX: usize = 100;
        let file = guard::open(OpenOptions::new().read(true), path)?;
        let mut found = Err(Damage::Checksum);
        for _ in 0..LOOKS_MAX {
            found = read(&file).and_then(|page| Ok((identity_of(&page)?, in_force(&page)?.1)));
            if found != Err(Damage::Checksum) {
                break;
            }
            std::thread::yield_now();
        }
        Ok(found)
    }

    fn map(file: &File, path: &Path, last_change: u64, now: Delivery) -> Result<Ledger> {
        let name = path.display().to_string();
        match MmapOptions::new().len(PAGE_BYTES).map_raw(file) {
            Ok(page) => Ok(Ledger { page: Arc::new(page), name, last_change, now }),
            Err(cause) => Err(Error::Output { target: name, cause }),
        }
    }

    /// What the page says now.
    pub fn now(&self) -> Delivery {
        self.now
    }

    /// Puts a delivery in force.
    pub fn set(&mut self, next: Delivery) {
        assert!(next.counted <= next.announced && next.counted_rows <= next.announced_rows);
        self.last_change += 1;
        self.now = next;
        for (at, word) in stores(self.last_change, &next) {
            // Release: no store is made before the one in front of it.
            self.word(at).store(word.to_le(), Ordering::Release);
        }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at < PAGE_BYTES / WORD_BYTES);
        // SAFETY: the mapping begins at a page and has PAGE_BYTES, so the word is aligned and within it; it lives
        // as long as `self.page`; and this process touches it by atomic operations only. The file is in a
        // directory that other users cannot write to and that is locked against other runs.
        unsafe { AtomicU64::from_ptr(self.page.as_mut_ptr().cast::<u64>().add(at)) }
    }

    /// What syncs the page from another thread.
    pub fn sync_handle(&self) -> LedgerSync {
        LedgerSync { page: self.page.clone(), name: self.name.clone() }
    }
}

impl LedgerSync {
    /// Makes what the page says now outlast a power cut.
    pub fn sync(&self) -> Result<()> {
        self.page.flush().map_err(|cause| Error::Output { target: self.name.clone(), cause })
    }
}

/// The stores of a change as (word, value), in their order.
fn stores(change: u64, next: &Delivery) -> [(usize, u64); RECORD_WORDS + 1] {
    let record = [change, next.counted, next.counted_rows, next.announced, next.announced_rows];
    let start = record_at(change % 2);
    std::array::from_fn(|n| match record.get(n) {
        Some(&word) => (start + n, word),
        None => (IN_FORCE_AT, check(&record)),
    })
}

/// Where the record of even (0) or odd (1) changes begins, in words.
fn record_at(parity: u64) -> usize {
    IN_FORCE_AT + 1 + parity as usize * RECORD_WORDS
}

fn check(record: &[u64; RECORD_WORDS]) -> u64 {
    let mut bytes = [0; RECORD_WORDS * WORD_BYTES];
    for (to, word) in bytes.chunks_exact_mut(WORD_BYTES).zip(record) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    codec::digest(&bytes)
}

fn read(file: &File) -> std::result::Result<Vec<u8>, Damage> {
    let mut page = vec![0; PAGE_BYTES + 1];
    let mut len = 0;
    while len < page.len() {
        match file.read_at(&mut page[len..], len as u64) {
            Ok(0) => break,
            Ok(n) => len += n,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Damage::Length),
        }
    }
    page.truncate(len);
    if len == PAGE_BYTES { Ok(page) } else { Err(Damage::Length) }
}

fn identity_of(page: &[u8]) -> std::result::Result<u64, Damage> {
    let (_, payload, _) = codec::split(Kind::Delivery, &page[..IN_FORCE_AT * WORD_BYTES])?;
    codec::decode(payload)
}

/// The number of the last change and what it put in force.
fn in_force(page: &[u8]) -> std::result::Result<(u64, Delivery), Damage> {
    let word = |at: usize| {
        let mut bytes = [0; WORD_BYTES];
        bytes.copy_from_slice(&page[at * WORD_BYTES..][..WORD_BYTES]);
        u64::from_le_bytes(bytes)
    };
    let records = [0, 1].map(|parity| std::array::from_fn(|n| word(record_at(parity) + n)));
    let in_force = records.iter().find(|record| check(record) == word(IN_FORCE_AT));
    let &[last_change, counted, counted_rows, announced, announced_rows] =
        in_force.ok_or(Damage::Checksum)?;
    if counted > announced || counted_rows > announced_rows {
        return Err(Damage::Content);
    }
    Ok((last_change, Delivery { counted, counted_rows, announced, announced_rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: u64 = 77;

    fn delivery(counted: u64, announced: u64) -> Delivery {
        Delivery { counted, counted_rows: counted / 10, announced, announced_rows: announced / 10 }
    }

    fn why(path: &Path, identity: u64) -> String {
        Ledger::open(path, identity).err().expect("it is refused").to_string()
    }

    #[test]
    fn what_was_set_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery");
        let mut ledger = Ledger::create(&path, IDENTITY).unwrap();
        assert_eq!(Ledger::open(&path, IDENTITY).unwrap().now(), Delivery::default());
        for n in 0..5 {
            ledger.set(delivery(n * 100, n * 100 + 50));
            assert_eq!(Ledger::open(&path, IDENTITY).unwrap().now(), delivery(n * 100, n * 100 + 50));
        }
        // Another process goes on where this one stopped.
        let mut ledger = Ledger::open(&path, IDENTITY).unwrap();
        ledger.set(delivery(450, 450));
        ledger.sync_handle().sync().unwrap();
        assert_eq!(Ledger::open(&path, IDENTITY).unwrap().now(), delivery(450, 450));
        assert_eq!(Ledger::look(&path).unwrap(), Ok((IDENTITY, delivery(450, 450))));
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
    }

    /// A kill between any two stores leaves what was in force before, or what comes into force.
    #[test]
    fn every_store_is_an_instant() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery");
        let mut ledger = Ledger::create(&path, IDENTITY).unwrap();
        let changes =
            [delivery(0, 40), delivery(40, 40), delivery(40, 90), delivery(60, 90), delivery(90, 90)];
        for next in changes {
            let before = ledger.now();
            let mut page = fs::read(&path).unwrap();
            let stores = stores(ledger.last_change + 1, &next);
            for (n, (at, word)) in stores.into_iter().enumerate() {
                page[at * WORD_BYTES..][..WORD_BYTES].copy_from_slice(&word.to_le_bytes());
                let want = if n + 1 == stores.len() { next } else { before };
                assert_eq!(in_force(&page), Ok((ledger.last_change + u64::from(want == next), want)));
            }
            ledger.set(next);
            assert_eq!(fs::read(&path).unwrap(), page, "the stores are those of `set`");
        }
    }

    #[test]
    fn damage_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery");
        let mut ledger = Ledger::create(&path, IDENTITY).unwrap();
        ledger.set(delivery(40, 90));
        let page = fs::read(&path).unwrap();
        // Header, identity, checksum, the record in force.
        let in_use = (0..44).chain(64..72).chain(112..152);
        for bit in in_use.flat_map(|byte| byte * 8..byte * 8 + 8) {
            let mut damaged = page.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read = identity_of(&damaged).and_then(|_| in_force(&damaged));
            assert!(read.is_err(), "bit {bit}");
        }
        let check = |bytes: &[u8], want: &str| {
            fs::write(&path, bytes).unwrap();
            let why = why(&path, IDENTITY);
            assert!(why.contains(want) && why.contains("--replay"), "{why}");
        };
        check(&page[..page.len() - 1], "cut off");
        check(&[&page[..], b"x"].concat(), "too long");
        check(b"", "cut off");
        check(&[0; PAGE_BYTES], "no file of windrow's");
        check(&[&page[..112], &[0; PAGE_BYTES - 112][..]].concat(), "checksum");
        fs::write(&path, &page).unwrap();
        assert!(why(&path, IDENTITY + 1).contains("another run"));
        fs::remove_file(&path).unwrap();
        assert!(why(&path, IDENTITY).contains("no such file"));
    }

    #[test]
    fn no_link_leads_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, path) = (dir.path().join("victim"), dir.path().join("delivery"));
        fs::write(&victim, "mine").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        assert!(Ledger::open(&path, IDENTITY).is_err());
        assert!(Ledger::look(&path).is_err());
        Ledger::create(&path, IDENTITY).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    }

    #[test]
    fn a_page_that_others_could_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery");
        Ledger::create(&path, IDENTITY).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o660)).unwrap();
        assert!(why(&path, IDENTITY).contains("by other users") && Ledger::look(&path).is_err());
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        fs::hard_link(&path, dir.path().join("other")).unwrap();
        assert!(why(&path, IDENTITY).contains("another name") && Ledger::look(&path).is_err());
    }
}
