//! One SQLite file: its writer, and a few connections that read beside it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};

use super::changes::Changes;
use super::migrate;
use super::trouble::Trouble;
use super::writer::Writer;
use crate::domain::{Error, Result};
use crate::store::files::live_file::{FileState, LiveFile};
use crate::store::sqlite::header::{beside, bytes_of};
use crate::store::sqlite::open;

/// Reading connections that are kept; more are opened when needed and closed after use.
const READERS_KEPT: usize = 2;
/// How long a read waits for one of them where no more can be opened.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// A database's files, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFiles {
    /// `portagent` or `agentx`.
    pub name: &'static str,
    pub bytes: u64,
    pub wal_bytes: u64,
}

pub struct Database {
    pub path: PathBuf,
    pub schema: &'static migrate::Schema,
    /// What is open now. It changes when another file is put at the path while we serve.
    opened: Mutex<Arc<Opened>>,
    pub trouble: Arc<Trouble>,
    pub changes: Arc<Changes>,
}

/// The connections to one file. The order of the fields is the order in which they are closed: see `LiveFile`.
pub struct Opened {
    pub writer: Writer,
    readers: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// Reads in progress.
    reading: AtomicUsize,
    rescue: Mutex<Rescue>,
    pub live: Arc<LiveFile>,
}

/// What became of the content of a file that is at its path no more.
#[derive(Default)]
pub struct Rescue {
    pub(super) tried: Option<Instant>,
    pub(super) saved: Option<PathBuf>,
}

impl Database {
    /// Opens the file, makes it where there is none, and brings its schema up to date.
    ///
    /// Errors: `Unavailable` when it cannot be used, is damaged, or was written by a newer program.
    pub fn open(path: &Path, schema: &'static migrate::Schema) -> Result<Self> {
        let trouble = Arc::new(Trouble::none(path));
        let changes = Arc::new(Changes::default());
        let opened = Opened::open(path, schema, &trouble, &changes)?;
        Ok(Self { path: path.to_owned(), schema, opened: Mutex::new(Arc::new(opened)), trouble, changes })
    }

    /// One transaction on the writer; returns when it is on the disk.
    pub fn write<T: Send + 'static>(&self, work: impl FnOnce(&Connection) -> Result<T> + Send + 'static) -> Result<T> {
        self.opened().writer.write(work)
    }

    /// One transaction that is not waited for.
    pub fn write_later(&self, what: &'static str, work: impl FnOnce(&Connection) -> Result<()> + Send + 'static) {
        self.opened().writer.write_later(what, work);
    }

    /// One consistent look at the file.
    pub fn read<T>(&self, look: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let opened = self.opened();
        opened.reading.fetch_add(1, Ordering::AcqRel);
        let outcome = opened.reader(&self.path).and_then(|mut conn| {
            let outcome = conn
                .transaction_with_behavior(TransactionBehavior::Deferred)
                .map_err(Error::from)
                .and_then(|transaction| look(&transaction));
            opened.give_back(conn);
            outcome
        });
        opened.reading.fetch_sub(1, Ordering::AcqRel);
        outcome.map_err(|error| self.trouble.note(error))
    }

    pub fn files(&self) -> DatabaseFiles {
        let wal_bytes = bytes_of(&beside(&self.path, "-wal"));
        DatabaseFiles { name: self.schema.name, bytes: bytes_of(&self.path), wal_bytes }
    }

    /// Changes whenever any connection but this reader's commits: also one of another program.
    pub fn watcher(&self) -> Result<Watcher> {
        let opened = self.opened();
        Ok(Watcher { conn: opened.new_reader(&self.path)?, live: opened.live.clone(), seen: None })
    }

    /// Finishes what waits and closes, so that no `-wal` file is left.
    pub fn close(&self) {
        self.opened().close();
    }

    pub fn opened(&self) -> Arc<Opened> {
        self.current().clone()
    }

    /// Goes on with the file that is at the path now; what was open has to be closed.
    ///
    /// Errors: those of `open`; it can be tried again.
    pub fn open_again(&self) -> Result<()> {
        let opened = Opened::open(&self.path, self.schema, &self.trouble, &self.changes)?;
        *self.current() = Arc::new(opened);
        Ok(())
    }

    fn current(&self) -> MutexGuard<'_, Arc<Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn open(path: &Path, schema: &migrate::Schema, trouble: &Arc<Trouble>, changes: &Arc<Changes>) -> Result<Self> {
        open::private_file(path)?;
        let live = LiveFile::open(path).map_err(|cause| open::not_writable(path, cause))?;
        let live = Arc::new(live);
        let mut conn = open::writer(path)?;
        migrate::bring_up_to_date(&mut conn, path, schema).map_err(|error| error.about(path))?;
        open::prepare_writer(&conn).map_err(|error| error.named(path))?;
        open::tighten(path)?;
        changes.follow(&mut conn)?;
        let writer = Writer::start(schema.name, conn, live.clone(), trouble.clone())?;
        let opened = Self {
            writer,
            readers: Mutex::default(),
            returned: Condvar::new(),
            reading: AtomicUsize::new(0),
            rescue: Mutex::default(),
            live,
        };
        // Opened now and not when a flood of connections has taken the descriptors that they need.
        for _ in 0..READERS_KEPT {
            opened.give_back(opened.new_reader(path)?);
        }
        Ok(opened)
    }

    /// A kept reader, a new one, or, where none can be opened, the next that is given back: what is open still reads
    /// when its file has another owner by now, or no descriptor is left.
    fn reader(&self, path: &Path) -> Result<Connection> {
        if let Some(conn) = self.kept().pop() {
            return Ok(conn);
        }
        let error = match self.new_reader(path) {
            Ok(conn) => return Ok(conn),
            Err(error) => error,
        };
        let deadline = Instant::now() + READER_PATIENCE;
        let mut kept = self.kept();
        loop {
            if let Some(conn) = kept.pop() {
                return Ok(conn);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(error);
            }
            kept = self.returned.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A reader of our file, and not of another one at its path. SQLite opens its files with the first look.
    fn new_reader(&self, path: &Path) -> Result<Connection> {
        self.live.check()?;
        let conn = open::reader(path)?;
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        self.live.check().map(|()| conn)
    }

    fn give_back(&self, conn: Connection) {
        let mut kept = self.kept();
        if kept.len() < READERS_KEPT {
            kept.push(conn);
        }
        drop(kept);
        self.returned.notify_one();
    }

    /// Readers first: the last connection to go removes the `-wal` file.
    pub fn close(&self) {
        self.kept().clear();
        self.writer.stop();
        // The log goes with the last connection.
        if matches!(self.live.state(), FileState::Ours | FileState::LogGone)
            && let Some(identity) = &*self.live.identity()
        {
            identity.forget();
        }
    }

    pub fn is_being_read(&self) -> bool {
        self.reading.load(Ordering::Acquire) > 0
    }

    pub fn rescue(&self) -> MutexGuard<'_, Rescue> {
        self.rescue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notices changes of the database.
pub struct Watcher {
    conn: Connection,
    seen: Option<i64>,
    live: Arc<LiveFile>,
}

impl Watcher {
    /// Whether the database was changed since the last call; the first call says yes.
    ///
    /// Errors: `Unavailable` when the file is not the one at its path any more; a new watcher sees the new one.
    pub fn changed(&mut self) -> Result<bool> {
        self.live.check()?;
        let version: i64 = self
            .conn
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))?;
        Ok(self.seen.replace(version) != Some(version))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}
