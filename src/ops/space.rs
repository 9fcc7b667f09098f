//! Free space, checked before the work, not after an hour of it.

use std::path::Path;

use crate::domain::bytes::human;
use crate::domain::{Error, Result};

/// Bytes that are free for us on the disk of an existing directory.
///
/// Errors: `Unavailable` when it cannot be read.
pub fn free(directory: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(directory).map_err(|cause| cannot_look(directory, &cause.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

pub fn cannot_look(directory: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable("cannot_look", format!("cannot read the disk of {}: {cause}", directory.display()))
}

/// Errors: `Unavailable` when fewer bytes are free, naming both numbers.
pub fn require(directory: &Path, needed: u64) -> Result<()> {
    let free = free(directory)?;
    if free >= needed {
        return Ok(());
    }
    let message =
        format!("this needs {}, and {} are free on the disk of {}", human(needed), human(free), directory.display());
    Err(Error::unavailable("disk_too_small", message).hint("free some space, or choose a directory on another disk"))
}
