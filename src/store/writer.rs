//! The one writer of a database: a thread that commits together what arrives together.
//!
//! With `synchronous=FULL` a commit costs an fsync, on an SD card tens of milliseconds. So whatever waits when a
//! transaction begins goes into it, each piece inside a savepoint of its own: a piece that fails is rolled back
//! alone, and nobody is answered before the whole is on the disk. A hundred chats then cost a few fsyncs a second.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use super::failure;
use crate::domain::{Error, Result};

/// Pieces of work that may wait for the writer; one more is refused.
const WAITING_JOBS: usize = 4096;
/// Pieces of work in one transaction.
const JOBS_PER_COMMIT: usize = 256;
const STACK_BYTES: usize = 1024 * 1024;

/// Tells whoever waits how it ended; called after the commit.
type Answer = Box<dyn FnOnce(Result<(), Shared>) + Send>;
/// Is handed no connection where the transaction could not begin.
type Job = Box<dyn FnOnce(Option<&Connection>) -> Answer + Send>;

pub(super) struct Writer {
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A failed commit concerns several pieces of work at once.
#[derive(Clone)]
struct Shared(&'static str, String, String);

impl Writer {
    pub(super) fn start(name: &str, conn: Connection) -> Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_JOBS);
        let thread = std::thread::Builder::new()
            .name(format!("write-{name}"))
            .stack_size(STACK_BYTES)
            .spawn(move || run(conn, &receiver))
            .map_err(Error::internal)?;
        Ok(Self { jobs: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a transaction and returns when it is safely on the disk, or not at all.
    ///
    /// Errors: those of `work`; `Unavailable` when the disk or another program does not let us.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.submit(job(work, move |outcome| {
            let _ = sender.send(outcome);
        }))?;
        receiver.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Like `write`, for what nobody waits for; a failure is logged.
    pub(super) fn write_later(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<()> + Send + 'static,
    ) {
        let report = move |outcome: Result<()>| {
            if let Err(error) = outcome {
                log::error!(target: "store", "{what} was not stored: {}", error.with_cause());
            }
        };
        if let Err(error) = self.submit(job(work, report)) {
            report(Err(error));
        }
    }

    /// Finishes what waits, checkpoints and closes. Later writes are refused.
    pub(super) fn stop(&self) {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    fn submit(&self, job: Job) -> Result<()> {
        let jobs = self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match jobs.ok_or_else(stopped)?.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Error::unavailable("database_busy", "The server is busy, try again")
                .retry_after(Duration::from_secs(2))),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }
}

fn run(conn: Connection, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        commit_batch(&conn, first, jobs);
    }
    if let Err(cause) = conn.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
        log::debug!(target: "store", "no checkpoint at close: {cause}");
    }
    if let Err((_, cause)) = conn.close() {
        log::warn!(target: "store", "the database was not closed cleanly: {cause}");
    }
}

/// One transaction with whatever is waiting.
fn commit_batch(conn: &Connection, first: Job, jobs: &Receiver<Job>) {
    let begun = conn.execute_batch("BEGIN IMMEDIATE");
    let mut answers = Vec::new();
    let mut next = Some(first);
    while let Some(job) = next {
        answers.push(job(begun.is_ok().then_some(conn)));
        // A full disk makes SQLite roll the whole transaction back by itself.
        if begun.is_ok() && conn.is_autocommit() {
            break;
        }
        next = if answers.len() < JOBS_PER_COMMIT { jobs.try_recv().ok() } else { None };
    }
    let outcome = match begun {
        Err(cause) => Err(cause),
        Ok(()) if conn.is_autocommit() => Err(lost_transaction()),
        Ok(()) => conn.execute_batch("COMMIT").inspect_err(|_| {
            let _ = conn.execute_batch("ROLLBACK");
        }),
    };
    let outcome = outcome.map_err(|cause| {
        let error = failure::error(cause);
        log::error!(target: "store", "a commit failed: {}", error.with_cause());
        Shared(error.code, error.message.to_string(), error.hint.map(String::from).unwrap_or_default())
    });
    for answer in answers {
        answer(outcome.clone());
    }
}

/// Wraps `work` so that `done` learns how it ended: its own error, or else that of the commit.
fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) -> Job {
    Box::new(move |conn| {
        let outcome = conn.map(|conn| in_savepoint(conn, work));
        Box::new(move |commit| {
            done(match (outcome, commit) {
                (Some(Err(error)), _) => Err(error),
                (_, Err(shared)) => Err(shared.into()),
                (Some(outcome), Ok(())) => outcome,
                (None, Ok(())) => Err(stopped()),
            });
        })
    })
}

fn lost_transaction() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
        Some("the transaction was rolled back".to_owned()),
    )
}

fn in_savepoint<T>(conn: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    conn.prepare_cached("SAVEPOINT piece").and_then(|mut s| s.execute([])).map_err(failure::error)?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
        .unwrap_or_else(|_| Err(Error::internal("a piece of database work panicked")));
    if conn.is_autocommit() {
        return outcome.and(Err(failure::error(lost_transaction())));
    }
    let end = if outcome.is_ok() { "RELEASE piece" } else { "ROLLBACK TO piece" };
    let ended = conn.prepare_cached(end).and_then(|mut s| s.execute([]));
    if outcome.is_err() {
        let _ = conn.prepare_cached("RELEASE piece").and_then(|mut s| s.execute([]));
    }
    ended.map_err(failure::error)?;
    outcome
}

fn stopped() -> Error {
    Error::unavailable("stopping", "The server is stopping").retry_after(Duration::from_secs(10))
}

impl From<Shared> for Error {
    fn from(Shared(code, message, hint): Shared) -> Self {
        let error = Error::unavailable(code, message).retry_after(Duration::from_secs(5));
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}
