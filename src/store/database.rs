//! One SQLite file: its writer, and a few connections that read beside it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use super::writer::Writer;
use super::{failure, migrate, open};
use crate::domain::{Error, Result};

/// Reading connections that are kept; more are opened when needed and closed after use.
const READERS_KEPT: usize = 2;

/// A database's files, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFiles {
    /// `portagent` or `agentx`.
    pub name: &'static str,
    pub bytes: u64,
    pub wal_bytes: u64,
}

pub struct Database {
    name: &'static str,
    path: PathBuf,
    writer: Writer,
    readers: Mutex<Vec<Connection>>,
}

impl Database {
    /// Opens the file, makes it where there is none, and brings its schema up to date.
    ///
    /// Errors: `Unavailable` when it cannot be used, is damaged, or was written by a newer program.
    pub(super) fn open(path: &Path, schema: &migrate::Schema) -> Result<Self> {
        let mut conn = open::writer(path)?;
        migrate::bring_up_to_date(&mut conn, path, schema).map_err(|error| error.about(path))?;
        open::prepare_writer(&conn).map_err(|error| error.named(path))?;
        open::tighten(path)?;
        let writer = Writer::start(schema.name, conn)?;
        // Opened now and not when a flood of connections has taken the descriptors that they need.
        let readers: Vec<Connection> = (0..READERS_KEPT).map(|_| ready_reader(path)).collect::<Result<_>>()?;
        Ok(Self { name: schema.name, path: path.to_owned(), writer, readers: Mutex::new(readers) })
    }

    /// One transaction on the writer; returns when it is on the disk.
    pub(super) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.write(work)
    }

    /// One transaction that nobody waits for.
    pub(super) fn write_later(
        &self,
        what: &'static str,
        work: impl FnOnce(&Connection) -> Result<()> + Send + 'static,
    ) {
        self.writer.write_later(what, work);
    }

    /// One consistent look at the file.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let kept = self.kept().pop();
        let mut conn = match kept {
            Some(conn) => conn,
            None => open::reader(&self.path)?,
        };
        let outcome = conn
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(failure::error)
            .and_then(|transaction| look(&transaction));
        let mut kept = self.kept();
        if kept.len() < READERS_KEPT {
            kept.push(conn);
        }
        outcome
    }

    pub(super) fn files(&self) -> DatabaseFiles {
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let mut wal = self.path.clone().into_os_string();
        wal.push("-wal");
        DatabaseFiles { name: self.name, bytes: bytes(&self.path), wal_bytes: bytes(Path::new(&wal)) }
    }

    /// Changes whenever any connection but this reader's commits: also one of another program.
    pub(super) fn watcher(&self) -> Result<Watcher> {
        Ok(Watcher { conn: open::reader(&self.path)?, seen: None })
    }

    /// Finishes what waits and closes, so that no `-wal` file is left.
    pub(super) fn close(&self) {
        self.kept().clear();
        self.writer.stop();
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader that has its files open: SQLite opens them with the first look.
fn ready_reader(path: &Path) -> Result<Connection> {
    let conn = open::reader(path)?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failure::error)?;
    Ok(conn)
}

/// Notices that somebody changed the database.
pub struct Watcher {
    conn: Connection,
    seen: Option<i64>,
}

impl Watcher {
    /// Whether the database was changed since the last call; the first call says yes.
    pub fn changed(&mut self) -> Result<bool> {
        let version: i64 = self
            .conn
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(failure::error)?;
        Ok(self.seen.replace(version) != Some(version))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// `NotFound` where a query found no row; other failures as they are.
pub(super) fn found<T>(row: rusqlite::Result<T>, what: &str) -> Result<T> {
    row.map_err(|cause| match cause {
        rusqlite::Error::QueryReturnedNoRows => Error::not_found(what),
        other => failure::error(other),
    })
}
