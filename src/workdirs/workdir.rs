//! The directory in which one conversation's agent works: what is listed, read, written and removed in it by a path.
//!
//! Other processes may work in it too. So every step goes through an open directory and over no link, only regular
//! files with one name are read, and a file is written under a name of its own and then takes the place of the old one.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::LazyLock;
use std::time::UNIX_EPOCH;

use super::Usage;
use super::dir::{self, Dir, next_name};
use super::place::Place;
use super::walk::{Found, Walk};
use crate::domain::bytes::human;
use crate::domain::id::{hex, random_bytes};
use crate::domain::{Error, Kind, Result};

const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// What is being written begins like this. Nothing else is given such a name.
const PARTIAL: &str = ".writing-";
/// Tells what this process is writing from what another one left behind.
static PROCESS: LazyLock<String> = LazyLock::new(|| format!("{PARTIAL}{}-", hex(&random_bytes::<8>())));
/// Files and directories in one work directory: no more are made.
const ENTRIES: u64 = 10_000;
/// What the files in one work directory hold, in bytes: past it, nothing is begun.
const BYTES: u64 = 512 * 1024 * 1024;

pub struct Workdir(pub(super) Dir);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    File,
    Directory,
    /// A link, socket, pipe or device: named, and never opened.
    Other,
}

/// Something in a work directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Below the work directory.
    pub path: String,
    pub sort: Sort,
    /// In bytes; 0 for what is no file.
    pub size: u64,
    /// Milliseconds since 1970.
    pub modified: i64,
}

/// Opens what was found, if it is a file.
pub type Opener<'a> = &'a dyn Fn() -> io::Result<File>;

/// A file that is being written. Dropped before it is kept, it is gone.
#[must_use]
pub struct Draft {
    place: Place,
    parent: Dir,
    partial: OsString,
    name: OsString,
    /// Bytes of the file in whose place it comes.
    replaces: u64,
    pub file: File,
    is_kept: bool,
}

impl Workdir {
    /// What is in a directory, sorted by name, and whether there is more than `most`.
    ///
    /// Errors: `NotFound`, `Invalid` where it is no directory, `Unavailable`.
    pub fn list(&self, place: &Place, most: usize) -> Result<(Vec<Listed>, bool)> {
        let list = || {
            let dir = self.dir(place.names())?;
            let (mut found, mut names) = (Vec::new(), dir.list()?);
            while let Some(name) = next_name(&mut names)? {
                if found.len() > most {
                    break;
                }
                // What vanished meanwhile is not there.
                let Ok(look) = dir::look(dir.fd(), &name) else { continue };
                found.push(listed(&name, &look.metadata));
            }
            Ok(found)
        };
        let mut found: Vec<Listed> = list().map_err(|cause| trouble(place, cause))?;
        let more = found.len() > most;
        found.truncate(most);
        found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok((found, more))
    }

