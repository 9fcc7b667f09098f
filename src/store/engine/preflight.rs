//! Looks at a database file before anything is opened: what is damaged, cut short or too new is named, and neither it
//! nor the database beside it is changed.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::migrate;
use crate::domain::{Code, Error, Result};
use crate::store::files::wal_ownership::{Header, beside};
use crate::store::sqlite::{failure, open};

/// What can be seen without SQLite, which would replay a log.
///
/// Errors: `Unavailable` when the file cannot be read, is no database, is cut short, or is gone while its log is there.
pub fn look_at_header(path: &Path) -> Result<()> {
    let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return if has_log { Err(missing(path)) } else { Ok(()) };
        }
        Err(cause) => return Err(open::not_writable(path, cause)),
    };
    let bytes = file.metadata().map_err(|cause| open::not_writable(path, cause))?.len();
    if bytes == 0 {
        // So it is made when a directory is new.
        return if has_log { Err(damaged(path, "it is empty, but its log is not")) } else { Ok(()) };
    }
    let header = Header::read(&file).map_err(|cause| damaged(path, &format!("it cannot be read: {cause}")))?;
    let Some(header) = header.filter(Header::is_sqlite) else {
        return Err(damaged(path, "it is not an SQLite database"));
    };
    // With a log beside it the file may be shorter than it says, until the log is replayed.
    if let (Some(pages), false) = (header.pages(), has_log)
        && bytes < u64::from(pages) * u64::from(header.page_bytes())
    {
        let whole = u64::from(pages) * u64::from(header.page_bytes());
        return Err(damaged(path, &format!("it is cut short, {bytes} of {whole} bytes are there")));
    }
    Ok(())
}

/// What SQLite says about it, without writing to it.
///
/// Errors: `Unavailable` when it is damaged or was written by a newer program.
pub fn look_inside(path: &Path, schema: &migrate::Schema) -> Result<()> {
    if fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(());
    }
    let conn = unchanging(path)?;
    let version: i64 = ask(&conn, path, "PRAGMA user_version")?;
    if version > schema.newest() {
        return Err(migrate::newer(path, version, schema.newest()));
    }
    let tables = "SELECT coalesce(group_concat(name, char(10)), '') FROM sqlite_schema WHERE type = 'table' \
                  AND sql NOT LIKE 'CREATE VIRTUAL%'";
    let tables: String = ask(&conn, path, tables)?;
    // Not all of it, that is for the integrity check: the first page of each table.
    for table in tables.lines() {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.replace('"', "\"\""));
        ask::<i64>(&conn, path, &sql)?;
    }
    Ok(())
}

/// Whether an empty file at `path` is one that lost its content: the other database knows somebody.
pub fn has_lost_its_content(path: &Path, other: &Path, table: &str) -> bool {
    let is_empty = fs::metadata(path).is_ok_and(|file| file.len() == 0);
    let is_served = || {
        let conn = unchanging(other)?;
        ask::<bool>(&conn, other, &format!("SELECT EXISTS (SELECT 1 FROM {table})"))
    };
    is_empty && fs::metadata(other).is_ok_and(|file| file.len() > 0) && is_served().unwrap_or(false)
}

pub fn emptied(path: &Path) -> Error {
    damaged(path, "it is empty, though there are accounts and conversations")
}

/// Without a log nothing has to be replayed, and SQLite is told that nothing changes, so that it makes no files.
fn unchanging(path: &Path) -> Result<Connection> {
    let has_log = beside(path, "-wal").exists();
    let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let name: String = path.to_string_lossy().chars().map(escaped).collect();
    let conn =
        Connection::open_with_flags(format!("file:{name}{}", if has_log { "" } else { "?immutable=1" }), read_only)
            .map_err(|cause| refused(path, cause))?;
    conn.busy_timeout(open::BUSY_TIMEOUT)?;
    Ok(conn)
}

fn escaped(c: char) -> String {
    match c {
        '%' | '?' | '#' => format!("%{:02x}", u32::from(c)),
        c => c.to_string(),
    }
}

fn ask<T: rusqlite::types::FromSql>(conn: &Connection, path: &Path, sql: &str) -> Result<T> {
    conn.query_row(sql, [], |row| row.get(0)).map_err(|cause| refused(path, cause))
}

fn refused(path: &Path, cause: rusqlite::Error) -> Error {
    let error = Error::from(cause);
    if error.code == Code::DATABASE_DAMAGED { damaged(path, &error.with_cause()) } else { error.named(path) }
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::unavailable(Code::DATABASE_DAMAGED, format!("cannot open {}: {what}", path.display())).hint(failure::DAMAGED)
}

fn missing(path: &Path) -> Error {
    Error::unavailable(
        "database_missing",
        format!("{} is missing, but its log {0}-wal is there, with words that nothing else has", path.display()),
    )
    .hint("put the file back, restore a backup with `portagent restore FILE`, or move the -wal file away")
}
