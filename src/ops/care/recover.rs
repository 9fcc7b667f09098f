//! A new database out of a damaged one: where it is, whether it may be read, whether there is room, and where the new
//! one goes. The original is only ever read.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::domain::id::{hex, random_bytes};
use crate::domain::{Error, Kind, Result};
use crate::ops::partial::{Partial, rename_to_new};
use crate::ops::stand_in::is_read_only;
use crate::ops::{owner, space};
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
    /// The directory whose owner works on the named one.
    pub fn home<'a>(directory: &'a Path, named: &'a str) -> &'a Path {
        match Which::from_name(named) {
            Some(_) if !Path::new(named).is_file() => directory,
            _ => parent_of(Path::new(named)),
        }
    }

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
    if owner::with_own_rights(|| name.symlink_metadata()).is_ok() {
        return Err(
            Error::conflict("exists", format!("{} exists already", name.display())).hint("name another with --out")
        );
    }
    let workshop = workshop(damaged, parent_of(&name))?;
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

/// Where the new file is made: beside its name, unless the owner of the data cannot be let in there.
fn workshop(damaged: &Damaged, parent: &Path) -> Result<Partial> {
    let bytes = care::total(&damaged.path);
    // A copy to read from, the new file, and its indexes and journal.
    let need = bytes.saturating_mul(5) / 2;
    if !owner::is_acting() {
        space::require(parent, need)?;
        return Partial::make(parent);
    }
    owner::with_own_rights(|| space::require(parent, bytes))?;
    let here = parent_of(&damaged.path);
    let place = if is_read_only(here) { std::env::temp_dir() } else { here.to_owned() };
    space::require(&place, need)?;
    Partial::make(&place)
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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

/// A name that was given to something else meanwhile is not overwritten.
fn publish(made: &Path, name: &Path) -> io::Result<()> {
    // Opened with the rights of who made it; what root writes is a file of its own.
    let mut from = File::open(made)?;
    from.sync_all()?;
    let parent = parent_of(name);
    owner::with_own_rights(|| {
        if owner::is_acting() {
            let copy = parent.join(format!(".portagent-{}.partial", hex(&random_bytes::<8>())));
            let outcome = copied(&mut from, &copy, parent).and_then(|()| rename_to_new(&copy, name));
            outcome.inspect_err(|_| drop(fs::remove_file(&copy)))?;
        } else {
            rename_to_new(made, name)?;
        }
        File::open(parent)?.sync_all()
    })
}

fn copied(from: &mut File, to: &Path, parent: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(from, &mut file)?;
    file.sync_all()?;
    owner::give(&file, parent)
}
