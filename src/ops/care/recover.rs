//! A new database out of a damaged one: where it is, whether it may be read, whether there is room, and where the new
//! one goes. The original is only ever read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::domain::{Error, Kind, Result};
use crate::ops::partial::Partial;
use crate::ops::space;
use crate::store::care::{self, Which};
use crate::store::salvage::{self, Report};
use crate::store::{DirectoryLock, stamp};

/// What was saved, and where it is.
pub struct Recovered {
    pub original: PathBuf,
    pub report: Report,
    /// `None`: the original is not damaged, and no other file was asked for.
    pub file: Option<PathBuf>,
}

/// The named database: one of ours, or any file.
pub struct Damaged {
    pub path: PathBuf,
    which: Option<Which>,
    /// It lies in the data directory.
    is_in_use: bool,
}

impl Damaged {
    /// `agentx` and `portagent` are those of the data directory; everything else is a path.
    ///
    /// Errors: `NotFound`.
    pub fn find(directory: &Path, named: &str) -> Result<Self> {
        let (path, which) = match Which::from_name(named) {
            Some(which) if !Path::new(named).is_file() => (which.path(directory), Some(which)),
            _ => (PathBuf::from(named), of_file_name(named)),
        };
        if !path.is_file() {
            return Err(Error::not_found(&path.display().to_string())
                .hint("name a file, or `agentx` or `portagent` for those of the data directory"));
        }
        let is_in_use = Which::BOTH.into_iter().any(|which| same_file(&which.path(directory), &path));
        Ok(Self { path, which, is_in_use })
    }
}

/// Makes the new file, `target` or one beside the original.
///
/// Errors: `Conflict` while a server uses the file, and where the target exists; `Unavailable` without room for it;
/// `Invalid` when nothing in the file looks like ours.
pub fn recover(directory: &Path, damaged: &Damaged, target: Option<&Path>) -> Result<Recovered> {
    // A file that is being written cannot be read page by page.
    let lock = damaged.is_in_use.then(|| DirectoryLock::take(directory)).transpose();
    let _lock = lock.map_err(|error| error.hint("stop the server first: its file changes while it is read"))?;
    let name = target.map_or_else(|| beside(&damaged.path), Path::to_owned);
    if name.symlink_metadata().is_ok() {
        return Err(
            Error::conflict("exists", format!("{} exists already", name.display())).hint("name another with --out")
        );
    }
    let parent = name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A copy to read from, the new file, and its indexes and journal.
    let bytes = care::total(&damaged.path);
    space::require(parent, bytes.saturating_mul(5) / 2)?;
    let workshop = Partial::make(parent)?;
    let made = workshop.path().join("recovered.db");
    let report = salvage::recover(&damaged.path, damaged.which, workshop.path(), &made)?;
    let is_wanted = report.damage.is_some() || target.is_some();
    if is_wanted {
        publish(&made, &name).map_err(|cause| {
            Error::new(Kind::Unavailable, "cannot_write", format!("cannot write {}: {cause}", name.display()))
        })?;
    }
    Ok(Recovered { original: damaged.path.clone(), report, file: is_wanted.then_some(name) })
}

/// `agentx.recovered-20261124-203300.db` beside `agentx.db`.
fn beside(original: &Path) -> PathBuf {
    let stem = original.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    original.with_file_name(format!("{stem}.recovered-{}.db", stamp()))
}

/// A copy such as `agentx-20250115.db` or `portagent.recovered-….db` says what it is by its name.
fn of_file_name(name: &str) -> Option<Which> {
    let stem = Path::new(name).file_name()?.to_string_lossy().into_owned();
    Which::BOTH.into_iter().find(|which| stem.starts_with(which.name()))
}

fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    place(one).is_some_and(|place_of_one| Some(place_of_one) == place(other))
}

fn publish(made: &Path, name: &Path) -> std::io::Result<()> {
    File::open(made)?.sync_all()?;
    // A name that was given to something else meanwhile is not overwritten.
    fs::hard_link(made, name)?;
    File::open(name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
}
