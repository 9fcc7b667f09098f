//! The database file that we serve, held by a descriptor of our own: is it still the one at its path?
//!
//! SQLite in WAL mode does not notice when its file is deleted, renamed or overwritten: it would go on acknowledging
//! what is lost with the file. The descriptor is opened before SQLite's and closed after them, because closing *any*
//! descriptor of a file gives up all POSIX locks that the process has on it, SQLite's included
//! (https://www.sqlite.org/howtocorrupt.html, 2.2). For the same reason nothing else in this program opens a database
//! that it serves, except through SQLite.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::wal_ownership::Identity;
use crate::domain::{Error, Result};
use crate::store::sqlite::header::{Header, beside};

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    Ours,
    /// Nothing is at the path.
    Gone,
    /// Another file is at the path.
    Other,
    /// The same file, with a content that is not ours.
    Overwritten,
    /// The same file, but its log is not at its path: what we write to it would be gone with this process.
    LogGone,
}

pub struct LiveFile {
    path: PathBuf,
    file: File,
    /// Device and inode.
    place: (u64, u64),
    /// Only while we serve: a command trusts SQLite.
    identity: Mutex<Option<Identity>>,
    /// Device and inode of its log, once we serve.
    log_place: OnceLock<(u64, u64)>,
}

impl LiveFile {
    /// The file has to exist.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let place = (metadata.dev(), metadata.ino());
        Ok(Self { path: path.to_owned(), file, place, identity: Mutex::new(None), log_place: OnceLock::new() })
    }

    pub fn state(&self) -> FileState {
        match std::fs::metadata(&self.path) {
            Err(cause) if cause.kind() == ErrorKind::NotFound => return FileState::Gone,
            // The directory cannot be read: that says nothing about the file.
            Err(_) => return FileState::Ours,
            Ok(found) if (found.dev(), found.ino()) != self.place => return FileState::Other,
            Ok(_) => {}
        }
        match (&*self.identity(), Header::read(&self.file)) {
            (Some(identity), Ok(Some(header))) if identity.knows(header.cookie()) && header.is_sqlite() => {}
            (Some(_), Ok(_)) => return FileState::Overwritten,
            _ => {}
        }
        if self.log_place.get().is_some() && !self.has_its_log() { FileState::LogGone } else { FileState::Ours }
    }

    /// Errors: `Unavailable` when the file is not ours any more.
    pub fn check(&self) -> Result<()> {
        match self.state() {
            FileState::Ours => Ok(()),
            seen => Err(replaced(&self.path, seen)),
        }
    }

    /// From now on the content is checked as well. `now` is the schema cookie as SQLite sees it.
    pub fn serve(&self, now: u32) {
        if let Ok(Some(header)) = Header::read(&self.file) {
            *self.identity() = Some(Identity::of(&self.path, &header, now));
        }
        if let Some(place) = log_place(&self.path) {
            let _ = self.log_place.set(place);
        }
    }

    /// Whether the log at the path is the one that belongs to our file.
    pub fn has_its_log(&self) -> bool {
        self.log_place.get().is_some() && log_place(&self.path).as_ref() == self.log_place.get()
    }

    pub fn identity(&self) -> MutexGuard<'_, Option<Identity>> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_place(database: &Path) -> Option<(u64, u64)> {
    let log = std::fs::metadata(beside(database, "-wal")).ok()?;
    Some((log.dev(), log.ino()))
}

fn replaced(path: &Path, seen: FileState) -> Error {
    let (what, hint) = match seen {
        FileState::Gone => ("was deleted or moved away while it was served", "Put the file back; no restart is needed"),
        FileState::Overwritten => (
            "was overwritten while it was served",
            "Stop the server, put the right file there once more, and start again",
        ),
        FileState::LogGone => {
            ("had its -wal file deleted while it was served", "Wait a moment: what was in it is being saved")
        }
        FileState::Other | FileState::Ours => {
            ("was replaced by another file while it was served", "Wait a moment until the new file is opened")
        }
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Error::unavailable("database_replaced", format!("The database {name} {what}: nothing can be stored"))
        .hint(hint)
        .retry_after(std::time::Duration::from_secs(5))
}
