//! One server per data directory: a lock that the kernel takes back when the process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::open;
use crate::domain::{Error, Result};

/// How long a command may hold the lock of a directory that nobody serves, and how often it is tried again.
const COMMAND_PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Held as long as the value lives.
pub struct DirectoryLock {
    /// `None` where nobody has ever served the directory, and a command was first.
    _file: Option<File>,
}

impl DirectoryLock {
    /// Errors: `Conflict` when another server holds the directory, naming its process id.
    pub fn take(directory: &Path) -> Result<Self> {
        // Whether it is open to others is looked at later, when there is a log to say so in.
        open::make_private_dir(directory)?;
        let path = directory.join("portagent.lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| cannot_lock(directory, &cause))?;
        let deadline = Instant::now() + COMMAND_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline && !is_served(&mut file) => {
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::WouldBlock) => return Err(held(directory, &mut file)),
                Err(TryLockError::Error(cause)) => return Err(cannot_lock(directory, &cause)),
            }
        }
        // Only for that message; the lock itself is the kernel's.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: Some(file) })
    }

    /// For a command: `None` while a server holds the directory. A lock file is not made: it would be this user's,
    /// and the server's user could not open it.
    ///
    /// Errors: `Unavailable` when it cannot be told.
    pub fn take_if_free(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join("portagent.lock");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Some(Self { _file: None })),
            Err(cause) => return Err(cannot_lock(directory, &cause)),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(cannot_lock(directory, &cause)),
        }
    }
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

fn cannot_lock(directory: &Path, cause: &std::io::Error) -> Error {
    Error::unavailable("data_dir_not_writable", format!("cannot use {}: {cause}", directory.display()))
        .hint("give the user that runs portagent this directory (chown), or name another with --data-dir")
}