    /// Everything below a directory, a directory before what is in it. `take` says whether to go on, and may open a file.
    ///
    /// Errors: those of `list`, and those of `take`.
    pub fn each(&self, place: &Place, take: &mut dyn FnMut(Listed, Opener<'_>) -> Result<bool>) -> Result<()> {
        let cannot = |cause| trouble(place, cause);
        let dir = self.dir(place.names()).map_err(cannot)?;
        let prefix = if place.is_root() { String::new() } else { place.to_string() };
        let mut walk = Walk::of(Some(dir), Path::new(&prefix)).map_err(cannot)?;
        while let Some(entry) = walk.step().map_err(cannot)? {
            let path = entry.path.as_os_str();
            let found = match &entry.found {
                Found::File(metadata) | Found::Link(metadata, _) | Found::Directory(metadata, _) => {
                    listed(path, metadata)
                }
                Found::Special => Listed { path: text(path), sort: Sort::Other, size: 0, modified: 0 },
                Found::Lost(_) => continue,
            };
            let open = || entry.open().and_then(|(file, metadata)| only_name(file, &metadata));
            if !take(found, &open)? {
                break;
            }
        }
        Ok(())
    }

    /// A file, to be read. Errors: `NotFound`, `Invalid` where it is no regular file, `Unavailable`.
    pub fn open(&self, place: &Place) -> Result<(File, Listed)> {
        let open = || {
            let (parents, name) = place.split().ok_or(ErrorKind::IsADirectory)?;
            let (file, metadata) = self.dir(parents)?.file(name)?;
            Ok((only_name(file, &metadata)?, metadata))
        };
        let (file, metadata) = open().map_err(|cause| trouble(place, cause))?;
        Ok((file, Listed { path: place.to_string(), ..listed(OsStr::new(place.name()), &metadata) }))
    }

    /// Begins a file that takes its place when it is kept; directories are made on the way to it.
    ///
    /// Errors: `Invalid` for a place where a directory or something else than a file is, or where a file is on the way;
    /// `TooLarge` where there are too many files; `Unavailable`.
    pub fn begin(&self, place: &Place) -> Result<Draft> {
        if place.names().iter().any(|name| name.starts_with(PARTIAL)) {
            return Err(Error::invalid(
                "bad_path",
                format!("Names that begin with {PARTIAL} are for what is being written"),
            ));
        }
        self.check_room()?;
        let begin = || {
            let (parents, name) = place.split().ok_or(ErrorKind::IsADirectory)?;
            let parent = parents
                .iter()
                .try_fold(self.0.try_clone()?, |at, name| at.dir_or_new(OsStr::new(name), DIRECTORY_MODE))?;
            let replaces = match dir::look(parent.fd(), name) {
                Ok(look) if look.metadata.is_file() => look.metadata.len(),
                Ok(look) => return Err(kind_of(&look.metadata)),
                Err(cause) if cause.kind() == ErrorKind::NotFound => 0,
                Err(cause) => return Err(cause),
            };
            let partial = OsString::from(format!("{}{}", *PROCESS, hex(&random_bytes::<8>())));
            let file = parent.new_file(&partial, FILE_MODE)?;
            let (place, name) = (place.clone(), name.to_owned());
            Ok(Draft { place, parent, partial, name, replaces, file, is_kept: false })
        };
        begin().map_err(|cause| trouble(place, cause))
    }

    /// Writes a whole file, to be kept. Errors: those of `begin`.
    pub fn write(&self, place: &Place, bytes: &[u8]) -> Result<Draft> {
        let mut draft = self.begin(place)?;
        draft.file.write_all(bytes).map_err(|cause| trouble(place, cause))?;
        Ok(draft)
    }

    /// Removes a file, or a directory with all that is in it. Errors: `NotFound`; `Invalid` for the work directory
    /// itself; `Unavailable`.
    pub fn remove(&self, place: &Place) -> Result<()> {
        let remove = || {
            let (parents, name) = place.split().ok_or(ErrorKind::InvalidInput)?;
            self.dir(parents)?.remove_all(name)
        };
        match remove().map_err(|cause| trouble(place, cause))? {
            true => Ok(()),
            false => Err(trouble(place, ErrorKind::NotFound.into())),
        }
    }

    /// How much is in it, but for what is being written: files with directories, links and whatever else there is, and
    /// their bytes. `seen` gets each, a directory before what is in it. Errors: those of `each`.
    pub fn measure(&self, seen: &mut dyn FnMut(Listed)) -> Result<Usage> {
        let mut usage = Usage::default();
        self.each(&Place::root(), &mut |found, _| {
            if found.path.rsplit('/').next().is_some_and(|name| name.starts_with(&**PROCESS)) {
                return Ok(true);
            }
            usage.files += 1;
            usage.bytes = usage.bytes.saturating_add(found.size);
            seen(found);
            Ok(true)
        })?;
        Ok(usage)
    }

    fn check_room(&self) -> Result<()> {
        let Usage { files, bytes } = self.measure(&mut |_| ())?;
        let what = match () {
            () if files >= ENTRIES => format!("There are {ENTRIES} files in the work directory, which is the most"),
            () if bytes >= BYTES => format!("The work directory holds {}, which is the most", human(BYTES)),
            () => return Ok(()),
        };
        Err(Error::new(Kind::TooLarge, "workdir_full", what).hint("Delete files that are no longer needed"))
    }

    fn dir(&self, names: &[String]) -> io::Result<Dir> {
        names.iter().try_fold(self.0.anew()?, |at, name| at.dir(OsStr::new(name)))
    }
}

impl Draft {
    /// By how many bytes the work directory grows with it.
    pub fn growth(&self) -> Result<i64> {
        let size = self.file.metadata().map_err(|cause| trouble(&self.place, cause))?.len();
        Ok(signed(size).saturating_sub(signed(self.replaces)))
    }

    /// Gives it its name, in the place of an older one. Errors: `Unavailable`.
    pub fn keep(mut self) -> Result<()> {
        let moved = self.file.flush().and_then(|()| self.parent.move_to(&self.partial, &self.parent, &self.name));
        moved.map_err(|cause| trouble(&self.place, cause))?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = self.parent.unlink(&self.partial);
        }
    }
}

fn listed(name: &OsStr, metadata: &Metadata) -> Listed {
    let sort = match () {
        () if metadata.is_file() => Sort::File,
        () if metadata.is_dir() => Sort::Directory,
        () => Sort::Other,
    };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Listed {
        path: text(name),
        sort,
        size: if sort == Sort::File { metadata.len() } else { 0 },
        modified: modified.map_or(0, |time| time.as_millis().try_into().unwrap_or(i64::MAX)),
    }
}

fn signed(bytes: u64) -> i64 {
    bytes.try_into().unwrap_or(i64::MAX)
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// A file with a second name may stand elsewhere too, in our own data say.
fn only_name(file: File, metadata: &Metadata) -> io::Result<File> {
    if metadata.nlink() > 1 { Err(ErrorKind::InvalidData.into()) } else { Ok(file) }
}

fn kind_of(metadata: &Metadata) -> io::Error {
    if metadata.is_dir() { ErrorKind::IsADirectory.into() } else { ErrorKind::InvalidData.into() }
}

/// What went wrong with a path, as a model and a person read it.
fn trouble(place: &Place, cause: io::Error) -> Error {
    let place = place.to_string();
    let no_file =
        || Error::invalid("not_a_file", format!("{place} is no regular file; links and devices are not opened"));
    match cause.kind() {
        _ if cause.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => no_file(),
        ErrorKind::InvalidData => no_file(),
        ErrorKind::NotFound => Error::new(Kind::NotFound, "no_such_file", format!("{place} does not exist")),
        ErrorKind::IsADirectory => Error::invalid("is_directory", format!("{place} is a directory")),
        ErrorKind::InvalidInput => Error::invalid("bad_path", "The work directory itself cannot be removed"),
        // A link on the way is none.
        ErrorKind::NotADirectory => Error::invalid(
            "not_a_directory",
            format!("{place} does not lead through directories only; links are not followed"),
        ),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::unavailable("disk_low", "The server's disk is almost full: nothing new can be stored").source(cause)
        }
        _ => Error::unavailable("file_not_accessible", format!("{place} cannot be read or written")).source(cause),
    }
}
