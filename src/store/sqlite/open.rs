//! Opens a database file the way every connection of ours is opened, and keeps the files private.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::header::beside;
use crate::domain::{Error, Result};
use crate::telemetry::metrics::catalog::BUSY_WAITS;

/// How long a statement waits for another program's lock.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
thread_local! {
    /// How long statements of this thread wait at the moment.
    static PATIENCE: Cell<Duration> = const { Cell::new(BUSY_TIMEOUT) };
}

/// Page cache in KiB: a connection needs little, and there are several.
const WRITER_CACHE_KIB: i64 = 1024;
const READER_CACHE_KIB: i64 = 256;
/// The WAL is cut back to this many bytes after a checkpoint.
const JOURNAL_SIZE_LIMIT_BYTES: i64 = 4 * 1024 * 1024;
const STATEMENTS_CACHED: usize = 32;
/// What stays as it is in the path of a URI.
const URI_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// A connection that writes, to a file whose content is not changed yet: it may turn out to be a newer program's.
pub fn writer(path: &Path) -> Result<Connection> {
    connect(path)
}

/// Sets up a writing connection whose file is ours.
pub fn prepare_writer(conn: &Connection) -> Result<()> {
    Ok(write_pragmas(conn)?)
}

/// Before the first table is made: deleted pages can then be given back piece by piece. Without effect later.
pub fn prepare_new(conn: &Connection) -> Result<()> {
    Ok(conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?)
}

fn write_pragmas(conn: &Connection) -> rusqlite::Result<()> {
    conn.pragma_update(None, "journal_mode", "WAL")?;
    // A person's words: a commit that was acknowledged survives a power cut.
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    conn.pragma_update(None, "journal_size_limit", JOURNAL_SIZE_LIMIT_BYTES)
}

pub fn reader(path: &Path) -> Result<Connection> {
    let conn = connect(path)?;
    let prepare = || -> rusqlite::Result<()> {
        conn.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        conn.pragma_update(None, "query_only", true)?;
        // The writer does that: it knows whether the file is still ours.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map(drop)
    };
    prepare().map_err(|cause| Error::from(cause).named(path))?;
    Ok(conn)
}

/// A connection that only reads and makes no file beside the database. `is_still`: nothing writes to it and it has no
/// log, so that SQLite takes no lock either (https://www.sqlite.org/uri.html, immutable).
pub fn read_only(path: &Path, is_still: bool) -> rusqlite::Result<Connection> {
    let name = percent_encode(path.as_os_str().as_bytes(), URI_PATH);
    let uri = format!("file:{name}{}", if is_still { "?immutable=1" } else { "" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    distrust(&conn).map(|()| conn)
}

fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let mut conn = Connection::open_with_flags(path, flags)?;
        conn.busy_handler(Some(wait_for_lock))?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        distrust(&conn).map(|()| conn)
    };
    open().map_err(|cause| Error::from(cause).named(path))
}

/// A database may come from elsewhere: what it brings along runs nothing. Our own triggers are for other programs, in
/// which foreign keys are off; here foreign keys do the same.
fn distrust(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false).map(drop)
}

/// What SQLite's own `busy_timeout` does, and counts how often another connection was in the way. `tries`: how often we have
/// waited for this lock already.
fn wait_for_lock(tries: i32) -> bool {
    if tries == 0 {
        BUSY_WAITS.inc();
    }
    let rest = rest_before(tries);
    let waited: u64 = (0..tries).map(rest_before).sum();
    if Duration::from_millis(waited + rest) > PATIENCE.get() {
        return false;
    }
    std::thread::sleep(Duration::from_millis(rest));
    true
}

/// Does `work`, in which a statement waits for a lock no longer than that.
pub fn with_patience<T>(most: Duration, work: impl FnOnce() -> T) -> T {
    let usual = PATIENCE.replace(most);
    let outcome = work();
    PATIENCE.set(usual);
    outcome
}

/// In milliseconds; short at first, as in SQLite's source (`sqliteDefaultBusyCallback`).
fn rest_before(tries: i32) -> u64 {
    const RESTS_MS: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];
    let at = usize::try_from(tries).unwrap_or(0).min(RESTS_MS.len() - 1);
    RESTS_MS[at]
}

/// Makes the directory, private, and tightens one that is open to others.
pub(crate) fn private_dir(path: &Path) -> Result<()> {
    make_private_dir(path)?;
    restrict(path, 0o700)
}

