//! The one writer of a database: a thread that commits together what arrives together.
//!
//! With `synchronous=FULL` a commit costs an fsync, on an SD card tens of milliseconds. So whatever waits when a
//! transaction begins goes into it, each piece inside a savepoint of its own: a piece that fails is rolled back
//! alone, and no caller returns before the whole is on the disk. A hundred chats then cost a few fsyncs a second.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::trouble::Trouble;
use crate::domain::{Code, Error, Result};
use crate::store::files::live_file::{FileState, LiveFile};
use crate::telemetry::metrics::catalog;

/// Pieces of work that may wait for the writer; one more is refused.
const WAITING_JOBS: usize = 4096;
/// Pieces of work in one transaction.
const JOBS_PER_COMMIT: usize = 256;
const STACK_BYTES: usize = 1024 * 1024;

/// Hands the outcome to the caller that waits; called after the commit.
type Reply = Box<dyn FnOnce(Result<(), CommitFailure>) + Send>;
/// Is handed no connection where the transaction could not begin.
type Piece = Box<dyn FnOnce(Option<&Connection>) -> Reply + Send>;

/// Gets an error where the file is not ours any more.
type Alone = Box<dyn FnOnce(Result<&Connection>) + Send>;

enum Job {
    /// Part of a transaction.
    Piece(Piece),
    /// What cannot be inside one, such as a checkpoint.
    Alone(Alone),
}

/// The connection, and what has to be true before anything is written over it.
struct CommitLoop {
    name: &'static str,
    conn: Connection,
    live: Arc<LiveFile>,
    trouble: Arc<Trouble>,
}

pub struct Writer {
    jobs: Mutex<Option<SyncSender<Job>>>,
    trouble: Arc<Trouble>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A failed commit concerns several pieces of work at once.
#[derive(Clone)]
struct CommitFailure(Code, String, String);

impl Writer {
    pub fn start(name: &'static str, conn: Connection, live: Arc<LiveFile>, trouble: Arc<Trouble>) -> Result<Self> {
        let (sender, receiver) = sync_channel(WAITING_JOBS);
        let commit_loop = CommitLoop { name, conn, live, trouble: trouble.clone() };
        let thread = std::thread::Builder::new()
            .name(format!("write-{name}"))
            .stack_size(STACK_BYTES)
            .spawn(move || commit_loop.run(&receiver))
            .map_err(Error::internal)?;
        Ok(Self { jobs: Mutex::new(Some(sender)), trouble, thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a transaction and returns when it is safely on the disk, or not at all.
    ///
    /// Errors: those of `work`; `Unavailable` when the disk or another program does not let us.
    pub fn write<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.submit(Job::Piece(piece(work, move |outcome| {
            let _ = sender.send(outcome);
        })))?;
        // What only this piece ran into, such as a disk that was full in the middle of it, is not noted yet.
        receiver.recv().unwrap_or_else(|_| Err(stopped())).map_err(|error| self.trouble.note(error))
    }

    /// Runs `work` outside of any transaction, between two of them.
    ///
    /// Errors: those of `work`; `Unavailable` when the file is not ours any more.
    pub fn alone<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.submit(Job::Alone(Box::new(move |conn| {
            let _ = sender.send(conn.and_then(work));
        })))?;
        receiver.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs `work` in a transaction without waiting for it; `done` gets the outcome.
    pub fn try_later(
        &self,
        work: impl FnOnce(&Connection) -> Result<()> + Send + 'static,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<()> {
        self.submit(Job::Piece(piece(work, done)))
    }

    /// Like `write`, without waiting; a failure is logged.
    pub fn write_later(&self, what: &'static str, work: impl FnOnce(&Connection) -> Result<()> + Send + 'static) {
        let trouble = self.trouble.clone();
        let report = move |outcome: Result<()>| {
            let Err(error) = outcome.map_err(|error| trouble.note(error)) else { return };
            if !trouble.is_known(&error) {
                log::error!(target: "store", "{what} was not stored: {}", error.with_cause());
            }
        };
        if let Err(error) = self.submit(Job::Piece(piece(work, report.clone()))) {
            report(Err(error));
        }
    }

    /// Finishes what waits, checkpoints and closes. Later writes are refused.
    pub fn stop(&self) {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none()
    }

    fn submit(&self, job: Job) -> Result<()> {
        let jobs = self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        match jobs.ok_or_else(stopped)?.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Error::unavailable(Code::DATABASE_BUSY, "The server is busy, try again")
                .retry_after(Duration::from_secs(2))),
            Err(TrySendError::Disconnected(_)) => Err(stopped()),
        }
    }
}

impl CommitLoop {
    fn run(self, jobs: &Receiver<Job>) {
        let mut next = jobs.recv().ok();
        while let Some(job) = next {
            let left_over = match job {
                Job::Piece(first) => self.commit_batch(first, jobs),
                Job::Alone(work) => {
                    work(self.is_ours_but_for_its_log().map(|()| &self.conn));
                    None
                }
            };
            next = left_over.or_else(|| jobs.recv().ok());
        }
        self.close();
    }

