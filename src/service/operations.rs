//! What an operator does by command, for administrators in the page: backups, the doctor, the log.
//!
//! The rooms above know how a backup is made; they hand that in as [`Machinery`]. What takes long runs on a thread of
//! its own, one at a time, and is asked about while it runs: a request is answered at once.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::audit::record;
use crate::domain::finding::Finding;
use crate::domain::user::Actor;
use crate::domain::{Error, Result, clock, limits};
use crate::telemetry::{History, LogFilter};

/// Compressing and checking keep their buffers on the heap.
const STACK_BYTES: usize = 1024 * 1024;
/// When to ask again whether another operation may begin.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// What a stop of the server waits for an operation to notice it.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How long operations are done, and where the log is.
pub struct Machinery {
    /// Newest first.
    pub backups: Box<dyn Fn() -> Result<Vec<BackupFile>> + Send + Sync>,
    /// Makes one like the schedule does. Returns its name and a sentence about it.
    pub make_backup: Box<Work<(String, String)>>,
    /// Checks one from its first byte to its last. Returns a sentence about it.
    pub verify_backup: Box<VerifyBackup>,
    pub examine: Box<dyn Fn() -> Result<Vec<Finding>> + Send + Sync>,
    pub log_file: PathBuf,
}

type Work<T> = dyn Fn(&Control<'_>) -> Result<T> + Send + Sync;
type VerifyBackup = dyn Fn(&Path, &Control<'_>) -> Result<String> + Send + Sync;

/// Whether to stop, and whom to tell how far it is: a step, and how many of how many bytes.
pub struct Control<'a> {
    pub stop: &'a Arc<AtomicBool>,
    pub tell: &'a (dyn Fn(&'static str, u64, u64) + Sync),
}

/// A backup as its directory shows it.
#[derive(Debug, Clone)]
pub struct BackupFile {
    pub name: String,
    pub path: PathBuf,
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub made_at: i64,
    pub is_encrypted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    MakeBackup,
    VerifyBackup,
}

/// An operation that runs, or the last one that did.
#[derive(Debug, Clone)]
pub struct Operation {
    pub kind: OperationKind,
    /// The archive; of one that is being made, when it is done.
    pub backup: Option<String>,
    /// Milliseconds since 1970.
    pub started_at: i64,
    pub ended_at: Option<i64>,
    pub step: &'static str,
    /// Bytes of this step, out of about so many.
    pub done: u64,
    pub total: u64,
    /// `None` while it runs.
    pub outcome: Option<Result<String, Failed>>,
}

/// Why an operation failed.
#[derive(Debug, Clone)]
pub struct Failed {
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

/// The last lines of the log that are wanted.
pub struct LogTail {
    /// Oldest first.
    pub lines: Vec<String>,
    /// There are more than fit the answer.
    pub is_cut: bool,
}

#[derive(Default)]
pub struct Operations {
    machinery: OnceLock<Machinery>,
    shared: Arc<Shared>,
    /// Held while the doctor examines.
    examining: Mutex<()>,
}

#[derive(Default)]
struct Shared {
    last: Mutex<Option<Operation>>,
    stop: Arc<AtomicBool>,
}

impl Operations {
    /// From now on there is something to do it with; only the first one counts.
    pub fn equip(&self, machinery: Machinery) {
        let _ = self.machinery.set(machinery);
    }

    /// Errors: `Unavailable` when the directory cannot be read.
    pub fn backups(&self, _by: Actor<'_>) -> Result<Vec<BackupFile>> {
        (self.machinery()?.backups)()
    }

    /// What runs, or ran last.
    pub fn current(&self, _by: Actor<'_>) -> Option<Operation> {
        self.shared.last().clone()
    }

    /// Begins to make a backup. Errors: `Conflict` while another operation runs.
    pub fn make_backup(self: &Arc<Self>, by: Actor<'_>) -> Result<Operation> {
        self.machinery()?;
        let begun = self.begin(OperationKind::MakeBackup, None, |machinery, control| {
            let (name, sentence) = (machinery.make_backup)(control)?;
            Ok((Some(name), sentence))
        })?;
        record("backup.make", by, "backups");
        Ok(begun)
    }