/// Makes the directory, private, where there is none.
pub fn make_private_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|cause| not_writable(path, cause))
}

/// Tightens a database file and SQLite's files beside it.
pub fn tighten(path: &Path) -> Result<()> {
    for file in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
        if file.exists() {
            restrict(&file, 0o600)?;
        }
    }
    Ok(())
}

/// An empty private file where none is, so that SQLite does not make one that others can read.
pub fn private_file(path: &Path) -> Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
        .map_err(|cause| not_writable(path, cause))
}

/// A new empty private file. Errors: `Unavailable`, also where something is there already.
pub fn new_private_file(path: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(drop)
        .map_err(|cause| Error::unavailable("cannot_write", format!("cannot write {}: {cause}", path.display())))
}

/// Tightens what is open to others, and says so.
pub fn restrict(path: &Path, mode: u32) -> Result<()> {
    let metadata = fs::metadata(path).map_err(|cause| not_writable(path, cause))?;
    let now = metadata.permissions().mode() & 0o777;
    if now & !mode == 0 {
        return Ok(());
    }
    let is_ours = rustix::process::geteuid().is_root() || metadata.uid() == rustix::process::geteuid().as_raw();
    match fs::set_permissions(path, fs::Permissions::from_mode(mode)) {
        Err(cause) if is_ours && cause.kind() == ErrorKind::PermissionDenied => keeps_no_modes(path),
        Err(cause) => return Err(not_writable(path, cause)),
        Ok(()) if fs::metadata(path).is_ok_and(|after| after.permissions().mode() & 0o777 & !mode != 0) => {
            keeps_no_modes(path)
        }
        Ok(()) => {
            log::warn!(target: "store", "{} was open to others (mode {now:03o}), set to {mode:03o}", path.display())
        }
    }
    Ok(())
}

/// FAT, exFAT and some network shares take a `chmod` and do nothing, or refuse it to the owner. Said once for all files.
fn keeps_no_modes(path: &Path) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        log::warn!(
            target: "store",
            "the file system of {} keeps no permissions (exFAT and FAT do not): other users of this machine can read the \
             data; put it on another file system, or mount this one for the service's user alone (umask=077)",
            path.display()
        );
    }
}

pub fn not_writable(path: &Path, cause: std::io::Error) -> Error {
    Error::unavailable("data_dir_not_writable", format!("cannot use {}: {cause}", path.display()))
        .hint("give the user that runs portagent this directory (chown), or name another with --data-dir")
}

impl Error {
    /// Names the file, unless the sentence does already.
    pub fn about(self, path: &Path) -> Self {
        if self.message.contains(&*path.to_string_lossy()) { self } else { self.named(path) }
    }

    /// Names the file in a sentence of ours.
    pub fn named(mut self, path: &Path) -> Self {
        self.message = format!("cannot open {}: {}", path.display(), self.with_cause()).into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_of_others_brings_along_runs_nothing() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("theirs.db");
        let theirs = "CREATE TABLE a (x); CREATE TABLE b (x); CREATE VIEW seen AS SELECT 1; \
                      CREATE TRIGGER planted AFTER INSERT ON a BEGIN INSERT INTO b VALUES (1); END";
        Connection::open(&path).and_then(|conn| conn.execute_batch(theirs)).expect("is made");
        let conn = writer(&path).expect("opens");
        conn.execute_batch("INSERT INTO a VALUES (1)").expect("is stored");
        let count: i64 = conn.query_row("SELECT count(*) FROM b", [], |row| row.get(0)).expect("counts");
        assert_eq!(count, 0, "the trigger did not run");
        let change = "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema";
        assert!(conn.execute_batch(change).is_err(), "the schema cannot be written past SQL");
        for conn in [conn, reader(&path).expect("opens"), read_only(&path, false).expect("opens")] {
            assert!(conn.prepare("SELECT * FROM seen").is_err(), "there are no views");
            let trusts: i64 = conn.pragma_query_value(None, "trusted_schema", |row| row.get(0)).expect("says");
            assert_eq!(trusts, 0);
        }
    }

    /// Files of /proc refuse a chmod to their owner, as those of exFAT do.
    #[test]
    fn a_file_system_without_permissions_is_no_failure() {
        let file = Path::new("/proc/self/status");
        assert!(restrict(file, 0o600).is_ok());
        assert_eq!(fs::metadata(file).expect("is there").permissions().mode() & 0o777, 0o444);
    }
}