    /// One transaction with whatever is waiting. Returns what waited and cannot be part of it.
    fn commit_batch(&self, first: Piece, jobs: &Receiver<Job>) -> Option<Job> {
        let (conn, started) = (&self.conn, Instant::now());
        let begun = self.is_ours().and_then(|()| Ok(conn.execute_batch("BEGIN IMMEDIATE")?));
        let (mut replies, mut left_over) = (Vec::new(), None);
        let mut next = Some(first);
        while let Some(piece) = next.take() {
            replies.push(piece(begun.is_ok().then_some(conn)));
            // On a full disk SQLite rolls the whole transaction back.
            if replies.len() >= JOBS_PER_COMMIT || begun.is_ok() && conn.is_autocommit() {
                break;
            }
            match jobs.try_recv() {
                Ok(Job::Piece(piece)) => next = Some(piece),
                Ok(alone) => left_over = Some(alone),
                Err(_) => {}
            }
        }
        let outcome = begun.and_then(|()| self.commit());
        self.count(&outcome, replies.len(), started);
        let outcome = outcome.map_err(|error| CommitFailure::from(self.trouble.note(error)));
        for reply in replies {
            reply(outcome.clone());
        }
        left_over
    }

    fn commit(&self) -> Result<()> {
        if self.conn.is_autocommit() {
            return Err(lost_transaction().into());
        }
        self.conn.execute_batch("COMMIT").map_err(|cause| {
            let _ = self.conn.execute_batch("ROLLBACK");
            cause.into()
        })
    }

    fn count(&self, outcome: &Result<()>, pieces: usize, started: Instant) {
        if outcome.is_err() {
            return catalog::COMMIT_FAILURES.inc();
        }
        catalog::COMMITS.inc(self.name);
        catalog::COMMIT_PIECES.number(pieces);
        catalog::COMMIT_TIME.time(started.elapsed());
    }

    fn is_ours(&self) -> Result<()> {
        self.live.check()
    }

    /// What is done alone may be what saves a deleted log.
    fn is_ours_but_for_its_log(&self) -> Result<()> {
        if self.live.state() == FileState::LogGone { Ok(()) } else { self.is_ours() }
    }

    /// Leaves one file behind. Where another file is at our path, what we have stays in the file that we hold; into
    /// one that was overwritten nothing is written any more.
    fn close(self) {
        if self.live.state() == FileState::Overwritten {
            let _ = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        } else if let Err(cause) = self.conn.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
            log::debug!(target: "store", "no checkpoint at close: {cause}");
        }
        if let Err((_, cause)) = self.conn.close() {
            log::warn!(target: "store", "the database was not closed cleanly: {cause}");
        }
        // Only now, see `LiveFile`.
        drop(self.live);
    }
}

/// Wraps `work` so that `done` learns how it ended: its own error, or else that of the commit.
fn piece<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T>) + Send + 'static,
) -> Piece {
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
    conn.prepare_cached("SAVEPOINT piece").and_then(|mut s| s.execute([]))?;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(conn)))
        .unwrap_or_else(|_| Err(Error::internal("a piece of database work panicked")));
    if conn.is_autocommit() {
        return outcome.and(Err(lost_transaction().into()));
    }
    let end = if outcome.is_ok() { "RELEASE piece" } else { "ROLLBACK TO piece" };
    let ended = conn.prepare_cached(end).and_then(|mut s| s.execute([]));
    if outcome.is_err() {
        let _ = conn.prepare_cached("RELEASE piece").and_then(|mut s| s.execute([]));
    }
    ended?;
    outcome
}

fn stopped() -> Error {
    Error::unavailable(Code::STOPPING, "The server is stopping").retry_after(Duration::from_secs(10))
}

impl From<Error> for CommitFailure {
    fn from(error: Error) -> Self {
        Self(error.code, error.message.to_string(), error.hint.map(String::from).unwrap_or_default())
    }
}

impl From<CommitFailure> for Error {
    fn from(CommitFailure(code, message, hint): CommitFailure) -> Self {
        let error = Error::unavailable(code, message).retry_after(Duration::from_secs(5));
        if hint.is_empty() { error } else { error.hint(hint) }
    }
}
