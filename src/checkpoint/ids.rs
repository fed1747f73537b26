//! Remembered ids in files (a plain form, until the segmented store replaces it).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::directory::Unusable;
use crate::error::{Error, Result};
use crate::operator::dedup::{Dedup, Entry};

/// The files of ids of a state directory.
pub struct IdFiles {
    path: PathBuf,
    file: Option<File>,
    len: u64,
}

impl IdFiles {
    /// Whether the files that a checkpoint names can be used.
    pub fn check(_dir: &Path, _lengths: &[(i64, u64)]) -> std::result::Result<(), Unusable> {
        Ok(())
    }

    /// Opens them.
    pub fn open(dir: &Path, lengths: &[(i64, u64)]) -> Result<IdFiles> {
        let len = lengths.first().map_or(0, |(_, len)| *len);
        let path = dir.join("ids-0");
        let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path);
        let file = file
            .and_then(|file| file.set_len(len).map(|()| file))
            .map_err(|cause| Error::Output { target: "ids".into(), cause })?;
        Ok(IdFiles { path, file: Some(file), len })
    }

    /// Loads them.
    pub fn load(&self, _span: i64, watermark: i64) -> Result<Dedup> {
        let mut bytes = Vec::new();
        let _ = File::open(&self.path).and_then(|mut file| file.read_to_end(&mut bytes));
        let mut dedup = Dedup::new();
        for entry in bytes.chunks_exact(24) {
            let id = u128::from_le_bytes(entry[..16].try_into().expect("16"));
            let expiry = i64::from_le_bytes(entry[16..].try_into().expect("8"));
            if expiry > watermark {
                dedup.seen(id, expiry, watermark);
            }
        }
        Ok(dedup)
    }

    /// Appends.
    pub fn append(&mut self, ids: &[(i64, Vec<Entry>)]) -> Result<()> {
        for (_, entries) in ids {
            for entry in entries {
                let mut bytes = [0; 24];
                bytes[..16].copy_from_slice(&entry.0.to_le_bytes());
                bytes[16..].copy_from_slice(&entry.1.to_le_bytes());
                if let Some(file) = &mut self.file {
                    file.write_all(&bytes).map_err(|cause| Error::Output { target: "ids".into(), cause })?;
                }
                self.len += 24;
            }
        }
        Ok(())
    }

    /// Syncs.
    pub fn sync(&mut self) -> Result<Vec<(i64, u64)>> {
        if let Some(file) = &self.file {
            file.sync_data().map_err(|cause| Error::Output { target: "ids".into(), cause })?;
        }
        Ok(vec![(0, self.len)])
    }

    /// Expires.
    pub fn expire(&mut self, _watermark: i64) -> Result<()> {
        Ok(())
    }
}
