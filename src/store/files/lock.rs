//! One server per data directory: a lock that the kernel takes back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::{Error, Result};
use crate::store::sqlite::open;

/// How long a command may hold the lock of a directory without a server, and the pause before the next try.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held as long as one of its clones lives.
#[derive(Clone)]
pub struct DirectoryLock {
    path: PathBuf,
    /// `None` where no server ever ran on the directory, and a command was first.
    file: Arc<Mutex<Option<File>>>,
}

impl DirectoryLock {
    /// Errors: `Conflict` when another server holds the directory, naming its process id.
    pub fn take(directory: &Path) -> Result<Self> {
        // Whether it is open to others is checked later, when there is a log to say so in.
        open::make_private_dir(directory)?;
        let path = path_in(directory);
        let mut file = open_to_lock(&path).map_err(|cause| open::not_writable(directory, cause))?;
        let deadline = Instant::now() + COMMAND_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline && !is_served(&mut file) => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file)),
                Err(TryLockError::Error(cause)) => return Err(open::not_writable(directory, cause)),
            }
        }
        sign(&mut file);
        Ok(Self::of(path, Some(file)))
    }

    /// The process id that the server of a directory wrote down, if there is a server.
    pub fn holder(directory: &Path) -> Option<String> {
        let path = path_in(directory);
        let file = File::open(&path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(std::fs::read_to_string(&path).ok()?.trim().to_owned()),
            _ => None,
        }
    }

    fn of(path: PathBuf, file: Option<File>) -> Self {
        Self { path, file: Arc::new(Mutex::new(file)) }
    }

    /// To be called now and then by the server that holds it: where the lock's file was removed, or another disk was
    /// mounted in its place, what we hold would stop no second server. Nothing happens while no file can be made.
    ///
    /// Errors: `Conflict` when another server was quicker.
    pub fn keep(&self) -> Result<()> {
        let mut ours = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        let found = std::fs::metadata(&self.path).map(place).ok();
        if found.is_some() && found == ours.as_ref().and_then(|file| file.metadata().map(place).ok()) {
            return Ok(());
        }
        // Where its disk was unmounted, there is nothing to lock.
        if !self.path.with_file_name("data").join("portagent.db").exists() {
            return Ok(());
        }
        let Ok(mut file) = open_to_lock(&self.path) else { return Ok(()) };
        match file.try_lock() {
            Ok(()) => sign(&mut file),
            Err(TryLockError::WouldBlock) => return Err(held(self.path.parent().unwrap_or(&self.path), &mut file)),
            Err(TryLockError::Error(_)) => return Ok(()),
        }
        *ours = Some(file);
        Ok(())
    }

    /// For a command: `None` while a server holds the directory. A lock file is not made: it would be this user's,
    /// and the server's user could not open it.
    ///
    /// Errors: `Unavailable` when the lock cannot be read.
    pub fn take_if_free(directory: &Path) -> Result<Option<Self>> {
        let path = path_in(directory);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Some(Self::of(path, None))),
            Err(cause) => return Err(open::not_writable(directory, cause)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self::of(path, Some(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(open::not_writable(directory, cause)),
        }
    }
}

fn path_in(directory: &Path) -> PathBuf {
    directory.join("portagent.lock")
}

fn open_to_lock(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Only for the second server's error message; the lock itself is the kernel's.
fn sign(file: &mut File) {
    let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
}

/// Whether the process that wrote its number lives: else a command holds the lock for the moment of opening.
fn is_served(file: &mut File) -> bool {
    let pid = holder(file).parse().ok().and_then(rustix::process::Pid::from_raw);
    pid.is_none_or(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

fn holder(file: &mut File) -> String {
    let mut pid = String::new();
    let _ = file.rewind().and_then(|()| file.take(20).read_to_string(&mut pid));
    pid.trim().to_owned()
}

fn held(directory: &Path, file: &mut File) -> Error {
    let pid = holder(file);
    Error::conflict(
        "data_dir_in_use",
        format!("{} is in use by another portagent server (process {pid})", directory.display()),
    )
    .hint("stop that server first, or name another directory with --data-dir")
}
