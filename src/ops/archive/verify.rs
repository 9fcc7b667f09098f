//! Is this archive good: every checksum, and what SQLite says about the databases in it. Extracting one makes
//! the same checks on the way.

use std::fs::File;
use std::path::Path;

use super::crypt::{self, Decryption};
use super::error::damaged;
use super::manifest::{DatabaseFacts, Manifest};
use super::place::{Keep, Place};
use super::read;
use crate::domain::{Code, Error, Result};
use crate::ops::meter::Meter;
use crate::ops::partial::Partial;
use crate::ops::space;
use crate::store::{copy::DATABASE_FILES, inspect};

/// An archive that is whole.
#[derive(Debug, Clone)]
pub struct Report {
    pub manifest: Manifest,
    pub archive_bytes: u64,
    pub is_encrypted: bool,
    /// Agents' files.
    pub files: u64,
    pub file_bytes: u64,
    /// Symbolic links among them.
    pub links: u64,
    /// What is odd but no damage, one sentence each.
    pub warnings: Vec<String>,
}

/// Checks an archive from its first byte to its last. The databases are taken out into a directory of their own below
/// `scratch`, looked into and removed.
///
/// Errors: `Unavailable` for an archive that is damaged, locked, of a newer program or none at all, and for a disk that
/// is too small; `NotFound`; `Conflict` when the meter says stop.
pub fn verify(archive: &Path, decryption: &Decryption, scratch: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    let partial = Partial::make(scratch)?;
    verify_in(archive, decryption, partial.path(), meter)
}

/// The same in an empty directory of the caller's.
pub fn verify_in(archive: &Path, decryption: &Decryption, empty: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    take_out(archive, decryption, empty, Keep::Databases, meter)
}

/// Takes everything out into `directory`, which must be empty and ours, and checks it all like [`verify`]. Nothing in
/// it is good before this returns `Ok`.
///
/// Errors: those of [`verify`].
pub fn extract_to(archive: &Path, decryption: &Decryption, directory: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    take_out(archive, decryption, directory, Keep::Everything, meter)
}

fn take_out(archive: &Path, decryption: &Decryption, into: &Path, keep: Keep, meter: &mut Meter<'_>) -> Result<Report> {
    let about = |error: Error| about(error, archive);
    let file = File::open(archive).map_err(|cause| cannot_open(archive, &cause))?;
    let archive_bytes = file.metadata().map_err(|cause| cannot_open(archive, &cause))?.len();
    let (content, is_encrypted) = crypt::open(file, decryption).map_err(about)?;
    let sized = |manifest: &Manifest| {
        let needed = match keep {
            Keep::Databases => manifest.database_bytes(),
            Keep::Everything => manifest.database_bytes().saturating_add(manifest.files.bytes),
        };
        space::require(into, needed)
    };
    meter.begin("reading the archive", 0);
    let found = read::read(content, Place::new(into, keep), meter, &sized).map_err(about)?;
    let mut warnings = Vec::new();
    meter.begin("checking the databases", 0);
    for (facts, file) in found.manifest.databases.iter().zip(DATABASE_FILES) {
        let orphans = check_database(facts, &into.join("data").join(file), meter).map_err(about)?;
        if orphans > 0 {
            warnings
                .push(format!("{file} has {orphans} rows that refer to missing ones; `portagent db check` says more"));
        }
    }
    let read::Found { manifest, files, file_bytes, links } = found;
    Ok(Report { manifest, archive_bytes, is_encrypted, files, file_bytes, links, warnings })
}

/// Whether SQLite finds the file sound and the manifest's words true. Returns how many rows have no parent.
fn check_database(facts: &DatabaseFacts, file: &Path, meter: &Meter<'_>) -> Result<u64> {
    let verdict = inspect::check(file, meter.interruption())?;
    let same_rows = verdict.facts.rows.iter().map(|(table, rows)| (table, rows)).eq(facts.rows.iter());
    let same = verdict.facts.schema == facts.schema && verdict.facts.page_bytes == facts.page_bytes && same_rows;
    if same {
        Ok(verdict.orphan_rows)
    } else {
        Err(damaged(&format!("its {} is not what its manifest says", facts.file)))
    }
}

fn cannot_open(archive: &Path, cause: &std::io::Error) -> Error {
    let message = format!("cannot open {}: {cause}", archive.display());
    match cause.kind() {
        std::io::ErrorKind::NotFound => Error::new(crate::domain::Kind::NotFound, "archive_not_found", message)
            .hint("`portagent backup list` shows the backups there are"),
        _ => Error::unavailable("archive_unreadable", message),
    }
}

/// Names the file in the sentence about it.
fn about(mut error: Error, archive: &Path) -> Error {
    if !matches!(error.code, Code::STOPPED | Code::DISK_TOO_SMALL) {
        error.message = format!("{}: {}", archive.display(), error.message).into();
    }
    error
}
