//! The last resort: replay the log onto a copy, and see whether a sound database comes out.

use std::fs;
use std::path::Path;

use super::Verdict;
use crate::domain::{Error, Result};
use crate::store::sqlite::header::beside;
use crate::store::sqlite::{open, rows};

/// Errors: `Unavailable` when there is no room for a copy.
pub(super) fn try_on_a_copy(database: &Path) -> Result<Verdict> {
    let place = beside(database, "-identity.try");
    let _ = fs::remove_dir_all(&place);
    open::make_private_dir(&place)?;
    let copy = place.join("copy.db");
    let verdict = fs::copy(database, &copy)
        .and_then(|_| fs::copy(beside(database, "-wal"), beside(&copy, "-wal")))
        .map_err(|cause| undecided(database, &cause))
        .map(|_| match is_sound(&copy) {
            Ok(true) => Verdict::Belongs,
            Ok(false) | Err(_) => Verdict::Stale("replayed on a copy it gave a damaged database".to_owned()),
        });
    let _ = fs::remove_dir_all(&place);
    verdict
}

fn is_sound(copy: &Path) -> Result<bool> {
    let verdict: String = rows::value(&open::writer(copy)?, "PRAGMA integrity_check", [])?;
    Ok(verdict == "ok")
}

fn undecided(database: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable(
        "log_undecided",
        format!("cannot tell whether {}-wal belongs to {0}, it takes a copy of both: {cause}", database.display()),
    )
    .hint("free some space, or move the -wal file away if the database was restored from a backup")
}
