//! Is this archive good: every checksum, and what SQLite says about the databases in it. Extracting one makes
//! the same checks on the way.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::crypt::{self, Decryption};
use super::destination::{Destination, Keep};
use super::error::damaged;
use super::manifest::{DatabaseFacts, Manifest};
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

/// An archive that is open, and nothing but its beginning was read.
pub struct Opened {
    path: PathBuf,
    content: Box<dyn Read>,
    bytes: u64,
    is_encrypted: bool,
}

/// Opens it, and what opens an encrypted one.
///
/// Errors: `NotFound`; `Conflict` for one that is locked; `Unavailable` for one that cannot be read.
pub fn open(archive: &Path, decryption: &Decryption) -> Result<Opened> {
    let file = File::open(archive).map_err(|cause| cannot_open(archive, &cause))?;
    let bytes = file.metadata().map_err(|cause| cannot_open(archive, &cause))?.len();
    let (content, is_encrypted) = crypt::open(file, decryption).map_err(|error| about(error, archive))?;
    Ok(Opened { path: archive.to_owned(), content, bytes, is_encrypted })
}

/// Checks an archive from its first byte to its last. The databases are taken out into a directory of their own below
/// `scratch`, looked into and removed.
///
/// Errors: those of [`open`]; `Unavailable` for an archive that is damaged, of a newer program or none at all, and for a
/// disk that is too small; `Conflict` when the meter says stop.
pub fn verify(archive: &Path, decryption: &Decryption, scratch: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    let partial = Partial::make(scratch)?;
    verify_in(archive, decryption, partial.path(), meter)
}

/// The same in an empty directory of the caller's.
pub fn verify_in(archive: &Path, decryption: &Decryption, empty: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    take_out(open(archive, decryption)?, empty, Keep::Databases, meter)
}

/// Takes everything out into `directory`, which must be empty and ours, and checks it all like [`verify`]. Nothing in
/// it is good before this returns `Ok`.
///
/// Errors: those of [`verify`].
pub fn extract_to(archive: Opened, directory: &Path, meter: &mut Meter<'_>) -> Result<Report> {
    take_out(archive, directory, Keep::Everything, meter)
}

fn take_out(archive: Opened, into: &Path, keep: Keep, meter: &mut Meter<'_>) -> Result<Report> {
    let Opened { path, content, bytes: archive_bytes, is_encrypted } = archive;
    let about = |error: Error| about(error, &path);
    let place = Destination::new(into, keep).map_err(|cause| space::cannot_look(into, &cause))?;
    meter.begin("reading the archive", 0);
    let found = read::read(content, place, meter).map_err(about)?;
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
