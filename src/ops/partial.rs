//! A private directory for unfinished work. It is removed when it is dropped; where a `kill -9` leaves one behind, the
//! next one that is made beside it removes it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags};

use super::owner;
use crate::domain::{Error, Result, clock, id};

const PREFIX: &str = ".portagent-";
const SUFFIX: &str = ".partial";
/// How long the lock of a directory is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A directory that is removed with everything in it when this is dropped.
#[derive(Debug)]
pub struct Partial {
    named: PathBuf,
    /// Where it is worked in. With the rights of another user than the one who made it that is its descriptor: they need
    /// not be able to reach its name.
    path: PathBuf,
    /// Its lock says that it is in use; the kernel releases it when the process ends, however it ends.
    _lock: File,
}

impl Partial {
    /// Makes one below an existing directory, after removing abandoned ones.
    ///
    /// Errors: `Unavailable` when the directory cannot be written.
    pub fn make(parent: &Path) -> Result<Self> {
        Self::try_make(parent, false).map_err(|cause| cannot_write(parent, &cause))
    }

    /// The same in a place of the person who typed the command, where a command may work with the rights of the data's
    /// owner.
    pub fn make_outside(parent: &Path) -> Result<Self> {
        owner::with_own_rights(|| Self::try_make(parent, true)).map_err(|cause| cannot_write(parent, &cause))
    }

    fn try_make(parent: &Path, is_outside: bool) -> io::Result<Self> {
        // Made under the parent's lock: otherwise it would look abandoned until it has its own.
        let making = File::open(parent)?;
        if locked_within(&making, PATIENCE) {
            sweep(parent);
        }
        let named = parent.join(format!("{PREFIX}{}-{}{SUFFIX}", clock::now_ms(), id::hex(&id::random_bytes::<4>())));
        DirBuilder::new().mode(0o700).create(&named)?;
        let lock = File::open(&named)?;
        // A file system without locks: then nothing is swept there, either.
        let _ = lock.try_lock();
        let path = match is_outside && owner::lend(&lock)? {
            true => PathBuf::from(format!("/proc/self/fd/{}", lock.as_raw_fd())),
            false => named.clone(),
        };
        Ok(Self { named, path, _lock: lock })
    }

    /// Its name is out of reach for the user who works in it.
    pub fn is_lent(&self) -> bool {
        self.named != self.path
    }

    /// A directory inside it. Errors: `Unavailable` when it cannot be made.
    pub fn inner(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|cause| {
            Error::unavailable("cannot_write", format!("cannot make the directory {}: {cause}", path.display()))
        })?;
        Ok(path)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its name, for what is moved out of it with the rights of who made it.
    pub fn named(&self) -> &Path {
        &self.named
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let remove = || fs::remove_dir_all(&self.named);
        // What stays is swept by the next one.
        let _ = if self.is_lent() { owner::with_own_rights(remove) } else { remove() };
    }
}

/// Gives a finished file a name that nothing has yet. Errors: `AlreadyExists`.
pub fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it: no other program makes files of this name within this moment.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
            if to.exists() {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                fs::rename(from, to)
            }
        }
        other => other.map_err(io::Error::from),
    }
}

fn cannot_write(parent: &Path, cause: &io::Error) -> Error {
    Error::unavailable("cannot_write", format!("cannot write to {}: {cause}", parent.display()))
        .hint("give the user that runs portagent this directory, or name another one")
}

/// Making one takes a moment; a process that holds the lock for longer hangs, and is not waited for.
fn locked_within(directory: &File, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    loop {
        match directory.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => return false,
        }
    }
}

fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(PREFIX) && name.ends_with(SUFFIX);
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_abandoned(&entry.path()) {
            log::info!(target: "backup", "removing what an interrupted run left behind: {}", entry.path().display());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(path: &Path) -> bool {
    match File::open(path).map(|directory| directory.try_lock()) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) | Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_removed_and_removes_abandoned_ones() {
        let home = tempfile::tempdir().unwrap();
        let count = || fs::read_dir(home.path()).unwrap().count();
        let abandoned = home.path().join(".portagent-1-x.partial");
        fs::create_dir_all(abandoned.join("deep")).unwrap();
        fs::create_dir(home.path().join("other.partial")).unwrap();
        let first = Partial::make(home.path()).unwrap();
        assert!(!abandoned.exists());
        fs::write(first.path().join("x"), "x").unwrap();
        let second = Partial::make(home.path()).unwrap();
        assert!(first.path().join("x").exists(), "it is in use");
        assert_eq!(count(), 3);
        drop((first, second));
        assert_eq!(count(), 1, "only what is not ours is left");
        assert_eq!(Partial::make(&home.path().join("none")).unwrap_err().code, "cannot_write");
    }
}
