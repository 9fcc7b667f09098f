//! A data directory on a medium that cannot be written. SQLite opens no database there that has a write-ahead log, since
//! its readers write, too; so commands that only read work on private copies of the databases.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::StatVfsMountFlags;

use super::partial::Partial;
use crate::domain::{Error, Result};

/// Copies of the databases and of the key, which go when this is dropped.
#[derive(Debug)]
pub struct StandIn(Partial);

impl StandIn {
    /// `None` where the directory can be written, and where there is none.
    ///
    /// Errors: `Unavailable` when the directory for temporary files has no room for the copies.
    pub fn of(directory: &Path) -> Result<Option<Self>> {
        if !is_read_only(directory) {
            return Ok(None);
        }
        let place = Partial::make(&std::env::temp_dir())?;
        let copied = place.inner("data").and_then(|data| {
            copy_files(&directory.join("data"), &data)
                .and_then(|()| copy(&directory.join("jwt-secret"), &place.path().join("jwt-secret")))
                .map_err(|cause| cannot_copy(directory, &cause))
        });
        copied.map(|()| Some(Self(place)))
    }

    /// As a data directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Errors: `Unavailable` where the directory is on a medium that cannot be written.
pub fn require_writable(directory: &Path) -> Result<()> {
    if !is_read_only(directory) {
        return Ok(());
    }
    let message = format!("{} is on a read-only file system", directory.display());
    Err(Error::unavailable("read_only", message).hint(
        "commands that list, check, export and back up work there; for others mount it read-write, or copy it elsewhere: \
         `portagent backup --out DIR`, then `portagent restore`",
    ))
}

pub fn is_read_only(directory: &Path) -> bool {
    rustix::fs::statvfs(directory).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Nothing where there is no such file. The copy is private, and can be written.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut from = match fs::File::open(from) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut to = fs::File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut from, &mut to).map(drop)
}

fn cannot_copy(directory: &Path, cause: &io::Error) -> Error {
    let message = format!("{} is read-only, and its databases cannot be copied: {cause}", directory.display());
    Error::unavailable("cannot_write", message).hint("name a directory with enough room in TMPDIR")
}