    /// Begins to check a backup. Errors: `NotFound`; `Conflict` while another operation runs.
    pub fn verify_backup(self: &Arc<Self>, by: Actor<'_>, name: &str) -> Result<Operation> {
        let file = self.find(by, name)?;
        let begun = self.begin(OperationKind::VerifyBackup, Some(file.name.clone()), move |machinery, control| {
            Ok((Some(file.name.clone()), (machinery.verify_backup)(&file.path, control)?))
        })?;
        record("backup.verify", by, format_args!("backup:{name}"));
        Ok(begun)
    }

    /// Opens a backup to be handed out. Errors: `NotFound`.
    pub fn open_backup(&self, by: Actor<'_>, name: &str) -> Result<(File, u64)> {
        let listed = self.find(by, name)?;
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let opened = File::options().read(true).custom_flags(no_link).open(&listed.path);
        let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => Error::not_found("Backup"),
            _ => Error::unavailable("cannot_read", "The backup cannot be read").source(cause),
        })?;
        record("backup.download", by, format_args!("backup:{name}"));
        Ok((file, metadata.len()))
    }

    /// Everything that `portagent doctor` looks at. Errors: `Conflict` while another one looks.
    pub fn examine(&self, _by: Actor<'_>) -> Result<Vec<Finding>> {
        let Ok(_alone) = self.examining.try_lock() else {
            let error = Error::conflict("doctor_running", "The checks are running already");
            return Err(error.hint("Ask again in a few seconds").retry_after(ASK_AGAIN));
        };
        (self.machinery()?.examine)()
    }

    /// The last `count` lines of the log that are wanted, as far as an answer holds them.
    ///
    /// Errors: `Unavailable` when the log cannot be read.
    pub fn log_tail(&self, _by: Actor<'_>, filter: &LogFilter, count: usize) -> Result<LogTail> {
        let mut lines: Vec<String> = Vec::new();
        let history = History::open(&self.machinery()?.log_file);
        let read = history.and_then(|history| {
            let place = history.last(count, &|line| filter.wants(line))?;
            history.read(place, false, &mut |line| {
                if filter.wants(line) {
                    lines.push(String::from_utf8_lossy(line).into_owned());
                }
                Ok(())
            })
        });
        read.map_err(|cause| Error::unavailable("log_unreadable", "The log cannot be read").source(cause))?;
        let all = lines.len();
        let mut bytes = 0;
        let mut fits = |line: &String| {
            bytes += line.len();
            bytes <= limits::REPLY_BYTES
        };
        let kept = lines.iter().rev().take(count).map_while(|line| Some(line).filter(|line| fits(line))).count();
        Ok(LogTail { lines: lines.split_off(all - kept), is_cut: kept < all.min(count) })
    }

    /// Asks what runs to stop, and waits a moment for it.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.shared.is_running() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn find(&self, by: Actor<'_>, name: &str) -> Result<BackupFile> {
        let listed = self.backups(by)?.into_iter().find(|one| one.name == name);
        listed.ok_or_else(|| Error::not_found("Backup"))
    }

    fn machinery(&self) -> Result<&Machinery> {
        self.machinery.get().ok_or_else(|| Error::unavailable("not_ready", "The server is still starting"))
    }

    fn begin(
        self: &Arc<Self>,
        kind: OperationKind,
        backup: Option<String>,
        work: impl FnOnce(&Machinery, &Control<'_>) -> Result<(Option<String>, String)> + Send + 'static,
    ) -> Result<Operation> {
        let begun = self.shared.claim(kind, backup)?;
        let ours = Arc::clone(self);
        let run = move || {
            let tell = |step, done, total| ours.shared.progress(step, done, total);
            let control = Control { stop: &ours.shared.stop, tell: &tell };
            let outcome = catch_unwind(AssertUnwindSafe(|| work(ours.machinery()?, &control)))
                .unwrap_or_else(|_| Err(Error::internal("an operation panicked")));
            ours.shared.end(outcome);
        };
        let thread = std::thread::Builder::new().name("operation".to_owned()).stack_size(STACK_BYTES).spawn(run);
        thread.map(drop).map_err(|cause| {
            self.shared.end(Err(Error::internal("no thread")));
            Error::internal(cause)
        })?;
        Ok(begun)
    }
}

