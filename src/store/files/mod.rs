//! The files of a data directory: who serves it, whose `-wal` lies there, and how its databases are copied and replaced.

pub mod copy;
pub mod key;
pub mod live_file;
pub mod lock;
pub mod replace_data;
pub mod snapshot;
pub mod wal_ownership;

use std::path::Path;

use crate::domain::Result;
use lock::DirectoryLock;

/// Whether a directory has one of the databases, or cannot be read, which is another error.
pub fn has_data(directory: &Path) -> bool {
    let is_there = |file: &&str| match directory.join("data").join(file).symlink_metadata() {
        Err(cause) => cause.kind() != std::io::ErrorKind::NotFound,
        Ok(_) => true,
    };
    copy::DATABASE_FILES.iter().any(is_there)
}

/// What has to be done before the files of a directory are read without opening it as a [`Store`](super::Store): ends
/// a restore that was interrupted, and sets logs aside that belong to other files. Nothing while a server holds it.
///
/// Errors: `Unavailable`.
pub fn settle_if_free(directory: &Path) -> Result<()> {
    let Some(lock) = DirectoryLock::take_if_free(directory)? else { return Ok(()) };
    replace_data::end_interrupted(directory, &lock)?;
    wal_ownership::settle_both(directory)
}
