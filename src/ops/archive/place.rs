//! Where the entries of an archive go while it is read: into a directory that is ours, or nowhere.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::layout::Part;

/// What is kept of an archive that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The databases, to look into them.
    Databases,
    Everything,
}

/// A private directory that no other program writes to.
pub struct Place<'a> {
    root: &'a Path,
    keep: Keep,
    /// The last directory that is known to be one, below the root.
    known: PathBuf,
}

impl<'a> Place<'a> {
    pub fn new(root: &'a Path, keep: Keep) -> Self {
        Self { root, keep, known: PathBuf::new() }
    }

    /// A new private file for this entry, where it is kept.
    pub fn file(&mut self, part: Part, name: &[u8], mode: u32) -> io::Result<Option<File>> {
        if self.keep == Keep::Databases && !matches!(part, Part::Database(_)) {
            return Ok(None);
        }
        let path = self.path(name)?;
        let mode = if part == Part::Files { (mode & 0o700) | 0o600 } else { 0o600 };
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map(Some)
    }

    pub fn directory(&mut self, name: &[u8], mode: u32) -> io::Result<()> {
        if self.keep == Keep::Databases {
            return Ok(());
        }
        let path = self.path(name)?;
        make_directory(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode((mode & 0o700) | 0o700))
    }

    pub fn link(&mut self, name: &[u8], target: &[u8]) -> io::Result<()> {
        if self.keep == Keep::Databases {
            return Ok(());
        }
        symlink(std::ffi::OsStr::from_bytes(target), self.path(name)?)
    }

    /// The path of a checked name, below directories that are real ones: a link among them would lead elsewhere.
    fn path(&mut self, name: &[u8]) -> io::Result<PathBuf> {
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        let parent = name.parent().unwrap_or(Path::new(""));
        if parent != self.known {
            let mut at = self.root.to_owned();
            for part in parent {
                at.push(part);
                make_directory(&at)?;
            }
            self.known = parent.to_owned();
        }
        Ok(self.root.join(name))
    }
}

/// Makes the directory, private, unless it is there; a link to one is none.
fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other,
    }
    if fs::symlink_metadata(path)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}
