//! One server per data directory: a lock that the kernel takes back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::open;
use crate::domain::{Error, Result};

/// Held as long as the value lives.
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Errors: `Conflict` when another server holds the directory, naming its process id.
    pub fn take(directory: &Path) -> Result<Self> {
        // Whether it is open to others is looked at later, when there is a log to say so in.
        open::make_private_dir(directory)?;
        let path = directory.join("portagent.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| cannot_lock(directory, &cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file)),
            Err(TryLockError::Error(cause)) => return Err(cannot_lock(directory, &cause)),
        }
        // Only for the message above; the lock itself is the kernel's.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn held(directory: &Path, file: &mut File) -> Error {
    let mut pid = String::new();
    let _ = file.take(20).read_to_string(&mut pid);
    Error::conflict(
        "data_dir_in_use",
        format!("{} is in use by another portagent server (process {})", directory.display(), pid.trim()),
    )
    .hint("stop that server first, or name another directory with --data-dir")
}

fn cannot_lock(directory: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable("data_dir_not_writable", format!("cannot use {}: {cause}", directory.display()))
        .hint("give the user that runs portagent this directory (chown), or name another with --data-dir")
}
