//! `portagent restore`: what the settings mean for it.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::domain::secret::Secret;
use crate::domain::{Error, Result};
pub use crate::ops::archive::Decryption;
pub use crate::ops::restore::Restored;
use crate::ops::{Meter, Pace, Stop, restore};

/// More than any passphrase has.
const PASSPHRASE_FILE_BYTES: u64 = 4096;

/// Restores an archive into the data directory; `tell` is called with each step.
///
/// Errors: `Conflict` while a server holds the directory, and whatever is wrong with the archive.
pub fn restore(
    config: &Config,
    file: &Path,
    decryption: &Decryption,
    mut tell: impl FnMut(&'static str),
) -> Result<Restored> {
    let mut step = "";
    let mut meter = Meter::new(Stop::default(), Pace::Full, |progress| {
        if std::mem::replace(&mut step, progress.step) != progress.step {
            tell(progress.step);
        }
    });
    let mut restored = restore::restore(&config.data_dir, file, decryption, &mut meter)?;
    if let (Some(set), Some(key)) = (&config.jwt_secret, &restored.key)
        && set.expose() != key.expose()
    {
        restored.warnings.push(
            "JWT_SECRET is set to another key than the backup's: all users have to log in again, unless it is unset"
                .to_owned(),
        );
    }
    Ok(restored)
}

/// Goes back to what the last restore replaced.
///
/// Errors: `Conflict` while a server holds the directory; `NotFound` where nothing was replaced.
pub fn undo(config: &Config) -> Result<Option<PathBuf>> {
    restore::undo(&config.data_dir)
}

/// The first line of a file. Errors: `Unavailable` when it cannot be read.
pub fn passphrase(file: &Path) -> Result<Secret> {
    let cannot =
        |cause| Error::unavailable("passphrase_unreadable", format!("cannot read {}: {cause}", file.display()));
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(PASSPHRASE_FILE_BYTES).read_to_string(&mut text));
    read.map_err(cannot)?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}
