//! An open directory. Each step goes one name down, never over a link, and never back up.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::name;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// All names given to it are those of one entry: `InvalidInput` else.
#[derive(Debug)]
pub struct Dir(OwnedFd);

impl Dir {
    /// The operator's own path: links in it are followed.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?))
    }

    /// A directory in it. Errors: `NotADirectory` for a link, too.
    pub fn dir(&self, name: &OsStr) -> io::Result<Self> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        Ok(Self(rustix::fs::openat(&self.0, checked(name)?, flags, Mode::empty())?))
    }

    /// A new directory in it. Errors: `AlreadyExists`.
    pub fn new_dir(&self, name: &OsStr, mode: u32) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.0, checked(name)?, bits(mode))?;
        self.dir(name)
    }

    /// A directory in it, made where it is missing.
    pub fn dir_or_new(&self, name: &OsStr, mode: u32) -> io::Result<Self> {
        match self.new_dir(name, mode) {
            Err(cause) if cause.kind() == ErrorKind::AlreadyExists => self.dir(name),
            other => other,
        }
    }

    /// A regular file in it, to be read. A pipe is not waited for. Errors: `InvalidData` for what is no regular file.
    pub fn file(&self, name: &OsStr) -> io::Result<(File, Metadata)> {
        open_file(self.0.as_fd(), name)
    }

    /// A new file in it, to be written. Errors: `AlreadyExists`.
    pub fn new_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, checked(name)?, flags, bits(mode))?.into())
    }

    /// A new link in it. Errors: `AlreadyExists`.
    pub fn new_link(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, checked(name)?)?)
    }

    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.0, bits(mode))?)
    }

    /// The names of the directories in it.
    pub fn directories(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        let mut list = self.list()?;
        while let Some(name) = next_name(&mut list)? {
            if look(self.0.as_fd(), &name).is_ok_and(|look| look.metadata.is_dir()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The same directory, to be listed from its beginning whatever is listed elsewhere.
    pub(super) fn anew(&self) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, ".", DIRECTORY, Mode::empty())?))
    }

    /// Makes what was renamed or made in it survive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.0)?)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub(super) fn list(&self) -> io::Result<rustix::fs::Dir> {
        Ok(rustix::fs::Dir::read_from(&self.0)?)
    }

    pub(super) fn into_list(self) -> io::Result<rustix::fs::Dir> {
        Ok(rustix::fs::Dir::new(self.0)?)
    }

    /// Removes one entry that is no directory.
    pub(super) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, checked(name)?, AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub(super) fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, checked(name)?, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn move_to(&self, name: &OsStr, to: &Self, new_name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, checked(name)?, &to.0, checked(new_name)?)?)
    }

    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

/// A thing that was found, whatever it is. Nothing was opened for reading.
pub(super) struct Look {
    handle: File,
    pub metadata: Metadata,
}

/// What is there by this name. What is opened through it is the same thing, whatever has the name by then.
pub(super) fn look(at: BorrowedFd<'_>, name: &OsStr) -> io::Result<Look> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = File::from(rustix::fs::openat(at, checked(name)?, flags, Mode::empty())?);
    Ok(Look { metadata: handle.metadata()?, handle })
}

pub(super) fn open_file(at: BorrowedFd<'_>, name: &OsStr) -> io::Result<(File, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(at, checked(name)?, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(ErrorKind::InvalidData.into()) }
}

impl Look {
    /// The directory that was found.
    pub fn dir(&self) -> io::Result<Dir> {
        Ok(Dir(rustix::fs::openat(&self.handle, ".", DIRECTORY, Mode::empty())?))
    }

    /// Where the link leads that was found.
    pub fn target(&self) -> io::Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.handle, "", Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }
}

pub(super) fn next_name(list: &mut rustix::fs::Dir) -> io::Result<Option<OsString>> {
    loop {
        let Some(entry) = list.read().transpose()? else { return Ok(None) };
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            return Ok(Some(OsStr::from_bytes(name).to_owned()));
        }
    }
}

fn checked(name: &OsStr) -> io::Result<&OsStr> {
    if name::is_plain(name.as_bytes()) { Ok(name) } else { Err(ErrorKind::InvalidInput.into()) }
}

fn bits(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode)
}
