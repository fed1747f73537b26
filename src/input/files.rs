//! Thousands of regular files with a few descriptors: the least recently used are closed and opened
//! again when they are needed.
//!
//! Holds no position: every read names its offset.

use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::fault::Fault;

/// The most descriptors kept open for reading: more gain nothing, as each read takes a chunk.
const OPEN_MAX: usize = 256;
/// Descriptors left to the rest of the process.
const RESERVE: usize = 64;

/// Open regular files, shared by all sources of a run.
#[derive(Debug)]
pub struct FileCache {
    /// How many stay open; reads under way may hold a few more for a moment.
    limit: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<u64, Slot>,
    /// The number of the next file.
    next_id: u64,
    /// Counts uses: the greatest was the last.
    uses: u64,
}

#[derive(Debug)]
struct Slot {
    file: Arc<File>,
    used: u64,
}

impl FileCache {
    /// A cache that keeps at most `limit` files open (at least one).
    pub fn new(limit: usize) -> Arc<FileCache> {
        Arc::new(FileCache { limit: limit.max(1), open: Mutex::default() })
    }

    /// The cache of this process, sized by its limit on descriptors.
    pub fn shared() -> Arc<FileCache> {
        static SHARED: LazyLock<Arc<FileCache>> = LazyLock::new(|| {
            let allowed = getrlimit(Resource::Nofile).current;
            let allowed = allowed.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
            FileCache::new(allowed.saturating_sub(RESERVE).clamp(4, OPEN_MAX))
        });
        Arc::clone(&SHARED)
    }

    /// How many files are open just now.
    pub fn open_count(&self) -> usize {
        self.lock().files.len()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Each change leaves the map whole, so that a panic elsewhere does not spoil it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a file that has just been opened.
    fn keep(&self, id: u64, file: &Arc<File>) {
        let mut open = self.lock();
        open.uses += 1;
        let used = open.uses;
        open.files.insert(id, Slot { file: Arc::clone(file), used });
        while open.files.len() > self.limit {
            open.close_oldest();
        }
    }
}

impl Open {
    /// Closes the file that was used the longest ago; whether there was one.
    fn close_oldest(&mut self) -> bool {
        let oldest = self.files.iter().min_by_key(|(_, slot)| slot.used).map(|(id, _)| *id);
        oldest.is_some_and(|id| self.files.remove(&id).is_some())
    }
}

/// A regular file that is read through a [`FileCache`]; holds no descriptor of its own.
#[derive(Debug)]
pub(super) struct CachedFile {
    cache: Arc<FileCache>,
    id: u64,
    path: PathBuf,
    identity: (u64, u64),
}

/// A path, opened: a regular file, or what must be read as it comes.
pub(super) enum Opened {
    /// A regular file, and its size in bytes.
    Regular(CachedFile, u64),
    /// A FIFO, terminal, device; and what it is.
    Other(File, FileType),
}

impl CachedFile {
    /// Opens `path`. A directory is refused.
    pub fn open(cache: &Arc<FileCache>, path: &Path) -> Result<Opened, Fault> {
        let (file, stat) = open_with_room(cache, path)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return Err(Errno::ISDIR.into()),
            FileType::RegularFile => {}
            other => {
                // Only the opening must not wait (a FIFO's would, for its writer); the reads shall.
                rustix::fs::fcntl_setfl(&file, OFlags::RDONLY)?;
                return Ok(Opened::Other(file, other));
            }
        }
        let id = {
            let mut open = cache.lock();
            open.next_id += 1;
            open.next_id
        };
        cache.keep(id, &Arc::new(file));
        let identity = regular_identity(&stat).ok_or(Fault::Replaced)?;
        let opened = CachedFile { cache: Arc::clone(cache), id, path: path.to_owned(), identity };
        Ok(Opened::Regular(opened, u64::try_from(stat.st_size).unwrap_or(0)))
    }

