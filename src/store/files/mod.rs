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

/// What has to be done before the files of a directory are read without opening it as a [`Store`](super::Store): ends
/// a restore that was interrupted, and sets logs aside that belong to other files. Nothing while a server holds it.
///
/// Errors: `Unavailable`.
pub fn settle_if_free(directory: &Path) -> Result<()> {
    let Some(lock) = DirectoryLock::take_if_free(directory)? else { return Ok(()) };
    replace_data::end_interrupted(directory, &lock)?;
    wal_ownership::settle_both(directory)
}
