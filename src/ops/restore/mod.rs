//! Replaces the data with that of a backup: checked first, swapped in one step, and with a way back.

mod place;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use super::archive::{self, Decryption, Manifest};
use super::meter::Meter;
use super::owner;
use crate::domain::{Error, Result};
use crate::store::copy::DATABASE_FILES;
use crate::store::replace_data::{self, INCOMING};
use crate::store::{DirectoryLock, inspect, kept_key};

/// What is back.
#[derive(Debug, Clone)]
pub struct Restored {
    pub manifest: Manifest,
    /// Agents' files.
    pub files: u64,
    /// Where the data is that was there before.
    pub replaced: Option<PathBuf>,
    /// The settings of the backup, for the operator to read.
    pub settings: Option<PathBuf>,
    /// The tool servers of the backup, likewise.
    pub servers: Option<PathBuf>,
    /// The key that signs tokens, where the backup has one.
    pub key: Option<crate::domain::secret::Secret>,
    pub warnings: Vec<String>,
}

/// Restores an archive into a data directory that no server uses, which may be empty.
///
/// Errors: `Conflict` while a server holds the directory; those of [`archive::verify`]; `Unavailable` when the
/// directory cannot be written. Nothing was changed then.
pub fn restore(directory: &Path, file: &Path, decryption: &Decryption, meter: &mut Meter<'_>) -> Result<Restored> {
    let opened = archive::open(file, decryption)?;
    owner::become_owner(directory)?;
    let lock = DirectoryLock::take(directory)?;
    replace_data::end_interrupted(directory, &lock)?;
    let incoming = directory.join(INCOMING);
    place::make_ready(directory, &incoming)?;
    let outcome = prepare(&incoming, opened, meter);
    let (report, key) = match outcome {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = fs::remove_dir_all(&incoming);
            return Err(error);
        }
    };
    meter.begin("putting it in place", 0);
    let replaced = replace_data::put_in_place(directory, &lock)?;
    let put_aside = |name: &str| Some(directory.join(name)).filter(|path| path.is_file());
    Ok(Restored {
        files: report.files,
        manifest: report.manifest,
        replaced,
        settings: put_aside(SETTINGS),
        servers: put_aside(SERVERS),
        key,
        warnings: report.warnings,
    })
}

/// Swaps the data that is there with what the last restore replaced. Returns where the data is now that was there.
///
/// Errors: `Conflict` while a server holds the directory; `NotFound` where nothing was replaced.
pub fn undo(directory: &Path) -> Result<Option<PathBuf>> {
    if !directory.is_dir() {
        return Err(Error::not_found("The data directory"));
    }
    owner::become_owner(directory)?;
    let lock = DirectoryLock::take(directory)?;
    replace_data::put_back(directory, &lock)
}

/// Where the settings of a backup are put: they are not read, since the machine may be another.
const SETTINGS: &str = "restored-settings.env";
/// And its tool servers: they are commands, and a backup may come from elsewhere.
const SERVERS: &str = "restored-mcp.json";

type Prepared = (archive::Report, Option<crate::domain::secret::Secret>);

fn prepare(incoming: &Path, opened: archive::Opened, meter: &mut Meter<'_>) -> Result<Prepared> {
    let report = archive::extract_to(opened, incoming, meter)?;
    for file in DATABASE_FILES {
        inspect::refuse_foreign_programs(&incoming.join("data").join(file))?;
    }
    let cannot = |cause: std::io::Error| place::cannot_write(incoming, &cause);
    for name in ["manifest.json", "SHA256SUMS"] {
        place::remove_file(&incoming.join(name)).map_err(cannot)?;
    }
    for (name, aside) in [("settings.env", SETTINGS), (archive::SERVERS, SERVERS)] {
        let found = incoming.join(name);
        if found.exists() {
            fs::rename(&found, incoming.join(aside)).map_err(cannot)?;
        }
    }
    let key = kept_key(incoming)?;
    Ok((report, key))
}