impl Shared {
    fn last(&self) -> MutexGuard<'_, Option<Operation>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_running(&self) -> bool {
        self.last().as_ref().is_some_and(|last| last.outcome.is_none())
    }

    fn claim(&self, kind: OperationKind, backup: Option<String>) -> Result<Operation> {
        let mut last = self.last();
        if last.as_ref().is_some_and(|last| last.outcome.is_none()) {
            let error = Error::conflict("operation_running", "Another backup is being made or verified");
            return Err(error.hint("Wait until it has ended").retry_after(ASK_AGAIN));
        }
        let started_at = clock::now_ms();
        let begun = Operation { kind, backup, started_at, ended_at: None, step: "", done: 0, total: 0, outcome: None };
        Ok(last.insert(begun).clone())
    }

    fn progress(&self, step: &'static str, done: u64, total: u64) {
        if let Some(last) = self.last().as_mut() {
            (last.step, last.done, last.total) = (step, done, total);
        }
    }

    fn end(&self, outcome: Result<(Option<String>, String)>) {
        let mut last = self.last();
        let Some(last) = last.as_mut() else { return };
        last.ended_at = Some(clock::now_ms());
        last.outcome = Some(match outcome {
            Ok((backup, sentence)) => {
                last.backup = backup;
                Ok(sentence)
            }
            Err(error) => {
                log::warn!(target: "ops", "{} did not end well: {}", last.kind.as_str(), error.with_cause());
                let hint = error.hint.map(|hint| hint.to_string());
                Err(Failed { code: error.code.as_str(), message: error.message.to_string(), hint })
            }
        });
    }
}

impl OperationKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MakeBackup => "make_backup",
            Self::VerifyBackup => "verify_backup",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    fn equipped(made: Receiver<Result<(String, String)>>) -> Arc<Operations> {
        let operations = Arc::new(Operations::default());
        let made = Mutex::new(made);
        operations.equip(Machinery {
            backups: Box::new(|| Ok(Vec::new())),
            make_backup: Box::new(move |control| {
                (control.tell)("compressing", 1, 2);
                made.lock().unwrap().recv().unwrap()
            }),
            verify_backup: Box::new(|_, _| Ok(String::new())),
            examine: Box::new(|| Ok(Vec::new())),
            log_file: PathBuf::new(),
        });
        operations
    }

    fn ended(operations: &Operations) -> Operation {
        loop {
            match operations.current(Actor::Operator) {
                Some(last) if last.outcome.is_some() => return last,
                _ => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn one_at_a_time() {
        let (done, made): (Sender<Result<(String, String)>>, _) = channel();
        let operations = equipped(made);
        operations.make_backup(Actor::Operator).unwrap();
        assert_eq!(operations.make_backup(Actor::Operator).unwrap_err().code, "operation_running");
        done.send(Ok(("a.tar.gz".to_owned(), "fine".to_owned()))).unwrap();
        let last = ended(&operations);
        assert_eq!((last.backup.as_deref(), last.step), (Some("a.tar.gz"), "compressing"));
        operations.make_backup(Actor::Operator).unwrap();
        done.send(Err(Error::unavailable("disk_full", "full"))).unwrap();
        assert_eq!(ended(&operations).outcome.unwrap().unwrap_err().code, "disk_full");
        assert_eq!(operations.verify_backup(Actor::Operator, "../x").unwrap_err().code, "not_found");
    }
}
