//! Looks at a database file before anything is opened: what is damaged, cut short or too new is named, and neither it
//! nor the database beside it is changed.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

use super::migrate;
use crate::domain::{Code, Error, Result};
use crate::store::sqlite::header::{Header, bytes_of, has_wal};
use crate::store::sqlite::{failure, open};

/// What can be seen without SQLite, which would replay a log.
///
/// Errors: `Unavailable` when the file cannot be read, is no database, is cut short, or is gone while its log is there.
pub fn look_at_header(path: &Path) -> Result<()> {
    let has_log = has_wal(path);
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
    if bytes_of(path) == 0 {
        return Ok(());
    }
    let conn = read_only(path)?;
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

/// Errors: `Unavailable` where the file is missing or empty although the other database has content (`table` is one of
/// its tables), so that no empty service begins beside it.
pub fn check_not_lost(path: &Path, other: &Path, table: &str) -> Result<()> {
    if bytes_of(path) > 0 || bytes_of(other) == 0 {
        return Ok(());
    }
    let has_content = || {
        let conn = read_only(other)?;
        // Portagent 1.9 made its files one by one.
        let is_ours = ask::<i64>(&conn, other, "PRAGMA user_version")? > 0;
        Ok::<_, Error>(
            (path.exists() || is_ours) && ask(&conn, other, &format!("SELECT EXISTS (SELECT 1 FROM {table})"))?,
        )
    };
    match has_content().unwrap_or(false) {
        false => Ok(()),
        true if path.exists() => Err(damaged(path, "it is empty, though there are accounts and conversations")),
        true => Err(Error::unavailable(
            "database_missing",
            format!("{} is missing, though {} has content", path.display(), other.display()),
        )
        .hint("put the file back or restore a backup; `portagent serve --new` begins without it")),
    }
}

/// Without a log nothing has to be replayed, and SQLite makes no files.
fn read_only(path: &Path) -> Result<Connection> {
    open::read_only(path, !has_wal(path)).map_err(|cause| refused(path, cause))
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
