//! The copies of the databases that go into the archive, and what the manifest says about them.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::super::archive::DatabaseFacts;
use super::super::meter::Meter;
use crate::domain::id::hex;
use crate::domain::{Error, Result};
use crate::store::copy::{Frozen, Moment};
use crate::store::inspect;

/// What is written is handed to the disk in pieces of this many bytes: a gigabyte that waits in memory would make the
/// next person's commit wait for all of it.
pub const SYNC_BYTES: u64 = 8 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// A database's copy.
pub struct Staged {
    pub facts: DatabaseFacts,
    pub path: PathBuf,
}

/// Copies both databases into `directory`. The moment is over when this returns.
pub fn copy(moment: Moment, directory: &Path, meter: &mut Meter<'_>) -> Result<Vec<Staged>> {
    let total = moment.databases().iter().map(|database| database.bytes).sum();
    meter.begin("copying the databases", total);
    let mut copies = Vec::new();
    for database in moment.databases() {
        let path = directory.join(database.file);
        copy_one(database, &path, meter)?;
        copies.push((database.file, path));
    }
    drop(moment); // from here on the WAL can be cut back again
    meter.begin("counting", total);
    copies.into_iter().map(|(file, path)| describe(file, path, meter)).collect()
}

fn copy_one(database: &Frozen, path: &Path, meter: &mut Meter<'_>) -> Result<()> {
    let mut waiting = 0;
    // One handle until the copy is done: the file is ours alone.
    let mut handle = None;
    database.copy_to(path, |bytes| {
        waiting += bytes;
        if waiting >= SYNC_BYTES {
            waiting = 0;
            if handle.is_none() {
                handle = Some(File::open(path).map_err(super::not_written)?);
            }
            if let Some(handle) = &handle {
                handle.sync_data().map_err(super::not_written)?;
            }
        }
        meter.advance(bytes)
    })
}

fn describe(file: &str, path: PathBuf, meter: &mut Meter<'_>) -> Result<Staged> {
    let facts = inspect::facts(&path, meter.interruption())?;
    let bytes = fs::metadata(&path).map_err(Error::internal)?.len();
    let sha256 = digest(&path, meter)?;
    let rows = facts.rows.into_iter().collect();
    let facts = DatabaseFacts {
        file: file.to_owned(),
        schema: facts.schema,
        bytes,
        page_bytes: facts.page_bytes,
        sha256,
        rows,
    };
    Ok(Staged { facts, path })
}

fn digest(path: &Path, meter: &mut Meter<'_>) -> Result<String> {
    let unreadable =
        |cause: io::Error| Error::unavailable("cannot_read", format!("cannot read {}: {cause}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..read]);
        meter.advance(read as u64)?;
    }
}
