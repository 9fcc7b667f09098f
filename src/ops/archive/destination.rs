//! Where the entries of an archive go while it is read: into a directory that is ours, or nowhere.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::layout::Part;
use crate::domain::Result;
use crate::ops::space;
use crate::workdirs::Dir;

const DIRECTORY_MODE: u32 = 0o700;

/// What is kept of an archive that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The databases, to look into them.
    Databases,
    Everything,
}

/// A private directory that no other program writes to.
pub struct Destination<'a> {
    path: &'a Path,
    root: Dir,
    pub keep: Keep,
    /// The directory of the last entry, open, and its name.
    last: Option<(PathBuf, Dir)>,
}

impl<'a> Destination<'a> {
    pub fn new(path: &'a Path, keep: Keep) -> io::Result<Self> {
        Ok(Self { path, root: Dir::open(path)?, keep, last: None })
    }

    /// Errors: `Unavailable` when its disk has less room than this many bytes.
    pub fn require(&self, bytes: u64) -> Result<()> {
        space::require(self.path, bytes)
    }

    /// A new private file for this entry, where it is kept.
    pub fn file(&mut self, part: Part, name: &[u8], mode: u32) -> io::Result<Option<File>> {
        if self.keep == Keep::Databases && !matches!(part, Part::Database(_)) {
            return Ok(None);
        }
        let mode = if part == Part::Files { (mode & 0o700) | 0o600 } else { 0o600 };
        let (directory, name) = self.at(name)?;
        directory.new_file(name, mode).map(Some)
    }

    pub fn directory(&mut self, name: &[u8]) -> io::Result<()> {
        if self.keep == Keep::Databases {
            return Ok(());
        }
        let (directory, name) = self.at(name.strip_suffix(b"/").unwrap_or(name))?;
        directory.new_dir(name, DIRECTORY_MODE).map(drop)
    }

    pub fn link(&mut self, name: &[u8], target: &[u8]) -> io::Result<()> {
        if self.keep == Keep::Databases {
            return Ok(());
        }
        let (directory, name) = self.at(name)?;
        directory.new_link(name, OsStr::from_bytes(target))
    }

    /// The directory of a checked name, made where it is missing, and the last part of the name.
    fn at<'n>(&mut self, name: &'n [u8]) -> io::Result<(&Dir, &'n OsStr)> {
        let name = Path::new(OsStr::from_bytes(name));
        let (Some(parent), Some(own)) = (name.parent(), name.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if self.last.as_ref().is_none_or(|(last, _)| last != parent) {
            let root = self.root.try_clone()?;
            let opened = parent.iter().try_fold(root, |at, part| at.dir_or_new(part, DIRECTORY_MODE))?;
            self.last = Some((parent.to_owned(), opened));
        }
        let directory = self.last.as_ref().map_or(&self.root, |(_, directory)| directory);
        Ok((directory, own))
    }
}