    /// Reads at `offset`; 0 at the end.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize, Fault> {
        read_at(&*self.file()?, bytes, offset)
    }

    /// The size in bytes, now.
    pub fn size(&self) -> Result<u64, Fault> {
        Ok(self.file()?.metadata()?.len())
    }

    /// Gives the descriptor back.
    pub fn close(&self) {
        self.cache.lock().files.remove(&self.id);
    }

    /// The open file: from the cache, or opened again.
    fn file(&self) -> Result<Arc<File>, Fault> {
        {
            let mut open = self.cache.lock();
            open.uses += 1;
            let used = open.uses;
            if let Some(slot) = open.files.get_mut(&self.id) {
                slot.used = used;
                return Ok(Arc::clone(&slot.file));
            }
        }
        let (file, stat) = match open_with_room(&self.cache, &self.path) {
            Err(Fault::Io(error)) if error.kind() == ErrorKind::NotFound => return Err(Fault::Removed),
            opened => opened?,
        };
        if regular_identity(&stat) != Some(self.identity) {
            return Err(Fault::Replaced);
        }
        let file = Arc::new(file);
        self.cache.keep(self.id, &file);
        Ok(file)
    }
}

impl Drop for CachedFile {
    fn drop(&mut self) {
        self.close();
    }
}

/// Reads at `offset`, again when a signal came in between; 0 at the end.
pub(super) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> Result<usize, Fault> {
    loop {
        match file.read_at(bytes, offset) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// Device and inode of a regular file.
pub(super) fn regular_identity(stat: &Stat) -> Option<(u64, u64)> {
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // The fields' types differ between platforms.
    #[allow(clippy::unnecessary_cast)]
    regular.then_some((stat.st_dev as u64, stat.st_ino as u64))
}

/// Opens a path for reading without waiting for anybody; closes cached files if descriptors run out.
fn open_with_room(cache: &FileCache, path: &Path) -> Result<(File, Stat), Fault> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => {
                let stat = rustix::fs::fstat(&fd)?;
                return Ok((File::from(fd), stat));
            }
            Err(Errno::INTR) => {}
            Err(Errno::MFILE | Errno::NFILE) if cache.lock().close_oldest() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(cache: &Arc<FileCache>, path: &Path) -> CachedFile {
        match CachedFile::open(cache, path).unwrap() {
            Opened::Regular(file, _) => file,
            Opened::Other(..) => panic!("a regular file was expected"),
        }
    }

    #[test]
    fn few_descriptors_serve_many_files() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FileCache::new(8);
        let files: Vec<CachedFile> = (0..100)
            .map(|n| {
                let path = dir.path().join(n.to_string());
                std::fs::write(&path, format!("file {n:03}")).unwrap();
                open(&cache, &path)
            })
            .collect();
        for round in 0..4 {
            for (n, file) in files.iter().enumerate() {
                let mut bytes = [0; 2];
                assert_eq!(file.read_at(&mut bytes, round * 2).unwrap(), 2);
                assert_eq!(bytes, format!("file {n:03}").as_bytes()[round as usize * 2..][..2]);
                assert!(cache.open_count() <= 8);
            }
        }
        drop(files);
        assert_eq!(cache.open_count(), 0);
    }

    #[test]
    fn a_replaced_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&path, "one").unwrap();
        std::fs::write(&other, "two").unwrap();
        let cache = FileCache::new(1);
        let file = open(&cache, &path);
        let pushes_out = open(&cache, &other);
        std::fs::rename(&other, &path).unwrap();
        assert!(matches!(file.read_at(&mut [0; 3], 0), Err(Fault::Replaced)));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(file.read_at(&mut [0; 3], 0), Err(Fault::Removed)));
        // The file that is still open is read to its end under whatever name.
        assert_eq!(pushes_out.read_at(&mut [0; 3], 0).unwrap(), 3);
    }

    #[test]
    fn what_is_not_a_file() {
        let cache = FileCache::new(1);
        let dir = tempfile::tempdir().unwrap();
        assert!(CachedFile::open(&cache, dir.path()).is_err());
        assert!(CachedFile::open(&cache, &dir.path().join("none")).is_err());
        assert!(matches!(CachedFile::open(&cache, Path::new("/dev/null")), Ok(Opened::Other(..))));
    }
}
