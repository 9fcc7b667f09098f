//! What is done to a database as a whole: measured, rebuilt, tuned.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::{Which, is_current, open_to_change, open_to_read};
use crate::domain::Result;
use crate::store::sqlite::header::{beside, bytes_of};
use crate::store::sqlite::rows;
use crate::store::tables::stored;

/// How long `VACUUM` waits for the writer. In between people are served.
const WRITER_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStats {
    pub name: String,
    pub rows: u64,
    /// Bytes of its pages and those of its indexes.
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    pub file: &'static str,
    pub bytes: u64,
    pub wal_bytes: u64,
    /// Bytes of pages that hold nothing at the moment.
    pub free_bytes: u64,
    pub page_bytes: u64,
    pub schema: i64,
    pub journal_mode: String,
    /// Whether free pages can be given back piece by piece.
    pub gives_back: bool,
    pub tables: Vec<TableStats>,
}

/// Measures it. Every page is read.
///
/// Errors: `NotFound`; `Unavailable` when it cannot be read.
pub fn stats(directory: &Path, which: Which) -> Result<Stats> {
    let path = which.path(directory);
    let conn = open_to_read(&path)?;
    let ask = |pragma: &str| rows::count(&conn, pragma, []);
    let page_bytes = ask("PRAGMA page_size")?;
    Ok(Stats {
        file: which.file(),
        bytes: bytes_of(&path),
        wal_bytes: bytes_of(&beside(&path, "-wal")),
        free_bytes: ask("PRAGMA freelist_count")? * page_bytes,
        page_bytes,
        schema: rows::value(&conn, "PRAGMA user_version", [])?,
        journal_mode: rows::value(&conn, "PRAGMA journal_mode", [])?,
        gives_back: ask("PRAGMA auto_vacuum")? != 0,
        tables: tables(&conn)?,
    })
}

fn tables(conn: &Connection) -> Result<Vec<TableStats>> {
    let sql = "SELECT s.tbl_name, sum(d.pgsize) FROM sqlite_schema AS s JOIN dbstat AS d ON d.name = s.name \
               WHERE d.aggregate = TRUE AND s.tbl_name NOT LIKE 'sqlite%' GROUP BY s.tbl_name ORDER BY 2 DESC, 1";
    let sizes: Vec<(String, i64)> = rows::all(conn, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let measured = sizes.into_iter().map(|(name, bytes)| {
        let rows = rows::count(conn, &format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\"")), [])?;
        Ok(TableStats { name, rows, bytes: bytes.unsigned_abs() })
    });
    measured.collect()
}

/// When a job last went well, in milliseconds since 1970.
///
/// Errors: `NotFound`; whatever the database says, also that it keeps no such notes yet.
pub fn last_ok(directory: &Path, job: &str) -> Result<Option<i64>> {
    let conn = open_to_read(&Which::Portagent.path(directory))?;
    rows::value(&conn, "SELECT max(lastOkAt) FROM jobs WHERE name = ?1", [job])
}

/// Bytes of a database's file and its log.
pub fn total(path: &Path) -> u64 {
    bytes_of(path) + bytes_of(&beside(path, "-wal"))
}

/// Rebuilds the file without gaps, with pages that can be given back piece by piece from then on. Beside a running
/// server it waits for the writer, and the writer for it.
///
/// Errors: `Unavailable` when others keep it busy, or it is damaged or the disk full: then all is as it was.
pub fn vacuum(directory: &Path, which: Which) -> Result<()> {
    let conn = open_to_change(&which.path(directory))?;
    conn.busy_timeout(WRITER_PATIENCE)?;
    conn.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")?;
    checkpoint(directory, which, &conn)
}

/// Lets SQLite renew its statistics where they grew old, counts anew what people have stored, and empties the log into
/// the file.
///
/// Errors: `Unavailable` when others keep it busy.
pub fn optimize(directory: &Path, which: Which) -> Result<()> {
    let conn = open_to_change(&which.path(directory))?;
    conn.execute_batch("PRAGMA optimize")?;
    if which == Which::Agentx && is_current(directory, which) {
        let transaction = rusqlite::Transaction::new_unchecked(&conn, rusqlite::TransactionBehavior::Immediate)?;
        stored::recount_all(&transaction)?;
        transaction.commit()?;
    }
    checkpoint(directory, which, &conn)
}

/// Litestream follows the log: what would cut it off is left to it.
fn checkpoint(directory: &Path, which: Which, conn: &Connection) -> Result<()> {
    let mode = if is_followed(directory, which, conn)? { "PASSIVE" } else { "TRUNCATE" };
    // A reader that takes its time is no failure: the log is emptied a little later then.
    Ok(conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))?)
}

/// Whether Litestream copies this database (its tables, or its directory beside the file).
pub(in crate::store) fn is_followed(directory: &Path, which: Which, conn: &Connection) -> Result<bool> {
    if directory.join("data").join(format!(".{}-litestream", which.file())).is_dir() {
        return Ok(true);
    }
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('_litestream_seq', '_litestream_lock')";
    rows::count(conn, sql, []).map(|count| count > 0)
}
