//! A database that cannot be used as it should: said once when it begins and once when it is over, however many
//! commits fail meanwhile.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;

use crate::domain::{Code, Error};

/// What says that something is wrong with the file or its disk, and not with what was asked.
const CODES: &[Code] = &[
    Code::DATA_DIR_IN_USE,
    Code::DATABASE_BUSY,
    Code::DATABASE_DAMAGED,
    Code::DATABASE_NOT_WRITABLE,
    Code::DATABASE_REPLACED,
    Code::DISK_FAILURE,
    Code::DISK_FULL,
];
/// A full disk counts as full until that much is free: else the next message would fill it again.
const ROOM_BYTES: u64 = 1024 * 1024;

pub struct Trouble {
    path: PathBuf,
    now: Mutex<Option<Now>>,
    is_probed: AtomicBool,
}

struct Now {
    code: Code,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    since: Instant,
    /// Codes that were said since it began.
    said: Vec<Code>,
}

impl Trouble {
    pub fn none(path: &Path) -> Self {
        Self { path: path.to_owned(), now: Mutex::new(None), is_probed: AtomicBool::new(false) }
    }

    /// Takes note of a failure, with a better name for it where we know one; returns it. Others pass unchanged.
    pub fn note(&self, error: Error) -> Error {
        let error = if error.code == Code::DISK_FAILURE { self.named_better(error) } else { error };
        if !CODES.contains(&error.code) {
            return error;
        }
        let mut now = self.now();
        let (since, mut said) = match now.take() {
            Some(before) => (before.since, before.said),
            None => (Instant::now(), Vec::new()),
        };
        let is_new = !said.contains(&error.code);
        if is_new {
            said.push(error.code);
        }
        *now = Some(Now { code: error.code, message: error.message.clone(), hint: error.hint.clone(), since, said });
        drop(now);
        if is_new {
            let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            log::error!(target: "store", "{}: {}{hint}", self.path.display(), error.with_cause());
        }
        error
    }

    /// Whether this failure was reported already.
    pub fn is_known(&self, error: &Error) -> bool {
        self.now().as_ref().is_some_and(|now| now.said.contains(&error.code))
    }

    /// What is wrong at the moment.
    pub fn current(&self) -> Option<Error> {
        let now = self.now();
        let now = now.as_ref()?;
        let error = Error::unavailable(now.code, now.message.clone()).retry_after(Duration::from_secs(5));
        Some(match &now.hint {
            Some(hint) => error.hint(hint.clone()),
            None => error,
        })
    }

    /// Whether it is worth trying to write; one try at a time.
    pub fn may_probe(&self) -> bool {
        let Some(code) = self.now().as_ref().map(|now| now.code) else { return false };
        let has_room = code != Code::DISK_FULL || self.free_bytes().is_none_or(|free| free >= ROOM_BYTES);
        has_room && !self.is_probed.swap(true, Ordering::AcqRel)
    }

    /// A try ended.
    pub fn probed(&self, is_well: bool) {
        self.is_probed.store(false, Ordering::Release);
        if is_well {
            self.over();
        }
    }

    pub fn over(&self) {
        if let Some(before) = self.now().take() {
            let seconds = before.since.elapsed().as_secs();
            log::info!(target: "store", "{} can be used again, after {seconds} s", self.path.display());
        }
    }

    /// SQLite calls every failed write the same. Why can be asked without opening the file.
    fn named_better(&self, error: Error) -> Error {
        let (code, message, hint) = if self.free_bytes() == Some(0) {
            (Code::DISK_FULL, "The disk is full: nothing can be stored", "Free some space; no restart is needed")
        } else if self.is_on_read_only_disk() {
            (
                Code::DATABASE_NOT_WRITABLE,
                "The disk was made read-only: nothing can be stored",
                "Linux does that to a disk that fails: see dmesg. Mend it and mount it again; no restart is needed",
            )
        } else if rustix::fs::access(&self.path, Access::WRITE_OK).is_err() {
            (
                Code::DATABASE_NOT_WRITABLE,
                "The database cannot be written",
                "Make the data directory writable for the user that runs portagent; no restart is needed",
            )
        } else {
            return error;
        };
        Error { code, message: message.into(), hint: Some(hint.into()), ..error }
    }

    /// After an error the kernel refuses writes, and grants the right to write all the same: only trying tells.
    fn is_on_read_only_disk(&self) -> bool {
        let Some(directory) = self.path.parent() else { return false };
        let unnamed = rustix::fs::open(directory, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR);
        unnamed.is_err_and(|cause| cause == Errno::ROFS)
    }

    fn free_bytes(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(self.path.parent()?).ok()?;
        let blocks = if rustix::process::geteuid().is_root() { stat.f_bfree } else { stat.f_bavail };
        Some(blocks.saturating_mul(stat.f_frsize))
    }

    fn now(&self) -> MutexGuard<'_, Option<Now>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
