//! Walks a tree, a directory before what is in it, in memory and descriptors that do not grow with its size.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::dir::{self, Dir, next_name};

/// Directories inside each other that are entered. Each takes a descriptor while the walk is below it.
const DEPTH: usize = 100;

/// The longest path that is visited, with the prefix of the walk and a zero byte (Linux's PATH_MAX), in bytes.
pub const PATH_BYTES: usize = 4096;

/// A walk that has begun.
pub struct Walk {
    open: Vec<Level>,
}

struct Level {
    list: rustix::fs::Dir,
    path: PathBuf,
}

/// Something in the tree.
pub struct Entry<'w> {
    /// Below the prefix of the walk.
    pub path: PathBuf,
    pub found: Found,
    parent: BorrowedFd<'w>,
    name: OsString,
}

pub enum Found {
    File(Metadata),
    /// And where it leads.
    Link(Metadata, PathBuf),
    /// What is in it comes next, unless there is a reason why not.
    Directory(Metadata, Option<Closed>),
    /// A socket, pipe or device.
    Special,
    /// It vanished, or cannot be looked at.
    Lost(io::Error),
}

/// Why a directory is not entered.
#[derive(Debug)]
pub enum Closed {
    TooDeep,
    Unreadable(io::Error),
}

impl Walk {
    /// Over all that is in `root`; over nothing where there is none.
    pub(super) fn of(root: Option<Dir>, prefix: &Path) -> io::Result<Self> {
        let mut walk = Self { open: Vec::new() };
        if let Some(root) = root {
            walk.enter(root, prefix)?;
        }
        Ok(walk)
    }

    /// The next thing; `None` at the end. Errors: a directory that cannot be read to its end.
    pub fn step(&mut self) -> io::Result<Option<Entry<'_>>> {
        let (depth, name) = loop {
            let depth = self.open.len();
            let Some(level) = self.open.last_mut() else { return Ok(None) };
            match next_name(&mut level.list)? {
                Some(name) => break (depth, name),
                None => drop(self.open.pop()),
            }
        };
        let level = &self.open[depth - 1];
        let path = level.path.join(&name);
        let found = match dir::look(level.list.fd()?, &name) {
            _ if path.as_os_str().len() >= PATH_BYTES => Found::Lost(io::ErrorKind::InvalidFilename.into()),
            Ok(look) if look.metadata.is_dir() => {
                let closed = if depth >= DEPTH {
                    Some(Closed::TooDeep)
                } else {
                    look.dir().and_then(|dir| self.enter(dir, &path)).err().map(Closed::Unreadable)
                };
                Found::Directory(look.metadata, closed)
            }
            Ok(look) if look.metadata.is_symlink() => match look.target() {
                Ok(target) => Found::Link(look.metadata, target),
                Err(cause) => Found::Lost(cause),
            },
            Ok(look) if look.metadata.is_file() => Found::File(look.metadata),
            Ok(_) => Found::Special,
            Err(cause) => Found::Lost(cause),
        };
        Ok(Some(Entry { path, found, parent: self.open[depth - 1].list.fd()?, name }))
    }

    fn enter(&mut self, dir: Dir, path: &Path) -> io::Result<()> {
        self.open.push(Level { list: dir.into_list()?, path: path.to_owned() });
        Ok(())
    }
}

impl Entry<'_> {
    /// Opens the file, which may be another one by now, but is a regular file.
    ///
    /// Errors: `InvalidData` when it is none any more.
    pub fn open(&self) -> io::Result<(File, Metadata)> {
        dir::open_file(self.parent, &self.name)
    }
}
